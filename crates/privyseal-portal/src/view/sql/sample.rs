//! The console in all its states.

use super::*;
use crate::view::sample::*;
use crate::view::shell::Place;

const STATEMENT: &str = "\
SELECT r.action, r.risk, r.state, count(*) AS requests,
       avg(r.decided_at - r.submitted_at) AS waited
  FROM requests r
 WHERE r.submitted_at >= '2026-07-01'
 GROUP BY r.action, r.risk, r.state
 ORDER BY requests DESC
";

impl Sampled for SqlPage {
    const NAME: &'static str = "sql";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = SqlPage {
            shell: auditor(Place::Sql),
            statement: STATEMENT.into(),
            tables: tables(),
            saved: saved(),
            answer: Answer::Rows(rows()),
            max_rows: Count(10_000),
            max_seconds: Count(30),
        };
        let problem = |kind, message: &str, place| Answer::Problem(Problem { kind, message: message.into(), place });
        let misspelt = "SELECT action, risk\n  FROM eventz\n WHERE risk > 60";
        vec![
            ("rows", page.clone()),
            ("start", SqlPage { statement: Untrusted::default(), answer: Answer::None, ..page.clone() }),
            ("no-rows", SqlPage { answer: Answer::Rows(Rows { rows: Vec::new(), total: Count(0), ..rows() }), ..page.clone() }),
            ("truncated", SqlPage { answer: Answer::Rows(Rows { truncated: true, total: Count(10_000), ..rows() }), ..page.clone() }),
            ("part", SqlPage { answer: Answer::Rows(Rows { shown_only: true, total: Count(2_310), ..rows() }), ..page.clone() }),
            (
                "error",
                SqlPage {
                    statement: misspelt.into(),
                    answer: problem(
                        ProblemKind::Refused,
                        "there is no table `eventz`; did you mean `events`?",
                        ProblemPlace::find(misspelt, 2, 8),
                    ),
                    ..page.clone()
                },
            ),
            (
                "refused",
                SqlPage {
                    statement: "COPY events TO 's3://elsewhere/'".into(),
                    answer: problem(ProblemKind::Refused, "statements only read: COPY is not allowed", None),
                    ..page.clone()
                },
            ),
            (
                "limit",
                SqlPage {
                    answer: problem(ProblemKind::Limit, "stopped after 30 seconds; narrow the statement by time, or use a pack", None),
                    ..page.clone()
                },
            ),
            (
                "failed",
                SqlPage {
                    answer: problem(ProblemKind::Failed, "segment 000012 could not be read; the operator’s log has the cause", None),
                    ..page.clone()
                },
            ),
            (
                "hostile",
                SqlPage {
                    shell: hostile(Place::Sql),
                    statement: HOSTILE.into(),
                    saved: vec![SavedQuery { title: HOSTILE.into(), href: "/sql?kept=1".to_owned() }],
                    answer: Answer::Rows(Rows {
                        columns: vec![(HOSTILE.into(), "varchar".to_owned(), false), ("long".into(), "varchar".to_owned(), false)],
                        rows: vec![vec![Some(HOSTILE.into()), Some(long_resource().into())], vec![None, Some(long_reason().into())]],
                        total: Count(2),
                        ..rows()
                    }),
                    ..page.clone()
                },
            ),
            (
                "hostile-error",
                SqlPage {
                    shell: hostile(Place::Sql),
                    statement: HOSTILE.into(),
                    answer: problem(ProblemKind::Refused, HOSTILE, ProblemPlace::find(HOSTILE, 1, 8)),
                    ..page
                },
            ),
        ]
    }
}

fn rows() -> Rows {
    let row = |cells: [Option<&str>; 5]| cells.map(|cell| cell.map(Untrusted::from)).to_vec();
    Rows {
        columns: [
            ("action", "varchar", false),
            ("risk", "smallint", true),
            ("state", "varchar", false),
            ("requests", "bigint", true),
            ("waited", "interval", false),
        ]
        .map(|(name, kind, numeric)| (name.into(), kind.to_owned(), numeric))
        .to_vec(),
        rows: vec![
            row([Some("deploy.release"), Some("35"), Some("approved"), Some("1204"), Some("4 min 12 s")]),
            row([Some("secret.read"), Some("8"), Some("approved"), Some("733"), Some("0 s")]),
            row([Some("db.schema.apply"), Some("72"), Some("approved"), Some("88"), Some("18 min 3 s")]),
            row([Some("db.schema.apply"), Some("72"), Some("denied"), Some("9"), Some("22 min 40 s")]),
            row([Some("data.export"), Some("55"), Some("expired"), Some("4"), None]),
            row([Some("iam.role.assign"), Some("91"), Some("denied"), Some("2"), Some("1 min 2 s")]),
        ],
        total: Count(6),
        truncated: false,
        shown_only: false,
        took_ms: Count(42),
        snapshot: Count(48_213),
        digest: hash("result"),
        event: Count(48_214),
    }
}

fn saved() -> Vec<SavedQuery> {
    [
        ("Who approved what, this quarter", "/sql?kept=approvals"),
        ("Requests that nobody decided in time", "/sql?kept=expired"),
        ("Decisions made in under five seconds", "/sql?kept=fast"),
        ("Break-glass without a review", "/sql?kept=breakglass"),
        ("Agents without an owner", "/sql?kept=orphans"),
    ]
    .map(|(title, href)| SavedQuery { title: title.into(), href: href.to_owned() })
    .to_vec()
}

fn tables() -> Vec<Table> {
    let table = |name: &str, meaning: &str, columns: &[(&str, &str, &str)]| Table {
        name: name.to_owned(),
        meaning: meaning.to_owned(),
        columns: columns
            .iter()
            .map(|(name, kind, meaning)| Column { name: (*name).to_owned(), kind: (*kind).to_owned(), meaning: (*meaning).to_owned() })
            .collect(),
    };
    let id = ("request_id", "varchar", "The request.");
    vec![
        table(
            "events",
            "Everything: one row per entry of the log.",
            &[
                ("seq", "bigint", "Position in the log and in the tree, from 0."),
                ("time", "timestamp", "When it was written, UTC."),
                ("kind", "varchar", "What happened, for example review.recorded."),
                ("body", "varchar", "The event's body as JSON, as signed."),
            ],
        ),
        table(
            "requests",
            "One row per request, as it stands now.",
            &[
                id,
                ("action", "varchar", "The verb."),
                ("risk", "smallint", "Points, 0 to 100."),
                ("state", "varchar", "pending, approved, denied, expired, cancelled or failed."),
                ("submitted_at", "timestamp", "When it was asked, UTC."),
                ("decided_at", "timestamp", "When it came to its end; NULL while it waits."),
            ],
        ),
        table(
            "reviews",
            "One row per verdict of a person.",
            &[id, ("person", "varchar", "The natural person."), ("display_ms", "bigint", "From shown to decided, in milliseconds.")],
        ),
        table("grants", "One row per right to run an approved action.", &[id, ("used_at", "timestamp", "NULL until it is redeemed.")]),
        table("executions", "One row per run.", &[id, ("exit_code", "bigint", "NULL when unknown.")]),
        table(
            "principals",
            "Accounts over time.",
            &[("principal", "varchar", "The account."), ("valid_from", "timestamp", "From when the row holds.")],
        ),
        table("checkpoints", "Signed tree heads.", &[("size", "bigint", "Entries."), ("root", "varchar", "Hash over them, hex.")]),
    ]
}
