//! The console in all its states.

use privyseal_core::port::AnswerColumn;
use serde_json::json;

use super::*;
use crate::view::moment::Moment;
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
            kept: None,
            fields: Vec::new(),
            as_of: Untrusted::default(),
            as_of_problem: None,
            tables: tables(),
            functions: functions(),
            saved: saved(),
            answer: Answer::Rows(Box::new(rows())),
            max_rows: Count(10_000),
            max_seconds: Count(30),
        };
        let problem = |kind, message: &str, place| Answer::Problem(Problem { kind, message: message.into(), place });
        let misspelt = "SELECT action, risk\n  FROM eventz\n WHERE risk > 60";
        vec![
            ("rows", page.clone()),
            ("start", SqlPage { statement: Untrusted::default(), answer: Answer::None, ..page.clone() }),
            ("no-rows", SqlPage { answer: Answer::Rows(Box::new(Rows { rows: Vec::new(), total: Count(0), ..rows() })), ..page.clone() }),
            (
                "truncated",
                SqlPage { answer: Answer::Rows(Box::new(Rows { truncated: true, total: Count(10_000), ..rows() })), ..page.clone() },
            ),
            ("part", SqlPage { answer: Answer::Rows(Box::new(Rows { shown_only: true, total: Count(2_310), ..rows() })), ..page.clone() }),
            ("kept", SqlPage { kept: Some(kept()), fields: fields(), as_of: "48212".into(), ..page.clone() }),
            (
                "unfilled",
                SqlPage {
                    statement: "SELECT * FROM requests WHERE action = $action AND risk > $risk".into(),
                    fields: unfilled(),
                    as_of: "yesterday".into(),
                    as_of_problem: Some("`yesterday` is no position of the log: an integer from 0".to_owned()),
                    answer: Answer::Unfilled,
                    ..page.clone()
                },
            ),
            ("line", SqlPage { answer: Answer::Rows(Box::new(Rows { chart: line(), ..rows() })), ..page.clone() }),
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
                    kept: Some(Kept { name: HOSTILE.to_owned(), title: HOSTILE.into(), meaning: HOSTILE.into() }),
                    fields: vec![Field {
                        name: "x".into(),
                        kind: "look".to_owned(),
                        declared: false,
                        value: HOSTILE.into(),
                        meaning: HOSTILE.into(),
                        problem: Some(HOSTILE.into()),
                    }],
                    saved: vec![SavedQuery { title: HOSTILE.into(), href: "/sql?kept=1".to_owned() }],
                    answer: Answer::Rows(Box::new(Rows {
                        columns: vec![(HOSTILE.into(), "varchar".to_owned()), ("long".into(), "varchar".to_owned())],
                        rows: vec![vec![Some(HOSTILE.into()), Some(long_resource().into())], vec![None, Some(long_reason().into())]],
                        total: Count(2),
                        ..rows()
                    })),
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
        columns: [("action", "varchar"), ("risk", "smallint"), ("state", "varchar"), ("requests", "bigint"), ("waited", "interval")]
            .map(|(name, kind)| (name.into(), kind.to_owned()))
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
        asked: Asked { statement: STATEMENT.into(), parameters: "{}".into(), as_of: 48_212 },
        chart: picture(
            &[("action", "text"), ("requests", "bigint"), ("risk", "smallint")],
            json!([["deploy.release", 1_204, 35], ["secret.read", 733, 8], ["db.schema.apply", 97, 72], ["data.export", 4, 55]]),
        ),
    }
}

fn line() -> Option<Chart> {
    let day = |day: u64| json!([format!("2026-07-{day:02}T00:00:00Z"), day * day % 17, day * 7 % 11, 20 - day, day]);
    let columns = [("day", "timestamp"), ("asked", "bigint"), ("approved", "bigint"), ("denied", "bigint"), ("expired", "bigint")];
    picture(&columns, (1..20).map(day).collect())
}

