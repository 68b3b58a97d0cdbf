//! The client of an outside advisor: one question by HTTP, one short answer, within a short time. Everything else is a failure in words,
//! and a failure changes nothing about a request.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use privyseal_core::port::{Advisor, Counsel};
use serde::Deserialize;
use serde_json::Value;

use crate::config;

/// Longer answers are not read.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

/// An advisor behind a URL.
pub(crate) struct HttpAdvisor {
    agent: ureq::Agent,
    url: String,
    name: String,
    /// Proves to the advisor who asks.
    key: Option<String>,
    timeout_ms: u64,
}

impl HttpAdvisor {
    /// The configured one; none when none is.
    ///
    /// # Errors
    /// When the file with its key cannot be read.
    pub(crate) fn configured(config: &config::Advisor) -> anyhow::Result<Option<Self>> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).with_context(|| format!("cannot read advisor.key_file {path}"));
        let key = (!config.key_file.is_empty()).then(|| read(&config.key_file)).transpose()?.map(|key| key.trim().to_owned());
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_millis(config.timeout_ms)))
            .user_agent(concat!("privyseal/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Some(Self { agent, url: config.url.clone(), name: host(&config.url).to_owned(), key, timeout_ms: config.timeout_ms }))
    }

    fn in_words(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => format!("no answer within {} ms", self.timeout_ms),
            ureq::Error::BodyExceedsLimit(_) => format!("its answer is longer than {MAX_ANSWER_BYTES} bytes"),
            ureq::Error::TooManyRedirects => "it redirects, which is not followed".to_owned(),
            other => format!("it cannot be reached: {other}"),
        }
    }
}

/// Host and port: what is recorded. The rest of the address may hold a secret.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    points: u8,
    because: String,
}

impl Advisor for HttpAdvisor {
    fn name(&self) -> &str {
        &self.name
    }

    fn advise(&self, question: &Value) -> Result<Counsel, String> {
        let mut request = self.agent.post(&self.url);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut response = request.send_json(question).map_err(|error| self.in_words(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(format!("it answered {status}"));
        }
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(|error| self.in_words(&error))?;
        let answer: Option<Answer> = serde_json::from_slice(&body).ok().filter(|answer: &Answer| answer.points <= 100);
        let answer = answer.ok_or("its answer is not {\"points\": 0 to 100, \"because\": text}")?;
        Ok(Counsel { points: answer.points, because: answer.because })
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn only_host_and_port_are_recorded() {
        for (url, expected) in [
            ("https://advisor.example/v1?key=secret", "advisor.example"),
            ("http://name:secret@127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://[::1]:9000/x", "[::1]:9000"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
