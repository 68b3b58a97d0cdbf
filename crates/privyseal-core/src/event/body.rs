//! The closed list of event kinds. A new kind is one line here; the compiler then names every place that must know it.

use serde_json::{Map, Value};

use super::{directory, evidence, execution, ledger, policy, request, source, watch};
use crate::canonical::{self, CanonicalError};

macro_rules! kinds {
    ($($variant:ident = $name:literal, $body:ty, $signed:literal, $doc:literal;)*) => {
        /// What happened, with everything a later test of it will need.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(clippy::large_enum_variant, reason = "bodies live one at a time; boxing would only add an allocation to the largest, the most frequent one")]
        pub enum Body {$(#[doc = $doc] $variant($body),)*}

        /// The kind of an event, without its body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {$(#[doc = $doc] $variant,)*}

        /// Every kind, in the order of this file.
        pub const KINDS: &[Kind] = &[$(Kind::$variant,)*];

        impl Kind {
            /// The name on the wire: `noun.verb_in_past`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {$(Kind::$variant => $name,)*}
            }

            /// The kind of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {$($name => Some(Kind::$variant),)* _ => None}
            }

            /// Whether an event of this kind carries its own signature (the decision-class kinds).
            #[must_use]
            pub fn is_signed(self) -> bool {
                match self {$(Kind::$variant => $signed,)*}
            }

            /// One sentence on what it records.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {$(Kind::$variant => $doc,)*}
            }
        }

        impl Body {
            /// The kind of this body.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {$(Body::$variant(_) => Kind::$variant,)*}
            }

            /// The body as JSON members.
            ///
            /// # Errors
            /// When a value inside does not serialise to JSON.
            pub fn to_members(&self) -> Result<Map<String, Value>, CanonicalError> {
                let value = match self {$(Body::$variant(body) => canonical::to_value(body)?,)*};
                match value {
                    Value::Object(members) => Ok(members),
                    _ => Err(CanonicalError::NotJson { detail: "a body is an object".to_owned() }),
                }
            }

            /// Reads the body of a kind.
            ///
            /// # Errors
            /// When members are missing or of the wrong type.
            pub fn from_members(kind: Kind, members: Map<String, Value>) -> Result<Self, serde_json::Error> {
                let value = Value::Object(members);
                Ok(match kind {$(Kind::$variant => Body::$variant(serde_json::from_value(value)?),)*})
            }

            /// Reads the body of a kind from its JSON.
            ///
            /// # Errors
            /// When members are missing or of the wrong type.
            pub fn read(kind: Kind, json: &str) -> Result<Self, serde_json::Error> {
                Ok(match kind {$(Kind::$variant => Body::$variant(serde_json::from_str(json)?),)*})
            }
        }
    };
}

