//! Samples of asking, deciding, granting, running and break-glass.

use serde_json::json;

use super::super::execution::{
    Artefact, BreakglassInvoked, BreakglassOutcome, BreakglassReviewed, Finished, GrantExpired, GrantIssued, GrantRedeemed, GrantRefused,
    GrantRevoked, HaltScope, JudgementStatement, Killswitch, RunOutcome, Started, Unknown,
};
use super::super::request::{
    Approved, Assertion, ClaimedModel, Denied, Escalated, Expired, Mechanism, Party, Reminded, ReviewRecorded, ReviewRefused,
    ReviewStatement, Submitted, Verdict, Withdrawn,
};
use super::super::{ActorKind, Body};
use super::samples::{at, digest, hidden, members, p, policy, request_id};
use crate::action::{Action, Input, InputKind, Limits, Resource};
use crate::assessment::{Advice, Assessment, Assurance, Determining, Escalation, Factor, Outcome, Tier};
use crate::digest::base64url;
use crate::id::{ExecutionId, GrantId};
use crate::requirement::Filled;

const LOG: &str = "log.example.com/privyseal/main";

fn grant_id() -> GrantId {
    GrantId::new(at(5), [6; 10])
}

fn execution_id() -> ExecutionId {
    ExecutionId::new(at(6), [7; 10])
}

fn agent() -> Party {
    Party { principal: p("agent:deploy-bot"), kind: ActorKind::Agent, person: Some(p("person:ana")), owner: Some(p("ana")) }
}

fn human(name: &str) -> Party {
    Party { principal: p(name), kind: ActorKind::Human, person: Some(p(&format!("person:{name}"))), owner: None }
}

fn resource() -> Resource {
    Resource { name: p("postgres:orders/prod"), attributes: members(json!({"cluster": "eu-1"})) }
}

fn action() -> Action {
    Action {
        verb: p("db.schema.apply"),
        resource: resource(),
        parameters: members(json!({"lock_timeout_ms": 5000})),
        inputs: vec![Input { kind: InputKind::File, name: "migration.sql".into(), sha256: digest("migration.sql"), bytes: 312 }],
        limits: None,
    }
}

fn assessment() -> Assessment {
    Assessment {
        outcome: Outcome::Route,
        risk: 65,
        tier: Tier::High,
        factors: vec![Factor { rule: "r-prod".into(), points: 65, because: "touches production".into(), errored: true }],
        facts: [("outside_hours".to_owned(), json!(false))].into(),
        missing: vec!["rows_affected".into()],
        policy: policy(),
        determining: vec![determining()],
        requirement: p("1 of group:dba, 2 of group:sre"),
        persons_required: 3,
        human_required: true,
        assurance: Assurance::Passkey,
        deny_threshold: 1,
        expires_seconds: 1800,
        grant_seconds: 600,
        uses: 3,
        run_seconds: Some(7_200),
        remind_seconds: Some(600),
        escalation: Some(Escalation { after_seconds: 900, requirement: p("1 of group:dba or 1 of group:duty"), persons_required: 1 }),
        advice: Some(Advice {
            advisor: "https://advisor.example.com/v1".into(),
            points: 0,
            because: "nothing unusual".into(),
            failure: Some("no answer within 500 ms".into()),
            waited_ms: 500,
        }),
        roster_rule: "at-last-review".into(),
        evaluator: "cedar-policy 4.14.1".into(),
    }
}

fn determining() -> Determining {
    Determining { rule: "prod-schema".into(), because: "schema of production".into(), approvals: "1 of group:dba, 2 of group:sre".into() }
}

fn assertion() -> Assertion {
    Assertion {
        credential: "cred-ben-1".into(),
        authenticator_data: base64url(b"authenticator data"),
        client_data_json: base64url(b"{}"),
        signature: base64url(b"signature"),
    }
}

pub(super) fn all() -> Vec<Body> {
    [asking(), deciding(), granting(), running()].concat()
}

fn asking() -> Vec<Body> {
    vec![
        Body::RequestSubmitted(Submitted {
            requester: agent(),
            on_behalf_of: Some(human("ana")),
            executor: Some(Party { principal: p("agent:runner"), ..agent() }),
            chain: vec![Party { principal: p("agent:planner"), ..agent() }],
            subjects: vec![p("person:ana"), p("person:kim")],
            claimed_model: Some(ClaimedModel { model: "example-large".into(), version: "2026-06".into() }),
            action: Action { limits: Some(Limits { seconds: Some(300), uses: Some(1) }), ..action() },
            action_digest: action().digest().unwrap(),
            justification: hidden("add the column that release 41 reads"),
            justification_chars: 36,
            justification_repeats: 1,
            ticket: Some("OPS-1241".into()),
            idempotency_sha256: Some(digest("key")),
            previous_request: Some(request_id()),
            narrowed_by: Some(human("ben")),
            audience: Some("runner-eu-1".into()),
            batch: Some("release-41".into()),
            environment: Some("production".into()),
            data_class: Some("personal".into()),
            change_class: "schema".into(),
            reversibility: "costly".into(),
            in_place: Some(true),
            significant_change: Some(false),
            catalogue_digest: digest("actions 4"),
            authors: vec![p("person:kim")],
            deceptive: vec!["U+202E".into()],
            assessment: assessment(),
            expires_at: at(30),
        }),
        Body::RequestWithdrawn(Withdrawn {
            comment: Some("found another way".into()),
            narrowed_by: Some(human("ben")),
            successor: Some(request_id()),
        }),
        Body::RequestExpired(Expired { expires_at: at(30) }),
        Body::RequestEscalated(Escalated {
            to: vec![p("olga")],
            reason: "no review within 15m".into(),
            requirement: Some(p("1 of group:dba or 1 of group:duty")),
        }),
        Body::RequestReminded(Reminded { to: vec![p("ben"), p("eva")], number: 2 }),
    ]
}

