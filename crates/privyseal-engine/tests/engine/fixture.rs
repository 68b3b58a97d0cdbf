//! A real engine in a temporary folder, with a clock that is moved by hand.

use std::path::Path;
use std::sync::Arc;

use privyseal_core::command::{Command, Directory, Named, Redeem, Reply, Review};
use privyseal_core::event::directory::Principal;
use privyseal_core::event::request::Verdict;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Event};
use privyseal_core::id::{RequestId, SessionId};
use privyseal_core::note::NodeKey;
use privyseal_core::request::{Request, RequestState};
use privyseal_core::time::Timestamp;
use privyseal_engine::{Ask, Engine, EngineError, Options, SeededEntropy, SimulatedClock};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_policy::PolicyFile;
use serde_json::json;

pub(crate) const POLICY: &str = r#"
@id("low") @approvals("none")
permit (principal, action == Action::"db.read", resource);
@id("change") @approvals("1 of group:sre") @expires("30m") @grant("10m")
permit (principal, action == Action::"db.change", resource);
@id("policy") @approvals("1 of group:sre")
permit (principal, action == Action::"policy.publish", resource);
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

[[action]]
id = "policy.publish"
title = "Publish"
class = "configuration"
reversibility = "reversible"
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
        anchors: Default::default(),
        hide: privyseal_core::hidden::HidePolicy::default(),
        advisor: None,
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
        Self::with(folder, |layout| layout).await
    }

    /// The same, with its log elsewhere.
    pub(crate) async fn with(folder: &Path, place: impl FnOnce(Layout) -> Layout) -> Self {
        let clock = Arc::new(SimulatedClock::new("2026-07-01T09:00:00Z".parse().unwrap()));
        let options = options(folder, &clock);
        let options = Options { layout: place(options.layout.clone()), ..options };
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
        self.engine.execute(self.review_command(&self.known(request)), actor(who)).await
    }

    pub(crate) fn review_command(&self, request: &Request) -> Command {
        Command::Review(Box::new(Review {
            request: request.id,
            verdict: Verdict::Approve,
            comment: String::new(),
            shown_digest: request.submitted.action_digest,
            shown_at: self.engine.now(),
            policy_digest: request.submitted.assessment.policy.digest,
            signed: None,
        }))
    }

    /// A request of any age.
    pub(crate) fn known(&self, request: RequestId) -> Arc<Request> {
        self.engine.request(Named::Request(request)).unwrap().unwrap()
    }

    /// Lets time pass, with an event at its end.
    pub(crate) async fn later(&self, seconds: i64) {
        self.clock.advance_to(self.engine.now().plus_seconds(seconds));
        let (principal, role) = ("ben".parse().unwrap(), "approver".parse().unwrap());
        self.operate(Directory::Assign { principal, role, valid_to: None, scope: vec![], reason: "later".into() }).await;
    }

    pub(crate) fn key(&self) -> NodeKey {
        privyseal_ledger::keys::load(&self.options.layout.key()).unwrap()
    }

    pub(crate) async fn operate_role(&self, principal: &str, role: &str) {
        let (principal, role) = (principal.parse().unwrap(), role.parse().unwrap());
        self.operate(Directory::Assign { principal, role, valid_to: None, scope: vec![], reason: "start".into() }).await;
    }

    /// The bodies of all events, in order.
    pub(crate) fn bodies(&self) -> Vec<Body> {
        self.events().into_iter().map(|event| event.body).collect()
    }

    fn events(&self) -> Vec<Event> {
        let log = SqliteLog::open_read_only(&self.options.layout.log()).unwrap();
        log.entries(0, usize::MAX).unwrap().iter().map(|stored| Event::from_entry(&stored.entry).unwrap()).collect()
    }

    pub(crate) fn entries(&self) -> u64 {
        u64::try_from(self.events().len()).unwrap()
    }

    pub(crate) fn entries_on(&self, day: &str) -> u64 {
        u64::try_from(self.events().iter().filter(|event| event.time.date() == day).count()).unwrap()
    }

    /// What `source.counted` says of this node, day by day.
    pub(crate) fn counted(&self) -> Vec<u64> {
        let events = self.events();
        let counts = events.iter().filter_map(|event| match &event.body {
            Body::SourceCounted(counted) => Some(counted.events),
            _ => None,
        });
        counts.collect()
    }

    pub(crate) fn redeem_command(&self, request: RequestId) -> Command {
        let request = self.known(request);
        let (grant, run_digest) = (request.grant().unwrap(), request.submitted.action_digest);
        Command::Redeem(Redeem { grant, run_digest, tool: None, host: None, artefacts: vec![], audience: None })
    }

    pub(crate) fn state_of(&self, request: RequestId) -> RequestState {
        self.known(request).state()
    }
}

pub(crate) fn ask(verb: &str) -> Ask {
    Ask {
        action: serde_json::from_value(json!({"action": verb, "resource": {"type": "postgres", "id": "orders/prod"}})).unwrap(),
        justification: "because the tests need it".into(),
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
