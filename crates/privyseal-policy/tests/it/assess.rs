//! Evaluation: a row per rule of the design. Errors count, forbids win, routes join, points are capped, nothing matching refuses.

use privyseal_core::assessment::{Assurance, Outcome, Tier};
use privyseal_core::event::ActorKind;
use privyseal_policy::{Assessed, EVALUATOR, History, Policy};
use serde_json::json;

use crate::world::{ADD, Sample, default_policy, policy, prod, reasons, rules};

/// A resource that no pattern of the small catalogue knows.
fn nowhere() -> Sample {
    Sample::new("db.schema.apply", "postgres:orders/qa", json!({"sql": ADD}))
}

/// `rule points` with a mark on those that erred.
fn factors(assessed: &Assessed) -> Vec<String> {
    assessed
        .assessment
        .factors
        .iter()
        .map(|factor| format!("{} {}{}", factor.rule, factor.points, if factor.errored { "!" } else { "" }))
        .collect()
}

fn check_route(policy: &Policy, sample: &Sample, requirement: &str, rules_expected: &[&str]) -> Assessed {
    let assessed = sample.assess(policy);
    let assessment = &assessed.assessment;
    assert_eq!(assessment.outcome, Outcome::Route, "{:?}", reasons(&assessed));
    assert_eq!((assessment.requirement.to_string().as_str(), rules(&assessed).as_slice()), (requirement, rules_expected));
    assert_eq!(assessment.human_required, requirement != "none");
    assert_eq!(assessment.persons_required, u64::try_from(assessment.requirement.persons()).unwrap());
    assessed
}

fn check_refusal(policy: &Policy, sample: &Sample, expected: &[(&str, &str)]) -> Assessed {
    let assessed = sample.assess(policy);
    let assessment = &assessed.assessment;
    assert_eq!(assessment.outcome, Outcome::Refuse);
    let got: Vec<(&str, &str)> = assessment.determining.iter().map(|rule| (rule.rule.as_str(), rule.because.as_str())).collect();
    assert_eq!(got, expected);
    assert!(assessment.requirement.is_none() && !assessment.human_required && assessment.persons_required == 0);
    assessed
}

#[test]
fn the_example_of_the_design() {
    let policy = policy(
        r#"
        @id("prod-schema") @approvals("2 of group:sre, 1 of group:dba") @expires("30m") @grant("10m") @assurance("passkey")
        permit (principal, action in Action::"db.schema", resource) when { resource.environment == "production" };

        @id("r-prod") @risk("35") @because("touches production")
        permit (principal, action, resource) when { resource.environment == "production" };

        @id("no-drop-in-freeze") @because("change freeze")
        forbid (principal, action == Action::"db.schema.drop", resource) when { context.change_freeze };
        "#,
    );
    let assessed = check_route(&policy, &prod(), "1 of group:dba, 2 of group:sre", &["prod-schema"]);
    let assessment = &assessed.assessment;
    assert_eq!((assessment.risk, assessment.tier, assessment.persons_required), (35, Tier::Medium, 3));
    assert_eq!((assessment.expires_seconds, assessment.grant_seconds, assessment.deny_threshold), (1_800, 600, 1));
    assert_eq!(assessment.assurance, Assurance::Passkey);
    assert_eq!((assessment.policy.version, assessment.policy.digest), (7, policy.digest()));
    assert_eq!(assessment.determining[0].approvals, "2 of group:sre, 1 of group:dba");
    assert_eq!((assessment.roster_rule.as_str(), assessment.evaluator.as_str()), ("at-last-review", EVALUATOR));
    assert_eq!(factors(&assessed), ["r-prod 35"]);
    assert_eq!((assessed.environment.as_deref(), assessed.data_class.as_deref()), (Some("production"), Some("confidential")));
    assert_eq!((assessed.change_class.as_str(), assessed.reversibility.as_str(), assessed.in_place), ("schema", "costly", None));
    assert!(assessment.missing.is_empty());

    let drop = Sample::new("db.schema.drop", "postgres:orders/prod", json!({"sql": "DROP TABLE orders"}));
    check_route(&policy, &drop, "1 of group:dba, 2 of group:sre", &["prod-schema"]);
    check_refusal(&policy, &drop.at("2026-12-24T12:00:00Z"), &[("no-drop-in-freeze", "change freeze")]);
}

