//! `apply`: what each event does to the state. Infallible, because whatever stands in the log has happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Credential, Halted, KeyUsed, PrincipalState, RoleHeld, Session, State};
use crate::decide::RATE_LIMIT;
use crate::event::directory::{CredentialEnrolled, CredentialKey, Principal, RoleAssigned, SessionStarted};
use crate::event::execution::{Killswitch, RunOutcome};
use crate::event::request::{Mechanism, Submitted};
use crate::event::{ActorKind, Body, Event};
use crate::id::{CredentialId, ExecutionId, GrantId, PrincipalId, RequestId};
use crate::request::{Emergency, Execution, ExecutionPhase, Grant, GrantEnd, Phase, Request, Review};
use crate::time::Timestamp;

impl State {
    /// Folds one event in. Events must come in the order of the log, without gaps.
    pub fn apply(&mut self, event: &Event) {
        self.next_seq = event.seq + 1;
        self.last_time = event.time;
        let at = event.time;
        match &event.body {
            Body::LedgerOpened(opened) => {
                self.log.clone_from(&event.log);
                self.keys.open(&opened.key);
            }
            Body::KeyEnrolled(enrolled) => self.keys.enroll(enrolled, event.seq),
            Body::KeyRetired(retired) => self.keys.end(&retired.key_id, event.seq + 1),
            Body::KeyRevoked(revoked) => self.keys.end(&revoked.key_id, revoked.since_seq.unwrap_or(event.seq + 1)),
            Body::PrincipalRegistered(record) => self.register(record, at),
            Body::PrincipalChanged(change) => {
                if let Some(state) = self.principals.get_mut(&change.record.principal) {
                    state.record = change.record.clone();
                }
            }
            Body::PrincipalDisabled(switch) => self.switch(&switch.principal, false),
            Body::PrincipalEnabled(switch) => self.switch(&switch.principal, true),
            Body::RoleAssigned(role) => self.assign(role),
            Body::RoleRemoved(role) => {
                if let Some(state) = self.principals.get_mut(&role.principal) {
                    state.roles.remove(&role.role);
                }
            }
            Body::CredentialEnrolled(credential) => self.enroll(credential, at),
            Body::CredentialRevoked(revoked) => {
                if let Some(credential) = self.credentials.get_mut(&revoked.credential) {
                    credential.revoked_at = Some(at);
                }
            }
            Body::SessionStarted(session) => self.start_session(session, at),
            Body::SessionEnded(ended) => {
                if let Some(session) = self.sessions.remove(&ended.session) {
                    self.tokens.remove(&session.token_sha256);
                }
            }
            Body::DelegationMade(delegation) => {
                self.delegations.insert(delegation.delegation.clone(), delegation.clone());
            }
            Body::DelegationEnded(ended) => {
                self.delegations.remove(&ended.delegation);
            }
            Body::KillswitchEngaged(switch) => {
                self.release(switch);
                self.halts.push(Halted {
                    scope: switch.scope,
                    principal: switch.principal.clone(),
                    since: at,
                    by: event.actor.id.clone(),
                    reason: switch.reason.clone(),
                });
            }
            Body::KillswitchReleased(switch) => self.release(switch),
            Body::AlertRaised(alert) if alert.kind == RATE_LIMIT => {
                if let Some(principal) = &alert.principal {
                    self.history.entry(principal.clone()).or_default().throttled = Some(at);
                }
            }
            Body::PolicyPublished(policy) => {
                self.policy = Some(Arc::new(policy.clone()));
            }
            _ => {}
        }
        if let Some(request_id) = event.request_id {
            let settled_before = self.is_settled(&request_id);
            self.apply_to_request(request_id, event);
            if !settled_before && self.is_settled(&request_id) {
                self.settle(request_id, at);
            }
        }
        self.forget(at);
    }

