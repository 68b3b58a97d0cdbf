//! Every act in every stage of a request's life, and every rule about who may do it.

use super::world::*;
use crate::command::*;
use crate::digest::Digest;
use crate::event::execution::BreakglassOutcome;
use crate::event::request::Verdict;
use crate::event::{AuthMethod, Channel};
use crate::id::*;
use crate::refusal::RefusalCode::{self, *};
use crate::request::RequestState;

/// Every stage that a request can be in, its grant and run included.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Absent,
    Pending,
    PastDue,
    Unused,
    Running,
    Done,
    Unknown,
    Revoked,
    GrantExpired,
    Emergency,
    Denied,
    Expired,
    Cancelled,
}

const STAGES: [Stage; 13] = [
    Stage::Absent,
    Stage::Pending,
    Stage::PastDue,
    Stage::Unused,
    Stage::Running,
    Stage::Done,
    Stage::Unknown,
    Stage::Revoked,
    Stage::GrantExpired,
    Stage::Emergency,
    Stage::Denied,
    Stage::Expired,
    Stage::Cancelled,
];

/// Every act on a request, each by someone who may do it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Withdraw,
    Approve,
    Deny,
    Expire,
    Redeem,
    Finish,
    GiveUp,
    Revoke,
    Judge,
}

const ACTS: [Act; 9] =
    [Act::Withdraw, Act::Approve, Act::Deny, Act::Expire, Act::Redeem, Act::Finish, Act::GiveUp, Act::Revoke, Act::Judge];

/// Names every command, so that a new one does not compile until this table knows it.
#[expect(dead_code, reason = "it is here to be compiled, not to be called")]
fn act_of(command: &Command) -> Option<Act> {
    match command {
        Command::Withdraw(_) => Some(Act::Withdraw),
        Command::Review(review) => Some(match review.verdict {
            Verdict::Approve => Act::Approve,
            Verdict::Deny => Act::Deny,
        }),
        Command::Expire => Some(Act::Expire),
        Command::Redeem(_) => Some(Act::Redeem),
        Command::Finish(_) => Some(Act::Finish),
        Command::GiveUp(_) => Some(Act::GiveUp),
        Command::RevokeGrant(_) => Some(Act::Revoke),
        Command::JudgeBreakglass(_) => Some(Act::Judge),
        // These make requests or are not about one; they have tests of their own below.
        Command::Submit(_)
        | Command::Narrow(_)
        | Command::Halt(_)
        | Command::Resume(_)
        | Command::ReviewAccess(_)
        | Command::Directory(_)
        | Command::Session(_)
        | Command::PublishPolicy(_)
        | Command::PublishCatalog(_)
        | Command::Keys(_)
        | Command::Redact(_)
        | Command::Record(_) => None,
    }
}

/// Brings a request of `bot` to a stage.
fn bring_to(stage: Stage) -> (World, RequestId) {
    let mut world = World::new();
    if stage == Stage::Absent {
        let request = RequestId::new(world.now, [9; 10]);
        return (world, request);
    }
    if stage == Stage::Emergency {
        let request = world.submit("ana", Submit { breakglass: true, ..submit("1 of group:dba") }).unwrap();
        return (world, request);
    }
    let request = world.ask("bot", "1 of group:sre");
    world.wait(60);
    match stage {
        Stage::Absent | Stage::Emergency | Stage::Pending => {}
        Stage::PastDue => world.wait(3_600),
        Stage::Unused | Stage::Running | Stage::Done | Stage::Unknown | Stage::Revoked | Stage::GrantExpired => {
            world.review("ana", request, Verdict::Approve).unwrap();
            match stage {
                Stage::Running => drop(world.redeem("bot", request).unwrap()),
                Stage::Done => {
                    let execution = world.redeem("bot", request).unwrap();
                    world.finish("bot", execution).unwrap();
                }
                Stage::Unknown => {
                    let execution = world.redeem("bot", request).unwrap();
                    world.run(&actor("bot"), Command::GiveUp(GiveUp { execution, reason: "gone".into() })).unwrap();
                }
                Stage::Revoked => {
                    let grant = world.state.requests[&request].grant().unwrap();
                    world.run(&actor("ana"), Command::RevokeGrant(RevokeGrant { grant, reason: "no".into() })).unwrap();
                }
                Stage::GrantExpired => {
                    world.wait(3_600);
                    world.expire();
                }
                _ => {}
            }
        }
        Stage::Denied => drop(world.review("ana", request, Verdict::Deny).unwrap()),
        Stage::Expired => {
            world.wait(3_600);
            world.expire();
        }
        Stage::Cancelled => drop(world.run(&actor("bot"), Command::Withdraw(Withdraw { request, comment: None })).unwrap()),
    }
    (world, request)
}

