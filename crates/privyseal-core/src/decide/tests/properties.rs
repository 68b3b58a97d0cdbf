//! Properties over random histories: nobody ever gets around the rules, in whatever order things happen.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::world::*;
use crate::assessment::Escalation;
use crate::command::*;
use crate::digest::Digest;
use crate::event::execution::HaltScope;
use crate::event::request::{Mechanism, Verdict};
use crate::event::{ActorKind, AuthMethod, Body, Channel};
use crate::id::*;
use crate::request::{Phase, Request};
use crate::requirement::{Filled, Requirement};
use crate::state::{Frozen, State};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Ask { who: usize, requirement: usize, breakglass: bool, on_behalf_of: Option<usize>, executor: Option<usize>, patience: bool },
    Review { who: usize, request: usize, approve: bool, door: (Channel, AuthMethod, bool) },
    Withdraw { who: usize, request: usize },
    Redeem { who: usize, request: usize, changed: bool },
    Finish { who: usize, request: usize },
    Revoke { who: usize, request: usize },
    Assign { who: usize, role: usize },
    Remove { who: usize, role: usize },
    Switch { who: usize, enabled: bool },
    Own { agent: usize, owner: usize },
    Spawn { agent: usize, parent: Option<usize> },
    Person { account: usize, person: usize },
    Delegate { by: usize, delegator: usize, delegate: usize, role: usize, seconds: i64 },
    EndDelegation { by: usize },
    Narrow { who: usize, request: usize, seconds: i64 },
    Halt { who: usize, target: Option<usize> },
    Resume { who: usize, target: Option<usize> },
    ReviewAccess { who: usize, principal: usize, role: usize },
    Wait { seconds: i64 },
}

const EVERYBODY: [&str; 8] = ["ana", "ana2", "ben", "cat", "dan", "eve", "bot", "sub"];
const ROLES: [&str; 3] = ["group:sre", "group:dba", "break-glass"];
const REQUIREMENTS: [&str; 5] =
    ["none", "1 of group:sre", "2 of group:sre", "1 of group:sre, 1 of group:dba", "2 of group:dba or 1 of user:dan"];

/// Through which door a review comes: most through the portal, as the people whom the table of channels lets in; some through others.
fn door() -> impl Strategy<Value = (Channel, AuthMethod, bool)> {
    let channel = prop::sample::select(vec![Channel::Portal, Channel::Api, Channel::Cli, Channel::Slack, Channel::Teams, Channel::Mcp]);
    let method = prop::sample::select(vec![AuthMethod::Passkey, AuthMethod::Link, AuthMethod::Oidc, AuthMethod::ApiKey, AuthMethod::Local]);
    prop_oneof![
        4 => Just((Channel::Portal, AuthMethod::Passkey, true)),
        1 => (channel, method, any::<bool>()),
    ]
}

