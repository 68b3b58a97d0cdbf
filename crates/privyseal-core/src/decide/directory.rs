//! Who exists, what they may do, how they sign in.

use super::{Ctx, Decision, delegation};
use crate::command::{Directory, Reply, ReviewAccess, SessionCommand};
use crate::event::directory::{
    CredentialEnrolled, CredentialKey, CredentialRevoked, Principal, PrincipalChanged, PrincipalSwitched, RoleAssigned, RoleRemoved,
    SessionEnded, SessionRefused, SessionStarted,
};
use crate::event::watch::AccessReviewRecorded;
use crate::event::{ActorKind, Body, Text};
use crate::id::{CredentialId, PrincipalId, Role, SessionId};
use crate::refusal::{Refusal, RefusalCode};
use crate::webauthn;

/// Longest name of an account, in characters.
const MAX_NAME_CHARS: usize = 200;

pub(super) fn change(ctx: &mut Ctx<'_>, command: &Directory) -> Result<Decision, Refusal> {
    match command {
        Directory::Delegate { delegator, delegate, roles, valid_from, valid_to, reason } => {
            let ask = delegation::Ask { delegator, delegate, roles, valid_from: *valid_from, valid_to: *valid_to, reason };
            return delegation::delegate(ctx, &ask);
        }
        Directory::EndDelegation { delegation, reason } => return delegation::end(ctx, delegation, reason),
        _ => {}
    }
    let own_passkey = matches!(command, Directory::Enroll { principal, key: CredentialKey::Passkey { .. }, .. } if *principal == ctx.actor.id && ctx.actor.auth.session.is_some());
    if !own_passkey {
        ctx.needs_role(Role::ADMIN)?;
    }
    let body = match command {
        Directory::Register(record) => {
            if ctx.state.principals.contains_key(&record.principal) {
                return Err(Refusal::new(RefusalCode::PrincipalExists, format!("there is a principal `{}` already", record.principal)));
            }
            check_record(ctx, record)?;
            Body::PrincipalRegistered(record.clone())
        }
        Directory::Change { record, reason } => {
            known(ctx, &record.principal)?;
            check_record(ctx, record)?;
            Body::PrincipalChanged(PrincipalChanged { record: record.clone(), reason: reason.clone() })
        }
        Directory::Switch { principal, enabled, reason } => {
            known(ctx, principal)?;
            let switched = PrincipalSwitched { principal: principal.clone(), reason: reason.clone(), effective_at: ctx.now };
            if *enabled { Body::PrincipalEnabled(switched) } else { Body::PrincipalDisabled(switched) }
        }
        Directory::Assign { principal, role, valid_to, scope, reason } => {
            known(ctx, principal)?;
            check_assignable(ctx, principal, role)?;
            check_not_own(ctx, principal, "gives themselves a role")?;
            Body::RoleAssigned(RoleAssigned {
                principal: principal.clone(),
                role: role.clone(),
                valid_from: ctx.now,
                valid_to: *valid_to,
                scope: scope.clone(),
                reason: reason.clone(),
                change_request: None,
            })
        }
        Directory::Remove { principal, role, reason } => {
            known(ctx, principal)?;
            Body::RoleRemoved(RoleRemoved {
                principal: principal.clone(),
                role: role.clone(),
                reason: reason.clone(),
                access_review_seq: None,
            })
        }
        Directory::Enroll { credential, principal, label, key, expires_at } => {
            known(ctx, principal)?;
            if ctx.state.credentials.contains_key(credential) {
                return Err(Refusal::new(RefusalCode::PrincipalExists, "that credential is enrolled already"));
            }
            Body::CredentialEnrolled(CredentialEnrolled {
                credential: credential.clone(),
                principal: principal.clone(),
                label: label.clone(),
                key: key.clone(),
                environment: None,
                expires_at: *expires_at,
            })
        }
        // Handled above, by rules of their own.
        Directory::Delegate { .. } | Directory::EndDelegation { .. } => return Ok(Decision::done(Vec::new(), Reply::Done)),
        Directory::Revoke { credential, reason } => {
            let found = ctx.state.credentials.get(credential).filter(|credential| credential.is_live(ctx.now));
            let found = found.ok_or_else(|| Refusal::new(RefusalCode::UnknownCredential, "there is no such live credential"))?;
            Body::CredentialRevoked(revoked(credential, &found.principal, reason, ctx))
        }
    };
    Ok(Decision::done(vec![ctx.draft(None, body)], Reply::Done))
}

pub(super) fn known(ctx: &Ctx<'_>, principal: &PrincipalId) -> Result<(), Refusal> {
    if ctx.state.principals.contains_key(principal) {
        Ok(())
    } else {
        Err(Refusal::new(RefusalCode::UnknownPrincipal, format!("there is no principal `{principal}`")))
    }
}