fn perform(world: &mut World, request: RequestId, stage: Stage, act: Act) -> Result<(), RefusalCode> {
    let nowhere = GrantId::new(world.now, [8; 10]);
    let known = world.request_if_any(request);
    let known = known.as_ref();
    let grant = known.and_then(|request| request.grant()).unwrap_or(nowhere);
    let run_digest = known.map_or(Digest::of(b""), |request| request.submitted.action_digest);
    let execution = known.and_then(|request| request.granted()?.executions.first().copied());
    let execution = execution.unwrap_or_else(|| ExecutionId::new(world.now, [7; 10]));
    let owner = if stage == Stage::Emergency { "ana" } else { "bot" };
    let result = match act {
        Act::Withdraw => world.run(&actor(owner), Command::Withdraw(Withdraw { request, comment: None })),
        Act::Approve => world.review("ben", request, Verdict::Approve),
        Act::Deny => world.review("ben", request, Verdict::Deny),
        Act::Expire => world.run(&operator(), Command::Expire),
        Act::Redeem => world
            .run(&actor(owner), Command::Redeem(Redeem { grant, run_digest, tool: None, host: None, artefacts: vec![], audience: None })),
        Act::Finish => world.finish(owner, execution),
        Act::GiveUp => world.run(&actor(owner), Command::GiveUp(GiveUp { execution, reason: "gone".into() })),
        Act::Revoke => world.run(&actor("dan"), Command::RevokeGrant(RevokeGrant { grant, reason: "no".into() })),
        Act::Judge => {
            let judge = JudgeBreakglass { grant, outcome: BreakglassOutcome::Justified, comment: "seen".into(), signed: None };
            world.run(&actor("cat"), Command::JudgeBreakglass(judge))
        }
    };
    result.map(|_| ()).map_err(|refusal| refusal.code)
}

/// What each act comes to in each stage: the kinds recorded and the refusal, if any.
fn expected(stage: Stage, act: Act) -> (&'static [&'static str], Result<(), RefusalCode>) {
    const APPROVED: &[&str] = &["review.recorded", "request.approved", "grant.issued"];
    const STARTED: &[&str] = &["grant.redeemed", "execution.started"];
    const REPLAY: &[&str] = &["grant.refused"];
    let silent = |code| (&[][..], Err(code));
    match (act, stage) {
        (Act::Withdraw, Stage::Absent) | (Act::Approve, Stage::Absent) | (Act::Deny, Stage::Absent) => silent(UnknownRequest),
        (Act::Withdraw | Act::Approve | Act::Deny, Stage::PastDue) => silent(RequestExpired),
        (Act::Withdraw, Stage::Pending) => (&["request.withdrawn"], Ok(())),
        (Act::Approve, Stage::Pending) => (APPROVED, Ok(())),
        (Act::Deny, Stage::Pending) => (&["review.recorded", "request.denied"], Ok(())),
        // Terminal absorbs: whatever the end was, nobody moves it.
        (Act::Withdraw | Act::Approve | Act::Deny, _) => silent(RequestDecided),

        (Act::Expire, Stage::PastDue) => (&["request.expired"], Ok(())),
        (Act::Expire, _) => (&[], Ok(())),

        (
            Act::Redeem | Act::Revoke | Act::Judge,
            Stage::Absent | Stage::Pending | Stage::PastDue | Stage::Denied | Stage::Expired | Stage::Cancelled,
        ) => silent(UnknownGrant),
        (Act::Redeem, Stage::Unused | Stage::Emergency) => (STARTED, Ok(())),
        (Act::Redeem, Stage::Running | Stage::Done | Stage::Unknown) => (REPLAY, Err(GrantUsed)),
        (Act::Redeem, Stage::Revoked) => (REPLAY, Err(GrantRevoked)),
        (Act::Redeem, Stage::GrantExpired) => (REPLAY, Err(RefusalCode::GrantExpired)),

        (Act::Finish, Stage::Running) => (&["execution.finished"], Ok(())),
        (Act::GiveUp, Stage::Running) => (&["execution.unknown"], Ok(())),
        (Act::Finish | Act::GiveUp, Stage::Done | Stage::Unknown) => silent(ExecutionEnded),
        (Act::Finish | Act::GiveUp, _) => silent(UnknownExecution),

        (Act::Revoke, Stage::Unused | Stage::Emergency) => (&["grant.revoked"], Ok(())),
        (Act::Revoke, _) => silent(GrantUsed),

        (Act::Judge, Stage::Emergency) => (&["breakglass.reviewed"], Ok(())),
        (Act::Judge, _) => silent(NotBreakglass),
    }
}

