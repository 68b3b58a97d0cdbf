//! Grants: how often, how long, by whom, where; and asking for less.

use serde_json::json;

use super::world::*;
use crate::action::Limits;
use crate::command::*;
use crate::event::Body;
use crate::event::request::Verdict;
use crate::id::*;
use crate::refusal::RefusalCode::*;
use crate::request::{Phase, RequestState};

fn issued(world: &World, request: RequestId) -> std::sync::Arc<crate::event::execution::GrantIssued> {
    world.request(request).granted().unwrap().issued.clone()
}

fn redeem_at(world: &mut World, who: &str, request: RequestId, audience: Option<&str>) -> Result<Reply, crate::refusal::Refusal> {
    let issued = issued(world, request);
    let audience = audience.map(str::to_owned);
    let redeem = Redeem { grant: issued.grant_id, run_digest: issued.action_digest, tool: None, host: None, artefacts: vec![], audience };
    world.run(&actor(who), Command::Redeem(redeem))
}

#[test]
fn a_grant_of_several_uses_is_used_as_often_as_it_says() {
    let mut world = World::new();
    let mut asked = submit("none");
    asked.assessed.assessment.uses = 3;
    let request = world.submit("bot", asked).unwrap();
    for number in 1..=3 {
        let execution = world.redeem("bot", request).unwrap();
        let Body::GrantRedeemed(redeemed) = &world.events[world.events.len() - 2].body else { panic!() };
        assert_eq!(redeemed.use_number, number);
        world.finish("bot", execution).unwrap();
    }
    assert_eq!(world.redeem("bot", request).unwrap_err().code, GrantUsed);
}

#[test]
fn a_grant_of_several_uses_can_be_taken_back_between_two() {
    let mut world = World::new();
    let mut asked = submit("none");
    asked.assessed.assessment.uses = 3;
    let request = world.submit("bot", asked).unwrap();
    world.redeem("bot", request).unwrap();
    let grant = issued(&world, request).grant_id;
    world.run(&actor("dan"), Command::RevokeGrant(RevokeGrant { grant, reason: "enough".into() })).unwrap();
    assert_eq!(world.redeem("bot", request).unwrap_err().code, GrantRevoked);
}

#[test]
fn what_is_asked_may_be_less_than_policy_allows_and_never_more() {
    for (limits, seconds, uses) in [
        (None, 600, 3),
        (Some(Limits { seconds: Some(60), uses: None }), 60, 3),
        (Some(Limits { seconds: Some(6_000), uses: Some(9) }), 600, 3),
        (Some(Limits { seconds: None, uses: Some(1) }), 600, 1),
    ] {
        let mut world = World::new();
        let mut asked = submit("none");
        asked.assessed.assessment.uses = 3;
        asked.action.limits = limits;
        let request = world.submit("bot", asked).unwrap();
        let issued = issued(&world, request);
        assert_eq!(issued.expires_at, issued.not_before.plus_seconds(seconds), "{limits:?}");
        assert_eq!(issued.max_uses, uses, "{limits:?}");
    }
    for bad in [
        Limits::default(),
        Limits { seconds: Some(0), uses: None },
        Limits { seconds: None, uses: Some(0) },
        Limits { seconds: Some(-5), uses: None },
    ] {
        let mut asked = submit("none");
        asked.action.limits = Some(bad);
        assert_eq!(World::new().submit("bot", asked).unwrap_err().code, Invalid, "{bad:?}");
    }
}

#[test]
fn a_grant_for_another_executor_is_theirs_alone_and_makes_their_people_subjects() {
    let mut world = World::new();
    let asked = Submit { executor: Some("sub".parse().unwrap()), ..submit("1 of user:ben|user:dan|group:sre") };
    let request = world.submit("ana", asked).unwrap();
    for subject in ["ben", "dan", "ana"] {
        assert_eq!(world.review(subject, request, Verdict::Approve).unwrap_err().code, SubjectOfRequest, "{subject}");
    }
    world.assign("cat", "group:sre");
    world.review("cat", request, Verdict::Approve).unwrap();
    assert_eq!(world.redeem("ana", request).unwrap_err().code, WrongExecutor);
    world.redeem("sub", request).unwrap();
}

#[test]
fn a_grant_for_one_system_is_refused_everywhere_else() {
    let mut world = World::new();
    let request = world.submit("bot", Submit { audience: Some("runner-eu-1".into()), ..submit("none") }).unwrap();
    for elsewhere in [None, Some("runner-us-1"), Some("runner-eu-1 "), Some("")] {
        assert_eq!(redeem_at(&mut world, "bot", request, elsewhere).unwrap_err().code, WrongAudience, "{elsewhere:?}");
    }
    redeem_at(&mut world, "bot", request, Some("runner-eu-1")).unwrap();
    for bad in ["", "a\u{202e}b", "a\nb", &"x".repeat(129)] {
        let asked = Submit { audience: Some(bad.into()), ..submit("none") };
        assert_eq!(world.submit("bot", asked).unwrap_err().code, Invalid, "{bad:?}");
    }
}

fn export(limit: i64, tables: &[&str]) -> Submit {
    let mut asked = submit("2 of group:sre|group:dba");
    asked.action.parameters = serde_json::from_value(json!({"limit": limit, "tables": tables, "note": "x"})).unwrap();
    asked
}

