//! Alerts, exceptions, agents and delegations: M02, M03, M08, D18.

use serde_json::{Value, json};

use super::check;
use crate::fixture::{Ledger, digest, uuid};
use crate::world::patched;

fn alert(ledger: &mut Ledger, name: &str, over: Value) {
    let body = json!({"alert": name, "type": "deny_burst", "severity": "high", "principal": "bot", "reason": "many refusals"});
    ledger.event("alert.raised", "system", patched(body, over));
}

fn triage(ledger: &mut Ledger, name: &str, disposition: &str) {
    ledger.event("alert.triaged", "ana", json!({"alert": name, "reviewer": "ana", "disposition": disposition, "comment": "seen"}));
}

fn disable(ledger: &mut Ledger, principal: &str) {
    ledger.event("principal.disabled", "ana", json!({"principal": principal, "reason": "malicious", "effective_at": ledger.now()}));
}

/// A heartbeat on each day of July but these.
fn beats(ledger: &mut Ledger, days: std::ops::RangeInclusive<u32>, silent: &[u32]) {
    for day in days.filter(|day| !silent.contains(day)) {
        ledger.at(&format!("2026-07-{day:02}T12:00:00Z")).heartbeat();
    }
}

#[test]
fn m02_alerts_triaged() {
    let mut ledger = Ledger::company();
    for bot in ["bot2", "bot3", "bot4", "bot5"] {
        ledger.bot(bot, "dora", json!({}));
    }
    beats(&mut ledger, 1..=9, &[7]);
    ledger.at("2026-07-10T00:00:00Z");
    for (name, over) in [
        ("benign", json!({})),
        ("late", json!({})),
        ("low", json!({"severity": "low"})),
        ("malicious", json!({"principal": "bot2"})),
        ("left", json!({"principal": "bot3"})),
        ("slow", json!({"principal": "bot4"})),
        ("nobody", json!({"principal": null})),
        ("ignored", json!({})),
    ] {
        alert(&mut ledger, name, over);
    }
    triage(&mut ledger, "benign", "benign");
    triage(&mut ledger, "malicious", "malicious");
    disable(&mut ledger, "bot2");
    triage(&mut ledger, "left", "malicious");
    triage(&mut ledger, "slow", "malicious");
    triage(&mut ledger, "nobody", "malicious");
    ledger.after(7_200);
    disable(&mut ledger, "bot4");
    beats(&mut ledger, 10..=10, &[]);
    // Another judgement does not make the first one earlier or later.
    ledger.at("2026-07-11T06:00:00Z");
    triage(&mut ledger, "late", "benign");
    triage(&mut ledger, "low", "mistake");
    triage(&mut ledger, "benign", "malicious");
    beats(&mut ledger, 11..=31, &[]);
    // Still in time when the period ends.
    alert(&mut ledger, "fresh", json!({}));
    alert(&mut ledger, "hot", json!({"principal": "bot5"}));
    ledger.at("2026-07-31T23:30:00Z");
    triage(&mut ledger, "hot", "malicious");
    ledger.at("2026-08-01T00:10:00Z").heartbeat();
    let cases = [
        ("benign", "ok"),
        ("late", "violation: nobody judged it in time"),
        ("low", "ok"),
        ("malicious", "ok"),
        ("left", "violation: the account was not disabled in time"),
        ("slow", "violation: the account was not disabled in time"),
        ("nobody", "ok"),
        ("ignored", "violation: nobody judged it in time"),
        ("day:2026-07-07", "indeterminate: no heartbeat on this day, alerts may be missing"),
    ];
    check(&mut ledger, "M02", &cases.map(|(item, verdict)| (item.to_owned(), verdict)));
}

fn exception(ledger: &mut Ledger, name: &str, over: Value) {
    let body = json!({"exception": name, "assertion": "D01", "items": [uuid("review")], "persons": ["p-dora"]});
    ledger.event("exception.raised", "system", patched(body, over));
}

fn answer(ledger: &mut Ledger, name: &str, by: &str, over: Value) {
    let body = json!({"exception": name, "owner": by, "cause": "weekend", "response": "a second on call", "status": "open",
        "due_at": "2026-09-01T00:00:00.000000Z"});
    ledger.event("exception.answered", by, patched(body, over));
}

fn evaluated(ledger: &mut Ledger, assertion: &str, state: &str) -> String {
    ledger.event(
        "assertion.evaluated",
        "system",
        json!({"assertion": assertion, "query_digest": digest(assertion), "parameters": {}, "start": "2026-07-01T00:00:00.000000Z",
            "end": "2026-07-02T00:00:00.000000Z", "snapshot": {"size": 9, "root": digest("root")}, "state": state, "rows": 1,
            "violations": 0, "indeterminate": 0, "result_digest": digest("result"), "engine": "test/1"}),
    )
}