#[test]
fn every_act_in_every_stage() {
    for stage in STAGES {
        for act in ACTS {
            let (world, request) = bring_to(stage);
            check(world, request, stage, act);
        }
    }
}

/// What has left the state is answered as if it had not.
#[test]
fn every_act_on_what_was_forgotten() {
    let mut forgotten = 0;
    for stage in STAGES {
        for act in ACTS {
            let (mut world, request) = bring_to(stage);
            if !world.request_if_any(request).is_some_and(|request| request.is_settled()) {
                continue;
            }
            world.forget();
            assert_eq!(world.state.requests.len(), 0, "{stage:?}");
            assert!(world.state.grants.is_empty() && world.state.executions.is_empty(), "{stage:?}");
            check(world, request, stage, act);
            forgotten += 1;
        }
    }
    assert_eq!(forgotten, 7 * ACTS.len(), "stages that are settled");
}

fn check(mut world: World, request: RequestId, stage: Stage, act: Act) {
    let before = world.events.len();
    let state_before = world.request_if_any(request).map(|request| request.state());
    let result = perform(&mut world, request, stage, act);
    let (kinds, outcome) = expected(stage, act);
    assert_eq!((world.kinds_since(before).as_slice(), result), (kinds, outcome), "{act:?} in {stage:?}");
    let state_after = world.request_if_any(request).map(|request| request.state());
    if state_before.is_some_and(RequestState::is_terminal) {
        assert_eq!(state_before, state_after, "{act:?} moved {stage:?}");
    }
}

#[test]
fn what_policy_lets_through_is_automatic_and_never_a_person() {
    let mut world = World::new();
    let before = world.events.len();
    let request = world.ask("bot", "none");
    assert_eq!(world.kinds_since(before), ["request.submitted", "request.approved", "grant.issued"]);
    let crate::request::Phase::Approved { mechanism, slots, .. } = &world.state.requests[&request].phase else { panic!() };
    assert_eq!((*mechanism, slots.len()), (crate::event::request::Mechanism::Automatic, 0));
}

#[test]
fn the_clock_of_a_grant_starts_at_the_approval() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.wait(1_700);
    world.review("ana", request, Verdict::Approve).unwrap();
    let approved_at = world.now;
    let grant = world.state.requests[&request].granted().unwrap();
    assert_eq!((grant.issued.not_before, grant.issued.expires_at), (approved_at, approved_at.plus_seconds(600)));
    world.wait(599);
    assert!(world.redeem("bot", request).is_ok());
}

/// Who may seal a request of whom. `sub` was spawned by `bot`, which dan owns; ben owns `sub`; `ana2` is ana.
#[test]
fn no_subject_of_a_request_may_seal_it() {
    for (requester, reviewer, expected) in [
        ("ana", "ana", Err(SubjectOfRequest)),
        ("ana", "ana2", Err(SubjectOfRequest)),
        ("ana", "ben", Ok(())),
        ("bot", "dan", Err(SubjectOfRequest)),
        ("bot", "ana", Ok(())),
        ("sub", "ben", Err(SubjectOfRequest)),
        ("sub", "dan", Err(SubjectOfRequest)),
        ("sub", "ana", Ok(())),
        ("bot", "eve", Err(NotEligible)),
        ("bot", "bot", Err(NotAPerson)),
        ("bot", "sub", Err(NotAPerson)),
    ] {
        let mut world = World::new();
        let request = world.ask(requester, "1 of group:sre|group:dba");
        let before = world.events.len();
        let result = world.review(reviewer, request, Verdict::Approve).map(|_| ()).map_err(|refusal| refusal.code);
        assert_eq!(result, expected, "{reviewer} on a request of {requester}");
        let recorded = world.kinds_since(before);
        assert_eq!(
            recorded.first(),
            Some(if expected.is_ok() { &"review.recorded" } else { &"review.refused" }),
            "the attempt is evidence"
        );
    }
}

