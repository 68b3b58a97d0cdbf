//! Properties that hold for every policy: more risk rules never lower the risk, more routes never ask for less, a missing fact is
//! never better than any value of it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use privyseal_core::assessment::{Assessment, Outcome};
use privyseal_core::requirement::Candidate;
use privyseal_policy::{History, Policy};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Sample, default_policy, policy};

/// Conditions that use facts of every sort, without asking first whether they are there.
const CONDITIONS: [&str; 15] = [
    "resource.environment == \"production\"",
    "resource.environment != \"production\"",
    "resource.data_class == \"confidential\"",
    "context.destructive",
    "!context.destructive",
    "context.statement_class == \"read\"",
    "[\"write\", \"write_all\", \"schema_destructive\"].contains(context.statement_class)",
    "context.statement_class != \"schema\" && context.hour < 12",
    "context.rows > 100",
    "context.rows <= 100",
    "context.first_time_requester || resource.environment == \"staging\"",
    "context.outside_hours",
    "context.privilege_growth",
    "principal is Agent && principal.owner == \"ana\"",
    "action in Action::\"db\"",
];

const STATEMENTS: [&str; 7] = [
    "SELECT 1",
    "INSERT INTO t VALUES (1)",
    "DELETE FROM t",
    "CREATE TABLE t (a int)",
    "GRANT SELECT ON t TO r",
    "DROP TABLE t",
    "this is no SQL",
];

const APPROVALS: [&str; 6] =
    ["none", "1 of group:a", "2 of group:a", "1 of group:a, 1 of group:b", "1 of group:a|group:b", "1 of group:c or 2 of group:b"];

fn condition() -> impl Strategy<Value = &'static str> {
    prop::sample::select(CONDITIONS.to_vec())
}

fn risk_rules() -> impl Strategy<Value = Vec<(u8, &'static str)>> {
    prop::collection::vec((1_u8..=60, condition()), 0..6)
}

fn risk_text(rules: &[(u8, &str)]) -> String {
    rules
        .iter()
        .enumerate()
        .map(|(n, (points, condition))| {
            format!("@id(\"r{n}\") @risk(\"{points}\") @because(\"b{n}\") permit (principal, action, resource) when {{ {condition} }};\n")
        })
        .collect()
}

