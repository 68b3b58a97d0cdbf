//! `privyseal bench`: this machine's figures beside its physical limits, measured in the same run. No figure is written in by hand.

mod approve;
mod open;
mod policy;
mod postgres;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use privyseal_analytics::{Engine as SqlEngine, Options as SqlOptions};
use privyseal_core::command::{Command, Directory};
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Channel};
use privyseal_core::hidden::HidePolicy;
use privyseal_core::id::PrincipalId;
use privyseal_core::note::NodeKey;
use privyseal_core::port::{Analytics as _, QueryLimits, Question};
use privyseal_engine::{Anchors, Engine, Options, OsEntropy, SystemClock};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::{limits, measure};

use super::init::register_person;
use crate::cli::Bench;
use crate::content::Embedded;
use crate::context::Context;
use crate::{local, output};

const ORIGIN: &str = "bench.localhost/privyseal/bench";
/// Bytes of a typical signed entry; what the bare insert writes.
const ENTRY_BYTES: usize = 512;
const WRITERS: [usize; 5] = [1, 8, 64, 256, 1_024];

/// Runs `bench`. Files are made in the working folder, because that is the disk that is asked about, and removed afterwards.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn run(context: &Context, verb: &Bench) -> anyhow::Result<ExitCode> {
    let folder =
        tempfile::Builder::new().prefix("privyseal-bench-").tempdir_in(".").context("a folder for the measurement cannot be made here")?;
    let runtime = local::runtime()?;
    match verb {
        Bench::Append { seconds } => append(&runtime, folder.path(), Duration::from_secs(*seconds))?,
        Bench::Approve { seconds, pending } => approve::run(&runtime, folder.path(), Duration::from_secs(*seconds), *pending)?,
        Bench::Open { folder: Some(data), .. } => open::once(data)?,
        Bench::Open { events, folder: None } => open::open(&runtime, folder.path(), *events)?,
        Bench::Policy { seconds } => policy::run(Duration::from_secs(*seconds))?,
        Bench::Postgres { seconds, database: Some(url), .. } => postgres::run(&runtime, folder.path(), url, Duration::from_secs(*seconds))?,
        Bench::Postgres { seconds, join: Some(data), .. } => {
            postgres::join(&runtime, data, context.config.database.database()?, Duration::from_secs(*seconds))?;
        }
        Bench::Postgres { .. } => anyhow::bail!("name an empty PostgreSQL database with --database postgres://host/name"),
        Bench::Verify { events } => verify(&runtime, folder.path(), *events)?,
        Bench::Seal { events } => seal(&runtime, folder.path(), *events)?,
        Bench::Sql { events } => sql(&runtime, folder.path(), *events)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn options(folder: &Path) -> Options {
    Options {
        layout: Layout::new(folder.join("data")),
        clock: Arc::<SystemClock>::default(),
        entropy: Arc::new(OsEntropy),
        node: "bench".to_owned(),
        heartbeat_seconds: 86_400,
        anchors: Anchors::default(),
        // What is measured are role assignments, in which nothing is personal; whatever else is made for them is not timed.
        hide: HidePolicy::nothing(),
        advisor: None,
    }
}

async fn new_engine(folder: &Path) -> anyhow::Result<Engine> {
    new_engine_at(&options(folder)).await
}

async fn new_engine_at(options: &Options) -> anyhow::Result<Engine> {
    let engine = privyseal_engine::create(options, ORIGIN)?;
    register_person(&engine, &"ana".parse()?, "Ana", &[]).await?;
    Ok(engine)
}

/// One signed event.
fn signed_event(number: u64) -> anyhow::Result<Command> {
    let role = format!("group:bench-{}", number % 512).parse()?;
    Ok(Command::Directory(Directory::Assign {
        principal: "ana".parse()?,
        role,
        valid_to: None,
        scope: Vec::new(),
        reason: "measured".to_owned(),
    }))
}

fn quantile(sorted: &[Duration], per_mille: usize) -> Duration {
    let index = sorted.len().saturating_sub(1) * per_mille / 1_000;
    sorted.get(index).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}

#[expect(clippy::cast_precision_loss, reason = "three digits are all that is printed")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

fn append(runtime: &tokio::runtime::Runtime, folder: &Path, time: Duration) -> anyhow::Result<()> {
    let mut syncs = limits::sync_latencies(folder, 300)?;
    syncs.sort();
    output::data(&format!(
        "limit: 4 KiB + fdatasync           p50 {:>9}   p99 {:>9}",
        millis(quantile(&syncs, 500)),
        millis(quantile(&syncs, 990))
    ));
    output::data(&format!("limit: one core signs               {:>9.0} /s", raw_signatures()?));
    for group in [1, 64, 512] {
        let rate = limits::bare_inserts_per_second(folder, ENTRY_BYTES, group, time.min(Duration::from_secs(2)))?;
        output::data(&format!("peer:  bare SQLite, groups of {group:<4}  {rate:>9.0} rows/s of {ENTRY_BYTES} bytes"));
    }
    let engine = runtime.block_on(new_engine(folder))?;
    for writers in WRITERS {
        let (mut latencies, elapsed) = runtime.block_on(closed_loop(&engine, writers, time))?;
        latencies.sort();
        let count = u64::try_from(latencies.len()).unwrap_or(0);
        output::data(&format!(
            "ours:  {writers:>4} writers, each waits     {:>9.0} durable signed events/s   p50 {:>9}   p99 {:>9}",
            per_second(count, elapsed),
            millis(quantile(&latencies, 500)),
            millis(quantile(&latencies, 990))
        ));
    }
    runtime.block_on(engine.close());
    Ok(())
}

/// Each writer sends its next command only when the last one is on the disk.
async fn closed_loop(engine: &Engine, writers: usize, time: Duration) -> anyhow::Result<(Vec<Duration>, Duration)> {
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (engine, stop) = (engine.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                let mut number = u64::try_from(writer).unwrap_or(0);
                while !stop.load(Ordering::Relaxed) {
                    let sent = Instant::now();
                    engine.as_operator(signed_event(number)?).await?;
                    latencies.push(sent.elapsed());
                    number += 7;
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.context("a writer failed")??);
    }
    Ok((all, started.elapsed()))
}

fn raw_signatures() -> anyhow::Result<f64> {
    let key = NodeKey::from_seed(ORIGIN, &[5; 32])?;
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < Duration::from_millis(700) {
        std::hint::black_box(key.sign(&count.to_be_bytes()));
        count += 1;
    }
    Ok(per_second(count, started.elapsed()))
}

/// A ledger of about this many events, half of them signed, sealed.
async fn fill(folder: &Path, events: u64) -> anyhow::Result<()> {
    let engine = new_engine(folder).await?;
    let mut answers = Vec::new();
    for number in 0..events {
        let queued = if number % 2 == 0 { signed_event(number)? } else { heartbeat() };
        let actor = at_machine(&"ana".parse()?);
        let actor = privyseal_core::event::Actor { kind: privyseal_core::event::ActorKind::System, id: "system".parse()?, ..actor };
        answers.push(engine.queue(queued, actor)?);
        if answers.len() >= 4_096 {
            for answer in answers.drain(..) {
                answer.await?;
            }
        }
    }
    for answer in answers {
        answer.await?;
    }
    engine.seal().await?;
    engine.close().await;
    Ok(())
}

fn heartbeat() -> Command {
    use privyseal_core::event::Body;
    use privyseal_core::event::watch::Heartbeat;
    Command::Record(Box::new(Body::Heartbeat(Heartbeat { node: "bench".to_owned(), interval_seconds: 60, canaries: Vec::new() })))
}

fn verify(runtime: &tokio::runtime::Runtime, folder: &Path, events: u64) -> anyhow::Result<()> {
    runtime.block_on(fill(folder, events))?;
    let layout = Layout::new(folder.join("data"));
    measure::verify(&layout, &mut |line| output::data(line)).map_err(anyhow::Error::msg)?;
    measure::proof(&layout, &mut |line| output::data(line)).map_err(anyhow::Error::msg)
}

fn seal(runtime: &tokio::runtime::Runtime, folder: &Path, events: u64) -> anyhow::Result<()> {
    runtime.block_on(fill(folder, events))?;
    measure::seal(&Layout::new(folder.join("data")), folder, &mut |line| output::data(line)).map_err(anyhow::Error::msg)
}

fn sql(runtime: &tokio::runtime::Runtime, folder: &Path, events: u64) -> anyhow::Result<()> {
    runtime.block_on(fill(folder, events))?;
    let layout = Layout::new(folder.join("data"));
    let started = Instant::now();
    let bytes = read_all(&layout.below_ledger("events"))?;
    output::data(&format!("limit: read the segments            {:>9}   {bytes} bytes", millis(started.elapsed())));
    output::data(&format!("peer:  SQLite, count by kind        {:>9}", millis(limits::sqlite_group_count(&layout.log())?)));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let engine = SqlEngine::open(SqlOptions {
        layout,
        content: Arc::new(Embedded),
        memory_bytes: 1 << 30,
        spill_bytes: 0,
        scratch: folder.to_owned(),
        threads,
    })?;
    for statement in [
        "SELECT kind, count(*) FROM events GROUP BY kind",
        "SELECT actor_id, max(time) FROM events GROUP BY actor_id",
        "SELECT role, count(*) FROM roles GROUP BY role ORDER BY 2 DESC LIMIT 10",
    ] {
        let limits = QueryLimits::default();
        let started = Instant::now();
        runtime.block_on(engine.query(&Question::new(statement), limits))?;
        let first = started.elapsed();
        let started = Instant::now();
        runtime.block_on(engine.query(&Question::new(statement), limits))?;
        output::data(&format!("ours:  first {:>9}, again {:>9}   {statement}", millis(first), millis(started.elapsed())));
    }
    Ok(())
}

fn read_all(folder: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        total +=
            if path.is_dir() { read_all(&path)? } else { u64::try_from(std::hint::black_box(std::fs::read(&path)?).len()).unwrap_or(0) };
    }
    Ok(total)
}

/// A person acting with the data folder in hand.
fn at_machine(principal: &PrincipalId) -> Actor {
    let auth = Auth { method: AuthMethod::Local, amr: Vec::new(), auth_time: None, session: None, credential: None };
    Actor { id: principal.clone(), kind: ActorKind::Human, channel: Channel::Cli, auth }
}
