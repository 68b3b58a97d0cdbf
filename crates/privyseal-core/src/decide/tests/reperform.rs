//! Whatever the core decides is found again when it is re-performed, and whatever it would not have decided is found too.

use std::sync::Arc;

use proptest::prelude::*;

use super::properties::{beginning, step, take};
use super::table::{change, under_policy};
use super::world::*;
use crate::command::*;
use crate::digest::Digest;
use crate::event::request::{Approved, Mechanism, Submitted, Verdict};
use crate::event::{ActorKind, Body, Event, Text};
use crate::id::RequestId;
use crate::reperform::{Again, Difference, Judged, Outside, Reperformer};
use crate::requirement::Filled;
use crate::state::State;

/// Policy in these tests says always what it said, unless an entry was changed after it.
fn again(submitted: &Submitted) -> Again {
    let assessed = Assessed {
        assessment: submitted.assessment.clone(),
        environment: submitted.environment.clone(),
        data_class: submitted.data_class.clone(),
        change_class: submitted.change_class.clone(),
        reversibility: submitted.reversibility.clone(),
        in_place: submitted.in_place,
        catalogue_digest: submitted.catalogue_digest,
        ..super::world::submit("none").assessed
    };
    Again { assessed, deceptive: None, narrowable: submitted.action.parameters.keys().cloned().collect() }
}

/// Every difference, with the entries of `policy` deciding what policy says.
fn differences(events: &[Event], said: &[Event], open: &dyn Fn(&Text) -> Option<String>) -> (Vec<Difference>, Vec<String>) {
    let (mut state, mut reperformer) = (State::default(), Reperformer::default());
    let (mut found, mut not) = (Vec::new(), Vec::new());
    for (index, event) in events.iter().enumerate() {
        // A reviewer's narrower request is decided with the withdrawal of the wider one.
        let narrows = matches!(&event.body, Body::RequestWithdrawn(withdrawn) if withdrawn.narrowed_by.is_some());
        let asked = if narrows { events.get(index + 1) } else { Some(event) };
        let again = said.iter().find_map(|said| match &said.body {
            Body::RequestSubmitted(submitted) if asked.is_some_and(|asked| said.id == asked.id) => Some(Ok(again(submitted))),
            _ => None,
        });
        let named = match &event.body {
            Body::RequestSubmitted(submitted) => submitted.previous_request,
            _ => event.request_id,
        };
        let recalled = named.and_then(|id| {
            let own: Vec<Event> = events[..index].iter().filter(|event| event.request_id == Some(id)).cloned().collect();
            State::recall(&own).map(Arc::new)
        });
        let following: Vec<&Event> = events.iter().skip(index + 1).take(3).collect();
        let looked =
            state.with_recalled(recalled, |state| reperformer.look(state, event, &following, &Outside { again: again.clone(), open }));
        found.extend(looked.differences);
        if let Judged::NotReperformed(why) = looked.judged {
            not.push(why);
        }
        state.apply(event);
    }
    found.extend(reperformer.end());
    (found, not)
}

fn all_follow(world: &World) {
    let (found, not) = differences(&world.events, &world.events, &|_| None);
    assert_eq!(found, []);
    assert!(not.is_empty(), "{not:?}");
}

/// What is found after one entry was changed, as `seq what`.
fn after(world: &World, change: impl Fn(&mut Event)) -> Vec<String> {
    let mut changed = world.events.clone();
    changed.iter_mut().for_each(change);
    assert_ne!(changed, world.events, "nothing was changed");
    let (found, _) = differences(&changed, &world.events, &|_| None);
    found.iter().map(|found| format!("{}: {} | {}", found.what, found.recorded, found.follows)).collect()
}

fn says(found: &[String], part: &str) {
    assert!(found.iter().any(|line| line.contains(part)), "`{part}` is not in {found:#?}");
}

/// A request that was asked, sealed by ben, run and ended.
fn whole() -> (World, RequestId) {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.wait(60);
    world.review("ben", request, Verdict::Approve).unwrap();
    let execution = world.redeem("bot", request).unwrap();
    world.wait(5);
    world.finish("bot", execution).unwrap();
    (world, request)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// Nothing that the core decided, in whatever order, is found wrong; a step that left nothing is not missed.
    #[test]
    fn every_history_that_was_decided_follows(first in beginning(), steps in prop::collection::vec(step(), 1..50)) {
        let (mut world, mut requests) = (World::new(), Vec::new());
        for step in first.iter().chain(&steps) {
            world.expire();
            take(&mut world, &mut requests, step);
        }
        let (found, not) = differences(&world.events, &world.events, &|_| None);
        prop_assert_eq!(found, vec![]);
        // The signatures of refused attempts are in no entry; everything else can be decided again.
        prop_assert!(not.iter().all(|why| why.contains("signature")), "{:?}", not);
    }

    /// An entry that is taken away is missed by what it led to, or was one that leads to nothing.
    #[test]
    fn an_approval_that_is_taken_away_is_missed(steps in prop::collection::vec(step(), 1..40), which in any::<prop::sample::Index>()) {
        let (mut world, mut requests) = (World::new(), Vec::new());
        for step in &steps {
            world.expire();
            take(&mut world, &mut requests, step);
        }
        let approvals: Vec<usize> = (0..world.events.len()).filter(|at| matches!(world.events[*at].body, Body::RequestApproved(_))).collect();
        if !approvals.is_empty() {
            let mut events = world.events.clone();
            events.remove(*which.get(&approvals));
            let (found, _) = differences(&events, &world.events, &|_| None);
            // What it led to has no cause any more, whether or not the approval itself could be told from what is left.
            prop_assert!(found.iter().any(|found| found.what == "grant.issued"), "{:?}", found);
        }
    }
}

