//! What went wrong elsewhere: one test for each complaint about another product that could be ours too, named after its thread.
//! The threads are listed in the project's study of the field; what is here is our behaviour where theirs was found wanting.

use super::world::*;
use crate::action::{Input, InputKind};
use crate::command::*;
use crate::digest::Digest;
use crate::event::request::{Mechanism, Verdict};
use crate::event::{AuthMethod, Body, Channel};
use crate::id::*;
use crate::refusal::Refusal;
use crate::refusal::RefusalCode::{self, *};
use crate::request::{Phase, RequestState};

fn code<T>(result: Result<T, Refusal>) -> Result<(), RefusalCode> {
    result.map(drop).map_err(|refusal| refusal.code)
}

fn state(world: &World, request: RequestId) -> RequestState {
    world.request(request).state()
}

/// Pending requests that never end.
#[test]
fn hoop_883_and_kimi_cli_1823_a_request_ends_when_policy_says_so() {
    let mut world = World::new();
    let mut asked = submit("1 of group:sre");
    asked.assessed.assessment.expires_seconds = 90;
    let request = world.submit("bot", asked).unwrap();
    world.wait(89);
    world.expire();
    assert_eq!(state(&world, request), RequestState::Pending);
    world.wait(1);
    world.expire();
    assert_eq!(state(&world, request), RequestState::Expired);
}

/// The clock of the grant ran while people were still deciding; the life of the request was taken for that of the grant.
#[test]
fn teleport_50011_and_14040_and_16202_and_17277_and_25267_the_grants_time_is_its_own() {
    let mut world = World::new();
    let mut asked = submit("1 of group:sre");
    (asked.assessed.assessment.expires_seconds, asked.assessed.assessment.grant_seconds) = (1_000, 60);
    let request = world.submit("bot", asked).unwrap();
    world.wait(999);
    world.review("ana", request, Verdict::Approve).unwrap();
    world.wait(59);
    world.expire();
    world.redeem("bot", request).unwrap();
}

/// A timeout that was reported as "user denied".
#[test]
fn kirocrew_10231_and_hermes_76235_expiry_is_not_denial() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.wait(1_800);
    let before = world.events.len();
    world.expire();
    assert_eq!(world.kinds_since(before), ["request.expired"]);
    assert_eq!(state(&world, request).as_str(), "expired");
    assert_eq!(world.state.history[&"bot".parse().unwrap()].denied_within(world.now, 86_400), 0, "and does not count as one");
}

/// Waiting for a person used up the time that the tool had to run.
#[test]
fn opencode_35275_the_time_of_a_run_begins_with_the_run() {
    let mut world = World::new();
    let mut asked = submit("1 of group:sre");
    asked.assessed.assessment.run_seconds = Some(60);
    let request = world.submit("bot", asked).unwrap();
    world.wait(1_200);
    world.review("ana", request, Verdict::Approve).unwrap();
    world.wait(300);
    let execution = world.redeem("bot", request).unwrap();
    world.wait(59);
    world.expire();
    world.finish("bot", execution).unwrap();
}

/// Two thresholds with "and".
#[test]
fn teleport_36854_two_groups_both_have_to() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre, 1 of group:dba");
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Pending);
    world.review("cat", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Approved);
}

/// Either group.
#[test]
fn hoop_892_either_group_is_enough() {
    for reviewer in ["ana", "cat"] {
        let mut world = World::new();
        let request = world.ask("bot", "1 of group:sre or 1 of group:dba");
        world.review(reviewer, request, Verdict::Approve).unwrap();
        assert_eq!(state(&world, request), RequestState::Approved, "{reviewer}");
    }
}

/// One approval more than needed left the request pending for ever; one person in two groups counted twice.
#[test]
fn hoop_pr_1797_more_than_enough_is_enough_and_one_person_is_one() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre, 1 of group:dba");
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Pending, "ben is in both groups and fills one place");
    assert_eq!(code(world.review("ben", request, Verdict::Approve)), Err(AlreadyReviewed));
    // The matching moves ben to whichever place the next one cannot fill.
    world.review("cat", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Approved);
    // An approval that fills no place of the alternative that comes first does no harm either.
    let request = world.ask("bot", "2 of group:dba or 2 of group:sre, 1 of group:dba");
    for reviewer in ["ana", "ben", "cat"] {
        if state(&world, request) == RequestState::Pending {
            world.review(reviewer, request, Verdict::Approve).unwrap();
        }
    }
    assert_eq!(state(&world, request), RequestState::Approved);
}

/// Several approvers, a chain of them, and somebody else after a time.
#[test]
fn aws_team_38_several_approvers_and_escalation() {
    let mut world = World::new();
    let mut asked = submit("2 of group:sre");
    let requirement = "2 of group:sre or 1 of user:cat".parse().unwrap();
    asked.assessed.assessment.escalation = Some(crate::assessment::Escalation { after_seconds: 300, requirement, persons_required: 1 });
    let request = world.submit("bot", asked).unwrap();
    assert_eq!(code(world.review("cat", request, Verdict::Approve)), Err(NotEligible));
    world.wait(300);
    world.expire();
    world.review("cat", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Approved);
}

