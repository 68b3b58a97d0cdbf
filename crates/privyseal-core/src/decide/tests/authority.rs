//! Delegation, access reviews, the kill switch: who may lend, take and stop, and what follows in the same commit.

use super::world::*;
use crate::command::*;
use crate::event::Body;
use crate::event::execution::HaltScope;
use crate::event::request::Verdict;
use crate::refusal::RefusalCode::{self, *};
use crate::request::RequestState;

fn delegate(world: &World, delegator: &str, delegate: &str, role: &str, seconds: i64) -> Command {
    Command::Directory(Directory::Delegate {
        delegator: delegator.parse().unwrap(),
        delegate: delegate.parse().unwrap(),
        roles: vec![role.parse().unwrap()],
        valid_from: world.now,
        valid_to: world.now.plus_seconds(seconds),
        reason: "on leave".into(),
    })
}

fn lend(world: &mut World, from: &str, to: &str, role: &str) -> String {
    let command = delegate(world, from, to, role, 86_400);
    match world.run(&actor(from), command).unwrap() {
        Reply::Delegation(name) => name,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_may_delegate_what() {
    for (what, by, from, to, role, seconds, expected) in [
        ("one's own group", "ana", "ana", "cat", "group:sre", 86_400, None),
        ("by an administrator", "dan", "ana", "cat", "group:sre", 86_400, None),
        ("of somebody else", "ben", "ana", "cat", "group:sre", 86_400, Some(RoleMissing)),
        ("an administrator to themselves", "dan", "ana", "dan", "group:sre", 86_400, Some(OwnAccess)),
        ("to oneself", "ana", "ana", "ana", "group:sre", 86_400, Some(OwnAccess)),
        ("to one's other account", "ana", "ana", "ana2", "group:sre", 86_400, Some(OwnAccess)),
        ("to an agent", "ana", "ana", "bot", "group:sre", 86_400, Some(NotAPerson)),
        ("from an agent", "dan", "bot", "cat", "group:sre", 86_400, Some(NotAPerson)),
        ("to nobody", "ana", "ana", "ghost", "group:sre", 86_400, Some(UnknownPrincipal)),
        ("a group that one does not hold", "cat", "cat", "ben", "group:sre", 86_400, Some(Invalid)),
        ("a role that decides nothing by itself", "dan", "dan", "cat", "admin", 86_400, Some(Invalid)),
        ("for too long", "ana", "ana", "cat", "group:sre", 91 * 86_400, Some(Invalid)),
        ("for no time", "ana", "ana", "cat", "group:sre", 0, Some(Invalid)),
    ] {
        let mut world = World::new();
        let command = delegate(&world, from, to, role, seconds);
        let result = world.run(&actor(by), command).map(|_| ()).map_err(|refusal| refusal.code);
        assert_eq!(result, expected.map_or(Ok(()), Err), "{what}");
    }
}

#[test]
fn a_key_stops_agents_and_neither_lets_them_go_on_nor_lends_anything() {
    let mut world = World::new();
    let mut by_key = actor("dan");
    by_key.auth.session = None;
    by_key.auth.method = crate::event::AuthMethod::ApiKey;
    by_key.channel = crate::event::Channel::Api;
    let lending = delegate(&world, "ana", "cat", "group:sre", 3_600);
    assert_eq!(world.run(&by_key, lending).unwrap_err().code, NotAPerson);
    let all = || halt(HaltScope::All, None);
    world.run(&by_key, Command::Halt(all())).unwrap();
    assert_eq!(world.run(&by_key, Command::Resume(all())).unwrap_err().code, NotAPerson);
    world.run(&actor("dan"), Command::Resume(all())).unwrap();
}

#[test]
fn what_was_lent_cannot_be_lent_on() {
    let mut world = World::new();
    lend(&mut world, "ana", "cat", "group:sre");
    let on = delegate(&world, "cat", "ben", "group:sre", 3_600);
    assert_eq!(world.run(&actor("cat"), on).unwrap_err().code, Invalid);
}

#[test]
fn a_delegate_decides_in_the_delegators_place_and_both_names_are_on_record() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre, 1 of user:ben");
    assert_eq!(world.review("cat", request, Verdict::Approve).unwrap_err().code, NotEligible);
    let name = lend(&mut world, "ana", "cat", "group:sre");
    world.review("cat", request, Verdict::Approve).unwrap();
    let known = world.request(request);
    let review = &known.reviews[0].body;
    assert_eq!((review.delegation.as_ref(), review.in_place_of.as_ref().unwrap().principal.as_str()), (Some(&name), "ana"));
    assert!(!review.roles.iter().any(|role| role.as_str() == "group:sre"), "what was lent is no role of the delegate");
    assert_eq!(world.review("ana", request, Verdict::Deny).unwrap_err().code, AlreadyReviewed, "one authority, one verdict");
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(world.request(request).state(), RequestState::Approved);
}

#[test]
fn two_delegates_of_one_person_are_one_authority() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre");
    lend(&mut world, "ana", "cat", "group:sre");
    lend(&mut world, "ana", "eve", "group:sre");
    world.review("cat", request, Verdict::Approve).unwrap();
    assert_eq!(world.review("eve", request, Verdict::Approve).unwrap_err().code, NotEligible);
    assert_eq!(world.request(request).state(), RequestState::Pending);
}

