//! `privyseal bench open`: how long it takes to open a ledger of many requests, and how much memory it then takes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use privyseal_core::assessment::{Assessment, Assurance, Outcome, PolicyRef, Tier};
use privyseal_core::command::{Assessed, Command, Finish, Named, RateLimits, Redeem, Reply, Submit};
use privyseal_core::digest::Digest;
use privyseal_core::event::execution::RunOutcome;
use privyseal_core::requirement::Requirement;
use privyseal_core::state::State;
use privyseal_engine::{Engine, Options, SeededEntropy, SimulatedClock};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::snapshot;
use serde_json::json;

use super::{ORIGIN, at_machine, millis, per_second};
use crate::command::init::register_person;
use crate::output;

/// Requests in flight at once.
const ROUND: u64 = 512;
/// Seconds that one round takes by the simulated clock: ten million events are then a year of a busy company.
const ROUND_SECONDS: i64 = 9_600;

/// Makes a ledger of requests that were asked, run and finished, and opens it in three ways, each in a process of its own.
pub(super) fn open(runtime: &tokio::runtime::Runtime, folder: &Path, events: u64) -> anyhow::Result<()> {
    let data = folder.join("data");
    let layout = Layout::new(&data);
    let clock = Arc::new(SimulatedClock::new("2026-01-01T00:00:00Z".parse()?));
    let options = Options {
        layout: layout.clone(),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(7)),
        node: "bench".to_owned(),
        heartbeat_seconds: 3_600,
        anchors: privyseal_engine::Anchors::default(),
        hide: privyseal_core::hidden::HidePolicy::nothing(),
        advisor: None,
    };
    let started = Instant::now();
    let engine = privyseal_engine::create(&options, ORIGIN)?;
    runtime.block_on(register_person(&engine, &"ana".parse()?, "Ana", &["requester"]))?;
    let written = runtime.block_on(fill(&engine, &clock, events.saturating_sub(50_000)))?;
    runtime.block_on(engine.close());
    let before: BTreeMap<_, _> =
        snapshot::list(&layout)?.into_iter().map(|(_, path)| std::fs::read(&path).map(|bytes| (path, bytes))).collect::<Result<_, _>>()?;
    let engine = privyseal_engine::open(&options)?;
    let written = runtime.block_on(fill(&engine, &clock, events))?.max(written);
    let (in_state, _) = engine.read(|state: &State| (state.requests.len(), state.next_seq));
    runtime.block_on(engine.close());
    let made = started.elapsed();
    output::data(&format!(
        "made:  {written} events, {} bytes, {in_state} requests in the state   {:>9.0} events/s",
        std::fs::metadata(layout.log())?.len(),
        per_second(written, made)
    ));
    let (size, newest) = snapshot::list(&layout)?.into_iter().next().context("there is no snapshot")?;
    output::data(&format!("ours:  the snapshot at {size} has {} bytes", std::fs::metadata(&newest)?.len()));
    reopen("after a clean close", &data)?;
    for (_, path) in snapshot::list(&layout)? {
        std::fs::remove_file(path)?;
    }
    for (path, bytes) in before {
        std::fs::write(path, bytes)?;
    }
    reopen("with a tail of 50,000 entries", &data)?;
    std::fs::remove_dir_all(layout.cache())?;
    reopen("without a snapshot (the limit)", &data)
}

fn reopen(how: &str, data: &Path) -> anyhow::Result<()> {
    let output = Process::new(std::env::current_exe()?).args(["bench", "open", "--folder"]).arg(data).output()?;
    anyhow::ensure!(output.status.success(), "the ledger cannot be opened: {}", String::from_utf8_lossy(&output.stderr));
    output::data(&format!("ours:  open {how:<32} {}", String::from_utf8_lossy(&output.stdout).trim()));
    Ok(())
}

