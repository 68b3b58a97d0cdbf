//! `privyseal bench policy`: what an assessment takes with policies of growing size, beside Cedar alone on the same question.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use privyseal_core::action::Action;
use privyseal_core::assessment::Outcome;
use privyseal_core::event::ActorKind;
use privyseal_policy::{Ask, CATALOGUE_FILE, History, Policy, PolicyFile, Requester};
use serde_json::json;

use super::{per_second, quantile};
use crate::output;

/// Rules of the measured policies.
const SIZES: [usize; 3] = [10, 100, 1_000];
/// Teams of the made-up company; rules are spread over their databases.
const TEAMS: usize = 25;
/// Most rules in one file: longer files are refused.
const RULES_IN_FILE: usize = 200;

/// Measures both in turns, so that whatever else the machine does meets both.
pub(super) fn run(time: Duration) -> anyhow::Result<()> {
    for size in SIZES {
        let started = Instant::now();
        let policy = Policy::load(files(size)).map_err(|problems| anyhow::anyhow!("the measured policy does not load:\n{problems}"))?;
        let loading = started.elapsed();
        anyhow::ensure!(policy.rules().len() == size, "the measured policy has {} rules", policy.rules().len());
        output::data(&format!("{size:>5} rules: checked and loaded in       {:>9}", micros(loading)));
        for (what, sql) in [
            ("readable SQL", "ALTER TABLE orders ADD COLUMN note text"),
            // Judged as the worst it could be, which asks the risk rules once for each class of statement.
            ("SQL that cannot be read", "frobnicate the orders"),
        ] {
            measure(&policy, sql, what, time)?;
        }
    }
    Ok(())
}

fn measure(policy: &Policy, sql: &str, what: &str, time: Duration) -> anyhow::Result<()> {
    let requester = Requester {
        principal: "agent:migrator".parse()?,
        kind: ActorKind::Agent,
        roles: std::iter::once("group:bots".parse()?).collect(),
        owner: Some("ana".parse()?),
    };
    let action: Action = serde_json::from_value(json!({
        "action": "db.schema.apply",
        "resource": {"type": "postgres", "id": "team-3/orders/prod"},
        "parameters": {"sql": sql, "rows": 400},
    }))?;
    let history = History { requests_last_day: 12, requests_last_month: 300, active_days_last_month: 20, ..History::default() };
    let ask = Ask {
        requester: &requester,
        action: &action,
        input_texts: &[],
        history,
        on_behalf_of: false,
        justification_chars: 60,
        has_ticket: true,
        deceptive: false,
        advice: None,
        now: "2026-11-23T10:00:00Z".parse()?,
    };
    let outcome = policy.assess(&ask, 1).assessment;
    anyhow::ensure!(outcome.outcome == Outcome::Route, "the measured request is refused: {:?}", outcome.determining);
    let bare = policy.bare(&ask).ok_or_else(|| anyhow::anyhow!("the measured request cannot be put to Cedar"))?;

    let (mut peer, mut ours) = (Vec::new(), Vec::new());
    let started = Instant::now();
    while started.elapsed() < time {
        peer.push(timed(|| bare.decide()));
        ours.push(timed(|| policy.assess(&ask, 1)));
    }
    peer.sort();
    ours.sort();
    let middle = |times: &[Duration]| quantile(times, 500);
    output::data(&format!(
        "      peer: bare Cedar, is_authorized      {:>9} p50 {:>9} p99   {what}",
        micros(middle(&peer)),
        micros(quantile(&peer, 990))
    ));
    output::data(&format!(
        "      ours: facts, risk, route, reasons    {:>9} p50 {:>9} p99   {:>7.0} /s   {:.2} times the peer",
        micros(middle(&ours)),
        micros(quantile(&ours, 990)),
        per_second(1, middle(&ours)),
        middle(&ours).as_secs_f64() / middle(&peer).as_secs_f64().max(1e-9)
    ));
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    black_box(work());
    started.elapsed()
}

fn micros(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}

/// A policy of so many rules, as a company would write it: half weigh risk, a fifth forbids, the rest routes by team and environment.
fn files(size: usize) -> Vec<PolicyFile> {
    let rules: Vec<String> = (0..size).map(rule).collect();
    let file = |(number, part): (usize, &[String])| PolicyFile { name: format!("rules-{number}.cedar"), text: part.concat() };
    let mut files: Vec<PolicyFile> = rules.chunks(RULES_IN_FILE).enumerate().map(file).collect();
    files.push(PolicyFile { name: CATALOGUE_FILE.to_owned(), text: catalogue() });
    files
}

fn rule(number: usize) -> String {
    let (team, step) = (number / 10 % TEAMS, number % 7);
    // Most rules are about one team's databases, and look at where before they look at what.
    let here = format!("resource.id like \"team-{team}/*\"");
    let body = match number % 10 {
        0 => format!("@approvals(\"1 of group:team-{team}\") @expires(\"2h\") permit (principal, action in Action::\"db\", resource) when {{ {here} && resource.environment == \"production\" && context.risk < 60 }}"),
        1 => "@approvals(\"1 of group:sre|group:dba\") @expires(\"2h\") @escalate(\"1h: 1 of group:oncall\") permit (principal, action in Action::\"db\", resource) when { resource.environment == \"production\" }".to_owned(),
        2 => format!("@approvals(\"2 of group:team-{team}\") permit (principal, action in [Action::\"db.schema\", Action::\"infra\"], resource) when {{ {here} && context.risk >= 60 }}"),
        3 => format!("@because(\"the freeze of team {team}\") forbid (principal, action in Action::\"db\", resource) when {{ {here} && context.change_freeze && resource.environment == \"production\" }}"),
        4 => format!("@because(\"team {team} runs no bots at night\") forbid (principal is Agent, action, resource) when {{ {here} && context.hour < {step} && resource.data_class == \"confidential\" }}"),
        5 => format!("@risk(\"1\") @because(\"production of team {team}\") permit (principal, action, resource) when {{ {here} && resource.environment == \"production\" }}"),
        6 => format!("@risk(\"2\") @because(\"many rows of team {team}\") permit (principal, action in Action::\"db.data\", resource) when {{ {here} && context.rows > {} }}", (step + 1) * 1_000),
        7 => format!("@risk(\"3\") @because(\"destroys data of team {team}\") permit (principal, action in Action::\"db\", resource) when {{ {here} && [\"schema_destructive\", \"write_all\"].contains(context.statement_class) }}"),
        8 => format!("@risk(\"1\") @because(\"more than {number} requests a day\") permit (principal, action, resource) when {{ context.requests_last_day > {number} && !context.first_time_requester }}"),
        _ => format!("@risk(\"1\") @because(\"odd hour for team {team}\") permit (principal, action, resource) when {{ {here} && (context.hour < {step} || context.first_time_resource) }}"),
    };
    format!("@id(\"rule-{number}\") {body};\n")
}

fn catalogue() -> String {
    let mut text = String::new();
    for (id, class) in [
        ("db.schema.apply", "schema"),
        ("db.schema.drop", "schema"),
        ("db.data.change", "data"),
        ("infra.restart", "infrastructure"),
        ("infra.scale", "infrastructure"),
    ] {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "[[action]]\nid = \"{id}\"\ntitle = \"{id}\"\nclass = \"{class}\"\nreversibility = \"costly\"\n");
    }
    text.push_str("[[resource]]\npattern = \"*/prod\"\nenvironment = \"production\"\ndata_class = \"confidential\"\n");
    text
}
