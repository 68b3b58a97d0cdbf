//! Controls in all their states.

use privyseal_core::finding::TestState;

use super::*;
use crate::view::code::Language;
use crate::view::sample::*;
use crate::view::shell::Place;
use crate::view::state;

const QUERY: &str = "\
-- D01: nobody decides about their own request
SELECT r.request_id           AS item_id,
       r.decided_event_id     AS event_id,
       r.decided_at           AS as_of,
       CASE
           WHEN r.subjects IS NULL             THEN 'indeterminate'
           WHEN array_has(r.subjects, v.person) THEN 'violation'
           ELSE 'ok'
       END                    AS status,
       'reviewed by a subject' AS reason
  FROM requests r
  JOIN reviews  v USING (request_id)
 WHERE r.decided_at >= $from AND r.decided_at < $to
";

fn test_run() -> TestRun {
    TestRun {
        from: "2026-07-01".into(),
        to: "2026-10-01".into(),
        running: false,
        ran: Some(Moment::minute(ago(180))),
        snapshot: Count(48_213),
        presets: presets(),
        problem: None,
    }
}

fn presets() -> Vec<Preset> {
    [
        ("Q4 2026", "2026-10-01", "2027-01-01"),
        ("Q3 2026", "2026-07-01", "2026-10-01"),
        ("Q2 2026", "2026-04-01", "2026-07-01"),
        ("Last 12 months", "2025-11-23", "2026-11-23"),
    ]
    .map(|(label, from, to)| Preset { label: label.to_owned(), href: format!("?from={from}&to={to}"), current: label == "Q3 2026" })
    .to_vec()
}

fn framework(id: &str, name: &str, counts: [u64; 5], untested: u64) -> FrameworkRow {
    let counts: Vec<(TestState, u64)> = TestState::ALL.into_iter().zip(counts).collect();
    FrameworkRow { id: id.to_owned(), name: name.to_owned(), states: States::new("controls", &counts, untested) }
}

fn soc2() -> FrameworkRow {
    framework("soc2", "SOC 2, Trust Services Criteria 2017", [0, 2, 3, 1, 17], 38)
}

impl Sampled for ControlsPage {
    const NAME: &'static str = "controls";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = ControlsPage {
            shell: auditor(Place::Controls),
            test: test_run(),
            frameworks: vec![
                soc2(),
                framework("iso27001", "ISO/IEC 27001:2022", [0, 3, 4, 2, 31], 78),
                framework("iso42001", "ISO/IEC 42001:2023, Annex A", [0, 0, 2, 1, 9], 26),
                framework("nist-800-53", "NIST SP 800-53 rev 5", [1, 6, 9, 4, 88], 906),
                framework("fedramp-moderate", "FedRAMP Rev5 Moderate", [0, 5, 7, 3, 61], 247),
                framework("fedramp-20x", "FedRAMP 20x Key Security Indicators", [0, 0, 0, 0, 14], 32),
            ],
        };
        vec![
            ("full", page.clone()),
            (
                "untested",
                ControlsPage {
                    test: TestRun { ran: None, ..test_run() },
                    frameworks: vec![framework("soc2", "SOC 2, Trust Services Criteria 2017", [0; 5], 61)],
                    ..page.clone()
                },
            ),
            (
                "running",
                ControlsPage {
                    test: TestRun { running: true, ran: None, ..test_run() },
                    frameworks: vec![framework("soc2", "SOC 2, Trust Services Criteria 2017", [0; 5], 61)],
                    ..page.clone()
                },
            ),
            (
                "problem",
                ControlsPage {
                    test: TestRun {
                        from: HOSTILE.into(),
                        ran: None,
                        problem: Some("the period ends before it starts; periods are half-open, [from, to)".to_owned()),
                        ..test_run()
                    },
                    frameworks: Vec::new(),
                    ..page
                },
            ),
        ]
    }
}

fn control(id: &str, title: &str, strength: Option<Strength>, state: State, tested: &[&str], not_implemented: usize) -> ControlRow {
    ControlRow {
        id: id.to_owned(),
        title: title.to_owned(),
        href: format!("/controls/soc2/{id}"),
        strength,
        state,
        tested: tested.iter().map(ToString::to_string).collect(),
        not_implemented,
    }
}

fn segregation_untested() -> ControlRow {
    ControlRow { state: state::untested(), tested: Vec::new(), ..segregation(TestState::Pass) }
}

fn segregation(of: TestState) -> ControlRow {
    control(
        "CC6.3",
        "Access changes by role, least privilege, segregation of duties",
        Some(Strength::Direct),
        state::test(of),
        &["D01", "D03", "L01", "I11"],
        0,
    )
}

impl Sampled for FrameworkPage {
    const NAME: &'static str = "framework";

