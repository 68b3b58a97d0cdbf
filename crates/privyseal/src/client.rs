//! Talking to a server over HTTP: finding it, proving who we are, understanding its refusals.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli;

/// What a running server leaves in its data folder, readable by its owner only.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    /// Its address.
    pub(crate) url: String,
    /// Lets whoever can read this file do what the operator at the machine may.
    pub(crate) token: String,
}

/// Path of that file.
#[must_use]
pub(crate) fn server_file(data: &Path) -> PathBuf {
    data.join("server.json")
}

/// Path of the API key of this machine's command line.
#[must_use]
pub(crate) fn key_file(data: &Path) -> PathBuf {
    data.join("keys").join("cli.key")
}

/// A connection to a server, as somebody.
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    secret: String,
}

/// What a server said no with (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Problem {
    /// Stable code.
    #[serde(default)]
    pub(crate) code: String,
    /// One sentence.
    #[serde(default)]
    pub(crate) detail: String,
}

/// How a call ended without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The server said no.
    #[error("{}", problem.detail)]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said.
        problem: Problem,
    },
    /// The server could not be reached, or its answer was not understood. Trying again may help.
    #[error("the server at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
}

impl Client {
    /// A client as the options and the data folder say.
    ///
    /// # Errors
    /// When no server or no key can be found.
    pub(crate) fn new(options: &cli::Client, data: &Path) -> anyhow::Result<Self> {
        let url = match &options.server {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => running(data)?.url,
        };
        let path = options.key.clone().unwrap_or_else(|| key_file(data));
        let secret = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the API key {}: name one with --key, or run `privyseal init`", path.display()))?;
        Ok(Self::with_secret(&url, secret.trim()))
    }

    /// A client of the server that runs on a data folder, as the operator at the machine. `None` when no server runs there.
    ///
    /// # Errors
    /// When the server's file cannot be understood.
    pub(crate) fn operator(data: &Path) -> anyhow::Result<Self> {
        let file = running(data)?;
        Ok(Self::with_secret(&file.url, &file.token))
    }

    fn with_secret(url: &str, secret: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .user_agent(concat!("privyseal/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent, url: url.to_owned(), secret: secret.to_owned() }
    }

    /// Reads.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub(crate) fn get(&self, path: &str) -> Result<Value, CallError> {
        self.answer(self.agent.get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {}", self.secret)).call())
    }

    /// Sends.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub(crate) fn post(&self, path: &str, body: &Value, idempotency_key: Option<&str>) -> Result<Value, CallError> {
        let mut request = self.agent.post(format!("{}{path}", self.url)).header("authorization", format!("Bearer {}", self.secret));
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        self.answer(request.send_json(body))
    }

    fn answer(&self, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, CallError> {
        let unreachable = |reason: String| CallError::Unreachable { url: self.url.clone(), reason };
        let mut response = response.map_err(|error| unreachable(error.to_string()))?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().map_err(|error| unreachable(error.to_string()))?;
        if (200..300).contains(&status) {
            return serde_json::from_str(if text.is_empty() { "null" } else { &text })
                .map_err(|error| unreachable(format!("its answer is not JSON: {error}")));
        }
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) if !problem.detail.is_empty() => Err(CallError::Refused { status, problem }),
            _ => Err(unreachable(format!("it answered {status} without a reason"))),
        }
    }
}

fn running(data: &Path) -> anyhow::Result<ServerFile> {
    let path = server_file(data);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("no server runs on {}: start one with `privyseal serve`, or name one with --server", data.display())
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    serde_json::from_str(&text).with_context(|| format!("{} is damaged: restart the server", path.display()))
}
