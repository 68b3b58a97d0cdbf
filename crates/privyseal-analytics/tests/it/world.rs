//! People, agents, policies and requests in a fixture, with whatever a case wants to be different.

use privyseal_ledger::blob;
use serde_json::{Value, json};

use crate::fixture::{Ledger, actor, digest, uuid};

/// Puts `over` on top of `base`, member by member; `null` takes a member away.
pub(crate) fn patched(mut base: Value, over: Value) -> Value {
    match (&mut base, over) {
        (Value::Object(members), Value::Object(over)) => {
            for (name, value) in over {
                if value.is_null() {
                    members.remove(&name);
                } else {
                    let old = members.remove(&name).unwrap_or_else(|| json!({}));
                    members.insert(name, if value.is_object() { patched(old, value) } else { value });
                }
            }
            base
        }
        (_, over) => over,
    }
}

/// A request with what came of it.
pub(crate) struct Flow {
    pub(crate) request: String,
    pub(crate) grant: String,
    pub(crate) execution: String,
    /// Event ids of reviews and of the approval.
    pub(crate) reviews: Vec<String>,
    pub(crate) approval: String,
}

impl Ledger {
    /// Ana, Ben and Cleo (SRE, DBA for Cleo), Dora who asks, and Dora's agent; policy version 1.
    pub(crate) fn company() -> Self {
        let mut ledger = Self::new();
        ledger.human("ana", &["approver", "group:sre"]);
        ledger.human("ben", &["approver", "group:sre"]);
        ledger.human("cleo", &["approver", "group:dba"]);
        ledger.human("dora", &["requester"]);
        ledger.bot("bot", "dora", json!({}));
        ledger.policy(1, json!({}));
        ledger
    }

    pub(crate) fn human(&mut self, id: &str, roles: &[&str]) -> String {
        self.human_of(id, &format!("p-{id}"), roles)
    }

    pub(crate) fn human_of(&mut self, id: &str, person: &str, roles: &[&str]) -> String {
        let event = self.event("principal.registered", "system", json!({"principal": id, "kind": "human", "name": id, "person": person}));
        for role in roles {
            self.role(id, role, json!({}));
        }
        event
    }

    pub(crate) fn role(&mut self, id: &str, role: &str, over: Value) -> String {
        let body = json!({"principal": id, "role": role, "valid_from": self.now(), "reason": "joined"});
        self.event("role.assigned", "system", patched(body, over))
    }

    pub(crate) fn bot(&mut self, id: &str, owner: &str, over: Value) -> String {
        let body = json!({"principal": id, "kind": "agent", "name": id, "owner": owner,
            "agent": {"model": "m", "version": "1", "tools": ["psql"], "intended_use": ["db"], "impact_assessed_at": self.now()}});
        let event = self.event("principal.registered", "system", patched(body, over));
        self.credential(&format!("key-{id}"), id);
        self.role(id, "requester", json!({}));
        event
    }

    pub(crate) fn credential(&mut self, credential: &str, principal: &str) -> String {
        let key = json!({"type": "api_key", "secret_sha256": digest(credential)});
        let body = json!({"credential": credential, "principal": principal, "label": "key", "key": key});
        self.event("credential.enrolled", "system", body)
    }

    /// Publishes a policy whose one file is kept as a blob.
    pub(crate) fn policy(&mut self, version: u64, over: Value) -> String {
        let text = format!("policy {version}");
        let file = blob::put(&self.layout, text.as_bytes()).unwrap();
        let body = json!({"version": version, "digest": digest(&text), "files": [{"name": "p.cedar", "sha256": file, "bytes": text.len()}],
            "parameters": {}, "author": "ana", "approved_by": [], "note": "n"});
        let by = if version == 1 { "system" } else { "ana" };
        self.event("policy.published", by, patched(body, over))
    }

    /// A request by an account; `name` makes its id.
    pub(crate) fn ask(&mut self, name: &str, requester: &str, over: Value) -> String {
        let request = uuid(&format!("request-{name}"));
        let human = !requester.starts_with("bot");
        let party = if human {
            json!({"principal": requester, "kind": "human", "person": format!("p-{requester}")})
        } else {
            json!({"principal": requester, "kind": "agent", "person": "p-dora", "owner": "dora"})
        };
        let person = party["person"].clone();
        let body = json!({
            "requester": party, "chain": [], "subjects": [person], "action": "db.schema.apply",
            "resource": {"type": "postgres", "id": "orders/prod", "attributes": {}}, "parameters": {}, "inputs": [],
            "action_digest": digest(name), "justification": "the nightly job needs this column", "justification_chars": 33,
            "justification_repeats": 0, "environment": "production", "change_class": "schema", "reversibility": "costly",
            "significant_change": false, "catalogue_digest": digest("catalogue"), "authors": [],
            "assessment": {
                "outcome": "route", "risk": 40, "tier": "medium", "factors": [], "facts": {},
                "policy": {"version": 1, "digest": digest("policy 1")}, "determining": [{"rule": "r1", "approvals": "1 of group:sre"}],
                "requirement": "1 of group:sre", "persons_required": 1, "human_required": true, "assurance": "session",
                "deny_threshold": 1, "expires_seconds": 1_800, "grant_seconds": 600, "roster_rule": "at-last-review", "evaluator": "test"},
            "expires_at": self.now().plus_seconds(1_801),
        });
        self.about(&request, "request.submitted", requester, patched(body, over));
        request
    }

