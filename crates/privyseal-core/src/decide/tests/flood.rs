//! An agent that asks too much is told to come back, once an hour the log says so, and nobody else waits for it.

use super::world::*;
use crate::command::*;
use crate::event::Body;
use crate::event::request::Verdict;
use crate::refusal::RefusalCode::*;

fn limited(limits: RateLimits, requirement: &str) -> Submit {
    let mut asked = submit(requirement);
    asked.assessed.limits = limits;
    asked
}

#[test]
fn ten_thousand_requests_of_one_agent_in_a_minute() {
    let mut world = World::new();
    let limits = RateLimits { per_minute_agent: Some(60), ..RateLimits::default() };
    let before = world.events.len();
    let (mut passed, mut refused) = (0, 0);
    for number in 0..10_000 {
        match world.submit("bot", limited(limits, "none")) {
            Ok(_) => passed += 1,
            Err(refusal) => {
                assert_eq!(refusal.code, RateLimited);
                refused += 1;
            }
        }
        if number % 1_000 == 999 {
            world.wait(6);
        }
    }
    assert_eq!((passed, refused), (60, 9_940));
    let alerts =
        world.events[before..].iter().filter(|event| matches!(&event.body, Body::AlertRaised(alert) if alert.kind == "rate_limit"));
    assert_eq!(alerts.count(), 1, "what is refused leaves one alert, not thousands of entries");
    assert_eq!(world.events.len() - before, 60 * 3 + 1);
    // The others ask as ever, and so does it a minute later.
    world.submit("sub", limited(limits, "none")).unwrap();
    world.wait(60);
    world.submit("bot", limited(limits, "none")).unwrap();
    let before = world.events.len();
    world.wait(3_600);
    for _ in 0..61 {
        let _ = world.submit("bot", limited(limits, "none"));
    }
    assert_eq!(world.kinds_since(before).iter().filter(|kind| **kind == "alert.raised").count(), 1, "an hour later it is said again");
}

#[test]
fn many_agents_of_one_owner_do_not_get_around_the_limit() {
    let mut world = World::new();
    let mut record = world.state.principals[&"sub".parse().unwrap()].record.clone();
    record.owner = Some("dan".parse().unwrap());
    world.operate(Directory::Change { record, reason: "moved".into() });
    let limits = RateLimits { per_minute_owner: Some(4), ..RateLimits::default() };
    for agent in ["bot", "sub", "bot", "sub"] {
        world.submit(agent, limited(limits, "none")).unwrap();
    }
    for agent in ["bot", "sub"] {
        assert_eq!(world.submit(agent, limited(limits, "none")).unwrap_err().code, RateLimited, "{agent}");
    }
    world.submit("dan", limited(limits, "none")).unwrap();
}

#[test]
fn what_waits_for_people_is_limited_and_makes_room_when_it_ends() {
    let mut world = World::new();
    let limits = RateLimits { pending_agent: Some(2), ..RateLimits::default() };
    let ask = |world: &mut World| world.submit("bot", limited(limits, "1 of group:sre"));
    let first = ask(&mut world).unwrap();
    ask(&mut world).unwrap();
    assert_eq!(ask(&mut world).unwrap_err().code, RateLimited);
    world.review("ana", first, Verdict::Deny).unwrap();
    ask(&mut world).unwrap();
    assert_eq!(world.state.pending_of(&"bot".parse().unwrap()), 2);
    world.wait(1_800);
    world.expire();
    assert_eq!(world.state.pending_of(&"bot".parse().unwrap()), 0);
}

#[test]
fn the_same_idempotency_key_again_is_no_second_request() {
    let mut world = World::new();
    let limits = RateLimits { per_minute_agent: Some(1), ..RateLimits::default() };
    let keyed = || Submit { idempotency_key: Some("k".into()), ..limited(limits, "none") };
    let first = world.submit("bot", keyed()).unwrap();
    assert_eq!(world.submit("bot", keyed()).unwrap(), first, "a double click is answered, limit or not");
}