/// Whoever acts is not the person behind an account, whichever of their accounts it is, nor the one who answers for it.
fn check_not_own(ctx: &Ctx<'_>, principal: &PrincipalId, deed: &str) -> Result<(), Refusal> {
    let actor = ctx.state.person_of(&ctx.actor.id);
    if actor.is_some() && actor == ctx.state.person_of(principal) {
        return Err(Refusal::new(RefusalCode::OwnAccess, format!("nobody {deed}, or an account or agent of theirs: ask somebody else")));
    }
    Ok(())
}

/// Somebody's role is confirmed or taken away, by a person who is not the one who holds it.
pub(super) fn review_access(ctx: &Ctx<'_>, command: &ReviewAccess) -> Result<Decision, Refusal> {
    known(ctx, &command.principal)?;
    if !ctx.is_present() {
        return Err(Refusal::new(RefusalCode::NotAPerson, "only people review access, in a signed-in session of their own"));
    }
    let may = [Role::ADMIN, Role::APPROVER].iter().any(|role| ctx.state.has_role(&ctx.actor.id, role, ctx.now));
    if !may {
        return Err(Refusal::new(RefusalCode::RoleMissing, format!("`{}` does not hold the role `admin` or `approver`", ctx.actor.id)));
    }
    check_not_own(ctx, &command.principal, "reviews their own access")?;
    let held = ctx.state.principals.get(&command.principal).is_some_and(|state| state.roles.contains_key(&command.role));
    if !held {
        return Err(Refusal::new(RefusalCode::Invalid, format!("`{}` does not hold `{}`", command.principal, command.role)));
    }
    let comment = command.comment.as_deref().map(str::trim).filter(|comment| !comment.is_empty());
    if comment.is_some_and(|comment| comment.chars().count() > super::submit::MAX_JUSTIFICATION_CHARS) {
        return Err(Refusal::new(RefusalCode::Invalid, "the comment is longer than 4,000 characters"));
    }
    if !command.keep && comment.is_none() {
        return Err(Refusal::new(RefusalCode::Invalid, "say why the role is taken away"));
    }
    let recorded = AccessReviewRecorded {
        principal: command.principal.clone(),
        role: command.role.clone(),
        reviewer: ctx.actor.id.clone(),
        outcome: if command.keep { "keep" } else { "remove" }.to_owned(),
        comment: comment.map(Text::from),
    };
    let mut drafts = vec![ctx.draft(None, Body::AccessReviewRecorded(recorded))];
    if !command.keep {
        let removed = RoleRemoved {
            principal: command.principal.clone(),
            role: command.role.clone(),
            reason: "access review".to_owned(),
            // The draft before this one gets the next place.
            access_review_seq: Some(ctx.state.next_seq),
        };
        drafts.push(ctx.draft(None, Body::RoleRemoved(removed)));
    }
    Ok(Decision::done(drafts, Reply::Done))
}

/// Humans have a person and no owner; agents have a human owner and no person of their own.
fn check_record(ctx: &Ctx<'_>, record: &Principal) -> Result<(), Refusal> {
    let invalid = |reason: String| Err(Refusal::new(RefusalCode::Invalid, reason));
    if let Some(name) = record.name.clear() {
        let chars = name.trim().chars().count();
        if !(1..=MAX_NAME_CHARS).contains(&chars) || name.chars().any(|c| c.is_control() || crate::text::is_deceptive(c)) {
            return invalid(format!("a name has 1 to {MAX_NAME_CHARS} characters, none of them invisible or changing direction"));
        }
    }
    match record.kind {
        ActorKind::System => invalid("`system` is Privyseal itself and cannot be registered".to_owned()),
        ActorKind::Human if record.person.is_none() => {
            invalid(format!("`{}` is a human account and needs the person behind it", record.principal))
        }
        ActorKind::Human if record.owner.is_some() || record.parent.is_some() => {
            invalid(format!("`{}` is a human account and has no owner", record.principal))
        }
        ActorKind::Human => Ok(()),
        ActorKind::Agent => {
            let owner = record.owner.as_ref().and_then(|owner| ctx.state.principals.get(owner));
            let human = owner.is_some_and(|owner| owner.record.kind == ActorKind::Human);
            let parent_known =
                record.parent.as_ref().is_none_or(|parent| *parent != record.principal && ctx.state.principals.contains_key(parent));
            if !human {
                invalid(format!("the agent `{}` needs a registered human owner who answers for it", record.principal))
            } else if !parent_known {
                invalid(format!("the parent of the agent `{}` is not registered", record.principal))
            } else {
                Ok(())
            }
        }
    }
}