    /// What an event does to the request that it names, and to nothing that is forgotten again.
    pub(super) fn apply_to_request(&mut self, id: RequestId, event: &Event) {
        let at = event.time;
        match &event.body {
            Body::RequestSubmitted(submitted) => self.submit(id, event.seq, submitted, at),
            Body::ReviewRecorded(review) => {
                if let Some(credential) = review.assertion.as_ref().and_then(|assertion| assertion.credential.parse().ok()) {
                    self.use_credential(&credential, at);
                }
                if let Some(request) = self.requests.get_mut(&id).map(Arc::make_mut) {
                    request.reviews.push(Review { seq: event.seq, at, body: Arc::new(review.clone()) });
                }
            }
            Body::RequestApproved(approved) => {
                let slots = approved.slots.clone();
                self.end_request(id, Phase::Approved { at, mechanism: approved.mechanism, slots, grant: None });
            }
            Body::RequestDenied(denied) => {
                if let Some(request) = self.requests.get(&id) {
                    let requester = request.submitted.requester.principal.clone();
                    self.history.entry(requester).or_default().count_denied(at);
                }
                self.end_request(id, Phase::Denied { at, mechanism: denied.mechanism });
            }
            Body::RequestExpired(_) => self.end_request(id, Phase::Expired { at }),
            Body::RequestWithdrawn(withdrawn) => self.end_request(id, Phase::Cancelled { at, successor: withdrawn.successor }),
            Body::RequestEscalated(_) => self.rearm(id, |request| request.escalated_at = Some(at)),
            Body::RequestReminded(reminded) => self.rearm(id, |request| request.reminded = Some((reminded.number, at))),
            Body::GrantIssued(issued) => {
                let (grant_id, expires_at) = (issued.grant_id, issued.expires_at);
                if let Some(Request { phase: Phase::Approved { grant, .. }, .. }) = self.requests.get_mut(&id).map(Arc::make_mut) {
                    let (executions, runs) = (Vec::new(), BTreeMap::new());
                    let body = Arc::new(issued.clone());
                    *grant = Some(Box::new(Grant { issued: body, request: id, executions, runs, ended: None, emergency: None }));
                    self.grants.insert(grant_id, id);
                    if issued.max_uses > 0 {
                        self.grant_deadlines.insert((expires_at, grant_id));
                    }
                }
            }
            Body::GrantRedeemed(redeemed) => {
                let deadline = self.grant_mut(id).and_then(|grant| {
                    grant.executions.push(redeemed.execution_id);
                    grant.is_used_up().then_some(grant.issued.expires_at)
                });
                if let Some(deadline) = deadline {
                    self.grant_deadlines.remove(&(deadline, redeemed.grant_id));
                }
            }
            Body::GrantRefused(refused) => self.count_failed(&refused.executor.principal, at),
            Body::GrantExpired(expired) => self.end_grant(id, expired.grant_id, GrantEnd::Expired(at)),
            Body::GrantRevoked(revoked) => self.end_grant(id, revoked.grant_id, GrantEnd::Revoked(at)),
            Body::ExecutionStarted(started) => {
                let execution = Execution {
                    grant: started.grant_id,
                    request: id,
                    executor: started.executor.principal.clone(),
                    started_at: at,
                    phase: ExecutionPhase::Running,
                };
                let mut due = None;
                if let Some(grant) = self.grant_mut(id) {
                    due = grant.issued.run_seconds.map(|seconds| at.plus_seconds(seconds));
                    grant.runs.insert(started.execution_id, execution);
                    self.executions.insert(started.execution_id, id);
                }
                self.run_deadlines.extend(due.map(|due| (due, started.execution_id)));
            }
            Body::ExecutionFinished(finished) => {
                let ended = ExecutionPhase::Finished { at, outcome: finished.outcome, exit_code: finished.exit_code };
                self.end_run(id, finished.execution_id, ended, at);
            }
            Body::ExecutionUnknown(unknown) => {
                self.end_run(id, unknown.execution_id, ExecutionPhase::Unknown { at }, at);
            }
            Body::BreakglassInvoked(invoked) => {
                if let Some(grant) = self.grant_mut(id) {
                    grant.emergency = Some(Emergency { review_due_at: invoked.review_due_at, judged: None });
                }
            }
            Body::BreakglassReviewed(reviewed) => {
                if let Some(emergency) = self.grant_mut(id).and_then(|grant| grant.emergency.as_mut()) {
                    emergency.judged = Some((at, reviewed.outcome, reviewed.reviewer.principal.clone()));
                }
            }
            _ => {}
        }
    }

