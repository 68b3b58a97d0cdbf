//! The engine around the rules: time that jumps, advice from outside, asking for less, tokens. Races of processes are in `tests/it`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use privyseal_core::action::Limits;
use privyseal_core::command::Reply;
use privyseal_core::decide::Narrower;
use privyseal_core::event::Body;
use privyseal_core::grant_token::{self, Expected};
use privyseal_core::id::RequestId;
use privyseal_core::port::{Advisor, Clock, ClockJump, Counsel};
use privyseal_core::refusal::RefusalCode;
use privyseal_core::request::{Phase, RequestState};
use privyseal_core::time::Timestamp;
use privyseal_engine::{Ask, EngineError, Less, Options, PolicyFile, open};
use serde_json::{Value, json};

use crate::fixture::{Fixture, actor, ask};

fn refusal(error: &EngineError) -> RefusalCode {
    match error {
        EngineError::Refused(refusal) => refusal.code,
        other => panic!("{other}"),
    }
}

/// Puts another policy in force, as somebody at the machine would before anything else happens: in a new instance.
async fn with_policy(folder: &std::path::Path, cedar: &str, catalogue: &str, advisor: Option<Arc<dyn Advisor>>) -> Fixture {
    let mut fixture = Fixture::new(folder).await;
    // The first policy lets its own change through to one person of the group.
    let files = vec![
        PolicyFile { name: "catalogue.toml".into(), text: catalogue.into() },
        PolicyFile { name: "policy.cedar".into(), text: cedar.into() },
    ];
    let digest = privyseal_policy::Policy::load(files.clone()).unwrap().digest();
    let mut change = ask("policy.publish");
    change.action.parameters.insert("policy_digest".into(), json!(digest.to_string()));
    fixture.operate_role("ben", "requester").await;
    let Reply::Request { request, .. } = fixture.engine.ask(change, actor("ben")).await.unwrap() else { panic!() };
    fixture.approve("ana", request).await.unwrap();
    fixture.engine.publish_policy(files, Some(request), "second", actor("ben")).await.unwrap();
    if advisor.is_some() {
        fixture.engine.close().await;
        fixture.options = Options { advisor, ..fixture.options.clone() };
        fixture.engine = open(&fixture.options).unwrap();
    }
    fixture
}

/// A clock as [`privyseal_engine::SystemClock`] over a machine whose clock a test sets.
#[derive(Default)]
struct Jumping {
    shown: AtomicI64,
    jump: Mutex<Option<ClockJump>>,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.shown.load(Ordering::SeqCst))
    }

    fn take_jump(&self) -> Option<ClockJump> {
        self.jump.lock().unwrap().take()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_is_an_alert_on_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    fixture.engine.close().await;
    let clock = Arc::new(Jumping::default());
    clock.shown.store(fixture.clock.now().micros() + 1_000_000, Ordering::SeqCst);
    fixture.options.clock = clock.clone();
    fixture.engine = open(&fixture.options).unwrap();
    for (by_us, words) in [(-3_600_000_000, "set back by 3600 s"), (7_200_000_000, "set forward by 7200 s")] {
        *clock.jump.lock().unwrap() = Some(ClockJump { by_us, at: clock.now() });
        clock.shown.fetch_add(1_000_000, Ordering::SeqCst);
        fixture.ask("db.read").await;
        let alerts = fixture.bodies().into_iter().filter_map(|body| match body {
            Body::AlertRaised(alert) if alert.kind == "clock_jump" => Some(alert.reason),
            _ => None,
        });
        let reasons: Vec<String> = alerts.collect();
        assert!(reasons.iter().any(|reason| reason.contains(words)), "{reasons:?}");
    }
    fixture.engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_due_while_nothing_ran_is_on_record_when_something_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let waiting = fixture.ask("db.change").await;
    let granted = fixture.ask("db.read").await;
    let running = fixture.ask("db.read").await;
    fixture.engine.execute(fixture.redeem_command(running), actor("bot")).await.unwrap();
    let expires_at = fixture.known(waiting).submitted.expires_at;
    fixture.engine.close().await;
    fixture.clock.advance_to(fixture.clock.now().plus_seconds(2 * 86_400));
    fixture.engine = open(&fixture.options).unwrap();
    fixture.later(1).await;
    assert_eq!(fixture.state_of(waiting), RequestState::Expired);
    let bodies = fixture.bodies();
    let expired = bodies.iter().find_map(|body| if let Body::RequestExpired(expired) = body { Some(expired.expires_at) } else { None });
    assert_eq!(expired, Some(expires_at), "with the moment at which its time was over");
    assert!(bodies.iter().any(|body| matches!(body, Body::GrantExpired(_))));
    assert!(bodies.iter().any(|body| matches!(body, Body::ExecutionUnknown(_))), "nobody knows what became of the run");
    assert!(fixture.known(granted).granted().unwrap().ended.is_some());
    fixture.engine.close().await;
}

