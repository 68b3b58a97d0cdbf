//! What all routes that match ask together: everyone any of them asks for, and the tightest of each limit.

use privyseal_core::assessment::{Assurance, Escalation};
use privyseal_core::requirement::{Requirement, RequirementError};

use crate::rule::{DEFAULT_EXPIRES_SECONDS, DEFAULT_GRANT_SECONDS, DEFAULT_RUN_SECONDS, Route};

/// The conditions under which a request may be approved and run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) requirement: Requirement,
    pub(super) expires_seconds: i64,
    pub(super) grant_seconds: i64,
    pub(super) assurance: Assurance,
    pub(super) deny_threshold: u64,
    pub(super) uses: u64,
    pub(super) run_seconds: i64,
    pub(super) remind_seconds: Option<i64>,
    pub(super) escalation: Option<Escalation>,
}

impl Terms {
    /// The terms of a refused request: nobody is asked, nothing is granted, so the limits mean nothing.
    pub(super) fn nobody() -> Self {
        Self {
            requirement: Requirement::none(),
            expires_seconds: DEFAULT_EXPIRES_SECONDS,
            grant_seconds: DEFAULT_GRANT_SECONDS,
            assurance: Assurance::Session,
            deny_threshold: 1,
            uses: 1,
            run_seconds: DEFAULT_RUN_SECONDS,
            remind_seconds: None,
            escalation: None,
        }
    }

    /// The terms of these routes at once.
    ///
    /// # Errors
    /// When they ask together for more than anyone could read or meet.
    pub(super) fn of(first: &Route, others: &[&Route]) -> Result<Self, RequirementError> {
        let mut terms = Self {
            requirement: first.requirement.clone(),
            expires_seconds: first.expires_seconds,
            grant_seconds: first.grant_seconds,
            assurance: first.assurance,
            deny_threshold: first.deny_threshold,
            uses: first.uses,
            run_seconds: first.run_seconds,
            remind_seconds: first.remind_seconds,
            escalation: None,
        };
        for route in others {
            terms.requirement = terms.requirement.and(&route.requirement)?;
            terms.expires_seconds = terms.expires_seconds.min(route.expires_seconds);
            terms.grant_seconds = terms.grant_seconds.min(route.grant_seconds);
            terms.assurance = terms.assurance.max(route.assurance);
            terms.deny_threshold = terms.deny_threshold.min(route.deny_threshold);
            terms.uses = terms.uses.min(route.uses);
            terms.run_seconds = terms.run_seconds.min(route.run_seconds);
            terms.remind_seconds = terms.remind_seconds.into_iter().chain(route.remind_seconds).min();
        }
        // What would come when the request has expired never comes, and is not promised.
        terms.escalation = escalation(first, others)?.filter(|escalation| escalation.after_seconds < terms.expires_seconds);
        Ok(terms)
    }
}

/// Every rule is satisfied as itself or by its own fallback, if it has one; the fallback of one rule never stands in for the people
/// of another. It begins when the last of the fallbacks does: later is stricter.
fn escalation(first: &Route, others: &[&Route]) -> Result<Option<Escalation>, RequirementError> {
    let routes = || std::iter::once(first).chain(others.iter().copied());
    let Some(after_seconds) = routes().filter_map(|route| Some(route.fallback.as_ref()?.after_seconds)).max() else {
        return Ok(None);
    };
    let requirement = routes().try_fold(Requirement::none(), |all, route| match &route.fallback {
        Some(fallback) => all.and(&route.requirement.or(&fallback.requirement)?),
        None => all.and(&route.requirement),
    })?;
    Ok(Some(Escalation { after_seconds, persons_required: persons(&requirement), requirement }))
}

/// The fewest distinct persons that satisfy a requirement.
pub(super) fn persons(requirement: &Requirement) -> u64 {
    u64::try_from(requirement.persons()).unwrap_or(u64::MAX)
}