    fn register(&mut self, record: &Principal, at: Timestamp) {
        let record = record.clone();
        let state = PrincipalState { record, enabled: true, registered_at: at, roles: Default::default(), signed_in_at: None };
        self.principals.insert(state.record.principal.clone(), state);
    }

    fn switch(&mut self, principal: &PrincipalId, enabled: bool) {
        if let Some(state) = self.principals.get_mut(principal) {
            state.enabled = enabled;
        }
    }

    fn assign(&mut self, role: &RoleAssigned) {
        if let Some(state) = self.principals.get_mut(&role.principal) {
            let valid_to = role.valid_to.unwrap_or(Timestamp::FAR);
            state.roles.insert(role.role.clone(), RoleHeld { valid_from: role.valid_from, valid_to, scope: role.scope.clone() });
        }
    }

    fn enroll(&mut self, enrolled: &CredentialEnrolled, at: Timestamp) {
        if let CredentialKey::ApiKey { secret_sha256 } | CredentialKey::Link { secret_sha256 } = &enrolled.key {
            self.secrets.insert(*secret_sha256, enrolled.credential.clone());
        }
        let credential = Credential {
            principal: enrolled.principal.clone(),
            label: enrolled.label.clone(),
            key: enrolled.key.clone(),
            enrolled_at: at,
            expires_at: enrolled.expires_at,
            revoked_at: None,
            used_at: None,
        };
        self.credentials.insert(enrolled.credential.clone(), credential);
    }

    fn start_session(&mut self, started: &SessionStarted, at: Timestamp) {
        // Those whose time is over count for nothing; this is when they leave.
        self.sessions.retain(|_, session| at < session.expires_at);
        self.tokens.retain(|_, session| self.sessions.contains_key(session));
        self.tokens.insert(started.token_sha256, started.session);
        if let Some(principal) = self.principals.get_mut(&started.principal) {
            principal.signed_in_at = Some(at);
        }
        if let Some(credential) = &started.credential {
            self.use_credential(credential, at);
        }
        let session = Session {
            principal: started.principal.clone(),
            method: started.method,
            amr: started.amr.clone(),
            credential: started.credential.clone(),
            started_at: at,
            expires_at: started.expires_at,
            token_sha256: started.token_sha256,
        };
        self.sessions.insert(started.session, session);
    }

    fn use_credential(&mut self, credential: &CredentialId, at: Timestamp) {
        if let Some(credential) = self.credentials.get_mut(credential) {
            credential.used_at = Some(at);
        }
    }

    fn submit(&mut self, id: RequestId, seq: u64, submitted: &Submitted, at: Timestamp) {
        let requester = submitted.requester.principal.clone();
        if let Some(key) = submitted.idempotency_sha256 {
            let used = KeyUsed { request: id, action_digest: submitted.action_digest };
            self.idempotency.insert((requester.clone(), key), used);
        }
        if let Some(owner) = submitted.requester.person.as_ref().filter(|_| submitted.requester.kind == ActorKind::Agent) {
            self.count_recent(owner, at);
        }
        *self.pending.entry(requester.clone()).or_default() += 1;
        self.history.entry(requester).or_default().count_asked(submitted, seq, at);
        let request = Request {
            id,
            seq,
            submitted_at: at,
            submitted: Arc::new(submitted.clone()),
            reviews: Vec::new(),
            escalated_at: None,
            reminded: None,
            phase: Phase::Pending,
        };
        self.arm(&request);
        self.requests.insert(id, Arc::new(request));
    }

