//! The agent that keeps asking while the portal is open, so that the queue moves.

use std::time::Duration;

use privyseal_core::command::{Command, Finish, Redeem, Reply};
use privyseal_core::event::execution::RunOutcome;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Channel};
use privyseal_core::id::RequestId;
use privyseal_core::request::RequestState;
use privyseal_engine::Engine;

use super::random::Random;
use super::script;

/// How many requests wait at most; more would only bury the person who looks.
const MAX_PENDING: usize = 12;
/// How many are there when the portal opens.
const FIRST: usize = 5;
const PAUSE: Duration = Duration::from_secs(25);

/// Asks, and runs what was sealed, until it is told to stop.
pub(super) async fn keep_asking(engine: Engine, seed: u64) {
    let mut random = Random::new(seed ^ 0x6c69_7665);
    let mut mine: Vec<RequestId> = Vec::new();
    loop {
        let waiting = pending(&engine);
        if waiting < MAX_PENDING {
            ask_until_one_waits(&engine, &mut random, &mut mine).await;
        }
        run_what_was_sealed(&engine, &mut mine).await;
        if waiting >= FIRST {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn pending(engine: &Engine) -> usize {
    engine.read(|state| state.request_deadlines.len())
}

fn agent(who: &str) -> Option<Actor> {
    let auth = Auth {
        method: AuthMethod::ApiKey,
        amr: Vec::new(),
        auth_time: None,
        session: None,
        credential: format!("key-{}", who.trim_start_matches("agent:")).parse().ok(),
    };
    Some(Actor { id: who.parse().ok()?, kind: ActorKind::Agent, channel: Channel::Api, auth })
}

/// What goes straight through is of no interest to a person who looks at the queue.
async fn ask_until_one_waits(engine: &Engine, random: &mut Random, mine: &mut Vec<RequestId>) {
    for _ in 0..12 {
        let Some(story) = script::next(random).filter(|story| story.who.starts_with("agent:")) else { continue };
        let Some(actor) = agent(story.who) else { continue };
        match engine.ask(story.ask, actor).await {
            Ok(Reply::Request { request, .. }) => {
                mine.push(request);
                if engine.read(|state| state.request(&request).is_some_and(|request| request.state() == RequestState::Pending)) {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) => tracing::info!(agent.refused = %error, "the live agent was refused"),
        }
    }
}

async fn run_what_was_sealed(engine: &Engine, mine: &mut Vec<RequestId>) {
    let mut left = Vec::new();
    for request in std::mem::take(mine) {
        let known = engine.read(|state| {
            let found = state.request(&request)?;
            Some((found.state(), found.grant(), found.submitted.action_digest, found.submitted.requester.principal.to_string()))
        });
        match known {
            Some((RequestState::Pending, ..)) => left.push(request),
            Some((RequestState::Approved, Some(grant), run_digest, who)) => {
                let Some(actor) = agent(&who) else { continue };
                let redeem = Redeem {
                    grant,
                    run_digest,
                    tool: Some("halden-runner/7.1".to_owned()),
                    host: Some("runner-3".to_owned()),
                    artefacts: Vec::new(),
                    audience: None,
                };
                if let Ok(Reply::Execution(execution)) = engine.execute(Command::Redeem(redeem), actor.clone()).await {
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
                    if let Err(error) = engine.execute(Command::Finish(finish), actor).await {
                        tracing::warn!(agent.error = %error, "the live agent could not report");
                    }
                }
            }
            _ => {}
        }
    }
    *mine = left;
}
