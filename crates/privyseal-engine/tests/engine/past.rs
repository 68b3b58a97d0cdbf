//! The past decided again: what an engine wrote follows, whatever was hidden, erased or forgotten since; what it would not have written
//! is found, in a log whose signatures, chain and head are all right.

use privyseal_core::action::{Action, Input, InputKind, Limits};
use privyseal_core::command::{Command, Halt, Reply};
use privyseal_core::decide::Narrower;
use privyseal_core::digest::Digest;
use privyseal_core::event::execution::HaltScope;
use privyseal_core::event::request::{Approved, Assertion, Mechanism, Submitted, Verdict};
use privyseal_core::event::{Actor, Body, Draft, Event, Text};
use privyseal_core::id::{EventId, RequestId};
use privyseal_core::reperform::{Judged, Reperformer};
use privyseal_core::requirement::Filled;
use privyseal_engine::{Ask, Attachment, Less, Past, Target};
use privyseal_ledger::chain::Tip;
use privyseal_ledger::log::{Log as _, LogReader as _};
use privyseal_ledger::sqlite::SqliteLog;
use serde_json::json;

use crate::fixture::{Fixture, actor, ask};

/// Every difference in words, and why something was not re-performed whole.
fn replayed(fixture: &Fixture) -> (Vec<String>, Vec<String>) {
    let (mut past, mut reperformer) = (Past::open(fixture.options.layout.clone()).unwrap(), Reperformer::default());
    let (mut found, mut not) = (Vec::new(), Vec::new());
    while let Some((_, event)) = past.step().unwrap() {
        let looked = past.look(&mut reperformer, &event).unwrap();
        found.extend(looked.differences);
        if let Judged::NotReperformed(why) = looked.judged {
            not.push(format!("{}: {why}", event.kind().name()));
        }
        past.fold(&event);
    }
    found.extend(reperformer.end());
    (found.iter().map(|found| format!("{}: {} | {}", found.what, found.recorded, found.follows)).collect(), not)
}

fn follows(fixture: &Fixture) {
    assert_eq!(replayed(fixture), (vec![], vec![]));
}

/// Appends drafts as an engine that decides wrongly would: well formed, chained, signed, under a signed head.
fn append(fixture: &Fixture, drafts: Vec<Draft>) {
    let mut log = SqliteLog::open(&fixture.options.layout.log()).unwrap();
    let (head, key) = (log.head().unwrap().unwrap(), fixture.key());
    let last = log.entries(head.edge.size() - 1, 1).unwrap().remove(0);
    let origin = Event::from_entry(&last.entry).unwrap().log;
    let mut tip = Tip { origin, prev: Some(last.leaf), time: head.time, edge: head.edge };
    let now = tip.time.plus_seconds(1);
    let placed = drafts.into_iter().enumerate().map(|(index, draft)| {
        let id = EventId::new(now, [u8::try_from(index).unwrap(); 10]);
        let (event, stored) = tip.place(draft, id, now, &key).unwrap();
        (stored, event.kind())
    });
    let entries = placed.collect();
    log.append(&tip.batch(entries, &key)).unwrap();
}

fn approved(submitted: &Submitted, mechanism: Mechanism, slots: Vec<Filled>) -> Body {
    Body::RequestApproved(Approved {
        mechanism,
        persons: u64::try_from(slots.len()).unwrap(),
        slots,
        action_digest: submitted.action_digest,
        policy_digest: submitted.assessment.policy.digest,
    })
}

fn draft(actor: &Actor, request: RequestId, body: Body) -> Draft {
    Draft { actor: actor.clone(), request_id: Some(request), body }
}

