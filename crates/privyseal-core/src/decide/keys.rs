//! Which keys sign the log. The rule behind all of it: the log always has a live key for heads and one for events.

use super::{Ctx, Decision};
use crate::command::{KeyCommand, Reply};
use crate::event::Body;
use crate::event::ledger::{KeyEnrolled, KeyPurpose, KeyRetired, KeyRevoked};
use crate::id::Role;
use crate::note::{KeyId, VerifierKey};
use crate::refusal::{Refusal, RefusalCode};
use crate::state::KeyState;

/// Longest reason, in characters.
const MAX_REASON: usize = 4_000;

pub(super) fn change(ctx: &Ctx<'_>, command: &KeyCommand) -> Result<Decision, Refusal> {
    ctx.needs_role(Role::ADMIN)?;
    let bodies = match command {
        KeyCommand::Enroll { key, purposes, protection } => {
            let key = new_key(ctx, key)?;
            if purposes.is_empty() {
                return Err(invalid("a key is enrolled to sign heads, events, or both"));
            }
            purposes.iter().map(|purpose| enrolled(&key, *purpose, protection)).collect()
        }
        KeyCommand::Rotate { key, old, protection, since_seq, reason } => {
            let key = new_key(ctx, key)?;
            live(ctx, old)?;
            reason_is_given(reason)?;
            since_is_past(ctx, *since_seq)?;
            let ended = match since_seq {
                None => retired(*old, reason),
                since_seq => revoked(*old, *since_seq, reason),
            };
            vec![enrolled(&key, KeyPurpose::Log, protection), enrolled(&key, KeyPurpose::Node, protection), ended]
        }
        KeyCommand::Retire { key, reason } => {
            expendable(ctx, key)?;
            reason_is_given(reason)?;
            vec![retired(*key, reason)]
        }
        KeyCommand::Revoke { key, since_seq, reason } => {
            expendable(ctx, key)?;
            reason_is_given(reason)?;
            since_is_past(ctx, *since_seq)?;
            vec![revoked(*key, *since_seq, reason)]
        }
    };
    Ok(Decision::done(bodies.into_iter().map(|body| ctx.draft(None, body)).collect(), Reply::Done))
}

fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::Invalid, reason)
}

/// A key that this log has never had. One that was retired or revoked never comes back: readers could not tell its two lives apart.
fn new_key(ctx: &Ctx<'_>, text: &str) -> Result<VerifierKey, Refusal> {
    let key: VerifierKey = text.parse().map_err(|error: crate::note::NoteError| invalid(error.to_string()))?;
    if key.name() != ctx.state.log {
        return Err(invalid(format!("the key is of `{}`, keys of this log are named `{}`", key.name().escape_debug(), ctx.state.log)));
    }
    if ctx.state.keys.get(&key.id()).is_some() {
        return Err(invalid(format!("key {} was enrolled before; a key has one life", key.id())));
    }
    Ok(key)
}

fn live<'a>(ctx: &'a Ctx<'_>, id: &KeyId) -> Result<&'a KeyState, Refusal> {
    let key = ctx.state.keys.get(id).ok_or_else(|| invalid(format!("this log has no key {id}; `privyseal keys list` names them")))?;
    if key.is_live() { Ok(key) } else { Err(invalid(format!("key {id} does not count any more"))) }
}

/// A live key without which others can still sign heads and events.
fn expendable(ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Refusal> {
    live(ctx, id)?;
    let left = |signs: fn(&KeyState) -> bool| ctx.state.keys.iter().any(|(other, key)| other != id && signs(key));
    if left(KeyState::signs_heads) && left(KeyState::signs_events) {
        Ok(())
    } else {
        Err(invalid(format!(
            "key {id} is the last that signs for this log: use `privyseal keys rotate`, which puts a new one in its place"
        )))
    }
}

fn reason_is_given(reason: &str) -> Result<(), Refusal> {
    if (1..=MAX_REASON).contains(&reason.trim().chars().count()) {
        Ok(())
    } else {
        Err(invalid(format!("a reason of 1 to {MAX_REASON} characters is needed: auditors read it")))
    }
}

fn since_is_past(ctx: &Ctx<'_>, since_seq: Option<u64>) -> Result<(), Refusal> {
    match since_seq {
        Some(since) if since >= ctx.state.next_seq => {
            Err(invalid(format!("there is no entry {since} yet: name the first entry that may have been signed by somebody else")))
        }
        _ => Ok(()),
    }
}

fn enrolled(key: &VerifierKey, purpose: KeyPurpose, protection: &str) -> Body {
    Body::KeyEnrolled(KeyEnrolled {
        key: key.to_string(),
        purpose,
        protection: protection.to_owned(),
        attestation: None,
        custodian: None,
        change_request: None,
    })
}

fn retired(key: KeyId, reason: &str) -> Body {
    Body::KeyRetired(KeyRetired { key_id: key.to_string(), reason: reason.to_owned() })
}

fn revoked(key: KeyId, since_seq: Option<u64>, reason: &str) -> Body {
    Body::KeyRevoked(KeyRevoked { key_id: key.to_string(), since_seq, reason: reason.to_owned() })
}
