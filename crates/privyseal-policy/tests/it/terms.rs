//! What several routes ask together: everyone any of them asks for, the tightest limits, the fallbacks of each for itself.

use privyseal_core::assessment::Outcome;

use crate::world::{policy, prod, reasons, rules};

/// Requirement, uses, run, reminder and escalation of what these routes say together.
fn terms(routes: &[&str]) -> String {
    let rules: Vec<String> =
        routes.iter().enumerate().map(|(n, route)| format!("@id(\"p{n}\") {route} permit (principal, action, resource);")).collect();
    let got = prod().assess(&policy(&rules.join("\n"))).assessment;
    assert_eq!(got.outcome, Outcome::Route, "{:?}", got.determining);
    let escalation = got.escalation.map_or("none".to_owned(), |escalation| {
        assert_eq!(escalation.persons_required, u64::try_from(escalation.requirement.persons()).unwrap());
        format!("{}s {}", escalation.after_seconds, escalation.requirement)
    });
    let remind = got.remind_seconds.map_or("none".to_owned(), |seconds| format!("{seconds}s"));
    format!("{}; uses {}; run {}s; remind {remind}; escalate {escalation}", got.requirement, got.uses, got.run_seconds.unwrap())
}

#[test]
fn uses_runs_reminders_and_escalations_of_several_routes() {
    let sre = "@approvals(\"1 of group:sre\") @expires(\"2h\")";
    let to_duty = "@approvals(\"1 of group:sre\") @expires(\"2h\") @escalate(\"30m: 1 of group:duty\")";
    let to_ciso = "@approvals(\"1 of group:dba\") @expires(\"4h\") @escalate(\"1h: 1 of user:cara\")";
    for (routes, expected) in [
        (vec![sre], "1 of group:sre; uses 1; run 86400s; remind none; escalate none"),
        (vec!["@approvals(\"none\") @uses(\"5\") @run(\"2h\")"], "none; uses 5; run 7200s; remind none; escalate none"),
        (vec![to_duty], "1 of group:sre; uses 1; run 86400s; remind none; escalate 1800s 1 of group:sre or 1 of group:duty"),
        (
            // The fewest uses, the shortest run, the most frequent reminder.
            vec![
                "@approvals(\"1 of group:sre\") @uses(\"5\") @run(\"3h\") @remind(\"10m\")",
                "@approvals(\"1 of group:dba\") @uses(\"3\") @run(\"4h\") @remind(\"20m\")",
            ],
            "1 of group:dba, 1 of group:sre; uses 3; run 10800s; remind 600s; escalate none",
        ),
        (
            // A default is a limit like any other, but no reminder is not a rare one.
            vec!["@approvals(\"1 of group:sre\") @uses(\"5\") @remind(\"20m\")", "@approvals(\"1 of group:dba\")"],
            "1 of group:dba, 1 of group:sre; uses 1; run 86400s; remind 1200s; escalate none",
        ),
        (
            // A rule without a fallback keeps asking for its own people.
            vec![to_duty, "@approvals(\"1 of group:dba\") @expires(\"2h\")"],
            "1 of group:dba, 1 of group:sre; uses 1; run 86400s; remind none; escalate 1800s 1 of group:dba, 1 of group:duty or 1 of group:dba, 1 of group:sre",
        ),
        (
            // Each by itself or by its own fallback; the latest time counts.
            vec![to_duty, to_ciso],
            "1 of group:dba, 1 of group:sre; uses 1; run 86400s; remind none; escalate 3600s 1 of group:dba, 1 of group:duty or 1 of group:dba, 1 of group:sre or 1 of group:duty, 1 of user:cara or 1 of group:sre, 1 of user:cara",
        ),
        (
            vec![to_duty, "@approvals(\"none\") @expires(\"2h\")"],
            "1 of group:sre; uses 1; run 86400s; remind none; escalate 1800s 1 of group:sre or 1 of group:duty",
        ),
        // It expires before anybody else would be asked, so nothing is promised.
        (vec![to_ciso, "@approvals(\"none\") @expires(\"1h\")"], "1 of group:dba; uses 1; run 86400s; remind none; escalate none"),
    ] {
        assert_eq!(terms(&routes), expected, "{routes:?}");
    }
}

#[test]
fn a_refused_request_promises_nothing() {
    let refused = prod().assess(&policy("@id(\"no\") @because(\"no\") forbid (principal, action, resource); @id(\"ok\") @approvals(\"1 of group:sre\") @uses(\"5\") @remind(\"5m\") @escalate(\"9m: 1 of group:duty\") permit (principal, action, resource);"));
    let got = refused.assessment;
    assert_eq!((got.outcome, got.uses, got.remind_seconds, got.escalation), (Outcome::Refuse, 1, None, None));
}

#[test]
fn a_requirement_nobody_could_meet_refuses() {
    let groups: Vec<String> =
        (0..9).map(|n| format!("@id(\"g{n}\") @approvals(\"2 of group:g{n}\") permit (principal, action, resource);")).collect();
    let refused = prod().assess(&policy(&groups.join("\n")));
    assert_eq!((refused.assessment.outcome, rules(&refused)), (Outcome::Refuse, vec!["policy:requirement-too-large"]));
    assert!(reasons(&refused)[0].contains("more than 16 persons"), "{:?}", reasons(&refused));
    // What waits for people must be readable too: 8 rules that each have a fallback make 256 ways.
    let ways: Vec<String> = (0..8)
        .map(|n| {
            format!(
                "@id(\"g{n}\") @approvals(\"1 of group:g{n}\") @escalate(\"9m: 1 of group:h{n}\") permit (principal, action, resource);"
            )
        })
        .collect();
    let refused = prod().assess(&policy(&ways.join("\n")));
    assert_eq!(rules(&refused), ["policy:requirement-too-large"]);
    assert!(reasons(&refused)[0].contains("more than 32 alternatives"), "{:?}", reasons(&refused));
}