async fn submit(fixture: &Fixture, ask: Ask) -> RequestId {
    match fixture.engine.ask(ask, actor("bot")).await.unwrap() {
        Reply::Request { request, .. } => request,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_an_engine_wrote_follows() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let _automatic = fixture.ask("db.read").await;
    let sealed = fixture.ask("db.change").await;
    // bot is ana's.
    assert!(fixture.approve("ana", sealed).await.is_err());
    fixture.approve("ben", sealed).await.unwrap();
    fixture.engine.execute(fixture.redeem_command(sealed), actor("bot")).await.unwrap();
    let expires = fixture.ask("db.change").await;
    fixture.later(1_800).await;
    // Out of the state, and named again.
    fixture.later(7_200).await;
    assert!(fixture.engine.execute(fixture.redeem_command(sealed), actor("bot")).await.is_err());
    let again = submit(&fixture, Ask { previous_request: Some(expires), ..ask("db.change") }).await;
    fixture.approve("ben", again).await.unwrap();
    fixture.later(600).await;
    follows(&fixture);
}

#[tokio::test]
async fn white_space_around_a_justification_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    submit(&fixture, Ask { justification: "  \n because the tests need it \t ".into(), ..ask("db.change") }).await;
    follows(&fixture);
}

#[tokio::test]
async fn what_deceives_the_eye_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    submit(&fixture, Ask { justification: "because \u{202e}dekool eb ot ton".into(), ..ask("db.change") }).await;
    follows(&fixture);
}

#[tokio::test]
async fn contents_of_inputs_are_policy_s_only_where_they_were_at_hand() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let bytes = b"drop table orders".to_vec();
    let action = |ask: Ask| Action {
        inputs: vec![Input {
            kind: InputKind::File,
            name: "migration.sql".into(),
            sha256: Digest::of(&bytes),
            bytes: u64::try_from(bytes.len()).unwrap(),
        }],
        ..ask.action
    };
    // Without the content first: nothing on the entry says so, and the content is kept when the walk comes by.
    submit(&fixture, Ask { action: action(ask("db.change")), ..ask("db.change") }).await;
    let attachments = vec![Attachment { name: "migration.sql".into(), bytes: bytes.clone() }];
    let with = submit(&fixture, Ask { action: action(ask("db.change")), attachments, ..ask("db.change") }).await;
    let facts = &fixture.known(with).submitted.assessment.facts;
    assert_eq!(facts["statement_class"], "schema_destructive", "the case is about something");
    follows(&fixture);
}

#[tokio::test]
async fn an_erased_value_is_no_wrong_decision() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let secret = || {
        let mut ask = ask("db.change");
        ask.action.parameters = json!({"password": "hunter2", "statement": "select 1"}).as_object().unwrap().clone();
        ask
    };
    let request = submit(&fixture, secret()).await;
    fixture.approve("ben", request).await.unwrap();
    follows(&fixture);
    fixture.engine.erase(Target::Subject("principal:bot".parse().unwrap()), "asked to", None, actor("ana")).await.unwrap();
    // No rule looked at the password, so nothing is left open.
    follows(&fixture);
}

#[tokio::test]
async fn a_value_that_is_gone_and_mattered_is_said_to_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let mut asked = ask("db.change");
    // An address with a password in it hides the whole statement.
    asked.action.parameters =
        json!({"statement": "drop table orders -- from postgres://me:hunter2@db/orders"}).as_object().unwrap().clone();
    submit(&fixture, asked).await;
    follows(&fixture);
    fixture.engine.erase(Target::Subject("principal:bot".parse().unwrap()), "asked to", None, actor("ana")).await.unwrap();
    let (found, not) = replayed(&fixture);
    assert_eq!(found, Vec::<String>::new());
    assert!(not.len() == 1 && not[0].contains("/body/parameters/statement was erased on 2026-07-01"), "{not:?}");
}

#[tokio::test]
async fn an_assessment_with_ten_points_less_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let request = fixture.ask("db.change").await;
    let honest = fixture.known(request);
    fixture.engine.close().await;
    let mut submitted = (*honest.submitted).clone();
    submitted.assessment.risk = submitted.assessment.risk.abs_diff(10);
    let copy = RequestId::new(honest.submitted_at, [9; 10]);
    append(&fixture, vec![draft(&actor("bot"), copy, Body::RequestSubmitted(submitted.clone()))]);
    let (found, _) = replayed(&fixture);
    let line = format!("request.submitted: body.assessment.risk: {} | {}", submitted.assessment.risk, honest.submitted.assessment.risk);
    assert!(found.contains(&line), "`{line}` is not in {found:#?}");
}

