//! What has left the state is answered, shown and listed as if it had not; snapshots are a cache and nothing more.

use std::fs;
use std::sync::Arc;

use privyseal_core::command::{Command, Finish, GiveUp, JudgeBreakglass, Named, Redeem, Reply, RevokeGrant, Withdraw};
use privyseal_core::event::execution::{BreakglassOutcome, RunOutcome};
use privyseal_core::id::{ExecutionId, RequestId};
use privyseal_core::refusal::RefusalCode;
use privyseal_core::request::Request;
use privyseal_core::state::{SETTLED_SECONDS, State};
use privyseal_engine::{Cursor, EngineError, open};
use privyseal_ledger::snapshot;

use crate::fixture::{Fixture, actor};

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

/// Requests in every stage in which nothing can happen to them any more.
async fn settled(fixture: &Fixture) -> Vec<RequestId> {
    let mut requests = Vec::new();
    for stage in ["done", "unknown", "revoked", "grant expired", "expired", "cancelled"] {
        let request = fixture.ask("db.change").await;
        match stage {
            "cancelled" => {
                fixture.engine.execute(Command::Withdraw(Withdraw { request, comment: None }), actor("bot")).await.unwrap();
            }
            "expired" => {}
            _ => {
                fixture.approve("ben", request).await.unwrap();
            }
        }
        if stage == "revoked" {
            let grant = fixture.known(request).grant().unwrap();
            let revoke = RevokeGrant { grant, reason: "no".into() };
            fixture.engine.execute(Command::RevokeGrant(revoke), actor("ana")).await.unwrap();
        }
        if stage == "done" || stage == "unknown" {
            let reply = fixture.engine.execute(fixture.redeem_command(request), actor("bot")).await.unwrap();
            let Reply::Execution(execution) = reply else { panic!("{reply:?}") };
            let give_up = Command::GiveUp(GiveUp { execution, reason: "gone".into() });
            let end = if stage == "done" { finish(execution) } else { give_up };
            fixture.engine.execute(end, actor("bot")).await.unwrap();
        }
        requests.push(request);
    }
    fixture.later(3_600).await;
    assert!(requests.iter().all(|request| fixture.known(*request).is_settled()));
    requests
}

