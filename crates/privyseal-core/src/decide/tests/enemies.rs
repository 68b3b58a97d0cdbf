//! What an enemy or a tired person does: each test is named after what it tries.

use super::world::*;
use crate::command::*;
use crate::event::request::Verdict;
use crate::refusal::Refusal;
use crate::refusal::RefusalCode::{self, *};
use crate::request::RequestState;

fn code<T>(result: Result<T, Refusal>) -> Result<(), RefusalCode> {
    result.map(drop).map_err(|refusal| refusal.code)
}

#[test]
fn two_approvers_in_the_same_second() {
    for (requirement, expected) in [("1 of group:sre", Err(RequestDecided)), ("2 of group:sre", Ok(()))] {
        let mut world = World::new();
        let request = world.ask("bot", requirement);
        world.review("ana", request, Verdict::Approve).unwrap();
        assert_eq!(code(world.review("ben", request, Verdict::Approve)), expected, "{requirement}");
        assert_eq!(world.request(request).state(), RequestState::Approved);
        let grants = world.events.iter().filter(|event| event.kind().name() == "grant.issued").count();
        assert_eq!(grants, 1, "{requirement}: one request, one grant");
    }
}

#[test]
fn approve_and_deny_in_the_same_second() {
    for (first, second, end) in
        [(Verdict::Approve, Verdict::Deny, RequestState::Approved), (Verdict::Deny, Verdict::Approve, RequestState::Denied)]
    {
        let mut world = World::new();
        let request = world.ask("bot", "1 of group:sre");
        world.review("ana", request, first).unwrap();
        assert_eq!(code(world.review("ben", request, second)), Err(RequestDecided));
        assert_eq!(world.request(request).state(), end);
    }
}

#[test]
fn approve_after_expiry_while_nobody_has_recorded_it() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.wait(1_800);
    assert_eq!(code(world.review("ana", request, Verdict::Approve)), Err(RequestExpired));
}

#[test]
fn approve_while_it_runs() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    world.redeem("bot", request).unwrap();
    assert_eq!(code(world.review("ben", request, Verdict::Approve)), Err(RequestDecided));
    assert_eq!(code(world.review("ben", request, Verdict::Deny)), Err(RequestDecided));
}

#[test]
fn the_owner_of_an_agent_is_changed_so_that_the_old_one_can_approve() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    let mut record = world.state.principals[&"bot".parse().unwrap()].record.clone();
    record.owner = Some("ben".parse().unwrap());
    world.operate(Directory::Change { record, reason: "handover".into() });
    assert_eq!(code(world.review("dan", request, Verdict::Approve)), Err(SubjectOfRequest), "who owned it when it asked stays a subject");
    assert_eq!(code(world.review("ben", request, Verdict::Approve)), Err(SubjectOfRequest), "and so does who owns it now");
    world.review("ana", request, Verdict::Approve).unwrap();
}

#[test]
fn a_spawned_agent_is_cut_off_from_its_parent_so_that_the_parents_owner_can_approve() {
    let mut world = World::new();
    let request = world.ask("sub", "1 of group:sre");
    let mut record = world.state.principals[&"sub".parse().unwrap()].record.clone();
    record.parent = None;
    world.operate(Directory::Change { record, reason: "independent".into() });
    assert_eq!(code(world.review("dan", request, Verdict::Approve)), Err(SubjectOfRequest));
}

#[test]
fn a_person_gets_a_second_account_to_vote_twice() {
    let mut world = World::new();
    world.assign("ana2", "group:sre");
    let request = world.ask("bot", "2 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(code(world.review("ana2", request, Verdict::Approve)), Err(AlreadyReviewed));
}

#[test]
fn two_accounts_turn_out_to_be_one_person_between_the_votes() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:dba|group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    let mut record = world.state.principals[&"cat".parse().unwrap()].record.clone();
    record.person = Some("ana".parse().unwrap());
    world.operate(Directory::Change { record, reason: "the same person".into() });
    assert_eq!(code(world.review("cat", request, Verdict::Approve)), Err(AlreadyReviewed));
}

#[test]
fn a_group_is_joined_only_for_the_vote() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:dba, 1 of group:sre");
    let (principal, role) = (|| "ana".parse().unwrap(), || "group:dba".parse().unwrap());
    world.assign("ana", "group:dba");
    world.review("ana", request, Verdict::Approve).unwrap();
    world.operate(Directory::Remove { principal: principal(), role: role(), reason: "only for a moment".into() });
    world.operate(Directory::Remove { principal: principal(), role: "group:sre".parse().unwrap(), reason: "moved".into() });
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(world.request(request).state(), RequestState::Pending);
}

#[test]
fn the_same_reason_is_pasted_everywhere() {
    let mut world = World::new();
    for number in 0..5 {
        let request = world.ask("bot", "1 of group:sre");
        assert_eq!(world.request(request).submitted.justification_repeats, number, "approvers and auditors see how often");
    }
}

#[test]
fn names_that_look_like_somebody_elses() {
    let world = World::new();
    let mut record = world.state.principals[&"ana".parse().unwrap()].record.clone();
    record.principal = "mallory".parse().unwrap();
    for (what, name) in [
        ("turned around", "ben\u{202e}ana"),
        ("with something invisible", "a\u{200b}na"),
        ("with a line of its own", "ana\nadministrator"),
        ("of nothing", "  "),
        ("endless", &"x".repeat(201)),
    ] {
        let mut world = World::new();
        record.name = name.into();
        assert_eq!(code(world.run(&operator(), Command::Directory(Directory::Register(record.clone())))), Err(Invalid), "{what}");
    }
    for homoglyph in ["аna", "аnа", "ana\u{0301}", "ＡＮＡ", "ana "] {
        assert!(homoglyph.parse::<crate::id::PrincipalId>().is_err(), "{homoglyph:?}: accounts are told apart by plain letters");
    }
}

#[test]
fn a_grant_is_tried_by_everybody_before_its_owner_comes() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    for who in ["sub", "ana", "dan", "eve"] {
        assert_eq!(code(world.redeem(who, request)), Err(WrongExecutor), "{who}");
    }
    world.redeem("bot", request).unwrap();
}

#[test]
fn an_agent_reports_the_run_of_another() {
    let mut world = World::new();
    let request = world.ask("bot", "none");
    let execution = world.redeem("bot", request).unwrap();
    for who in ["sub", "dan", "ana"] {
        assert_eq!(code(world.finish(who, execution)), Err(UnknownExecution), "{who}");
    }
    world.finish("bot", execution).unwrap();
}
