//! Which rules nobody can satisfy, whatever happens: what is said when a policy is published.

use privyseal_core::requirement::Candidate;

use crate::world::{default_policy, policy};

fn people(list: &[(&str, &str, &[&str])]) -> Vec<Candidate> {
    let candidate = |(person, principal, roles): &(&str, &str, &[&str])| Candidate {
        person: person.parse().unwrap(),
        principal: principal.parse().unwrap(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
    };
    list.iter().map(candidate).collect()
}

/// Ids of the rules that nobody can satisfy, of routes written as annotations.
fn check(routes: &[&str], candidates: &[Candidate], expected: &[&str]) {
    let rules: Vec<String> =
        routes.iter().enumerate().map(|(n, route)| format!("@id(\"p{n}\") {route} permit (principal, action, resource);")).collect();
    let others = "@id(\"r\") @risk(\"5\") @because(\"r\") permit (principal, action, resource); @id(\"f\") @because(\"f\") forbid (principal is Agent, action, resource);";
    let policy = policy(&format!("{}\n{others}", rules.join("\n")));
    let got: Vec<&str> = policy.unsatisfiable(candidates).iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(got, expected, "{routes:?}");
}

#[test]
fn rules_that_nobody_can_satisfy() {
    let crew = people(&[
        ("ana", "ana", &["group:sre", "group:dba"]),
        ("ben", "ben", &["group:sre"]),
        // A second account of the same person is not a second person.
        ("ana", "ana-admin", &["group:security"]),
    ]);
    for (routes, expected) in [
        (vec!["@approvals(\"none\")"], vec![]),
        (vec!["@approvals(\"2 of group:sre\")", "@approvals(\"3 of group:sre\")", "@approvals(\"1 of group:ciso\")"], vec!["p1", "p2"]),
        (vec!["@approvals(\"1 of group:sre, 1 of group:dba\")"], vec![]),
        // Two persons for three places, though each group has somebody.
        (vec!["@approvals(\"1 of group:sre, 1 of group:dba, 1 of group:security\")"], vec!["p0"]),
        (vec!["@approvals(\"1 of group:dba, 1 of group:security\")"], vec!["p0"]),
        (vec!["@approvals(\"1 of group:ciso or 2 of group:sre\")"], vec![]),
        (vec!["@approvals(\"1 of user:ben\")", "@approvals(\"1 of user:cyd\")"], vec!["p1"]),
        // A fallback is a way, when it is one.
        (
            vec![
                "@approvals(\"1 of group:ciso\") @escalate(\"10m: 2 of group:sre\")",
                "@approvals(\"1 of group:ciso\") @escalate(\"10m: 3 of group:sre\")",
                "@approvals(\"1 of group:sre\") @escalate(\"10m: 1 of group:ciso\")",
            ],
            vec!["p1"],
        ),
    ] {
        check(&routes, &crew, &expected);
    }
    check(&["@approvals(\"1 of group:sre\")", "@approvals(\"none\")"], &[], &["p0"]);
}

/// Whoever begins with the built-in policy and one administrator is told what that one person can never seal.
#[test]
fn one_administrator_cannot_satisfy_the_default_policy() {
    let groups: &[&str] = &["group:engineering", "group:sre", "group:dba", "group:security", "group:data-owner"];
    let policy = default_policy();
    let alone = people(&[("admin", "admin", groups)]);
    let ids: Vec<&str> = policy.unsatisfiable(&alone).iter().map(|rule| rule.id.as_str()).collect();
    assert!(ids.contains(&"policy-change") && ids.contains(&"prod-high") && !ids.contains(&"prod"), "{ids:?}");
    let three = people(&[("a", "a", groups), ("b", "b", groups), ("c", "c", groups)]);
    assert!(policy.unsatisfiable(&three).is_empty());
}