/// Named people instead of a whole group.
#[test]
fn sony_stamp_18_named_people_may_approve_and_their_groups_may_not() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of user:cat");
    assert_eq!(code(world.review("ben", request, Verdict::Approve)), Err(NotEligible));
    world.review("cat", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Approved);
}

/// An approver who would agree to less had to deny.
#[test]
fn teleport_37252_an_approver_shortens_the_grant() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    let shorter = world.narrow("ana", request, Some(120), None).unwrap();
    world.review("ana", shorter, Verdict::Approve).unwrap();
    let known = world.request(shorter);
    let issued = &known.granted().unwrap().issued;
    assert_eq!(issued.expires_at, issued.not_before.plus_seconds(120));
}

/// A denial after the approval.
#[test]
fn teleport_5622_after_the_approval_it_is_taken_back_not_denied() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(code(world.review("ben", request, Verdict::Deny)), Err(RequestDecided));
    let grant = world.request(request).grant().unwrap();
    world.run(&actor("ana"), Command::RevokeGrant(RevokeGrant { grant, reason: "second thoughts".into() })).unwrap();
    assert_eq!(code(world.redeem("bot", request)), Err(GrantRevoked));
}

/// Emergencies without a reason and without anybody noticing.
#[test]
fn sso_elevator_114_an_emergency_has_a_reason_and_is_noticed() {
    let mut world = World::new();
    let silent = Submit { breakglass: true, justification: " \n".into(), ..submit("2 of group:dba") };
    assert_eq!(code(world.submit("ana", silent)), Err(Invalid));
    let before = world.events.len();
    world.submit("ana", Submit { breakglass: true, ..submit("2 of group:dba") }).unwrap();
    assert!(world.kinds_since(before).contains(&"alert.raised"));
    assert_eq!(world.state.open_emergencies().count(), 1, "and somebody has to judge it");
}

/// Self-approval through the API, and through Slack, where the web page refused it.
#[test]
fn bytebase_19142_and_hoop_pr_693_nobody_approves_their_own_request_through_any_door() {
    for channel in [Channel::Portal, Channel::Api, Channel::Cli, Channel::Slack, Channel::Teams, Channel::Mcp, Channel::Engine] {
        for method in [AuthMethod::Passkey, AuthMethod::Link, AuthMethod::Oidc, AuthMethod::ApiKey, AuthMethod::Local, AuthMethod::Engine] {
            let mut world = World::new();
            world.assign("ana", "admin");
            let request = world.ask("ana", "1 of group:sre");
            let review = world.review_command("ana", request, Verdict::Approve);
            let mut who = actor("ana");
            (who.channel, who.auth.method) = (channel, method);
            let refused = code(world.run(&who, Command::Review(Box::new(review))));
            assert!(matches!(refused, Err(SubjectOfRequest | NotAPerson)), "{channel:?} {method:?}: {refused:?}");
            assert_eq!(state(&world, request), RequestState::Pending);
        }
    }
}

/// Members of the same team could not approve for each other.
#[test]
fn aws_team_176_peers_approve_for_each_other() {
    let mut world = World::new();
    let request = world.ask("ana", "1 of group:sre");
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Approved);
}

/// Nobody looked at who settles an approval; the intended approvers were a suggestion.
#[test]
fn nestjs_agentic_139_and_secureblue_862_and_gitlab_628438_only_those_asked_can_settle() {
    for channel in [Channel::Portal, Channel::Slack, Channel::Teams] {
        let mut world = World::new();
        let request = world.ask("bot", "1 of group:dba");
        for (who, expected) in
            [("ana", NotEligible), ("eve", NotEligible), ("dan", SubjectOfRequest), ("bot", NotAPerson), ("ghost", UnknownPrincipal)]
        {
            let review = world.review_command(who, request, Verdict::Approve);
            let mut through = actor(who);
            through.channel = channel;
            assert_eq!(code(world.run(&through, Command::Review(Box::new(review)))), Err(expected), "{who} {channel:?}");
        }
    }
}

/// Two clicks were two approvals.
#[test]
fn sso_elevator_47_a_double_click_is_one_approval() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre");
    let click = world.review_command("ana", request, Verdict::Approve);
    world.run(&actor("ana"), Command::Review(Box::new(click.clone()))).unwrap();
    assert_eq!(code(world.run(&actor("ana"), Command::Review(Box::new(click)))), Err(AlreadyReviewed));
    assert_eq!((state(&world, request), world.request(request).reviews.len()), (RequestState::Pending, 1));
}

/// An approver who had left could still approve, or their vote still counted.
#[test]
fn sso_elevator_138_who_has_left_approves_nothing() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    world.operate(Directory::Switch { principal: "ana".parse().unwrap(), enabled: false, reason: "left".into() });
    assert_eq!(code(world.review("ana", request, Verdict::Approve)), Err(PrincipalDisabled));
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Pending, "one of the two has left");
}

