//! `privyseal bench postgres`: two processes that share a log in PostgreSQL, beside the same inserts without a ledger.

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use privyseal_engine::{Engine, Options};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::postgres::{Database, limits};
use privyseal_ledger::verify::{Verdict, verify_folder};

use super::{ENTRY_BYTES, closed_loop, millis, new_engine_at, options, per_second, quantile};
use crate::output;

/// Clients in all; half of them ask each process.
const CLIENTS: usize = 32;
const ROUNDS: usize = 3;

/// Measures both in turns, so that both meet the same disk.
pub(super) fn run(runtime: &tokio::runtime::Runtime, folder: &Path, url: &str, time: Duration) -> anyhow::Result<()> {
    let database = Database::parse(url).map_err(|reason| anyhow::anyhow!("--database: {reason}"))?;
    let here = Options { layout: Layout::new(folder.join("data")).with_database(Some(database.clone())), ..options(folder) };
    let engine = runtime.block_on(new_engine_at(&here))?;
    let there = folder.join("other");
    std::fs::create_dir_all(there.join("keys"))?;
    std::fs::copy(here.layout.key(), Layout::new(&there).key())?;
    let measured = (0..ROUNDS).try_for_each(|round| {
        let peer = limits::inserts_per_second(&database, CLIENTS, ENTRY_BYTES, time)?;
        let ours = both(runtime, &engine, &there, url, time)?;
        output::data(&format!(
            "round {}  peer: {CLIENTS} connections insert {peer:>7.0} rows/s of {ENTRY_BYTES} bytes   ours: {CLIENTS} clients over two processes \
             {ours:>7.0} durable signed events/s   {:.2}",
            round + 1,
            ours / peer
        ));
        anyhow::Ok(())
    });
    runtime.block_on(engine.close());
    measured?;
    let report = verify_folder(&here.layout, None, &mut |_, _| {});
    output::data(&format!("the ledger of {} entries is {}", report.entries, report.verdict));
    if report.verdict == Verdict::Tampered {
        bail!("the measured ledger does not verify");
    }
    Ok(())
}

/// The rate of both processes together.
fn both(runtime: &tokio::runtime::Runtime, engine: &Engine, there: &Path, url: &str, time: Duration) -> anyhow::Result<f64> {
    let program = std::env::current_exe().context("this program cannot be found")?;
    let mut other = Process::new(program)
        .args(["bench", "postgres", "--seconds", &time.as_secs().to_string(), "--join"])
        .arg(there)
        .env("PRIVYSEAL_DATABASE_URL", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the second process cannot be started")?;
    let mut lines = std::io::BufReader::new(other.stdout.take().context("the second process says nothing")?).lines();
    let mut said = || lines.next().context("the second process ended")?.context("the second process cannot be read");
    // It is ready when its log is open, and begins when it is told to.
    said()?;
    other.stdin.take().context("the second process does not listen")?.write_all(b"go\n")?;
    let (mut latencies, elapsed) = runtime.block_on(closed_loop(engine, CLIENTS / 2, time))?;
    let theirs: f64 = said()?.trim().parse().context("the second process gave no rate")?;
    other.wait()?;
    latencies.sort();
    output::note(&format!("p50 {}, p99 {}", millis(quantile(&latencies, 500)), millis(quantile(&latencies, 990))));
    Ok(per_second(u64::try_from(latencies.len()).unwrap_or(0), elapsed) + theirs)
}

/// The second process: joins, says that it is ready, waits for a line, measures, says its rate.
pub(super) fn join(runtime: &tokio::runtime::Runtime, folder: &Path, database: Option<Database>, time: Duration) -> anyhow::Result<()> {
    let layout = Layout::new(folder).with_database(database);
    let engine = runtime.block_on(async { privyseal_engine::open(&Options { layout, node: "other".to_owned(), ..options(folder) }) })?;
    output::data("ready");
    std::io::stdin().lock().read_line(&mut String::new())?;
    let (latencies, elapsed) = runtime.block_on(closed_loop(&engine, CLIENTS / 2, time))?;
    output::data(&format!("{:.1}", per_second(u64::try_from(latencies.len()).unwrap_or(0), elapsed)));
    runtime.block_on(engine.close());
    Ok(())
}
