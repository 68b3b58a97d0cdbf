//! A small company in memory: the smallest engine there can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::action::Limits;
use crate::assessment::{Assessment, Assurance, Outcome, PolicyRef, Tier};
use crate::command::*;
use crate::decide::{Fresh, decide};
use crate::digest::Digest;
use crate::event::directory::Principal;
use crate::event::execution::RunOutcome;
use crate::event::ledger::Opened;
use crate::event::request::{ReviewStatement, Verdict};
use crate::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft, Event};
use crate::id::*;
use crate::note::NodeKey;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::state::State;
use crate::time::Timestamp;
use crate::webauthn::{self, software::SoftwarePasskey};

pub(super) const LOG: &str = "test.example/privyseal/core";

pub(super) struct World {
    pub(super) state: State,
    pub(super) events: Vec<Event>,
    pub(super) now: Timestamp,
    drawn: u64,
}

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// Who is in the company: account, person, roles. `ana2` is a second account of ana.
pub(super) const PEOPLE: [(&str, &str, &[&str]); 6] = [
    ("ana", "ana", &["approver", "requester", "group:sre", "break-glass"]),
    ("ana2", "ana", &["approver", "group:dba"]),
    ("ben", "ben", &["approver", "requester", "group:sre", "group:dba"]),
    ("cat", "cat", &["approver", "group:dba"]),
    ("dan", "dan", &["approver", "requester", "group:sre", "group:dba", "admin"]),
    ("eve", "eve", &["auditor"]),
];

/// Agents: account, owner, parent.
pub(super) const AGENTS: [(&str, &str, Option<&str>); 2] = [("bot", "dan", None), ("sub", "ben", Some("bot"))];