#[test]
fn becoming_a_subject_later_takes_the_vote_away() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    // ana becomes the owner of the agent between the votes.
    let mut record = world.state.principals[&"bot".parse().unwrap()].record.clone();
    record.owner = Some("ana".parse().unwrap());
    world.operate(Directory::Change { record, reason: "handover".into() });
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(world.state.requests[&request].state(), RequestState::Pending, "one vote is left of two");
}

#[test]
fn losing_the_role_takes_the_vote_away() {
    let mut world = World::new();
    let request = world.ask("bot", "2 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    world.operate(Directory::Remove { principal: "ana".parse().unwrap(), role: "group:sre".parse().unwrap(), reason: "moved".into() });
    world.review("ben", request, Verdict::Approve).unwrap();
    assert_eq!(world.state.requests[&request].state(), RequestState::Pending);
}

#[test]
fn one_person_with_two_accounts_counts_once() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre, 1 of group:dba");
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(world.review("ana2", request, Verdict::Approve).unwrap_err().code, AlreadyReviewed);
    world.review("cat", request, Verdict::Approve).unwrap();
    assert_eq!(world.state.requests[&request].state(), RequestState::Approved);
}

/// A review that is wrong in one way each.
#[test]
fn a_review_counts_only_for_what_was_shown_and_signed() {
    type Damage = fn(&mut Review);
    let cases: [(&str, Damage, RefusalCode); 9] = [
        ("another digest shown", |r| r.shown_digest = Digest::of(b"x"), DigestMoved),
        ("another policy", |r| r.policy_digest = Digest::of(b"x"), PolicyMoved),
        ("shown in the future", |r| r.shown_at = r.shown_at.plus_seconds(60), Invalid),
        ("not signed", |r| r.signed = None, PasskeyRequired),
        ("comment changed after signing", |r| r.comment = "rm".into(), PasskeyRefused),
        ("verdict changed after signing", |r| r.verdict = Verdict::Deny, PasskeyRefused),
        ("statement of someone else", |r| r.signed.as_mut().unwrap().0.reviewer = "ben".parse().unwrap(), PasskeyRefused),
        ("passkey of someone else", |r| r.signed.as_mut().unwrap().1.credential = passkey("ben").credential().into(), PasskeyRefused),
        ("signature damaged", |r| r.signed.as_mut().unwrap().1.signature = "AAAA".into(), PasskeyRefused),
    ];
    for (what, damage, expected) in cases {
        let mut world = World::new();
        let request = world.ask("bot", "1 of group:sre");
        world.wait(5);
        let mut review = world.review_command("ana", request, Verdict::Approve);
        damage(&mut review);
        let refusal = world.run(&actor("ana"), Command::Review(Box::new(review))).unwrap_err();
        assert_eq!(refusal.code, expected, "{what}");
        assert_eq!(world.state.requests[&request].state(), RequestState::Pending, "{what}");
    }
}

#[test]
fn only_a_session_of_a_person_in_a_channel_that_shows_everything_reviews() {
    for (what, channel, method, session) in [
        ("an API key of a person", Channel::Api, AuthMethod::ApiKey, false),
        ("a session used from the API", Channel::Api, AuthMethod::Passkey, true),
        ("an MCP session", Channel::Mcp, AuthMethod::Passkey, true),
        ("the command line", Channel::Cli, AuthMethod::Local, false),
        ("the portal without a session", Channel::Portal, AuthMethod::Passkey, false),
    ] {
        let mut world = World::new();
        let request = world.ask("bot", "1 of group:sre");
        let review = world.review_command("ana", request, Verdict::Approve);
        let mut who = actor("ana");
        who.channel = channel;
        who.auth.method = method;
        if !session {
            who.auth.session = None;
        }
        let refusal = world.run(&who, Command::Review(Box::new(review))).unwrap_err();
        assert_eq!(refusal.code, NotAPerson, "{what}");
    }
}

