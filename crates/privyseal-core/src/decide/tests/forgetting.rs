//! What leaves the state, when, and that nothing else does.

use super::world::*;
use crate::command::*;
use crate::event::execution::BreakglassOutcome;
use crate::event::request::Verdict;
use crate::refusal::RefusalCode;
use crate::state::{KEY_SECONDS, MAX_SETTLED, SETTLED_SECONDS};

#[test]
fn a_request_stays_while_something_can_happen_to_it_and_for_an_hour_after() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    let execution = world.redeem("bot", request).unwrap();
    world.forget();
    world.forget();
    assert!(world.state.requests.contains_key(&request), "its run has not ended");
    world.finish("bot", execution).unwrap();
    world.wait(SETTLED_SECONDS - 1);
    world.assign("eve", "auditor");
    assert!(world.state.requests.contains_key(&request), "it settled less than an hour ago");
    world.wait(1);
    world.assign("eve", "auditor");
    assert!(world.state.requests.is_empty() && world.state.grants.is_empty() && world.state.executions.is_empty());
}

#[test]
fn an_emergency_stays_until_it_is_judged() {
    let mut world = World::new();
    let request = world.submit("ana", Submit { breakglass: true, ..submit("1 of group:dba") }).unwrap();
    let execution = world.redeem("ana", request).unwrap();
    world.finish("ana", execution).unwrap();
    world.forget();
    let grant = world.request(request).grant().unwrap();
    assert_eq!(world.state.open_emergencies().count(), 1);
    let judge = JudgeBreakglass { grant, outcome: BreakglassOutcome::Justified, comment: "seen".into(), signed: None };
    world.run(&actor("cat"), Command::JudgeBreakglass(judge.clone())).unwrap();
    world.forget();
    assert!(world.state.requests.is_empty());
    let again = world.run(&actor("cat"), Command::JudgeBreakglass(judge)).unwrap_err();
    assert_eq!(again.code, RefusalCode::NotBreakglass, "judged once is judged for ever");
}

#[test]
fn a_key_is_known_for_a_day_after_its_request_settled() {
    let mut world = World::new();
    let keyed = || Submit { idempotency_key: Some("k".into()), ..submit("1 of group:sre") };
    let request = world.submit("bot", keyed()).unwrap();
    world.review("ana", request, Verdict::Deny).unwrap();
    world.wait(KEY_SECONDS - 1);
    world.assign("eve", "auditor");
    assert!(world.state.requests.is_empty(), "the request itself left after an hour");
    assert_eq!(world.submit("bot", keyed()), Ok(request));
    let mut other = keyed();
    other.action = serde_json::from_value(serde_json::json!({"action": "db.read", "resource": {"type": "postgres", "id": "x"}})).unwrap();
    assert_eq!(world.submit("bot", other).unwrap_err().code, RefusalCode::IdempotencyConflict);
    world.wait(1);
    world.assign("eve", "auditor");
    assert!(world.state.idempotency.is_empty());
    assert_ne!(world.submit("bot", keyed()), Ok(request));
}

#[test]
fn a_rush_of_settled_requests_is_bounded_and_so_is_what_is_remembered_of_who_asked() {
    let mut world = World::new();
    let mut first = None;
    for number in 0..=MAX_SETTLED {
        let mut asked = submit("1 of group:sre");
        asked.justification = format!("reason {number}");
        asked.action.resource.name = format!("postgres:table-{number}").parse().unwrap();
        let request = world.submit("bot", asked).unwrap();
        first.get_or_insert(request);
        world.run(&actor("bot"), Command::Withdraw(Withdraw { request, comment: None })).unwrap();
    }
    assert_eq!(world.state.requests.len(), MAX_SETTLED);
    assert!(!world.state.requests.contains_key(&first.unwrap()), "the one that settled first left");
    let history = world.state.history.values().next().unwrap();
    assert_eq!((history.resources.len(), history.justifications.len()), (256, 256));
    assert_eq!((history.repeats("reason 4096"), history.repeats("reason 0")), (1, 0));
    assert_eq!(history.asked.len(), MAX_SETTLED, "times of a day are bounded too");
    assert_eq!(history.total, u64::try_from(MAX_SETTLED).unwrap() + 1);
}