#[test]
fn an_approver_may_narrow_time_and_what_was_reviewed_before_counts_for_nothing() {
    let mut world = World::new();
    let request = world.submit("bot", export(1_000, &["a", "b"])).unwrap();
    world.review("ana", request, Verdict::Approve).unwrap();
    let before = world.events.len();
    let narrower = world.narrow("ben", request, Some(60), Some(10)).unwrap();
    assert_eq!(world.kinds_since(before), ["request.withdrawn", "request.submitted"]);
    let (old, new) = (world.request(request), world.request(narrower));
    assert_eq!(old.phase, Phase::Cancelled { at: world.now, successor: Some(narrower) });
    assert_ne!(old.submitted.action_digest, new.submitted.action_digest);
    assert_eq!(new.submitted.requester.principal.as_str(), "bot");
    assert_eq!(new.submitted.previous_request, Some(request));
    assert_eq!(new.submitted.narrowed_by.as_ref().unwrap().principal.as_str(), "ben");
    assert!(new.reviews.is_empty());
    world.review("ben", narrower, Verdict::Approve).unwrap();
    assert_eq!(world.request(narrower).state(), RequestState::Pending, "ana has not agreed to this one");
    world.review("ana", narrower, Verdict::Approve).unwrap();
    let issued = issued(&world, narrower);
    assert_eq!(issued.expires_at, issued.not_before.plus_seconds(60));
    let old_digest = old.submitted.action_digest;
    let redeem = Redeem { grant: issued.grant_id, run_digest: old_digest, tool: None, host: None, artefacts: vec![], audience: None };
    assert_eq!(world.run(&actor("bot"), Command::Redeem(redeem)).unwrap_err().code, ActionChanged);
}

#[test]
fn only_less_is_narrower() {
    let old = export(1_000, &["a", "b", "c"]).action;
    let assessment = submit("none").assessed.assessment;
    let narrowable = ["limit".to_owned(), "tables".to_owned()];
    let change =
        |parameters: serde_json::Value, limits| crate::decide::Narrower { limits, parameters: parameters.as_object().unwrap().clone() };
    let none = Limits::default();
    for (what, change, expected) in [
        ("fewer rows", change(json!({"limit": 10}), none), true),
        ("no rows", change(json!({"limit": 0}), none), true),
        ("the same", change(json!({"limit": 1_000}), none), false),
        ("more rows", change(json!({"limit": 1_001}), none), false),
        ("a negative number, which some take for all", change(json!({"limit": -1}), none), false),
        ("another type", change(json!({"limit": "10"}), none), false),
        ("part of the list", change(json!({"tables": ["a", "c"]}), none), true),
        ("another order", change(json!({"tables": ["c", "a"]}), none), false),
        ("nothing, which some take for all", change(json!({"tables": []}), none), false),
        ("something else", change(json!({"tables": ["a", "d"]}), none), false),
        ("one twice", change(json!({"tables": ["a", "a"]}), none), false),
        ("a parameter that may not be narrowed", change(json!({"note": ""}), none), false),
        ("a parameter that is not there", change(json!({"rows": 1}), none), false),
        ("less time", change(json!({}), Limits { seconds: Some(599), uses: None }), true),
        ("as much time as policy gives", change(json!({}), Limits { seconds: Some(600), uses: None }), false),
        ("no time", change(json!({}), Limits { seconds: Some(0), uses: None }), false),
        ("as many uses as policy gives", change(json!({}), Limits { seconds: None, uses: Some(1) }), false),
        ("nothing", change(json!({}), none), false),
        ("less of one and more of the other", change(json!({"limit": 5}), Limits { seconds: Some(700), uses: None }), false),
    ] {
        let result = crate::decide::narrower(&old, &assessment, &narrowable, &change);
        assert_eq!(result.is_ok(), expected, "{what}: {result:?}");
    }
}

#[test]
fn who_may_narrow() {
    let mut world = World::new();
    let request = world.submit("bot", export(1_000, &["a"])).unwrap();
    for (who, expected) in [("dan", SubjectOfRequest), ("eve", NotEligible), ("bot", NotAPerson)] {
        assert_eq!(world.narrow(who, request, Some(60), None).unwrap_err().code, expected, "{who}");
    }
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(world.narrow("ana", request, Some(60), None).unwrap_err().code, AlreadyReviewed, "who has agreed has agreed");
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(world.narrow("cat", request, Some(60), None).unwrap_err().code, RequestDecided);
}

#[test]
fn a_request_repeats_only_one_of_its_own_requester() {
    let mut world = World::new();
    let own = world.ask("bot", "1 of group:sre");
    let others = world.ask("ben", "1 of group:sre");
    let again = |previous| Submit { previous_request: Some(previous), ..submit("none") };
    assert_eq!(world.submit("bot", again(others)).unwrap_err().code, Invalid);
    assert_eq!(world.submit("bot", again(RequestId::new(world.now, [9; 10]))).unwrap_err().code, Invalid);
    let second = world.submit("bot", again(own)).unwrap();
    assert_eq!(world.request(second).submitted.previous_request, Some(own));
    world.forget();
    world.submit("bot", again(second)).unwrap();
}