#[test]
fn a_changed_action_cannot_use_the_grant_and_does_not_burn_it() {
    let mut world = World::new();
    let request = world.ask("bot", "1 of group:sre");
    world.review("ana", request, Verdict::Approve).unwrap();
    let grant = world.state.requests[&request].grant().unwrap();
    let redeem = Redeem { grant, run_digest: Digest::of(b"other"), tool: None, host: None, artefacts: vec![], audience: None };
    assert_eq!(world.run(&actor("bot"), Command::Redeem(redeem.clone())).unwrap_err().code, ActionChanged);
    assert_eq!(world.run(&actor("sub"), Command::Redeem(redeem)).unwrap_err().code, WrongExecutor);
    assert!(world.redeem("bot", request).is_ok(), "the real one can still run, once");
    assert_eq!(world.redeem("bot", request).unwrap_err().code, GrantUsed);
}

#[test]
fn an_idempotency_key_finds_the_request_again() {
    let mut world = World::new();
    let keyed = Submit { idempotency_key: Some("k".into()), ..submit("1 of group:sre") };
    let first = world.submit("bot", keyed.clone()).unwrap();
    let before = world.events.len();
    assert_eq!(world.submit("bot", keyed.clone()).unwrap(), first);
    assert_eq!(world.events.len(), before);
    let mut other = keyed;
    other.action.verb = "db.schema.drop".parse().unwrap();
    assert_eq!(world.submit("bot", other).unwrap_err().code, IdempotencyConflict);
}

#[test]
fn bad_submissions_leave_nothing() {
    let cases: [(&str, &str, Submit, RefusalCode); 7] = [
        ("unregistered", "ghost", submit("none"), UnknownPrincipal),
        ("without the role", "eve", submit("none"), RoleMissing),
        ("blank reason", "bot", Submit { justification: "  ".into(), ..submit("none") }, Invalid),
        ("endless reason", "bot", Submit { justification: "x".repeat(4_001), ..submit("none") }, Invalid),
        ("ticket with control characters", "bot", Submit { ticket: Some("A\u{7}".into()), ..submit("none") }, Invalid),
        ("on behalf of nobody", "bot", Submit { on_behalf_of: Some("ghost".parse().unwrap()), ..submit("none") }, UnknownPrincipal),
        ("emergency without permission", "bot", Submit { breakglass: true, ..submit("none") }, RoleMissing),
    ];
    for (what, who, submit, expected) in cases {
        let mut world = World::new();
        let before = world.events.len();
        assert_eq!(world.submit(who, submit).unwrap_err().code, expected, "{what}");
        assert_eq!(world.events.len(), before, "{what}");
    }
}

#[test]
fn a_refusal_by_policy_is_recorded() {
    let mut world = World::new();
    let mut refused = submit("none");
    refused.assessed.assessment.outcome = crate::assessment::Outcome::Refuse;
    let before = world.events.len();
    assert_eq!(world.submit("bot", refused).unwrap_err().code, RefusedByPolicy);
    assert_eq!(world.kinds_since(before), ["request.submitted", "request.denied"]);
}

#[test]
fn an_emergency_is_loud_short_and_judged_from_outside() {
    let mut world = World::new();
    let before = world.events.len();
    let request = world.submit("ana", Submit { breakglass: true, ..submit("2 of group:dba") }).unwrap();
    assert_eq!(world.kinds_since(before), ["request.submitted", "request.approved", "grant.issued", "breakglass.invoked", "alert.raised"]);
    assert_eq!(world.state.open_emergencies().count(), 1);
    let grant = world.state.requests[&request].grant().unwrap();
    let judge = |outcome| Command::JudgeBreakglass(JudgeBreakglass { grant, outcome, comment: "seen the ticket".into(), signed: None });
    assert_eq!(world.run(&actor("ana"), judge(BreakglassOutcome::Justified)).unwrap_err().code, SubjectOfRequest);
    assert_eq!(world.run(&actor("ana2"), judge(BreakglassOutcome::Justified)).unwrap_err().code, SubjectOfRequest);
    assert_eq!(world.run(&actor("eve"), judge(BreakglassOutcome::Justified)).unwrap_err().code, RoleMissing);
    world.run(&actor("cat"), judge(BreakglassOutcome::Unjustified)).unwrap();
    assert_eq!(world.state.open_emergencies().count(), 0);
}

