//! What can be asked of the engine. A command is a wish; only events are facts.

use serde_json::Value;

use crate::action::Action;
use crate::assessment::{Assessment, PolicyRef};
use crate::digest::Digest;
use crate::event::directory::{CredentialKey, Principal};
use crate::event::execution::{Artefact, BreakglassOutcome, HaltScope, JudgementStatement, RunOutcome};
use crate::event::ledger::KeyPurpose;
use crate::event::policy::{CatalogPublished, FileRef};
use crate::event::request::{Assertion, ReviewStatement, Verdict};
use crate::event::{AuthMethod, Body};
use crate::id::{CredentialId, EventId, ExecutionId, GrantId, PersonId, PrincipalId, RequestId, Role, SessionId};
use crate::note::KeyId;
use crate::time::Timestamp;

/// A command, as it reaches [`crate::decide::decide`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Ask for a privileged action.
    Submit(Box<Submit>),
    /// Take a pending request back.
    Withdraw(Withdraw),
    /// Put a narrower request in the place of a pending one.
    Narrow(Box<Narrow>),
    /// Approve or deny.
    Review(Box<Review>),
    /// End whatever has run out of time.
    Expire,
    /// Use a grant: the run starts now.
    Redeem(Redeem),
    /// Report how a run ended.
    Finish(Finish),
    /// Record that a run's outcome cannot be known.
    GiveUp(GiveUp),
    /// Take a grant back.
    RevokeGrant(RevokeGrant),
    /// Judge an emergency afterwards.
    JudgeBreakglass(JudgeBreakglass),
    /// Stop agents at once.
    Halt(Halt),
    /// Let agents go on that were stopped.
    Resume(Halt),
    /// Confirm or withdraw somebody's role.
    ReviewAccess(ReviewAccess),
    /// Change who exists and what they may do.
    Directory(Directory),
    /// Sign in or out.
    Session(SessionCommand),
    /// Change which keys sign the log.
    Keys(KeyCommand),
    /// Put a policy in force.
    PublishPolicy(PublishPolicy),
    /// Put a catalog in force.
    PublishCatalog(CatalogPublished),
    /// Record that hidden values were erased.
    Redact(Redact),
    /// Record something that happened beside requests: a query, a download, a heartbeat.
    Record(Box<Body>),
}

/// The request that a command is about, by whichever id it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its own id.
    Request(RequestId),
    /// By that of its grant.
    Grant(GrantId),
    /// By that of a run.
    Execution(ExecutionId),
}

impl Command {
    /// The request whose present or past the answer depends on; `None` for commands about none.
    #[must_use]
    pub fn names(&self) -> Option<Named> {
        match self {
            Command::Submit(command) => command.previous_request.map(Named::Request),
            Command::Withdraw(command) => Some(Named::Request(command.request)),
            Command::Narrow(command) => Some(Named::Request(command.request)),
            Command::Review(command) => Some(Named::Request(command.request)),
            Command::Redeem(command) => Some(Named::Grant(command.grant)),
            Command::Finish(command) => Some(Named::Execution(command.execution)),
            Command::GiveUp(command) => Some(Named::Execution(command.execution)),
            Command::RevokeGrant(command) => Some(Named::Grant(command.grant)),
            Command::JudgeBreakglass(command) => Some(Named::Grant(command.grant)),
            Command::PublishPolicy(command) => command.change_request.map(Named::Request),
            Command::Redact(command) => command.change_request.map(Named::Request),
            Command::Expire
            | Command::Halt(_)
            | Command::Resume(_)
            | Command::ReviewAccess(_)
            | Command::Directory(_)
            | Command::Session(_)
            | Command::Keys(_)
            | Command::PublishCatalog(_)
            | Command::Record(_) => None,
        }
    }
}

