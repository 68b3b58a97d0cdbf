//! Hidden values through a real engine: what reaches the disk, who sees what, and erasing that neither claims too much nor forgets.

use std::path::Path;

use privyseal_core::command::{Command, Directory, Redeem, Reply, Withdraw};
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::Principal;
use privyseal_core::event::{ActorKind, Body, Event, Kind};
use privyseal_core::hidden::{commit, form, members};
use privyseal_core::id::{EventId, RequestId};
use privyseal_core::refusal::RefusalCode;
use privyseal_core::state::SETTLED_SECONDS;
use privyseal_engine::{Ask, EngineError, Target, Words, open};
use privyseal_ledger::private::{Found, Order, PrivateStore as _, SqlitePrivate};
use privyseal_ledger::store::Store;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::cut::{Cut, Relay};
use crate::fixture::{Fixture, actor, ask};
use crate::shared::two;

const SECRET: &str = "correct-horse-battery";
const REASON: &str = "the customer Example Ltd is waiting for it";

fn secret_ask(secret: &str, key: Option<&str>) -> Ask {
    let mut ask = ask("db.change");
    ask.action.parameters.insert("password".into(), json!(secret));
    ask.action.parameters.insert("region".into(), json!("eu"));
    ask.justification = REASON.into();
    ask.idempotency_key = key.map(str::to_owned);
    ask
}

async fn submit(fixture: &Fixture, ask: Ask) -> Result<(RequestId, bool), EngineError> {
    match fixture.engine.ask(ask, actor("bot")).await? {
        Reply::Request { request, existing } => Ok((request, existing)),
        other => panic!("{other:?}"),
    }
}

/// Events of a kind, in order.
fn events(fixture: &Fixture, kind: Kind) -> Vec<Event> {
    let log = Store::of(&fixture.options.layout).reader().unwrap();
    log.entries_of(kind).unwrap().iter().map(|stored| Event::from_entry(&stored.entry).unwrap()).collect()
}

fn redactions(fixture: &Fixture) -> Vec<(EventId, String, String, String)> {
    let made = events(fixture, Kind::RedactionMade).into_iter().map(|event| match event.body {
        Body::RedactionMade(made) => (made.event_id, made.pointer, made.reason, event.actor.id.to_string()),
        other => panic!("{other:?}"),
    });
    made.collect()
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { holds(&path, bytes) } else { std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) }
    })
}