#[test]
fn an_account_that_turns_out_to_be_the_delegators_adds_no_second_authority() {
    fn becomes(world: &mut World, account: &str, person: &str) {
        let mut record = world.state.principals[&account.parse().unwrap()].record.clone();
        record.person = Some(person.parse().unwrap());
        world.operate(Directory::Change { record, reason: "one person, two accounts".into() });
    }
    for before_the_first_verdict in [true, false] {
        let mut world = World::new();
        let request = world.ask("bot", "2 of group:sre");
        lend(&mut world, "ana", "cat", "group:sre");
        if before_the_first_verdict {
            becomes(&mut world, "ben", "ana");
        }
        world.review("cat", request, Verdict::Approve).unwrap();
        if !before_the_first_verdict {
            becomes(&mut world, "ben", "ana");
        }
        assert_eq!(world.review("ben", request, Verdict::Approve).unwrap_err().code, AlreadyReviewed);
        assert_eq!(world.request(request).state(), RequestState::Pending);
    }
    // The other way round: both have decided, one more is needed, and the two are one by then.
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre, 1 of group:dba");
    lend(&mut world, "ana", "cat", "group:sre");
    world.review("cat", request, Verdict::Approve).unwrap();
    world.review("ben", request, Verdict::Approve).unwrap();
    becomes(&mut world, "ben", "ana");
    world.assign("eve", "group:dba");
    world.review("eve", request, Verdict::Approve).unwrap();
    assert_eq!(world.request(request).state(), RequestState::Pending);
    // And a delegate who turns out to be the delegator lends nothing to themselves.
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre, 1 of user:ben");
    lend(&mut world, "ana", "cat", "group:sre");
    world.review("cat", request, Verdict::Approve).unwrap();
    becomes(&mut world, "cat", "ana");
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(world.request(request).state(), RequestState::Pending);
}

#[test]
fn a_delegate_never_decides_on_a_request_of_the_delegator() {
    let mut world = World::new();
    lend(&mut world, "ana", "cat", "group:sre");
    let request = world.ask("ana", "1 of group:sre");
    assert_eq!(world.review("cat", request, Verdict::Approve).unwrap_err().code, SubjectOfRequest);
    // Nor one who becomes the delegate afterwards, even of something else.
    let request = world.ask("ben", "1 of group:dba");
    lend(&mut world, "ben", "cat", "group:sre");
    assert_eq!(world.review("cat", request, Verdict::Approve).unwrap_err().code, SubjectOfRequest);
}

#[test]
fn what_ends_before_the_last_vote_takes_the_vote_with_it() {
    type End = fn(&mut World, String);
    let ends: [(&str, End); 4] = [
        ("the delegation is ended", |world, delegation| {
            world.run(&actor("ana"), Command::Directory(Directory::EndDelegation { delegation, reason: "back".into() })).unwrap();
        }),
        ("its time is over", |world, _| world.wait(1_200)),
        ("the delegator loses the group", |world, _| {
            let (principal, role) = ("ana".parse().unwrap(), "group:sre".parse().unwrap());
            world.operate(Directory::Remove { principal, role, reason: "moved".into() });
        }),
        ("the delegator is disabled", |world, _| {
            world.operate(Directory::Switch { principal: "ana".parse().unwrap(), enabled: false, reason: "left".into() });
        }),
    ];
    for (what, end) in ends {
        let mut world = World::new();
        let request = world.ask("bot", "1 of group:sre, 1 of user:ben");
        let command = delegate(&world, "ana", "cat", "group:sre", 1_200);
        let Reply::Delegation(name) = world.run(&actor("ana"), command).unwrap() else { panic!() };
        world.review("cat", request, Verdict::Approve).unwrap();
        end(&mut world, name);
        world.review("ben", request, Verdict::Approve).unwrap();
        assert_eq!(world.request(request).state(), RequestState::Pending, "{what}");
    }
}

