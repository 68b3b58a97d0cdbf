//! The report as content: the summary over all frameworks, and one page per control.

use std::collections::BTreeMap;

use privyseal_core::canonical;
use privyseal_core::finding::{AssertionFinding, ControlFinding, FrameworkFinding, ItemStatus, TestState};
use privyseal_core::report::{Block, Column, Document, Inline, Table};

use super::PackInput;

/// Most rows of a table on a page; the whole is always in a file of the pack.
const MAX_ROWS: usize = 200;

fn text(text: impl Into<String>) -> Vec<Inline> {
    vec![Inline::text(text)]
}

fn column(title: &str, weight: u16, numeric: bool) -> Column {
    Column { title: title.to_owned(), weight, numeric }
}

fn heading(level: u8, text: &str, anchor: &str) -> Block {
    Block::Heading { level, text: text.to_owned(), anchor: anchor.to_owned() }
}

fn state_cell(state: Option<TestState>) -> Vec<Inline> {
    state.map_or_else(|| text("not tested"), |state| vec![Inline::State(state)])
}

fn facts(input: &PackInput<'_>) -> Vec<(String, String)> {
    let findings = input.findings;
    vec![
        ("Period".to_owned(), format!("{} to {} (UTC, end not included)", findings.period.start.minute(), findings.period.end.minute())),
        ("Log".to_owned(), input.log.to_owned()),
        ("Snapshot".to_owned(), format!("{} entries", findings.snapshot.size)),
        ("Root".to_owned(), findings.snapshot.root.hex()),
        ("Engine".to_owned(), findings.engine.clone()),
    ]
}

fn footer(input: &PackInput<'_>) -> String {
    format!("Privyseal evidence · {} · root {}", input.log, input.findings.snapshot.root.short())
}

/// The summary: what was covered, the state of every control, every test with its numbers, every exception.
#[must_use]
pub fn summary_document(input: &PackInput<'_>) -> Document {
    let findings = input.findings;
    let names: Vec<&str> = findings.frameworks.iter().map(|framework| framework.name.as_str()).collect();
    let mut blocks = vec![
        heading(1, "Results", "results"),
        Block::Paragraph(text(
            "Each control below is tested by SQL over the whole population of signed events, not by a sample. The states say what the tests \
         found; they are no opinion on whether a control or a framework is met.",
        )),
    ];
    for framework in &findings.frameworks {
        blocks.extend(framework_blocks(framework));
    }
    blocks.push(Block::PageBreak);
    blocks.push(heading(1, "Tests", "tests"));
    blocks.push(Block::Table(tests_table(&findings.assertions)));
    blocks.push(heading(1, "Exceptions and open questions", "exceptions"));
    blocks.extend(exception_blocks(&findings.assertions));
    blocks.push(heading(1, "How to read this", "reading"));
    blocks.push(Block::Facts(TestState::ALL.iter().map(|state| (state.label().to_owned(), text(state.meaning()))).collect()));
    blocks.push(Block::Remark(
        "Verify this pack before you rely on it: privyseal verify, with the log's first key as you know it from elsewhere. Without a \
         witness, whoever holds database and key can rewrite unseen."
            .to_owned(),
    ));
    Document {
        title: "Evidence report".to_owned(),
        subtitle: names.join(" · "),
        language: "en".to_owned(),
        facts: facts(input),
        footer: footer(input),
        blocks,
    }
}

/// The tests that ran, and out of how many, when some are not written yet: a state over part of the tests must not look like all of them.
fn tests_cell(control: &ControlFinding) -> Vec<Inline> {
    let mut cell = vec![Inline::code(control.tested.join(" "))];
    if !control.not_implemented.is_empty() && !control.tested.is_empty() {
        cell.push(Inline::text(format!(" {} of {} ran", control.tested.len(), control.tested.len() + control.not_implemented.len())));
    }
    cell
}

fn counts(states: impl Iterator<Item = TestState>) -> Vec<(TestState, u64)> {
    let mut counted: BTreeMap<TestState, u64> = TestState::ALL.iter().map(|state| (*state, 0)).collect();
    for state in states {
        *counted.entry(state).or_default() += 1;
    }
    counted.into_iter().collect()
}

fn framework_blocks(framework: &FrameworkFinding) -> Vec<Block> {
    let evidenced: Vec<&ControlFinding> = framework.controls.iter().filter(|control| control.strength.is_some()).collect();
    let outside: Vec<&ControlFinding> = framework.controls.iter().filter(|control| control.strength.is_none()).collect();
    let rows = evidenced
        .iter()
        .map(|control| {
            let href = format!("controls/{}/{}.html", framework.framework, control.control);
            vec![
                vec![Inline::Link { text: control.control.clone(), href }],
                text(&control.title),
                text(control.strength.map_or("", |strength| strength.as_str())),
                state_cell(control.state),
                tests_cell(control),
            ]
        })
        .collect();
    let mut blocks = vec![
        heading(2, &framework.name, &format!("framework-{}", framework.framework)),
        Block::States { what: "controls".to_owned(), counts: counts(evidenced.iter().filter_map(|control| control.state)) },
        Block::Table(Table {
            caption: format!("{}: controls that these events can evidence", framework.name),
            columns: vec![
                column("Control", 12, false),
                column("Title", 40, false),
                column("Strength", 14, false),
                column("State", 18, false),
                column("Tests", 16, false),
            ],
            rows,
            cut: None,
        }),
    ];
    let untested: Vec<&str> = evidenced.iter().filter(|control| control.state.is_none()).map(|control| control.control.as_str()).collect();
    if !untested.is_empty() {
        blocks.push(Block::Paragraph(text(format!(
            "No test has run yet for {} of these: {}. They count as untested, not as passing.",
            untested.len(),
            untested.join(", ")
        ))));
    }
    let outside: Vec<&str> = outside.iter().map(|control| control.control.as_str()).collect();
    blocks.push(Block::Paragraph(text(format!(
        "Not in scope of this evidence: {} of {} controls of the catalog cannot be evidenced by approval events. {}",
        outside.len(),
        framework.controls.len(),
        outside.join(", ")
    ))));
    blocks
}

