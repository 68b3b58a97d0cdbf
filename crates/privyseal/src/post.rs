//! The HTTP client for witnesses and timestamping authorities.

use std::time::Duration;

use privyseal_core::port::{Post, Posted};
use privyseal_core::witness::MAX_BYTES;

/// Longest time for one whole exchange.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A client that keeps its connections.
pub(crate) struct HttpPost {
    agent: ureq::Agent,
}

impl HttpPost {
    /// A new client.
    pub(crate) fn new() -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("privyseal/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent }
    }
}

impl Post for HttpPost {
    fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Posted, String> {
        let failed = |error: ureq::Error| format!("{url}: {error}");
        let mut response = self.agent.post(url).header("content-type", content_type).send(body).map_err(failed)?;
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(failed)?;
        Ok(Posted { status: response.status().as_u16(), content_type, body })
    }
}