/// Opens a data folder and says how long it took until commands are taken, and what the process holds then.
pub(super) fn once(data: &Path) -> anyhow::Result<()> {
    let options = Options { layout: Layout::new(data), ..super::options(data) };
    let started = Instant::now();
    let engine = privyseal_engine::open(&options)?;
    let took = started.elapsed();
    output::data(&format!("{:>11}   {} resident", millis(took), resident()));
    // Never dropped: its writer would leave a snapshot in the folder that is measured.
    std::mem::forget(engine);
    Ok(())
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or("unknown memory".to_owned(), |line| line.trim().to_owned())
}

/// Rounds of requests until the log has `events` entries.
async fn fill(engine: &Engine, clock: &SimulatedClock, events: u64) -> anyhow::Result<u64> {
    let actor = || -> anyhow::Result<_> { Ok(at_machine(&"ana".parse()?)) };
    let mut number = engine.read(|state| state.next_seq);
    loop {
        let size = engine.read(|state| state.next_seq);
        if size >= events {
            return Ok(size);
        }
        clock.advance_to(engine.now().plus_seconds(ROUND_SECONDS));
        let mut asked = Vec::new();
        for _ in 0..ROUND {
            number += 1;
            asked.push(engine.queue(Command::Submit(Box::new(submit(number)?)), actor()?)?);
        }
        let mut redeemed = Vec::new();
        for answer in asked {
            let Reply::Request { request, .. } = answer.await? else { anyhow::bail!("a request was not asked") };
            let granted = engine.known(Named::Request(request)).context("a request is gone")?;
            let grant = granted.grant().context("a request was not granted")?;
            let run_digest = granted.submitted.action_digest;
            let redeem = Redeem { grant, run_digest, tool: Some("bench/1".to_owned()), host: None, artefacts: Vec::new(), audience: None };
            redeemed.push(engine.queue(Command::Redeem(redeem), actor()?)?);
        }
        let mut finished = Vec::new();
        for answer in redeemed {
            let Reply::Execution(execution) = answer.await? else { anyhow::bail!("a run did not start") };
            let finish = Finish {
                execution,
                outcome: RunOutcome::Succeeded,
                exit_code: Some(0),
                output_sha256: None,
                output_bytes: None,
                occurred_at: None,
                incident: None,
                rollback_of: None,
            };
            finished.push(engine.queue(Command::Finish(finish), actor()?)?);
        }
        for answer in finished {
            answer.await?;
        }
    }
}

/// A request that policy lets through, as one of many like it.
pub(super) fn submit(number: u64) -> anyhow::Result<Submit> {
    let requirement: Requirement = "none".parse()?;
    let assessment = Assessment {
        outcome: Outcome::Route,
        risk: 20,
        tier: Tier::Low,
        factors: Vec::new(),
        facts: BTreeMap::new(),
        missing: Vec::new(),
        policy: PolicyRef { version: 1, digest: Digest::of(b"policy") },
        determining: Vec::new(),
        persons_required: 0,
        human_required: false,
        requirement,
        assurance: Assurance::Session,
        deny_threshold: 1,
        expires_seconds: 1_800,
        grant_seconds: 600,
        uses: 1,
        run_seconds: None,
        remind_seconds: None,
        escalation: None,
        advice: None,
        roster_rule: "at-last-review".to_owned(),
        evaluator: "bench".to_owned(),
    };
    let resource = json!({"type": "postgres", "id": format!("orders/{}", number % 5_000)});
    Ok(Submit {
        action: serde_json::from_value(json!({"action": "db.query.run", "resource": resource, "parameters": {"rows": number}}))?,
        deceptive: Vec::new(),
        hidden_repeats: 0,
        justification: format!("ORD-{number} look at what the nightly job left"),
        ticket: None,
        on_behalf_of: None,
        executor: None,
        audience: None,
        batch: None,
        idempotency_key: Some(format!("bench-{number}")),
        previous_request: None,
        significant_change: None,
        authors: Vec::new(),
        breakglass: false,
        assessed: Assessed {
            assessment,
            environment: Some("production".to_owned()),
            data_class: None,
            change_class: "data".to_owned(),
            reversibility: "reversible".to_owned(),
            in_place: None,
            catalogue_digest: Digest::of(b"catalogue"),
            breakglass_seconds: 900,
            breakglass_review_seconds: 86_400,
            limits: RateLimits::default(),
        },
    })
}
