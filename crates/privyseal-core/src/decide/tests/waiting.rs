//! What time brings to a request that waits: reminders, more people, the end; and to a run that nobody reports.

use super::world::*;
use crate::assessment::Escalation;
use crate::command::*;
use crate::event::Body;
use crate::event::execution::HaltScope;
use crate::event::request::{Mechanism, Verdict};
use crate::refusal::RefusalCode::*;
use crate::request::{ExecutionPhase, Phase, RequestState};

fn patient(requirement: &str, fallback: &str) -> Submit {
    let mut asked = submit(requirement);
    let assessment = &mut asked.assessed.assessment;
    assessment.remind_seconds = Some(300);
    let requirement: crate::requirement::Requirement = format!("{requirement} or {fallback}").parse().unwrap();
    assessment.escalation = Some(Escalation { after_seconds: 600, requirement, persons_required: 1 });
    asked
}

fn due(world: &mut World, seconds: i64) -> Vec<&'static str> {
    let before = world.events.len();
    world.wait(seconds);
    world.expire();
    world.kinds_since(before)
}

#[test]
fn people_are_reminded_then_more_are_asked_then_it_expires() {
    let mut world = World::new();
    let request = world.submit("bot", patient("2 of group:sre", "1 of user:cat")).unwrap();
    assert_eq!(world.state.next_deadline(), Some(world.now.plus_seconds(300)));
    assert_eq!(due(&mut world, 299), [""; 0]);
    assert_eq!(due(&mut world, 1), ["request.reminded"]);
    let Body::RequestReminded(reminded) = &world.events.last().unwrap().body else { panic!() };
    let to: Vec<&str> = reminded.to.iter().map(|principal| principal.as_str()).collect();
    assert_eq!((to.as_slice(), reminded.number), (&["ana", "ben"][..], 1), "dan owns the agent, the others are not of the group");
    world.review("ana", request, Verdict::Approve).unwrap();
    // Both are due at the same moment: whoever is asked for the first time is not reminded as well.
    assert_eq!(due(&mut world, 300), ["request.escalated"]);
    let Body::RequestEscalated(escalated) = &world.events.last().unwrap().body else { panic!() };
    assert_eq!(escalated.to.iter().map(|principal| principal.as_str()).collect::<Vec<_>>(), ["cat"]);
    assert_eq!(due(&mut world, 1), ["request.reminded"]);
    let Body::RequestReminded(reminded) = &world.events.last().unwrap().body else { panic!() };
    assert_eq!(reminded.to.iter().map(|principal| principal.as_str()).collect::<Vec<_>>(), ["ben", "cat"], "ana has decided");
    assert_eq!(due(&mut world, 1_199), ["request.expired"], "no reminder about what ends now");
    assert_eq!(world.request(request).state(), RequestState::Expired);
    assert_eq!(world.state.next_deadline(), None);
}

#[test]
fn after_escalation_the_fallback_is_enough_and_before_it_is_not() {
    let mut world = World::new();
    let request = world.submit("bot", patient("2 of group:sre", "1 of user:cat")).unwrap();
    assert_eq!(world.review("cat", request, Verdict::Approve).unwrap_err().code, NotEligible);
    due(&mut world, 600);
    world.review("cat", request, Verdict::Approve).unwrap();
    let Phase::Approved { mechanism: Mechanism::Quorum, slots, .. } = &world.request(request).phase else { panic!() };
    assert_eq!(slots.len(), 1);
}

#[test]
fn an_escalation_that_is_satisfied_already_ends_it() {
    let mut world = World::new();
    let request = world.submit("bot", patient("2 of group:sre", "1 of group:sre")).unwrap();
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(due(&mut world, 600), ["request.escalated", "request.approved", "grant.issued"]);
    assert_eq!(world.request(request).state(), RequestState::Approved);
}

#[test]
fn an_escalation_grants_nothing_while_a_kill_switch_is_on() {
    let mut world = World::new();
    let request = world.submit("bot", patient("2 of group:sre", "1 of group:sre")).unwrap();
    world.review("ana", request, Verdict::Approve).unwrap();
    let all = || Halt { scope: HaltScope::All, principal: None, reason: "runs wild".into() };
    world.run(&actor("dan"), Command::Halt(all())).unwrap();
    assert_eq!(due(&mut world, 600), ["request.escalated"]);
    // Nor when the switch is off again by itself: one more person looks at it.
    world.run(&actor("dan"), Command::Resume(all())).unwrap();
    assert_eq!(due(&mut world, 1), ["request.reminded"]);
    assert_eq!(world.request(request).state(), RequestState::Pending);
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(world.request(request).state(), RequestState::Approved);
}

#[test]
fn after_a_night_without_a_process_what_has_ended_is_only_ended() {
    let mut world = World::new();
    world.submit("bot", patient("2 of group:sre", "1 of group:sre")).unwrap();
    assert_eq!(due(&mut world, 90_000), ["request.expired"]);
}

#[test]
fn a_run_that_nobody_reports_ends_unknown_and_is_never_run_again() {
    let mut world = World::new();
    let mut asked = submit("none");
    asked.assessed.assessment.run_seconds = Some(3_600);
    let request = world.submit("bot", asked).unwrap();
    let execution = world.redeem("bot", request).unwrap();
    assert_eq!(due(&mut world, 3_599), [""; 0]);
    assert_eq!(due(&mut world, 1), ["execution.unknown"]);
    let known = world.request(request);
    assert!(matches!(known.granted().unwrap().runs[&execution].phase, ExecutionPhase::Unknown { .. }));
    assert_eq!(world.finish("bot", execution).unwrap_err().code, ExecutionEnded, "a late report does not turn unknown into done");
    assert_eq!(world.redeem("bot", request).unwrap_err().code, GrantUsed);
    let history = &world.state.history[&"bot".parse().unwrap()];
    assert_eq!(history.failed_within(world.now, 86_400), 2, "the unknown run and the refused replay");
}

#[test]
fn a_run_that_is_reported_in_time_stays_done() {
    let mut world = World::new();
    let mut asked = submit("none");
    asked.assessed.assessment.run_seconds = Some(3_600);
    let request = world.submit("bot", asked).unwrap();
    let execution = world.redeem("bot", request).unwrap();
    world.wait(3_599);
    world.finish("bot", execution).unwrap();
    assert_eq!(due(&mut world, 3_600), [""; 0]);
    assert_eq!(world.request(request).granted().unwrap().runs[&execution].phase.as_str(), "done");
}
