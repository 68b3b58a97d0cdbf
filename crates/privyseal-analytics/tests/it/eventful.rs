//! A ledger in which every view has rows, every question of the library an answer, and nearly everything can be NULL once.
//!
//! It is the same to the byte whenever it is made: July to October of a small company, two segments and a tail. The questions'
//! expected answers and the `.slt` files of `queries/tests/` are about it, so read those before changing this, and change little:
//! add at the end.

use privyseal_core::note::NodeKey;
use serde_json::{Value, json};

use crate::fixture::{Ledger, ORIGIN, actor, digest, uuid};
use crate::world::patched;

fn request(name: &str) -> String {
    uuid(&format!("request-{name}"))
}

fn person(id: &str) -> Value {
    json!({"principal": id, "kind": "human", "person": format!("p-{id}")})
}

impl Ledger {
    fn passkey(&mut self, credential: &str, principal: &str, label: &str) {
        let key = json!({"type": "passkey", "alg": "ES256", "public_key": "BA", "rp_id": "test.example", "aaguid": "00", "user_verified": true,
            "backed_up": false});
        let body = json!({"credential": credential, "principal": principal, "label": label, "key": key});
        self.event("credential.enrolled", principal, body);
    }

    fn session(&mut self, principal: &str) {
        let body = json!({"session": uuid(&format!("session-{principal}")), "principal": principal, "method": "passkey",
            "amr": ["hwk", "user"], "token_sha256": digest(principal), "expires_at": self.now().plus_seconds(43_200)});
        self.event("session.started", principal, body);
    }

    fn sign_in_refused(&mut self, principal: Option<&str>) {
        let mut body = json!({"method": "passkey", "reason": "the signature is not by a known passkey"});
        if let Some(principal) = principal {
            body["principal"] = json!(principal);
        }
        self.event("session.refused", "system", body);
    }

    /// A run from approval to its end.
    fn run_through(&mut self, name: &str, run: &str, outcome: Value) {
        self.grant(name, "bot", json!({}));
        self.redeem(name, "bot", json!({"run_digest": run}));
        self.start(name, "bot", json!({"run_digest": run}));
        self.after(60);
        self.finish(name, "bot", patched(json!({"output_sha256": digest(&format!("output-{name}")), "output_bytes": 12}), outcome));
    }

    fn emergency(&mut self, name: &str, reason: Value) -> String {
        self.ask(name, "dora", json!({"action": "infra.restart", "resource": {"type": "k8s", "id": "shop/prod"}}));
        self.approve(name, &[], json!({"mechanism": "breakglass"}));
        self.grant(name, "dora", json!({"mechanism": "breakglass", "action": "infra.restart"}));
        let body = json!({"grant_id": uuid(&format!("grant-{name}")), "invoker": person("dora"), "reason": reason, "reason_chars": 13,
            "expires_at": self.now().plus_seconds(600), "review_due_at": self.now().plus_seconds(86_400)});
        self.about(&request(name), "breakglass.invoked", "dora", body)
    }
}

/// The ledger, committed, with its last entries not sealed.
pub(crate) fn eventful() -> Ledger {
    let mut ledger = Ledger::company();
    beginnings(&mut ledger);
    requests(&mut ledger);
    ledger.seal();
    emergencies(&mut ledger);
    policies_and_people(&mut ledger);
    ledger.seal();
    evidence(&mut ledger);
    ledger.commit();
    ledger
}

fn beginnings(ledger: &mut Ledger) {
    let files = json!([{"name": "actions.toml", "sha256": digest("actions"), "bytes": 7}]);
    let catalog = |version: &str| json!({"catalog": "actions", "version": version, "digest": digest(version), "files": files, "items": ["db.schema.apply"]});
    ledger.event("catalog.published", "system", catalog("1"));
    ledger.event("clock.sampled", "system", json!({"node": "n1", "reference": "kernel", "offset_us": -40, "synchronised": true}));
    ledger.event("clock.sampled", "system", json!({"node": "n2", "reference": "kernel", "synchronised": false}));
    let counted = ledger.at("2026-07-02T00:00:00Z").size();
    ledger.counted("2026-07-01", counted);
    ledger.heartbeat();
    ledger.session("ana");
    ledger.event("session.ended", "ana", json!({"session": uuid("session-ana"), "principal": "ana", "reason": "signed_out"}));
    let again = patched(catalog("2"), json!({"change_request": request("catalog")}));
    ledger.at("2026-08-01T09:00:00Z").event("catalog.published", "ana", again);
    let second = NodeKey::from_seed(ORIGIN, &[4; 32]).unwrap();
    let key = json!({"key": second.verifier().to_string(), "purpose": "node", "protection": "hsm:slot-2", "custodian": "ana",
        "attestation": digest("attestation"), "change_request": request("key")});
    ledger.event("key.enrolled", "ana", key);
    ledger.event("key.retired", "ana", json!({"key_id": second.id().to_string(), "reason": "not needed"}));
}