    /// Notes when time will bring something to a pending request.
    pub(super) fn arm(&mut self, request: &Request) {
        self.request_deadlines.insert((request.submitted.expires_at, request.id));
        self.escalations.extend(request.escalates_at().map(|at| (at, request.id)));
        self.reminders.extend(request.reminds_at().map(|at| (at, request.id)));
    }

    fn disarm(&mut self, request: &Request) {
        self.request_deadlines.remove(&(request.submitted.expires_at, request.id));
        if let Some(at) = request.escalates_at() {
            self.escalations.remove(&(at, request.id));
        }
        if let Some(at) = request.reminds_at() {
            self.reminders.remove(&(at, request.id));
        }
    }

    /// Changes a pending request, and with it what time will bring.
    fn rearm(&mut self, id: RequestId, change: impl FnOnce(&mut Request)) {
        if let Some(mut request) = self.requests.remove(&id) {
            let pending = matches!(request.phase, Phase::Pending);
            if pending {
                self.disarm(&request);
            }
            change(Arc::make_mut(&mut request));
            if pending {
                self.arm(&request);
            }
            self.requests.insert(id, request);
        }
    }

    fn end_request(&mut self, id: RequestId, phase: Phase) {
        if let Some(mut request) = self.requests.remove(&id) {
            if matches!(request.phase, Phase::Pending) {
                self.disarm(&request);
                self.count_ended(&request.submitted.requester.principal);
            }
            Arc::make_mut(&mut request).phase = phase;
            self.requests.insert(id, request);
        }
    }

    fn end_run(&mut self, request: RequestId, id: ExecutionId, phase: ExecutionPhase, at: Timestamp) {
        let failed = !matches!(phase, ExecutionPhase::Finished { outcome: RunOutcome::Succeeded, .. });
        let Some(grant) = self.grant_mut(request) else { return };
        let seconds = grant.issued.run_seconds;
        let Some(run) = grant.runs.get_mut(&id) else { return };
        run.phase = phase;
        let (due, executor) = (seconds.map(|seconds| run.started_at.plus_seconds(seconds)), run.executor.clone());
        if let Some(due) = due {
            self.run_deadlines.remove(&(due, id));
        }
        if failed {
            self.count_failed(&executor, at);
        }
    }

    fn count_failed(&mut self, executor: &PrincipalId, at: Timestamp) {
        self.history.entry(executor.clone()).or_default().count_failed(at);
    }

    fn release(&mut self, switch: &Killswitch) {
        self.halts.retain(|halt| (halt.scope, &halt.principal) != (switch.scope, &switch.principal));
    }

    fn grant_mut(&mut self, id: RequestId) -> Option<&mut Grant> {
        match &mut Arc::make_mut(self.requests.get_mut(&id)?).phase {
            Phase::Approved { grant, .. } => grant.as_deref_mut(),
            _ => None,
        }
    }

    fn end_grant(&mut self, request: RequestId, id: GrantId, end: GrantEnd) {
        let deadline = self.grant_mut(request).map(|grant| {
            grant.ended = Some(end);
            grant.issued.expires_at
        });
        if let Some(deadline) = deadline {
            self.grant_deadlines.remove(&(deadline, id));
        }
    }

    /// Emergency grants that nobody has judged yet, oldest first.
    pub fn open_emergencies(&self) -> impl Iterator<Item = &Grant> {
        self.requests
            .values()
            .filter_map(|request| request.granted())
            .filter(|grant| grant.issued.mechanism == Mechanism::Breakglass)
            .filter(|grant| grant.emergency.as_ref().is_some_and(|emergency| emergency.judged.is_none()))
    }
}
