//! A made-up report that uses everything a report can hold: what the tests render, and what the example writes.
//!
//! Nothing in it comes from a ledger, and its numbers agree with each other only as far as a reader can see.

use privyseal_core::finding::TestState::{self, Error, Exception, NoEvidence, NoPopulation, Pass};
use privyseal_core::report::{Block, Column, Document, Inline, Table};

use crate::wording;

/// Control, title, strength, tests, items, exceptions, state.
type ControlRow = (&'static str, &'static str, &'static str, &'static str, u32, u32, TestState);

const CONTROLS: [ControlRow; 30] = [
    ("CC1.1", "Integrity and ethical values", "supporting", "D17", 412, 0, Pass),
    ("CC1.3", "Structures, reporting lines, authority and responsibility", "partial", "D04, L03", 538, 0, Pass),
    ("CC1.5", "Accountability for internal control", "partial", "M03", 6, 0, Pass),
    ("CC2.1", "Quality information for internal control", "direct", "I01, I02, I04, I07", 18_204, 0, Pass),
    ("CC2.2", "Internal communication", "supporting", "M02", 41, 0, Pass),
    ("CC3.2", "Risk identification and analysis", "partial", "E02", 377, 0, Pass),
    ("CC3.3", "Fraud risk", "supporting", "D01, D17", 964, 0, Pass),
    ("CC3.4", "Changes affecting internal control", "partial", "M06, D12", 389, 0, Pass),
    ("CC4.1", "Ongoing and separate evaluations", "direct", "M04, I12", 2_944, 0, Pass),
    ("CC4.2", "Deficiency evaluation and communication", "direct", "M03", 6, 1, Exception),
    ("CC5.1", "Control activities that mitigate risk", "direct", "D02, D03, D06", 1_152, 0, Pass),
    ("CC5.2", "Technology general controls", "partial", "E05, E06", 731, 0, Pass),
    ("CC5.3", "Policies and procedures", "direct", "M06", 14, 0, Pass),
    ("CC6.1", "Logical access security", "direct", "D04, D08, D15", 1_388, 0, Pass),
    ("CC6.2", "Registration, authorization and removal of users", "partial", "L02, L03", 96, 0, NoEvidence),
    ("CC6.3", "Access modification, least privilege and segregation of duties", "direct", "D01, D03, D10, D17, L01", 1_406, 2, Exception),
    ("CC6.4", "Physical access", "", "", 0, 0, NoPopulation),
    ("CC6.5", "Disposal of protected assets", "supporting", "I09", 92, 0, Pass),
    ("CC6.6", "Boundary protection", "supporting", "E06", 354, 0, Pass),
    ("CC6.7", "Transmission, movement and removal of information", "partial", "M05", 128, 0, Pass),
    ("CC6.8", "Unauthorized or malicious software", "partial", "E04, E05", 354, 0, NoEvidence),
    ("CC7.1", "Detection of configuration change and vulnerabilities", "partial", "D06, E05", 708, 0, Pass),
    ("CC7.2", "Anomaly monitoring", "direct", "M01, M02, D19", 67, 0, Pass),
    ("CC7.3", "Security event evaluation", "direct", "M02", 41, 0, Pass),
    ("CC7.4", "Incident response", "partial", "D11, D16", 9, 0, Pass),
    ("CC7.5", "Incident recovery", "supporting", "I10", 0, 0, NoPopulation),
    ("CC8.1", "Change management", "direct", "D02, D06, D12, E01, E03", 1_803, 1, Exception),
    ("CC9.1", "Business disruption risk", "supporting", "I10", 0, 0, NoPopulation),
    ("CC9.2", "Vendor and partner risk", "supporting", "M08", 11, 0, Pass),
    ("PI1.3", "Processing controls", "partial", "D06, D09", 706, 0, Error),
];

const SEGREGATION_QUERY: &str = "-- D01: nobody approves a request of their own, of their agents, or of whoever they act for.
SELECT r.review_id                                   AS item_id,
       r.event_id,
       r.recorded_at                                 AS as_of,
       CASE
         WHEN q.owner_at_request IS NULL             THEN 'indeterminate'
         WHEN person_of(r.actor_id, r.recorded_at) IN
              (SELECT subject FROM request_subjects s WHERE s.request_id = q.request_id)
                                                     THEN 'violation'
         ELSE 'ok'
       END                                           AS status,
       'the reviewer is a subject of the request'    AS reason
FROM   reviews r
JOIN   requests q USING (request_id)
WHERE  r.verdict = 'approve'
  AND  r.recorded_at >= :period_start AND r.recorded_at < :period_end
ORDER  BY item_id;";

