//! SQL beside a queue that is at work: how soon what was answered is visible, and what hostile statements cost those who approve.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use privyseal_analytics::Engine as SqlEngine;
use privyseal_core::port::{Analytics as _, QueryLimits, Question};
use privyseal_engine::{Engine, Options};
use privyseal_ledger::layout::Layout;
use serde_json::json;

use super::sql_engine;
use crate::command::bench::{approve, millis, new_engine, quantile, signed_event};
use crate::output;

const MEMORY_MIB: u64 = 1_024;
/// Events whose way into SQL is measured.
const EVENTS: u64 = 200;
/// Statements that never end, at once.
const HOSTILE: usize = 10;
/// Agents that ask meanwhile, each again when it has its answer.
const AGENTS: usize = 8;
/// When each is stopped; then it begins again.
const STOPPED_AFTER_MS: u64 = 5_000;
/// What somebody runs who wants to keep every core busy.
const CROSS_JOIN: &str = "SELECT count(*) FROM events a, events b, events c WHERE a.seq + b.seq > c.seq";

/// Measures over a new ledger, and over the one in `folder`, which grows by that.
pub(super) fn run(runtime: &tokio::runtime::Runtime, scratch: &Path, folder: Option<&PathBuf>, time: Duration) -> anyhow::Result<()> {
    if let Some(folder) = folder {
        let started = Instant::now();
        let engine = privyseal_engine::open(&Options { layout: Layout::new(folder), ..crate::command::bench::options(folder) })?;
        output::note(&format!("opened {} in {:.1} s", folder.display(), started.elapsed().as_secs_f64()));
        let sql = sql_engine(folder, MEMORY_MIB)?;
        let measured = runtime.block_on(visible(&engine, &sql, "in that ledger"));
        runtime.block_on(engine.close());
        measured?;
    }
    let engine = runtime.block_on(new_engine(scratch))?;
    runtime.block_on(approve::furnish(&engine))?;
    let sql = Arc::new(sql_engine(&scratch.join("data"), MEMORY_MIB)?);
    runtime.block_on(visible(&engine, &sql, "in a new ledger"))?;
    runtime.block_on(hostile(&engine, &sql, time))?;
    runtime.block_on(engine.close());
    Ok(())
}

/// From the moment at which the answer left the engine until a statement gave the row.
async fn visible(engine: &Engine, sql: &SqlEngine, place: &str) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for number in 0..EVENTS {
        engine.as_operator(signed_event(number)?).await?;
        let answered = Instant::now();
        let seq = engine.read(|state| state.next_seq).saturating_sub(1);
        let statement = format!("SELECT kind FROM events WHERE seq = {seq}");
        while sql.query(&Question::new(statement.as_str()), QueryLimits::default()).await?.rows != [[json!("role.assigned")]] {
            anyhow::ensure!(answered.elapsed() < Duration::from_secs(10), "entry {seq} does not become visible");
        }
        times.push(answered.elapsed());
    }
    times.sort();
    output::data(&format!(
        "ours:  from the answer to the row in SQL, {place:<16} p50 {:>9}   p99 {:>9}   (bar: 50 ms)",
        millis(quantile(&times, 500)),
        millis(quantile(&times, 990))
    ));
    Ok(())
}

/// Requests that go straight through, with and without statements that want every core.
async fn hostile(engine: &Engine, sql: &Arc<SqlEngine>, time: Duration) -> anyhow::Result<()> {
    let quiet = approvals(engine, "while SQL is idle", time).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = (0..HOSTILE)
        .map(|asker| {
            let (sql, stop) = (Arc::clone(sql), Arc::clone(&stop));
            // Ten people: one alone is held back by having few turns.
            let question = Question { asker: asker.to_string(), ..Question::new(CROSS_JOIN) };
            tokio::spawn(async move {
                let limits = QueryLimits { timeout_ms: STOPPED_AFTER_MS, ..QueryLimits::default() };
                let mut ended = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    // It can only be stopped by its limits.
                    ended += u32::from(sql.query(&question, limits).await.is_err());
                }
                ended
            })
        })
        .collect();
    let busy = approvals(engine, "under ten cross joins", time).await;
    stop.store(true, Ordering::Relaxed);
    let mut ended = 0;
    for task in tasks {
        ended += task.await?;
    }
    output::data(&format!(
        "       p99 is {:.1} times as long; {ended} cross joins were stopped in {:.0} s",
        busy?.as_secs_f64() / quiet.as_secs_f64().max(1e-9),
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// The p99 of requests that are asked, decided and approved durably.
async fn approvals(engine: &Engine, when: &str, time: Duration) -> anyhow::Result<Duration> {
    let (mut times, elapsed) = approve::straight_through(engine, AGENTS, time).await?;
    times.sort();
    let p99 = quantile(&times, 990);
    output::data(&format!(
        "ours:  {AGENTS} agents, straight through, {when:<22} {:>7.0} requests/s   p50 {:>9}   p99 {:>9}",
        crate::command::bench::per_second(u64::try_from(times.len()).unwrap_or(0), elapsed),
        millis(quantile(&times, 500)),
        millis(p99)
    ));
    Ok(p99)
}
