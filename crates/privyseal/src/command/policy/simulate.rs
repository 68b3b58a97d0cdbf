//! `privyseal policy simulate`: another policy is asked about the real requests of a period, and what it says is compared with what was
//! recorded. Works beside a running server and without one, and writes nothing but the file that is asked for.

mod page;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use privyseal_core::command::Assessed;
use privyseal_core::event::request::Submitted;
use privyseal_core::event::{Body, Event};
use privyseal_core::simulation::{Example, Group, RuleChange, Simulation};
use privyseal_core::time::{Period, Timestamp};
use privyseal_engine::Past;
use privyseal_policy::Policy;
use serde_json::{Value, json};

use crate::cli::{Format, Simulate};
use crate::context::Context;
use crate::output;

/// What is told: the simulation, and of what.
struct Told<'a> {
    simulation: &'a Simulation,
    period: Period,
    candidate: &'a Policy,
    log: String,
    entries: u64,
}

/// Asks a policy about the requests of a period.
///
/// # Errors
/// When the period is empty, the log cannot be read or followed, or the file cannot be written.
pub(super) fn run(context: &Context, options: &Simulate, candidate: &Policy) -> anyhow::Result<ExitCode> {
    let from = Timestamp::parse_lenient(&options.from).context("--from")?;
    let to = Timestamp::parse_lenient(&options.to).context("--to")?;
    let period = Period::new(from, to)?;
    let render = match context.global.format.unwrap_or(Format::Text) {
        Format::Text | Format::Table => text,
        Format::Json => as_json,
        Format::Html => page::html,
        other => bail!("a simulation has no {other:?} form: use text, json or html"),
    };
    let mut past = Past::open(context.layout())?;
    let mut simulation = Simulation::default();
    while let Some((_, event)) = past.step()? {
        // Times never go back along a log, so nothing of the period comes after.
        if event.time >= period.end {
            break;
        }
        if let (Body::RequestSubmitted(submitted), Some(request), true) = (&event.body, event.request_id, event.time >= period.start) {
            let after = judge(&mut past, &event, submitted, candidate);
            simulation.add(request, submitted, after.as_ref().map(|after| &after.assessment).map_err(Clone::clone));
        }
        past.fold(&event);
    }
    let entries = past.size();
    let told = render(&Told { simulation: &simulation, period, candidate, log: past.state().log.clone(), entries })?;
    match &options.out {
        Some(path) => {
            std::fs::write(path, &told).with_context(|| format!("cannot write {}", path.display()))?;
            output::note(&totals(&simulation));
            output::note(&format!("wrote {}", path.display()));
        }
        None => output::data(&told),
    }
    Ok(ExitCode::SUCCESS)
}

/// What the candidate says about a request on the state before it, or why it cannot be asked.
fn judge(past: &mut Past, event: &Event, submitted: &Submitted, candidate: &Policy) -> Result<Assessed, String> {
    let verb = &submitted.action.verb;
    if candidate.action(verb).is_none() {
        return Err(format!("`{verb}` is not in the candidate's action catalogue, so it could not have been asked"));
    }
    let mut asking = past.asking(event, submitted);
    if !asking.closed().is_empty() {
        return Err("a hidden value of the action was erased or is kept on another node, and a rule may look at it".to_owned());
    }
    let (then, version) = match past.policy_in_force() {
        Ok((then, version)) => (Some(then), version),
        Err(_) => (None, 0),
    };
    if let Some(then) = then {
        asking.keep_what_was_at_hand(&then, version, past.state());
    }
    Ok(asking.consult(candidate, version.saturating_add(1), past.state()))
}

/// A count with its share of all requests.
fn share(simulation: &Simulation, count: u64) -> String {
    let permille = simulation.permille(count);
    format!("{count} ({}.{} %)", permille / 10, permille % 10)
}

fn totals(simulation: &Simulation) -> String {
    let (total, same, changed, unjudged) = (simulation.total(), simulation.same(), simulation.changed(), simulation.unjudged());
    if total == 0 {
        return "no request in this period".to_owned();
    }
    if same == total {
        return format!("no difference: every one of {total} requests would be routed as it was");
    }
    format!(
        "of {total} requests {} would be routed as they were, {} differently, {} cannot be judged",
        share(simulation, same),
        share(simulation, changed),
        share(simulation, unjudged)
    )
}

/// Requests whose route stays and whose risk is another number.
fn other_points(simulation: &Simulation) -> Option<String> {
    let count = simulation.other_points();
    (count > 0).then(|| format!("{count} of those that would be routed as they were would have another number of risk points"))
}

fn text(told: &Told<'_>) -> anyhow::Result<String> {
    let Told { simulation, period, candidate, log, .. } = told;
    let mut lines = vec![
        totals(simulation),
        format!("{} up to {}, log {log}, candidate policy {}", period.start, period.end, candidate.digest().hex()),
    ];
    lines.extend(other_points(simulation));
    for Group { before, after, rules, count, examples } in simulation.groups() {
        lines.push(String::new());
        lines.push(share(simulation, count));
        for (term, before, after) in before.changes(&after) {
            lines.push(format!("    {}: {} -> {}", term.label(), before.unwrap_or("-"), after.unwrap_or("-")));
        }
        lines.extend(rules.iter().map(|rule| format!("  by {}", of_rule(rule))));
        lines.extend(examples.iter().map(|example| format!("  as {}", of_example(example))));
    }
    for not in simulation.not_judged() {
        lines.push(String::new());
        lines.push(format!("{} cannot be judged: {}", share(simulation, not.count), not.why));
        lines.extend(not.examples.iter().map(|example| format!("  as {}", of_example(example))));
    }
    Ok(lines.join("\n"))
}

fn of_rule(RuleChange { rule, before, after }: &RuleChange) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("{rule}: {before} -> {after}"),
        (None, Some(after)) => format!("{rule}: now {after}"),
        (Some(before), None) => format!("{rule}: no longer {before}"),
        (None, None) => rule.clone(),
    }
}

fn of_example(Example { request, action, resource }: &Example) -> String {
    format!("{request} {action} on {resource}")
}

fn as_json(told: &Told<'_>) -> anyhow::Result<String> {
    let Told { simulation, period, candidate, log, entries } = told;
    let groups = simulation.groups().into_iter().map(|group| {
        let share = simulation.permille(group.count);
        let mut group = serde_json::to_value(group)?;
        if let Some(members) = group.as_object_mut() {
            members.insert("share_permille".to_owned(), Value::from(share));
        }
        Ok(group)
    });
    Ok(serde_json::to_string_pretty(&json!({
        "from": period.start, "to": period.end, "log": log, "entries": entries,
        "candidate": candidate.digest(), "total": simulation.total(), "same": simulation.same(), "changed": simulation.changed(),
        "not_judged": simulation.unjudged(), "other_points": simulation.other_points(),
        "groups": groups.collect::<serde_json::Result<Vec<Value>>>()?, "not_judged_groups": simulation.not_judged(),
    }))?)
}
