//! Annotations: what a rule may say about itself, and what loading says about the rest, word for word and with its place.

use privyseal_policy::RuleKind;

use crate::world::{check_rule, load};

#[test]
fn annotations() {
    let permit = "permit (principal, action, resource);";
    let forbid = "forbid (principal, action, resource);";
    for (rule, expected) in [
        (
            format!("{permit}\n"),
            &[
                "rules.cedar:2:1: a permit without @approvals; add @approvals(\"1 of group:…\") or @approvals(\"none\") to route, or @risk(\"…\") to add risk",
                "rules.cedar:2:1: the rule has no @id; add @id(\"…\"): it names the rule in every explanation and record",
            ][..],
        ),
        (
            format!("@id(\"A b\") @approvals(\"none\") {permit}"),
            &["rules.cedar:2:6: `A b` cannot be an @id; use at most 64 of a-z, 0-9, `.`, `_`, `-`, first a letter or digit"],
        ),
        (
            format!("@id(\"ok\") @approvals(\"none\") {permit}"),
            &["rules.cedar:2:6: `ok` is the @id of two rules; the other stands in rules.cedar:1; rename one"],
        ),
        (
            format!("@id(\"a\")\n@aprovals(\"none\") {permit}"),
            &[
                "rules.cedar:2:1: a permit without @approvals; add @approvals(\"1 of group:…\") or @approvals(\"none\") to route, or @risk(\"…\") to add risk",
                "rules.cedar:3:1: unknown annotation @aprovals; did you mean `approvals`?",
            ],
        ),
        (
            format!("@id(\"a\") @approvals(\"two of group:sre\") {permit}"),
            &[
                "rules.cedar:2:22: `two of group:sre` is not a requirement: the count is a number from 1 to 9; write for example `2 of group:sre, 1 of group:dba`, `1 of user:ana|user:ben`, or `none`",
            ],
        ),
        (
            format!("@id(\"a\") @approvals(\"none\") @expires(\"30 min\") @grant(\"2d\") @deny(\"0\") @assurance(\"sms\") {permit}"),
            &[
                "rules.cedar:2:39: `30 min` is not a time for @expires; write a number and s, m, h or d, from 1m to 30d, for example 30m",
                "rules.cedar:2:56: `2d` is not a time for @grant; write a number and s, m, h or d, from 10s to 1d, for example 30m",
                "rules.cedar:2:68: `0` is not a number for @deny; write a whole number from 1 to 9",
                "rules.cedar:2:84: `sms` is not an assurance; write @assurance(\"passkey\") or @assurance(\"session\")",
            ],
        ),
        (
            format!("@id(\"a\") @risk(\"101\") {permit}"),
            &[
                "rules.cedar:2:1: the rule has no @because; say in a few words why it adds risk or forbids: people read it when they decide",
                "rules.cedar:2:17: `101` is not a number for @risk; write a whole number from 1 to 100",
            ],
        ),
        (
            format!("@id(\"a\") @risk(\"5\") @because(\"x\") @approvals(\"none\") {permit}"),
            &["rules.cedar:2:35: a rule with @risk cannot have @approvals; remove it; @approvals belongs to permit rules that route"],
        ),
        (
            format!("@id(\"a\") @risk(\"5\") @because(\"x\") {forbid}"),
            &["rules.cedar:2:10: a rule with @risk must be a permit; write permit: risk rules never permit anything, they only add points"],
        ),
        (
            format!("@id(\"a\") @deny(\"2\") {forbid}"),
            &[
                "rules.cedar:2:1: the rule has no @because; say in a few words why it adds risk or forbids: people read it when they decide",
                "rules.cedar:2:10: a forbid cannot have @deny; remove it; @deny belongs to permit rules that route",
            ],
        ),
    ] {
        check_rule(&rule, expected);
    }
}