/// The report.
#[must_use]
pub fn document() -> Document {
    Document {
        title: "SOC 2 evidence summary".into(),
        subtitle: "Privileged actions of people, pipelines and AI agents, tested over the third quarter of 2026".into(),
        language: "en".into(),
        facts: facts(&[
            ("Organization", "Nordlicht Fintech GmbH, Hamburg"),
            ("Framework", "Trust Services Criteria 2017, Security and Processing Integrity"),
            ("Period", "2026-07-01 to 2026-10-01, end excluded, UTC"),
            ("Ledger", "ledger.nordlicht.example/privileged"),
            ("Tree size", "184,206 entries"),
            ("Tree root", "6b1f0c8e4a97d25f3b80e1c64d7a92f05ce83b16a4d9f7720be5c138d64fa09b"),
            ("Catalog", "soc2, version 2026.3"),
            ("Prepared", "2026-10-05 06:00 UTC, on schedule"),
        ]),
        footer: "Nordlicht Fintech GmbH · SOC 2 evidence 2026-07-01 to 2026-10-01 · pack 0197f3c2".into(),
        blocks: blocks(),
    }
}

fn blocks() -> Vec<Block> {
    let mut blocks = vec![
        heading(1, "What this report says", "summary"),
        paragraph(vec![
            text("Every privileged action on the systems in scope was asked for, decided and recorded through one gate. This report tests "),
            strong("the whole population"),
            text(" of the period, not a sample. Each result names the query that produced it; the query, its parameters and its rows are in this pack, so every number can be computed again from the ledger."),
        ]),
        paragraph(vec![
            text("It states what was found. It is not an opinion: whether the criteria are met is for the service auditor to decide. See "),
            link("how to verify this pack", "#verify"),
            text("."),
        ]),
        Block::States { what: "controls".into(), counts: counts() },
        heading(2, "Three results to read first", "first"),
        Block::Items(vec![
            vec![code("CC6.3"), text(" "), state(Exception), text(": two approvals were given by the owner of the agent that asked. Both are listed "), link("below", "#exceptions"), text(" with their requests.")],
            vec![code("CC6.2"), text(" "), state(NoEvidence), text(": the feed of leavers from the personnel system was silent for 31 hours in August.")],
            vec![code("PI1.3"), text(" "), state(Error), text(": the test D09 ran out of its memory limit and was not run again before this report was due.")],
        ]),
        Block::Remark("Four of the 33 common criteria cannot be evidenced from these events. They appear in this report as “Did not operate” or without a test, and are never left out.".into()),
        heading(1, "Scope", "scope"),
        heading(2, "Systems and people", "systems"),
        Block::Facts(vec![
            ("Environments".into(), vec![code("production"), text(", "), code("payments-production")]),
            ("Action classes".into(), vec![text("database schema and data, deployment, access, secrets, payments, break-glass")]),
            ("People".into(), vec![text("Małgorzata Świątek, Νίκος Παπαδόπουλος, Ольга Дмитриева, Nguyễn Thị Hương, 田中 美咲, Zoë Brontë-Łukasiewicz")]),
            ("Agents".into(), vec![text("11, each with an owner: "), link("agents.csv", "population/agents.csv")]),
            ("Policy in force".into(), vec![text("version 41, "), code("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")]),
        ]),
        heading(2, "What is not in scope", "out-of-scope"),
        paragraph(vec![text("Actions on laptops and in development environments do not pass the gate. Physical access (CC6.4) leaves no event here.")]),
        Block::PageBreak,
        heading(1, "Results by control", "controls"),
        paragraph(vec![
            text("A control has the worst state of its tests. “Partial” and “supporting” mean that the events speak to part of the control only. Items are the rows of all populations together; the meaning of each state is explained in "),
            link("States", "#states"),
            text("."),
        ]),
        Block::Table(controls()),
        heading(1, "Exceptions", "exceptions"),
        paragraph(vec![text("Every item that violates an assertion, with the answer of its owner where one has been recorded.")]),
        Block::Table(exceptions()),
        heading(2, "The test behind CC6.3", "d01"),
        paragraph(vec![
            text("Assertion "),
            code("D01"),
            text(" compares persons, not accounts: the owner of an agent counts as the agent, as of the moment of the decision. The full text is "),
            link("queries/assertions/D01.sql", "queries/assertions/D01.sql"),
            text(", SHA-256 "),
            code("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            text("."),
        ]),
        Block::Code(SEGREGATION_QUERY.into()),
        heading(3, "Parameters", "d01-parameters"),
        Block::Facts(vec![
            ("period_start".into(), vec![code("2026-07-01T00:00:00.000000Z")]),
            ("period_end".into(), vec![code("2026-10-01T00:00:00.000000Z")]),
            ("tolerance".into(), vec![text("0")]),
        ]),
    ];
    blocks.extend(closing());
    blocks
}

fn closing() -> Vec<Block> {
    let meaning = |name: TestState| vec![state(name), text(": "), text(name.meaning())];
    vec![
        heading(1, "States", "states"),
        Block::Items(TestState::ALL.iter().map(|name| meaning(*name)).collect()),
        heading(1, "How to verify this pack", "verify"),
        paragraph(vec![
            text("Run "),
            code("privyseal verify pack.zip"),
            text(", or open "),
            link("verify.html", "verify.html"),
            text(" in a browser without a network. Both recompute every digest in "),
            code("manifest.json"),
            text(" and check the signed checkpoint against the keys you already trust. The formats are public: "),
            link("c2sp.org/tlog-checkpoint", "https://c2sp.org/tlog-checkpoint"),
            text("."),
        ]),
        Block::Table(files()),
        Block::Remark("A digest printed in this report proves nothing by itself. Compare it with the signed manifest, and the manifest with a witness that neither we nor the organization controls.".into()),
    ]
}

fn controls() -> Table {
    let row = |(control, title, strength, tests, items, exceptions, found): &ControlRow| {
        vec![
            vec![code(control)],
            vec![text(title)],
            vec![text(if strength.is_empty() { "none" } else { strength })],
            vec![text(tests)],
            vec![text(&wording::grouped(u64::from(*items)))],
            vec![text(&exceptions.to_string())],
            vec![state(*found)],
        ]
    };
    Table {
        caption: "Controls, their tests and their states".into(),
        columns: vec![
            column("Control", 9, false),
            column("Title", 34, false),
            column("Strength", 12, false),
            column("Tests", 15, false),
            column("Items", 8, true),
            column("Exceptions", 11, true),
            column("State", 18, false),
        ],
        rows: CONTROLS.iter().map(row).collect(),
        cut: None,
    }
}

fn exceptions() -> Table {
    let row = |control: &str, item: &str, when: &str, person: &str, why: &str| {
        vec![vec![code(control)], vec![code(item)], vec![text(when)], vec![text(person)], vec![text(why)]]
    };
    Table {
        caption: "Items in violation".into(),
        columns: vec![
            column("Control", 9, false),
            column("Item", 24, false),
            column("Moment (UTC)", 15, false),
            column("Person", 18, false),
            column("Why", 34, false),
        ],
        rows: vec![
            row(
                "CC6.3",
                "0197c1d2-77aa-7c51-9e02-5b1f6d3a0c11",
                "2026-08-14 09:12",
                "Ольга Дмитриева",
                "Approved a schema change asked for by deploy-agent-4, which she owns. Answered on 2026-08-20: ownership moved to the platform team; the change was reviewed again by Małgorzata Świątek.",
            ),
            row(
                "CC6.3",
                "0197c1d2-9b04-7d13-8f6e-20e7a4b95d72",
                "2026-08-14 09:31",
                "Ольга Дмитриева",
                "As above, second request of the same agent on the same day.",
            ),
            row(
                "CC8.1",
                "0197d8e0-1c3f-7a88-b2d4-6f0e915c7a3b",
                "2026-09-02 17:45",
                "田中 美咲",
                "The parameters that ran differ from those approved: LIMIT 500 was approved, LIMIT 5000 ran. No answer recorded yet; due 2026-10-14.",
            ),
            row(
                "CC4.2",
                "M03/2026-08-0007",
                "2026-09-11 00:00",
                "Νίκος Παπαδόπουλος",
                "An exception was answered on the fourteenth business day; the policy allows ten.",
            ),
        ],
        cut: None,
    }
}

fn files() -> Table {
    let row = |name: &str, bytes: u64, digest: &str| vec![vec![link(name, name)], vec![text(&wording::grouped(bytes))], vec![code(digest)]];
    Table {
        caption: "Files of this pack".into(),
        columns: vec![column("File", 34, false), column("Bytes", 14, true), column("SHA-256", 52, false)],
        rows: vec![
            row("ledger/checkpoint", 311, "0a7f5ce2e1f3b8947c2d6e90b15a48d3f7c6e29b8035d1a4f6be0c97823d51ea"),
            row("queries/assertions/D01.sql", 918, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            row("findings/soc2.json", 48_211, "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"),
            row("population/requests.csv", 2_204_118, "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"),
        ],
        cut: Some((214, "manifest.json".into())),
    }
}

fn counts() -> Vec<(TestState, u64)> {
    TestState::ALL
        .iter()
        .rev()
        .map(|name| (*name, CONTROLS.iter().fold(0, |sum, row| if row.6 == *name { sum + 1 } else { sum })))
        .collect()
}

fn facts(facts: &[(&str, &str)]) -> Vec<(String, String)> {
    facts.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

fn heading(level: u8, text: &str, anchor: &str) -> Block {
    Block::Heading { level, text: text.into(), anchor: anchor.into() }
}

fn paragraph(inlines: Vec<Inline>) -> Block {
    Block::Paragraph(inlines)
}

fn column(title: &str, weight: u16, numeric: bool) -> Column {
    Column { title: title.into(), weight, numeric }
}

fn text(text: &str) -> Inline {
    Inline::text(text)
}

fn strong(text: &str) -> Inline {
    Inline::Strong(text.into())
}

fn code(text: &str) -> Inline {
    Inline::code(text)
}

fn link(text: &str, href: &str) -> Inline {
    Inline::Link { text: text.into(), href: href.into() }
}

fn state(state: TestState) -> Inline {
    Inline::State(state)
}
