//! Who has sealed a request and who could: the matching of the core, place by place.

use std::collections::BTreeSet;

use privyseal_core::assessment::Assurance;
use privyseal_core::decide::{has_reviewed, may_review, standing_approvals, subjects};
use privyseal_core::event::request::Verdict;
use privyseal_core::id::PersonId;
use privyseal_core::request::{Phase, Request, Review};
use privyseal_core::requirement::{Candidate, Filled, Place};
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::name;
use crate::view::number::Count;
use crate::view::seal::{Seal, SealSet, Seals};
use crate::view::text::Untrusted;

/// Everybody who could review anything now. Made once for a page, because roles are looked up for each.
pub(super) fn everybody(state: &View<'_>, now: Timestamp) -> Vec<Candidate> {
    state.principals.keys().filter_map(|principal| state.candidate(principal, now)).collect()
}

/// The seals of a request as somebody sees them. `me` is whoever looks, when they may review it.
pub(super) fn seals(state: &View<'_>, request: &Request, everybody: &[Candidate], me: Option<&Candidate>, now: Timestamp) -> Seals {
    let requirement = request.requirement();
    let sets = match &request.phase {
        Phase::Approved { slots, .. } if !slots.is_empty() => {
            vec![SealSet { seals: slots.iter().map(|filled| set(state, request, filled, now)).collect() }]
        }
        Phase::Pending => {
            let standing = standing_approvals(state, request, now);
            let with_me: Vec<Candidate> = standing.iter().chain(me).cloned().collect();
            let (before, after) = (requirement.places(&standing), requirement.places(&with_me));
            let free = free(state, request, everybody, now);
            let alternatives = before.iter().zip(&after);
            alternatives.map(|(before, after)| open_set(state, request, before, after, &free, now)).collect()
        }
        // It has ended: what was sealed then, by people as they were then, and nobody can seal the rest any more.
        _ => requirement.places(&recorded(request)).iter().map(|places| open_set(state, request, places, places, &[], now)).collect(),
    };
    let mut sets: Vec<SealSet> = sets;
    sets.sort_by_key(|set| set.seals.len() - set.set());
    Seals { sets }
}

/// The approvals on record, with the roles that were recorded with them.
fn recorded(request: &Request) -> Vec<Candidate> {
    let approvals = request.reviews.iter().filter(|review| review.body.verdict == Verdict::Approve);
    approvals
        .filter_map(|Review { body, .. }| {
            let (person, principal) = (body.reviewer.person.clone()?, body.reviewer.principal.clone());
            Some(Candidate { person, principal, roles: body.roles.iter().cloned().collect() })
        })
        .collect()
}

/// Who could still seal it: no subject of it, and no verdict given.
fn free<'a>(state: &View<'_>, request: &Request, everybody: &'a [Candidate], now: Timestamp) -> Vec<&'a Candidate> {
    let subjects = subjects(state, request, now);
    everybody.iter().filter(|candidate| !subjects.contains(&candidate.person) && !has_reviewed(state, request, &candidate.person)).collect()
}

fn open_set(
    state: &View<'_>,
    request: &Request,
    before: &[Place<'_>],
    after: &[Place<'_>],
    free: &[&Candidate],
    now: Timestamp,
) -> SealSet {
    let seals = before.iter().zip(after).map(|(before, after)| match &before.filled {
        Some(filled) => set(state, request, filled, now),
        None => {
            let persons: BTreeSet<&PersonId> =
                free.iter().filter(|candidate| candidate.fits(before.slot)).map(|candidate| &candidate.person).collect();
            let of: Vec<String> = before.slot.of.iter().map(ToString::to_string).collect();
            let eligible = Count(u64::try_from(persons.len()).unwrap_or(u64::MAX));
            Seal::Open { of: of.join("|"), yours: after.filled.is_some(), eligible }
        }
    });
    SealSet { seals: seals.collect() }
}

fn set(state: &View<'_>, request: &Request, filled: &Filled, now: Timestamp) -> Seal {
    let review = request.reviews.iter().find(|review| review.body.reviewer.principal == filled.principal);
    Seal::Set {
        name: name::party(state, &filled.principal).name,
        of: filled.slot.clone(),
        at: name::when(review.map_or(request.submitted_at, |review| review.at), now),
        assurance: match review.map(|review| review.body.assurance) {
            Some(Assurance::Passkey) => "passkey",
            Some(Assurance::Session) | None => "session",
        },
    }
}

/// How many places would still be open in the nearest way to completion if this person approved too.
pub(super) fn open_after(state: &View<'_>, request: &Request, me: &Candidate, now: Timestamp) -> usize {
    let mut sealed = standing_approvals(state, request, now);
    sealed.push(me.clone());
    let places = request.requirement().places(&sealed);
    places.iter().map(|places| places.iter().filter(|place| place.filled.is_none()).count()).min().unwrap_or(0)
}

/// Why somebody cannot decide a request, in a few words for a list; empty when they can, or are not among those it is for.
pub(super) fn barred(state: &View<'_>, request: &Request, me: &privyseal_core::id::PrincipalId, now: Timestamp) -> (&'static str, bool) {
    use privyseal_core::refusal::RefusalCode;
    match may_review(state, request, me, now).map_err(|refusal| refusal.code) {
        Err(RefusalCode::SubjectOfRequest) if request.submitted.requester.principal == *me => ("you asked it", false),
        Err(RefusalCode::SubjectOfRequest) => ("you are a subject of it", false),
        Err(RefusalCode::AlreadyReviewed) => ("", true),
        _ => ("", false),
    }
}

/// The heaviest reasons for a risk in one phrase.
pub(super) fn because(request: &Request) -> Untrusted {
    let factors = &request.submitted.assessment.factors;
    let reasons: Vec<&str> = factors.iter().take(2).map(|factor| factor.because.as_str()).collect();
    let more = factors.len().saturating_sub(reasons.len());
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", reasons.join("; ")).into()
}
