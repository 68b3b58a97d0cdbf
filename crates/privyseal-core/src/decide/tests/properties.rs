//! Properties over random histories: nobody ever gets around the rules, in whatever order things happen.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::world::*;
use crate::command::*;
use crate::digest::Digest;
use crate::event::Body;
use crate::event::request::{Mechanism, Verdict};
use crate::id::*;
use crate::request::{Phase, Request};
use crate::state::{Frozen, State};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Ask { who: usize, requirement: usize, breakglass: bool, on_behalf_of: Option<usize> },
    Review { who: usize, request: usize, approve: bool },
    Withdraw { who: usize, request: usize },
    Redeem { who: usize, request: usize, changed: bool },
    Finish { who: usize, request: usize },
    Revoke { who: usize, request: usize },
    Assign { who: usize, role: usize },
    Remove { who: usize, role: usize },
    Switch { who: usize, enabled: bool },
    Own { agent: usize, owner: usize },
    Wait { seconds: i64 },
}

const EVERYBODY: [&str; 8] = ["ana", "ana2", "ben", "cat", "dan", "eve", "bot", "sub"];
const ROLES: [&str; 3] = ["group:sre", "group:dba", "break-glass"];
const REQUIREMENTS: [&str; 5] =
    ["none", "1 of group:sre", "2 of group:sre", "1 of group:sre, 1 of group:dba", "2 of group:dba or 1 of user:dan"];

