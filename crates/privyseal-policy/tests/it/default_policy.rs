//! The default policy and its table of tests, as they ship.

use privyseal_policy::facts::{FACTS, FactType};
use privyseal_policy::test;

use crate::world::{DEFAULT_TESTS, default_policy};

#[test]
fn every_case_of_the_table_passes() {
    let policy = default_policy();
    let results = test::run(&policy, DEFAULT_TESTS).unwrap_or_else(|problems| panic!("{problems}"));
    let failed: Vec<String> = results
        .iter()
        .flat_map(|case| {
            let factors: Vec<String> = case
                .assessed
                .assessment
                .factors
                .iter()
                .map(|f| format!("{} {}{}", f.points, f.rule, if f.errored { "!" } else { "" }))
                .collect();
            let rules: Vec<String> = case.assessed.assessment.determining.iter().map(|f| format!("{} ({})", f.rule, f.because)).collect();
            case.mismatches.iter().map(move |m| {
                format!(
                    "tests.toml:{}: {}: {} expected `{}`, got `{}`; factors {factors:?}; rules {rules:?}",
                    case.line, case.name, m.what, m.expected, m.got
                )
            })
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_rule_is_tested_by_the_table() {
    let policy = default_policy();
    let results = test::run(&policy, DEFAULT_TESTS).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(test::untested(&policy, &results), Vec::<&str>::new());
}

#[test]
fn a_table_that_is_wrong_says_so() {
    let policy = default_policy();
    let case = "[[case]]\nname = \"x\"\nuser = \"ben\"\naction = \"infra.restart\"\nresource = \"k8s:shop/dev\"\n";
    let right = format!("{case}expect.outcome = \"route\"\nexpect.risk = 0\nexpect.requirement = \"none\"\nexpect.expires = \"30m\"\n");
    assert!(test::run(&policy, &right).unwrap().iter().all(test::CaseResult::passed));

    let wrong = format!(
        "\n{case}expect.outcome = \"refuse\"\nexpect.risk = 7\nexpect.tier = \"high\"\nexpect.requirement = \"1 of group:sre\"\nexpect.rules = []\nexpect.factors = [\"r-production\"]\nexpect.missing = [\"rows\"]\nexpect.facts.hour = 3\nexpect.assurance = \"passkey\"\nexpect.deny = 2\nexpect.expires = \"1h\"\nexpect.grant = \"1h\"\nexpect.uses = 3\nexpect.run = \"90m\"\nexpect.remind = \"5m\"\nexpect.escalate = \"60m: 1 of group:b, 1 of group:a\"\n"
    );
    let results = test::run(&policy, &wrong).unwrap();
    let [result] = results.as_slice() else { panic!("one case") };
    assert_eq!((result.line, result.passed()), (3, false));
    let got: Vec<String> = result.mismatches.iter().map(|m| format!("{}: {} is {}", m.what, m.expected, m.got)).collect();
    assert_eq!(
        got,
        [
            "outcome: refuse is route",
            "risk: 7 is 0",
            "tier: high is low",
            "requirement: 1 of group:sre is none",
            "rules: none is dev-low",
            "factors: r-production is none",
            "missing: rows is none",
            "fact hour: 3 is 7",
            "assurance: passkey is session",
            "deny: 2 is 1",
            "expires: 1h is 30m",
            "grant: 1h is 10m",
            "run: 90m is 1d",
            "uses: 3 is 1",
            "remind: 5m is none",
            "escalate: 1h: 1 of group:a, 1 of group:b is none",
        ]
    );

    for (text, expected) in [
        (String::new(), "tests.toml:1:1: missing field `case`; correct the table"),
        ("case = []".to_owned(), "tests.toml: no [[case]]: a table that tests nothing passes nothing; add a case"),
        (
            format!("{case}expect.outcome = \"maybe\""),
            "tests.toml:6:18: unknown variant `maybe`, expected `route` or `refuse`; correct the table",
        ),
        (
            format!("{}expect.outcome = \"route\"", case.replace("user", "agent = \"agent:x\"\nuser")),
            "tests.toml:2:8: the case has not exactly one requester; write user = \"…\" or agent = \"…\"",
        ),
        (
            format!("{case}expect.outcome = \"route\"\nexpect.grant = \"soon\""),
            "tests.toml:2:8: `soon` is not a time for expect.grant; write for example 30m",
        ),
        (
            format!("{case}expect.outcome = \"route\"\nexpect.escalate = \"30m\""),
            "tests.toml:2:8: `30m` is not an escalation; write for example expect.escalate = \"30m: 1 of group:sre or 1 of group:duty\"",
        ),
    ] {
        assert_eq!(test::run(&policy, &text).unwrap_err().to_string(), expected);
    }
}

/// The page that rule authors read lists the facts that there are.
#[test]
fn the_readme_lists_the_facts() {
    let page = include_str!("../../../../controls/policy/README.md");
    let kind = |kind| match kind {
        FactType::Bool => "Bool",
        FactType::Long => "Long",
        FactType::Text => "String",
    };
    let mut expected: Vec<String> =
        FACTS.iter().map(|fact| format!("| `{}` | {} | {} |", fact.name, kind(fact.kind), fact.meaning)).collect();
    expected.push("| `risk` | Long | points of the risk rules, 0 to 100; not in risk rules |".to_owned());
    let (_, table) = page.split_once("| Fact | Type | Meaning |\n| --- | --- | --- |\n").unwrap();
    let listed: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(listed, expected, "write the table anew from FACTS");
}
