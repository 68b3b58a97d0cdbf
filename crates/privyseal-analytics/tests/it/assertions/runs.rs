//! What ran: D02, D06, D08, D09, E01.

use serde_json::json;

use super::check;
use crate::fixture::{Ledger, digest, uuid};

fn execution(name: &str) -> String {
    uuid(&format!("execution-{name}"))
}

#[test]
fn d02_approved_before_executed() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").execution, "ok")];
    let mut case = |name: &str, verdict| cases.push((execution(name), verdict));

    ledger.start("rogue", "bot", json!({"request": false}));
    case("rogue", "violation: the run names no request");
    ledger.start("unknown", "bot", json!({}));
    case("unknown", "violation: there is no such request");

    ledger.ask("undecided", "bot", json!({}));
    ledger.grant("undecided", "bot", json!({}));
    ledger.start("undecided", "bot", json!({}));
    case("undecided", "violation: people never approved the request");

    ledger.ask("early", "bot", json!({}));
    ledger.grant("early", "bot", json!({}));
    ledger.start("early", "bot", json!({}));
    ledger.review("early", "ana", "approve", json!({}));
    ledger.approve("early", &[("group:sre", "ana")], json!({}));
    case("early", "violation: it started before people approved the request");

    ledger.ask("reviewless", "bot", json!({}));
    ledger.approve("reviewless", &[("group:sre", "ana")], json!({}));
    ledger.grant("reviewless", "bot", json!({}));
    ledger.start("reviewless", "bot", json!({}));
    case("reviewless", "violation: no approving review stands before it");

    ledger.ask("grantless", "bot", json!({}));
    ledger.review("grantless", "ana", "approve", json!({}));
    ledger.approve("grantless", &[("group:sre", "ana")], json!({}));
    // The grant of another request is not its own.
    ledger.start("grantless", "bot", json!({"grant_id": uuid("grant-good")}));
    case("grantless", "violation: the request has no such grant");

    let approved = |ledger: &mut Ledger, name: &str| {
        ledger.ask(name, "bot", json!({}));
        ledger.review(name, "ana", "approve", json!({}));
        ledger.approve(name, &[("group:sre", "ana")], json!({}));
        ledger.grant(name, "bot", json!({}));
    };
    approved(&mut ledger, "elsewhere");
    ledger.start("elsewhere", "bot", json!({"policy_digest": digest("elsewhere")}));
    case("elsewhere", "indeterminate: the policy in force was never published here");
    ledger.policy(2, json!({"files": [{"name": "p", "sha256": digest("lost"), "bytes": 1}], "change_request": uuid("request-good")}));
    approved(&mut ledger, "lost");
    ledger.start("lost", "bot", json!({"policy_digest": digest("policy 2")}));
    case("lost", "indeterminate: a file of the policy in force is not kept");
    ledger.lax(|ledger| {
        ledger.ask("unsaid", "bot", json!({"assessment": {"human_required": null}}));
        ledger.start("unsaid", "bot", json!({}));
    });
    case("unsaid", "indeterminate: whether a person had to decide is not recorded");

    // Not gated, and break-glass: neither is in the population.
    ledger.ask("auto", "bot", json!({"assessment": {"requirement": "none", "persons_required": 0, "human_required": false}}));
    ledger.start("auto", "bot", json!({}));
    ledger.ask("glass", "bot", json!({}));
    ledger.approve("glass", &[], json!({"mechanism": "breakglass"}));
    ledger.grant("glass", "bot", json!({"mechanism": "breakglass"}));
    ledger.start("glass", "bot", json!({}));
    check(&mut ledger, "D02", &cases);
}