pub(super) fn step() -> impl Strategy<Value = Step> {
    let who = 0..EVERYBODY.len();
    let request = 0..6_usize;
    prop_oneof![
        3 => (who.clone(), 0..REQUIREMENTS.len(), prop::bool::weighted(0.1), prop::option::weighted(0.2, who.clone()))
            .prop_map(|(who, requirement, breakglass, on_behalf_of)| Step::Ask { who, requirement, breakglass, on_behalf_of }),
        8 => (who.clone(), request.clone(), prop::bool::weighted(0.85)).prop_map(|(who, request, approve)| Step::Review { who, request, approve }),
        1 => (who.clone(), request.clone()).prop_map(|(who, request)| Step::Withdraw { who, request }),
        4 => (who.clone(), request.clone(), prop::bool::weighted(0.2)).prop_map(|(who, request, changed)| Step::Redeem { who, request, changed }),
        2 => (who.clone(), request.clone()).prop_map(|(who, request)| Step::Finish { who, request }),
        1 => (who.clone(), request).prop_map(|(who, request)| Step::Revoke { who, request }),
        1 => (who.clone(), 0..ROLES.len()).prop_map(|(who, role)| Step::Assign { who, role }),
        1 => (who.clone(), 0..ROLES.len()).prop_map(|(who, role)| Step::Remove { who, role }),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, enabled)| Step::Switch { who, enabled }),
        1 => (6..8_usize, 0..6_usize).prop_map(|(agent, owner)| Step::Own { agent, owner }),
        2 => (1..2_400_i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn name(index: usize) -> PrincipalId {
    EVERYBODY[index].parse().unwrap()
}

pub(super) fn take(world: &mut World, requests: &mut Vec<RequestId>, step: &Step) {
    let nth = |requests: &[RequestId], index: usize| requests.get(index % requests.len().max(1)).copied();
    match step {
        Step::Ask { who, requirement, breakglass, on_behalf_of } => {
            let asked = Submit { breakglass: *breakglass, on_behalf_of: on_behalf_of.map(name), ..submit(REQUIREMENTS[*requirement]) };
            requests.extend(world.submit(EVERYBODY[*who], asked).ok());
        }
        Step::Review { who, request, approve } => {
            if let Some(request) = nth(requests, *request) {
                let _ = world.review(EVERYBODY[*who], request, if *approve { Verdict::Approve } else { Verdict::Deny });
            }
        }
        Step::Withdraw { who, request } => {
            if let Some(request) = nth(requests, *request) {
                let _ = world.run(&actor(EVERYBODY[*who]), Command::Withdraw(Withdraw { request, comment: None }));
            }
        }
        Step::Redeem { who, request, changed } => {
            if let Some(granted) =
                nth(requests, *request).map(|request| world.request(request)).as_ref().and_then(|request| request.granted())
            {
                let (grant, digest) = (granted.issued.grant_id, granted.issued.action_digest);
                let run_digest = if *changed { Digest::of(b"changed") } else { digest };
                let redeem = Redeem { grant, run_digest, tool: None, host: None, artefacts: vec![] };
                let _ = world.run(&actor(EVERYBODY[*who]), Command::Redeem(redeem));
            }
        }
        Step::Finish { who, request } => {
            let request = nth(requests, *request).map(|request| world.request(request));
            if let Some(execution) = request.and_then(|request| request.granted()?.executions.first().copied()) {
                let _ = world.finish(EVERYBODY[*who], execution);
            }
        }
        Step::Revoke { who, request } => {
            if let Some(grant) = nth(requests, *request).and_then(|request| world.request(request).grant()) {
                let _ = world.run(&actor(EVERYBODY[*who]), Command::RevokeGrant(RevokeGrant { grant, reason: "no".into() }));
            }
        }
        Step::Assign { who, role } => {
            let role = ROLES[*role].parse().unwrap();
            let assign = Directory::Assign { principal: name(*who), role, valid_to: None, scope: vec![], reason: "r".into() };
            let _ = world.run(&operator(), Command::Directory(assign));
        }
        Step::Remove { who, role } => {
            let role = ROLES[*role].parse().unwrap();
            let _ = world.run(&operator(), Command::Directory(Directory::Remove { principal: name(*who), role, reason: "r".into() }));
        }
        Step::Switch { who, enabled } => {
            let switch = Directory::Switch { principal: name(*who), enabled: *enabled, reason: "r".into() };
            let _ = world.run(&operator(), Command::Directory(switch));
        }
        Step::Own { agent, owner } => {
            let mut record = world.state.principals[&name(*agent)].record.clone();
            record.owner = Some(name(*owner));
            let _ = world.run(&operator(), Command::Directory(Directory::Change { record, reason: "r".into() }));
        }
        Step::Wait { seconds } => {
            world.wait(*seconds);
            world.expire();
        }
    }
}

/// A request's end as far as it must never change again: its grant is used and ends.
fn end_of(request: &Request) -> Option<Phase> {
    match request.phase.clone() {
        Phase::Pending => None,
        Phase::Approved { at, mechanism, slots, .. } => Some(Phase::Approved { at, mechanism, slots, grant: None }),
        ended => Some(ended),
    }
}

fn check(world: &World, ends: &mut BTreeMap<RequestId, Phase>) {
    let submitted = world.events.iter().filter(|event| matches!(event.body, Body::RequestSubmitted(_)));
    let requests: Vec<_> = submitted.map(|event| world.request(event.request_id.unwrap())).collect();
    for request in &requests {
        let id = &request.id;
        let waits = world.state.requests.contains_key(id);
        assert!(waits || request.is_settled(), "request {id} left the state while something could still happen to it");
        // Terminal absorbs.
        match (ends.get(id), end_of(request)) {
            (Some(before), now) => assert_eq!(Some(before), now.as_ref(), "request {id} moved after its end"),
            (None, Some(end)) => drop(ends.insert(*id, end)),
            (None, None) => {}
        }
        if let Phase::Approved { mechanism, slots, .. } = &request.phase {
            let subjects: BTreeSet<&PersonId> = request.submitted.subjects.iter().collect();
            let persons: BTreeSet<&PersonId> = slots.iter().map(|slot| &slot.person).collect();
            // One person, one slot; no subject in any slot.
            assert_eq!(persons.len(), slots.len());
            assert!(persons.is_disjoint(&subjects), "{persons:?} {subjects:?}");
            match mechanism {
                Mechanism::Quorum => {
                    assert!(!request.submitted.assessment.requirement.is_none());
                    assert!(slots.len() >= request.submitted.assessment.requirement.persons());
                }
                Mechanism::Automatic => assert!(request.submitted.assessment.requirement.is_none()),
                Mechanism::Breakglass => assert!(slots.is_empty()),
                other => panic!("{other:?}"),
            }
        }
        // Only enrolled people ever reviewed, each once, none of them a subject.
        let reviewers: Vec<&PersonId> = request.reviews.iter().filter_map(|review| review.body.reviewer.person.as_ref()).collect();
        assert_eq!(reviewers.len(), request.reviews.len());
        assert_eq!(reviewers.iter().collect::<BTreeSet<_>>().len(), reviewers.len());
    }
    for grant in requests.iter().filter_map(|request| request.granted()) {
        // A grant is consumed at most as often as it says, and only for an approved request.
        assert!(u64::try_from(grant.executions.len()).unwrap() <= grant.issued.max_uses);
    }
    for pair in world.events.windows(2) {
        assert!(pair[0].time <= pair[1].time && pair[0].seq + 1 == pair[1].seq);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_around_the_rules(steps in prop::collection::vec(step(), 1..60), cut in 0..100_usize) {
        let (mut world, mut requests, mut ends) = (World::new(), Vec::new(), BTreeMap::new());
        for step in &steps {
            take(&mut world, &mut requests, step);
            check(&world, &mut ends);
        }
        // Every run was of exactly what was approved, within the grant's time, by its subject.
        for event in &world.events {
            if let Body::ExecutionStarted(started) = &event.body {
                let request = world.known(Named::Grant(started.grant_id)).unwrap();
                let grant = request.granted().unwrap();
                prop_assert_eq!(started.run_digest, grant.issued.action_digest);
                prop_assert_eq!(&started.executor.principal, &grant.issued.subject);
                prop_assert!(grant.issued.not_before <= event.time && event.time < grant.issued.expires_at);
            }
        }
        // The state is a fold and nothing else, from the beginning or from where it was written down.
        let (mut folded, mut resumed) = (State::default(), State::default());
        for (number, event) in world.events.iter().enumerate() {
            folded.apply(event);
            resumed.apply(event);
            if number == world.events.len() * cut / 100 {
                let written = serde_json::to_string(&Frozen::from(resumed)).unwrap();
                resumed = State::from(serde_json::from_str::<Frozen>(&written).unwrap());
                prop_assert_eq!(folded.differences(&resumed), Vec::<String>::new());
            }
        }
        prop_assert!(folded == world.state, "folding the events again gives another state");
        prop_assert!(resumed == world.state, "{:?}", resumed.differences(&world.state));
    }
}
