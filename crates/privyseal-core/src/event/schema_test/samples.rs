//! One sample of every kind with every member filled, written as struct literals so that a new member does not compile without one.
//!
//! Samples are of a fixed moment and made-up people. Where a body has variants, there is a sample for each.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::super::evidence::{
    AssertionEvaluated, EvidenceDownloaded, QueryRun, ReportDelivered, ReportFailed, ReportGenerated, ScheduleChanged, Snapshot,
};
use super::super::ledger::{KeyEnrolled, KeyPurpose, KeyRetired, KeyRevoked, Opened, RedactionMade, SegmentSealed};
use super::super::policy::{CatalogPublished, FileRef, PolicyPublished, PolicyReviewed};
use super::super::source::{Feed, IdentityState, InventoryState, Observation, SourceCounted, SourceObserved, StoreOperation, TestOutcome};
use super::super::watch::{
    AccessReviewRecorded, AlertRaised, AlertTriaged, ClockSampled, ExceptionAnswered, ExceptionRaised, Heartbeat, LogReviewRecorded,
    NotificationDelivered,
};
use super::super::{ActorKind, Auth, AuthMethod, Body, Channel, Text};
use super::{people, requests};
use crate::assessment::PolicyRef;
use crate::digest::Digest;
use crate::id::{EventId, QueryId, ReportId, RequestId, SessionId};
use crate::time::{Period, Timestamp};

/// Parses what is known to be well formed.
pub(super) fn p<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// The moment `minutes` after the first of July 2026, 08:00 UTC.
pub(super) fn at(minutes: i64) -> Timestamp {
    p::<Timestamp>("2026-07-01T08:00:00.000001Z").plus_seconds(minutes * 60)
}

pub(super) fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

pub(super) fn request_id() -> RequestId {
    RequestId::new(at(0), [1; 10])
}

pub(super) fn hidden(of: &str) -> Text {
    Text::Hidden { commitment: digest(of) }
}

