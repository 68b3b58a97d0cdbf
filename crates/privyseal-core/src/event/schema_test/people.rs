//! Samples of principals, roles, credentials, delegations and sessions.

use super::super::directory::{
    AgentProfile, CredentialEnrolled, CredentialKey, CredentialRevoked, DelegationEnded, DelegationMade, Principal, PrincipalChanged,
    PrincipalSwitched, RoleAssigned, RoleRemoved, SessionEnded, SessionRefused, SessionStarted,
};
use super::super::{ActorKind, AuthMethod, Body};
use super::samples::{at, digest, hidden, p, request_id, session_id};

fn agent() -> Principal {
    Principal {
        principal: p("agent:deploy-bot"),
        kind: ActorKind::Agent,
        name: "Deploy bot".into(),
        email: None,
        person: None,
        owner: Some(p("ana")),
        parent: Some(p("agent:planner")),
        agent: Some(AgentProfile {
            model: "example-large".into(),
            version: "2026-06".into(),
            tools: vec!["psql".into()],
            intended_use: vec!["db.schema".into()],
            impact_assessed_at: Some(at(-1000)),
        }),
    }
}

fn human() -> Principal {
    Principal {
        principal: p("ben"),
        kind: ActorKind::Human,
        name: hidden("Ben Example"),
        email: Some(hidden("ben@example.com")),
        person: Some(p("person:ben")),
        owner: None,
        parent: None,
        agent: None,
    }
}

pub(super) fn all() -> Vec<Body> {
    let credential = |key| {
        Body::CredentialEnrolled(CredentialEnrolled {
            credential: p("cred-ben-1"),
            principal: p("ben"),
            label: "laptop".into(),
            key,
            environment: Some("production".into()),
            expires_at: Some(at(500_000)),
        })
    };
    vec![
        Body::PrincipalRegistered(agent()),
        Body::PrincipalRegistered(human()),
        Body::PrincipalChanged(PrincipalChanged { record: agent(), reason: "new owner".into() }),
        Body::PrincipalChanged(PrincipalChanged { record: human(), reason: "new name".into() }),
        Body::PrincipalDisabled(PrincipalSwitched { principal: p("ben"), reason: "left".into(), effective_at: at(10) }),
        Body::PrincipalEnabled(PrincipalSwitched { principal: p("ben"), reason: "came back".into(), effective_at: at(11) }),
        Body::RoleAssigned(RoleAssigned {
            principal: p("ben"),
            role: p("auditor"),
            valid_from: at(0),
            valid_to: Some(at(20_000)),
            scope: vec!["soc2".into()],
            reason: "engagement 2026".into(),
            change_request: Some(request_id()),
        }),
        Body::RoleRemoved(RoleRemoved {
            principal: p("ben"),
            role: p("group:sre"),
            reason: "access review".into(),
            access_review_seq: Some(99),
        }),
        credential(CredentialKey::Passkey {
            alg: "ES256".into(),
            public_key: "BAECAw".into(),
            rp_id: "approve.example.com".into(),
            aaguid: "00000000000000000000000000000000".into(),
            user_verified: true,
            backed_up: false,
        }),
        credential(CredentialKey::ApiKey { secret_sha256: digest("api key") }),
        credential(CredentialKey::Link { secret_sha256: digest("link") }),
        Body::CredentialRevoked(CredentialRevoked {
            credential: p("cred-ben-1"),
            principal: p("ben"),
            reason: "used".into(),
            effective_at: at(12),
        }),
        Body::DelegationMade(DelegationMade {
            delegation: "d-7".into(),
            delegator: p("ben"),
            delegate: p("eva"),
            roles: vec![p("group:sre")],
            valid_from: at(0),
            valid_to: at(20_000),
            depth: 1,
            reason: "holiday".into(),
            change_request: Some(request_id()),
        }),
        Body::DelegationEnded(DelegationEnded { delegation: "d-7".into(), reason: "back early".into() }),
        Body::SessionStarted(SessionStarted {
            session: session_id(),
            principal: p("ben"),
            method: AuthMethod::Passkey,
            amr: vec!["hwk".into(), "user".into()],
            credential: Some(p("cred-ben-1")),
            token_sha256: digest("token"),
            expires_at: at(480),
        }),
        Body::SessionEnded(SessionEnded { session: session_id(), principal: p("ben"), reason: "signed_out".into() }),
        Body::SessionRefused(SessionRefused {
            principal: Some(p("ben")),
            method: AuthMethod::Link,
            reason: "the link was used before".into(),
        }),
    ]
}
