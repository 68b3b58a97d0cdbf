//! Who may seal what: D01, D03, D04, D05.

use serde_json::json;

use super::check;
use crate::fixture::{Ledger, digest, uuid};

#[test]
fn d01_no_self_approval() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").reviews[0].clone(), "ok")];
    let mut case = |event: String, verdict| cases.push((event, verdict));

    ledger.ask("own", "ana", json!({}));
    case(ledger.review("own", "ana", "approve", json!({})), "violation: the reviewer is the person behind the requester");

    ledger.ask("agent", "bot", json!({}));
    case(ledger.review("agent", "dora", "approve", json!({})), "violation: the reviewer is the person behind the requester");

    // A second account of the same person.
    ledger.human_of("dora2", "p-dora", &["group:sre"]);
    ledger.ask("linked", "dora", json!({}));
    let linked = json!({"reviewer": {"person": "p-dora"}});
    case(ledger.review("linked", "dora2", "approve", linked), "violation: the reviewer is the person behind the requester");

    ledger.ask("behalf", "bot", json!({"on_behalf_of": {"principal": "ben", "kind": "human", "person": "p-ben"}}));
    case(ledger.review("behalf", "ben", "approve", json!({})), "violation: the reviewer is the person it was asked for");

    let chain = json!({"chain": [{"principal": "bot0", "kind": "agent", "person": "p-ben", "owner": "ben"}]});
    ledger.ask("chain", "bot", chain);
    case(ledger.review("chain", "ben", "approve", json!({})), "violation: the reviewer stands in the spawn chain of the requester");

    ledger.ask("author", "bot", json!({"subjects": ["p-dora", "p-ana"], "authors": ["p-ana"]}));
    case(ledger.review("author", "ana", "approve", json!({})), "violation: the reviewer is a subject of the request");

    // The event says another person than the registry: whoever wrote it cannot hide behind that.
    ledger.ask("forged", "dora", json!({}));
    let forged = json!({"reviewer": {"person": "p-x"}});
    case(ledger.review("forged", "dora2", "approve", forged), "violation: by the registry the reviewer is the person behind the requester");
    ledger.ask("forged2", "dora", json!({}));
    let forged = json!({"reviewer": {"person": "p-x"}});
    case(ledger.review("forged2", "ben", "approve", forged), "violation: the registry knows another person behind the reviewer");

    // The agent changed hands between request and review.
    ledger.ask("moved", "bot", json!({}));
    let record = json!({"principal": "bot", "kind": "agent", "name": "bot", "owner": "cleo", "reason": "new owner"});
    ledger.event("principal.changed", "system", record);
    case(
        ledger.review("moved", "cleo", "approve", json!({})),
        "violation: by the registry the reviewer is the person behind the requester",
    );
    // …and before the request: the old owner is free again.
    let cleo = json!({"requester": {"person": "p-cleo", "owner": "cleo"}, "subjects": ["p-cleo"]});
    ledger.ask("free", "bot", cleo);
    case(ledger.review("free", "dora", "approve", json!({})), "ok");

    // Ben reviews for others in Cleo's name while Cleo's agent asks.
    let delegation = json!({"delegation": "d1", "delegator": "cleo", "delegate": "ben", "roles": ["group:dba"], "valid_from": ledger.now(),
        "valid_to": ledger.now().plus_seconds(3_600), "depth": 1, "reason": "holiday"});
    ledger.event("delegation.made", "cleo", delegation);
    let cleo = json!({"requester": {"person": "p-cleo", "owner": "cleo"}, "subjects": ["p-cleo"]});
    ledger.ask("delegate", "bot", cleo.clone());
    case(ledger.review("delegate", "ben", "approve", json!({})), "violation: the reviewer is a delegate of a subject of the request");
    ledger.event("delegation.ended", "cleo", json!({"delegation": "d1", "reason": "back"}));
    ledger.ask("ended", "bot", cleo);
    case(ledger.review("ended", "ben", "approve", json!({})), "ok");

    // What is missing is never ok.
    ledger.ask("noperson", "bot", json!({}));
    let nobody = json!({"reviewer": {"person": null}});
    case(ledger.review("noperson", "ana", "approve", nobody), "indeterminate: nobody is known behind the reviewer");
    ledger.ask("ownerless", "bot", json!({"requester": {"person": null, "owner": null}, "subjects": []}));
    case(ledger.review("ownerless", "ana", "approve", json!({})), "indeterminate: nobody is known behind the requester");
    ledger.ask("stranger", "bot", json!({}));
    case(ledger.review("stranger", "zoe", "approve", json!({})), "indeterminate: nobody is known behind the reviewer");
    let unknown_link = json!({"chain": [{"principal": "bot0", "kind": "agent"}]});
    ledger.ask("link", "bot", unknown_link);
    case(ledger.review("link", "ana", "approve", json!({})), "indeterminate: nobody is known behind a link of the spawn chain");
    case(ledger.review("nothing", "ana", "approve", json!({})), "violation: there is no such request");

    // Denials are not approvals, and what comes at the end of the period is outside of it.
    ledger.ask("denied", "ana", json!({}));
    ledger.review("denied", "ana", "deny", json!({}));
    ledger.ask("late", "ana", json!({}));
    ledger.at("2026-08-01T00:00:00Z");
    ledger.review("late", "ana", "approve", json!({}));
    check(&mut ledger, "D01", &cases);
}