fn picture(columns: &[(&str, &str)], rows: serde_json::Value) -> Option<Chart> {
    let column = |(name, kind): &(&str, &str)| AnswerColumn { name: (*name).to_owned(), kind: (*kind).to_owned() };
    let rows: Vec<Vec<serde_json::Value>> = serde_json::from_value(rows).ok()?;
    Chart::of(&columns.iter().map(column).collect::<Vec<_>>(), &rows)
}

fn kept() -> Kept {
    Kept {
        name: "approval-latency".to_owned(),
        title: "How long approvals take, by action".into(),
        meaning: "Requests of the period that people approved. Waiting is counted from the submission to the approval.".into(),
    }
}

fn fields() -> Vec<Field> {
    let field = |name: &str, kind: &str, value: &str, meaning: &str| Field {
        name: name.into(),
        kind: kind.to_owned(),
        declared: true,
        value: value.into(),
        meaning: meaning.into(),
        problem: None,
    };
    vec![
        field("start", "timestamp", "", "First moment of the period; null for 90 days before the newest entry."),
        field("minutes", "integer", "30", "From how many minutes on a wait is long."),
        field("actions", "text[]", "deploy.release, data.export", "Only these actions."),
        field("weekends", "boolean", "false", "Whether weekends count."),
    ]
}

fn unfilled() -> Vec<Field> {
    let field = |name: &str, kind: &str, value: &str, problem: Option<&str>| Field {
        name: name.into(),
        kind: kind.to_owned(),
        declared: false,
        value: value.into(),
        meaning: Untrusted::default(),
        problem: problem.map(Into::into),
    };
    vec![field("action", "look", "deploy.release", None), field("risk", "integer", "high", Some("it takes an integer, not `high`"))]
}

fn functions() -> Vec<Function> {
    vec![Function {
        name: "json_text",
        usage: "json_text(json text|bytes, step text, …) -> text",
        meaning: "A member of a JSON text as text: strings, numbers, truth values.",
        example: r#"SELECT json_text('{"a":["x","y"]}', 'a', '1')"#,
        href: "/sql?q=SELECT%201".to_owned(),
    }]
}

impl Sampled for SqlHistoryPage {
    const NAME: &'static str = "sql_history";

    fn samples() -> Vec<(&'static str, Self)> {
        let past = |seq: u64, statement: &str, outcome: &str, error: Option<&str>| Past {
            seq,
            at: Moment::column(at("2026-07-02T08:15:00Z")),
            statement: statement.into(),
            outcome: outcome.to_owned(),
            error: error.map(Into::into),
            rows: Count(if error.is_none() { 1_204 } else { 0 }),
            took_ms: Count(42),
            snapshot: 48_213,
        };
        let statements = vec![
            past(48_214, STATEMENT, "ok", None),
            past(48_002, "SELECT * FROM eventz", "refused", Some("there is no table `eventz`: did you mean `events`? (line 1, column 15)")),
            past(47_900, "SELECT a.*, b.* FROM events a, events b", "failed", Some("the statement ran longer than 30000 ms")),
            past(47_880, "", "refused", Some("the statement is empty")),
        ];
        let page =
            SqlHistoryPage { shell: auditor(Place::Sql), statements, problem: None, older: Some("/sql/history?before=47880".to_owned()) };
        let hostile_ones = vec![past(1, HOSTILE, "failed", Some(HOSTILE)), past(2, &long_resource(), "ok", None)];
        vec![
            ("list", page.clone()),
            ("none", SqlHistoryPage { statements: Vec::new(), older: None, ..page.clone() }),
            (
                "problem",
                SqlHistoryPage { statements: Vec::new(), problem: Some("a segment of the ledger cannot be read".into()), ..page.clone() },
            ),
            ("hostile", SqlHistoryPage { shell: hostile(Place::Sql), statements: hostile_ones, ..page }),
        ]
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
