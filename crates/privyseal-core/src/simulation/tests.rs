//! A table of what counts as another route, and how alike requests are put together.

use serde_json::json;

use super::*;
use crate::assessment::{Determining, Factor, Tier};
use crate::time::Timestamp;

fn assessment(change: impl Fn(&mut Assessment)) -> Assessment {
    let mut assessment: Assessment = serde_json::from_value(json!({
        "outcome": "route", "risk": 40, "tier": "medium", "facts": {}, "policy": {"version": 1, "digest": crate::digest::Digest::of(b"p")},
        "factors": [{"rule": "r-prod", "points": 40, "because": "touches production"}],
        "determining": [{"rule": "change", "approvals": "1 of group:sre"}],
        "requirement": "1 of group:sre", "persons_required": 1, "human_required": true, "assurance": "session", "deny_threshold": 1,
        "expires_seconds": 1800, "grant_seconds": 600, "roster_rule": "at-last-review", "evaluator": "test",
    }))
    .unwrap();
    change(&mut assessment);
    assessment
}

fn submitted(assessment: &Assessment) -> Submitted {
    serde_json::from_value(json!({
        "requester": {"principal": "bot", "kind": "agent"}, "subjects": [], "action": "db.change",
        "resource": {"type": "postgres", "id": "orders/prod"}, "action_digest": crate::digest::Digest::of(b"a"),
        "justification": "why", "justification_chars": 3, "justification_repeats": 0, "change_class": "data", "reversibility": "costly",
        "catalogue_digest": crate::digest::Digest::of(b"c"), "assessment": assessment, "expires_at": "2026-07-01T09:00:00Z",
    }))
    .unwrap()
}

fn request(number: u8) -> RequestId {
    RequestId::new("2026-07-01T09:00:00Z".parse::<Timestamp>().unwrap(), [number; 10])
}

fn refuse(assessment: &mut Assessment) {
    assessment.outcome = Outcome::Refuse;
    assessment.requirement = "none".parse().unwrap();
    assessment.determining = vec![Determining { rule: "never".into(), because: "change freeze".into(), approvals: String::new() }];
    assessment.grant_seconds = 1;
}

/// One request, asked again; every change of its route as `term: before > after`, and the rules as `rule: before > after`.
fn check(change: impl Fn(&mut Assessment), routes: &[&str], rules: &[&str]) {
    let (before, after) = (assessment(|_| {}), assessment(change));
    let (one, two) = (Route::of(&before), Route::of(&after));
    let or = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let found: Vec<String> = one.changes(&two).into_iter().map(|(term, a, b)| format!("{}: {} > {}", term.label(), or(a), or(b))).collect();
    assert_eq!(found, routes);
    let found = rule_changes(&before, &after);
    let found: Vec<String> =
        found.iter().map(|change| format!("{}: {} > {}", change.rule, or(change.before.as_deref()), or(change.after.as_deref()))).collect();
    assert_eq!(found, rules);
}

#[test]
fn what_counts_as_another_route() {
    check(|_| {}, &[], &[]);
    check(|after| after.evaluator = "another".into(), &[], &[]);
    check(
        |after| {
            after.requirement = "2 of group:sre".parse().unwrap();
            after.determining[0].approvals = "2 of group:sre".into();
        },
        &["sealed by: 1 of group:sre > 2 of group:sre"],
        &["change: asks for 1 of group:sre > asks for 2 of group:sre"],
    );
    check(
        |after| {
            after.requirement = "none".parse().unwrap();
            after.determining = vec![Determining { rule: "low".into(), because: String::new(), approvals: "none".into() }];
        },
        &["outcome: held > straight through", "sealed by: 1 of group:sre > none"],
        &["change: asks for 1 of group:sre > -", "low: - > asks for none"],
    );
    check(
        |after| {
            (after.risk, after.tier) = (80, Tier::High);
            after.factors.push(Factor { rule: "r-night".into(), points: 40, because: "at night".into(), errored: true });
        },
        &["tier: medium > high"],
        &["r-night: - > 40 points (a fact is missing)"],
    );
    check(
        refuse,
        &["outcome: held > refused", "sealed by: 1 of group:sre > -"],
        &["change: asks for 1 of group:sre > -", "never: - > refuses"],
    );
    check(
        |after| after.assurance = Assurance::Passkey,
        &["assurance: session > passkey"],
        &["change: asks for 1 of group:sre > asks for 1 of group:sre, with other limits"],
    );
    let other = "change: asks for 1 of group:sre > asks for 1 of group:sre, with other limits";
    check(|after| after.deny_threshold = 2, &["denials that end it: 1 > 2"], &[other]);
    check(|after| after.expires_seconds = 60, &["expires after seconds: 1800 > 60"], &[other]);
    check(|after| after.grant_seconds = 60, &["grant lives seconds: 600 > 60"], &[other]);
    check(|after| after.uses = 3, &["uses: 1 > 3"], &[other]);
    check(|after| after.run_seconds = Some(60), &["run takes at most seconds: - > 60"], &[other]);
    check(|after| after.remind_seconds = Some(60), &["reminded every seconds: - > 60"], &[other]);
    check(
        |after| {
            let requirement = "1 of group:boss".parse().unwrap();
            after.escalation = Some(crate::assessment::Escalation { after_seconds: 900, requirement, persons_required: 1 });
        },
        &["escalation: - > 1 of group:boss after 900 seconds"],
        &[other],
    );
}

#[test]
fn refused_on_both_sides_is_no_difference_whatever_else_it_says() {
    let before = assessment(refuse);
    let after = assessment(|after| {
        refuse(after);
        (after.risk, after.tier, after.grant_seconds) = (90, Tier::High, 5);
    });
    assert_eq!(Route::of(&before), Route::of(&after));
}

#[test]
fn requests_that_change_alike_are_one_group_with_three_examples() {
    let mut simulation = Simulation::default();
    let (was, more, points) = (
        assessment(|_| {}),
        assessment(|after| after.requirement = "2 of group:sre".parse().unwrap()),
        assessment(|after| after.risk = 41),
    );
    let asked = submitted(&was);
    for number in 0..5 {
        simulation.add(request(number), &asked, Ok(&more));
    }
    simulation.add(request(5), &asked, Ok(&assessment(refuse)));
    simulation.add(request(6), &asked, Ok(&was));
    simulation.add(request(7), &asked, Ok(&points));
    simulation.add(request(8), &asked, Err("the action is not in its catalogue".into()));
    assert_eq!((simulation.total(), simulation.same(), simulation.other_points()), (9, 2, 1));
    assert_eq!((simulation.changed(), simulation.unjudged()), (6, 1));
    let groups = simulation.groups();
    assert_eq!(groups.iter().map(|group| group.count).collect::<Vec<_>>(), [5, 1], "the largest first");
    let examples: Vec<RequestId> = groups[0].examples.iter().map(|example| example.request).collect();
    assert_eq!(examples, [request(0), request(1), request(2)]);
    assert_eq!((groups[0].examples[0].action.as_str(), groups[0].examples[0].resource.as_str()), ("db.change", "postgres:orders/prod"));
    assert_eq!(simulation.not_judged()[0].why, "the action is not in its catalogue");
    assert_eq!((simulation.permille(5), simulation.permille(9), Simulation::default().permille(0)), (556, 1_000, 0));
    // Every request is in exactly one of the four.
    assert_eq!(simulation.same() + simulation.changed() + simulation.unjudged(), simulation.total());
}