#[test]
fn d03_quorum_and_role_mix() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").approval, "ok")];
    let two = json!({"assessment": {"requirement": "2 of group:sre, 1 of group:dba", "persons_required": 3, "tier": "high"}});
    let all = [("group:sre", "ana"), ("group:sre", "ben"), ("group:dba", "cleo")];
    let reviews = |ledger: &mut Ledger, name: &str, reviewers: &[&str]| {
        for reviewer in reviewers {
            ledger.review(name, reviewer, "approve", json!({}));
        }
    };
    let mut case = |event: String, verdict| cases.push((event, verdict));

    ledger.ask("mix", "bot", two.clone());
    reviews(&mut ledger, "mix", &["ana", "ben", "cleo"]);
    case(ledger.approve("mix", &all, json!({})), "ok");

    ledger.ask("few", "bot", two.clone());
    reviews(&mut ledger, "few", &["ana", "cleo"]);
    case(ledger.approve("few", &all[1..], json!({})), "violation: 2 persons where 3 are required");

    ledger.ask("wrong", "bot", two.clone());
    reviews(&mut ledger, "wrong", &["ana", "ben", "cleo"]);
    let wrong = [("group:sre", "ana"), ("group:dba", "ben"), ("group:dba", "cleo")];
    case(ledger.approve("wrong", &wrong, json!({})), "violation: the filled slots do not cover 2 of group:sre, 1 of group:dba");

    ledger.ask("absent", "bot", two.clone());
    reviews(&mut ledger, "absent", &["ana", "cleo"]);
    case(ledger.approve("absent", &all, json!({})), "violation: a slot is filled by someone without an approving review that fits it");

    // Ben gave his verdict without the group.
    ledger.ask("roleless", "bot", two.clone());
    reviews(&mut ledger, "roleless", &["ana", "cleo"]);
    ledger.review("roleless", "ben", "approve", json!({"roles": ["approver"]}));
    case(ledger.approve("roleless", &all, json!({})), "violation: a slot is filled by someone without an approving review that fits it");

    // Two accounts of one person, recorded as two persons.
    ledger.human_of("ana2", "p-ana", &["group:sre"]);
    ledger.ask("twins", "bot", json!({"assessment": {"requirement": "2 of group:sre", "persons_required": 2}}));
    reviews(&mut ledger, "twins", &["ana"]);
    ledger.review("twins", "ana2", "approve", json!({"roles": ["group:sre"]}));
    let twins = [("group:sre", "ana"), ("group:sre", "ana2")];
    case(ledger.approve("twins", &twins, json!({})), "violation: by the registry two slots belong to one person");

    // It waited too long and more people were asked: what counts from then on is what was asked of them, and not before.
    let patient = json!({"assessment": {"requirement": "2 of group:sre", "persons_required": 2,
        "escalation": {"after_seconds": 600, "requirement": "2 of group:sre or 1 of group:dba", "persons_required": 1}}});
    ledger.ask("escalated", "bot", patient.clone());
    let request = ledger.ask("impatient", "bot", patient);
    ledger.review("impatient", "cleo", "approve", json!({}));
    case(ledger.approve("impatient", &all[2..], json!({})), "violation: 1 persons where 2 are required");
    let escalated = |request: &str, ledger: &mut Ledger| {
        let body = json!({"to": ["cleo"], "reason": "undecided for 10m", "requirement": "2 of group:sre or 1 of group:dba"});
        ledger.about(request, "request.escalated", "system", body)
    };
    escalated(&request, &mut ledger);
    escalated(&uuid("request-escalated"), &mut ledger);
    ledger.review("escalated", "cleo", "approve", json!({}));
    case(ledger.approve("escalated", &all[2..], json!({})), "ok");

    // Gil fills a place with what Ben lent him, and another without.
    ledger.human("gil", &["approver"]);
    let delegation = json!({"delegation": "d3", "delegator": "ben", "delegate": "gil", "roles": ["group:sre"], "valid_from": ledger.now(),
        "valid_to": ledger.now().plus_seconds(3_600), "depth": 1, "reason": "holiday"});
    ledger.event("delegation.made", "ben", delegation);
    for (name, used, verdict) in [
        ("lent", json!("d3"), "ok"),
        ("unlent", json!(null), "violation: a slot is filled by someone without an approving review that fits it"),
    ] {
        ledger.ask(name, "bot", json!({}));
        let in_place_of = json!({"principal": "ben", "kind": "human", "person": "p-ben"});
        let over =
            json!({"roles": ["approver"], "delegation": used, "in_place_of": if used.is_null() { used.clone() } else { in_place_of }});
        ledger.review(name, "gil", "approve", over);
        case(ledger.approve(name, &[("group:sre", "gil")], json!({})), verdict);
    }

    ledger.ask("high", "bot", json!({"assessment": {"tier": "high"}}));
    reviews(&mut ledger, "high", &["ana"]);
    case(ledger.approve("high", &all[..1], json!({})), "violation: tier high with fewer than 2 persons");

    ledger.ask("policy", "bot", json!({}));
    reviews(&mut ledger, "policy", &["ana"]);
    let unknown = json!({"policy_digest": digest("elsewhere")});
    case(ledger.approve("policy", &all[..1], unknown), "indeterminate: the policy was never published here");

    ledger.ask("nobody", "bot", json!({}));
    ledger.review("nobody", "zoe", "approve", json!({"roles": ["group:sre"]}));
    case(ledger.approve("nobody", &[("group:sre", "zoe")], json!({})), "indeterminate: nobody is known behind a reviewer");

    let unsaid = ledger.lax(|ledger| {
        ledger.ask("unsaid", "bot", json!({"assessment": {"tier": null}}));
        reviews(ledger, "unsaid", &["ana"]);
        ledger.approve("unsaid", &all[..1], json!({}))
    });
    case(unsaid, "indeterminate: what was required is not recorded");
    case(ledger.approve("nothing", &all[..1], json!({})), "violation: there is no such request");

    // Nobody was required, so there is no quorum to test.
    ledger.ask("auto", "bot", json!({"assessment": {"requirement": "none", "persons_required": 0, "human_required": false}}));
    ledger.approve("auto", &[], json!({"mechanism": "automatic"}));
    check(&mut ledger, "D03", &cases);
}