#[test]
fn a_whole_life_follows() {
    let (mut world, request) = whole();
    assert!(world.redeem("bot", request).is_err(), "used");
    world.forget();
    assert!(world.redeem("bot", request).is_err(), "used, and out of the state");
    all_follow(&world);
}

#[test]
fn ten_points_less_are_found() {
    let (world, _) = whole();
    let found = after(&world, |event| {
        if let Body::RequestSubmitted(submitted) = &mut event.body {
            submitted.assessment.risk -= 10;
        }
    });
    assert_eq!(found, ["request.submitted: body.assessment.risk: 30 | 40"]);
}

#[test]
fn members_beside_the_assessment_are_found() {
    type Change = fn(&mut Submitted);
    let (world, _) = whole();
    let changes: [(&str, Change); 6] = [
        ("body.environment", |submitted| submitted.environment = Some("dev".into())),
        ("body.data_class", |submitted| submitted.data_class = Some("public".into())),
        ("body.change_class", |submitted| submitted.change_class = "read".into()),
        ("body.subjects", |submitted| submitted.subjects.clear()),
        ("body.action_digest", |submitted| submitted.action_digest = Digest::of(b"another")),
        ("body.expires_at", |submitted| submitted.expires_at = submitted.expires_at.plus_seconds(3_600)),
    ];
    for (member, change) in changes {
        let (changed, mut found) = (std::cell::Cell::new(false), Vec::new());
        let mut events = world.events.clone();
        for event in &mut events {
            if let Body::RequestSubmitted(submitted) = &mut event.body {
                change(submitted);
                changed.set(true);
            }
        }
        // Policy still says what it said: the change is the record's alone.
        found.extend(differences(&events, &world.events, &|_| None).0.into_iter().map(|found| found.what));
        assert!(changed.get() && found.contains(&format!("request.submitted: {member}")), "{member}: {found:?}");
    }
}

#[test]
fn a_slot_filled_by_the_owner_of_the_agent_is_found() {
    let (world, _) = whole();
    // dan owns bot.
    let found = after(&world, |event| match &mut event.body {
        Body::ReviewRecorded(review) => {
            event.actor = actor("dan");
            review.reviewer.principal = "dan".parse().unwrap();
            review.reviewer.person = Some("dan".parse().unwrap());
        }
        Body::RequestApproved(approved) => {
            approved.slots = vec![Filled { slot: "group:sre".into(), person: "dan".parse().unwrap(), principal: "dan".parse().unwrap() }];
        }
        _ => {}
    });
    says(&found, "review.recorded: carried out | refused as subject_of_request");
    says(&found, "request.approved: request.approved | the reviews before it do not fill `1 of group:sre`");
}

#[test]
fn an_automatic_approval_of_what_needs_people_is_found() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre");
    let submitted = Arc::clone(&world.request(request).submitted);
    let mut events = world.events.clone();
    let approved = Approved {
        mechanism: Mechanism::Automatic,
        slots: vec![],
        persons: 0,
        action_digest: submitted.action_digest,
        policy_digest: submitted.assessment.policy.digest,
    };
    let last = events.last().unwrap().clone();
    events.push(Event { seq: last.seq + 1, body: Body::RequestApproved(approved), ..last });
    let (found, _) = differences(&events, &world.events, &|_| None);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].what.as_str(), found[0].follows.as_str()), ("request.approved", "people have to seal it: `2 of group:sre`"));
}

#[test]
fn an_approval_by_nobody_present_is_found() {
    let (world, _) = whole();
    let by_key = after(&world, |event| {
        if matches!(event.body, Body::ReviewRecorded(_)) {
            event.actor.auth.session = None;
        }
    });
    says(&by_key, "review.recorded: carried out | refused as not_a_person");
    let by_agent = after(&world, |event| {
        if matches!(event.body, Body::ReviewRecorded(_)) {
            event.actor.kind = ActorKind::Agent;
        }
    });
    says(&by_agent, "review.recorded: carried out | refused as not_a_person");
}