/// Keys by number; the log was opened with the first.
pub(super) fn key(seed: u8) -> NodeKey {
    NodeKey::from_seed(LOG, &[seed; 32]).unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self { state: State::default(), events: Vec::new(), now: "2026-07-01T09:00:00Z".parse().unwrap(), drawn: 0 };
        world.record(vec![Draft {
            actor: operator(),
            request_id: None,
            body: Body::LedgerOpened(Opened { format: 1, key: key(1).verifier().to_string(), previous: None }),
        }]);
        for (principal, person, roles) in PEOPLE {
            let record = Principal {
                principal: id(principal),
                kind: ActorKind::Human,
                name: principal.into(),
                email: None,
                person: Some(id(person)),
                owner: None,
                parent: None,
                agent: None,
            };
            world.operate(Directory::Register(record));
            for role in roles {
                world.assign(principal, role);
            }
            let passkey = passkey(principal);
            world.operate(Directory::Enroll {
                credential: id(passkey.credential()),
                principal: id(principal),
                label: "key".into(),
                key: passkey.public(),
                expires_at: None,
            });
        }
        for (principal, owner, parent) in AGENTS {
            let record = Principal {
                principal: id(principal),
                kind: ActorKind::Agent,
                name: principal.into(),
                email: None,
                person: None,
                owner: Some(id(owner)),
                parent: parent.map(id),
                agent: None,
            };
            world.operate(Directory::Register(record));
            world.assign(principal, "requester");
        }
        world
    }

    pub(super) fn assign(&mut self, principal: &str, role: &str) {
        self.operate(Directory::Assign { principal: id(principal), role: id(role), valid_to: None, scope: vec![], reason: "test".into() });
    }

    pub(super) fn operate(&mut self, change: Directory) {
        self.run(&operator(), Command::Directory(change)).unwrap();
    }

    pub(super) fn run(&mut self, actor: &Actor, command: Command) -> Result<Reply, Refusal> {
        self.drawn += 1;
        let seed = *Digest::of(&self.drawn.to_be_bytes()).as_bytes();
        let recalled = command.names().and_then(|named| self.recall(named));
        let mut fresh = Fresh::new(self.now, seed);
        let decision = self.state.with_recalled(recalled, |state| decide(state, &command, actor, self.now, &mut fresh));
        self.record(decision.drafts);
        decision.result
    }

    /// A request of any age, as the state held it last.
    pub(super) fn known(&self, named: Named) -> Option<Arc<Request>> {
        self.state.named(named).cloned().or_else(|| self.recall(named))
    }

    pub(super) fn request_if_any(&self, id: RequestId) -> Option<Arc<Request>> {
        self.known(Named::Request(id))
    }

    pub(super) fn request(&self, id: RequestId) -> Arc<Request> {
        self.known(Named::Request(id)).unwrap()
    }

    fn recall(&self, named: Named) -> Option<Arc<Request>> {
        let names = |event: &&Event| match (named, &event.body) {
            (Named::Request(id), _) => event.request_id == Some(id),
            (Named::Grant(id), Body::GrantIssued(issued)) => issued.grant_id == id,
            (Named::Execution(id), Body::ExecutionStarted(started)) => started.execution_id == id,
            _ => false,
        };
        let id = self.events.iter().find(names)?.request_id;
        let own: Vec<Event> = self.events.iter().filter(|event| event.request_id == id).cloned().collect();
        State::recall(&own).map(Arc::new)
    }

    fn record(&mut self, drafts: Vec<Draft>) {
        for draft in drafts {
            let mut fresh = Fresh::new(self.now, *Digest::of(&self.state.next_seq.to_be_bytes()).as_bytes());
            let event = Event {
                seq: self.state.next_seq,
                id: fresh.event_id(),
                time: self.now,
                log: LOG.into(),
                prev: None,
                actor: draft.actor,
                request_id: draft.request_id,
                body: draft.body,
            };
            let read_back = Event::from_entry(&event.to_entry().unwrap()).unwrap();
            assert_eq!(read_back, event, "what is decided survives being written down");
            self.state.apply(&event);
            self.events.push(event);
        }
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
    }

    pub(super) fn ask(&mut self, who: &str, requirement: &str) -> RequestId {
        self.submit(who, submit(requirement)).unwrap()
    }

    pub(super) fn submit(&mut self, who: &str, submit: Submit) -> Result<RequestId, Refusal> {
        match self.run(&actor(who), Command::Submit(Box::new(submit)))? {
            Reply::Request { request, .. } => Ok(request),
            other => panic!("{other:?}"),
        }
    }

    /// A review as the portal would send it, signed with the reviewer's passkey.
    pub(super) fn review(&mut self, who: &str, request: RequestId, verdict: Verdict) -> Result<Reply, Refusal> {
        let command = self.review_command(who, request, verdict);
        self.run(&actor(who), Command::Review(Box::new(command)))
    }

    pub(super) fn review_command(&self, who: &str, request: RequestId, verdict: Verdict) -> Review {
        let known = self.known(Named::Request(request));
        let known = known.as_ref();
        let digest = known.map_or_else(|| Digest::of(b""), |request| request.submitted.action_digest);
        let policy = known.map_or_else(|| Digest::of(b""), |request| request.submitted.assessment.policy.digest);
        let statement = ReviewStatement {
            log: LOG.into(),
            request_id: request,
            action_digest: digest,
            verdict,
            policy_digest: policy,
            comment_digest: Digest::of(b"fine"),
            shown_at: self.now,
            reviewer: id(who),
        };
        let challenge = webauthn::review_challenge(&statement).unwrap();
        let assertion = passkey(who).sign(challenge.as_bytes());
        Review {
            request,
            verdict,
            comment: "fine".into(),
            shown_digest: digest,
            shown_at: self.now,
            policy_digest: policy,
            signed: Some((statement, assertion)),
        }
    }

    /// Puts a narrower request in the place of one: for fewer seconds, with another `limit`.
    pub(super) fn narrow(&mut self, who: &str, request: RequestId, seconds: Option<i64>, limit: Option<i64>) -> Result<RequestId, Refusal> {
        let old = self.request(request).submitted.clone();
        let mut action = old.action.clone();
        if seconds.is_some() {
            action.limits = Some(Limits { seconds, uses: None });
        }
        action.parameters.extend(limit.map(|limit| ("limit".to_owned(), limit.into())));
        let assessed = Assessed { assessment: old.assessment.clone(), ..submit("none").assessed };
        let submit = Submit { action, assessed, ..submit("none") };
        let narrow = Narrow { request, submit, narrowable: vec!["limit".into()], comment: "less is enough".into() };
        match self.run(&actor(who), Command::Narrow(Box::new(narrow)))? {
            Reply::Request { request, .. } => Ok(request),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn redeem(&mut self, who: &str, request: RequestId) -> Result<ExecutionId, Refusal> {
        let known = self.request(request);
        let grant = known.grant().unwrap_or_else(|| GrantId::new(self.now, [0; 10]));
        let run_digest = known.submitted.action_digest;
        match self
            .run(&actor(who), Command::Redeem(Redeem { grant, run_digest, tool: None, host: None, artefacts: vec![], audience: None }))?
        {
            Reply::Execution(execution) => Ok(execution),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn finish(&mut self, who: &str, execution: ExecutionId) -> Result<Reply, Refusal> {
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
        self.run(&actor(who), Command::Finish(finish))
    }

    pub(super) fn expire(&mut self) {
        self.run(&operator(), Command::Expire).unwrap();
    }

    /// Lets so much time pass that what is settled leaves the state with the next event, which comes.
    pub(super) fn forget(&mut self) {
        self.wait(crate::state::SETTLED_SECONDS);
        self.assign("eve", "auditor");
    }

    pub(super) fn kinds_since(&self, seq: usize) -> Vec<&'static str> {
        self.events[seq..].iter().map(|event| event.kind().name()).collect()
    }
}

pub(super) fn passkey(who: &str) -> SoftwarePasskey {
    let seed = *Digest::of(who.as_bytes()).as_bytes();
    SoftwarePasskey::from_seed(&seed, "localhost", "http://localhost:8420").unwrap()
}

pub(super) fn operator() -> Actor {
    let auth = Auth { method: AuthMethod::Local, amr: vec![], auth_time: None, session: None, credential: None };
    Actor { id: id("system"), kind: ActorKind::System, channel: Channel::Cli, auth }
}

/// The account as the portal (people) or the API (agents) would present it.
pub(super) fn actor(who: &str) -> Actor {
    let agent = AGENTS.iter().any(|(name, ..)| *name == who);
    let now: Timestamp = "2026-07-01T09:00:00Z".parse().unwrap();
    let (kind, channel, method, session) = if agent {
        (ActorKind::Agent, Channel::Api, AuthMethod::ApiKey, None)
    } else {
        (ActorKind::Human, Channel::Portal, AuthMethod::Passkey, Some(SessionId::new(now, [1; 10])))
    };
    Actor { id: id(who), kind, channel, auth: Auth { method, amr: vec![], auth_time: Some(now), session, credential: None } }
}

pub(super) fn submit(requirement: &str) -> Submit {
    let requirement: crate::requirement::Requirement = requirement.parse().unwrap();
    let assessment = Assessment {
        outcome: Outcome::Route,
        risk: 40,
        tier: Tier::Medium,
        factors: vec![],
        facts: BTreeMap::new(),
        missing: vec![],
        policy: PolicyRef { version: 1, digest: Digest::of(b"policy") },
        determining: vec![],
        persons_required: u64::try_from(requirement.persons()).unwrap(),
        human_required: !requirement.is_none(),
        requirement,
        assurance: Assurance::Passkey,
        deny_threshold: 1,
        expires_seconds: 1_800,
        grant_seconds: 600,
        uses: 1,
        run_seconds: None,
        remind_seconds: None,
        escalation: None,
        advice: None,
        roster_rule: "at-last-review".into(),
        evaluator: "test".into(),
    };
    Submit {
        action: serde_json::from_value(json!({"action": "db.schema.apply", "resource": {"type": "postgres", "id": "orders/prod"}}))
            .unwrap(),
        deceptive: vec![],
        justification: "ORD-412 add an index on orders".into(),
        hidden_repeats: 0,
        ticket: None,
        on_behalf_of: None,
        executor: None,
        audience: None,
        batch: None,
        idempotency_key: None,
        previous_request: None,
        significant_change: None,
        authors: vec![],
        breakglass: false,
        assessed: Assessed {
            assessment,
            environment: Some("production".into()),
            data_class: None,
            change_class: "schema".into(),
            reversibility: "reversible".into(),
            in_place: None,
            catalogue_digest: Digest::of(b"catalogue"),
            breakglass_seconds: 900,
            breakglass_review_seconds: 86_400,
            limits: RateLimits::default(),
        },
    }
}