/// Monday 7 September to Monday 14 September.
fn requests(ledger: &mut Ledger) {
    let high = json!({"assessment": {"risk": 80, "tier": "high"}, "ticket": "CHG-7", "data_class": "confidential"});
    ledger.at("2026-09-07T10:00:00Z").ask("high", "bot", high);
    ledger.after(1_200).review("high", "ana", "approve", json!({"comment": "looked at the plan"}));
    ledger.approve("high", &[("group:sre", "ana")], json!({}));
    ledger.grant("high", "bot", json!({"run_seconds": 3_600, "audience": "runner-1"}));
    ledger.redeem("high", "bot", json!({}));
    ledger.start("high", "bot", json!({"host": "runner-1"}));
    let lost = json!({"execution_id": uuid("execution-high"), "grant_id": uuid("grant-high"), "reason": "the executor fell silent"});
    ledger.about(&request("high"), "execution.unknown", "system", lost);

    ledger.at("2026-09-07T11:00:00Z").ask("refused", "bot", json!({}));
    let body =
        json!({"verdict": "approve", "reviewer": person("dora"), "code": "subject_of_request", "reason": "dora is part of the request"});
    ledger.about(&request("refused"), "review.refused", "dora", body);
    ledger.review("refused", "ben", "deny", json!({}));
    ledger.deny("refused", "ben");
    // Asked again the next day in other words, and approved by somebody else.
    ledger.at("2026-09-08T09:00:00Z").ask("again", "bot", json!({"previous_request": request("refused")}));
    ledger.after(5_400).review("again", "ana", "approve", json!({"display_ms": 45_000}));
    ledger.approve("again", &[("group:sre", "ana")], json!({}));
    ledger.run_through("again", &digest("again"), json!({}));

    // What policy decides by itself.
    let nobody = json!({"environment": null, "assessment": {"risk": 10, "tier": "low", "requirement": "none", "persons_required": 0,
        "human_required": false}});
    ledger.at("2026-09-09T08:00:00Z").ask("automatic", "bot", nobody.clone());
    ledger.approve("automatic", &[], json!({"mechanism": "automatic"}));
    let unused = ledger.grant("automatic", "bot", json!({"environment": null}));
    let expires_at = ledger.after(600).now();
    ledger.about(&request("automatic"), "grant.expired", "system", json!({"grant_id": unused, "expires_at": expires_at}));
    ledger.ask("forbidden", "bot", json!({"assessment": {"outcome": "refuse", "risk": 95, "tier": "high"}}));
    let body = json!({"mechanism": "policy", "persons": [], "rules": [{"rule": "never"}], "policy_digest": digest("policy 1")});
    ledger.about(&request("forbidden"), "request.denied", "system", body);
    // Three small exports in place of a large one.
    for (name, rows) in [("split1", 900), ("split2", 890), ("split3", 910)] {
        let small = json!({"action": "data.export", "resource": {"type": "warehouse", "id": "orders"}, "parameters": {"rows": rows}});
        ledger.after(900).ask(name, "bot", patched(small, nobody.clone()));
        ledger.approve(name, &[], json!({"mechanism": "automatic"}));
    }
    // The very same thing three times: done, failed, taken back before it ran.
    for (name, outcome) in [("same1", "succeeded"), ("same2", "failed"), ("same3", "")] {
        let same = json!({"action_digest": digest("same"), "resource": {"type": "postgres", "id": "billing/prod"}});
        ledger.at("2026-09-10T12:00:00Z").after(7_200).ask(name, "bot", same);
        ledger.after(300).review(name, "cleo", "approve", json!({"display_ms": 3_000}));
        ledger.approve(name, &[("group:sre", "cleo")], json!({"action_digest": digest("same")}));
        if outcome.is_empty() {
            let grant = ledger.grant(name, "bot", json!({"action_digest": digest("same")}));
            let body = json!({"grant_id": grant, "reason": "not needed", "effective_at": ledger.now()});
            ledger.about(&request(name), "grant.revoked", "ana", body);
            let body = json!({"grant_id": grant, "executor": {"principal": "bot", "kind": "agent", "person": "p-dora", "owner": "dora"},
                "run_digest": digest("same"), "code": "grant_revoked", "reason": "the grant was taken back"});
            ledger.about(&request(name), "grant.refused", "bot", body);
        } else {
            let exit = if outcome == "failed" { json!({"outcome": "failed", "exit_code": 3, "incident": "INC-1"}) } else { json!({}) };
            ledger.run_through(name, &digest("same"), exit);
        }
    }
    // Ana and Ben approve each other.
    ledger.at("2026-09-11T09:00:00Z");
    for (name, asker, reviewer) in [("of-ana", "ana", "ben"), ("of-ben", "ben", "ana")] {
        ledger.after(600).ask(name, asker, json!({"action": "config.change", "resource": {"type": "config", "id": "flags"}}));
        ledger.after(120).review(name, reviewer, "approve", json!({}));
        ledger.approve(name, &[("group:sre", reviewer)], json!({}));
    }
    // A new colleague approves within hours, with a passkey of that morning.
    ledger.at("2026-09-14T08:00:00Z").human("eve", &["approver"]);
    ledger.role("eve", "group:sre", json!({"change_request": request("eve"), "valid_to": "2026-12-31T00:00:00.000000Z"}));
    ledger.passkey("cred-eve", "eve", "Eve's key");
    ledger.at("2026-09-14T09:30:00Z").ask("newcomer", "bot", json!({"resource": {"type": "postgres", "id": "people/prod"}}));
    let statement = json!({"log": ORIGIN, "request_id": request("newcomer"), "action_digest": digest("newcomer"), "verdict": "approve",
        "policy_digest": digest("policy 1"), "comment_digest": digest(""), "shown_at": ledger.now(), "reviewer": "eve"});
    let assertion = json!({"credential": "cred-eve", "authenticator_data": "AA", "client_data_json": "AA", "signature": "AA"});
    let sealed = json!({"assurance": "passkey", "statement": statement, "assertion": assertion, "display_ms": 30_000,
        "roles": ["approver", "group:sre"]});
    ledger.after(600).review("newcomer", "eve", "approve", sealed);
    ledger.approve("newcomer", &[("group:sre", "eve")], json!({}));
    ledger.grant("newcomer", "bot", json!({}));
    ledger.redeem("newcomer", "bot", json!({}));
    ledger.start("newcomer", "bot", json!({"tool": null}));
}