#[test]
fn risk_adds_up_is_ordered_and_capped() {
    let policy = policy(
        r#"
        @id("ok") @approvals("none") permit (principal, action, resource);
        @id("a") @risk("10") @because("a") permit (principal, action, resource);
        @id("b") @risk("40") @because("b") permit (principal, action in Action::"db", resource);
        @id("c") @risk("40") @because("c") permit (principal, action, resource) when { context.destructive };
        @id("d") @risk("30") @because("d") permit (principal, action, resource) when { context.statement_class == "schema_destructive" };
        "#,
    );
    let assessed = prod().assess(&policy);
    assert_eq!((assessed.assessment.risk, factors(&assessed)), (50, vec!["b 40".to_owned(), "a 10".to_owned()]));
    let drop = Sample::new("db.schema.drop", "postgres:orders/prod", json!({"sql": "DROP TABLE orders"})).assess(&policy);
    assert_eq!((drop.assessment.risk, drop.assessment.tier), (100, Tier::High));
    assert_eq!(factors(&drop), ["b 40", "c 40", "d 30", "a 10"], "all are listed, also beyond the cap");
}

#[test]
fn risk_rules_permit_nothing() {
    let policy = policy(
        r#"
        @id("staging") @approvals("none") permit (principal, action, resource) when { resource.environment == "staging" };
        @id("any") @risk("10") @because("any") permit (principal, action, resource);
        "#,
    );
    let reason = "no rule permits `db.schema.apply` on `postgres:orders/prod` for this requester at risk 10";
    check_refusal(&policy, &prod(), &[("policy:no-rule", reason)]);
}

#[test]
fn risk_feeds_routing() {
    let policy = policy(
        r#"
        @id("low") @approvals("none") permit (principal, action, resource) when { context.risk < 30 };
        @id("high") @approvals("1 of group:sre") permit (principal, action, resource) when { context.risk >= 30 };
        @id("new") @risk("30") @because("new") permit (principal, action, resource) when { context.first_time_requester };
        "#,
    );
    check_route(&policy, &prod(), "none", &["low"]);
    let mut first = prod();
    first.history = History { first_time_requester: true, ..History::default() };
    check_route(&policy, &first, "1 of group:sre", &["high"]);
}

#[test]
fn advice_adds_to_the_risk_before_routing_and_its_failure_changes_nothing() {
    let policy = policy(
        r#"
        @id("low") @approvals("none") permit (principal, action, resource) when { context.risk < 30 };
        @id("high") @approvals("1 of group:sre") permit (principal, action, resource) when { context.risk >= 30 };
        @id("r") @risk("20") @because("r") permit (principal, action, resource);
        "#,
    );
    for (points, failure, requirement, risk, recorded) in [
        (0, None, "none", 20, 0),
        (9, None, "none", 29, 9),
        (10, None, "1 of group:sre", 30, 10),
        (100, None, "1 of group:sre", 100, 100),
        (255, None, "1 of group:sre", 100, 100),
        (0, Some("no answer within 500 ms"), "none", 20, 0),
        // What comes with a failure is no advice.
        (40, Some("the answer is no JSON"), "none", 20, 0),
    ] {
        let got = prod().advised(points, failure).assess(&policy).assessment;
        assert_eq!((got.requirement.to_string().as_str(), got.risk), (requirement, risk), "{points} {failure:?}");
        let advice = got.advice.unwrap();
        assert_eq!((advice.points, advice.failure.as_deref(), advice.advisor.as_str()), (recorded, failure, "lookout"));
        assert_eq!(got.factors.len(), 1, "advice is no rule");
    }
    assert!(prod().assess(&policy).assessment.advice.is_none());
    // What is refused before any rule is looked at says what was advised, too.
    let unknown = Sample::new("db.frobnicate", "postgres:orders/prod", json!({})).advised(7, None).assess(&policy).assessment;
    assert_eq!((unknown.outcome, unknown.risk, unknown.advice.unwrap().points), (Outcome::Refuse, 100, 7));
}

