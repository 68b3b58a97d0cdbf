//! `privyseal replay` against snapshots (equal ones are said to be equal, one that differs is named with the part that differs) and against
//! a decision that nobody should have made.

use privyseal_core::event::{Body, Draft, Event};
use privyseal_core::id::EventId;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Log as _, LogReader as _};
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::{keys, snapshot};
use serde_json::Value;

use crate::support::Instance;

#[test]
fn a_decision_that_does_not_follow_is_named_and_ends_in_1() {
    let mut instance = Instance::start();
    instance.ok(&["exec", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", "a restart", "--", "true"]);
    instance.stop();
    let replayed = instance.ok(&["replay"]);
    assert!(replayed.stdout.contains("1 request.approved") && replayed.stdout.contains(", 0 differences"), "{}", replayed.stdout);
    assert!(replayed.stderr.contains("decisions in") && replayed.stderr.contains("a second"), "{}", replayed.stderr);

    // The same approval a second time: chained, signed, under a signed head, and decided by nobody.
    let layout = Layout::new(instance.data());
    let key = keys::load(&layout.key()).unwrap();
    let mut log = SqliteLog::open(&layout.log()).unwrap();
    let head = log.head().unwrap().unwrap();
    let entries = log.entries(0, usize::MAX).unwrap();
    let events: Vec<Event> = entries.iter().map(|stored| Event::from_entry(&stored.entry).unwrap()).collect();
    let approved = events.iter().find(|event| matches!(event.body, Body::RequestApproved(_))).unwrap();
    let prev = entries.last().map(|stored| stored.leaf);
    let mut tip = Tip { origin: approved.log.clone(), prev, time: head.time, edge: head.edge };
    let draft = Draft { actor: approved.actor.clone(), request_id: approved.request_id, body: approved.body.clone() };
    let (event, stored) = tip.place(draft, EventId::new(head.time, [7; 10]), head.time, &key).unwrap();
    log.append(&tip.batch(vec![(stored, event.kind())], &key)).unwrap();

    let replayed = instance.run(&["replay"]);
    let line = replayed.stdout.lines().find(|line| line.starts_with("DIFFERS")).unwrap_or_default();
    assert!(replayed.code == 1 && line.contains(&format!("at entry {}", event.seq)), "{}{}", replayed.stdout, replayed.stderr);
    let json = instance.run(&["replay", "--format", "json"]);
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &told["differences"][0]["seq"]), (1, &Value::from(event.seq)), "{told}");
    assert_eq!(told["differences"][0]["request"], Value::from(approved.request_id.unwrap().to_string()));
    assert_eq!(told["reperformed"]["execution.finished"], 1);
}

#[test]
fn a_snapshot_that_differs_is_named_with_what_differs() {
    let mut instance = Instance::start();
    instance.ok(&["exec", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", "a restart", "--", "true"]);
    instance.stop();
    let replayed = instance.ok(&["replay"]);
    assert!(replayed.stdout.contains("equal to what the log gives there"), "{}", replayed.stdout);

    let layout = Layout::new(instance.data());
    let key = keys::load(&layout.key()).unwrap();
    let (size, path) = snapshot::list(&layout).unwrap().into_iter().next().unwrap();
    let good = || snapshot::read(&path, &key.verifier()).unwrap();
    // A snapshot that this node signed, and that says something else than the log: as a fold with a defect would have left it.
    let mut of_state = good();
    let gone = of_state.state.principals.keys().next().unwrap().clone();
    of_state.state.principals.remove(&gone);
    let mut of_day = good();
    of_day.day.1 += 1;
    let untouched = std::fs::read(&path).unwrap();
    for (changed, named) in [(of_state, "principals"), (of_day, "count of the day")] {
        snapshot::write(&layout, changed, &key).unwrap();
        let replayed = instance.run(&["replay"]);
        let line = replayed.stdout.lines().find(|line| line.contains("DIFFERS")).unwrap_or_default();
        assert!(replayed.code == 1 && line.contains(&format!("snapshot at {size}")), "{}{}", replayed.stdout, replayed.stderr);
        assert!(line.contains(named) && line.contains("remove the folder `cache`"), "{line}");
        let json = instance.run(&["replay", "--format", "json"]);
        assert!(json.code == 1 && json.stdout.contains(named), "{}", json.stdout);
        std::fs::write(&path, &untouched).unwrap();
    }
    // One that nobody of this node signed is not compared, and no start uses it.
    let mut flipped = untouched.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    let replayed = instance.ok(&["replay"]);
    assert!(replayed.stdout.contains("not compared, and no start will use it"), "{}", replayed.stdout);
    // What the line says to do helps.
    std::fs::remove_dir_all(layout.cache()).unwrap();
    instance.serve();
    instance.stop();
    assert!(instance.ok(&["replay"]).stdout.contains("equal to what the log gives there"));
}