/// Friday 18 September to Sunday 20 September.
fn emergencies(ledger: &mut Ledger) {
    ledger.at("2026-09-18T22:00:00Z");
    let fire = ledger.emergency("fire", json!("shop is down"));
    let raised = json!({"alert": "alert-fire", "type": "breakglass", "severity": "high", "principal": "dora", "about": fire,
        "reason": "dora took an emergency grant"});
    let alert = ledger.about(&request("fire"), "alert.raised", "system", raised);
    ledger.event("notification.delivered", "system", json!({"about": alert, "via": "portal", "recipients": ["ana", "dora"]}));
    ledger.redeem("fire", "dora", json!({}));
    ledger.start("fire", "dora", json!({"action": "infra.restart"}));
    ledger.finish("fire", "dora", json!({"output_sha256": null, "exit_code": null}));
    let judged = json!({"grant_id": uuid("grant-fire"), "outcome": "justified", "comment": "the shop was down", "reviewer": person("ben")});
    ledger.after(7_200).about(&request("fire"), "breakglass.reviewed", "ben", judged);
    let triaged = json!({"alert": "alert-fire", "reviewer": "ana", "disposition": "benign", "comment": {"#": digest("hidden")}});
    ledger.event("alert.triaged", "ana", triaged);
    ledger.event(
        "alert.raised",
        "system",
        json!({"alert": "alert-clock", "type": "clock_jump", "severity": "low", "reason": "the clock was set"}),
    );
    // Saturday night, asked by the agent and approved by Ben.
    ledger.at("2026-09-19T02:50:00Z").ask("night", "bot", json!({"resource": {"type": "postgres", "id": "stock/prod"}}));
    ledger.after(600).review("night", "ben", "approve", json!({"display_ms": 2_000}));
    ledger.approve("night", &[("group:sre", "ben")], json!({}));
    ledger.run_through("night", &digest("night"), json!({"rollback_of": uuid("execution-same2")}));
    // An emergency whose reason is hidden, and that nobody looks at.
    ledger.at("2026-09-20T12:00:00Z").emergency("ignored", json!({"#": digest("reason")}));
}

