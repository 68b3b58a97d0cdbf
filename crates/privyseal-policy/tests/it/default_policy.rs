//! The default policy and its table of tests, as they ship.

use privyseal_policy::test;

use crate::world::{DEFAULT_TESTS, default_policy};

#[test]
fn every_case_of_the_table_passes() {
    let policy = default_policy();
    let results = test::run(&policy, DEFAULT_TESTS).unwrap_or_else(|problems| panic!("{problems}"));
    let failed: Vec<String> = results
        .iter()
        .flat_map(|case| {
            let factors: Vec<String> = case.assessed.assessment.factors.iter().map(|f| format!("{} {}{}", f.points, f.rule, if f.errored { "!" } else { "" })).collect();
            let rules: Vec<String> = case.assessed.assessment.determining.iter().map(|f| format!("{} ({})", f.rule, f.because)).collect();
            case.mismatches.iter().map(move |m| {
                format!("tests.toml:{}: {}: {} expected `{}`, got `{}`; factors {factors:?}; rules {rules:?}", case.line, case.name, m.what, m.expected, m.got)
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
