//! The quarter: a queue of steps in simulated time, each carried out through the engine's own commands.

use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use indicatif::ProgressBar;
use privyseal_core::command::{Command, Directory, Finish, GiveUp, JudgeBreakglass, Redeem, Reply, Review, ReviewAccess, Withdraw};
use privyseal_core::decide::Fresh;
use privyseal_core::digest::Digest;
use privyseal_core::event::execution::{Artefact, BreakglassOutcome, RunOutcome};
use privyseal_core::event::request::{ReviewStatement, Verdict};
use privyseal_core::event::watch::{LogReviewRecorded, NotificationDelivered};
use privyseal_core::event::{Actor, Body, Event};
use privyseal_core::id::{ExecutionId, GrantId, RequestId};
use privyseal_core::request::RequestState;
use privyseal_core::time::Timestamp;
use privyseal_core::webauthn;
use privyseal_engine::{Cursor, Engine, EngineError, Entropy, SeededEntropy, SimulatedClock};
use privyseal_ledger::blob;
use privyseal_ledger::store::Store;

use super::company::{Company, direct, note};
use super::random::Random;
use super::script::{self, Story};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// Answers awaited together at most.
const MAX_WAITING: usize = 256;

/// What to replay.
pub(super) struct Span {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) requests: u32,
    pub(super) seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    requests: usize,
    states: BTreeMap<&'static str, usize>,
    refused: BTreeMap<String, usize>,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: Vec<String>| counts.join(", ");
        write!(f, "{} requests ({})", self.requests, list(self.states.iter().map(|(state, count)| format!("{count} {state}")).collect()))?;
        write!(f, "; refused: {}", list(self.refused.iter().map(|(code, count)| format!("{count} {code}")).collect()))
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Ask,
    Emergency,
    /// Decide what becomes of a request that waits for people.
    Plan(RequestId),
    Review {
        request: RequestId,
        who: String,
        verdict: Verdict,
        comment: &'static str,
    },
    Withdraw {
        request: RequestId,
    },
    /// Tell other people of an emergency.
    Tell {
        request: RequestId,
    },
    Redeem {
        request: RequestId,
        changed: bool,
    },
    Replay {
        request: RequestId,
    },
    Finish {
        request: RequestId,
        execution: ExecutionId,
    },
    GiveUp {
        request: RequestId,
        execution: ExecutionId,
    },
    Judge {
        grant: GrantId,
    },
    Tick,
    LogReview,
    AccessReview,
    Leaver,
    Policy,
}

/// Steps in order of time; of two at the same time, the one that was planned first.
struct Planned {
    at: Timestamp,
    order: u64,
    step: Step,
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Planned {}

type Answer = Pin<Box<dyn Future<Output = Result<Reply, EngineError>> + Send>>;

struct Replay<'a> {
    engine: &'a Engine,
    ids: Arc<SeededEntropy>,
    company: &'a Company,
    random: Random,
    steps: BinaryHeap<Planned>,
    order: u64,
    end: Timestamp,
    waiting: Vec<Answer>,
    counts: Counts,
}

/// Replays the quarter.
pub(super) async fn replay(
    engine: &Engine,
    clock: &SimulatedClock,
    ids: Arc<SeededEntropy>,
    company: &Company,
    span: Span,
    bar: &ProgressBar,
) -> anyhow::Result<Counts> {
    let mut replay = Replay {
        engine,
        ids,
        company,
        random: Random::new(span.seed),
        steps: BinaryHeap::new(),
        order: 0,
        end: span.end,
        waiting: Vec::new(),
        counts: Counts::default(),
    };
    replay.plan_quarter(&span);
    while let Some(planned) = replay.steps.pop() {
        if planned.at >= span.end.plus_seconds(DAY) {
            break;
        }
        clock.advance_to(planned.at);
        bar.set_message(planned.at.date());
        if matches!(planned.step, Step::Ask) {
            bar.inc(1);
        }
        replay.carry_out(planned.step, planned.at).await?;
        if replay.waiting.len() >= MAX_WAITING {
            replay.settle().await?;
        }
    }
    replay.settle().await?;
    replay.count()?;
    Ok(replay.counts)
}