pub(super) fn members(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

pub(super) fn policy() -> PolicyRef {
    PolicyRef { version: 3, digest: digest("policy 3") }
}

pub(super) fn snapshot() -> Snapshot {
    Snapshot { size: 4096, root: digest("root") }
}

fn event_id() -> EventId {
    EventId::new(at(1), [2; 10])
}

pub(super) fn session_id() -> SessionId {
    SessionId::new(at(2), [3; 10])
}

fn report_id() -> ReportId {
    ReportId::new(at(3), [4; 10])
}

fn quarter() -> Period {
    Period::new(p("2026-07-01T00:00:00Z"), p("2026-10-01T00:00:00Z")).unwrap()
}

fn files(name: &str) -> Vec<FileRef> {
    vec![FileRef { name: name.to_owned(), sha256: digest(name), bytes: 812 }]
}

const VKEY: &str = "log.example.com/privyseal/main+a1b2c3d4+AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh";

/// An actor with every member.
pub(super) fn actor() -> super::super::Actor {
    super::super::Actor {
        id: p("ben"),
        kind: ActorKind::Human,
        channel: Channel::Portal,
        auth: Auth {
            method: AuthMethod::Passkey,
            amr: vec!["hwk".into(), "user".into()],
            auth_time: Some(at(-5)),
            session: Some(session_id()),
            credential: Some(p("cred-ben-1")),
        },
    }
}

/// An actor with only what every actor has.
pub(super) fn system() -> super::super::Actor {
    let auth = Auth { method: AuthMethod::Engine, amr: Vec::new(), auth_time: None, session: None, credential: None };
    super::super::Actor { id: p("system"), kind: ActorKind::System, channel: Channel::Engine, auth }
}

/// A sample of every kind, in the order of the list of kinds.
pub(super) fn all() -> Vec<Body> {
    [ledger(), people::all(), rules(), requests::all(), watch(), evidence(), sources()].concat()
}

fn ledger() -> Vec<Body> {
    vec![
        Body::LedgerOpened(Opened { format: 1, key: VKEY.into(), previous: Some("log.example.com/privyseal/old\n7\n".into()) }),
        Body::SegmentSealed(SegmentSealed {
            first: 0,
            last: 4095,
            rows: 4096,
            bytes: 901_120,
            sha256: digest("segment"),
            path: "events/2026/07/000000000000-000000004095.parquet".into(),
            replaces: Some(8),
        }),
        Body::KeyEnrolled(KeyEnrolled {
            key: VKEY.into(),
            purpose: KeyPurpose::Node,
            protection: "hsm:pkcs11".into(),
            attestation: Some(digest("attestation")),
            custodian: Some(p("olga")),
            change_request: Some(request_id()),
        }),
        Body::KeyRetired(KeyRetired { key_id: "a1b2c3d4".into(), reason: "yearly rotation".into() }),
        Body::KeyRevoked(KeyRevoked { key_id: "a1b2c3d4".into(), since_seq: Some(17), reason: "host was taken over".into() }),
        Body::RedactionMade(RedactionMade {
            event_id: event_id(),
            pointer: "/body/justification".into(),
            reason: "erasure request".into(),
            change_request: Some(request_id()),
        }),
    ]
}

fn rules() -> Vec<Body> {
    vec![
        Body::PolicyPublished(PolicyPublished {
            policy: policy(),
            files: files("main.cedar"),
            parameters: members(json!({"D13.min_chars": 20, "L01.roles": ["admin", "approver"]})),
            author: p("ana"),
            approved_by: vec![p("ben"), p("eva")],
            change_request: Some(request_id()),
            note: "two approvers for schema changes".into(),
            unsatisfiable: vec!["prod-reset".into()],
        }),
        Body::PolicyReviewed(PolicyReviewed { policy: policy(), reviewer: p("eva"), outcome: "keep".into(), comment: "still fits".into() }),
        Body::CatalogPublished(CatalogPublished {
            catalog: "sod".into(),
            version: "2".into(),
            digest: digest("sod 2"),
            files: files("sod.toml"),
            items: vec!["approve|execute".into()],
            change_request: Some(request_id()),
        }),
    ]
}

fn watch() -> Vec<Body> {
    vec![
        Body::AccessReviewRecorded(AccessReviewRecorded {
            principal: p("ben"),
            role: p("approver"),
            reviewer: p("eva"),
            outcome: "keep".into(),
            comment: Some("on call until December".into()),
        }),
        Body::LogReviewRecorded(LogReviewRecorded {
            start: at(0),
            end: at(10_080),
            reviewer: p("eva"),
            comment: hidden("nothing unusual"),
        }),
        Body::AlertRaised(AlertRaised {
            alert: "a-12".into(),
            kind: "outlier".into(),
            severity: "high".into(),
            principal: Some(p("ben")),
            about: Some(event_id()),
            reason: "approved 1.2 s after it was shown".into(),
        }),
        Body::AlertTriaged(AlertTriaged {
            alert: "a-12".into(),
            reviewer: p("eva"),
            disposition: "benign".into(),
            comment: "discussed before in the call".into(),
        }),
        Body::NotificationDelivered(NotificationDelivered { about: event_id(), via: "portal".into(), recipients: vec![p("eva")] }),
        Body::ExceptionRaised(ExceptionRaised {
            exception: "x-3".into(),
            assertion: "D13".into(),
            items: vec![request_id().to_string()],
            persons: vec![p("person:ana")],
            evaluation: Some(event_id()),
        }),
        Body::ExceptionAnswered(ExceptionAnswered {
            exception: "x-3".into(),
            owner: p("olga"),
            cause: "the form allowed it".into(),
            response: "the form now counts".into(),
            due_at: Some(at(20_000)),
            status: "closed".into(),
            retest: Some(event_id()),
        }),
    ]
}

fn evidence() -> Vec<Body> {
    vec![
        Body::AssertionEvaluated(AssertionEvaluated {
            assertion: "D13".into(),
            query_digest: digest("SELECT 1"),
            parameters: members(json!({"min_chars": 20})),
            period: quarter(),
            slot: Some(at(60)),
            snapshot: snapshot(),
            state: "exception".into(),
            rows: 120,
            violations: 1,
            indeterminate: 0,
            result_digest: digest("result"),
            engine: "datafusion 55.2".into(),
        }),
        Body::ScheduleChanged(ScheduleChanged {
            schedule: "nightly-tests".into(),
            definition: members(json!({"runs": "tests", "assertions": ["D01", "D13"], "every": "day", "at": "02:00"})),
        }),
        Body::ReportGenerated(ReportGenerated {
            report: report_id(),
            frameworks: vec!["soc2".into()],
            period: quarter(),
            snapshot: snapshot(),
            pack_digest: digest("pack"),
            file_sha256: digest("pack file"),
            states: [("soc2".to_owned(), [("pass".to_owned(), 30), ("exception".to_owned(), 1)].into())].into(),
            trigger: "schedule".into(),
            schedule: Some("quarterly".into()),
        }),
        Body::ReportDelivered(ReportDelivered {
            report: report_id(),
            via: "smtp".into(),
            to: "audit@example.com".into(),
            sha256: digest("pack file"),
        }),
        Body::ReportFailed(ReportFailed {
            report: report_id(),
            step: "deliver".into(),
            reason: "the mail server refused".into(),
            final_attempt: true,
        }),
        Body::EvidenceDownloaded(EvidenceDownloaded {
            report: report_id(),
            file_sha256: digest("pack file"),
            frameworks: vec!["soc2".into()],
        }),
        Body::QueryRun(QueryRun {
            query: QueryId::new(at(4), [5; 10]),
            text: "SELECT count(*) FROM events WHERE kind = $1".into(),
            parameters: members(json!({"1": "grant.issued"})),
            snapshot_size: 4096,
            outcome: "failed".into(),
            error: Some("over 30 s".into()),
            rows: 0,
            result_sha256: Some(digest("rows")),
            duration_ms: 30_000,
        }),
        Body::Heartbeat(Heartbeat { node: "node-1".into(), interval_seconds: 30, canaries: vec!["key.revoked".into()] }),
        Body::ClockSampled(ClockSampled { node: "node-1".into(), reference: "kernel".into(), offset_us: Some(-1250), synchronised: true }),
    ]
}

fn sources() -> Vec<Body> {
    let observed = |source: &str, observation| {
        Body::SourceObserved(SourceObserved { source: source.into(), occurred_at: at(30), observation, raw_sha256: digest(source) })
    };
    vec![
        Body::SourceCounted(SourceCounted {
            source: "postgres-audit".into(),
            feed: Feed::TargetLog,
            day: "2026-07-01".into(),
            events: 41,
            covers: vec!["postgres:orders/prod".into()],
        }),
        observed(
            "postgres-audit",
            Observation::TargetLog {
                action: "db.schema.apply".into(),
                resource: "postgres:orders/prod".into(),
                actor: "DOMAIN\\svc deploy".into(),
            },
        ),
        observed("hr", Observation::IdentityStatus { person: p("person:ben"), status: IdentityState::Ended, effective_at: at(40) }),
        observed("ci", Observation::TestResult { artefact_sha256: digest("migration.sql"), outcome: TestOutcome::Pass }),
        observed(
            "inventory",
            Observation::Inventory {
                name: "psql".into(),
                sha256: digest("psql"),
                status: InventoryState::Approved,
                signature_valid: Some(true),
                environment: Some("production".into()),
            },
        ),
        observed(
            "host-audit",
            Observation::StoreAccess { actor: "root".into(), operation: StoreOperation::Alter, object: "ledger.sqlite".into() },
        ),
    ]
}