#[test]
fn a_signature_over_another_decision_is_found() {
    let (world, _) = whole();
    let found = after(&world, |event| {
        if let Body::ReviewRecorded(review) = &mut event.body {
            review.statement.as_mut().unwrap().action_digest = Digest::of(b"another");
        }
    });
    says(&found, "refused as passkey_refused");
    let found = after(&world, |event| {
        if let Body::ReviewRecorded(review) = &mut event.body {
            review.assertion = Some(passkey("cat").sign(b"something else"));
        }
    });
    says(&found, "refused as passkey_refused");
}

#[test]
fn what_a_grant_says_and_who_uses_it_are_found() {
    let (world, _) = whole();
    let longer = after(&world, |event| {
        if let Body::GrantIssued(issued) = &mut event.body {
            issued.expires_at = issued.expires_at.plus_seconds(60);
            issued.max_uses = 5;
        }
    });
    says(&longer, "grant.issued: body.expires_at");
    says(&longer, "grant.issued: body.max_uses: 5 | 1");
    let other = after(&world, |event| {
        if let Body::GrantRedeemed(_) = &mut event.body {
            event.actor = actor("sub");
        }
    });
    says(&other, "grant.redeemed: carried out | ");
    let changed = after(&world, |event| {
        if let Body::GrantRedeemed(redeemed) = &mut event.body {
            redeemed.run_digest = Digest::of(b"another");
        }
    });
    says(&changed, "grant.redeemed: carried out | ");
    let late = after(&world, |event| {
        if matches!(event.body, Body::GrantRedeemed(_) | Body::ExecutionStarted(_) | Body::ExecutionFinished(_)) {
            event.time = event.time.plus_seconds(6_000);
        }
    });
    says(&late, "grant.redeemed: the grant was still open | it expired at");
}

#[test]
fn an_end_before_its_time_is_found() {
    let mut world = World::new();
    world.ask("bot", "1 of group:sre");
    world.wait(1_800);
    world.expire();
    all_follow(&world);
    let found = after(&world, |event| {
        if matches!(event.body, Body::RequestExpired(_)) {
            event.time = event.time.plus_seconds(-1);
        }
    });
    says(&found, "request.expired: carried out | nothing of the kind");
}

#[test]
fn a_refusal_that_does_not_follow_is_found() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    assert!(world.review("dan", request, Verdict::Approve).is_err());
    all_follow(&world);
    let found = after(&world, |event| {
        if let Body::ReviewRefused(refused) = &mut event.body {
            refused.code = "not_eligible".into();
        }
    });
    says(&found, "review.refused: body.code: not_eligible | subject_of_request");
}

#[test]
fn an_emergency_by_somebody_without_the_role_is_found() {
    let mut world = World::new();
    world.submit("ana", Submit { breakglass: true, ..submit("2 of group:sre") }).unwrap();
    all_follow(&world);
    let found = after(&world, |event| {
        // As if the role had been another one all the time.
        if let Body::RoleAssigned(role) = &mut event.body
            && role.role.as_str() == "break-glass"
        {
            role.role = "group:other".parse().unwrap();
        }
    });
    says(&found, "request.submitted: carried out | refused as role_missing");
}

#[test]
fn a_review_whose_comment_was_erased_is_still_checked_as_far_as_it_goes() {
    let (world, _) = whole();
    let hide = |event: &mut Event| {
        if let Body::ReviewRecorded(review) = &mut event.body {
            review.comment = Some(Text::Hidden { commitment: Digest::of(b"gone") });
        }
    };
    let mut events = world.events.clone();
    events.iter_mut().for_each(hide);
    let (found, not) = differences(&events, &world.events, &|_| None);
    assert_eq!(found, []);
    assert!(not.iter().all(|why| why.contains("comment was erased")) && not.len() == 3, "{not:?}");
    let (found, not) = differences(&events, &world.events, &|_| Some("fine".into()));
    assert_eq!((found, not), (vec![], vec![]), "while it exists nothing is left open");
    events.iter_mut().for_each(|event| {
        if let Body::ReviewRecorded(review) = &mut event.body {
            review.verdict = Verdict::Deny;
        }
    });
    let (found, _) = differences(&events, &world.events, &|_| None);
    assert!(found.iter().any(|found| found.follows.contains("another decision")), "{found:?}");
}

#[test]
fn a_policy_that_others_approved_follows_and_one_that_nobody_approved_is_found() {
    let (mut world, publish) = under_policy();
    let approved = change(&mut world, "1 of group:sre");
    world.review("ben", approved, Verdict::Approve).unwrap();
    world.run(&actor("dan"), publish(b"two", Some(approved))).unwrap();
    all_follow(&world);
    // As if the first version had not needed the second to be asked for.
    let alone = after(&world, |event| {
        if let Body::PolicyPublished(published) = &mut event.body {
            published.change_request = None;
            event.request_id = None;
        }
    });
    says(&alone, "policy.published: policy.published | nothing before it leads to it");
    let by_ben = after(&world, |event| {
        if let Body::PolicyPublished(published) = &mut event.body
            && published.policy.version == 2
        {
            published.approved_by = vec!["cat".parse().unwrap()];
        }
    });
    says(&by_ben, "policy.published: body.approved_by.0: cat | ben");
}