#[test]
fn a_risk_rule_that_errs_counts_and_is_flagged() {
    let policy = policy(
        r#"
        @id("ok") @approvals("none") permit (principal, action, resource);
        @id("r-prod") @risk("35") @because("touches production") permit (principal, action, resource) when { resource.environment == "production" };
        @id("r-rows") @risk("20") @because("many rows") permit (principal, action, resource) when { context.rows > 1000 };
        @id("r-claim") @risk("5") @because("big") permit (principal, action, resource) when { resource.claimed.size > 10 };
        @id("r-sum") @risk("1") @because("sum") permit (principal, action, resource) when { context.requests_last_day + 9223372036854775807 < 5 };
        "#,
    );
    let mut asked = nowhere();
    asked.history.requests_last_day = 1;
    let assessed = asked.assess(&policy);
    assert_eq!(factors(&assessed), ["r-prod 35!", "r-rows 20!", "r-claim 5!", "r-sum 1!"]);
    assert_eq!(assessed.assessment.missing, ["environment", "rows", "size"]);
    assert_eq!(assessed.assessment.risk, 61);
    assert_eq!((assessed.environment, assessed.data_class), (None, None));

    let known = Sample::new("db.schema.apply", "postgres:orders/staging", json!({"sql": ADD, "rows": 5}))
        .claiming(&json!({"size": 3}))
        .assess(&policy);
    assert_eq!((factors(&known), known.assessment.missing.len()), (vec![], 0));
    // A claim of the wrong type is no claim.
    let wrong = Sample::new("db.schema.apply", "postgres:orders/staging", json!({"sql": ADD, "rows": 5}))
        .claiming(&json!({"size": "3"}))
        .assess(&policy);
    assert_eq!(factors(&wrong), ["r-claim 5!"]);
}

#[test]
fn a_routing_rule_that_errs_refuses() {
    let policy = policy(
        r#"
        @id("ok") @approvals("none") permit (principal, action, resource);
        @id("prod") @approvals("1 of group:sre") permit (principal, action, resource) when { resource.environment == "production" };
        @id("no-rows") @because("too many") forbid (principal, action == Action::"db.schema.drop", resource) when { context.rows > 5 };
        "#,
    );
    check_route(&policy, &prod(), "1 of group:sre", &["ok", "prod"]);
    let reason = "the rule needs `environment`, and no pattern of the catalogue gives one for this resource";
    let refused = check_refusal(&policy, &nowhere(), &[("prod", reason)]);
    assert_eq!(refused.assessment.missing, ["environment"]);
    let drop = Sample::new("db.schema.drop", "postgres:orders/prod", json!({"sql": "DROP TABLE t"}));
    check_refusal(&policy, &drop, &[("no-rows", "the rule needs `rows`, which is not known for this request")]);
    // Both a forbid and an error are named.
    let many = Sample::new("db.schema.drop", "postgres:orders/qa", json!({"sql": "DROP TABLE t", "rows": 6}));
    check_refusal(&policy, &many, &[("no-rows", "too many"), ("prod", reason)]);
    // Asking whether it is there is not an error.
    let careful = policy_with_has();
    check_route(&careful, &nowhere(), "none", &["ok"]);
}

fn policy_with_has() -> Policy {
    policy(
        r#"
        @id("ok") @approvals("none") permit (principal, action, resource);
        @id("prod") @approvals("1 of group:sre") permit (principal, action, resource) when { resource has environment && resource.environment == "production" };
        "#,
    )
}