fn tests_table(findings: &[AssertionFinding]) -> Table {
    let number = |value: u64| text(value.to_string());
    Table {
        caption: "Every test that ran, with its whole population".to_owned(),
        columns: vec![
            column("Test", 8, false),
            column("Assertion", 34, false),
            column("State", 18, false),
            column("Items", 12, true),
            column("Violations", 13, true),
            column("Open", 12, true),
        ],
        rows: findings
            .iter()
            .map(|finding| {
                vec![
                    vec![Inline::Link { text: finding.assertion.clone(), href: format!("tests/{}/query.sql", finding.assertion) }],
                    text(&finding.title),
                    vec![Inline::State(finding.state)],
                    number(finding.rows),
                    number(finding.violations),
                    number(finding.indeterminate),
                ]
            })
            .collect(),
        cut: None,
    }
}

fn exception_blocks(findings: &[AssertionFinding]) -> Vec<Block> {
    let open: Vec<&AssertionFinding> =
        findings.iter().filter(|finding| finding.violations + finding.indeterminate > 0 || !finding.reason.is_empty()).collect();
    if open.is_empty() {
        return vec![Block::Paragraph(text("No test found a violation, and no item was left undecided."))];
    }
    open.into_iter().flat_map(finding_blocks).collect()
}

fn finding_blocks(finding: &AssertionFinding) -> Vec<Block> {
    let mut blocks = vec![
        heading(2, &format!("{} {}", finding.assertion, finding.title), &format!("test-{}", finding.assertion)),
        Block::Paragraph(vec![
            Inline::State(finding.state),
            Inline::text(format!(
                " {} items, {} violations, {} undecided. {}",
                finding.rows, finding.violations, finding.indeterminate, finding.reason
            )),
        ]),
    ];
    if finding.violations + finding.indeterminate > 0 {
        blocks.push(Block::Table(items_table(finding, |status| status != ItemStatus::Ok)));
    }
    blocks
}

fn items_table(finding: &AssertionFinding, wanted: impl Fn(ItemStatus) -> bool) -> Table {
    let items: Vec<_> = finding.items.iter().filter(|item| wanted(item.status)).collect();
    let all = u64::try_from(items.len()).unwrap_or(u64::MAX);
    Table {
        caption: format!("{}: items", finding.assertion),
        columns: vec![column("Item", 34, false), column("As of", 22, false), column("Verdict", 14, false), column("Reason", 34, false)],
        rows: items
            .iter()
            .take(MAX_ROWS)
            .map(|item| {
                let verdict = match item.status {
                    ItemStatus::Ok => "ok",
                    ItemStatus::Violation => "violation",
                    ItemStatus::Indeterminate => "undecided",
                };
                vec![vec![Inline::code(&item.item_id)], text(item.as_of.minute()), text(verdict), text(&item.reason)]
            })
            .collect(),
        cut: (items.len() > MAX_ROWS).then(|| (all, format!("tests/{}/population.csv", finding.assertion))),
    }
}

/// One control: what is mapped to it, what was found, the SQL that found it.
#[must_use]
pub fn control_document(input: &PackInput<'_>, framework: &FrameworkFinding, control: &ControlFinding) -> Document {
    let strength = control.strength.map_or("", |strength| strength.as_str());
    let mut blocks = vec![
        heading(1, "Result", "result"),
        Block::Facts(vec![
            ("State".to_owned(), state_cell(control.state)),
            ("Group".to_owned(), text(&control.group)),
            ("Strength of the evidence".to_owned(), text(strength)),
            ("Tests that ran".to_owned(), vec![Inline::code(control.tested.join(" "))]),
            (
                "Tests not implemented yet".to_owned(),
                text(if control.not_implemented.is_empty() { "none".to_owned() } else { control.not_implemented.join(" ") }),
            ),
        ]),
    ];
    for finding in input.findings.assertions.iter().filter(|finding| control.tested.contains(&finding.assertion)) {
        blocks.extend(finding_blocks(finding));
        // Canonical, because the order of a JSON object is a build feature of the library and packs are the same bytes everywhere.
        let parameters = canonical::serialize(&finding.parameters).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        blocks.push(Block::Paragraph(vec![Inline::text("Parameters "), Inline::code(parameters)]));
        blocks.push(Block::Code(finding.query.clone()));
    }
    Document {
        title: format!("{} {}", control.control, control.title),
        subtitle: framework.name.clone(),
        language: "en".to_owned(),
        facts: facts(input),
        footer: footer(input),
        blocks,
    }
}