#[test]
fn a_judgement_that_is_signed_is_signed_for_what_it_says() {
    use crate::event::execution::JudgementStatement;
    type Damage = fn(&mut JudgeBreakglass);
    let cases: [(&str, Damage, Option<RefusalCode>); 4] = [
        ("as it is", |_| {}, None),
        ("another outcome", |judge| judge.outcome = BreakglassOutcome::Unjustified, Some(PasskeyRefused)),
        ("another comment", |judge| judge.comment = "nothing".into(), Some(PasskeyRefused)),
        (
            "another's passkey",
            |judge| judge.signed.as_mut().unwrap().1.credential = passkey("ben").credential().into(),
            Some(PasskeyRefused),
        ),
    ];
    for (what, damage, expected) in cases {
        let mut world = World::new();
        let request = world.submit("ana", Submit { breakglass: true, ..submit("2 of group:dba") }).unwrap();
        let grant = world.request(request).grant().unwrap();
        let statement = JudgementStatement {
            log: LOG.into(),
            request_id: request,
            grant_id: grant,
            outcome: BreakglassOutcome::Justified,
            comment_digest: Digest::of(b"seen"),
            reviewer: "cat".parse().unwrap(),
        };
        let challenge = crate::webauthn::judgement_challenge(&statement).unwrap();
        let signed = Some((statement, passkey("cat").sign(challenge.as_bytes())));
        let mut judge = JudgeBreakglass { grant, outcome: BreakglassOutcome::Justified, comment: "seen".into(), signed };
        damage(&mut judge);
        let result = world.run(&actor("cat"), Command::JudgeBreakglass(judge)).map(|_| ()).map_err(|refusal| refusal.code);
        assert_eq!(result, expected.map_or(Ok(()), Err), "{what}");
    }
}

#[test]
fn agents_never_hold_a_role_that_decides_and_always_have_an_owner() {
    let mut world = World::new();
    for role in ["approver", "admin", "auditor", "group:sre"] {
        let assign = Directory::Assign {
            principal: "bot".parse().unwrap(),
            role: role.parse().unwrap(),
            valid_to: None,
            scope: vec![],
            reason: "x".into(),
        };
        assert_eq!(world.run(&operator(), Command::Directory(assign)).unwrap_err().code, NotAPerson, "{role}");
    }
    let mut orphan = world.state.principals[&"bot".parse().unwrap()].record.clone();
    orphan.principal = "bot2".parse().unwrap();
    for owner in [None, Some("ghost"), Some("bot")] {
        orphan.owner = owner.map(|owner| owner.parse().unwrap());
        assert_eq!(world.run(&operator(), Command::Directory(Directory::Register(orphan.clone()))).unwrap_err().code, Invalid, "{owner:?}");
    }
}

#[test]
fn sign_in() {
    let mut world = World::new();
    let (secret, token) = (Digest::of(b"secret"), Digest::of(b"token"));
    let link = crate::event::directory::CredentialKey::Link { secret_sha256: secret };
    let expires_at = Some(world.now.plus_seconds(600));
    world.operate(Directory::Enroll {
        credential: "link1".parse().unwrap(),
        principal: "ana".parse().unwrap(),
        label: "link".into(),
        key: link,
        expires_at,
    });
    let start = Command::Session(SessionCommand::StartByLink { secret_sha256: secret, token_sha256: token, lifetime_seconds: 60 });
    assert!(world.state.session_by_token(&token, world.now).is_none());
    world.run(&operator(), start.clone()).unwrap();
    assert_eq!(world.state.session_by_token(&token, world.now).unwrap().1.principal.as_str(), "ana");
    assert_eq!(world.run(&operator(), start).unwrap_err().code, CredentialRefused, "a link works once");
    world.operate(Directory::Switch { principal: "ana".parse().unwrap(), enabled: false, reason: "left".into() });
    assert!(world.state.session_by_token(&token, world.now).is_none(), "a leaver's session is dead at once");
    world.operate(Directory::Switch { principal: "ana".parse().unwrap(), enabled: true, reason: "back".into() });
    assert!(world.state.session_by_token(&token, world.now.plus_seconds(60)).is_none(), "it ends by itself");

    let challenge = Digest::of(b"challenge");
    let by_passkey = |assertion| {
        Command::Session(SessionCommand::StartByPasskey { challenge, assertion, token_sha256: Digest::of(b"t2"), lifetime_seconds: 60 })
    };
    world.run(&operator(), by_passkey(passkey("ben").sign(challenge.as_bytes()))).unwrap();
    let refused = world.run(&operator(), by_passkey(passkey("ben").sign(b"another challenge entirely")));
    assert_eq!(refused.unwrap_err().code, CredentialRefused);
    assert_eq!(world.events.last().unwrap().kind().name(), "session.refused");
}