kinds! {
    LedgerOpened = "ledger.opened", ledger::Opened, false, "The first entry of a log: its format and first key.";
    SegmentSealed = "segment.sealed", ledger::SegmentSealed, false, "A prefix of the log became an immutable Parquet file.";
    KeyEnrolled = "key.enrolled", ledger::KeyEnrolled, true, "A signing key joined.";
    KeyRetired = "key.retired", ledger::KeyRetired, true, "A signing key left in good order.";
    KeyRevoked = "key.revoked", ledger::KeyRevoked, true, "A signing key is no longer trusted, from a given entry on.";
    RedactionMade = "redaction.made", ledger::RedactionMade, true, "A hidden value was erased.";
    PrincipalRegistered = "principal.registered", directory::Principal, false, "An account of a person, agent or service came into being.";
    PrincipalChanged = "principal.changed", directory::PrincipalChanged, false, "An account's record was replaced.";
    PrincipalDisabled = "principal.disabled", directory::PrincipalSwitched, false, "An account lost all rights.";
    PrincipalEnabled = "principal.enabled", directory::PrincipalSwitched, false, "An account regained its rights.";
    RoleAssigned = "role.assigned", directory::RoleAssigned, true, "A principal received a role or joined a group.";
    RoleRemoved = "role.removed", directory::RoleRemoved, true, "A principal lost a role or left a group.";
    CredentialEnrolled = "credential.enrolled", directory::CredentialEnrolled, false, "A way to sign in was added.";
    CredentialRevoked = "credential.revoked", directory::CredentialRevoked, false, "A way to sign in was taken away or used up.";
    DelegationMade = "delegation.made", directory::DelegationMade, true, "A person let another decide for them for a time.";
    DelegationEnded = "delegation.ended", directory::DelegationEnded, true, "A delegation ended before its time.";
    SessionStarted = "session.started", directory::SessionStarted, false, "Someone signed in.";
    SessionEnded = "session.ended", directory::SessionEnded, false, "A session ended.";
    SessionRefused = "session.refused", directory::SessionRefused, false, "A sign-in was refused.";
    PolicyPublished = "policy.published", policy::PolicyPublished, true, "A version of the policy took force.";
    PolicyReviewed = "policy.reviewed", policy::PolicyReviewed, true, "A person confirmed that a policy still fits.";
    CatalogPublished = "catalog.published", policy::CatalogPublished, false, "A version of a catalog (actions, events, controls, separation of duties) took force.";
    RequestSubmitted = "request.submitted", request::Submitted, false, "A privileged action was asked for and assessed.";
    RequestWithdrawn = "request.withdrawn", request::Withdrawn, true, "The requester took a request back.";
    RequestExpired = "request.expired", request::Expired, true, "Nobody decided in time.";
    RequestEscalated = "request.escalated", request::Escalated, false, "More people were asked because time passed.";
    RequestReminded = "request.reminded", request::Reminded, false, "People who have not reviewed were asked again.";
    RequestApproved = "request.approved", request::Approved, true, "A request was approved, by people or automatically.";
    RequestDenied = "request.denied", request::Denied, true, "A request was denied, by people or by policy.";
    ReviewRecorded = "review.recorded", request::ReviewRecorded, true, "A person gave their verdict.";
    ReviewRefused = "review.refused", request::ReviewRefused, true, "A verdict was not accepted, for example because the reviewer is a subject of the request.";
    GrantIssued = "grant.issued", execution::GrantIssued, true, "The right to run one approved action was made.";
    GrantRedeemed = "grant.redeemed", execution::GrantRedeemed, true, "A grant was used.";
    GrantRefused = "grant.refused", execution::GrantRefused, true, "An attempt to use a grant was refused: replay, other action, other executor, too late.";
    GrantExpired = "grant.expired", execution::GrantExpired, true, "A grant's time ended unused.";
    GrantRevoked = "grant.revoked", execution::GrantRevoked, true, "A grant was taken back.";
    ExecutionStarted = "execution.started", execution::Started, false, "An approved action began to run.";
    ExecutionFinished = "execution.finished", execution::Finished, false, "A run ended with a known outcome.";
    ExecutionUnknown = "execution.unknown", execution::Unknown, false, "A run's outcome cannot be known, for example because the executor vanished.";
    BreakglassInvoked = "breakglass.invoked", execution::BreakglassInvoked, true, "An emergency grant was taken without approval.";
    BreakglassReviewed = "breakglass.reviewed", execution::BreakglassReviewed, true, "Someone outside an emergency judged it afterwards.";
    KillswitchEngaged = "killswitch.engaged", execution::Killswitch, false, "Agents were stopped: they can ask for nothing and run nothing.";
    KillswitchReleased = "killswitch.released", execution::Killswitch, false, "Agents that had been stopped may go on.";
    AccessReviewRecorded = "access_review.recorded", watch::AccessReviewRecorded, true, "A person confirmed or withdrew someone's role.";
    LogReviewRecorded = "log_review.recorded", watch::LogReviewRecorded, false, "A person reviewed the log of an interval.";
    AlertRaised = "alert.raised", watch::AlertRaised, false, "Something needs a person's attention.";
    AlertTriaged = "alert.triaged", watch::AlertTriaged, false, "A person judged an alert.";
    NotificationDelivered = "notification.delivered", watch::NotificationDelivered, false, "People were told of something.";
    ExceptionRaised = "exception.raised", watch::ExceptionRaised, false, "A control test found violations.";
    ExceptionAnswered = "exception.answered", watch::ExceptionAnswered, true, "Management answered an exception.";
    AssertionEvaluated = "assertion.evaluated", evidence::AssertionEvaluated, false, "A control test ran over a pinned snapshot.";
    ScheduleChanged = "schedule.changed", evidence::ScheduleChanged, false, "A report schedule was made, changed or removed.";
    ReportGenerated = "report.generated", evidence::ReportGenerated, true, "An evidence pack or report was built.";
    ReportDelivered = "report.delivered", evidence::ReportDelivered, false, "A report reached a recipient.";
    ReportFailed = "report.failed", evidence::ReportFailed, false, "A report could not be built or delivered.";
    EvidenceDownloaded = "evidence.downloaded", evidence::EvidenceDownloaded, false, "Someone downloaded evidence.";
    QueryRun = "query.run", evidence::QueryRun, false, "Someone ran SQL over the audit data.";
    Heartbeat = "heartbeat", watch::Heartbeat, false, "The node was alive and could write.";
    ClockSampled = "clock.sampled", watch::ClockSampled, false, "The node's clock was compared with a reference.";
    SourceCounted = "source.counted", source::SourceCounted, false, "A source says how many events it produced in a day.";
    SourceObserved = "source.observed", source::SourceObserved, false, "A fact from an outside system of record was imported.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        let names: std::collections::BTreeSet<_> = KINDS.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), KINDS.len());
        for kind in KINDS {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
    }

    /// LEDGER-FORMAT lists the decision-class kinds by noun; this is that list, kept apart from the table above on purpose.
    #[test]
    fn decision_class_kinds_are_signed() {
        for kind in KINDS {
            let (noun, _) = kind.name().split_once('.').unwrap_or((kind.name(), ""));
            let expected = matches!(
                noun,
                "review" | "grant" | "breakglass" | "key" | "role" | "delegation" | "access_review" | "redaction" | "policy"
            ) || matches!(
                kind.name(),
                "request.approved" | "request.denied" | "request.expired" | "request.withdrawn" | "exception.answered" | "report.generated"
            );
            assert_eq!(kind.is_signed(), expected, "{}", kind.name());
        }
    }
}