/// From Monday 21 September on.
fn policies_and_people(ledger: &mut Ledger) {
    ledger.at("2026-09-21T09:00:00Z");
    ledger.policy(
        2,
        json!({"approved_by": ["ben", "ana"], "change_request": request("policy"), "note": "two for schemas",
        "parameters": {"D13.min_chars": 20}}),
    );
    let second = json!({"policy": {"version": 2, "digest": digest("policy 2")}, "requirement": "2 of group:sre", "persons_required": 2});
    ledger.ask("expired", "bot", json!({"assessment": second, "resource": {"type": "postgres", "id": "archive/prod"}}));
    let body = json!({"to": ["cleo"], "reason": "no review within 30m", "requirement": "2 of group:sre or 1 of group:dba"});
    ledger.after(1_800).about(&request("expired"), "request.escalated", "system", body);
    let expires_at = ledger.after(1_800).now();
    ledger.about(&request("expired"), "request.expired", "system", json!({"expires_at": expires_at}));
    // Cleo puts a narrower request in the place of a wide one.
    let wide = json!({"resource": {"type": "postgres", "id": "clients/prod"}, "parameters": {"tables": 12},
        "assessment": patched(second, json!({"requirement": "1 of group:dba", "persons_required": 1, "risk": 55}))});
    ledger.at("2026-09-22T09:00:00Z").ask("wide", "bot", wide.clone());
    let narrow = json!({"parameters": {"tables": 1}, "previous_request": request("wide"), "narrowed_by": person("cleo"),
        "assessment": {"risk": 35}});
    let body = json!({"narrowed_by": person("cleo"), "successor": request("narrow"), "comment": "one table is enough"});
    ledger.about(&request("wide"), "request.withdrawn", "cleo", body);
    ledger.ask("narrow", "bot", patched(wide, narrow));
    let lent = |name: &str, ledger: &Ledger| {
        json!({"delegation": name, "delegator": "ana", "delegate": "ben", "roles": ["group:sre"], "depth": 1, "reason": "holiday",
            "valid_from": ledger.now(), "valid_to": ledger.now().plus_seconds(86_400)})
    };
    ledger.event("delegation.made", "ana", lent("lent-1", ledger));
    ledger.after(3_600).event("delegation.ended", "ana", json!({"delegation": "lent-1", "reason": "back early"}));
    ledger.event("delegation.made", "ana", lent("lent-2", ledger));
    let substituted = json!({"delegation": "lent-2", "in_place_of": person("ana"), "verdict": "deny"});
    ledger.review("narrow", "ben", "deny", substituted);

    // Sign-ins that fail: Ben's, then he signs in; somebody's.
    ledger.at("2026-09-23T07:00:00Z");
    for principal in [Some("ben"), Some("ben"), None] {
        ledger.after(10).sign_in_refused(principal);
    }
    ledger.session("ben");
    // Accounts come and go; two agents are left alone.
    ledger.human("frank", &["requester"]);
    ledger.bot("bot-left", "frank", json!({"environment": null}));
    ledger.bot("bot-stray", "frank", json!({"owner": null, "agent": null}));
    let renamed = json!({"principal": "dora", "kind": "human", "name": {"#": digest("dora")}, "email": "dora@test.example",
        "person": "p-dora", "reason": "married"});
    ledger.event("principal.changed", "ana", renamed);
    let left = |ledger: &Ledger| json!({"principal": "frank", "reason": "left", "effective_at": ledger.now()});
    ledger.event("principal.disabled", "ana", left(ledger));
    ledger.event("principal.enabled", "ana", left(ledger));
    ledger.event("principal.disabled", "ana", left(ledger));
    let stray = json!({"requester": {"principal": "bot-left", "kind": "agent", "person": null, "owner": "frank"}, "subjects": [],
        "claimed_model": null, "assessment": {"tier": "low", "risk": 20}});
    ledger.ask("stray", "bot-left", stray);
    let kept = json!({"principal": "ana", "role": "approver", "reviewer": "cleo", "outcome": "keep"});
    ledger.event("access_review.recorded", "cleo", kept);
    let removed = json!({"principal": "cleo", "role": "group:dba", "reviewer": "ana", "outcome": "remove", "comment": "moved on"});
    ledger.event("access_review.recorded", "ana", removed);
    let review = ledger.size() - 1;
    let taken = json!({"principal": "cleo", "role": "group:dba", "reason": "moved on", "access_review_seq": review});
    ledger.event("role.removed", "ana", taken);
    ledger.role("cleo", "group:dba", json!({"reason": "back again"}));
    let revoked = json!({"credential": "cred-eve", "principal": "eve", "reason": "lost", "effective_at": ledger.now()});
    ledger.event("credential.revoked", "ana", revoked);
}