#[test]
fn d04_approver_was_entitled() {
    let mut ledger = Ledger::company();
    let mut cases = vec![(ledger.good("good").reviews[0].clone(), "ok")];
    let mut case = |event: String, verdict| cases.push((event, verdict));
    ledger.ask("r", "bot", json!({}));
    case(ledger.review("r", "cleo", "deny", json!({})), "violation: no role in force fits 1 of group:sre");
    let bragging = json!({"roles": ["approver", "group:sre", "group:dba"]});
    case(ledger.review("r", "ben", "approve", bragging), "violation: the event records a role that was not in force");

    ledger.human("eve", &["approver"]);
    case(ledger.review("r", "eve", "approve", json!({})), "violation: no role in force fits 1 of group:sre");
    ledger.role("eve", "group:sre", json!({"valid_to": ledger.now().plus_seconds(10)}));
    case(ledger.review("r", "eve", "approve", json!({"roles": ["group:sre"]})), "ok");
    ledger.after(60);
    case(ledger.review("r", "eve", "approve", json!({})), "violation: no role in force fits 1 of group:sre");
    ledger.role("eve", "group:sre", json!({}));
    ledger.event("role.removed", "system", json!({"principal": "eve", "role": "group:sre", "reason": "left"}));
    case(ledger.review("r", "eve", "approve", json!({})), "violation: no role in force fits 1 of group:sre");

    // Named in person, with no role at all.
    ledger.human("fay", &["approver"]);
    ledger.ask("named", "bot", json!({"assessment": {"requirement": "1 of user:fay"}}));
    case(ledger.review("named", "fay", "approve", json!({"roles": ["approver"]})), "ok");

    let switched = json!({"principal": "fay", "reason": "left", "effective_at": ledger.now()});
    ledger.event("principal.disabled", "system", switched);
    case(ledger.review("named", "fay", "approve", json!({})), "violation: the reviewer was disabled");

    // Gil's roles come with Ben's delegation, while it lasts.
    ledger.human("gil", &["approver"]);
    let delegation = json!({"delegation": "d1", "delegator": "ben", "delegate": "gil", "roles": ["group:sre"], "valid_from": ledger.now(),
        "valid_to": ledger.now().plus_seconds(60), "depth": 1, "reason": "holiday"});
    ledger.event("delegation.made", "ben", delegation);
    case(ledger.review("r", "gil", "approve", json!({"roles": ["approver"], "delegation": "d1"})), "ok");
    ledger.after(120);
    let over = json!({"roles": ["approver"], "delegation": "d1"});
    case(ledger.review("r", "gil", "approve", over), "violation: no role in force fits 1 of group:sre");

    // Jo is of the group that is asked only after an escalation.
    ledger.human("jo", &["approver", "group:duty"]);
    let waiting = json!({"assessment": {"escalation": {"after_seconds": 600, "requirement": "1 of group:sre or 1 of group:duty", "persons_required": 1}}});
    let request = ledger.ask("waiting", "bot", waiting);
    let roles = json!({"roles": ["approver", "group:duty"]});
    case(ledger.review("waiting", "jo", "deny", roles.clone()), "violation: no role in force fits 1 of group:sre");
    let body = json!({"to": ["jo"], "reason": "undecided for 10m", "requirement": "1 of group:sre or 1 of group:duty"});
    ledger.about(&request, "request.escalated", "system", body);
    case(ledger.review("waiting", "jo", "approve", roles), "ok");

    // Hal reviewed first and was given the role afterwards; nobody can say what was true in the meantime.
    let early = json!({"principal": "hal", "kind": "human", "name": "hal", "person": "p-hal"});
    ledger.event("principal.registered", "system", early);
    case(ledger.review("r", "hal", "approve", json!({})), "indeterminate: the role history of the reviewer begins later");
    ledger.role("hal", "group:sre", json!({}));
    // Ida holds the role and was never registered.
    ledger.role("ida", "group:sre", json!({}));
    case(ledger.review("r", "ida", "approve", json!({"roles": ["group:sre"]})), "indeterminate: the reviewer is not in the registry");
    let unsaid = ledger.lax(|ledger| {
        ledger.ask("unsaid", "bot", json!({"assessment": {"requirement": null}}));
        ledger.review("unsaid", "ana", "approve", json!({}))
    });
    case(unsaid, "indeterminate: what was required is not recorded");
    check(&mut ledger, "D04", &cases);
}