    fn samples() -> Vec<(&'static str, Self)> {
        let test = state::test;
        let (direct, partial, supporting) = (Some(Strength::Direct), Some(Strength::Partial), Some(Strength::Supporting));
        let page = FrameworkPage {
            shell: auditor(Place::Controls),
            framework: soc2(),
            catalog_version: "2026-11-01".to_owned(),
            catalog_digest: hash("soc2"),
            test: test_run(),
            show: "",
            groups: vec![
                ControlGroup {
                    title: "CC1 Control environment".to_owned(),
                    controls: vec![
                        control("CC1.1", "Integrity and ethical values", None, state::untested(), &[], 0),
                        control(
                            "CC1.3",
                            "Structures, reporting lines, authority and responsibility",
                            supporting,
                            test(TestState::Pass),
                            &["D04", "L01"],
                            0,
                        ),
                    ],
                },
                ControlGroup {
                    title: "CC6 Logical and physical access".to_owned(),
                    controls: vec![
                        control(
                            "CC6.1",
                            "Logical access software, infrastructure, architecture",
                            partial,
                            test(TestState::NoEvidence),
                            &["L03", "L05", "E05"],
                            1,
                        ),
                        control("CC6.2", "Registration and authorization of users", direct, test(TestState::Pass), &["L01", "L02"], 0),
                        segregation(TestState::Exception),
                        control(
                            "CC6.8",
                            "Prevention and detection of unauthorized software",
                            supporting,
                            test(TestState::NoPopulation),
                            &["E03"],
                            0,
                        ),
                    ],
                },
                ControlGroup {
                    title: "CC8 Change management".to_owned(),
                    controls: vec![control(
                        "CC8.1",
                        "Change management",
                        direct,
                        test(TestState::Error),
                        &["D02", "D03", "D06", "D07", "E01", "E02", "E03", "D16"],
                        2,
                    )],
                },
            ],
        };
        vec![("full", page.clone()), ("no-match", FrameworkPage { show: "error", groups: Vec::new(), ..page })]
    }
}

fn item(id: &str, status: ItemStatus, reason: &str) -> ItemRow {
    ItemRow { id: id.into(), href: Some(format!("/requests/{id}")), as_of: Moment::minute(ago(5_000_000)), status, reason: reason.into() }
}

fn assertion(id: &str, title: &str, of: TestState, counts: [u64; 3], items: Vec<ItemRow>) -> AssertionView {
    let [population, violations, indeterminate] = counts.map(Count);
    AssertionView {
        id: id.to_owned(),
        title: title.to_owned(),
        state: state::test(of),
        reason: of.meaning().to_owned(),
        design: vec![
            ("Population", "Approving reviews given in the period.".to_owned()),
            ("Violation", "The reviewer's person is a subject of the request.".to_owned()),
            ("Cannot be judged", "Nobody is known behind the reviewer.".to_owned()),
        ],
        population,
        violations,
        indeterminate,
        tolerance: Count(0),
        parameters: vec![("from".to_owned(), "2026-07-01".to_owned()), ("to".to_owned(), "2026-10-01".to_owned())],
        query: Code::new(Language::Sql, QUERY),
        query_digest: hash(QUERY),
        result_digest: hash(id),
        sql: Some(format!("/sql?assertion={id}")),
        items,
    }
}

impl Sampled for ControlPage {
    const NAME: &'static str = "control";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = ControlPage {
            shell: auditor(Place::Controls),
            framework: "soc2".to_owned(),
            framework_name: "SOC 2, Trust Services Criteria 2017".to_owned(),
            control: segregation(TestState::Exception),
            objective: "Rights are given, changed and taken back by role, no wider than needed, and nobody holds both ends of a process."
                .to_owned(),
            test: test_run(),
            assertions: vec![
                assertion(
                    "D01",
                    "Nobody decides about their own request",
                    TestState::Exception,
                    [1_942, 1, 0],
                    vec![
                        item(
                            "019abf1c-7d2e-7c41",
                            ItemStatus::Violation,
                            "dana reviewed a request of agent:deploy-bot, which she owns, through a linked account",
                        ),
                        item("019aa0c1-11d0-7a02", ItemStatus::Ok, ""),
                        item("019aa0c4-90ee-70b3", ItemStatus::Ok, ""),
                    ],
                ),
                assertion(
                    "D03",
                    "Every quorum is of distinct people",
                    TestState::Pass,
                    [1_942, 0, 0],
                    vec![item("019aa0c1-11d0-7a02", ItemStatus::Ok, "")],
                ),
                assertion(
                    "L01",
                    "Roles are given by an approved request",
                    TestState::NoEvidence,
                    [87, 0, 3],
                    vec![item("role-assignment-31", ItemStatus::Indeterminate, "no change request on the event; assigned at start-up")],
                ),
                assertion("I11", "Terminated people hold no role", TestState::NoPopulation, [0, 0, 0], Vec::new()),
            ],
            not_implemented: vec!["L04".to_owned()],
            elsewhere: vec!["joiners and leavers in systems that Privyseal does not hold".to_owned(), "physical access".to_owned()],
        };
        let hostile_items = vec![item(HOSTILE, ItemStatus::Violation, HOSTILE)];
        vec![
            ("full", page.clone()),
            (
                "untested",
                ControlPage {
                    control: control("CC1.1", "Integrity and ethical values", None, state::untested(), &[], 0),
                    objective: "The organisation shows that it means its values.".to_owned(),
                    assertions: Vec::new(),
                    not_implemented: Vec::new(),
                    ..page.clone()
                },
            ),
            (
                "running",
                ControlPage {
                    control: segregation_untested(),
                    test: TestRun { running: true, ran: None, ..test_run() },
                    assertions: Vec::new(),
                    not_implemented: Vec::new(),
                    ..page.clone()
                },
            ),
            ("not-written", ControlPage { assertions: Vec::new(), elsewhere: Vec::new(), ..page.clone() }),
            (
                "error",
                ControlPage {
                    control: segregation(TestState::Error),
                    assertions: vec![AssertionView {
                        reason: "The statement went over its limit of 30 seconds.".to_owned(),
                        ..assertion("D16", "A rolled back change is traced to its cause", TestState::Error, [0; 3], Vec::new())
                    }],
                    ..page.clone()
                },
            ),
            (
                "hostile",
                ControlPage {
                    shell: hostile(Place::Controls),
                    assertions: vec![assertion(
                        "D01",
                        "Nobody decides about their own request",
                        TestState::Exception,
                        [1, 1, 0],
                        hostile_items,
                    )],
                    ..page
                },
            ),
        ]
    }
}
