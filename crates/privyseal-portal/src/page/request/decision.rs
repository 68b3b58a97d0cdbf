//! What the person who looks at a request can do about it, asked of the core's own rules.

use privyseal_core::assessment::Assurance;
use privyseal_core::decide::{denials, may_judge, may_review};
use privyseal_core::id::{PrincipalId, Role};
use privyseal_core::refusal::RefusalCode;
use privyseal_core::request::Request;
use privyseal_core::requirement::Candidate;
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::less::bounds;
use super::path;
use super::terms::times;
use crate::page::frame::Visitor;
use crate::page::{name, seal};
use crate::showing::Shown;
use crate::view::moment::{Left, span};
use crate::view::number::Count;
use crate::view::request::{AfterForm, Decision, DecisionForm};
use crate::view::text::Untrusted;

pub(super) fn decision(state: &View<'_>, request: &Request, visitor: &Visitor, shown: &Shown, pending: bool, now: Timestamp) -> Decision {
    let me = &visitor.caller.identity.principal;
    if !pending {
        return after(state, request, me, now).map_or(Decision::Closed, Decision::AfterBreakglass);
    }
    let candidate = match may_review(state, request, me, now) {
        Ok(eligible) => eligible.candidate,
        Err(refusal) => return barred(state, request, me, refusal.code, now),
    };
    let passkey = request.submitted.assessment.assurance == Assurance::Passkey;
    if passkey && state.passkeys(me, now).next().is_none() {
        return Decision::NeedsPasskey;
    }
    let form = form(state, request, &candidate, passkey, now);
    match &shown.unshown {
        Some(reason) => Decision::CannotShow { reason: reason.as_str().into(), form },
        None => Decision::Open(form),
    }
}

/// The form with which somebody judges an emergency, when they may.
fn after(state: &View<'_>, request: &Request, me: &PrincipalId, now: Timestamp) -> Option<AfterForm> {
    let grant = request.granted()?;
    let emergency = grant.emergency.as_ref()?;
    may_judge(state, request, grant, me, now).ok()?;
    Some(AfterForm { action: path(request.id, "judge"), due: Left::new(emergency.review_due_at, now) })
}

fn barred(state: &View<'_>, request: &Request, me: &PrincipalId, code: RefusalCode, now: Timestamp) -> Decision {
    match code {
        RefusalCode::SubjectOfRequest => Decision::Subject { because: subject_because(state, request, me) },
        RefusalCode::AlreadyReviewed => reviewed(state, request, me, now),
        _ if state.has_role(me, Role::AUDITOR, now) && !state.has_role(me, Role::APPROVER, now) => Decision::ReadOnly,
        _ => Decision::NotAsked { asked: request.requirement().to_string() },
    }
}

/// What they decided, under this account or another of theirs.
fn reviewed(state: &View<'_>, request: &Request, me: &PrincipalId, now: Timestamp) -> Decision {
    use privyseal_core::event::request::{Party, Verdict};
    let person = state.person_of(me);
    let is_mine = |party: &Party| person.is_some() && party.person == person;
    let mine =
        request.reviews.iter().find(|review| is_mine(&review.body.reviewer) || review.body.in_place_of.as_ref().is_some_and(is_mine));
    mine.map_or(Decision::Closed, |review| Decision::Reviewed {
        approved: review.body.verdict == Verdict::Approve,
        at: name::when(review.at, now),
        by: (!is_mine(&review.body.reviewer)).then(|| name::party(state, &review.body.reviewer.principal)),
    })
}

/// Why somebody is a subject: the nearest reason, from what was recorded when it was asked.
fn subject_because(state: &View<'_>, request: &Request, me: &PrincipalId) -> Untrusted {
    let submitted = &request.submitted;
    let Some(person) = state.person_of(me) else { return Untrusted::default() };
    let requester = &submitted.requester;
    let mine = |party: &&privyseal_core::event::request::Party| party.principal == *me || party.person.as_ref() == Some(&person);
    if requester.principal == *me {
        return "You asked it.".into();
    }
    if requester.owner.as_ref() == Some(me) {
        return format!("You own {}, which asks.", requester.principal).into();
    }
    if mine(&requester) {
        return format!("{}, which asks, is yours.", requester.principal).into();
    }
    if submitted.on_behalf_of.as_ref().is_some_and(|party| mine(&party)) {
        return "It is asked on your behalf.".into();
    }
    if let Some(link) = submitted.chain.iter().find(mine) {
        return format!("You answer for {}, which spawned the agent that asks.", link.principal).into();
    }
    if submitted.authors.contains(&person) {
        return "You wrote one of its inputs.".into();
    }
    "You stand in for one of its subjects, or answer for them.".into()
}

fn form(state: &View<'_>, request: &Request, candidate: &Candidate, passkey: bool, now: Timestamp) -> DecisionForm {
    let (submitted, assessment) = (&request.submitted, &request.submitted.assessment);
    DecisionForm {
        action: path(request.id, "review"),
        challenge: format!("/v1/requests/{}/statement", request.id),
        answer: format!("/v1/requests/{}/reviews", request.id),
        shown_digest: submitted.action_digest.to_string(),
        shown_at: now.to_string(),
        policy_digest: assessment.policy.digest.to_string(),
        passkey,
        if_approved: if_approved(state, request, candidate, now).into(),
        if_denied: if_denied(request).into(),
        enrol: "/settings/passkey",
    }
}

fn if_approved(state: &View<'_>, request: &Request, candidate: &Candidate, now: Timestamp) -> String {
    let (seconds, uses) = bounds(&request.submitted);
    let runs = format!("{} may run exactly this, {}, within {}.", request.runner(), times(uses), span(seconds));
    match seal::open_after(state, request, candidate, now) {
        0 => runs,
        1 => format!("one more person must seal it too. Then {runs}"),
        more => format!("{more} more people must seal it too. Then {runs}"),
    }
}

fn if_denied(request: &Request) -> String {
    let submitted = &request.submitted;
    let before = u64::try_from(denials(request).len()).unwrap_or(u64::MAX);
    let more = submitted.assessment.deny_threshold.saturating_sub(before.saturating_add(1));
    if more == 0 {
        return format!("the request ends here. {} is told why, and a changed action is a new request.", submitted.requester.principal);
    }
    format!("it goes on unless {} too.", Count(more).of("more person denies it", "more people deny it"))
}