/// A world in which the first policy is in force, and how version 2 is published.
pub(super) fn under_policy() -> (World, impl Fn(&[u8], Option<RequestId>) -> Command) {
    let publish = |version, digest: &[u8], change_request| {
        let policy = crate::assessment::PolicyRef { version, digest: Digest::of(digest) };
        Command::PublishPolicy(PublishPolicy {
            policy,
            files: vec![],
            parameters: Default::default(),
            change_request,
            unsatisfiable: vec![],
            note: "n".into(),
        })
    };
    let mut world = World::new();
    assert_eq!(world.run(&actor("ben"), publish(1, b"one", None)).unwrap_err().code, RoleMissing);
    world.run(&actor("dan"), publish(1, b"one", None)).unwrap();
    assert_eq!(world.run(&actor("dan"), publish(1, b"one", None)).unwrap_err().code, PolicyMoved, "two at once");
    (world, move |digest, change| publish(2, digest, change))
}

pub(super) fn change(world: &mut World, requirement: &str) -> RequestId {
    let mut change = submit(requirement);
    change.action.verb = "policy.publish".parse().unwrap();
    change.action.parameters.insert("policy_digest".into(), Digest::of(b"two").to_string().into());
    world.submit("dan", change).unwrap()
}

#[test]
fn policy_changes_are_requests_under_the_policy_in_force() {
    let (mut world, publish) = under_policy();
    assert_eq!(world.run(&actor("dan"), publish(b"two", None)).unwrap_err().code, PolicyNeedsApproval);
    let request = change(&mut world, "1 of group:sre");
    assert_eq!(world.run(&actor("dan"), publish(b"two", Some(request))).unwrap_err().code, PolicyNeedsApproval, "not approved yet");
    world.review("ana", request, Verdict::Approve).unwrap();
    assert_eq!(world.run(&actor("dan"), publish(b"three", Some(request))).unwrap_err().code, PolicyNeedsApproval, "another policy");
    assert_eq!(world.run(&actor("ana"), publish(b"two", Some(request))).unwrap_err().code, WrongExecutor, "somebody else's request");
    let before = world.events.len();
    world.run(&actor("dan"), publish(b"two", Some(request))).unwrap();
    assert_eq!(world.kinds_since(before), ["grant.redeemed", "execution.started", "policy.published", "execution.finished"]);
    let crate::event::Body::PolicyPublished(published) = &world.events[before + 2].body else { panic!() };
    assert_eq!(published.approved_by.iter().map(|by| by.as_str()).collect::<Vec<_>>(), ["ana"]);
    assert_eq!(world.run(&actor("dan"), publish(b"two", Some(request))).unwrap_err().code, PolicyMoved, "used up");
}

#[test]
fn an_approved_change_of_policy_can_be_taken_back_and_grows_old() {
    for (what, end, expected) in [
        (
            "revoked",
            (|world, grant| drop(world.run(&actor("ana"), Command::RevokeGrant(RevokeGrant { grant, reason: "no".into() })).unwrap()))
                as fn(&mut World, GrantId),
            GrantRevoked,
        ),
        ("too old", |world, _| world.wait(600), RefusalCode::GrantExpired),
    ] {
        let (mut world, publish) = under_policy();
        let request = change(&mut world, "1 of group:sre");
        world.review("ana", request, Verdict::Approve).unwrap();
        let grant = world.request(request).grant().unwrap();
        end(&mut world, grant);
        assert_eq!(world.run(&actor("dan"), publish(b"two", Some(request))).unwrap_err().code, expected, "{what}");
        assert_eq!(world.state.policy.as_ref().unwrap().policy.version, 1, "{what}");
    }
}

/// A policy that lets its own changes straight through is still no way around a second person.
#[test]
fn no_policy_is_published_by_one_person_alone() {
    let (mut world, publish) = under_policy();
    let request = change(&mut world, "none");
    assert_eq!(world.request(request).state(), RequestState::Approved);
    assert_eq!(world.run(&actor("dan"), publish(b"two", Some(request))).unwrap_err().code, PolicyNeedsApproval);
}