#[test]
fn d06_what_was_approved_is_what_ran() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").execution, "ok")];
    let other = digest("other");
    let steps = |ledger: &mut Ledger, name: &str, ask: serde_json::Value, review, approve, redeem, start| {
        ledger.ask(name, "bot", ask);
        ledger.review(name, "ana", "approve", review);
        ledger.approve(name, &[("group:sre", "ana")], approve);
        ledger.grant(name, "bot", json!({}));
        ledger.redeem(name, "bot", redeem);
        ledger.start(name, "bot", start);
        execution(name)
    };
    let none = || json!({});
    let mut case = |item: String, verdict| cases.push((item, verdict));
    let asked = steps(&mut ledger, "asked", json!({"action_digest": other}), none(), none(), none(), none());
    case(asked, "violation: what ran is not what was asked");
    let approved = steps(&mut ledger, "approved", none(), none(), json!({"action_digest": other}), none(), none());
    case(approved, "violation: what ran is not what was approved");
    let shown = steps(&mut ledger, "shown", none(), json!({"shown_digest": other}), none(), none(), none());
    case(shown, "violation: what ran is not what a reviewer was shown");
    let redeemed = steps(&mut ledger, "redeemed", none(), none(), none(), json!({"run_digest": other}), none());
    case(redeemed, "violation: what ran is not what the grant was redeemed for");
    let ran = steps(&mut ledger, "ran", none(), none(), none(), none(), json!({"run_digest": other}));
    case(ran, "violation: what ran is not what was asked");
    let verb = steps(&mut ledger, "verb", none(), none(), none(), none(), json!({"action": "db.schema.drop"}));
    case(verb, "violation: the verb or the resource of the run is not that of the request");
    let place = steps(&mut ledger, "place", none(), none(), none(), none(), json!({"resource": {"id": "orders/test"}}));
    case(place, "violation: the verb or the resource of the run is not that of the request");
    for (name, member, verdict) in [
        ("no-run", 4, "indeterminate: the digest of what ran is missing"),
        ("no-asked", 0, "indeterminate: the digest of what was asked is missing"),
        ("no-shown", 1, "indeterminate: the digest of what was shown is missing"),
        ("no-approved", 2, "indeterminate: the digest of what was approved is missing"),
        ("no-redeemed", 3, "indeterminate: the digest that the grant was redeemed for is missing"),
    ] {
        let mut over = [none(), none(), none(), none(), none()];
        over[member] = json!({["action_digest", "shown_digest", "action_digest", "run_digest", "run_digest"][member]: null});
        let [ask, review, approve, redeem, start] = over;
        let item = ledger.lax(|ledger| steps(ledger, name, ask, review, approve, redeem, start));
        case(item, verdict);
    }
    // Automatic: nobody was shown anything.
    ledger.ask("auto", "bot", json!({}));
    ledger.approve("auto", &[], json!({"mechanism": "automatic"}));
    ledger.grant("auto", "bot", json!({}));
    ledger.redeem("auto", "bot", json!({}));
    ledger.start("auto", "bot", json!({}));
    case(execution("auto"), "ok");
    check(&mut ledger, "D06", &cases);
}

#[test]
fn d08_execution_inside_the_grant() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").execution, "ok")];
    for (name, grant, start, wait, verdict) in [
        (
            "early",
            json!({"not_before": "2026-07-30T00:00:00.000000Z"}),
            json!({}),
            0,
            "violation: it started outside the time of the grant",
        ),
        ("late", json!({}), json!({}), 700, "violation: it started outside the time of the grant"),
        ("edge", json!({}), json!({}), 597, "ok"),
        ("end", json!({}), json!({}), 598, "violation: it started outside the time of the grant"),
        ("other", json!({"subject": "bot2"}), json!({}), 0, "violation: the grant belongs to bot2"),
        ("verb", json!({}), json!({"action": "db.x"}), 0, "violation: the verb or the resource is not that of the grant"),
        ("environment", json!({}), json!({"environment": null}), 0, "violation: the environment is not that of the grant"),
        ("digest", json!({}), json!({"run_digest": digest("x")}), 0, "violation: what ran is not what the grant is for"),
        ("scope", json!({"scope": "glob/1"}), json!({}), 0, "indeterminate: the grammar of the scope is not known to this test"),
    ] {
        ledger.ask(name, "bot", json!({}));
        ledger.grant(name, "bot", grant);
        ledger.after(wait);
        ledger.start(name, "bot", start);
        cases.push((execution(name), verdict));
    }
    ledger.start("grantless", "bot", json!({}));
    cases.push((execution("grantless"), "violation: there is no such grant"));
    ledger.ask("revoked", "bot", json!({}));
    let grant = ledger.grant("revoked", "bot", json!({}));
    ledger.event("grant.revoked", "ana", json!({"grant_id": grant, "reason": "stop", "effective_at": ledger.now()}));
    ledger.start("revoked", "bot", json!({}));
    cases.push((execution("revoked"), "violation: it started after the grant was taken back"));
    ledger.lax(|ledger| {
        ledger.ask("unsaid", "bot", json!({}));
        ledger.grant("unsaid", "bot", json!({"subject": null}));
        ledger.start("unsaid", "bot", json!({}));
    });
    cases.push((execution("unsaid"), "indeterminate: a value is missing"));
    check(&mut ledger, "D08", &cases);
}