fn refusal(error: &EngineError) -> RefusalCode {
    match error {
        EngineError::Refused(refusal) => refusal.code,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_reasons_reach_the_disk_as_commitments_only() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let (request, _) = submit(&fixture, secret_ask(SECRET, None)).await.unwrap();
    for clear in [SECRET, "Example Ltd"] {
        assert!(!holds(folder.path(), clear.as_bytes()), "{clear} lies open somewhere");
    }
    let (recorded, digest, opened, words) = fixture.engine.view(|view| {
        let submitted = &view.requests[&request].submitted;
        let recorded = serde_json::to_value(&submitted.action).unwrap();
        let (opened, closed) = view.open(&recorded);
        assert!(closed.is_empty());
        (recorded, submitted.action_digest, opened, view.words(&submitted.justification))
    });
    assert_eq!(opened["parameters"], json!({"password": SECRET, "region": "eu"}));
    assert_eq!(words, Words::Clear(REASON.into()));
    assert_eq!(recorded["parameters"]["region"], "eu");
    assert_eq!(members(&recorded).len(), 1);

    // Who runs it commits to what they hold with the salt of the request: the same secret gives the digest that was approved, another does not.
    fixture.approve("ben", request).await.unwrap();
    let (grant, salt) = fixture.engine.view(|view| {
        let (_, commitment) = members(&recorded).remove(0);
        let Found::Clear(salt, _) = view.find(&commitment) else { panic!("not there") };
        (view.requests[&request].grant().unwrap(), salt)
    });
    let run = |secret: &str| {
        let mut action = secret_ask(secret, None).action;
        action.parameters.insert("password".into(), form(&commit(&salt, &json!(secret)).unwrap()));
        action.digest().unwrap()
    };
    assert_eq!(run(SECRET), digest);
    let redeem =
        |run_digest: Digest| Command::Redeem(Redeem { grant, run_digest, tool: None, host: None, artefacts: vec![], audience: None });
    let error = fixture.engine.execute(redeem(run("another")), actor("bot")).await.unwrap_err();
    assert_eq!(refusal(&error), RefusalCode::ActionChanged);
    fixture.engine.execute(redeem(run(SECRET)), actor("bot")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_again_is_recognised_under_its_commitments() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let (request, existing) = submit(&fixture, secret_ask(SECRET, Some("key-1"))).await.unwrap();
    assert!(!existing);
    assert_eq!(submit(&fixture, secret_ask(SECRET, Some("key-1"))).await.unwrap(), (request, true));
    let error = submit(&fixture, secret_ask("changed", Some("key-1"))).await.unwrap_err();
    assert_eq!(refusal(&error), RefusalCode::IdempotencyConflict);
    // The same words again are counted though the log cannot compare them; also across a restart, and within one batch.
    fixture.engine.close().await;
    fixture.engine = open(&fixture.options).unwrap();
    let batch: Vec<_> =
        (0..3u8).map(|number| fixture.engine.queue_ask(secret_ask(SECRET, None), actor("bot"), [number + 40; 32]).unwrap()).collect();
    let mut repeats = Vec::new();
    for answer in batch {
        let Reply::Request { request, .. } = answer.await.unwrap() else { panic!() };
        repeats.push(fixture.engine.read(|state| state.requests[&request].submitted.justification_repeats));
    }
    assert_eq!(repeats, [1, 2, 3]);
    // Without the salt nobody can tell any more whether it is the same: refused, never taken for it.
    fixture.engine.erase(Target::Subject("principal:bot".parse().unwrap()), "asked to", None, actor("ana")).await.unwrap();
    let error = submit(&fixture, secret_ask(SECRET, Some("key-1"))).await.unwrap_err();
    assert_eq!(refusal(&error), RefusalCode::IdempotencyConflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_left_the_state_is_recognised_and_can_stand_behind_an_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let (withdrawn, _) = submit(&fixture, secret_ask(SECRET, Some("key-1"))).await.unwrap();
    fixture.engine.execute(Command::Withdraw(Withdraw { request: withdrawn, comment: None }), actor("bot")).await.unwrap();
    let (approved, _) = submit(&fixture, ask("db.change")).await.unwrap();
    fixture.approve("ben", approved).await.unwrap();
    // Once to let the grant expire, once to let what is settled by then leave.
    for _ in 0..2 {
        fixture.later(SETTLED_SECONDS + 3_600).await;
    }
    let is_gone = |fixture: &Fixture| fixture.engine.read(|state| [withdrawn, approved].iter().all(|id| state.request(id).is_none()));
    for restarted in [false, true] {
        if restarted {
            fixture.engine.close().await;
            fixture.engine = open(&fixture.options).unwrap();
        }
        assert!(is_gone(&fixture));
        assert_eq!(submit(&fixture, secret_ask(SECRET, Some("key-1"))).await.unwrap(), (withdrawn, true), "restarted: {restarted}");
        let error = submit(&fixture, secret_ask("changed", Some("key-1"))).await.unwrap_err();
        assert_eq!(refusal(&error), RefusalCode::IdempotencyConflict);
    }
    let bot = || Target::Subject("principal:bot".parse().unwrap());
    let unapproved = fixture.engine.erase(bot(), "asked to", Some(withdrawn), actor("ana")).await.unwrap_err();
    assert!(unapproved.to_string().contains("is not approved"), "{unapproved}");
    assert_eq!(fixture.engine.erase(bot(), "asked to", Some(approved), actor("ana")).await.unwrap(), 3);
    assert!(is_gone(&fixture), "it was only looked at");
    let behind = events(&fixture, Kind::RedactionMade).into_iter().map(|event| match event.body {
        Body::RedactionMade(made) => made.change_request,
        other => panic!("{other:?}"),
    });
    assert_eq!(behind.collect::<Vec<_>>(), [Some(approved); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_is_for_administrators_and_leaves_nothing_but_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let (request, _) = submit(&fixture, secret_ask(SECRET, None)).await.unwrap();
    let (event, justification) = match events(&fixture, Kind::RequestSubmitted).remove(0) {
        Event { id, body: Body::RequestSubmitted(submitted), .. } => (id, submitted.justification),
        other => panic!("{other:?}"),
    };
    let bot = || Target::Subject("principal:bot".parse().unwrap());
    let password = || Target::Value { event_id: event, pointer: "/body/parameters/password".into() };
    for (target, who, reason, expected) in [
        (bot(), "ben", "asked to", RefusalCode::RoleMissing),
        (bot(), "bot", "asked to", RefusalCode::RoleMissing),
        (bot(), "ana", "  ", RefusalCode::Invalid),
        (bot(), "ana", "two\nlines", RefusalCode::Invalid),
        (Target::Subject("nobody".parse().unwrap()), "ana", "asked to", RefusalCode::NothingHidden),
        (Target::Value { event_id: event, pointer: "/body/ticket".into() }, "ana", "asked to", RefusalCode::NothingHidden),
    ] {
        let error = fixture.engine.erase(target, reason, None, actor(who)).await.unwrap_err();
        assert_eq!(refusal(&error), expected, "{who}: {reason}");
    }
    let unapproved = fixture.engine.erase(bot(), "asked to", Some(request), actor("ana")).await.unwrap_err();
    assert!(unapproved.to_string().contains("is not approved"), "{unapproved}");
    assert!(redactions(&fixture).is_empty());

    assert_eq!(fixture.engine.erase(password(), "leaked", None, actor("ana")).await.unwrap(), 1);
    assert_eq!(refusal(&fixture.engine.erase(password(), "leaked", None, actor("ana")).await.unwrap_err()), RefusalCode::NothingHidden);
    assert_eq!(redactions(&fixture), [(event, "/body/parameters/password".into(), "leaked".into(), "ana".into())]);
    let shown = |fixture: &Fixture| fixture.engine.view(|view| view.words(&justification));
    assert_eq!(shown(&fixture), Words::Clear(REASON.into()), "the reason of the same request is still there");
    assert_eq!(fixture.engine.erase(bot(), "asked to", None, actor("ana")).await.unwrap(), 1);
    assert!(matches!(shown(&fixture), Words::Erased(_)), "{:?}", shown(&fixture));
    assert_eq!(shown(&fixture).or_why_not(), "(erased on 2026-07-01)");

    // The request lives on, entries, signatures, chain and tree verify, and a restart finds the same.
    fixture.approve("ben", request).await.unwrap();
    fixture.engine.close().await;
    let report = privyseal_ledger::verify::verify_folder(&fixture.options.layout, None, &mut |_, _| {});
    assert_eq!(report.verdict.exit_code(), 0, "{report}");
    fixture.engine = open(&fixture.options).unwrap();
    assert!(matches!(shown(&fixture), Words::Erased(_)));
    assert_eq!(redactions(&fixture).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_cut_short_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    submit(&fixture, secret_ask(SECRET, None)).await.unwrap();
    submit(&fixture, secret_ask(SECRET, None)).await.unwrap();
    fixture.engine.close().await;

    // The process died after step 1: destroyed, nothing recorded.
    let path = fixture.options.layout.private();
    let order = Order { actor: actor("ana"), reason: "asked to".into(), change_request: None, at: fixture.engine.now() };
    let erased = SqlitePrivate::open(&path).unwrap().erase(&Target::Subject("principal:bot".parse().unwrap()), &order).unwrap();
    assert_eq!(erased, 4);
    assert!(redactions(&fixture).is_empty(), "never claimed before it is finished");
    let restart = async |fixture: &mut Fixture| {
        fixture.engine = open(&fixture.options).unwrap();
        // Whatever is answered comes after what the start found to do.
        fixture.operate(Directory::Switch { principal: "ben".parse().unwrap(), enabled: true, reason: "x".into() }).await;
        fixture.operate(Directory::Switch { principal: "ben".parse().unwrap(), enabled: true, reason: "x".into() }).await;
        fixture.engine.close().await;
    };
    restart(&mut fixture).await;
    let made = redactions(&fixture);
    assert_eq!(made.len(), 4);
    assert!(made.iter().all(|(.., reason, who)| reason == "asked to" && who == "ana"));

    // It died between steps 3 and 4: recorded, and still owed.
    let connection = rusqlite::Connection::open(&path).unwrap();
    let owe = "INSERT INTO owed (event_id, pointer, actor, reason, at) VALUES (?1, ?2, ?3, 'asked to', 0)";
    for (event, pointer, ..) in &made {
        connection.execute(owe, (event.to_string(), pointer, serde_json::to_string(&actor("ana")).unwrap())).unwrap();
    }
    // And one by somebody who has lost the right since: what happened is recorded all the same.
    let lost = EventId::new(fixture.engine.now(), [9; 10]);
    connection.execute(owe, (lost.to_string(), "/body/name", serde_json::to_string(&actor("ben")).unwrap())).unwrap();
    drop(connection);
    restart(&mut fixture).await;
    let made = redactions(&fixture);
    assert_eq!(made.len(), 5, "none twice");
    assert_eq!(made.last().unwrap().3, "system");
    assert!(SqlitePrivate::open(&path).unwrap().owed().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_log_in_postgres_values_are_erased_once_whatever_becomes_of_the_record() {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::start());
    let url = cluster.database("erasing");
    let relay = Relay::start(&url);
    let (first, second) = two(folder.path(), &relay.through(&url)).await;
    let mut erased = Vec::new();
    for cut in [None, Some(Cut::Before), Some(Cut::After), Some(Cut::During)] {
        let (request, _) = submit(&first, secret_ask(SECRET, None)).await.unwrap();
        let event = events(&first, Kind::RequestSubmitted).pop().unwrap().id;
        let value = || Target::Value { event_id: event, pointer: "/body/parameters/password".into() };
        second.head().wait_for(|_| second.read(|state| state.request(&request).is_some())).await.unwrap();
        let error = second.erase(value(), "leaked", None, actor("ana")).await.unwrap_err();
        assert_eq!(refusal(&error), RefusalCode::NothingHidden, "values stay with the node that recorded them");
        if let Some(cut) = cut {
            relay.cut(cut);
        }
        match (cut, first.engine.erase(value(), "leaked", None, actor("ana")).await) {
            (None | Some(Cut::After | Cut::During), Ok(1)) => {}
            (Some(Cut::Before | Cut::During), Err(EngineError::Unfinished(told))) => assert!(told.contains("postgres://"), "{told}"),
            (_, other) => panic!("{cut:?}: {other:?}"),
        }
        assert!(relay.is_cut(), "{cut:?}: nothing was cut");
        let commitment = |state: &privyseal_core::state::State| {
            members(&serde_json::to_value(&state.requests[&request].submitted.action).unwrap()).remove(0).1
        };
        let gone = first.engine.view(|view| view.find(&commitment(view)));
        assert!(matches!(gone, Found::Erased(_)), "{cut:?}: whatever became of the record, the value is gone");
        erased.push(event);
        // What is owed is recorded without anybody asking for it.
        first.later(31).await;
        let recorded = || redactions(&first).into_iter().map(|(event, ..)| event).collect::<Vec<_>>();
        first.engine.head().wait_for(|_| recorded() == erased).await.unwrap();
    }
    first.engine.close().await;
    second.close().await;
    assert!(SqlitePrivate::open(&first.options.layout.private()).unwrap().owed().unwrap().is_empty());
    for layout in [&first.options.layout, second.layout()] {
        let report = privyseal_ledger::verify::verify_folder(layout, None, &mut |_, _| {});
        assert_eq!(report.verdict.exit_code(), 0, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_entry_is_acknowledged_whose_values_could_not_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let register = |who: &str| {
        let person = who.parse().unwrap();
        let (kind, owner, parent, agent, email) = (ActorKind::Human, None, None, None, None);
        let record = Principal {
            principal: who.parse().unwrap(),
            kind,
            name: "Zoë Example".into(),
            email,
            person: Some(person),
            owner,
            parent,
            agent,
        };
        fixture.engine.as_operator(Command::Directory(Directory::Register(record)))
    };
    let before = events(&fixture, Kind::PrincipalRegistered).len();
    let private = rusqlite::Connection::open(fixture.options.layout.private()).unwrap();
    private.execute_batch("ALTER TABLE opening RENAME TO away").unwrap();
    let error = register("zoe").await.unwrap_err();
    assert!(matches!(&error, EngineError::NotRecorded(reason) if reason.contains("private.sqlite")), "{error}");
    assert_eq!(events(&fixture, Kind::PrincipalRegistered).len(), before);
    assert!(fixture.engine.read(|state| !state.principals.contains_key(&"zoe".parse().unwrap())));
    private.execute_batch("ALTER TABLE away RENAME TO opening").unwrap();
    register("zoe").await.unwrap();
    let name = |fixture: &Fixture| fixture.engine.view(|view| view.words(&view.principals[&"zoe".parse().unwrap()].record.name));
    assert_eq!(name(&fixture), Words::Clear("Zoë Example".into()));
    fixture.engine.close().await;
    fixture.engine = open(&fixture.options).unwrap();
    assert_eq!(name(&fixture), Words::Clear("Zoë Example".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_shown_somebody_elses_value() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let (request, _) = submit(&fixture, secret_ask(SECRET, None)).await.unwrap();
    let recorded: Value = fixture.engine.read(|state| json!(state.requests[&request].submitted.action));
    // Whoever has read the commitment in the ledger asks with it, hoping that the portal opens it.
    let mut curious = ask("db.change");
    curious.action.parameters.insert("note".into(), recorded["parameters"]["password"].clone());
    assert_eq!(refusal(&submit(&fixture, curious).await.unwrap_err()), RefusalCode::Invalid);
}
