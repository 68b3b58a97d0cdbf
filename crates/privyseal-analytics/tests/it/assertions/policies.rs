//! The rules and the proof of identity behind decisions: D12, D15.

use serde_json::json;

use super::check;
use crate::fixture::{Ledger, actor, digest, uuid};
use crate::world::patched;

#[test]
fn d12_policy_in_force() {
    let mut ledger = Ledger::company();
    let early = ledger.lax(|ledger| {
        // Asked before there was any policy: a log made by hand, so the order of things can be anything.
        let mut early = Ledger::new();
        early.human("ana", &["group:sre"]);
        early.ask("early", "bot", json!({}));
        let review = early.review("early", "ana", "approve", json!({}));
        check(&mut early, "D12", &[(review.clone(), "indeterminate: no policy was in force when it was submitted")]);
        let _ = ledger;
        review
    });
    assert!(!early.is_empty());
    let good = ledger.good("good");
    let mut cases = vec![(good.reviews[0].clone(), "ok"), (good.approval, "ok")];
    let mut case = |event: String, verdict| cases.push((event, verdict));
    let under = |version: u64| json!({"assessment": {"policy": {"version": version, "digest": digest(&format!("policy {version}"))}}});

    ledger.ask("mixed", "bot", json!({}));
    let other = json!({"policy_digest": digest("policy 9")});
    case(ledger.review("mixed", "ana", "approve", other), "violation: decided under another policy than the request was assessed by");
    case(ledger.deny("mixed", "ana"), "ok");

    // Asked under 1, decided after 2 took force, by the rules of 1: right.
    ledger.ask("across", "bot", json!({}));
    let change = ledger.good("change");
    case(change.reviews[0].clone(), "ok");
    case(change.approval, "ok");
    ledger.policy(2, json!({"change_request": change.request, "author": "ana", "approved_by": ["ben"]}));
    case(ledger.review("across", "ana", "approve", json!({})), "ok");
    ledger.ask("stale", "bot", json!({}));
    let verdict = "violation: assessed by a policy that was not in force when it was submitted";
    case(ledger.review("stale", "ana", "approve", json!({})), verdict);
    ledger.ask("second", "bot", under(2));
    case(ledger.review("second", "ana", "approve", json!({"policy_digest": digest("policy 2")})), "ok");

    let publish = |ledger: &mut Ledger, version: u64, over: serde_json::Value| {
        ledger.policy(version, over);
        let name = format!("v{version}");
        ledger.ask(&name, "bot", under(version));
        ledger.review(&name, "ana", "approve", json!({"policy_digest": digest(&format!("policy {version}"))}))
    };
    case(publish(&mut ledger, 3, json!({"approved_by": ["ben"]})), "violation: the policy has no change request");
    let unapproved = json!({"change_request": uuid("request-mixed"), "approved_by": ["ben"]});
    case(publish(&mut ledger, 4, unapproved), "violation: the change request of the policy was not approved before it took force");
    let alone = json!({"change_request": change.request, "author": "ana", "approved_by": ["ana"]});
    case(publish(&mut ledger, 5, alone), "violation: nobody but its author approved the policy");
    ledger.human_of("ana2", "p-ana", &[]);
    let twin = json!({"change_request": change.request, "author": "ana", "approved_by": ["ana2"]});
    case(publish(&mut ledger, 6, twin), "violation: nobody but its author approved the policy");

    let unsaid = ledger.lax(|ledger| {
        ledger.ask("unsaid", "bot", json!({"assessment": {"policy": {"digest": null}}}));
        ledger.review("unsaid", "ana", "approve", json!({}))
    });
    // Even then what is known about the policy in force comes first.
    case(unsaid, "violation: nobody but its author approved the policy");
    check(&mut ledger, "D12", &cases);
}

#[test]
fn d15_strong_and_fresh() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").reviews[0].clone(), "ok")];
    ledger.at("2026-07-02");
    ledger.ask("low", "bot", json!({}));
    ledger.ask("high", "bot", json!({"assessment": {"tier": "high"}}));
    ledger.ask("signed", "bot", json!({"assessment": {"assurance": "passkey"}}));
    let ago = |ledger: &Ledger, seconds: i64| json!({"actor": {"auth": {"auth_time": ledger.now().plus_seconds(-seconds)}}});
    let link = json!({"actor": {"auth": {"method": "link", "amr": ["user"]}}});
    let mut case = |event: String, verdict| cases.push((event, verdict));
    case(ledger.review("low", "ana", "approve", link.clone()), "ok");
    case(ledger.review("high", "ana", "approve", link.clone()), "violation: the sign-in does not resist phishing");
    case(ledger.review("high", "ana", "approve", json!({})), "ok");
    let over = ago(&ledger, 901);
    case(ledger.review("high", "ana", "approve", over.clone()), "violation: the sign-in was too old");
    case(ledger.review("low", "ana", "approve", over), "ok");
    let over = ago(&ledger, 28_801);
    case(ledger.review("low", "ana", "approve", over.clone()), "violation: the sign-in was too old");
    // The decision itself is signed: how old the session is does not matter.
    case(ledger.review("high", "ana", "approve", patched(over, json!({"assurance": "passkey"}))), "ok");
    case(ledger.review("signed", "ana", "approve", json!({})), "violation: policy asked for a passkey signature over the decision");
    let shared = json!({"actor": {"auth": {"session": uuid("session-shared")}}});
    case(ledger.review("low", "ana", "approve", shared.clone()), "violation: the session was used by several accounts");
    case(ledger.review("low", "ben", "approve", shared), "violation: the session was used by several accounts");
    let timeless = json!({"actor": {"auth": {"auth_time": null}}});
    case(ledger.review("low", "ana", "approve", timeless), "indeterminate: the sign-in is not recorded");
    let tierless = ledger.lax(|ledger| {
        ledger.ask("tierless", "bot", json!({"assessment": {"tier": null}}));
        ledger.review("tierless", "ana", "approve", json!({}))
    });
    case(tierless, "indeterminate: the tier is not recorded");
    case(ledger.review("nothing", "ana", "approve", json!({})), "violation: there is no such request");

    // Emergencies and policy changes count as high. The first policy of the log is left out.
    let invoked = |ledger: &mut Ledger, name: &str, over: serde_json::Value| {
        let body = json!({"grant_id": uuid(&format!("grant-{name}")), "invoker": {"principal": "ana", "kind": "human", "person": "p-ana"},
            "reason": "down", "reason_chars": 4, "expires_at": ledger.now(), "review_due_at": ledger.now()});
        let who = patched(actor("ana", ledger.now()), over);
        ledger.place("breakglass.invoked", who, Some(&uuid("request-high")), body)
    };
    case(invoked(&mut ledger, "b1", json!({})), "ok");
    case(invoked(&mut ledger, "b2", json!({"auth": {"amr": []}})), "violation: the sign-in does not resist phishing");
    case(ledger.policy(2, json!({"change_request": uuid("request-good")})), "ok");
    check(&mut ledger, "D15", &cases);
}