const NARROWING: &str = r#"
[[action]]
id = "db.read"
title = "Read"
class = "data"
reversibility = "reversible"
sensitive = ["password"]
narrow = ["limit"]

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

const BY_LIMIT: &str = r#"
@id("many") @risk("40") @because("many rows")
permit (principal, action, resource) when { context has rows && context.rows > 100 };
@id("policy") @approvals("1 of group:sre")
permit (principal, action == Action::"policy.publish", resource);
@id("few") @approvals("none")
permit (principal, action == Action::"db.read", resource) when { context.risk < 40 };
@id("most") @approvals("1 of group:sre") @grant("10m")
permit (principal, action == Action::"db.read", resource) when { context.risk >= 40 };
"#;

fn export(limit: i64) -> Ask {
    let mut wanted = ask("db.read");
    wanted.action.parameters = serde_json::from_value(json!({"limit": limit, "password": "correct horse"})).unwrap();
    wanted
}

fn less(request: RequestId, limit: i64) -> Less {
    let parameters = serde_json::from_value(json!({"limit": limit})).unwrap();
    Less { request, change: Narrower { limits: Limits::default(), parameters }, comment: "this many are enough".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn less_is_assessed_anew_as_the_requesters_and_what_is_hidden_stays_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_policy(folder.path(), BY_LIMIT, NARROWING, None).await;
    let Reply::Request { request, .. } = fixture.engine.ask(export(5_000), actor("bot")).await.unwrap() else { panic!() };
    assert_eq!(fixture.state_of(request), RequestState::Pending);
    let error = fixture.engine.narrow(less(request, 6_000), actor("ben")).await.unwrap_err();
    assert_eq!(refusal(&error), RefusalCode::NotNarrower);
    let error = fixture.engine.narrow(less(request, 50), actor("bot")).await.unwrap_err();
    assert_eq!(refusal(&error), RefusalCode::NotAPerson);
    // Still too much to go straight through.
    let Reply::Request { request: second, .. } = fixture.engine.narrow(less(request, 500), actor("ben")).await.unwrap() else { panic!() };
    assert_eq!((fixture.state_of(request), fixture.state_of(second)), (RequestState::Cancelled, RequestState::Pending));
    // So little that policy lets it through.
    let Reply::Request { request: third, .. } = fixture.engine.narrow(less(second, 50), actor("ben")).await.unwrap() else { panic!() };
    assert_eq!(fixture.state_of(third), RequestState::Approved);
    let (first, last) = (fixture.known(request), fixture.known(third));
    assert_eq!(last.submitted.requester, first.submitted.requester);
    assert_eq!((first.submitted.assessment.risk, last.submitted.assessment.risk), (40, 0));
    assert_eq!(last.submitted.action.parameters["password"], first.submitted.action.parameters["password"], "the same commitment");
    let words = fixture.engine.view(|view| view.words(&last.submitted.justification));
    assert_eq!(words.clear(), Some("because the tests need it"));
    let whole = std::fs::read(fixture.options.layout.log()).unwrap();
    assert!(!whole.windows(13).any(|window| window == b"correct horse"));
    // Erasing what the requester wrote erases it here too, though a reviewer put it there.
    fixture
        .engine
        .erase(privyseal_engine::Target::Subject("principal:bot".parse().unwrap()), "asked to", None, actor("ana"))
        .await
        .unwrap();
    let words = fixture.engine.view(|view| view.words(&last.submitted.justification));
    assert_eq!(words.clear(), None);
    fixture.engine.close().await;
}

/// An advisor that says what a test wants, and keeps what it was asked.
struct Says {
    answer: Result<Counsel, String>,
    asked: Mutex<Vec<Value>>,
}

impl Advisor for Says {
    fn name(&self) -> &str {
        "test advisor"
    }

    fn advise(&self, question: &Value) -> Result<Counsel, String> {
        self.asked.lock().unwrap().push(question.clone());
        self.answer.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advisor_raises_the_risk_before_the_route_and_its_silence_changes_nothing() {
    let counsel = |points, because: &str| Ok(Counsel { points, because: because.to_owned() });
    for (answer, limit, risk, pending) in [
        (counsel(0, "nothing"), 50, 0, false),
        (counsel(45, "this table\u{202e} was never read before"), 50, 45, true),
        (counsel(255, "everything"), 5_000, 100, true),
        (Err("no answer within 500 ms".to_owned()), 50, 0, false),
        (Err("no answer within 500 ms".to_owned()), 5_000, 40, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let advisor = Arc::new(Says { answer: answer.clone(), asked: Mutex::default() });
        let fixture = with_policy(folder.path(), BY_LIMIT, NARROWING, Some(advisor.clone())).await;
        let Reply::Request { request, .. } = fixture.engine.ask(export(limit), actor("bot")).await.unwrap() else { panic!() };
        let known = fixture.known(request);
        let assessment = &known.submitted.assessment;
        assert_eq!((assessment.risk, matches!(known.phase, Phase::Pending)), (risk, pending), "{answer:?}");
        let advice = assessment.advice.as_ref().unwrap();
        assert_eq!((advice.advisor.as_str(), advice.failure.is_some()), ("test advisor", answer.is_err()));
        assert!(!advice.because.contains('\u{202e}'), "what it writes is shown to approvers");
        let asked = advisor.asked.lock().unwrap()[0].clone();
        assert_eq!(asked["action"]["parameters"]["limit"], limit);
        assert_eq!(asked["requester"]["owner"], "ana");
        let text = asked.to_string();
        assert!(!text.contains("correct horse") && !text.contains("because the tests need it"), "{text}");
        fixture.engine.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_checked_offline_by_its_token_and_redeemed_here() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let wanted = Ask { audience: Some("runner-1".into()), ..ask("db.read") };
    let Reply::Request { request, .. } = fixture.engine.ask(wanted, actor("bot")).await.unwrap() else { panic!() };
    let known = fixture.known(request);
    let token = fixture.engine.grant_token(&known).unwrap();
    assert_eq!(fixture.engine.grant_token(&known).unwrap(), token, "the same grant, the same token");
    let keys = [fixture.key().verifier()];
    let expected = Expected {
        keys: &keys,
        now: fixture.engine.now(),
        tolerance_seconds: 0,
        subject: &"bot".parse().unwrap(),
        audience: Some("runner-1"),
        action_digest: known.submitted.action_digest,
    };
    let claims = grant_token::verify(&token, &expected).unwrap();
    assert_eq!((claims.jti, claims.request_id), (known.grant().unwrap(), request));
    // After a rotation the next token is signed by the new key, which the old one does not vouch for here.
    let next = fixture.engine.rotate_key("yearly", None).await.unwrap();
    let rotated = fixture.engine.grant_token(&known).unwrap();
    assert!(grant_token::verify(&rotated, &expected).is_err());
    let keys = [next];
    assert!(grant_token::verify(&rotated, &Expected { keys: &keys, ..expected.clone() }).is_ok());
    // A waiting request has none.
    let waiting = fixture.ask("db.change").await;
    assert_eq!(fixture.engine.grant_token(&fixture.known(waiting)), None);
    fixture.engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_nobody_can_satisfy_are_named_when_the_policy_takes_force() {
    let folder = tempfile::tempdir().unwrap();
    let impossible = format!(
        "{BY_LIMIT}\n@id(\"lonely\") @approvals(\"3 of group:sre\")\npermit (principal, action == Action::\"db.change\", resource);"
    );
    let fixture = with_policy(folder.path(), &impossible, NARROWING, None).await;
    let published = fixture.engine.read(|state| state.policy.clone()).unwrap();
    assert_eq!((published.policy.version, published.unsatisfiable.as_slice()), (2, &["lonely".to_owned()][..]));
    fixture.engine.close().await;
}