/// Ask for a privileged action.
#[derive(Clone, Debug, PartialEq)]
pub struct Submit {
    /// What, with its secret values hidden already: the digest is taken over commitments.
    pub action: Action,
    /// Characters in the action as it was before hiding, and in the justification, that deceive the eye; see [`Action::deceptive`].
    pub deceptive: Vec<String>,
    /// Why, 1 to 4,000 characters.
    pub justification: String,
    /// How many earlier requests of the requester carry the identical justification hidden, so that the state cannot compare it.
    pub hidden_repeats: u64,
    /// Ticket reference.
    pub ticket: Option<String>,
    /// For whom, when not for oneself.
    pub on_behalf_of: Option<PrincipalId>,
    /// Who will run it, when not the requester.
    pub executor: Option<PrincipalId>,
    /// The system that the grant is for, 1 to 128 printable characters; none for any.
    pub audience: Option<String>,
    /// Names the batch that it came in, 1 to 64 printable characters.
    pub batch: Option<String>,
    /// Sent again with the same key, the same request is answered instead of a new one.
    pub idempotency_key: Option<String>,
    /// The request that this one repeats.
    pub previous_request: Option<RequestId>,
    /// The requester's answer to "is this a significant change?".
    pub significant_change: Option<bool>,
    /// Persons who wrote the inputs.
    pub authors: Vec<PersonId>,
    /// Whether this is an emergency: no approval, but loud and judged afterwards.
    pub breakglass: bool,
    /// What policy said, computed from the same state.
    pub assessed: Assessed,
}

/// What policy and catalogue say about an ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessed {
    /// The assessment.
    pub assessment: Assessment,
    /// Derived environment.
    pub environment: Option<String>,
    /// Derived data classification.
    pub data_class: Option<String>,
    /// Class of change.
    pub change_class: String,
    /// `reversible`, `costly` or `irreversible`.
    pub reversibility: String,
    /// Whether it changes a running system in place, when the catalogue says.
    pub in_place: Option<bool>,
    /// Digest of the action catalogue.
    pub catalogue_digest: Digest,
    /// Longest life of an emergency grant, in seconds.
    pub breakglass_seconds: i64,
    /// Time to judge an emergency, in seconds.
    pub breakglass_review_seconds: i64,
    /// How much agents may ask.
    pub limits: RateLimits,
}

/// How much agents may ask; none for no limit. People have none: they answer for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests of one agent within a minute.
    pub per_minute_agent: Option<u64>,
    /// Requests within a minute of all agents that one person answers for.
    pub per_minute_owner: Option<u64>,
    /// Requests of one agent that wait for people at the same time.
    pub pending_agent: Option<u64>,
}

/// Take a pending request back.
#[derive(Clone, Debug, PartialEq)]
pub struct Withdraw {
    /// Which.
    pub request: RequestId,
    /// Why.
    pub comment: Option<String>,
}

/// Put a narrower request in the place of a pending one: the same action for a shorter time, fewer uses, or less of it.
///
/// It is a new request with a new digest, so that what was reviewed before counts for nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Narrow {
    /// The pending request.
    pub request: RequestId,
    /// The narrower one, as if its requester had asked for it.
    pub submit: Submit,
    /// Parameters of the action that may be made smaller or fewer, from the action catalogue.
    pub narrowable: Vec<String>,
    /// Why, 1 to 4,000 characters.
    pub comment: String,
}

/// Stop agents, or let them go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Halt {
    /// Which agents.
    pub scope: HaltScope,
    /// The owner or agent; none for all.
    pub principal: Option<PrincipalId>,
    /// Why, 1 to 500 characters.
    pub reason: String,
}

/// Confirm or withdraw somebody's role.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewAccess {
    /// Whose role.
    pub principal: PrincipalId,
    /// Which.
    pub role: Role,
    /// Whether they keep it.
    pub keep: bool,
    /// What was found; needed when it is taken away.
    pub comment: Option<String>,
}

/// Approve or deny.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// Which request.
    pub request: RequestId,
    /// The verdict.
    pub verdict: Verdict,
    /// A comment; may be empty.
    pub comment: String,
    /// The digest that was shown.
    pub shown_digest: Digest,
    /// When it was shown.
    pub shown_at: Timestamp,
    /// The policy it was shown under.
    pub policy_digest: Digest,
    /// The statement and the passkey's signature over it.
    pub signed: Option<(ReviewStatement, Assertion)>,
}

