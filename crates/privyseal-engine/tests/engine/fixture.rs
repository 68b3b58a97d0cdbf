//! A real engine in a temporary folder, with a clock that is moved by hand.

use std::path::Path;
use std::sync::Arc;

use privyseal_core::command::{Command, Directory, Redeem, Reply, Review};
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::Principal;
use privyseal_core::event::request::Verdict;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Channel};
use privyseal_core::id::{GrantId, RequestId, SessionId};
use privyseal_core::request::RequestState;
use privyseal_core::time::Timestamp;
use privyseal_engine::{Ask, Engine, EngineError, Options, SeededEntropy, SimulatedClock};
use privyseal_ledger::layout::Layout;
use privyseal_policy::PolicyFile;
use serde_json::json;

pub(crate) const POLICY: &str = r#"
@id("low") @approvals("none")
permit (principal, action == Action::"db.read", resource);
@id("change") @approvals("1 of group:sre") @expires("30m") @grant("10m")
permit (principal, action == Action::"db.change", resource);
"#;

pub(crate) const CATALOGUE: &str = r#"
[[action]]
id = "db.read"
title = "Read"
class = "data"
reversibility = "reversible"

[[action]]
id = "db.change"
title = "Change"
class = "data"
reversibility = "costly"
"#;

pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) options: Options,
}

pub(crate) fn options(folder: &Path, clock: &Arc<SimulatedClock>) -> Options {
    Options {
        layout: Layout::new(folder.join("data")),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(7)),
        node: "test".into(),
        heartbeat_seconds: 3_600,
        hide: privyseal_core::hidden::HidePolicy::default(),
    }
}

pub(crate) fn policy_files() -> Vec<PolicyFile> {
    vec![
        PolicyFile { name: "catalogue.toml".into(), text: CATALOGUE.into() },
        PolicyFile { name: "policy.cedar".into(), text: POLICY.into() },
    ]
}

impl Fixture {
    pub(crate) async fn new(folder: &Path) -> Self {
        let clock = Arc::new(SimulatedClock::new("2026-07-01T09:00:00Z".parse().unwrap()));
        let options = options(folder, &clock);
        let engine = privyseal_engine::create(&options, "test.example/privyseal/engine").unwrap();
        let fixture = Self { engine, clock, options };
        for (principal, kind, owner, roles) in [
            ("ana", ActorKind::Human, None, &["admin", "approver", "group:sre", "requester"][..]),
            ("ben", ActorKind::Human, None, &["approver", "group:sre"]),
            ("bot", ActorKind::Agent, Some("ana"), &["requester"]),
        ] {
            let human = kind == ActorKind::Human;
            fixture
                .operate(Directory::Register(Principal {
                    principal: principal.parse().unwrap(),
                    kind,
                    name: principal.into(),
                    email: None,
                    person: human.then(|| principal.parse().unwrap()),
                    owner: owner.map(|owner: &str| owner.parse().unwrap()),
                    parent: None,
                    agent: None,
                }))
                .await;
            for role in roles {
                let (principal, role) = (principal.parse().unwrap(), role.parse().unwrap());
                fixture.operate(Directory::Assign { principal, role, valid_to: None, scope: vec![], reason: "start".into() }).await;
            }
        }
        fixture.engine.publish_policy(policy_files(), None, "first", actor("ana")).await.unwrap();
        fixture
    }

    pub(crate) async fn operate(&self, change: Directory) {
        self.engine.as_operator(Command::Directory(change)).await.unwrap();
    }

    pub(crate) async fn ask(&self, verb: &str) -> RequestId {
        match self.engine.ask(ask(verb), actor("bot")).await.unwrap() {
            Reply::Request { request, .. } => request,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn approve(&self, who: &str, request: RequestId) -> Result<Reply, EngineError> {
        let (shown_digest, policy_digest) = self.engine.read(|state| {
            let submitted = &state.requests[&request].submitted;
            (submitted.action_digest, submitted.assessment.policy.digest)
        });
        let review = Review {
            request,
            verdict: Verdict::Approve,
            comment: String::new(),
            shown_digest,
            shown_at: self.engine.now(),
            policy_digest,
            signed: None,
        };
        self.engine.execute(Command::Review(Box::new(review)), actor(who)).await
    }

    pub(crate) fn redeem_command(&self, request: RequestId) -> Command {
        let (grant, run_digest): (GrantId, Digest) = self.engine.read(|state| {
            let request = &state.requests[&request];
            (request.grant().unwrap(), request.submitted.action_digest)
        });
        Command::Redeem(Redeem { grant, run_digest, tool: None, host: None, artefacts: vec![] })
    }

    pub(crate) fn state_of(&self, request: RequestId) -> RequestState {
        self.engine.read(|state| state.requests[&request].state())
    }
}

pub(crate) fn ask(verb: &str) -> Ask {
    Ask {
        action: serde_json::from_value(json!({"action": verb, "resource": {"type": "postgres", "id": "orders/prod"}})).unwrap(),
        justification: "because the tests need it".into(),
        ticket: None,
        on_behalf_of: None,
        idempotency_key: None,
        previous_request: None,
        significant_change: None,
        authors: vec![],
        breakglass: false,
        attachments: vec![],
    }
}

pub(crate) fn actor(who: &str) -> Actor {
    let now: Timestamp = "2026-07-01T09:00:00Z".parse().unwrap();
    let agent = who == "bot";
    Actor {
        id: who.parse().unwrap(),
        kind: if agent { ActorKind::Agent } else { ActorKind::Human },
        channel: if agent { Channel::Api } else { Channel::Portal },
        auth: Auth {
            method: if agent { AuthMethod::ApiKey } else { AuthMethod::Link },
            amr: vec![],
            auth_time: None,
            session: (!agent).then(|| SessionId::new(now, [1; 10])),
            credential: None,
        },
    }
}
