//! `privyseal bench approve`: the rules alone, a request from the agent's call to the durable answer, and a queue of many that wait.

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use privyseal_core::command::{Command, Directory, Finish, Redeem, Reply, Submit};
use privyseal_core::decide::{Fresh, decide};
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::Principal;
use privyseal_core::event::execution::RunOutcome;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Channel, Draft, Event};
use privyseal_core::id::{ExecutionId, PrincipalId, RequestId};
use privyseal_core::refusal::Refusal;
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_engine::{Ask, Engine, PolicyFile};
use privyseal_ledger::limits;
use serde_json::json;

use super::{millis, new_engine, per_second, quantile};
use crate::command::init::register_person;
use crate::content::default_policy;
use crate::output;

const AGENTS: [usize; 3] = [1, 64, 512];

/// Runs all three.
pub(super) fn run(runtime: &tokio::runtime::Runtime, folder: &Path, time: Duration, pending: u64) -> anyhow::Result<()> {
    rules(time)?;
    let mut syncs = limits::sync_latencies(folder, 300)?;
    syncs.sort();
    let sync = quantile(&syncs, 500);
    output::data(&format!("limit: 4 KiB + fdatasync           p50 {:>9}   p99 {:>9}", millis(sync), millis(quantile(&syncs, 990))));
    let engine = runtime.block_on(new_engine(folder))?;
    runtime.block_on(furnish(&engine))?;
    for agents in AGENTS {
        let (mut latencies, elapsed) = runtime.block_on(straight_through(&engine, agents, time))?;
        latencies.sort();
        let (p50, p99) = (quantile(&latencies, 500), quantile(&latencies, 990));
        output::data(&format!(
            "ours:  {agents:>4} agents, straight through  {:>9.0} requests/s   p50 {:>9}   p99 {:>9}   p50 is {:.1} syncs",
            per_second(u64::try_from(latencies.len()).unwrap_or(0), elapsed),
            millis(p50),
            millis(p99),
            p50.as_secs_f64() / sync.as_secs_f64().max(1e-9)
        ));
    }
    runtime.block_on(waiting(&engine, pending))?;
    runtime.block_on(engine.close());
    drop(engine);
    pages(&folder.join("data"))
}

/// Requests decided and folded in memory, without policy, signatures and disk: what the rules themselves cost.
fn rules(time: Duration) -> anyhow::Result<()> {
    let now: Timestamp = "2026-07-01T09:00:00Z".parse()?;
    let mut alone = Alone { state: State::default(), now, number: 0 };
    let operator = Actor { id: "system".parse()?, kind: ActorKind::System, ..actor(0)? };
    alone.must(Command::Directory(Directory::Register(person("ana")?)), &operator)?;
    alone.must(Command::Directory(Directory::Register(agent(0)?)), &operator)?;
    alone.must(Command::Directory(assign("agent:bench-0", "requester")?), &operator)?;
    let who = actor(0)?;
    let submit: Submit = super::open::submit(1)?;
    let started = Instant::now();
    let mut commands = 0_u64;
    while started.elapsed() < time {
        for _ in 0..64 {
            let asked = Command::Submit(Box::new(Submit { idempotency_key: None, ..submit.clone() }));
            let Reply::Request { request, .. } = alone.must(asked, &who)? else { anyhow::bail!("nothing was asked") };
            let (grant, run_digest) = alone.grant_of(request)?;
            let redeem = Redeem { grant, run_digest, tool: None, host: None, artefacts: Vec::new(), audience: None };
            let Reply::Execution(execution) = alone.must(Command::Redeem(redeem), &who)? else { anyhow::bail!("nothing runs") };
            alone.must(finish(execution), &who)?;
            commands += 3;
            alone.now = alone.now.plus_seconds(1);
        }
    }
    let elapsed = started.elapsed();
    output::data(&format!(
        "ours:  decide + apply, one core     {:>9.0} commands/s   {commands} commands, 6 events per request",
        per_second(commands, elapsed)
    ));
    Ok(())
}

/// The rules with nothing around them.
struct Alone {
    state: State,
    now: Timestamp,
    number: u64,
}