/// Half of the histories begin with a request that waits for two people and a delegation, so that most of the rest is about them.
pub(super) fn beginning() -> impl Strategy<Value = Vec<Step>> {
    let ask = Step::Ask { who: 6, requirement: 2, breakglass: false, on_behalf_of: None, executor: None, patience: false };
    let lend = |delegate| Step::Delegate { by: 0, delegator: 0, delegate, role: 0, seconds: 2_000 };
    let run_for = (0..6_usize).prop_map(|executor| {
        vec![Step::Ask { who: 2, requirement: 1, breakglass: false, on_behalf_of: None, executor: Some(executor), patience: false }]
    });
    prop_oneof![2 => Just(Vec::new()), 1 => Just(vec![ask, lend(3), lend(5)]), 1 => run_for]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let who = 0..EVERYBODY.len();
    let request = 0..4_usize;
    prop_oneof![
        5 => (
                who.clone(),
                0..REQUIREMENTS.len(),
                prop::bool::weighted(0.1),
                prop::option::weighted(0.2, who.clone()),
                prop::option::weighted(0.2, who.clone()),
                any::<bool>(),
            )
            .prop_map(|(who, requirement, breakglass, on_behalf_of, executor, patience)| {
                Step::Ask { who, requirement, breakglass, on_behalf_of, executor, patience }
            }),
        14 => (who.clone(), request.clone(), prop::bool::weighted(0.85), door()).prop_map(|(who, request, approve, door)| Step::Review { who, request, approve, door }),
        1 => (who.clone(), request.clone()).prop_map(|(who, request)| Step::Withdraw { who, request }),
        4 => (who.clone(), request.clone(), prop::bool::weighted(0.2)).prop_map(|(who, request, changed)| Step::Redeem { who, request, changed }),
        2 => (who.clone(), request.clone()).prop_map(|(who, request)| Step::Finish { who, request }),
        1 => (who.clone(), request).prop_map(|(who, request)| Step::Revoke { who, request }),
        1 => (who.clone(), 0..ROLES.len()).prop_map(|(who, role)| Step::Assign { who, role }),
        1 => (who.clone(), 0..ROLES.len()).prop_map(|(who, role)| Step::Remove { who, role }),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, enabled)| Step::Switch { who, enabled }),
        1 => (6..8_usize, 0..6_usize).prop_map(|(agent, owner)| Step::Own { agent, owner }),
        1 => (6..8_usize, prop::option::of(6..8_usize)).prop_map(|(agent, parent)| Step::Spawn { agent, parent }),
        1 => (0..6_usize, 0..6_usize).prop_map(|(account, person)| Step::Person { account, person }),
        3 => (who.clone(), 0..6_usize, 0..6_usize, 0..2_usize, 60..2_400_i64)
            .prop_map(|(by, delegator, delegate, role, seconds)| Step::Delegate { by, delegator, delegate, role, seconds }),
        1 => who.clone().prop_map(|by| Step::EndDelegation { by }),
        2 => (who.clone(), 0..6_usize, 1..700_i64).prop_map(|(who, request, seconds)| Step::Narrow { who, request, seconds }),
        1 => (who.clone(), prop::option::of(who.clone())).prop_map(|(who, target)| Step::Halt { who, target }),
        1 => (who.clone(), prop::option::of(who.clone())).prop_map(|(who, target)| Step::Resume { who, target }),
        1 => (who.clone(), who.clone(), 0..ROLES.len()).prop_map(|(who, principal, role)| Step::ReviewAccess { who, principal, role }),
        2 => (1..2_400_i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn name(index: usize) -> PrincipalId {
    EVERYBODY[index].parse().unwrap()
}

pub(super) fn take(world: &mut World, requests: &mut Vec<RequestId>, step: &Step) {
    let nth = |requests: &[RequestId], index: usize| requests.get(index % requests.len().max(1)).copied();
    match step {
        Step::Ask { who, requirement, breakglass, on_behalf_of, executor, patience } => {
            let mut asked = Submit {
                breakglass: *breakglass,
                on_behalf_of: on_behalf_of.map(name),
                executor: executor.map(name),
                ..submit(REQUIREMENTS[*requirement])
            };
            let assessment = &mut asked.assessed.assessment;
            assessment.run_seconds = Some(900);
            if *patience && !assessment.requirement.is_none() {
                assessment.remind_seconds = Some(400);
                let requirement: Requirement = format!("{} or 1 of user:cat", assessment.requirement).parse().unwrap();
                assessment.escalation = Some(Escalation { after_seconds: 600, requirement, persons_required: 1 });
            }
            requests.extend(world.submit(EVERYBODY[*who], asked).ok());
        }
        Step::Review { who, request, approve, door: (channel, method, session) } => {
            if let Some(request) = nth(requests, *request) {
                let verdict = if *approve { Verdict::Approve } else { Verdict::Deny };
                let command = world.review_command(EVERYBODY[*who], request, verdict);
                let mut through = actor(EVERYBODY[*who]);
                (through.channel, through.auth.method) = (*channel, *method);
                through.auth.session = through.auth.session.filter(|_| *session);
                let _ = world.run(&through, Command::Review(Box::new(command)));
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
                let redeem = Redeem { grant, run_digest, tool: None, host: None, artefacts: vec![], audience: None };
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
        Step::Spawn { agent, parent } => {
            let mut record = world.state.principals[&name(*agent)].record.clone();
            record.parent = parent.map(name);
            let _ = world.run(&operator(), Command::Directory(Directory::Change { record, reason: "r".into() }));
        }
        Step::Person { account, person } => {
            let mut record = world.state.principals[&name(*account)].record.clone();
            record.person = Some(EVERYBODY[*person].parse().unwrap());
            let _ = world.run(&operator(), Command::Directory(Directory::Change { record, reason: "r".into() }));
        }
        Step::Delegate { by, delegator, delegate, role, seconds } => {
            let delegate = Directory::Delegate {
                delegator: name(*delegator),
                delegate: name(*delegate),
                roles: vec![ROLES[*role].parse().unwrap()],
                valid_from: world.now,
                valid_to: world.now.plus_seconds(*seconds),
                reason: "away".into(),
            };
            // Mostly the delegator themselves, so that something comes of it.
            let by = if by % 2 == 0 { *delegator } else { *by };
            let _ = world.run(&actor(EVERYBODY[by]), Command::Directory(delegate));
        }
        Step::EndDelegation { by } => {
            if let Some(delegation) = world.state.delegations.keys().next().cloned() {
                let end = Directory::EndDelegation { delegation, reason: "back".into() };
                let _ = world.run(&actor(EVERYBODY[*by]), Command::Directory(end));
            }
        }
        Step::Narrow { who, request, seconds } => {
            if let Some(request) = nth(requests, *request) {
                requests.extend(world.narrow(EVERYBODY[*who], request, Some(*seconds), None).ok());
            }
        }
        Step::Halt { who, target } => {
            let _ = world.run(&actor(EVERYBODY[*who]), Command::Halt(halt_of(*target)));
        }
        Step::Resume { who, target } => {
            let _ = world.run(&actor(EVERYBODY[*who]), Command::Resume(halt_of(*target)));
        }
        Step::ReviewAccess { who, principal, role } => {
            let role = ROLES[*role].parse().unwrap();
            let review = ReviewAccess { principal: name(*principal), role, keep: false, comment: Some("gone".into()) };
            let _ = world.run(&actor(EVERYBODY[*who]), Command::ReviewAccess(review));
        }
        Step::Wait { seconds } => {
            world.wait(*seconds);
            world.expire();
        }
    }
}

fn halt_of(target: Option<usize>) -> Halt {
    let scope = match target {
        None => HaltScope::All,
        Some(index) if index < 6 => HaltScope::Owner,
        Some(_) => HaltScope::Agent,
    };
    Halt { scope, principal: target.map(name), reason: "stop".into() }
}

/// A request's end as far as it must never change again: its grant is used and ends.
fn end_of(request: &Request) -> Option<Phase> {
    match request.phase.clone() {
        Phase::Pending => None,
        Phase::Approved { at, mechanism, slots, .. } => Some(Phase::Approved { at, mechanism, slots, grant: None }),
        ended => Some(ended),
    }
}

/// The persons who may have no part in deciding a request, reckoned anew and by another way than the code's own: a person is one when
/// any path of "runs for, is for, spawned by, answered for by, wrote" leads there, or one delegation from such a person.
fn kept_out(world: &World, request: &Request) -> BTreeSet<PersonId> {
    let submitted = &request.submitted;
    let records = || world.state.principals.values().map(|state| &state.record);
    let mut accounts: BTreeSet<&PrincipalId> = BTreeSet::from([&submitted.requester.principal]);
    accounts.extend(submitted.on_behalf_of.iter().chain(&submitted.executor).map(|party| &party.principal));
    loop {
        let above: Vec<&PrincipalId> = records()
            .filter(|record| accounts.contains(&record.principal))
            .flat_map(|record| record.owner.iter().chain(&record.parent))
            .filter(|above| !accounts.contains(above))
            .collect();
        if above.is_empty() {
            break;
        }
        accounts.extend(above);
    }
    let persons: BTreeSet<PersonId> =
        records().filter(|record| accounts.contains(&record.principal)).filter_map(|record| record.person.clone()).collect();
    let owned_by = |principal: &PrincipalId, persons: &BTreeSet<PersonId>| {
        records().any(|record| record.principal == *principal && record.person.as_ref().is_some_and(|person| persons.contains(person)))
    };
    let lent = world.state.delegations.values().filter(|made| made.valid_from <= world.now && world.now < made.valid_to);
    let to: Vec<&PrincipalId> = lent.filter(|made| owned_by(&made.delegator, &persons)).map(|made| &made.delegate).collect();
    let delegates = records().filter(|record| to.contains(&&record.principal)).filter_map(|record| record.person.clone());
    persons.iter().cloned().chain(delegates).collect()
}

/// What was approved by people just now, under the directory of this moment.
fn check_approvals(world: &World, since: usize) {
    for event in &world.events[since..] {
        if let Body::RequestSubmitted(submitted) = &event.body {
            let recorded: BTreeSet<PersonId> = submitted.subjects.iter().cloned().collect();
            assert_eq!(recorded, kept_out(world, &world.request(event.request_id.unwrap())), "on record as it was when it was asked");
        }
        let Body::RequestApproved(approved) = &event.body else { continue };
        let request = world.request(event.request_id.unwrap());
        let out = kept_out(world, &request);
        for slot in &approved.slots {
            assert!(!out.contains(&slot.person), "{} has a part in {}", slot.person, request.id);
            let review = request.reviews.iter().find(|review| review.body.reviewer.principal == slot.principal).unwrap();
            assert_eq!(review.body.verdict, Verdict::Approve);
            // Everyone in a slot holds what it asks for now: themselves, or the one in whose place they decide.
            let holder = review.body.in_place_of.as_ref().map_or(&slot.principal, |delegator| &delegator.principal);
            let roles = world.state.roles_of(holder, world.now);
            let own = world.state.roles_of(&slot.principal, world.now);
            let fits = |who: &str| {
                who.strip_prefix("user:") == Some(slot.principal.as_str()) || roles.iter().chain(&own).any(|role| role.as_str() == who)
            };
            assert!(slot.slot.split('|').any(fits), "{} does not fit {}", slot.principal, slot.slot);
        }
        // What one person lent and what they hold themselves never fill two places, by who is who now.
        let review_of = |slot: &Filled| request.reviews.iter().find(|review| review.body.reviewer.principal == slot.principal).unwrap();
        let lenders = approved.slots.iter().filter_map(|slot| review_of(slot).body.in_place_of.clone());
        let lenders = lenders.map(|lender| world.state.person_of(&lender.principal).unwrap());
        let authorities: Vec<PersonId> = approved.slots.iter().map(|slot| slot.person.clone()).chain(lenders).collect();
        assert_eq!(authorities.iter().collect::<BTreeSet<_>>().len(), authorities.len(), "{authorities:?}");
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
                    assert!(slots.len() >= request.requirement().persons());
                }
                Mechanism::Automatic => assert!(request.submitted.assessment.requirement.is_none()),
                Mechanism::Breakglass => assert!(slots.is_empty()),
                other => panic!("{other:?}"),
            }
        }
        // Only enrolled people ever reviewed, each once, none of them a subject; and nobody once more in somebody else's place.
        let reviewers: Vec<&PersonId> = request.reviews.iter().filter_map(|review| review.body.reviewer.person.as_ref()).collect();
        assert_eq!(reviewers.len(), request.reviews.len());
        let lenders = request.reviews.iter().filter_map(|review| review.body.in_place_of.as_ref()?.person.as_ref());
        let authorities: Vec<&PersonId> = reviewers.iter().copied().chain(lenders).collect();
        assert_eq!(authorities.iter().collect::<BTreeSet<_>>().len(), authorities.len(), "one person, one verdict, in whatever place");
        for review in &request.reviews {
            assert!(!request.submitted.subjects.contains(review.body.reviewer.person.as_ref().unwrap()));
        }
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
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_around_the_rules(begin in beginning(), steps in prop::collection::vec(step(), 1..60), cut in 0..100_usize) {
        let steps: Vec<Step> = begin.into_iter().chain(steps).collect();
        let (mut world, mut requests, mut ends) = (World::new(), Vec::new(), BTreeMap::new());
        for step in &steps {
            let since = world.events.len();
            take(&mut world, &mut requests, step);
            check(&world, &mut ends);
            check_approvals(&world, since);
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
        // Whatever is on record as a verdict came from a person in a session, through a door that shows everything.
        for event in world.events.iter().filter(|event| matches!(event.body, Body::ReviewRecorded(_))) {
            let actor = &event.actor;
            prop_assert!(actor.kind == ActorKind::Human && actor.auth.session.is_some());
            prop_assert!(matches!(actor.channel, Channel::Portal | Channel::Slack | Channel::Teams));
            prop_assert!(matches!(actor.auth.method, AuthMethod::Passkey | AuthMethod::Link | AuthMethod::Oidc));
        }
        // Nobody who is stopped by a kill switch asks, gets anything, or runs anything.
        let mut before = State::default();
        for event in &world.events {
            let acts = match &event.body {
                Body::RequestSubmitted(submitted) => Some(&submitted.requester.principal),
                Body::GrantIssued(issued) => Some(&issued.subject),
                Body::GrantRedeemed(_) => Some(&event.actor.id),
                _ => None,
            };
            prop_assert!(acts.is_none_or(|who| before.halted(who).is_none()), "{:?}", event);
            before.apply(event);
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
