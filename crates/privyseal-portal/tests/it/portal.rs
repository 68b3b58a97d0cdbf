//! A portal over a real engine in a temporary folder, with a clock that is moved by hand and people to act as.
//!
//! SQL and packs are the only doubles: the real ones would bring a query engine into this crate. They answer what is true without one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use privyseal_core::catalog::Catalogs;
use privyseal_core::command::{Command, Directory, Reply};
use privyseal_core::event::directory::{CredentialKey, Principal};
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Channel};
use privyseal_core::finding::Findings;
use privyseal_core::id::{GrantId, RequestId};
use privyseal_core::port::{
    Analytics, Answer as Rows, BoxFuture, Described, FileForm, PackFile, PackOrder, PackProgress, Packs, Populations, QueryError,
    QueryLimits, Question, RowFile, TableDoc,
};
use privyseal_core::request::RequestState;
use privyseal_core::time::{Period, Timestamp};
use privyseal_engine::{Ask, Engine, Options as EngineOptions, Secret, SeededEntropy, SimulatedClock};
use privyseal_ledger::layout::Layout;
use privyseal_policy::PolicyFile;
use privyseal_portal::{Options, Services};
use serde_json::json;
use tower::ServiceExt as _;

use crate::browser::Browser;

pub(crate) const URL: &str = "http://localhost:8420";
pub(crate) const START: &str = "2026-07-01T09:00:00Z";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const POLICY: &str = r#"
@id("low") @approvals("none")
permit (principal, action == Action::"db.read", resource);
@id("change") @approvals("1 of group:sre") @expires("30m") @grant("10m")
permit (principal, action == Action::"db.change", resource);
@id("both") @approvals("2 of group:sre") @expires("30m") @grant("10m")
permit (principal, action == Action::"db.both", resource);
@id("many") @approvals("1 of group:sre") @expires("30m") @grant("10m") @uses("3") @run("5m") @remind("5m")
@escalate("10m: 1 of user:ana")
permit (principal, action == Action::"db.many", resource);
@id("drop") @approvals("1 of group:sre") @assurance("passkey") @expires("30m") @grant("10m")
permit (principal, action == Action::"db.drop", resource);
"#;

const CATALOGUE: &str = r#"
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
id = "db.both"
title = "Change what two must seal"
class = "data"
reversibility = "costly"

[[action]]
id = "db.many"
title = "Change several times"
class = "data"
reversibility = "costly"
narrow = ["rows", "tables"]

[[action]]
id = "db.drop"
title = "Drop"
class = "data"
reversibility = "irreversible"
"#;

/// Everybody: account, owner of an agent, roles. `nora` has an account and nothing else.
const PEOPLE: &[(&str, Option<&str>, &[&str])] = &[
    ("nora", None, &[]),
    ("rita", None, &["requester"]),
    ("ben", None, &["approver", "group:sre"]),
    ("cleo", None, &["approver", "group:sre"]),
    ("aud", None, &["auditor"]),
    ("adm", None, &["admin"]),
    ("ana", None, &["requester", "approver", "group:sre", "break-glass"]),
    ("bot", Some("rita"), &["requester"]),
    // Asks nothing; there to be stopped.
    ("bot2", Some("rita"), &[]),
];

/// SQL that there is none of here.
struct NoSql;

impl Analytics for NoSql {
    fn query<'a>(&'a self, _: &'a Question, _: QueryLimits) -> BoxFuture<'a, Result<Rows, QueryError>> {
        Box::pin(async { Err(QueryError::Refused("there is no SQL here".to_owned())) })
    }

    fn file<'a>(&'a self, _: &'a Question, _: FileForm, _: QueryLimits) -> BoxFuture<'a, Result<RowFile, QueryError>> {
        Box::pin(async { Err(QueryError::Refused("there is no SQL here".to_owned())) })
    }

    fn describe<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Result<Described, QueryError>> {
        Box::pin(async { Err(QueryError::Refused("there is no SQL here".to_owned())) })
    }

    fn tables(&self) -> &[TableDoc] {
        &[]
    }

    fn assess<'a>(
        &'a self,
        _frameworks: &'a [String],
        _period: Period,
        _populations: Option<Arc<dyn Populations>>,
    ) -> BoxFuture<'a, Result<Findings, QueryError>> {
        Box::pin(async { Err(QueryError::Failed("there are no control tests here".to_owned())) })
    }
}

impl Packs for NoSql {
    fn build<'a>(&'a self, _order: &'a PackOrder, _progress: Arc<dyn PackProgress>) -> BoxFuture<'a, Result<PackFile, QueryError>> {
        Box::pin(async { Err(QueryError::Failed("there are no packs here".to_owned())) })
    }
}

pub(crate) struct Portal {
    pub(crate) router: Router,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<SimulatedClock>,
    /// Proves the operator at the machine.
    pub(crate) operator: Secret,
    /// The agent's API key.
    pub(crate) key: Secret,
    _folder: tempfile::TempDir,
}

