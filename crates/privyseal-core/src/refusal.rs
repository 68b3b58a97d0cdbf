//! Why a command is not carried out: a stable code that callers can act on, and a sentence for people.

use std::fmt;

/// What a caller can do about a refusal. Surfaces map this, and only this, to status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalClass {
    /// Fix the input and send it again.
    BadInput,
    /// Prove who you are, or prove it more strongly.
    Unauthenticated,
    /// Nothing will help this caller.
    Forbidden,
    /// There is no such thing, or this caller may not know of it.
    NotFound,
    /// The thing has moved on: look again.
    Conflict,
    /// Too much at once: come back later.
    TooMany,
}

macro_rules! codes {
    ($($variant:ident = $name:literal, $class:ident, $doc:literal;)*) => {
        /// Stable codes; scripts compare these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCode {$(#[doc = $doc] $variant,)*}

        impl RefusalCode {
            /// Every code.
            pub const ALL: &[RefusalCode] = &[$(RefusalCode::$variant,)*];

            /// The code on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {$(RefusalCode::$variant => $name,)*}
            }

            /// What a caller can do about it.
            #[must_use]
            pub fn class(self) -> RefusalClass {
                match self {$(RefusalCode::$variant => RefusalClass::$class,)*}
            }
        }
    };
}

codes! {
    Invalid = "invalid", BadInput, "A member of the command is out of range.";
    UnknownAction = "unknown_action", BadInput, "The verb is not in the action catalogue.";
    IdempotencyConflict = "idempotency_conflict", Conflict, "The idempotency key was used for another action.";
    RefusedByPolicy = "refused_by_policy", Forbidden, "Policy does not let this be asked.";
    UnknownPrincipal = "unknown_principal", NotFound, "There is no such principal.";
    PrincipalDisabled = "principal_disabled", Forbidden, "The account is disabled.";
    PrincipalExists = "principal_exists", Conflict, "There is such a principal already.";
    RoleMissing = "role_missing", Forbidden, "The caller lacks the role for this.";
    UnknownRequest = "unknown_request", NotFound, "There is no such request, or the caller may not see it.";
    RequestDecided = "request_decided", Conflict, "The request has ended; ended requests never move.";
    RequestExpired = "request_expired", Conflict, "The request's time is over.";
    NotYours = "not_yours", Forbidden, "Only the requester may do this.";
    NotAPerson = "not_a_person", Forbidden, "Only people review, in a session of their own; agents and API keys never do.";
    SubjectOfRequest = "subject_of_request", Forbidden, "The reviewer is a subject of the request.";
    NotEligible = "not_eligible", Forbidden, "The requirement names no slot that the reviewer can fill.";
    AlreadyReviewed = "already_reviewed", Conflict, "The person has given a verdict already.";
    DigestMoved = "digest_moved", Conflict, "What was shown is not what is asked.";
    PolicyMoved = "policy_moved", Conflict, "The review was made under another policy than the request's.";
    PasskeyRequired = "passkey_required", Unauthenticated, "The decision must be signed with a passkey.";
    PasskeyRefused = "passkey_refused", Forbidden, "The passkey's signature is not accepted.";
    UnknownGrant = "unknown_grant", NotFound, "There is no such grant, or it belongs to someone else.";
    GrantUsed = "grant_used", Conflict, "The grant has been used up.";
    GrantExpired = "grant_expired", Conflict, "The grant's time is over.";
    GrantRevoked = "grant_revoked", Conflict, "The grant was taken back.";
    ActionChanged = "action_changed", Conflict, "What would run is not what was approved.";
    WrongExecutor = "wrong_executor", Forbidden, "The grant belongs to another principal.";
    UnknownExecution = "unknown_execution", NotFound, "There is no such run, or it belongs to someone else.";
    ExecutionEnded = "execution_ended", Conflict, "The run has ended.";
    NotBreakglass = "not_breakglass", Conflict, "The grant is no emergency grant, or was judged already.";
    UnknownCredential = "unknown_credential", NotFound, "There is no such credential.";
    CredentialRefused = "credential_refused", Unauthenticated, "The credential is unknown, used, expired or revoked.";
    SessionRefused = "session_refused", Unauthenticated, "There is no such session, or it has ended.";
    PolicyNeedsApproval = "policy_needs_approval", Forbidden, "Changing policy is itself a request under the policy in force.";
    NothingHidden = "nothing_hidden", NotFound, "There is no such hidden value, or it was erased before.";
    RateLimited = "rate_limited", TooMany, "The agent, or its owner's agents together, ask faster than policy allows.";
    Halted = "halted", Forbidden, "A kill switch stops this agent.";
    NotNarrower = "not_narrower", BadInput, "What should take the request's place is not narrower than it.";
    WrongAudience = "wrong_audience", Forbidden, "The grant is for another system.";
    UnknownDelegation = "unknown_delegation", NotFound, "There is no such delegation, or it has ended.";
    OwnAccess = "own_access", Forbidden, "Nobody gives, judges or lends access to themselves.";
    NoPolicy = "no_policy", Conflict, "No policy is in force: publish one first.";
}

/// A command that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The stable code.
    pub code: RefusalCode,
    /// One sentence: what, where, what to do.
    pub reason: String,
}

impl Refusal {
    /// A refusal with its sentence.
    #[must_use]
    pub fn new(code: RefusalCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
