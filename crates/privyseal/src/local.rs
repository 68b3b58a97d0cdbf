//! Opening what is local: engine options, SQL over the data folder, a runtime.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use privyseal_analytics::{Engine as SqlEngine, Options as SqlOptions};
use privyseal_core::port::{Advisor, QueryLimits};
use privyseal_core::tlog_policy::Policy;
use privyseal_engine::{Anchors, Engine, OpenError, Options, OsEntropy, SystemClock, WitnessOptions};
use privyseal_ledger::stamp::Stamper;
use privyseal_ledger::store::Store;
use privyseal_ledger::timestamp::Authority;

use crate::advisor::HttpAdvisor;
use crate::config::Config;
use crate::content::Embedded;
use crate::context::Context;
use crate::post::HttpPost;

/// The runtime of one command.
///
/// # Errors
/// When the operating system gives no threads.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads can be started")
}

/// Engine options for the data folder of this command, with the real clock and real randomness.
///
/// # Errors
/// When the witness policy or the advisor's key cannot be read.
pub(crate) fn engine_options(context: &Context) -> anyhow::Result<Options> {
    let witness = &context.config.witness;
    let witnesses = if witness.policy.is_empty() {
        None
    } else {
        let policy = witness_policy(Path::new(&witness.policy))?;
        Some(WitnessOptions { policy, required: witness.required, post: Arc::new(HttpPost::new()) })
    };
    Ok(Options {
        layout: context.layout(),
        clock: Arc::<SystemClock>::default(),
        entropy: Arc::new(OsEntropy),
        node: context.config.server.node.clone(),
        heartbeat_seconds: context.config.server.heartbeat_seconds,
        anchors: Anchors { witnesses },
        hide: context.config.hide.policy(),
        advisor: HttpAdvisor::configured(&context.config.advisor)?.map(|advisor| Arc::new(advisor) as Arc<dyn Advisor>),
    })
}

/// Reads a witness policy (C2SP tlog-policy).
///
/// # Errors
/// When the file cannot be read, or a line of it is not in the form of the spec.
pub(crate) fn witness_policy(file: &Path) -> anyhow::Result<Policy> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the witness policy {}", file.display()))?;
    Policy::parse(&text).with_context(|| file.display().to_string())
}

/// Reads the certificates of a timestamping authority.
///
/// # Errors
/// When the file cannot be read or holds none.
pub(crate) fn timestamp_authority(file: &Path) -> anyhow::Result<Authority> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Authority::from_pem(&text).with_context(|| file.display().to_string())
}

/// Whoever asks for timestamps, when that is configured.
///
/// # Errors
/// When the authority's certificates cannot be read.
pub(crate) fn stamper(context: &Context) -> anyhow::Result<Option<Stamper>> {
    let config = &context.config.timestamp;
    if config.url.is_empty() {
        return Ok(None);
    }
    Ok(Some(Stamper {
        layout: context.layout(),
        url: config.url.clone(),
        authority: timestamp_authority(Path::new(&config.ca))?,
        every_seconds: i64::from(config.every_minutes) * 60,
        post: Arc::new(HttpPost::new()),
    }))
}

/// The engine of the data folder of this command; none when a server has it.
///
/// # Errors
/// When the folder cannot be opened for another reason.
pub(crate) fn engine(context: &Context) -> anyhow::Result<Option<(tokio::runtime::Runtime, Engine)>> {
    let (runtime, options) = (runtime()?, engine_options(context)?);
    match runtime.block_on(async { privyseal_engine::open(&options) }) {
        Ok(engine) => Ok(Some((runtime, engine))),
        Err(OpenError::Locked { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// SQL over the data folder of this command.
///
/// # Errors
/// When there is no readable log.
pub(crate) fn sql_engine(context: &Context) -> anyhow::Result<SqlEngine> {
    let layout = context.layout();
    if !Store::of(&layout).exists()? {
        anyhow::bail!("there is no Privyseal instance in {}: name one with --data, or run `privyseal init`", context.data.display());
    }
    SqlEngine::open(sql_options(context)).with_context(|| format!("the audit data in {} cannot be opened", context.data.display()))
}

/// Options of SQL over a data folder.
#[must_use]
pub(crate) fn sql_options(context: &Context) -> SqlOptions {
    let memory_bytes = usize::try_from(context.config.sql.memory_mib.saturating_mul(1024 * 1024)).unwrap_or(usize::MAX);
    // Not in the data folder: verbs that read never write there, and what runs beside a server must not meet its files.
    let (spill_bytes, scratch) = (context.config.sql.spill_mib.saturating_mul(1024 * 1024), std::env::temp_dir());
    SqlOptions { layout: context.layout(), content: Arc::new(Embedded), memory_bytes, spill_bytes, scratch, threads: threads() }
}

/// Limits of one statement.
#[must_use]
pub(crate) fn query_limits(config: &Config) -> QueryLimits {
    QueryLimits {
        max_rows: config.sql.max_rows,
        max_file_rows: config.sql.max_file_rows,
        max_bytes: config.sql.max_mib.saturating_mul(1024 * 1024),
        timeout_ms: config.sql.timeout_seconds.saturating_mul(1_000),
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
