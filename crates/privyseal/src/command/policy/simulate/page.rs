//! A simulation as one page: the report model of the evidence, so that it looks like everything else that is handed to an auditor.

use privyseal_core::report::{Block, Column, Document, Inline, Table};
use privyseal_core::simulation::{Example, Group, NotJudged, RuleChange, Simulation};

use super::{Told, other_points, share, totals};

pub(super) fn html(told: &Told<'_>) -> anyhow::Result<String> {
    Ok(privyseal_evidence::html::render(&document(told))?)
}

fn document(told: &Told<'_>) -> Document {
    let Told { simulation, period, candidate, log, entries } = told;
    let mut blocks = vec![heading(1, "Totals", "totals"), paragraph(totals(simulation))];
    blocks.extend(other_points(simulation).map(paragraph));
    let count = |label: &str, count: u64| (label.to_owned(), vec![Inline::text(share(simulation, count))]);
    blocks.push(Block::Facts(vec![
        ("Requests".to_owned(), vec![Inline::text(simulation.total().to_string())]),
        count("Routed as they were", simulation.same()),
        count("Routed differently", simulation.changed()),
        count("Not judged", simulation.unjudged()),
    ]));
    let groups = simulation.groups();
    if !groups.is_empty() {
        blocks.push(heading(1, "Routed differently", "changed"));
    }
    for (number, group) in groups.iter().enumerate() {
        of_group(simulation, group, number + 1, &mut blocks);
    }
    let not_judged = simulation.not_judged();
    if !not_judged.is_empty() {
        blocks.push(heading(1, "Not judged", "not-judged"));
    }
    for NotJudged { why, count, examples } in &not_judged {
        blocks.push(paragraph(format!("{}: {why}.", share(simulation, *count))));
        blocks.push(of_examples(examples));
    }
    Document {
        title: "Policy simulation".to_owned(),
        subtitle: "What another policy would have done with requests that were really asked".to_owned(),
        language: "en".to_owned(),
        facts: vec![
            ("Period".to_owned(), format!("{} up to {}", period.start, period.end)),
            ("Candidate policy".to_owned(), candidate.digest().hex()),
            ("Log".to_owned(), format!("{log}, {entries} entries")),
        ],
        footer: format!("Simulated over the log {log}; recorded decisions stay what they are."),
        blocks,
    }
}

fn of_group(simulation: &Simulation, group: &Group, number: usize, blocks: &mut Vec<Block>) {
    let Group { before, after, rules, count, examples } = group;
    blocks.push(heading(2, &format!("{} requests", share(simulation, *count)), &format!("group-{number}")));
    let or = |text: Option<&str>| vec![Inline::text(text.unwrap_or("–"))];
    let terms = before.changes(after).into_iter();
    let rows = terms.map(|(term, before, after)| vec![vec![Inline::text(term.label())], or(before), or(after)]).collect();
    blocks.push(table("What changes", ["Of the route", "Recorded", "Under the candidate"], rows));
    let of_rule = |RuleChange { rule, before, after }: &RuleChange| {
        vec![vec![Inline::code(rule.as_str())], or(before.as_deref()), or(after.as_deref())]
    };
    blocks.push(table("Rules that make the difference", ["Rule", "Recorded", "Under the candidate"], rules.iter().map(of_rule).collect()));
    blocks.push(of_examples(examples));
}

fn of_examples(examples: &[Example]) -> Block {
    let of = |Example { request, action, resource }: &Example| {
        vec![
            Inline::code(request.to_string()),
            Inline::text(" "),
            Inline::Strong(action.clone()),
            Inline::text(" on "),
            Inline::code(resource.as_str()),
        ]
    };
    Block::Items(examples.iter().map(of).collect())
}

fn heading(level: u8, text: &str, anchor: &str) -> Block {
    Block::Heading { level, text: text.to_owned(), anchor: anchor.to_owned() }
}

fn paragraph(text: String) -> Block {
    Block::Paragraph(vec![Inline::Text(text)])
}

fn table(caption: &str, columns: [&str; 3], rows: Vec<Vec<Vec<Inline>>>) -> Block {
    let column = |title: &str| Column { title: title.to_owned(), weight: 30, numeric: false };
    Block::Table(Table { caption: caption.to_owned(), columns: columns.map(column).to_vec(), rows, cut: None })
}