#[test]
fn any_forbid_wins_and_all_are_named() {
    let policy = policy(
        r#"
        @id("ok") @approvals("1 of group:sre") permit (principal, action, resource);
        @id("z-deceptive") @because("deceptive") forbid (principal, action, resource) when { context.deceptive };
        @id("agents") @because("no agents here") forbid (principal is Agent, action, resource);
        "#,
    );
    check_route(&policy, &prod().human(&[]), "1 of group:sre", &["ok"]);
    check_refusal(&policy, &prod(), &[("agents", "no agents here")]);
    let mut hidden = prod();
    hidden.deceptive = true;
    check_refusal(&policy, &hidden, &[("agents", "no agents here"), ("z-deceptive", "deceptive")]);
}

#[test]
fn routes_join_and_the_strictest_wins() {
    let policy = policy(
        r#"
        @id("any") @approvals("1 of group:sre") @expires("2h") @grant("30m") @deny("3") permit (principal, action, resource);
        @id("db") @approvals("2 of group:sre") @expires("4h") @grant("20m") @deny("2") @assurance("passkey") permit (principal, action in Action::"db", resource);
        @id("schema") @approvals("1 of group:dba") @expires("3h") @grant("1h") @deny("4") permit (principal, action in Action::"db.schema", resource);
        @id("drop") @approvals("none") permit (principal, action == Action::"db.schema.drop", resource);
        "#,
    );
    let assessed = check_route(&policy, &prod(), "1 of group:dba, 2 of group:sre", &["any", "db", "schema"]);
    let got = &assessed.assessment;
    assert_eq!((got.expires_seconds, got.grant_seconds, got.deny_threshold, got.assurance), (7_200, 1_200, 2, Assurance::Passkey));
    let restart = Sample::new("infra.restart", "k8s:shop/prod", json!({}));
    let got = check_route(&policy, &restart, "1 of group:sre", &["any"]);
    assert_eq!((got.assessment.deny_threshold, got.assessment.assurance), (3, Assurance::Session));
    // `none` adds nobody, and its defaults are limits like any other.
    let drop = Sample::new("db.schema.drop", "postgres:orders/prod", json!({"sql": "DROP TABLE t"}));
    let got = check_route(&policy, &drop, "1 of group:dba, 2 of group:sre", &["any", "db", "schema", "drop"]);
    assert_eq!((got.assessment.expires_seconds, got.assessment.grant_seconds, got.assessment.deny_threshold), (1_800, 600, 1));
}

#[test]
fn who_asks_matters() {
    let policy = policy(
        r#"
        @id("sre") @approvals("none") permit (principal in Role::"group:sre", action, resource);
        @id("roles") @approvals("1 of group:a") permit (principal, action, resource) when { principal.roles.contains("group:sre") };
        @id("ben") @approvals("1 of group:b") permit (principal == User::"ben", action, resource);
        @id("bots") @approvals("1 of group:c") permit (principal is Agent, action, resource) when { principal.owner == "ana" };
        "#,
    );
    check_route(&policy, &prod(), "1 of group:c", &["bots"]);
    check_route(&policy, &prod().human(&["group:sre", "approver"]), "1 of group:a, 1 of group:b", &["sre", "roles", "ben"]);
    check_route(&policy, &prod().human(&["approver"]), "1 of group:b", &["ben"]);
    let mut orphan = prod();
    orphan.requester.owner = None;
    check_refusal(&policy, &orphan, &[("bots", "the rule needs `owner`, which is not known for this request")]);
    let mut system = prod();
    system.requester.kind = ActorKind::System;
    check_refusal(&policy, &system, &[("policy:not-evaluated", "Privyseal itself does not ask")]);
}

#[test]
fn an_unknown_action_is_refused() {
    let policy = policy("@id(\"ok\") @approvals(\"none\") permit (principal, action, resource);");
    let refused = check_refusal(
        &policy,
        &Sample::new("db.schema", "postgres:orders/prod", json!({})),
        &[("policy:unknown-action", "`db.schema` is not in the action catalogue")],
    );
    assert_eq!((refused.assessment.risk, refused.change_class.as_str(), refused.reversibility.as_str()), (100, "unknown", "unknown"));
}

