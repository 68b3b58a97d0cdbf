//! How much agents may ask. Whoever asks more is told to come back, and one alert an hour says that it happened.

use crate::command::Submit;
use crate::decide::Ctx;
use crate::event::request::Party;
use crate::event::watch::AlertRaised;
use crate::event::{ActorKind, Body, Draft};
use crate::refusal::{Refusal, RefusalCode};

const MINUTE_SECONDS: i64 = 60;
/// Between two alerts about the same agent.
const ALERT_SECONDS: i64 = 3_600;

/// Name of the alert's type.
pub(crate) const RATE_LIMIT: &str = "rate_limit";

/// The refusal of an ask that is one too many, with the alert unless there was one lately.
pub(super) fn exceeded(ctx: &Ctx<'_>, submit: &Submit, requester: &Party) -> Option<(Refusal, Option<Draft>)> {
    if requester.kind != ActorKind::Agent {
        return None;
    }
    let (limits, state, agent) = (submit.assessed.limits, ctx.state, &requester.principal);
    let history = state.history.get(agent);
    let own = history.map_or(0, |history| history.asked_within(ctx.now, MINUTE_SECONDS));
    let together = requester.person.as_ref().map_or(0, |owner| state.asked_for(owner, ctx.now, MINUTE_SECONDS));
    let pending = state.pending_of(agent);
    let over = |count: u64, limit: Option<u64>| limit.filter(|limit| count >= *limit);
    let reason = if let Some(limit) = over(own, limits.per_minute_agent) {
        format!("`{agent}` has asked {own} times within a minute, the limit is {limit}: wait a minute")
    } else if let Some(limit) = over(together, limits.per_minute_owner) {
        let owner = requester.owner.as_ref().map_or("its owner", |owner| owner.as_str());
        format!("the agents of `{owner}` have asked {together} times within a minute, together they may {limit} times: wait a minute")
    } else if let Some(limit) = over(pending, limits.pending_agent) {
        format!("{pending} requests of `{agent}` wait for people, the limit is {limit}: wait for them, or take some back")
    } else {
        return None;
    };
    let told = history.and_then(|history| history.throttled).is_some_and(|at| ctx.now < at.plus_seconds(ALERT_SECONDS));
    let alert = AlertRaised {
        alert: format!("{RATE_LIMIT}-{agent}-{}", ctx.now.micros()),
        kind: RATE_LIMIT.to_owned(),
        severity: "medium".to_owned(),
        principal: Some(agent.clone()),
        about: None,
        reason: reason.clone(),
    };
    let draft = (!told).then(|| ctx.draft(None, Body::AlertRaised(alert)));
    Some((Refusal::new(RefusalCode::RateLimited, reason), draft))
}