/// Every command that names a request, with what the engine answers.
async fn answers(fixture: &Fixture, request: &Request) -> Vec<(&'static str, Option<RefusalCode>)> {
    let id = request.id;
    let (withdraw, review) = (Command::Withdraw(Withdraw { request: id, comment: None }), fixture.review_command(request));
    let mut commands = vec![("withdraw", "bot", withdraw), ("review", "ben", review)];
    if let Some(grant) = request.granted() {
        let id = grant.issued.grant_id;
        let redeem =
            Redeem { grant: id, run_digest: grant.issued.action_digest, tool: None, host: None, artefacts: vec![], audience: None };
        let judge = JudgeBreakglass { grant: id, outcome: BreakglassOutcome::Justified, comment: "seen".into(), signed: None };
        commands.push(("redeem", "bot", Command::Redeem(redeem)));
        commands.push(("revoke", "ana", Command::RevokeGrant(RevokeGrant { grant: id, reason: "no".into() })));
        commands.push(("judge", "ben", Command::JudgeBreakglass(judge)));
        for execution in &grant.executions {
            commands.push(("finish", "bot", finish(*execution)));
            commands.push(("give up", "bot", Command::GiveUp(GiveUp { execution: *execution, reason: "gone".into() })));
        }
    }
    let mut answers = Vec::new();
    for (name, who, command) in commands {
        let code = match fixture.engine.execute(command, actor(who)).await {
            Ok(_) => None,
            Err(EngineError::Refused(refusal)) => Some(refusal.code),
            Err(error) => panic!("{name}: {error}"),
        };
        answers.push((name, code));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_answered_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let requests = settled(&fixture).await;
    let (mut seen, mut before) = (Vec::new(), Vec::new());
    for request in &requests {
        seen.push(fixture.known(*request));
        before.push(answers(&fixture, seen.last().unwrap()).await);
    }
    assert!(before.iter().flatten().all(|(_, code)| code.is_some()), "all of it is refused: {before:?}");
    fixture.later(SETTLED_SECONDS).await;
    let held = fixture.engine.read(|state| (state.requests.len(), state.grants.len(), state.executions.len()));
    assert_eq!(held, (0, 0, 0), "nothing is held of them");
    for ((request, seen), before) in requests.iter().zip(&seen).zip(&before) {
        assert_eq!(fixture.known(*request), *seen);
        if let Some(grant) = seen.granted() {
            let by_grant = fixture.engine.request(Named::Grant(grant.issued.grant_id)).unwrap();
            assert_eq!(by_grant.as_ref(), Some(seen));
            for execution in &grant.executions {
                assert_eq!(fixture.engine.request(Named::Execution(*execution)).unwrap().as_ref(), Some(seen));
            }
        }
        assert_eq!(answers(&fixture, seen).await, *before);
    }
    let nowhere = fixture.engine.request(Named::Grant(privyseal_core::id::GrantId::new(fixture.engine.now(), [9; 10])));
    assert_eq!(nowhere.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_through_all_that_there_ever_was() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let mut all = settled(&fixture).await;
    fixture.later(SETTLED_SECONDS).await;
    all.push(fixture.ask("db.change").await);
    all.reverse();
    let ids = |requests: Vec<Arc<Request>>| requests.iter().map(|request| request.id).collect::<Vec<_>>();
    let list = |cursor, most| ids(fixture.engine.requests(cursor, most).unwrap());
    assert_eq!(list(Cursor::Newest, 100), all);
    assert_eq!(list(Cursor::Newest, 2), all[..2]);
    assert_eq!(list(Cursor::Before(all[1]), 3), all[2..5]);
    let newer: Vec<_> = all[2..5].iter().rev().copied().collect();
    assert_eq!(list(Cursor::After(all[5]), 3), newer);
    assert!(list(Cursor::After(all[0]), 3).is_empty());
}

fn newest(fixture: &Fixture) -> (u64, std::path::PathBuf) {
    snapshot::list(&fixture.options.layout).unwrap().into_iter().next().unwrap()
}

/// Everything but what the writer itself records between two starts.
fn comparable(mut state: State) -> State {
    state.next_seq = 0;
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_from_a_snapshot_is_a_start_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    settled(&fixture).await;
    let pending = fixture.ask("db.change").await;
    let before = comparable(fixture.engine.read(Clone::clone));
    fixture.engine.close().await;
    let (size, path) = newest(&fixture);
    let good = fs::read(&path).unwrap();
    assert_eq!(snapshot::read(&path, &fixture.key().verifier()).unwrap().edge.size(), size, "the snapshot of a clean close is whole");
    for damage in ["none", "no snapshot", "a flipped bit", "cut", "of another key", "of another log", "of a newer format"] {
        for (_, path) in snapshot::list(&fixture.options.layout).unwrap() {
            fs::remove_file(path).unwrap();
        }
        let mut bytes = good.clone();
        match damage {
            "a flipped bit" => *bytes.iter_mut().rev().nth(100).unwrap() ^= 1,
            "cut" => bytes.truncate(bytes.len() / 2),
            "of a newer format" => bytes[16] = b'2',
            "of another key" => {
                let mut snapshot = snapshot_of(&fixture, &path, &good);
                snapshot.state.principals.clear();
                let key = privyseal_core::note::NodeKey::from_seed("test.example/privyseal/engine", &[3; 32]).unwrap();
                bytes = fs::read(snapshot::write(&fixture.options.layout, snapshot, &key).unwrap()).unwrap();
            }
            "of another log" => {
                let mut snapshot = snapshot_of(&fixture, &path, &good);
                snapshot.prev = privyseal_core::digest::Digest::of(b"another");
                snapshot.state.principals.clear();
                bytes = fs::read(snapshot::write(&fixture.options.layout, snapshot, &fixture.key()).unwrap()).unwrap();
            }
            _ => {}
        }
        if damage != "no snapshot" {
            fs::write(&path, bytes).unwrap();
        }
        fixture.engine = open(&fixture.options).unwrap_or_else(|error| panic!("{damage}: {error}"));
        let after = comparable(fixture.engine.read(Clone::clone));
        assert_eq!(after.differences(&before), Vec::<String>::new(), "{damage}");
        fixture.engine.close().await;
    }
    fixture.engine = open(&fixture.options).unwrap();
    fixture.approve("ben", pending).await.unwrap();
}

fn snapshot_of(fixture: &Fixture, path: &std::path::Path, good: &[u8]) -> snapshot::Snapshot {
    fs::write(path, good).unwrap();
    snapshot::read(path, &fixture.key().verifier()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_and_counts_go_on_from_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    for round in 0..4 {
        for _ in 0..40 {
            fixture.ask("db.read").await;
        }
        fixture.engine.close().await;
        let size = newest(&fixture).0;
        let entries = fixture.entries();
        assert_eq!(size, entries, "round {round}: the snapshot of a clean close is of everything");
        fixture.engine = open(&fixture.options).unwrap();
    }
    fixture.later(86_400).await;
    fixture.engine.close().await;
    let report = privyseal_ledger::verify::verify_folder(&fixture.options.layout, None, &mut |_, _| {});
    assert_eq!(report.verdict, privyseal_ledger::verify::Verdict::Verified, "{report}");
    let counted = fixture.counted();
    assert_eq!(counted.len(), 1);
    let of_the_day = fixture.entries_on("2026-07-01");
    assert_eq!(counted[0], of_the_day, "the count of the first day is of all its entries, over four restarts");
    assert!(snapshot::list(&fixture.options.layout).unwrap().len() <= 2, "old snapshots are removed");
}