/// Control tests, packs, statements, facts from outside; then October begins.
fn evidence(ledger: &mut Ledger) {
    ledger.at("2026-09-28T06:00:00Z");
    let root = digest("root");
    let evaluated = json!({"assertion": "D16", "query_digest": digest("D16"), "parameters": {"review_days": 2},
        "start": "2026-09-01T00:00:00.000000Z", "end": "2026-09-28T00:00:00.000000Z", "snapshot": {"size": 9, "root": root},
        "state": "exception", "rows": 2, "violations": 1, "indeterminate": 0, "result_digest": digest("result"), "engine": "test/1"});
    let evaluation = ledger.event("assertion.evaluated", "system", evaluated);
    for name in ["exception-1", "exception-2"] {
        let raised = json!({"exception": name, "assertion": "D16", "items": [uuid("grant-ignored")], "persons": ["p-dora"],
            "evaluation": evaluation});
        ledger.event("exception.raised", "system", raised);
    }
    let answer = |exception: &str, status: &str, over: Value| {
        patched(
            json!({"exception": exception, "owner": "ben", "cause": "weekend", "response": "a second on call", "status": status,
            "due_at": "2026-10-01T00:00:00.000000Z"}),
            over,
        )
    };
    ledger.event("exception.answered", "ben", answer("exception-1", "open", json!({})));
    ledger.event("exception.answered", "ben", answer("exception-2", "open", json!({})));
    ledger.event("exception.answered", "ben", answer("exception-2", "closed", json!({"due_at": null, "retest": evaluation})));
    let report = uuid("report");
    let generated = json!({"report": report, "frameworks": ["soc2"], "start": "2026-07-01T00:00:00.000000Z",
        "end": "2026-09-28T00:00:00.000000Z", "snapshot": {"size": 9, "root": root}, "pack_digest": digest("pack"),
        "file_sha256": digest("file"), "states": {}, "trigger": "portal"});
    ledger.event("report.generated", "cleo", generated);
    let delivered = json!({"report": report, "via": "smtp", "to": "auditor@test.example", "sha256": digest("file")});
    ledger.event("report.delivered", "system", delivered);
    let downloaded = json!({"report": report, "file_sha256": digest("file"), "frameworks": ["soc2"]});
    ledger.event("evidence.downloaded", "cleo", downloaded);
    let failed = json!({"report": uuid("report-2"), "step": "build", "reason": "no space", "final_attempt": true});
    ledger.event("report.failed", "system", failed);
    let asked = |name: &str, over: Value| {
        patched(
            json!({"query": uuid(name), "text": format!("SELECT '{name}'"), "parameters": {}, "snapshot_size": 9, "outcome": "ok", "rows": 40,
            "result_sha256": digest(name), "duration_ms": 12}),
            over,
        )
    };
    ledger.event("query.run", "cleo", asked("query-1", json!({})));
    let refused = json!({"outcome": "refused", "error": "no table `secrets`", "rows": 0, "result_sha256": null, "duration_ms": 1});
    ledger.event("query.run", "cleo", asked("query-2", refused));
    ledger.event("query.run", "ana", asked("query-3", json!({"rows": 1_000, "duration_ms": 80})));
    let reviewed = json!({"start": "2026-09-01T00:00:00.000000Z", "end": "2026-09-28T00:00:00.000000Z", "reviewer": "cleo",
        "comment": "nothing odd"});
    ledger.event("log_review.recorded", "cleo", reviewed);
    let observed = json!({"source": "hr", "feed": "identity_status", "occurred_at": "2026-09-23T00:00:00.000000Z",
        "record": {"person": "p-frank", "status": "ended", "effective_at": "2026-09-23T00:00:00.000000Z"}, "raw_sha256": digest("raw")});
    ledger.event("source.observed", "system", observed);
    let canaries = json!({"node": "n1", "interval_seconds": 60, "canaries": ["review.recorded"]});
    ledger.at("2026-10-02T00:00:00Z").event("heartbeat", "system", canaries);
    // Still waiting, with the agent's own account of how it came about.
    let chain = json!([{"principal": "bot-left", "kind": "agent", "owner": "frank"}]);
    ledger.ask(
        "waiting",
        "bot",
        json!({"chain": chain, "on_behalf_of": person("dora"), "executor": person("dora"), "deceptive": ["U+202E"],
        "limits": {"seconds": 60}, "audience": "runner-1", "batch": "b1", "significant_change": null,
        "justification": {"#": digest("why")}, "assessment": {"missing": ["owner_team"],
        "advice": {"advisor": "a", "points": 5, "waited_ms": 9}}}),
    );
    let who = patched(actor("ana", ledger.now()), json!({"auth": {"session": null}}));
    ledger.place("heartbeat", who, None, json!({"node": "n1", "interval_seconds": 60}));
}
