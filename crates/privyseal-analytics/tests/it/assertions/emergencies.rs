//! Break-glass: D16.

use serde_json::{Value, json};

use super::check;
use crate::fixture::{Ledger, uuid};
use crate::world::patched;

/// Dora takes an emergency grant and runs it.
fn invoke(ledger: &mut Ledger, name: &str, over: Value, grant: Value) -> String {
    ledger.ask(name, "dora", json!({}));
    ledger.approve(name, &[], json!({"mechanism": "breakglass"}));
    ledger.grant(name, "dora", patched(json!({"mechanism": "breakglass"}), grant));
    let body = json!({"grant_id": uuid(&format!("grant-{name}")), "invoker": {"principal": "dora", "kind": "human", "person": "p-dora"},
        "reason": "database down", "reason_chars": 13, "expires_at": ledger.now().plus_seconds(600),
        "review_due_at": ledger.now().plus_seconds(86_400)});
    let event = ledger.about(&uuid(&format!("request-{name}")), "breakglass.invoked", "dora", patched(body, over));
    ledger.redeem(name, "dora", json!({}));
    ledger.start(name, "dora", json!({}));
    event
}

fn notify(ledger: &mut Ledger, event: &str, to: &[&str]) {
    ledger.event("notification.delivered", "system", json!({"about": event, "via": "portal", "recipients": to}));
}

fn judge(ledger: &mut Ledger, name: &str, reviewer: &str, over: Value) {
    let body = json!({"grant_id": uuid(&format!("grant-{name}")), "outcome": "justified", "comment": "fine",
        "reviewer": {"principal": reviewer, "kind": "human", "person": format!("p-{reviewer}")}});
    ledger.about(&uuid(&format!("request-{name}")), "breakglass.reviewed", reviewer, patched(body, over));
}

#[test]
fn d16_breakglass_controlled() {
    // 1 July 2026 is a Wednesday.
    let mut ledger = Ledger::company();
    let mut cases = Vec::new();
    let mut case = |name: &str, verdict| cases.push((uuid(&format!("grant-{name}")), verdict));
    for (name, over, grant, told, judged, verdict) in [
        ("good", json!({}), json!({}), &["ana"][..], "ben", "ok"),
        ("mute", json!({"reason": " ", "reason_chars": 0}), json!({}), &["ana"], "ben", "violation: no reason was given"),
        ("long", json!({}), json!({"expires_at": "2026-07-01T05:00:00.000000Z"}), &["ana"], "ben", "violation: the grant lives too long"),
        ("quiet", json!({}), json!({}), &["dora"], "ben", "violation: nobody else was told in time"),
        ("own", json!({}), json!({}), &["ana"], "dora", "violation: it was judged by someone who was part of it"),
        ("nobody", json!({"invoker": {"person": null}}), json!({}), &["ana"], "ben", "indeterminate: a person is not known"),
    ] {
        let event = invoke(&mut ledger, name, over, grant);
        notify(&mut ledger, &event, told);
        judge(&mut ledger, name, judged, json!({}));
        case(name, verdict);
    }
    // The run was made by someone else, who then judges it.
    let event = invoke(&mut ledger, "helper", json!({}), json!({}));
    notify(&mut ledger, &event, &["ana"]);
    ledger.start("helper", "cleo", json!({"execution_id": uuid("execution-helper2")}));
    judge(&mut ledger, "helper", "cleo", json!({}));
    case("helper", "violation: it was judged by someone who was part of it");

    let event = invoke(&mut ledger, "belated", json!({}), json!({}));
    ledger.after(1_000);
    notify(&mut ledger, &event, &["ana"]);
    judge(&mut ledger, "belated", "ben", json!({}));
    case("belated", "violation: nobody else was told in time");

    let lost = ledger.lax(|ledger| {
        let event = invoke(ledger, "unsaid", json!({"reason": {"#": "x"}, "reason_chars": null}), json!({}));
        notify(ledger, &event, &["ana"]);
        judge(ledger, "unsaid", "ben", json!({}));
        event
    });
    assert!(!lost.is_empty());
    case("unsaid", "indeterminate: the reason is not recorded");

    // Due on Friday by business days, although the event would allow more.
    let event = invoke(&mut ledger, "friday", json!({"review_due_at": "2026-07-20T00:00:00.000000Z"}), json!({}));
    notify(&mut ledger, &event, &["ana"]);
    let event = invoke(&mut ledger, "never", json!({}), json!({}));
    notify(&mut ledger, &event, &["ana"]);
    ledger.at("2026-07-06");
    judge(&mut ledger, "friday", "ben", json!({}));
    case("friday", "violation: it was not judged in time");
    case("never", "violation: it was not judged in time");

    // Too early to say: told in time, judgement not due before the log ends.
    let event = invoke(&mut ledger, "pending", json!({}), json!({}));
    notify(&mut ledger, &event, &["ana"]);
    check(&mut ledger, "D16", &cases);
}