impl Alone {
    fn must(&mut self, command: Command, actor: &Actor) -> anyhow::Result<Reply> {
        self.number += 1;
        let seed = self.number.to_be_bytes();
        let mut whole = [0; 32];
        whole.iter_mut().zip(seed).for_each(|(to, from)| *to = from);
        let mut fresh = Fresh::new(self.now, whole);
        let decision = decide(&self.state, &command, actor, self.now, &mut fresh);
        for Draft { actor, request_id, body } in decision.drafts {
            let (seq, id) = (self.state.next_seq, fresh.event_id());
            self.state.apply(&Event { seq, id, time: self.now, log: String::new(), prev: None, actor, request_id, body });
        }
        decision.result.map_err(|refusal: Refusal| anyhow::anyhow!("{refusal}"))
    }

    fn grant_of(&self, request: RequestId) -> anyhow::Result<(privyseal_core::id::GrantId, Digest)> {
        let request = self.state.request(&request).context("the request is gone")?;
        Ok((request.grant().context("no grant")?, request.submitted.action_digest))
    }
}

fn finish(execution: ExecutionId) -> Command {
    Command::Finish(Finish {
        execution,
        outcome: RunOutcome::Succeeded,
        exit_code: Some(0),
        output_sha256: None,
        output_bytes: None,
        occurred_at: None,
        incident: None,
        rollback_of: None,
    })
}

fn agent_id(number: usize) -> String {
    format!("agent:bench-{number}")
}

fn actor(number: usize) -> anyhow::Result<Actor> {
    let auth = Auth { method: AuthMethod::ApiKey, amr: Vec::new(), auth_time: None, session: None, credential: None };
    Ok(Actor { id: agent_id(number).parse()?, kind: ActorKind::Agent, channel: Channel::Api, auth })
}

fn person(id: &str) -> anyhow::Result<Principal> {
    Ok(Principal {
        principal: id.parse()?,
        kind: ActorKind::Human,
        name: id.into(),
        email: None,
        person: Some(id.parse()?),
        owner: None,
        parent: None,
        agent: None,
    })
}

fn agent(number: usize) -> anyhow::Result<Principal> {
    let owner: PrincipalId = "ana".parse()?;
    Ok(Principal { principal: agent_id(number).parse()?, kind: ActorKind::Agent, person: None, owner: Some(owner), ..person("ana")? })
}

fn assign(principal: &str, role: &str) -> anyhow::Result<Directory> {
    let (principal, role) = (principal.parse()?, role.parse()?);
    Ok(Directory::Assign { principal, role, valid_to: None, scope: Vec::new(), reason: "measured".to_owned() })
}

/// The built-in policy without its rate limits, which exist to refuse what is measured here; agents; somebody who looks at the queue.
pub(super) async fn furnish(engine: &Engine) -> anyhow::Result<()> {
    let files: Vec<PolicyFile> = default_policy()
        .into_iter()
        .map(|mut file| {
            let mut limits = false;
            let lines = file.text.lines().filter(|line| {
                limits = if line.starts_with('[') { *line == "[limits]" } else { limits };
                !limits
            });
            file.text = lines.map(|line| format!("{line}\n")).collect();
            file
        })
        .collect();
    engine.found_policy(files).await?;
    register_person(engine, &"admin".parse()?, "admin", &["admin", "approver", "group:engineering"]).await?;
    for number in 0..AGENTS.into_iter().max().unwrap_or(1) {
        engine.as_operator(Command::Directory(Directory::Register(agent(number)?))).await?;
        engine.as_operator(Command::Directory(assign(&agent_id(number), "requester")?)).await?;
    }
    Ok(())
}

fn ask(resource: &str, number: u64) -> anyhow::Result<Ask> {
    Ok(Ask {
        action: serde_json::from_value(json!({"action": "infra.restart", "resource": {"type": "k8s", "id": resource}}))?,
        justification: format!("OPS-{number} the pod does not answer its probe any more"),
        ticket: Some("OPS-1".to_owned()),
        on_behalf_of: None,
        executor: None,
        audience: None,
        batch: None,
        idempotency_key: None,
        previous_request: None,
        significant_change: Some(false),
        authors: Vec::new(),
        breakglass: false,
        attachments: Vec::new(),
    })
}