fn deciding() -> Vec<Body> {
    vec![
        Body::RequestApproved(Approved {
            mechanism: Mechanism::Quorum,
            slots: vec![Filled { slot: "group:dba".into(), person: p("person:ben"), principal: p("ben") }],
            persons: 1,
            action_digest: action().digest().unwrap(),
            policy_digest: policy().digest,
        }),
        Body::RequestDenied(Denied {
            mechanism: Mechanism::Review,
            persons: vec![p("person:eva")],
            rules: vec![determining()],
            policy_digest: policy().digest,
        }),
        Body::ReviewRecorded(ReviewRecorded {
            verdict: Verdict::Approve,
            reviewer: human("ben"),
            roles: vec![p("approver"), p("group:dba")],
            comment: Some(hidden("checked the plan")),
            comment_digest: digest("checked the plan"),
            shown_digest: action().digest().unwrap(),
            shown_at: at(7),
            display_ms: 41_250,
            policy_digest: policy().digest,
            assurance: Assurance::Passkey,
            delegation: Some("d-7".into()),
            in_place_of: Some(human("eva")),
            statement: Some(ReviewStatement {
                log: LOG.into(),
                request_id: request_id(),
                action_digest: action().digest().unwrap(),
                verdict: Verdict::Approve,
                policy_digest: policy().digest,
                comment_digest: digest("checked the plan"),
                shown_at: at(7),
                reviewer: p("ben"),
            }),
            assertion: Some(assertion()),
        }),
        Body::ReviewRefused(ReviewRefused {
            verdict: Verdict::Approve,
            reviewer: human("ana"),
            code: "subject_of_request".into(),
            reason: "ana owns the agent that asks".into(),
        }),
    ]
}

fn granting() -> Vec<Body> {
    vec![
        Body::GrantIssued(GrantIssued {
            grant_id: grant_id(),
            action_digest: action().digest().unwrap(),
            action: action().verb,
            resource: resource(),
            environment: Some("production".into()),
            subject: p("agent:deploy-bot"),
            scope: "exact/1".into(),
            not_before: at(8),
            expires_at: at(18),
            max_uses: 1,
            nonce: base64url(&[9; 16]),
            mechanism: Mechanism::Quorum,
            audience: Some("runner-eu-1".into()),
            run_seconds: Some(7_200),
        }),
        Body::GrantRedeemed(GrantRedeemed {
            grant_id: grant_id(),
            execution_id: execution_id(),
            use_number: 1,
            nonce: base64url(&[9; 16]),
            run_digest: action().digest().unwrap(),
        }),
        Body::GrantRefused(GrantRefused {
            grant_id: grant_id(),
            executor: agent(),
            run_digest: digest("another action"),
            code: "action_changed".into(),
            reason: "the parameters differ from what was approved".into(),
        }),
        Body::GrantExpired(GrantExpired { grant_id: grant_id(), expires_at: at(18) }),
        Body::KillswitchEngaged(Killswitch { scope: HaltScope::Owner, principal: Some(p("ana")), reason: "three failed runs".into() }),
        Body::KillswitchReleased(Killswitch { scope: HaltScope::Agent, principal: Some(p("agent:deploy-bot")), reason: "repaired".into() }),
        Body::GrantRevoked(GrantRevoked { grant_id: grant_id(), reason: "agent disabled".into(), effective_at: at(9) }),
    ]
}

fn running() -> Vec<Body> {
    vec![
        Body::ExecutionStarted(Started {
            execution_id: execution_id(),
            grant_id: grant_id(),
            action: action().verb,
            resource: resource(),
            environment: Some("production".into()),
            run_digest: action().digest().unwrap(),
            executor: agent(),
            tool: Some("privyseal-exec/0.1.0".into()),
            host: Some("runner-4".into()),
            artefacts: vec![Artefact { name: "migration.sql".into(), sha256: digest("migration.sql") }],
            policy_digest: policy().digest,
        }),
        Body::ExecutionFinished(Finished {
            execution_id: execution_id(),
            grant_id: grant_id(),
            outcome: RunOutcome::Failed,
            exit_code: Some(3),
            output_sha256: Some(digest("output")),
            output_bytes: Some(6),
            occurred_at: at(12),
            duration_ms: 180_000,
            incident: Some("INC-77".into()),
            rollback_of: Some(execution_id()),
        }),
        Body::ExecutionUnknown(Unknown {
            execution_id: execution_id(),
            grant_id: grant_id(),
            reason: "the executor did not report within 24h".into(),
        }),
        Body::BreakglassInvoked(BreakglassInvoked {
            grant_id: grant_id(),
            invoker: human("olga"),
            reason: hidden("orders are down"),
            reason_chars: 15,
            expires_at: at(60),
            review_due_at: at(2880),
        }),
        Body::BreakglassReviewed(BreakglassReviewed {
            grant_id: grant_id(),
            reviewer: human("eva"),
            outcome: BreakglassOutcome::Justified,
            comment: "the outage was real".into(),
            statement: Some(JudgementStatement {
                log: LOG.into(),
                request_id: request_id(),
                grant_id: grant_id(),
                outcome: BreakglassOutcome::Justified,
                comment_digest: digest("the outage was real"),
                reviewer: p("eva"),
            }),
            assertion: Some(assertion()),
        }),
    ]
}