#[tokio::test]
async fn a_slot_filled_by_the_owner_of_the_requester_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let (honest, wrong) = (fixture.ask("db.change").await, fixture.ask("db.change").await);
    fixture.approve("ben", honest).await.unwrap();
    let review = (*fixture.known(honest).reviews[0].body).clone();
    let submitted = fixture.known(wrong).submitted.clone();
    fixture.engine.close().await;
    follows(&fixture);
    let mut review = privyseal_core::event::request::ReviewRecorded { verdict: Verdict::Approve, ..review };
    review.reviewer.principal = "ana".parse().unwrap();
    review.reviewer.person = Some("ana".parse().unwrap());
    let slots = vec![Filled { slot: "group:sre".into(), person: "ana".parse().unwrap(), principal: "ana".parse().unwrap() }];
    let ana = actor("ana");
    append(
        &fixture,
        vec![draft(&ana, wrong, Body::ReviewRecorded(review)), draft(&ana, wrong, approved(&submitted, Mechanism::Quorum, slots))],
    );
    let (found, _) = replayed(&fixture);
    assert!(found.iter().any(|line| line.starts_with("review.recorded: carried out | refused as subject_of_request")), "{found:#?}");
    assert!(
        found.iter().any(|line| line.starts_with("request.approved: request.approved | the reviews before it do not fill")),
        "{found:#?}"
    );
}

#[tokio::test]
async fn an_automatic_approval_of_what_needed_people_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let request = fixture.ask("db.change").await;
    let submitted = fixture.known(request).submitted.clone();
    fixture.engine.close().await;
    append(&fixture, vec![draft(&actor("bot"), request, approved(&submitted, Mechanism::Automatic, vec![]))]);
    let (found, _) = replayed(&fixture);
    assert_eq!(found, ["request.approved: request.approved | people have to seal it: `1 of group:sre`"]);
}

#[tokio::test]
async fn a_signature_that_was_never_made_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let (honest, wrong) = (fixture.ask("db.change").await, fixture.ask("db.change").await);
    fixture.approve("ben", honest).await.unwrap();
    let mut review = (*fixture.known(honest).reviews[0].body).clone();
    fixture.engine.close().await;
    review.comment = Some(Text::from("fine"));
    review.assurance = privyseal_core::assessment::Assurance::Passkey;
    review.statement = Some(privyseal_core::event::request::ReviewStatement {
        log: "test.example/privyseal/engine".into(),
        request_id: wrong,
        action_digest: review.shown_digest,
        verdict: review.verdict,
        policy_digest: review.policy_digest,
        comment_digest: review.comment_digest,
        shown_at: review.shown_at,
        reviewer: "ben".parse().unwrap(),
    });
    let nothing = || "AAAA".to_owned();
    review.assertion =
        Some(Assertion { credential: nothing(), authenticator_data: nothing(), client_data_json: nothing(), signature: nothing() });
    append(&fixture, vec![draft(&actor("ben"), wrong, Body::ReviewRecorded(review))]);
    let (found, _) = replayed(&fixture);
    assert!(found.iter().any(|line| line.starts_with("review.recorded: carried out | refused as passkey_refused")), "{found:#?}");
}

#[tokio::test]
async fn less_than_was_asked_and_the_kill_switch_follow() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let wide = fixture.ask("db.change").await;
    let change = Narrower { limits: Limits { seconds: Some(60), uses: None }, ..Narrower::default() };
    let less = Less { request: wide, change, comment: "a minute is enough".into() };
    let Reply::Request { request, .. } = fixture.engine.narrow(less, actor("ben")).await.unwrap() else { panic!("not narrowed") };
    assert_eq!(fixture.known(request).submitted.previous_request, Some(wide));
    let granted = fixture.ask("db.change").await;
    fixture.approve("ben", granted).await.unwrap();
    let halt = Halt { scope: HaltScope::All, principal: None, reason: "something is wrong".into() };
    let Reply::Halted { grants: 1 } = fixture.engine.as_operator(Command::Halt(halt.clone())).await.unwrap() else { panic!("no grant") };
    assert!(fixture.engine.ask(ask("db.change"), actor("bot")).await.is_err());
    assert!(fixture.engine.execute(fixture.redeem_command(granted), actor("bot")).await.is_err());
    fixture.engine.as_operator(Command::Resume(halt)).await.unwrap();
    fixture.ask("db.change").await;
    follows(&fixture);
}