/// Each agent asks again when the last answer is on the disk.
pub(super) async fn straight_through(engine: &Engine, agents: usize, time: Duration) -> anyhow::Result<(Vec<Duration>, Duration)> {
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = (0..agents)
        .map(|agent| {
            let (engine, stop) = (engine.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut latencies, mut number) = (Vec::new(), 0);
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let (wanted, sent) = (ask("web/dev", number)?, Instant::now());
                    let answer = engine.ask(wanted, actor(agent)?).await?;
                    latencies.push(sent.elapsed());
                    let Reply::Request { request, .. } = answer else { anyhow::bail!("nothing was asked") };
                    let approved = engine.read(|state| state.request(&request).is_none_or(|request| request.grant().is_some()));
                    anyhow::ensure!(approved, "the request did not go straight through");
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.context("an agent failed")??);
    }
    Ok((all, started.elapsed()))
}

/// Fills the queue with requests that wait for a person.
async fn waiting(engine: &Engine, pending: u64) -> anyhow::Result<()> {
    let before = resident_kib();
    let started = Instant::now();
    let mut answers = Vec::new();
    for number in 0..pending {
        let mut seed = [0xA5; 32];
        seed.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        let agent = usize::try_from(number % 512).unwrap_or(0);
        answers.push(engine.queue_ask(ask("web/staging", number)?, actor(agent)?, seed)?);
        if answers.len() >= 4_096 {
            for answer in answers.drain(..) {
                answer.await?;
            }
        }
    }
    for answer in answers {
        answer.await?;
    }
    let waits = engine.read(|state| state.request_deadlines.len());
    let kib = resident_kib().saturating_sub(before);
    output::data(&format!(
        "ours:  {waits} requests wait      asked at {:>9.0} /s   {} KiB of memory each, in three states (decided, committed, snapshot)",
        per_second(pending, started.elapsed()),
        kib / u64::try_from(waits.max(1)).unwrap_or(1)
    ));
    Ok(())
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The queue as an approver sees it, by a server of its own on the same folder.
fn pages(data: &Path) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let mut server =
        Process::new(&program).arg("--data").arg(data).args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::null()).spawn()?;
    let measured = look(&program, data);
    let _ = server.kill();
    let _ = server.wait();
    measured
}

fn look(program: &Path, data: &Path) -> anyhow::Result<()> {
    let file = data.join("server.json");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !file.is_file() {
        anyhow::ensure!(Instant::now() < deadline, "the server does not start");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let link = Process::new(program).arg("--data").arg(data).args(["people", "link", "admin"]).output()?;
    anyhow::ensure!(link.status.success(), "no sign-in link: {}", String::from_utf8_lossy(&link.stderr));
    let link = String::from_utf8(link.stdout)?.trim().to_owned();
    let (url, token) = link.split_once("/sign-in/link?token=").context("not a sign-in link")?;
    let browser: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let mut shown = browser.get(&link).call()?;
    let visit = cookie(&shown, "privyseal-visit").context("no cookie before the sign-in")?;
    let page = shown.body_mut().read_to_string()?;
    let csrf = page.split_once("<meta name=\"csrf\" content=\"").and_then(|(_, rest)| rest.split('"').next()).context("no token")?;
    let signed_in = browser
        .post(format!("{url}/sign-in/link"))
        .header("cookie", format!("privyseal-visit={visit}"))
        .send_form([("csrf", csrf), ("token", token)])?;
    let session = cookie(&signed_in, "privyseal").context("not signed in")?;
    for (what, path) in [("the queue page", "/"), ("the same over the API", "/v1/requests?state=pending")] {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..20 {
            let started = Instant::now();
            let mut answer = browser.get(format!("{url}{path}")).header("cookie", format!("privyseal={session}")).call()?;
            anyhow::ensure!(answer.status() == 200, "{path} answers {}", answer.status());
            bytes = answer.body_mut().with_config().limit(1 << 28).read_to_vec()?.len();
            times.push(started.elapsed());
        }
        times.sort();
        output::data(&format!(
            "ours:  {what:<28} p50 {:>9}   p99 {:>9}   {bytes} bytes",
            millis(quantile(&times, 500)),
            millis(quantile(&times, 990))
        ));
    }
    Ok(())
}

fn cookie(answer: &ureq::http::Response<ureq::Body>, name: &str) -> Option<String> {
    let set = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let mut pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}
