//! How requests end: D07, D13, D14.

use serde_json::json;

use super::check;
use crate::fixture::{Ledger, uuid};

fn request(name: &str) -> String {
    uuid(&format!("request-{name}"))
}

#[test]
fn d07_ends_are_final() {
    let mut ledger = Ledger::company();
    ledger.good("good");
    let mut cases = Vec::new();
    for (name, verdict) in [
        ("clean", "ok"),
        ("granted", "violation: a grant was issued for it"),
        ("ran", "violation: it was run"),
        ("reviewed", "violation: an approving review came after its end"),
        ("approved", "violation: the request was also approved"),
    ] {
        ledger.ask(name, "bot", json!({}));
        ledger.review(name, "ana", "approve", json!({}));
        ledger.deny(name, "ben");
        match name {
            "granted" => drop(ledger.grant(name, "bot", json!({}))),
            "ran" => drop(ledger.start(name, "bot", json!({}))),
            "reviewed" => drop(ledger.review(name, "cleo", "approve", json!({}))),
            "approved" => drop(ledger.approve(name, &[], json!({}))),
            _ => {}
        }
        cases.push((request(name), verdict));
    }
    for (name, kind, body) in
        [("withdrawn", "request.withdrawn", json!({})), ("expired", "request.expired", json!({"expires_at": ledger.now()}))]
    {
        ledger.ask(name, "bot", json!({}));
        ledger.about(&request(name), kind, "bot", body);
        // A denial after the end is no approval.
        ledger.review(name, "ana", "deny", json!({}));
        cases.push((request(name), "ok"));
    }
    // Approved first, denied afterwards: terminal moved.
    ledger.ask("moved", "bot", json!({}));
    ledger.approve("moved", &[], json!({}));
    ledger.deny("moved", "ben");
    cases.push((request("moved"), "violation: the request was also approved"));
    let nameless = ledger.event("request.withdrawn", "bot", json!({}));
    cases.push((nameless, "indeterminate: the event names no request"));
    check(&mut ledger, "D07", &cases);
}

#[test]
fn d13_justified() {
    let mut ledger = Ledger::company();
    ledger.good("good");
    let mut cases = vec![(request("good"), "ok")];
    for (name, over, verdict) in [
        ("short", json!({"justification": "because", "justification_chars": 7}), "violation: the justification has 7 characters"),
        ("hidden", json!({"justification": {"#": crate::fixture::digest("x")}}), "ok"),
        (
            "padded",
            json!({"justification": "   because        ", "justification_chars": 40}),
            "violation: the justification has 7 characters",
        ),
        ("fifth", json!({"justification_repeats": 4}), "ok"),
        ("sixth", json!({"justification_repeats": 5}), "violation: the requester used the identical text 6 times"),
    ] {
        ledger.ask(name, "bot", over);
        ledger.approve(name, &[], json!({}));
        cases.push((request(name), verdict));
    }
    ledger.lax(|ledger| {
        ledger.ask("unsaid", "bot", json!({"justification_chars": null}));
        ledger.approve("unsaid", &[], json!({}));
    });
    cases.push((request("unsaid"), "indeterminate: length or repetitions are not recorded"));
    // Not approved: not asked about.
    ledger.ask("denied", "bot", json!({"justification": "x", "justification_chars": 1}));
    ledger.deny("denied", "ana");
    check(&mut ledger, "D13", &cases);

    // From here on policy wants tickets for schema changes.
    let strict = json!({"D13.ticket_change_classes": ["schema"], "D13.ticket_pattern": "^[A-Z]+-[0-9]+$", "D13.min_chars": 5});
    ledger.policy(2, json!({"parameters": strict, "change_request": request("good")}));
    for (name, over, verdict) in [
        ("ticket", json!({"ticket": "OPS-7"}), "ok"),
        ("malformed", json!({"ticket": "soon"}), "violation: the ticket is not well-formed"),
        ("other", json!({"change_class": "data"}), "ok"),
    ] {
        ledger.ask(name, "bot", over);
        ledger.approve(name, &[], json!({}));
        cases.push((request(name), verdict));
    }
    for (name, verdict) in &mut cases {
        if ["good", "hidden", "fifth", "short", "padded"].iter().any(|case| *name == request(case)) {
            *verdict = "violation: it needs a ticket and names none";
        }
        if *name == request("unsaid") {
            *verdict = "violation: it needs a ticket and names none";
        }
    }
    check(&mut ledger, "D13", &cases);
}

#[test]
fn d14_no_request_in_limbo() {
    let mut ledger = Ledger::company();
    ledger.good("good");
    let mut cases = vec![(request("good"), "ok")];
    ledger.ask("expired", "bot", json!({}));
    ledger.ask("grace", "bot", json!({}));
    ledger.ask("late", "bot", json!({}));
    ledger.ask("decided", "bot", json!({}));
    ledger.ask("reviewed", "bot", json!({}));
    ledger.ask("limbo", "bot", json!({}));
    ledger.lax(|ledger| ledger.ask("unsaid", "bot", json!({"expires_at": null})));
    let expire = |ledger: &mut Ledger, name: &str| {
        let body = json!({"expires_at": ledger.now()});
        ledger.about(&request(name), "request.expired", "system", body);
    };
    ledger.after(1_700);
    expire(&mut ledger, "expired");
    ledger.after(300);
    expire(&mut ledger, "grace");
    ledger.review("reviewed", "ana", "approve", json!({}));
    expire(&mut ledger, "reviewed");
    ledger.approve("decided", &[], json!({}));
    ledger.after(3_600);
    expire(&mut ledger, "late");
    // Its time is not over when the log ends.
    ledger.ask("pending", "bot", json!({}));
    cases.extend([
        (request("expired"), "ok"),
        (request("grace"), "ok"),
        (request("late"), "violation: its end was recorded late"),
        (request("decided"), "violation: it was decided after it had expired"),
        (request("reviewed"), "violation: it was reviewed after it had expired"),
        (request("unsaid"), "indeterminate: when it expires is not recorded"),
    ]);
    let engine = ledger.engine();
    let limbo = crate::fixture::value(&engine, &format!("SELECT expires_at FROM requests WHERE request_id = '{}'", request("limbo")));
    drop(engine);
    let limbo = format!("violation: no end was recorded by {}", limbo.as_str().unwrap().get(..19).unwrap());
    cases.push((request("limbo"), limbo.as_str()));
    check(&mut ledger, "D14", &cases);
}
