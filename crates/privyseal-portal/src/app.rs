//! What every handler is given: the engine, the reads, the settings.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use privyseal_core::catalog::Catalogs;
use privyseal_core::port::{Analytics, Packs, QueryLimits};
use privyseal_engine::{Attempts, Desk, Engine, Secret};

use crate::beginning::Beginning;
use crate::challenge::Challenges;
use crate::findings::Runs;
use crate::shelf::Shelf;

/// Settings of the portal.
pub struct Options {
    /// Address that people and agents use, without a trailing slash, for example `http://localhost:8420`.
    pub public_url: String,
    /// Longest life of a session, in minutes.
    pub session_minutes: u32,
    /// Lets the operator at the machine seal a running instance; kept in a file that only the owner of the folder can read.
    pub operator_token: Secret,
    /// Limits on SQL.
    pub limits: QueryLimits,
    /// Whether everybody may read the log's entries, as `/tile/entries/…`; otherwise auditors and administrators.
    pub public_entries: bool,
}

/// What the portal stands on.
pub struct Services {
    /// The engine.
    pub engine: Engine,
    /// SQL and control tests.
    pub analytics: Arc<dyn Analytics>,
    /// The builder of packs.
    pub packs: Arc<dyn Packs>,
    /// The control catalogs.
    pub catalogs: Arc<Catalogs>,
}

pub(crate) struct Inner {
    pub(crate) services: Services,
    pub(crate) options: Options,
    desk: Desk,
    pub(crate) challenges: Challenges,
    /// Refused sign-ins that may still be recorded.
    pub(crate) attempts: Attempts,
    pub(crate) shelf: Shelf,
    /// What control tests found lately.
    pub(crate) runs: Runs,
    /// How the log began; it never changes.
    pub(crate) beginning: OnceLock<Beginning>,
    calls: AtomicU64,
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(pub(crate) Arc<Inner>);

impl App {
    pub(crate) fn new(services: Services, options: Options) -> Self {
        let shelf = Shelf::new(services.engine.layout().root().join("packs"));
        let desk = Desk::new(services.engine.clone(), Arc::clone(&services.analytics), options.limits);
        Self(Arc::new(Inner {
            services,
            desk,
            options,
            challenges: Challenges::default(),
            attempts: Attempts::default(),
            shelf,
            runs: Runs::default(),
            beginning: OnceLock::new(),
            calls: AtomicU64::new(0),
        }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.services.engine
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn analytics(&self) -> &Arc<dyn Analytics> {
        &self.0.services.analytics
    }

    /// The way to SQL.
    pub(crate) fn desk(&self) -> &Desk {
        &self.0.desk
    }

    pub(crate) fn catalogs(&self) -> &Catalogs {
        &self.0.services.catalogs
    }

    /// A name for the next HTTP request, to be found in the log: when it came, and which one it was.
    pub(crate) fn call_id(&self) -> String {
        let number = self.0.calls.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{number:x}", self.engine().now().micros())
    }

    /// Address of a page.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.options.public_url)
    }

    /// Whether the portal is reached over TLS, as far as people see it.
    pub(crate) fn is_https(&self) -> bool {
        self.0.options.public_url.starts_with("https://")
    }

    /// The relying party of passkeys: the host of the public address.
    pub(crate) fn rp_id(&self) -> &str {
        let rest = self.0.options.public_url.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(host, _)| host)
    }
}