#[test]
fn m03_exceptions_answered() {
    let mut ledger = Ledger::company();
    let before = evaluated(&mut ledger, "D01", "pass");
    let closed = |retest: &str| json!({"status": "closed", "due_at": null, "retest": retest});
    for name in ["good", "overdue", "unproven", "elsewhere", "failed", "earlier", "own", "lent", "closed", "late", "never"] {
        exception(&mut ledger, name, json!({}));
    }
    let (pass, other, fail) =
        (evaluated(&mut ledger, "D01", "pass"), evaluated(&mut ledger, "D02", "pass"), evaluated(&mut ledger, "D01", "exception"));
    answer(&mut ledger, "good", "ben", json!({}));
    answer(&mut ledger, "overdue", "ben", json!({"due_at": "2026-07-20T00:00:00.000000Z"}));
    answer(&mut ledger, "unproven", "ben", json!({"status": "closed", "due_at": null}));
    answer(&mut ledger, "elsewhere", "ben", closed(&other));
    answer(&mut ledger, "failed", "ben", closed(&fail));
    answer(&mut ledger, "earlier", "ben", closed(&before));
    answer(&mut ledger, "own", "dora", json!({}));
    answer(&mut ledger, "lent", "ben", json!({"owner": "dora"}));
    answer(&mut ledger, "closed", "ben", json!({}));
    answer(&mut ledger, "closed", "ben", closed(&pass));
    // Ten days from Monday to Friday after Wednesday the first.
    ledger.at("2026-07-15T00:05:00Z");
    answer(&mut ledger, "late", "ben", json!({}));
    ledger.at("2026-07-30");
    exception(&mut ledger, "fresh", json!({}));
    ledger.lax(|ledger| {
        exception(ledger, "faceless", json!({"persons": null}));
        answer(ledger, "faceless", "ben", json!({}));
        exception(ledger, "strange", json!({}));
        answer(ledger, "strange", "ben", json!({"owner": "ghost"}));
    });
    ledger.at("2026-08-02");
    let cases = [
        ("good", "ok"),
        ("overdue", "violation: it is open and its date is over"),
        ("unproven", "violation: it was closed without a retest"),
        ("elsewhere", "violation: the retest is no passing run of the same control test"),
        ("failed", "violation: the retest is no passing run of the same control test"),
        ("earlier", "violation: the retest is no passing run of the same control test"),
        ("own", "violation: it was answered by a person it is about"),
        ("lent", "violation: it was answered by a person it is about"),
        ("closed", "ok"),
        ("late", "violation: nobody answered in time"),
        ("never", "violation: nobody answered in time"),
        ("faceless", "indeterminate: the persons it is about are not recorded"),
        ("strange", "indeterminate: nobody knows who answered"),
    ];
    check(&mut ledger, "M03", &cases.map(|(item, verdict)| (item.to_owned(), verdict)));
}

#[test]
fn m08_agent_registry() {
    let mut ledger = Ledger::company();
    let mut cases = vec![("bot".to_owned(), "ok")];
    ledger.ask("plain", "bot", json!({"claimed_model": {"model": "m", "version": "1"}}));
    for (name, over, verdict) in [
        ("bot-1", json!({"owner": null}), "violation: its record names no owner"),
        ("bot-2", json!({"agent": {"model": null}}), "violation: its record names no model with its version"),
        ("bot-3", json!({"agent": {"tools": null}}), "violation: its record names no tools"),
        ("bot-4", json!({"agent": {"tools": []}}), "ok"),
        ("bot-5", json!({"agent": {"intended_use": []}}), "violation: its record names no intended use"),
        ("bot-6", json!({"agent": {"impact_assessed_at": null}}), "violation: its impact was never assessed"),
        (
            "bot-7",
            json!({"agent": {"impact_assessed_at": "2025-06-30T00:00:00.000000Z"}}),
            "violation: its impact was assessed too long ago",
        ),
    ] {
        ledger.lax(|ledger| ledger.bot(name, "dora", over));
        ledger.ask(&format!("of-{name}"), name, json!({}));
        cases.push((name.to_owned(), verdict));
    }
    // It tells the truth once; the other time counts.
    ledger.bot("bot-8", "dora", json!({}));
    ledger.ask("other", "bot-8", json!({"claimed_model": {"model": "m", "version": "2"}}));
    ledger.ask("same", "bot-8", json!({"claimed_model": {"model": "m", "version": "1"}}));
    cases.push(("bot-8".to_owned(), "violation: it says that it runs another model"));
    ledger.lax(|ledger| {
        let who = |name: &str| json!({"requester": {"principal": name, "kind": "agent", "person": "p-dora", "owner": "dora"}});
        ledger.ask("ghostly", "bot", who("ghost"));
        ledger.ask("early", "bot", who("bot-9"));
    });
    ledger.bot("bot-9", "dora", json!({}));
    ledger.ask("later", "bot-9", json!({}));
    cases.push(("ghost".to_owned(), "violation: the agent is not registered"));
    cases.push(("bot-9".to_owned(), "indeterminate: the agent was registered after it asked"));
    check(&mut ledger, "M08", &cases);
}