#[test]
fn d05_human_decided() {
    let mut ledger = Ledger::company();
    let flow = ledger.good("good");
    let mut cases = vec![(flow.reviews[0].clone(), "ok"), (flow.approval, "ok")];
    let mut case = |event: String, verdict| cases.push((event, verdict));
    ledger.ask("r", "bot", json!({}));
    let machine = json!({"reviewer": {"kind": "agent"}});
    case(ledger.review("r", "ana", "approve", machine), "violation: the reviewer is not a person");
    let token = json!({"actor": {"channel": "api"}});
    case(ledger.review("r", "ana", "approve", token), "violation: nobody is present at the door api");
    let key = json!({"actor": {"auth": {"method": "api_key"}}});
    case(ledger.review("r", "ana", "approve", key), "violation: nobody is present with the sign-in api_key");
    case(ledger.approve("r", &[], json!({"mechanism": "automatic"})), "violation: it was approved without a person");

    // Nobody was required, and break-glass belongs to D16.
    ledger.ask("auto", "bot", json!({"assessment": {"requirement": "none", "persons_required": 0, "human_required": false}}));
    ledger.approve("auto", &[], json!({"mechanism": "automatic"}));
    ledger.ask("glass", "bot", json!({}));
    ledger.approve("glass", &[], json!({"mechanism": "breakglass"}));

    let (unsaid, kindless) = ledger.lax(|ledger| {
        ledger.ask("unsaid", "bot", json!({"assessment": {"human_required": null}}));
        let unsaid = ledger.review("unsaid", "ana", "approve", json!({}));
        ledger.ask("kindless", "bot", json!({}));
        (unsaid, ledger.review("kindless", "ana", "approve", json!({"reviewer": {"kind": null}})))
    });
    case(unsaid, "indeterminate: whether a person has to decide is not recorded");
    case(kindless, "indeterminate: a value is missing");
    check(&mut ledger, "D05", &cases);
}