/// What the portal answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Portal {
    pub(crate) async fn new() -> Self {
        Self::over(Arc::new(NoSql), Arc::new(NoSql), Catalogs::default()).await
    }

    /// A portal whose catalogue of actions says this too.
    pub(crate) async fn with_catalogue(more: &str) -> Self {
        Self::made(Arc::new(NoSql), Arc::new(NoSql), Catalogs::default(), &format!("{CATALOGUE}\n{more}")).await
    }

    /// A portal over other doubles.
    pub(crate) async fn over(analytics: Arc<dyn Analytics>, packs: Arc<dyn Packs>, catalogs: Catalogs) -> Self {
        Self::made(analytics, packs, catalogs, CATALOGUE).await
    }

    async fn made(analytics: Arc<dyn Analytics>, packs: Arc<dyn Packs>, catalogs: Catalogs, catalogue: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SimulatedClock::new(START.parse().unwrap()));
        let options = EngineOptions {
            layout: Layout::new(folder.path().join("data")),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(7)),
            node: "test".into(),
            heartbeat_seconds: 3_600,
            anchors: Default::default(),
            hide: privyseal_core::hidden::HidePolicy::default(),
            advisor: None,
        };
        let engine = privyseal_engine::create(&options, "test.example/privyseal/portal").unwrap();
        for (principal, owner, roles) in PEOPLE {
            register(&engine, principal, *owner, roles).await;
        }
        let policy = [("catalogue.toml", catalogue), ("policy.cedar", POLICY)];
        let files = policy.map(|(name, text)| PolicyFile { name: name.into(), text: text.into() }).to_vec();
        engine.publish_policy(files, None, "first", actor("adm")).await.unwrap();
        let key = engine.new_secret().unwrap();
        operate(
            &engine,
            Directory::Enroll {
                credential: "bot-key".parse().unwrap(),
                principal: "bot".parse().unwrap(),
                label: "key".into(),
                key: CredentialKey::ApiKey { secret_sha256: key.digest() },
                expires_at: None,
            },
        )
        .await;
        let operator = engine.new_secret().unwrap();
        let services = Services { engine: engine.clone(), analytics, packs, catalogs: Arc::new(catalogs) };
        let options = Options {
            public_url: URL.to_owned(),
            session_minutes: 480,
            operator_token: operator.clone(),
            limits: QueryLimits::default(),
            public_entries: false,
        };
        let router = privyseal_portal::router(services, options);
        Self { router, engine, clock, operator, key, _folder: folder }
    }

    /// A call of the API by the agent, with its key; an empty body is a GET.
    pub(crate) async fn bot(&self, path: &str, body: serde_json::Value) -> (u16, serde_json::Value) {
        let method = if body.is_null() { "GET" } else { "POST" };
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.key.expose()));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.send(request.header("content-type", "application/json").body(body).unwrap()).await;
        (answer.status.as_u16(), answer.json())
    }

    /// Sends one HTTP request and reads the whole answer, except of an event stream, which never ends.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let what = format!("{} {}", request.method(), request.uri());
        let sent = tokio::time::timeout(PATIENCE, self.router.clone().oneshot(request)).await;
        let response = sent.unwrap_or_else(|_| panic!("{what}: no answer")).unwrap();
        let (parts, body) = response.into_parts();
        let is_stream = parts.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let bytes = if is_stream { Default::default() } else { to_bytes(body, 10_000_000).await.unwrap() };
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// A browser in which this person has signed in by a link.
    pub(crate) async fn browser(&self, who: &str) -> Browser<'_> {
        let link = self.engine.sign_in_link(&who.parse().unwrap(), 60).await.unwrap();
        let mut browser = Browser::new(self);
        let answer = browser.use_link(link.expose()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{who}: {}", answer.text);
        browser
    }

    pub(crate) async fn ask_as(&self, who: &str, ask: Ask) -> RequestId {
        match self.engine.ask(ask, actor(who)).await.unwrap() {
            Reply::Request { request, .. } => request,
            other => panic!("{other:?}"),
        }
    }

    /// A request of the agent.
    pub(crate) async fn ask(&self, verb: &str) -> RequestId {
        self.ask_as("bot", ask(verb)).await
    }

    pub(crate) fn grant_of(&self, request: RequestId) -> GrantId {
        self.engine.read(|state| state.requests[&request].grant().unwrap())
    }

    pub(crate) fn state_of(&self, request: RequestId) -> RequestState {
        self.engine.read(|state| state.requests[&request].state())
    }

    /// What a page shows of a request for a review: the digest of the action and that of the policy.
    pub(crate) fn digests(&self, request: RequestId) -> (String, String) {
        self.engine.read(|state| {
            let submitted = &state.requests[&request].submitted;
            (submitted.action_digest.to_string(), submitted.assessment.policy.digest.to_string())
        })
    }

    /// How many entries the log has.
    pub(crate) fn size(&self) -> u64 {
        self.engine.read(|state| state.next_seq)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance_to(self.engine.now().plus_seconds(seconds));
    }
}

async fn operate(engine: &Engine, change: Directory) {
    engine.as_operator(Command::Directory(change)).await.unwrap();
}

async fn register(engine: &Engine, principal: &str, owner: Option<&str>, roles: &[&str]) {
    let record = Principal {
        principal: principal.parse().unwrap(),
        kind: if owner.is_none() { ActorKind::Human } else { ActorKind::Agent },
        name: principal.into(),
        email: None,
        person: owner.is_none().then(|| principal.parse().unwrap()),
        owner: owner.map(|owner| owner.parse().unwrap()),
        parent: None,
        agent: None,
    };
    operate(engine, Directory::Register(record)).await;
    for role in roles {
        let (principal, role) = (principal.parse().unwrap(), role.parse().unwrap());
        operate(engine, Directory::Assign { principal, role, valid_to: None, scope: vec![], reason: "start".into() }).await;
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

/// Somebody who acts past the portal: to prepare what a test is about, never to do it.
pub(crate) fn actor(who: &str) -> Actor {
    let now: Timestamp = START.parse().unwrap();
    let agent = who == "bot";
    Actor {
        id: who.parse().unwrap(),
        kind: if agent { ActorKind::Agent } else { ActorKind::Human },
        channel: if agent { Channel::Api } else { Channel::Portal },
        auth: Auth {
            method: if agent { AuthMethod::ApiKey } else { AuthMethod::Link },
            amr: vec![],
            auth_time: None,
            session: (!agent).then(|| privyseal_core::id::SessionId::new(now, [1; 10])),
            credential: None,
        },
    }
}