/// What was approved was changed before it ran.
#[test]
fn openclaw_124738_and_124858_a_file_that_changed_since_does_not_run() {
    let mut world = World::new();
    let mut asked = submit("1 of group:sre");
    let file = |content: &[u8]| Input { kind: InputKind::File, name: "m.sql".into(), sha256: Digest::of(content), bytes: 3 };
    asked.action.inputs = vec![file(b"old")];
    let mut changed = asked.action.clone();
    changed.inputs = vec![file(b"new")];
    let request = world.submit("bot", asked).unwrap();
    world.review("ana", request, Verdict::Approve).unwrap();
    let redeem = Redeem {
        grant: world.request(request).grant().unwrap(),
        run_digest: changed.digest().unwrap(),
        tool: None,
        host: None,
        artefacts: vec![],
        audience: None,
    };
    assert_eq!(code(world.run(&actor("bot"), Command::Redeem(redeem))), Err(ActionChanged));
    assert_eq!(world.events.last().unwrap().kind().name(), "grant.refused");
}

/// The approver saw other arguments than those that ran.
#[test]
fn pydantic_ai_6968_what_was_shown_is_what_is_approved() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    let mut review = world.review_command("ana", request, Verdict::Approve);
    review.shown_digest = Digest::of(b"a shortened view");
    assert_eq!(code(world.run(&actor("ana"), Command::Review(Box::new(review)))), Err(DigestMoved));
}

/// Reasons that nobody had to give, or that were not kept.
#[test]
fn teleport_7560_and_11504_and_20164_and_hoop_885_reasons_are_given_and_kept() {
    let mut world = World::new();
    assert_eq!(code(world.submit("bot", Submit { justification: String::new(), ..submit("none") })), Err(Invalid));
    let request = world.ask("bot", "1 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    let known = world.request(request);
    assert!(known.submitted.justification.clear().is_some());
    assert_eq!(known.reviews[0].body.comment.as_ref().and_then(|comment| comment.clear()), Some("fine"));
}

/// The history of a request vanished with it.
#[test]
fn teleport_68308_what_has_ended_is_still_there() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    world.wait(90_000);
    world.expire();
    world.forget();
    let known = world.request(request);
    assert_eq!((known.state(), known.reviews.len()), (RequestState::Approved, 1));
}

/// What was approved automatically was invisible to auditors.
#[test]
fn aws_team_61_what_goes_straight_through_is_on_record_as_automatic() {
    let mut world = World::new();
    world.ask("bot", "none");
    let approved =
        world.events.iter().find_map(|event| if let Body::RequestApproved(approved) = &event.body { Some(approved) } else { None });
    assert_eq!(approved.map(|approved| (approved.mechanism, approved.persons)), Some((Mechanism::Automatic, 0)));
}

/// A race between approving, revoking and running: whichever comes first in the log holds, and nothing runs after a revocation.
#[test]
fn hoop_pr_466_and_openclaw_103515_revoking_and_running_at_once() {
    for revoke_first in [true, false] {
        let mut world = World::new();
        let request = world.ask("bot", "1 of group:sre");
        world.review("ana", request, Verdict::Approve).unwrap();
        let grant = world.request(request).grant().unwrap();
        let revoke = Command::RevokeGrant(RevokeGrant { grant, reason: "stop".into() });
        if revoke_first {
            world.run(&actor("ana"), revoke).unwrap();
            assert_eq!(code(world.redeem("bot", request)), Err(GrantRevoked));
        } else {
            world.redeem("bot", request).unwrap();
            assert_eq!(code(world.run(&actor("ana"), revoke)), Err(GrantUsed));
        }
    }
}

/// Prompts without end: the same small thing, asked again and again.
#[test]
fn gemini_cli_14421_and_humanlayer_925_one_approval_can_cover_several_runs() {
    let mut world = World::new();
    let mut asked = submit("1 of group:sre");
    asked.assessed.assessment.uses = 5;
    let request = world.submit("bot", asked).unwrap();
    world.review("ana", request, Verdict::Approve).unwrap();
    for _ in 0..5 {
        world.redeem("bot", request).unwrap();
    }
    assert_eq!(code(world.redeem("bot", request)), Err(GrantUsed), "five were approved, and not one more");
}

/// The quorum was read from something that the attacker supplied.
#[test]
fn counter_sign_0_1_3_the_rule_is_read_only_from_what_was_recorded_when_it_was_asked() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre");
    // Whatever policy says by now, and whatever the reviewer claims to have seen, two are needed.
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(state(&world, request), RequestState::Pending);
    let mut review = world.review_command("ben", request, Verdict::Approve);
    review.policy_digest = Digest::of(b"a weaker policy");
    assert_eq!(code(world.run(&actor("ben"), Command::Review(Box::new(review)))), Err(PolicyMoved));
    world.review("ben", request, Verdict::Approve).unwrap();
    let Phase::Approved { slots, .. } = &world.request(request).phase else { panic!() };
    assert_eq!(slots.len(), 2);
}