fn lend(ledger: &mut Ledger, name: &str, over: Value) {
    let body = json!({"delegation": name, "delegator": "ana", "delegate": "ben", "roles": ["group:sre"], "depth": 1, "reason": "holiday",
        "change_request": uuid("request-lending"), "valid_from": ledger.now(), "valid_to": "2026-07-20T00:00:00.000000Z"});
    ledger.event("delegation.made", "ana", patched(body, over));
}

#[test]
fn d18_delegation_valid() {
    let mut ledger = Ledger::company();
    ledger.human("eve", &["approver"]);
    ledger.human_of("ben-2", "p-dora", &["approver", "group:sre"]);
    ledger.ask("lending", "ana", json!({}));
    ledger.review("lending", "cleo", "approve", json!({}));
    ledger.approve("lending", &[("group:dba", "cleo")], json!({}));
    ledger.ask("pending", "ana", json!({}));
    let mut cases = Vec::new();
    for (name, over, reviewer, verdict) in [
        ("good", json!({}), "ben", "ok"),
        ("other", json!({}), "cleo", "violation: the delegation was made to another account"),
        ("deep", json!({"depth": 2}), "ben", "violation: the delegation was passed on too often"),
        ("more", json!({"roles": ["group:sre", "group:dba"]}), "ben", "violation: it gives a role that the delegator did not hold"),
        ("none", json!({"delegator": "eve"}), "ben", "violation: it gives a role that the delegator did not hold"),
        ("party", json!({"delegator": "ben-2"}), "ben", "violation: a subject of the request is part of the delegation"),
        ("alone", json!({"change_request": null}), "ben", "violation: the delegation was not approved"),
        (
            "hope",
            json!({"change_request": uuid("request-pending")}),
            "ben",
            "violation: the delegation was not approved before it was made",
        ),
        ("future", json!({"valid_from": "2026-07-10T00:00:00.000000Z"}), "ben", "violation: the delegation did not hold then"),
    ] {
        lend(&mut ledger, name, over);
        ledger.ask(name, "bot", json!({}));
        cases.push((ledger.review(name, reviewer, "approve", json!({"delegation": name})), verdict));
    }
    ledger.ask("ended", "bot", json!({}));
    lend(&mut ledger, "ended", json!({}));
    ledger.event("delegation.ended", "ana", json!({"delegation": "ended", "reason": "back"}));
    cases.push((ledger.review("ended", "ben", "deny", json!({"delegation": "ended"})), "violation: the delegation did not hold then"));
    ledger.ask("early", "bot", json!({}));
    let early = ledger.lax(|ledger| ledger.review("early", "ben", "approve", json!({"delegation": "tomorrow"})));
    cases.push((early, "indeterminate: the delegation was never recorded"));
    ledger.ask("strangers", "bot", json!({}));
    lend(&mut ledger, "strangers", json!({"delegate": "ghost"}));
    let strange = ledger.lax(|ledger| ledger.review("strangers", "ghost", "approve", json!({"delegation": "strangers"})));
    cases.push((strange, "indeterminate: a person is not known"));
    ledger.lax(|ledger| ledger.ask("subjects", "bot", json!({"subjects": null})));
    lend(&mut ledger, "subjects", json!({}));
    let unsaid = ledger.lax(|ledger| ledger.review("subjects", "ben", "approve", json!({"delegation": "subjects"})));
    cases.push((unsaid, "indeterminate: the subjects of the request are not recorded"));
    ledger.at("2026-07-21");
    ledger.ask("over", "bot", json!({}));
    cases.push((ledger.review("over", "ben", "approve", json!({"delegation": "good"})), "violation: the delegation did not hold then"));
    // Without a delegation nothing is asked.
    ledger.ask("plain", "bot", json!({}));
    ledger.review("plain", "ana", "approve", json!({}));
    check(&mut ledger, "D18", &cases);
}