#[test]
fn a_delegate_may_hand_back_and_a_stranger_may_not() {
    let mut world = World::new();
    let delegation = lend(&mut world, "ana", "cat", "group:sre");
    let end = || Command::Directory(Directory::EndDelegation { delegation: delegation.clone(), reason: "done".into() });
    assert_eq!(world.run(&actor("ben"), end()).unwrap_err().code, RoleMissing);
    assert_eq!(world.run(&actor("bot"), end()).unwrap_err().code, RoleMissing);
    world.run(&actor("cat"), end()).unwrap();
    assert_eq!(world.run(&actor("cat"), end()).unwrap_err().code, UnknownDelegation);
}

#[test]
fn nobody_gives_themselves_a_role() {
    let mut world = World::new();
    world.assign("ana2", "admin");
    let assign = |to: &str, role: &str| {
        let (principal, role) = (to.parse().unwrap(), role.parse().unwrap());
        Command::Directory(Directory::Assign { principal, role, valid_to: None, scope: vec![], reason: "r".into() })
    };
    for (by, to, expected) in
        [("dan", "dan", Err(OwnAccess)), ("ana2", "ana", Err(OwnAccess)), ("dan", "ana", Ok(())), ("dan", "bot", Err(OwnAccess))]
    {
        let role = if to == "bot" { "requester" } else { "group:security" };
        assert_eq!(world.run(&actor(by), assign(to, role)).map(|_| ()).map_err(|refusal| refusal.code), expected, "{by} to {to}");
    }
}

#[test]
fn access_is_reviewed_by_somebody_else_and_what_is_withdrawn_is_gone_at_once() {
    let review = |principal: &str, role: &str, keep, comment: Option<&str>| {
        let comment = comment.map(str::to_owned);
        Command::ReviewAccess(ReviewAccess { principal: principal.parse().unwrap(), role: role.parse().unwrap(), keep, comment })
    };
    for (what, by, command, expected) in [
        ("one's own", "dan", review("dan", "group:sre", true, None), OwnAccess),
        ("of one's other account", "ana", review("ana2", "group:dba", true, None), OwnAccess),
        ("of one's agent", "dan", review("bot", "requester", true, None), OwnAccess),
        ("by an auditor", "eve", review("ana", "group:sre", true, None), RoleMissing),
        ("by an agent", "bot", review("ana", "group:sre", true, None), NotAPerson),
        ("of a role not held", "dan", review("cat", "group:sre", true, None), Invalid),
        ("taken away without a word", "dan", review("ana", "group:sre", false, Some(" ")), Invalid),
        ("of nobody", "dan", review("ghost", "group:sre", true, None), UnknownPrincipal),
    ] {
        assert_eq!(World::new().run(&actor(by), command).unwrap_err().code, expected, "{what}");
    }
    let mut world = World::new();
    let before = world.events.len();
    world.run(&actor("dan"), review("ana", "group:sre", true, None)).unwrap();
    world.run(&actor("dan"), review("ana", "group:sre", false, Some("moved to another team"))).unwrap();
    assert_eq!(world.kinds_since(before), ["access_review.recorded", "access_review.recorded", "role.removed"]);
    let [.., reviewed, removed] = world.events.as_slice() else { panic!() };
    let Body::RoleRemoved(body) = &removed.body else { panic!() };
    assert_eq!(body.access_review_seq, Some(reviewed.seq));
    let request = world.ask("bot", "1 of group:sre");
    assert_eq!(world.review("ana", request, Verdict::Approve).unwrap_err().code, NotEligible);
}

fn halt(scope: HaltScope, principal: Option<&str>) -> Halt {
    Halt { scope, principal: principal.map(|principal| principal.parse().unwrap()), reason: "runs wild".into() }
}