#[derive(Clone, Debug)]
struct RouteRule {
    approvals: &'static str,
    limits: (u8, u8, u8),
    uses: u8,
    fallback: Option<(u8, &'static str)>,
    passkey: bool,
    condition: &'static str,
}

fn route_rule() -> impl Strategy<Value = RouteRule> {
    let safe = prop::sample::select(vec![
        "true",
        "context.hour < 12",
        "context.first_time_requester",
        "context.rows > 100",
        "resource.environment == \"production\"",
    ]);
    let fallback = prop::option::of((1_u8..30, prop::sample::select(vec!["1 of group:c", "1 of group:b or 1 of group:a", "2 of group:c"])));
    (prop::sample::select(APPROVALS.to_vec()), (1_u8..50, 1_u8..50, 0_u8..4), 0_u8..9, fallback, any::<bool>(), safe).prop_map(
        |(approvals, limits, uses, fallback, passkey, condition)| RouteRule { approvals, limits, uses, fallback, passkey, condition },
    )
}

fn route_text(rules: &[RouteRule]) -> String {
    let text = |(n, rule): (usize, &RouteRule)| {
        let (expires, grant, deny) = rule.limits;
        // A rule without limits has the defaults, which are limits too.
        let expires = if expires % 3 == 0 { String::new() } else { format!("@expires(\"{expires}m\")") };
        let grant = if grant % 3 == 0 { String::new() } else { format!("@grant(\"{grant}m\")") };
        let deny = if deny == 0 { String::new() } else { format!("@deny(\"{deny}\")") };
        let assurance = if rule.passkey { "@assurance(\"passkey\")" } else { "" };
        let uses = if rule.uses == 0 { String::new() } else { format!("@uses(\"{}\") @run(\"{}m\")", rule.uses, rule.uses) };
        // In time, and only where somebody waits.
        let fallback = rule.fallback.filter(|(after, _)| rule.approvals != "none" && (rule.limits.0 % 3 == 0 || *after < rule.limits.0));
        let fallback = fallback.map_or(String::new(), |(after, people)| format!("@escalate(\"{after}m: {people}\") @remind(\"{after}m\")"));
        format!(
            "@id(\"p{n}\") @approvals(\"{}\") {expires} {grant} {deny} {uses} {fallback} {assurance} permit (principal, action, resource) when {{ {} }};\n",
            rule.approvals, rule.condition
        )
    };
    rules.iter().enumerate().map(text).collect()
}

fn ask() -> impl Strategy<Value = Sample> {
    let rows = prop_oneof![Just(Value::Null), (0_i64..300).prop_map(Value::from)];
    let place = prop::sample::select(vec!["postgres:orders/prod", "postgres:orders/staging", "postgres:orders/qa"]);
    let at = prop::sample::select(vec!["2026-11-23T10:00:00Z", "2026-11-23T22:00:00Z"]);
    (prop::sample::select(STATEMENTS.to_vec()), rows, place, at, any::<bool>(), any::<bool>()).prop_map(
        |(sql, rows, place, at, first, human)| {
            let mut sample = Sample::new("db.schema.apply", place, json!({"sql": sql, "rows": rows})).at(at);
            sample.history = History { first_time_requester: first, ..History::default() };
            if human { sample.human(&["group:a"]) } else { sample }
        },
    )
}

/// Every set of these people.
fn crowds() -> Vec<Vec<Candidate>> {
    crowds_of(&[
        ("ana", &["group:a"][..]),
        ("ben", &["group:b"]),
        ("cyd", &["group:a", "group:b"]),
        ("dan", &["group:c"]),
        ("eve", &["group:a", "group:c"]),
    ])
}

fn crowds_of(people: &[(&str, &[&str])]) -> Vec<Vec<Candidate>> {
    let candidate = |(name, roles): &(&str, &[&str])| Candidate {
        person: name.parse().unwrap(),
        principal: name.parse().unwrap(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
    };
    (0_usize..1 << people.len())
        .map(|mask| people.iter().enumerate().filter(|(n, _)| mask & (1 << n) != 0).map(|(_, person)| candidate(person)).collect())
        .collect()
}

/// Whether `after` asks for at least as much as `before`.
fn at_least_as_strict(before: &Assessment, after: &Assessment) -> Result<(), TestCaseError> {
    if after.outcome == Outcome::Refuse {
        return Ok(());
    }
    for crowd in crowds() {
        let (was_enough, is_enough) = (
            before.requirement.is_none() || before.requirement.fill(&crowd).is_some(),
            after.requirement.is_none() || after.requirement.fill(&crowd).is_some(),
        );
        prop_assert!(was_enough || !is_enough, "{} became {}", before.requirement, after.requirement);
    }
    prop_assert!(after.persons_required >= before.persons_required);
    prop_assert!(after.expires_seconds <= before.expires_seconds);
    prop_assert!(after.grant_seconds <= before.grant_seconds);
    prop_assert!(after.deny_threshold <= before.deny_threshold);
    prop_assert!(after.assurance >= before.assurance);
    prop_assert!(after.uses <= before.uses);
    prop_assert!(after.run_seconds <= before.run_seconds);
    prop_assert!(before.remind_seconds.is_none_or(|before| after.remind_seconds.is_some_and(|after| after <= before)));
    if let (Some(before), Some(after)) = (&before.escalation, &after.escalation) {
        prop_assert!(after.after_seconds >= before.after_seconds && after.persons_required >= before.persons_required);
        for crowd in crowds() {
            prop_assert!(before.requirement.fill(&crowd).is_some() || after.requirement.fill(&crowd).is_none());
        }
    }
    // To wait adds people who may seal it and never takes the rules' own people away.
    for escalation in after.escalation.iter() {
        prop_assert!(escalation.after_seconds < after.expires_seconds && !escalation.requirement.is_none());
        for crowd in crowds() {
            prop_assert!(after.requirement.fill(&crowd).is_none() || escalation.requirement.fill(&crowd).is_some());
        }
    }
    Ok(())
}

/// Whether nobody who was not enough before is enough after, and nothing refused comes through.
fn asks_for_at_least_as_many(before: &Assessment, after: &Assessment) -> Result<(), TestCaseError> {
    prop_assert!(after.risk >= before.risk);
    if after.outcome == Outcome::Refuse {
        return Ok(());
    }
    prop_assert_eq!(before.outcome, Outcome::Route);
    prop_assert!(after.assurance >= before.assurance && after.persons_required >= before.persons_required);
    for crowd in SEALERS.iter() {
        let enough = |assessment: &Assessment| assessment.requirement.is_none() || assessment.requirement.fill(crowd).is_some();
        prop_assert!(enough(before) || !enough(after), "{} became {}", before.requirement, after.requirement);
    }
    Ok(())
}

/// The default policy, read once: checking it takes longer than asking it a hundred times.
static DEFAULT: LazyLock<Policy> = LazyLock::new(default_policy);

/// Every set of people who could seal something under the default policy.
static SEALERS: LazyLock<Vec<Vec<Candidate>>> = LazyLock::new(|| {
    crowds_of(&[
        ("ana", &["group:engineering"][..]),
        ("ben", &["group:engineering", "group:sre"]),
        ("cyd", &["group:sre"]),
        ("dan", &["group:dba", "group:data-owner"]),
        ("eve", &["group:security"]),
        ("flo", &["group:security", "group:data-owner"]),
    ])
});

/// Asks about everything that the default policy routes.
fn any_ask() -> impl Strategy<Value = Sample> {
    let verbs = vec![
        ("db.schema.apply", "postgres:orders"),
        ("db.schema.drop", "postgres:orders"),
        ("db.data.change", "postgres:customers"),
        ("data.export", "s3:public-reports"),
        ("data.export", "postgres:payroll"),
        ("iam.role.grant", "aws:shop"),
        ("iam.key.create", "aws:shop"),
        ("infra.reset", "k8s:shop"),
        ("infra.scale", "k8s:shop"),
        ("config.change", "k8s:shop"),
    ];
    let place = prop::sample::select(vec!["prod", "staging", "dev", "qa"]);
    let parameters = prop::sample::select(vec![
        json!({}),
        json!({"role": "viewer", "rows": 5, "nodes": 2, "instances": 500}),
        json!({"role": "admin", "rows": 50_000, "sql": "DROP TABLE t"}),
        json!({"sql": "UPDATE t SET a = 1 WHERE id = 1", "limit": 10}),
        json!({"sql": "not to be read"}),
    ]);
    let at = prop::sample::select(vec!["2026-11-23T10:00:00Z", "2026-11-23T22:00:00Z", "2026-12-24T10:00:00Z"]);
    (prop::sample::select(verbs), place, parameters, at, any::<bool>(), 0_u64..6).prop_map(
        |((verb, what), place, parameters, at, first, failed)| {
            let mut sample = Sample::new(verb, &format!("{what}/{place}"), parameters).at(at);
            sample.history =
                History { first_time_requester: first, failed_last_day: failed, requests_last_hour: failed * 10, ..History::default() };
            if failed % 2 == 0 { sample.human(&["group:engineering"]) } else { sample }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_risk_rule_more_never_lowers_the_risk(rules in risk_rules(), more in (1_u8..=60, condition()), ask in ask()) {
        let base = "@id(\"ok\") @approvals(\"none\") permit (principal, action, resource);\n";
        let before = ask.assess(&policy(&format!("{base}{}", risk_text(&rules)))).assessment;
        let mut rules = rules;
        rules.push(more);
        let after = ask.assess(&policy(&format!("{base}{}", risk_text(&rules)))).assessment;
        prop_assert!(after.risk >= before.risk);
        let names = |assessment: &Assessment| assessment.factors.iter().map(|factor| factor.rule.clone()).collect::<BTreeSet<_>>();
        // SQL that nobody can read is judged as its riskiest class, and a rule more may make that another class.
        if before.facts["unread_sql"] == false {
            prop_assert!(names(&after).is_superset(&names(&before)));
        }
        prop_assert_eq!(u32::from(after.risk), after.factors.iter().map(|factor| u32::from(factor.points)).sum::<u32>().min(100));
    }

    #[test]
    fn a_route_more_never_asks_for_less(rules in prop::collection::vec(route_rule(), 1..4), more in route_rule(), ask in ask()) {
        let before = ask.assess(&policy(&route_text(&rules))).assessment;
        prop_assume!(before.outcome == Outcome::Route);
        let mut rules = rules;
        rules.push(more);
        let after = ask.assess(&policy(&route_text(&rules))).assessment;
        at_least_as_strict(&before, &after)?;
    }

    /// Leaving a fact out, or garbling the SQL, never makes a request look less risky than telling would.
    #[test]
    fn a_missing_fact_never_lowers_the_risk(rules in risk_rules(), ask in ask(), rows in 0_i64..300, sql in prop::sample::select(STATEMENTS.to_vec())) {
        let policy = policy(&format!("@id(\"ok\") @approvals(\"none\") permit (principal, action, resource);\n{}", risk_text(&rules)));
        let risk = |change: &dyn Fn(&mut Sample)| {
            let mut changed = ask.clone();
            change(&mut changed);
            changed.assess(&policy).assessment.risk
        };
        let set = |sample: &mut Sample, name: &str, value: Value| { sample.action.parameters.insert(name.to_owned(), value); };
        prop_assert!(risk(&|sample| set(sample, "rows", Value::Null)) >= risk(&|sample| set(sample, "rows", rows.into())));
        prop_assert!(risk(&|sample| set(sample, "sql", "garbled beyond reading".into())) >= risk(&|sample| set(sample, "sql", sql.into())));
        for place in ["orders/prod", "orders/staging"] {
            let at = |sample: &mut Sample, id: &str| sample.action.resource.name = format!("postgres:{id}").parse().unwrap();
            prop_assert!(risk(&|sample| at(sample, "orders/qa")) >= risk(&|sample| at(sample, place)), "{}", place);
        }
    }
    /// Whatever an advisor says, nobody gets through the default policy more easily for it.
    #[test]
    fn advice_never_lowers_the_risk_and_never_loosens_the_requirement(ask in any_ask(), points in 0_u8..=100, more in 0_u8..=100, failed in any::<bool>()) {
        let before = ask.assess(&DEFAULT).assessment;
        let failure = failed.then_some("no answer within 500 ms");
        let after = ask.clone().advised(points, failure).assess(&DEFAULT).assessment;
        prop_assert_eq!(&after.factors, &before.factors);
        if failed {
            prop_assert_eq!(Assessment { advice: None, ..after }, before);
            return Ok(());
        }
        prop_assert_eq!(u32::from(after.risk), (before.factors.iter().map(|factor| u32::from(factor.points)).sum::<u32>() + u32::from(points)).min(100));
        asks_for_at_least_as_many(&before, &after)?;
        let stronger = ask.clone().advised(points.max(more), None).assess(&DEFAULT).assessment;
        asks_for_at_least_as_many(&after, &stronger)?;
    }
}