/// Use a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct Redeem {
    /// Which.
    pub grant: GrantId,
    /// Digest of what is about to run.
    pub run_digest: Digest,
    /// Executing program and version.
    pub tool: Option<String>,
    /// Host it runs on.
    pub host: Option<String>,
    /// Programs and files used.
    pub artefacts: Vec<Artefact>,
    /// The name that the executing system gives itself; must be the grant's audience, when it has one.
    pub audience: Option<String>,
}

/// Report how a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Which.
    pub execution: ExecutionId,
    /// How.
    pub outcome: RunOutcome,
    /// Exit code, when there is one.
    pub exit_code: Option<i64>,
    /// SHA-256 over its output.
    pub output_sha256: Option<Digest>,
    /// Length of its output.
    pub output_bytes: Option<u64>,
    /// When, by the executor's clock; the engine's own when absent.
    pub occurred_at: Option<Timestamp>,
    /// Incident reference.
    pub incident: Option<String>,
    /// The run that this one rolled back.
    pub rollback_of: Option<ExecutionId>,
}

/// Record that a run's outcome cannot be known.
#[derive(Clone, Debug, PartialEq)]
pub struct GiveUp {
    /// Which.
    pub execution: ExecutionId,
    /// Why.
    pub reason: String,
}

/// Take a grant back.
#[derive(Clone, Debug, PartialEq)]
pub struct RevokeGrant {
    /// Which.
    pub grant: GrantId,
    /// Why.
    pub reason: String,
}

/// Judge an emergency afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeBreakglass {
    /// Which.
    pub grant: GrantId,
    /// The judgement.
    pub outcome: BreakglassOutcome,
    /// What was found, at least one character.
    pub comment: String,
    /// The statement and the passkey's signature over it.
    pub signed: Option<(JudgementStatement, Assertion)>,
}

/// Record that hidden values were erased. They are gone when this is asked; an erasure is never recorded before it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Redact {
    /// Events that held them, with the JSON pointer of each hidden member.
    pub values: Vec<(EventId, String)>,
    /// Why; see [`crate::decide::may_redact`].
    pub reason: String,
    /// The approved request behind it, when the policy of the house wants one.
    pub change_request: Option<RequestId>,
}

/// Change which keys sign the log. Keys are named after the log; a key has one life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyCommand {
    /// Let another key sign as well.
    Enroll {
        /// Verifier-key text.
        key: String,
        /// What it may sign.
        purposes: Vec<KeyPurpose>,
        /// How the private half is kept.
        protection: String,
    },
    /// Put a new key, for heads and events, in the place of an old one.
    Rotate {
        /// Verifier-key text of the new one.
        key: String,
        /// The old one.
        old: KeyId,
        /// How the private half of the new one is kept.
        protection: String,
        /// When the old one was compromised: the first entry that somebody else may have signed.
        since_seq: Option<u64>,
        /// Why.
        reason: String,
    },
    /// End a key that others can replace.
    Retire {
        /// Which.
        key: KeyId,
        /// Why.
        reason: String,
    },
    /// End a key that is not to be believed.
    Revoke {
        /// Which.
        key: KeyId,
        /// The first entry that somebody else may have signed, when it was compromised.
        since_seq: Option<u64>,
        /// Why.
        reason: String,
    },
}