#[test]
fn who_may_stop_which_agents() {
    for (by, scope, target, expected) in [
        ("dan", HaltScope::All, None, Ok(())),
        ("ben", HaltScope::All, None, Err(RoleMissing)),
        ("dan", HaltScope::Agent, Some("sub"), Ok(())),
        ("ben", HaltScope::Agent, Some("sub"), Ok(())),
        ("ben", HaltScope::Agent, Some("bot"), Err(RoleMissing)),
        ("ben", HaltScope::Owner, Some("ben"), Ok(())),
        ("ben", HaltScope::Owner, Some("dan"), Err(RoleMissing)),
        ("bot", HaltScope::Agent, Some("sub"), Err(NotAPerson)),
        ("dan", HaltScope::Agent, Some("ana"), Err(UnknownPrincipal)),
        ("dan", HaltScope::Owner, Some("bot"), Err(UnknownPrincipal)),
        ("dan", HaltScope::Agent, None, Err(Invalid)),
        ("dan", HaltScope::All, Some("bot"), Err(Invalid)),
    ] {
        let result = World::new().run(&actor(by), Command::Halt(halt(scope, target)));
        assert_eq!(result.map(|_| ()).map_err(|refusal| refusal.code), expected, "{by} {scope:?} {target:?}");
    }
}

#[test]
fn a_stopped_agent_asks_nothing_gets_nothing_and_runs_nothing() {
    let mut world = World::new();
    let open = world.ask("sub", "none");
    let running = world.ask("sub", "none");
    let execution = world.redeem("sub", running).unwrap();
    let pending = world.ask("sub", "1 of group:sre");
    let others = world.ask("ben", "none");
    let for_it = world.submit("ben", Submit { executor: Some("sub".parse().unwrap()), ..submit("none") }).unwrap();
    // `bot` spawned `sub`: stopping it stops what it spawned.
    let Reply::Halted { grants } = world.run(&actor("dan"), Command::Halt(halt(HaltScope::Agent, Some("bot")))).unwrap() else { panic!() };
    assert_eq!(grants, 2, "the open grants that `sub` could use");
    let silent = |result: Result<_, crate::refusal::Refusal>| result.map(|_: crate::id::RequestId| ()).map_err(|refusal| refusal.code);
    assert_eq!(silent(world.submit("sub", submit("none"))), Err(Halted));
    assert_eq!(silent(world.submit("ben", Submit { executor: Some("sub".parse().unwrap()), ..submit("none") })), Err(Halted));
    assert_eq!(world.redeem("sub", open).unwrap_err().code, Halted);
    assert_eq!(world.redeem("sub", for_it).unwrap_err().code, Halted);
    assert_eq!(world.review("ana", pending, Verdict::Approve).unwrap_err().code, Halted);
    world.review("ana", pending, Verdict::Deny).unwrap();
    // What runs cannot be called back, and what came of it is still wanted. People go on.
    world.finish("sub", execution).unwrap();
    world.redeem("ben", others).unwrap();
    assert_eq!(world.run(&actor("ben"), Command::Resume(halt(HaltScope::Agent, Some("bot")))).unwrap_err().code, RoleMissing);
    world.run(&actor("dan"), Command::Resume(halt(HaltScope::Agent, Some("bot")))).unwrap();
    assert_eq!(world.redeem("sub", open).unwrap_err().code, GrantRevoked, "what was taken back stays taken back");
    world.ask("sub", "none");
    assert_eq!(world.run(&actor("dan"), Command::Resume(halt(HaltScope::All, None))).unwrap_err().code, Invalid);
}

#[test]
fn stopping_an_owners_agents_follows_every_account_and_chain() {
    let mut world = World::new();
    for (owner, stopped) in [("dan", ["bot", "sub"].as_slice()), ("ben", &["sub"]), ("ana2", &[])] {
        world.run(&actor("dan"), Command::Halt(halt(HaltScope::Owner, Some(owner)))).unwrap();
        for agent in ["bot", "sub"] {
            let result = world.submit(agent, submit("none")).map(|_| ()).map_err(|refusal| refusal.code);
            let expected: Result<(), RefusalCode> = if stopped.contains(&agent) { Err(Halted) } else { Ok(()) };
            assert_eq!(result, expected, "{agent} while the agents of {owner} are stopped");
        }
        world.run(&actor("dan"), Command::Resume(halt(HaltScope::Owner, Some(owner)))).unwrap();
    }
}