    /// A verdict. `over` may patch the body, and the actor under the member `actor`.
    pub(crate) fn review(&mut self, name: &str, reviewer: &str, verdict: &str, over: Value) -> String {
        let request = uuid(&format!("request-{name}"));
        let roles: Value = match reviewer {
            "ana" | "ben" => json!(["approver", "group:sre"]),
            "cleo" => json!(["approver", "group:dba"]),
            "dora" => json!(["requester"]),
            _ => json!([]),
        };
        let body = json!({
            "verdict": verdict, "reviewer": {"principal": reviewer, "kind": "human", "person": format!("p-{reviewer}")}, "roles": roles,
            "comment_digest": digest(""), "shown_digest": digest(name), "shown_at": self.now(), "display_ms": 9_000,
            "policy_digest": digest("policy 1"), "assurance": "session",
        });
        let who = patched(actor(reviewer, self.now()), over.get("actor").cloned().unwrap_or_else(|| json!({})));
        let body = patched(body, over);
        let body = patched(body, json!({"actor": null}));
        self.place("review.recorded", who, Some(&request), body)
    }

    /// An approval with these slots filled: `(slot, account)`.
    pub(crate) fn approve(&mut self, name: &str, slots: &[(&str, &str)], over: Value) -> String {
        let request = uuid(&format!("request-{name}"));
        let filled: Vec<Value> = slots
            .iter()
            .map(|(slot, principal)| json!({"slot": slot, "person": format!("p-{principal}"), "principal": principal}))
            .collect();
        let body = json!({"mechanism": "quorum", "slots": filled, "persons": slots.len(), "action_digest": digest(name),
            "policy_digest": digest("policy 1")});
        self.about(&request, "request.approved", slots.last().map_or("system", |slot| slot.1), patched(body, over))
    }

    pub(crate) fn deny(&mut self, name: &str, by: &str) -> String {
        let request = uuid(&format!("request-{name}"));
        let body = json!({"mechanism": "review", "persons": [format!("p-{by}")], "rules": [], "policy_digest": digest("policy 1")});
        self.about(&request, "request.denied", by, body)
    }

    pub(crate) fn grant(&mut self, name: &str, subject: &str, over: Value) -> String {
        let (request, grant) = (uuid(&format!("request-{name}")), uuid(&format!("grant-{name}")));
        let body = json!({
            "grant_id": grant, "action_digest": digest(name), "action": "db.schema.apply",
            "resource": {"type": "postgres", "id": "orders/prod", "attributes": {}}, "environment": "production", "subject": subject,
            "scope": "exact/1", "not_before": self.now(), "expires_at": self.now().plus_seconds(600), "max_uses": 1,
            "nonce": format!("nonce-{name}"), "mechanism": "quorum",
        });
        self.about(&request, "grant.issued", "system", patched(body, over));
        grant
    }

    pub(crate) fn redeem(&mut self, name: &str, executor: &str, over: Value) -> String {
        let (request, execution) = (uuid(&format!("request-{name}")), uuid(&format!("execution-{name}")));
        let body = json!({"grant_id": uuid(&format!("grant-{name}")), "execution_id": execution, "use_number": 1,
            "nonce": format!("nonce-{name}"), "run_digest": digest(name)});
        self.about(&request, "grant.redeemed", executor, patched(body, over))
    }

    /// A run. `request` in `over` replaces the request named on the envelope; `false` names none.
    pub(crate) fn start(&mut self, name: &str, executor: &str, over: Value) -> String {
        let execution = uuid(&format!("execution-{name}"));
        let person = if executor.starts_with("bot") { "p-dora".to_owned() } else { format!("p-{executor}") };
        let kind = if executor.starts_with("bot") { "agent" } else { "human" };
        let body = json!({
            "execution_id": execution, "grant_id": uuid(&format!("grant-{name}")), "action": "db.schema.apply",
            "resource": {"type": "postgres", "id": "orders/prod", "attributes": {}}, "environment": "production", "run_digest": digest(name),
            "executor": {"principal": executor, "kind": kind, "person": person}, "tool": "test/1", "artefacts": [],
            "policy_digest": digest("policy 1"),
        });
        let request = match over.get("request") {
            Some(Value::Bool(false)) => None,
            Some(other) => Some(other.as_str().unwrap().to_owned()),
            None => Some(uuid(&format!("request-{name}"))),
        };
        let body = patched(patched(body, over), json!({"request": null}));
        let who = actor(executor, self.now());
        self.place("execution.started", who, request.as_deref(), body);
        execution
    }

    pub(crate) fn finish(&mut self, name: &str, executor: &str, over: Value) -> String {
        let request = uuid(&format!("request-{name}"));
        let body = json!({"execution_id": uuid(&format!("execution-{name}")), "grant_id": uuid(&format!("grant-{name}")),
            "outcome": "succeeded", "exit_code": 0, "occurred_at": self.now(), "duration_ms": 1_000});
        self.about(&request, "execution.finished", executor, patched(body, over))
    }

    /// Asked by the agent, approved by Ana, run and done.
    pub(crate) fn good(&mut self, name: &str) -> Flow {
        let request = self.ask(name, "bot", json!({}));
        let review = self.review(name, "ana", "approve", json!({}));
        let approval = self.approve(name, &[("group:sre", "ana")], json!({}));
        let grant = self.grant(name, "bot", json!({}));
        self.redeem(name, "bot", json!({}));
        let execution = self.start(name, "bot", json!({}));
        self.finish(name, "bot", json!({}));
        Flow { request, grant, execution, reviews: vec![review], approval }
    }

    /// The sign of life of a day, with the node's true count of the day before.
    pub(crate) fn heartbeat(&mut self) -> String {
        self.event("heartbeat", "system", json!({"node": "n1", "interval_seconds": 60}))
    }

    pub(crate) fn counted(&mut self, day: &str, events: u64) -> String {
        self.event("source.counted", "system", json!({"source": "n1", "feed": "node", "day": day, "events": events}))
    }
}