/// Change who exists and what they may do.
#[derive(Clone, Debug, PartialEq)]
pub enum Directory {
    /// Add an account.
    Register(Principal),
    /// Replace an account's record.
    Change {
        /// The new record.
        record: Principal,
        /// Why.
        reason: String,
    },
    /// Take all rights from an account, or give them back.
    Switch {
        /// Which.
        principal: PrincipalId,
        /// On or off.
        enabled: bool,
        /// Why.
        reason: String,
    },
    /// Give a role or group.
    Assign {
        /// To whom.
        principal: PrincipalId,
        /// Which.
        role: Role,
        /// Until when; none for a standing role.
        valid_to: Option<Timestamp>,
        /// Frameworks an auditor may see.
        scope: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Take a role or group.
    Remove {
        /// From whom.
        principal: PrincipalId,
        /// Which.
        role: Role,
        /// Why.
        reason: String,
    },
    /// Let another person decide with some of one's roles, for a time.
    Delegate {
        /// Who lets decide.
        delegator: PrincipalId,
        /// Who may decide.
        delegate: PrincipalId,
        /// For which roles and groups; the delegator holds them.
        roles: Vec<Role>,
        /// From when; now, when it lies in the past.
        valid_from: Timestamp,
        /// Until when, at most [`crate::decide::MAX_DELEGATION_DAYS`] after the beginning.
        valid_to: Timestamp,
        /// Why.
        reason: String,
    },
    /// End a delegation before its time.
    EndDelegation {
        /// Which.
        delegation: String,
        /// Why.
        reason: String,
    },
    /// Add a way to sign in.
    Enroll {
        /// Its id.
        credential: CredentialId,
        /// Whose.
        principal: PrincipalId,
        /// Name for people.
        label: String,
        /// The public part.
        key: CredentialKey,
        /// When it ends by itself.
        expires_at: Option<Timestamp>,
    },
    /// Take a way to sign in.
    Revoke {
        /// Which.
        credential: CredentialId,
        /// Why.
        reason: String,
    },
}

/// Sign in or out. The secret or assertion was checked against the state by the caller's [`crate::decide`] function, not before.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionCommand {
    /// With a one-time link, which is used up.
    StartByLink {
        /// SHA-256 of the link's secret.
        secret_sha256: Digest,
        /// SHA-256 of the new session's token.
        token_sha256: Digest,
        /// How long the session may live, in seconds.
        lifetime_seconds: i64,
    },
    /// With a passkey.
    StartByPasskey {
        /// The challenge that was set.
        challenge: Digest,
        /// The answer.
        assertion: Assertion,
        /// SHA-256 of the new session's token.
        token_sha256: Digest,
        /// How long the session may live, in seconds.
        lifetime_seconds: i64,
    },
    /// Sign out.
    End {
        /// Which.
        session: SessionId,
        /// Why.
        reason: String,
    },
}

impl SessionCommand {
    /// The method this sign-in uses; none for signing out.
    #[must_use]
    pub fn method(&self) -> Option<AuthMethod> {
        match self {
            SessionCommand::StartByLink { .. } => Some(AuthMethod::Link),
            SessionCommand::StartByPasskey { .. } => Some(AuthMethod::Passkey),
            SessionCommand::End { .. } => None,
        }
    }
}

/// Put a policy in force.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishPolicy {
    /// Version and digest.
    pub policy: PolicyRef,
    /// Its files.
    pub files: Vec<FileRef>,
    /// Parameters of control tests that it sets, by `<assertion>.<name>`.
    pub parameters: serde_json::Map<String, Value>,
    /// The approved change request; needed for every policy but the first.
    pub change_request: Option<RequestId>,
    /// What changed and why.
    pub note: String,
    /// Rules that nobody could satisfy as groups are filled now, by `@id`.
    pub unsatisfiable: Vec<String>,
}

/// What a command answers when it was carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The request, new or found again by its idempotency key.
    Request {
        /// Which.
        request: RequestId,
        /// Whether it was there before.
        existing: bool,
    },
    /// The run that may start now.
    Execution(ExecutionId),
    /// The session that began.
    Session {
        /// Which.
        session: SessionId,
        /// Whose.
        principal: PrincipalId,
    },
    /// The delegation that was made.
    Delegation(String),
    /// Agents were stopped, or go on.
    Halted {
        /// Grants that were taken back.
        grants: u64,
    },
    /// Hidden values were erased.
    Erased {
        /// How many.
        values: u64,
    },
    /// Done; nothing more to say.
    Done,
}

/// Reads a member of the claimed parameters; used where a command refers to its own request's parameters.
#[must_use]
pub fn parameter<'a>(action: &'a Action, name: &str) -> Option<&'a str> {
    action.parameters.get(name).and_then(Value::as_str)
}