#[test]
fn d09_grant_used_once() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").grant, "ok")];
    let mut case = |name: &str, verdict| cases.push((uuid(&format!("grant-{name}")), verdict));
    ledger.grant("twice", "bot", json!({}));
    ledger.redeem("twice", "bot", json!({}));
    ledger.redeem("twice", "bot", json!({"use_number": 2, "execution_id": uuid("execution-x")}));
    case("twice", "violation: it was redeemed 2 times");
    // More uses are allowed by the grant, not by the parameter.
    ledger.grant("many", "bot", json!({"max_uses": 5}));
    ledger.redeem("many", "bot", json!({}));
    ledger.redeem("many", "bot", json!({"use_number": 2, "execution_id": uuid("execution-y")}));
    case("many", "violation: it was redeemed 2 times");
    ledger.grant("replayed", "bot", json!({}));
    ledger.redeem("replayed", "bot", json!({}));
    ledger.start("replayed", "bot", json!({}));
    ledger.start("replayed", "bot", json!({"execution_id": uuid("execution-z")}));
    case("replayed", "violation: it was run 2 times");
    ledger.grant("nonce1", "bot", json!({"nonce": "same"}));
    ledger.grant("nonce2", "bot", json!({"nonce": "same"}));
    ledger.redeem("nonce1", "bot", json!({"nonce": "same"}));
    case("nonce1", "violation: another grant has the same nonce");
    ledger.grant("foreign", "bot", json!({}));
    ledger.redeem("foreign", "bot", json!({"nonce": "else"}));
    case("foreign", "violation: it was redeemed with another nonce");
    ledger.redeem("grantless", "bot", json!({}));
    case("grantless", "violation: there is no such grant");
    ledger.lax(|ledger| {
        ledger.grant("unsaid", "bot", json!({"nonce": null}));
        ledger.redeem("unsaid", "bot", json!({"nonce": null}));
    });
    case("unsaid", "indeterminate: a nonce is missing");
    // Never redeemed: not in the population.
    ledger.grant("unused", "bot", json!({}));
    check(&mut ledger, "D09", &cases);
}

#[test]
fn e01_outcome_recorded() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").execution, "ok")];
    let run = |ledger: &mut Ledger, name: &str| {
        ledger.ask(name, "bot", json!({}));
        ledger.grant(name, "bot", json!({}));
        ledger.redeem(name, "bot", json!({}));
        ledger.start(name, "bot", json!({}));
    };
    let mut case = |name: &str, verdict| cases.push((execution(name), verdict));
    run(&mut ledger, "failed");
    ledger.finish("failed", "bot", json!({"outcome": "failed"}));
    case("failed", "violation: it failed, without incident or rollback");
    run(&mut ledger, "incident");
    ledger.finish("incident", "bot", json!({"outcome": "failed", "incident": "INC-1"}));
    case("incident", "ok");
    run(&mut ledger, "rolled");
    ledger.finish("rolled", "bot", json!({"outcome": "failed"}));
    run(&mut ledger, "rollback");
    ledger.finish("rollback", "bot", json!({"rollback_of": execution("rolled")}));
    case("rolled", "ok");
    case("rollback", "ok");
    run(&mut ledger, "vanished");
    let body = json!({"execution_id": execution("vanished"), "grant_id": uuid("grant-vanished"), "reason": "host lost"});
    ledger.about(&uuid("request-vanished"), "execution.unknown", "system", body);
    case("vanished", "indeterminate: the outcome cannot be known (host lost)");
    ledger.redeem("unstarted", "bot", json!({}));
    case("unstarted", "violation: the run never started");
    run(&mut ledger, "silent");
    case("silent", "violation: its end was not recorded in time");
    run(&mut ledger, "slow");
    ledger.after(25 * 3_600);
    ledger.finish("slow", "bot", json!({}));
    case("slow", "violation: its end was not recorded in time");
    // Still within its day when the log ends: pending.
    run(&mut ledger, "running");
    check(&mut ledger, "E01", &cases);
}