#[test]
fn sql_that_cannot_be_read_is_as_risky_as_the_worst_it_could_be() {
    let policy = policy(
        r#"
        @id("ok") @approvals("none") permit (principal, action, resource);
        @id("read") @risk("1") @because("reads") permit (principal, action, resource) when { context.statement_class == "read" };
        @id("write") @risk("10") @because("writes") permit (principal, action, resource) when { ["write", "write_all"].contains(context.statement_class) };
        @id("all") @risk("15") @because("all rows") permit (principal, action, resource) when { context.statement_class == "write_all" };
        @id("schema") @risk("20") @because("schema") permit (principal, action, resource) when { context.statement_class == "schema" };
        @id("unknown") @risk("2") @because("unreadable") permit (principal, action, resource) when { context.statement_class == "unknown" };
        "#,
    );
    let assessed = Sample::new("db.schema.apply", "postgres:orders/prod", json!({"sql": "frobnicate"})).assess(&policy);
    assert_eq!(factors(&assessed), ["all 15!", "write 10!", "unknown 2"]);
    assert_eq!(assessed.assessment.missing, ["statement_class"]);
    assert_eq!(assessed.assessment.facts["statement_class"], "unknown");
    assert!(!assessed.assessment.facts.contains_key("destructive"), "what is not known is not recorded as known");
    // Also beside something that can be read and is worse as a class, but not as a risk here.
    let beside = Sample::new("db.schema.apply", "postgres:orders/prod", json!({"sql": "frobnicate; DROP TABLE t"})).assess(&policy);
    assert_eq!(factors(&beside), ["all 15!", "write 10!"]);
}

#[test]
fn the_riskiest_class_is_chosen_with_what_matches_anyway() {
    let policy = policy(
        r#"
        @id("ok") @approvals("none") permit (principal, action, resource);
        @id("both") @risk("10") @because("b") permit (principal, action, resource) when { ["unknown", "write"].contains(context.statement_class) };
        @id("write") @risk("5") @because("w") permit (principal, action, resource) when { context.statement_class == "write" };
        @id("schema") @risk("14") @because("s") permit (principal, action, resource) when { context.statement_class == "schema" };
        "#,
    );
    // A write alone has 15 points and a schema change 14, but the 10 of `both` count for either.
    let assessed = Sample::new("db.schema.apply", "postgres:orders/prod", json!({"sql": "frobnicate"})).assess(&policy);
    assert_eq!(factors(&assessed), ["schema 14!", "both 10"]);
}

#[test]
fn the_evaluator_names_what_is_linked() {
    let lock: toml::Table = toml::from_str(include_str!("../../../../Cargo.lock")).unwrap();
    for (name, listed) in [("cedar-policy", "cedar-policy"), ("sqlparser", "sqlparser")] {
        let package = lock["package"].as_array().unwrap().iter().find(|package| package["name"].as_str() == Some(name)).unwrap();
        let expected = format!("{listed} {}", package["version"].as_str().unwrap());
        assert!(EVALUATOR.contains(&expected), "{EVALUATOR} does not say {expected}: change EVALUATOR with the dependency");
    }
}

/// An assessment goes into an event: it must have a canonical form and survive it.
#[test]
fn assessments_are_canonical() {
    for sample in [
        prod(),
        nowhere(),
        Sample::new("db.schema.apply", "postgres:orders/prod", json!({"sql": "☃ \"", "rows": 9_007_199_254_740_991_i64})),
    ] {
        let assessed = sample.assess(&default_policy());
        let bytes = privyseal_core::canonical::serialize(&assessed.assessment).unwrap();
        let back = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(assessed.assessment, back);
        assert_eq!(sample.assess(&default_policy()), assessed, "the same ask has the same answer");
    }
}
