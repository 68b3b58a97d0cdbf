//! Whole journeys through the real engine.

use futures::future::join_all;
use privyseal_core::command::{Command, Reply, Withdraw};
use privyseal_core::refusal::RefusalCode;
use privyseal_core::request::RequestState;
use privyseal_engine::EngineError;
use privyseal_ledger::verify::{Verdict, verify_folder};

use crate::fixture::{Fixture, actor, ask};

fn code(result: Result<Reply, EngineError>) -> Option<RefusalCode> {
    match result {
        Err(EngineError::Refused(refusal)) => Some(refusal.code),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_ask_to_a_ledger_that_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let low = fixture.ask("db.read").await;
    assert_eq!(fixture.state_of(low), RequestState::Approved);
    let high = fixture.ask("db.change").await;
    assert_eq!(fixture.state_of(high), RequestState::Pending);
    assert_eq!(code(fixture.approve("ana", high).await), Some(RefusalCode::SubjectOfRequest), "ana owns the agent");
    fixture.approve("ben", high).await.unwrap();
    fixture.engine.execute(fixture.redeem_command(high), actor("bot")).await.unwrap();
    assert_eq!(code(fixture.engine.execute(fixture.redeem_command(high), actor("bot")).await), Some(RefusalCode::GrantUsed));
    let sealed = fixture.engine.seal().await.unwrap();
    assert_eq!(sealed.len(), 1);
    assert!(fixture.engine.seal().await.unwrap().len() == 1, "the record of the first seal is new itself");
    fixture.engine.close().await;
    let report = verify_folder(&fixture.options.layout, None, &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_action_is_bad_input_and_leaves_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let before = fixture.engine.read(|state| state.next_seq);
    let error = fixture.engine.ask(ask("db.chnge"), actor("bot")).await.unwrap_err();
    assert_eq!(error.to_string(), "the action `db.chnge` is not in the action catalogue; did you mean `db.change`?");
    assert_eq!(fixture.engine.read(|state| state.next_seq), before);
}

/// Many redeems of one grant at once, over many grants: each runs exactly once.
#[tokio::test(flavor = "multi_thread")]
async fn racing_redeems_release_each_grant_once() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let mut requests = Vec::new();
    for _ in 0..20 {
        requests.push(fixture.ask("db.read").await);
    }
    let commands: Vec<Command> = requests.iter().flat_map(|request| std::iter::repeat_n(fixture.redeem_command(*request), 25)).collect();
    let results = join_all(commands.into_iter().map(|command| fixture.engine.execute(command, actor("bot")))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 20);
    assert!(
        results
            .iter()
            .filter(|result| result.is_err())
            .all(|result| matches!(result, Err(EngineError::Refused(refusal)) if refusal.code == RefusalCode::GrantUsed))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn time_ends_requests_and_grants_before_anything_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let request = fixture.ask("db.change").await;
    let low = fixture.ask("db.read").await;
    fixture.clock.advance_to("2026-07-01T10:00:00Z".parse().unwrap());
    assert_eq!(
        code(fixture.approve("ben", request).await),
        Some(RefusalCode::RequestDecided),
        "it expired before the review was looked at"
    );
    assert_eq!(fixture.state_of(request), RequestState::Expired);
    assert_eq!(code(fixture.engine.execute(fixture.redeem_command(low), actor("bot")).await), Some(RefusalCode::GrantExpired));
    // Without any command, the writer's own clock does it.
    let idle = fixture.ask("db.change").await;
    fixture.clock.advance_to("2026-07-01T12:00:00Z".parse().unwrap());
    let mut head = fixture.engine.head();
    while fixture.state_of(idle) == RequestState::Pending {
        head.changed().await.unwrap();
    }
    assert_eq!(fixture.state_of(idle), RequestState::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawing_is_not_denying() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let request = fixture.ask("db.change").await;
    fixture.engine.execute(Command::Withdraw(Withdraw { request, comment: None }), actor("bot")).await.unwrap();
    assert_eq!(fixture.state_of(request), RequestState::Cancelled);
}