/// Roles that only people can hold are never given to agents.
fn check_assignable(ctx: &Ctx<'_>, principal: &PrincipalId, role: &Role) -> Result<(), Refusal> {
    let agent = ctx.state.principals.get(principal).is_some_and(|state| state.record.kind != ActorKind::Human);
    if agent && !matches!(role.as_str(), Role::REQUESTER | Role::BREAK_GLASS) {
        let reason = format!("`{principal}` is an agent: agents may ask, never seal, read or administer");
        return Err(Refusal::new(RefusalCode::NotAPerson, reason));
    }
    Ok(())
}

fn revoked(credential: &CredentialId, principal: &PrincipalId, reason: &str, ctx: &Ctx<'_>) -> CredentialRevoked {
    CredentialRevoked { credential: credential.clone(), principal: principal.clone(), reason: reason.to_owned(), effective_at: ctx.now }
}

pub(super) fn session(ctx: &mut Ctx<'_>, command: &SessionCommand) -> Result<Decision, Refusal> {
    match command {
        SessionCommand::StartByLink { secret_sha256, token_sha256, lifetime_seconds } => {
            let found = ctx.state.credential_by_secret(secret_sha256, ctx.now);
            let found = found.filter(|(_, credential)| {
                matches!(credential.key, CredentialKey::Link { .. }) && ctx.state.is_enabled(&credential.principal)
            });
            let Some((id, credential)) = found else {
                return Ok(refused(ctx, command, None, "the link is unknown, used or expired"));
            };
            let used = ctx.draft(None, Body::CredentialRevoked(revoked(id, &credential.principal, "used", ctx)));
            let started = started(ctx, command, &credential.principal, id, *token_sha256, *lifetime_seconds, &[]);
            Ok(begin(ctx, vec![used], started))
        }
        SessionCommand::StartByPasskey { challenge, assertion, token_sha256, lifetime_seconds } => {
            let id: Option<CredentialId> = assertion.credential.parse().ok();
            let found =
                id.and_then(|id| Some((id.clone(), ctx.state.credentials.get(&id).filter(|credential| credential.is_live(ctx.now))?)));
            let Some((id, credential)) = found else {
                return Ok(refused(ctx, command, None, "the passkey is not enrolled here, or was revoked"));
            };
            let principal = credential.principal.clone();
            if !ctx.state.is_enabled(&principal) {
                return Ok(refused(ctx, command, Some(principal), "the account is disabled"));
            }
            if let Err(error) = webauthn::verify(&credential.key, assertion, challenge.as_bytes()) {
                return Ok(refused(ctx, command, Some(principal), &error.to_string()));
            }
            // RFC 8176: proof of possession of a hardware-secured key, user presence.
            let started = started(ctx, command, &principal, &id, *token_sha256, *lifetime_seconds, &["hwk", "user"]);
            Ok(begin(ctx, Vec::new(), started))
        }
        SessionCommand::End { session, reason } => {
            let found = ctx.state.sessions.get(session);
            let found = found.ok_or_else(|| Refusal::new(RefusalCode::SessionRefused, "there is no such session, or it has ended"))?;
            if found.principal != ctx.actor.id {
                ctx.needs_role(Role::ADMIN)?;
            }
            let body = SessionEnded { session: *session, principal: found.principal.clone(), reason: reason.clone() };
            Ok(Decision::done(vec![ctx.draft(None, Body::SessionEnded(body))], Reply::Done))
        }
    }
}

fn started(
    ctx: &mut Ctx<'_>,
    command: &SessionCommand,
    principal: &PrincipalId,
    credential: &CredentialId,
    token_sha256: crate::digest::Digest,
    lifetime_seconds: i64,
    amr: &[&str],
) -> SessionStarted {
    SessionStarted {
        session: ctx.fresh.session(),
        principal: principal.clone(),
        method: command.method().unwrap_or(crate::event::AuthMethod::Link),
        amr: amr.iter().map(|reference| (*reference).to_owned()).collect(),
        credential: Some(credential.clone()),
        token_sha256,
        expires_at: ctx.now.plus_seconds(lifetime_seconds),
    }
}

fn begin(ctx: &Ctx<'_>, mut drafts: Vec<crate::event::Draft>, started: SessionStarted) -> Decision {
    let (session, principal): (SessionId, PrincipalId) = (started.session, started.principal.clone());
    drafts.push(ctx.draft(None, Body::SessionStarted(started)));
    Decision::done(drafts, Reply::Session { session, principal })
}

fn refused(ctx: &Ctx<'_>, command: &SessionCommand, principal: Option<PrincipalId>, reason: &str) -> Decision {
    let method = command.method().unwrap_or(crate::event::AuthMethod::Link);
    let body = SessionRefused { principal, method, reason: reason.to_owned() };
    Decision {
        drafts: vec![ctx.draft(None, Body::SessionRefused(body))],
        result: Err(Refusal::new(RefusalCode::CredentialRefused, reason)),
    }
}