impl Replay<'_> {
    fn plan(&mut self, at: Timestamp, step: Step) {
        self.order += 1;
        self.steps.push(Planned { at, order: self.order, step });
    }

    fn after(&mut self, now: Timestamp, low: i64, high: i64, step: Step) {
        let seconds = self.random.between(low, high);
        self.plan(now.plus_seconds(seconds), step);
    }

    /// Asks fall mostly into working hours; reviews of access and logs come round, one person leaves, the policy changes once.
    fn plan_quarter(&mut self, span: &Span) {
        let days = span.end.seconds_since(span.start) / DAY;
        for hour in 0..days * 24 + 1 {
            self.plan(span.start.plus_seconds(hour * HOUR + 30), Step::Tick);
        }
        for _ in 0..span.requests {
            let day = self.random.between(0, days - 1);
            let working = self.random.chance(86.0);
            let second = if working { self.random.between(7 * HOUR, 18 * HOUR - 1) } else { self.random.between(0, DAY - 1) };
            self.plan(span.start.plus_seconds(day * DAY + second + 60), Step::Ask);
        }
        for _ in 0..(span.requests / 260).max(3) {
            let second = self.random.between(DAY, (days - 4) * DAY);
            self.plan(span.start.plus_seconds(second), Step::Emergency);
        }
        for week in 1..=days / 7 {
            self.plan(span.start.plus_seconds(week * 7 * DAY + 9 * HOUR), Step::LogReview);
        }
        self.plan(span.start.plus_seconds(30 * DAY + 10 * HOUR), Step::AccessReview);
        self.plan(span.start.plus_seconds(44 * DAY + 11 * HOUR), Step::Policy);
        self.plan(span.start.plus_seconds(61 * DAY + 16 * HOUR), Step::Leaver);
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        for answer in std::mem::take(&mut self.waiting) {
            match answer.await {
                Ok(_) => {}
                // Refusals belong to the story; a full disk or a dead writer does not.
                Err(EngineError::Refused(refusal)) => *self.counts.refused.entry(refusal.code.to_string()).or_default() += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn queue(&mut self, command: Command, actor: Actor) -> anyhow::Result<()> {
        let answer = self.engine.queue(command, actor)?;
        self.waiting.push(Box::pin(answer));
        Ok(())
    }

    async fn carry_out(&mut self, step: Step, now: Timestamp) -> anyhow::Result<()> {
        match step {
            Step::Ask => {
                if let Some(story) = script::next(&mut self.random) {
                    self.ask(story, now)?;
                }
            }
            Step::Emergency => {
                if let Some(story) = script::emergency(&mut self.random) {
                    self.ask(story, now)?;
                }
            }
            Step::Plan(request) => self.plan_request(request, now).await?,
            Step::Review { request, who, verdict, comment } => self.review(request, &who, verdict, comment, now).await?,
            Step::Withdraw { request } => {
                if let Some(requester) = self.requester(request) {
                    let actor = self.company.actor(&requester, now)?;
                    self.queue(Command::Withdraw(Withdraw { request, comment: Some("not needed any more".to_owned()) }), actor)?;
                }
            }
            Step::Redeem { request, changed } => self.redeem(request, changed, now).await?,
            Step::Replay { request } => {
                self.redeem_command(request, false, now)?;
            }
            Step::Finish { request, execution } => self.finish(request, execution, now)?,
            Step::GiveUp { request, execution } => {
                if let Some(requester) = self.requester(request) {
                    let actor = self.company.actor(&requester, now)?;
                    self.queue(Command::GiveUp(GiveUp { execution, reason: "the runner's machine was lost".to_owned() }), actor)?;
                }
            }
            Step::Judge { grant } => {
                let judge = JudgeBreakglass {
                    grant,
                    outcome: if self.random.chance(85.0) { BreakglassOutcome::Justified } else { BreakglassOutcome::Unjustified },
                    comment: "read the incident, talked to the person on duty".to_owned(),
                    signed: None,
                };
                let actor = self.company.actor("jonas", now)?;
                self.queue(Command::JudgeBreakglass(judge), actor)?;
            }
            Step::Tell { request } => self.tell(request).await?,
            Step::Tick => {
                let answer = self.engine.as_system(Command::Expire).await;
                answer?;
            }
            Step::LogReview => {
                let review = LogReviewRecorded {
                    start: now.plus_seconds(-7 * DAY - 9 * HOUR),
                    end: now.plus_seconds(-9 * HOUR),
                    reviewer: "jonas".parse()?,
                    comment: "nothing unusual".into(),
                };
                let actor = self.company.actor("jonas", now)?;
                self.queue(Command::Record(Box::new(Body::LogReviewRecorded(review))), actor)?;
            }
            Step::AccessReview => self.review_access(now)?,
            Step::Leaver => {
                let reason = "left the company".to_owned();
                direct(self.engine, Directory::Switch { principal: "hugo".parse()?, enabled: false, reason }).await?;
            }
            Step::Policy => self.ask_for_policy(now)?,
        }
        Ok(())
    }

    fn ask(&mut self, story: Story, now: Timestamp) -> anyhow::Result<()> {
        for attachment in &story.ask.attachments {
            blob::put(self.engine.layout(), &attachment.bytes)?;
        }
        let seed = self.ids.seed().map_err(anyhow::Error::msg)?;
        let request = Fresh::request_id(now, seed);
        let actor = self.company.actor(story.who, now)?;
        let answer = self.engine.queue_ask(story.ask, actor, seed)?;
        self.waiting.push(Box::pin(answer));
        self.after(now, 20, 90, Step::Plan(request));
        Ok(())
    }

    fn requester(&self, request: RequestId) -> Option<String> {
        self.engine.read(|state| state.request(&request).map(|request| request.submitted.requester.principal.to_string()))
    }

    /// What becomes of a request: straight through, sealed, denied, withdrawn, or left to expire; now and then somebody tries what they may not.
    async fn plan_request(&mut self, request: RequestId, now: Timestamp) -> anyhow::Result<()> {
        self.settle().await?;
        let known = self.engine.read(|state| {
            let found = state.request(&request)?;
            let emergency = found.granted().filter(|grant| grant.emergency.is_some()).map(|grant| grant.issued.grant_id);
            let submitted = &found.submitted;
            let eligible: Vec<String> = Company::people()
                .filter_map(|who| state.candidate(&who.parse().ok()?, now))
                .filter(|candidate| submitted.assessment.requirement.mentions(candidate) && !submitted.subjects.contains(&candidate.person))
                .map(|candidate| candidate.principal.to_string())
                .collect();
            let owner = submitted.requester.owner.as_ref().map_or(submitted.requester.principal.to_string(), ToString::to_string);
            Some((found.state(), emergency, eligible, owner, submitted.assessment.requirement.clone(), submitted.expires_at))
        });
        // A request that policy did not even let be asked for an account that is gone is not there.
        let Some((state, emergency, eligible, owner, requirement, expires_at)) = known else { return Ok(()) };
        if state == RequestState::Approved {
            let changed = self.random.chance(0.6);
            self.after(now, 5, 4 * MINUTE, Step::Redeem { request, changed });
            if let Some(grant) = emergency {
                if self.random.chance(85.0) {
                    self.after(now, MINUTE, 6 * MINUTE, Step::Tell { request });
                }
                if self.random.chance(80.0) {
                    self.after(now, 5 * HOUR, 40 * HOUR, Step::Judge { grant });
                }
            }
            return Ok(());
        }
        if state != RequestState::Pending {
            return Ok(());
        }
        let fate = *self.random.weighted(&[(83, "seal"), (7, "deny"), (6, "expire"), (4, "withdraw")]).unwrap_or(&"seal");
        let open = expires_at.seconds_since(now).max(HOUR / 2);
        if self.random.chance(2.2) {
            // The owner of the agent, or the requester, tries to approve: refused, and the attempt is on record.
            self.after(now, 30, 5 * MINUTE, Step::Review { request, who: owner, verdict: Verdict::Approve, comment: "looks fine to me" });
        }
        match fate {
            "withdraw" => self.after(now, MINUTE, open / 3, Step::Withdraw { request }),
            "expire" => {}
            "deny" => {
                if let Some(who) = self.random.pick(&eligible).cloned() {
                    self.after(
                        now,
                        2 * MINUTE,
                        open / 2,
                        Step::Review { request, who, verdict: Verdict::Deny, comment: "not like this: see the ticket" },
                    );
                }
            }
            _ => self.plan_seals(request, &requirement, &eligible, now, open),
        }
        Ok(())
    }

    /// Eligible people look one after the other until the requirement would be filled.
    fn plan_seals(
        &mut self,
        request: RequestId,
        requirement: &privyseal_core::requirement::Requirement,
        eligible: &[String],
        now: Timestamp,
        open: i64,
    ) {
        let mut pool: Vec<String> = eligible.to_vec();
        let mut chosen = Vec::new();
        let filled = |chosen: &[String]| {
            self.engine.read(|state| {
                let candidates: Vec<_> = chosen.iter().filter_map(|who| state.candidate(&who.parse().ok()?, now)).collect();
                requirement.fill(&candidates).is_some()
            })
        };
        while !pool.is_empty() && !filled(&chosen) {
            let index = usize::try_from(self.random.between(0, i64::try_from(pool.len()).unwrap_or(1) - 1)).unwrap_or(0);
            chosen.push(pool.swap_remove(index));
        }
        let mut at = now;
        for who in chosen {
            let wait = self.random.between(40, (open / 5).max(60));
            at = at.plus_seconds(wait);
            self.plan(at, Step::Review { request, who, verdict: Verdict::Approve, comment: "" });
        }
        self.after(at, 2, 5 * MINUTE, Step::Redeem { request, changed: false });
    }

    async fn review(
        &mut self,
        request: RequestId,
        who: &str,
        verdict: Verdict,
        comment: &'static str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.settle().await?;
        let shown = self.engine.read(|state| {
            let submitted = &state.request(&request)?.submitted;
            Some((state.log.clone(), submitted.action_digest, submitted.assessment.policy.digest, state.request(&request)?.submitted_at))
        });
        let Some((log, action_digest, policy_digest, submitted_at)) = shown else { return Ok(()) };
        let actor = self.company.actor(who, now)?;
        let looked = self.random.between(6, 240);
        let shown_at = now.plus_seconds(-looked).max(submitted_at);
        let comment = comment.to_owned();
        let statement = ReviewStatement {
            log,
            request_id: request,
            action_digest,
            verdict,
            policy_digest,
            comment_digest: Digest::of(comment.as_bytes()),
            shown_at,
            reviewer: actor.id.clone(),
        };
        let challenge = webauthn::review_challenge(&statement)?;
        let assertion = self.company.passkey(who)?.sign(challenge.as_bytes());
        let review = Review {
            request,
            verdict,
            comment,
            shown_digest: action_digest,
            shown_at,
            policy_digest,
            signed: Some((statement, assertion)),
        };
        self.queue(Command::Review(Box::new(review)), actor)
    }

    fn redeem_command(&mut self, request: RequestId, changed: bool, now: Timestamp) -> anyhow::Result<bool> {
        let known = self.engine.read(|state| {
            let found = state.request(&request)?;
            let artefacts: Vec<Artefact> =
                found.submitted.action.inputs.iter().map(|input| Artefact { name: input.name.clone(), sha256: input.sha256 }).collect();
            Some((found.grant()?, found.submitted.action_digest, found.submitted.requester.principal.to_string(), artefacts))
        });
        let Some((grant, digest, requester, artefacts)) = known else { return Ok(false) };
        let run_digest = if changed { Digest::of(b"the file was edited after approval") } else { digest };
        let actor = self.company.actor(&requester, now)?;
        let redeem = Redeem {
            grant,
            run_digest,
            tool: Some("halden-runner/7.1".to_owned()),
            host: Some("runner-3".to_owned()),
            artefacts,
            audience: None,
        };
        self.queue(Command::Redeem(redeem), actor)?;
        Ok(true)
    }

    async fn redeem(&mut self, request: RequestId, changed: bool, now: Timestamp) -> anyhow::Result<()> {
        self.settle().await?;
        // Some are approved and then not needed: their grants expire.
        if self.random.chance(2.5) || !self.redeem_command(request, changed, now)? {
            return Ok(());
        }
        self.settle().await?;
        let execution = self.engine.read(|state| state.request(&request)?.granted()?.executions.last().copied());
        let Some(execution) = execution else { return Ok(()) };
        if self.random.chance(0.4) {
            self.after(now, 2 * HOUR, 5 * HOUR, Step::GiveUp { request, execution });
        } else {
            self.after(now, 1, 9 * MINUTE, Step::Finish { request, execution });
        }
        if self.random.chance(0.9) {
            self.after(now, 2 * MINUTE, 8 * MINUTE, Step::Replay { request });
        }
        Ok(())
    }

    fn finish(&mut self, request: RequestId, execution: ExecutionId, now: Timestamp) -> anyhow::Result<()> {
        let Some(requester) = self.requester(request) else { return Ok(()) };
        let failed = self.random.chance(3.5);
        let incident = failed.then(|| format!("INC-{}", self.random.between(3_000, 3_999)));
        let finish = Finish {
            execution,
            outcome: if failed { RunOutcome::Failed } else { RunOutcome::Succeeded },
            exit_code: Some(i64::from(failed)),
            output_sha256: Some(Digest::of(execution.to_string().as_bytes())),
            output_bytes: Some(u64::try_from(self.random.between(40, 9_000)).unwrap_or(0)),
            occurred_at: Some(now),
            incident,
            rollback_of: None,
        };
        let actor = self.company.actor(&requester, now)?;
        self.queue(Command::Finish(finish), actor)
    }

    /// The on-call phone rings: recorded as the delivery of the news of `breakglass.invoked`.
    async fn tell(&mut self, request: RequestId) -> anyhow::Result<()> {
        self.settle().await?;
        let log = Store::of(self.engine.layout()).reader()?;
        let seq = self.engine.read(|state| state.request(&request).map(|request| request.seq));
        let entries = log.entries(seq.unwrap_or(0), 8)?;
        let events = entries.iter().filter_map(|stored| Event::from_entry(&stored.entry).ok());
        let invoked =
            events.filter(|event| event.request_id == Some(request)).find(|event| matches!(event.body, Body::BreakglassInvoked(_)));
        if let Some(invoked) = invoked {
            let recipients = vec!["chloe".parse()?, "jonas".parse()?];
            note(
                self.engine,
                Body::NotificationDelivered(NotificationDelivered { about: invoked.id, via: "phone".to_owned(), recipients }),
            )
            .await?;
        }
        Ok(())
    }

    fn review_access(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let roles = ["approver", "admin", "break-glass", "auditor"];
        let held: Vec<(String, String)> = self.engine.read(|state| {
            let people = Company::people().filter_map(|who| Some((who, state.roles_of(&who.parse().ok()?, now))));
            people
                .flat_map(|(who, held)| {
                    held.into_iter().filter(|role| roles.contains(&role.as_str())).map(move |role| (who.to_owned(), role.to_string()))
                })
                .collect()
        });
        for (who, role) in held {
            let reviewer = if who == "chloe" { "jonas" } else { "chloe" };
            let comment = Some("still in this position".to_owned());
            let review = ReviewAccess { principal: who.parse()?, role: role.parse()?, keep: true, comment };
            let actor = self.company.actor(reviewer, now)?;
            self.queue(Command::ReviewAccess(review), actor)?;
        }
        Ok(())
    }

    /// A change of policy is a request like any other; what it would publish is named by digest.
    fn ask_for_policy(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let files: Vec<String> = crate::content::default_policy().iter().map(|file| file.name.clone()).collect();
        let action = serde_json::from_value(serde_json::json!({
            "action": "policy.publish", "resource": {"type": "policy", "id": "main", "attributes": {}},
            "parameters": {"policy_digest": Digest::of(b"a draft of version 2").to_string(), "files": files}, "inputs": [],
        }))?;
        let ask = privyseal_engine::Ask {
            action,
            justification: "quarterly review of the policy: keep break-glass at one hour, name the new data owner".to_owned(),
            ticket: Some("SEC-77".to_owned()),
            on_behalf_of: None,
            executor: None,
            audience: None,
            batch: None,
            idempotency_key: None,
            previous_request: None,
            significant_change: Some(true),
            authors: Vec::new(),
            breakglass: false,
            attachments: Vec::new(),
        };
        self.ask(Story { who: "ines", ask }, now)
    }

    /// Counted from the log, because the state forgets what has ended.
    fn count(&mut self) -> anyhow::Result<()> {
        const STEP: usize = 1_000;
        let last = self.end.plus_seconds(DAY);
        let mut cursor = Cursor::Until(last);
        loop {
            let requests = self.engine.requests(cursor, STEP)?;
            for request in &requests {
                self.counts.requests += 1;
                *self.counts.states.entry(request.state().as_str()).or_default() += 1;
            }
            match requests.last() {
                Some(oldest) => cursor = Cursor::Before(oldest.id),
                None => return Ok(()),
            }
        }
    }
}