#[test]
fn annotations_about_uses_runs_and_waiting() {
    let permit = "permit (principal, action, resource);";
    let example = "write a time and who may seal it then, for example @escalate(\"30m: 1 of group:duty\")";
    let rules = [
        (
            "@id(\"a\") @approvals(\"1 of group:sre\") @uses(\"0\") @run(\"0s\") @remind(\"30s\")".to_owned(),
            vec![
                "rules.cedar:2:46: `0` is not a number for @uses; write a whole number from 1 to 1000".to_owned(),
                "rules.cedar:2:56: `0s` is not a time for @run; write a number and s, m, h or d, from 1m to 30d, for example 30m"
                    .to_owned(),
                "rules.cedar:2:70: `30s` is not a time for @remind; write a number and s, m, h or d, from 1m to 30d, for example 30m"
                    .to_owned(),
            ],
        ),
        (
            "@id(\"a\") @approvals(\"1 of group:sre\") @uses(\"1001\") @run(\"31d\") @remind(\"30m\")".to_owned(),
            vec![
                "rules.cedar:2:46: `1001` is not a number for @uses; write a whole number from 1 to 1000".to_owned(),
                "rules.cedar:2:59: `31d` is not a time for @run; write a number and s, m, h or d, from 1m to 30d, for example 30m"
                    .to_owned(),
                "rules.cedar:2:74: @remind comes at 30m, and the request expires after 30m; shorten it, or give the rule a longer @expires"
                    .to_owned(),
            ],
        ),
        (
            "@id(\"a\") @approvals(\"1 of group:sre\") @escalate(\"30m\")".to_owned(),
            vec![format!("rules.cedar:2:50: `30m` is not an escalation; {example}")],
        ),
        (
            "@id(\"a\") @approvals(\"1 of group:sre\") @escalate(\"soon: 1 of duty\")".to_owned(),
            vec![
                format!("rules.cedar:2:50: `soon` is not a time for @escalate; {example}"),
                format!("rules.cedar:2:56: `1 of duty` is not a requirement: people are named as group:name or user:name; {example}"),
            ],
        ),
        (
            "@id(\"a\") @approvals(\"1 of group:sre\") @escalate(\"10m: none\")".to_owned(),
            vec!["rules.cedar:2:55: the fallback of @escalate is nobody; name people: waiting long is no approval".to_owned()],
        ),
        (
            "@id(\"a\") @approvals(\"1 of group:sre\") @expires(\"2h\") @escalate(\"120m: 1 of group:duty\")".to_owned(),
            vec![
                "rules.cedar:2:65: @escalate comes at 2h, and the request expires after 2h; shorten it, or give the rule a longer @expires"
                    .to_owned(),
            ],
        ),
        (
            "@id(\"a\") @approvals(\"none\") @escalate(\"10m: 1 of group:duty\") @remind(\"5m\")".to_owned(),
            vec![
                "rules.cedar:2:29: a rule with @approvals(\"none\") cannot have @escalate; remove it: nobody is asked, so nobody waits"
                    .to_owned(),
                "rules.cedar:2:63: a rule with @approvals(\"none\") cannot have @remind; remove it: nobody is asked, so nobody waits"
                    .to_owned(),
            ],
        ),
        (
            "@id(\"a\") @approvals(\"1 of group:sre\") @escalat(\"10m: 1 of group:duty\")".to_owned(),
            vec!["rules.cedar:2:39: unknown annotation @escalat; did you mean `escalate`?".to_owned()],
        ),
        (
            "@id(\"a\") @risk(\"5\") @because(\"x\") @uses(\"5\")".to_owned(),
            vec!["rules.cedar:2:35: a rule with @risk cannot have @uses; remove it; @uses belongs to permit rules that route".to_owned()],
        ),
    ];
    for (annotations, expected) in rules {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_rule(&format!("{annotations} {permit}"), &expected);
    }
    let loaded = load(&format!(
        "@id(\"a\") @approvals(\"1 of group:sre\") @uses(\"1000\") @run(\"2h\") @remind(\"10m\") @escalate(\"29m:1 of group:duty\") {permit}"
    ));
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let [rule] = loaded.rules() else { panic!("one rule") };
    let RuleKind::Route(route) = &rule.kind else { panic!("a route") };
    assert_eq!((route.uses, route.run_seconds, route.remind_seconds), (1_000, 7_200, Some(600)));
    let fallback = route.fallback.as_ref().unwrap();
    assert_eq!((fallback.after_seconds, fallback.requirement.to_string().as_str()), (1_740, "1 of group:duty"));
}
