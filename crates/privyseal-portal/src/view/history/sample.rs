//! The history in all its states.

use super::*;
use crate::view::sample::*;
use crate::view::shell::Place;

impl Sampled for HistoryPage {
    const NAME: &'static str = "history";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = HistoryPage {
            shell: auditor(Place::History),
            filter: HistoryFilter::default(),
            rows: rows(),
            total: Count(2_841),
            newer: None,
            older: Some("/history?before=019abf00".to_owned()),
            sql: Some("/sql?q=SELECT%20*%20FROM%20requests".to_owned()),
        };
        let filtered = HistoryFilter {
            state: Some(RequestState::Denied),
            search: "orders".into(),
            from: "2026-07-01".into(),
            to: "2026-10-01".into(),
            ..HistoryFilter::default()
        };
        vec![
            ("full", page.clone()),
            (
                "filtered",
                HistoryPage {
                    filter: filtered.clone(),
                    rows: rows().into_iter().filter(|row| row.state == RequestState::Denied).collect(),
                    total: Count(2),
                    older: None,
                    ..page.clone()
                },
            ),
            ("no-match", HistoryPage { filter: filtered, rows: Vec::new(), total: Count(0), older: None, ..page.clone() }),
            (
                "first-day",
                HistoryPage { rows: Vec::new(), total: Count(0), older: None, sql: None, shell: approver(Place::History), ..page.clone() },
            ),
            (
                "problem",
                HistoryPage {
                    filter: HistoryFilter {
                        from: HOSTILE.into(),
                        search: HOSTILE.into(),
                        problem: Some("`from` is not a date: write it like 2026-07-01".to_owned()),
                        ..HistoryFilter::default()
                    },
                    rows: Vec::new(),
                    ..page.clone()
                },
            ),
            (
                "hostile",
                HistoryPage {
                    shell: hostile(Place::History),
                    rows: vec![HistoryRow {
                        resource: HOSTILE.into(),
                        asker: Party::agent(HOSTILE, "x"),
                        people: vec![Party::person(HOSTILE, "x"); 4],
                        ..row("h", 300, "db.schema.apply", &format!("postgres:{}", long_resource()))
                    }],
                    ..page
                },
            ),
        ]
    }
}

fn row(short: &str, seconds: i64, verb: &str, resource: &str) -> HistoryRow {
    HistoryRow {
        href: format!("/requests/{short}"),
        short: short.to_owned(),
        asked: Moment::column(ago(seconds)),
        verb: verb.to_owned(),
        resource: resource.into(),
        asker: deploy_bot(),
        risk: Risk::new(35),
        state: RequestState::Approved,
        how: "by 2 people".to_owned(),
        people: vec![ana(), tomasz()],
        run: Some(RunState::Done),
    }
}

fn rows() -> Vec<HistoryRow> {
    let nobody = |row: HistoryRow, state, how: &str| HistoryRow { state, how: how.to_owned(), people: Vec::new(), run: None, ..row };
    vec![
        nobody(
            HistoryRow { risk: Risk::new(72), asker: schema_pilot(), ..row("c2d4e8f3", 244, "db.schema.apply", "postgres:orders/prod") },
            RequestState::Pending,
            "",
        ),
        row("71ab0e22", 2_940, "deploy.release", "k8s:prod/payments-api"),
        HistoryRow {
            risk: Risk::new(8),
            how: "automatically".to_owned(),
            people: vec![],
            ..row("5d00c1f7", 3_310, "secret.read", "vault:kv/staging/ftp")
        },
        HistoryRow {
            risk: Risk::new(91),
            state: RequestState::Denied,
            how: "by 1 person".to_owned(),
            people: vec![ana()],
            run: None,
            asker: Party::agent("support-copilot", "agent:support-copilot"),
            ..row("9e41b7aa", 7_230, "iam.role.assign", "aws:iam/role/billing-admin")
        },
        HistoryRow { run: Some(RunState::Failed), ..row("02bb7d10", 9_100, "db.schema.apply", "postgres:payments/prod") },
        nobody(row("c81f5a3e", 14_800, "data.export", "s3:halden-partner-exports/2026-11"), RequestState::Expired, "nobody in time"),
        HistoryRow {
            how: "by break-glass".to_owned(),
            people: vec![],
            run: Some(RunState::Unknown),
            asker: tomasz(),
            risk: Risk::new(66),
            ..row("e7c60d4b", 90_000, "db.failover", "postgres:orders/prod")
        },
        nobody(
            HistoryRow { risk: Risk::new(100), ..row("44d1f09c", 172_000, "db.schema.drop", "postgres:orders/prod") },
            RequestState::Denied,
            "by policy",
        ),
        nobody(
            HistoryRow { asker: ben(), risk: Risk::new(18), ..row("3f2a9b68", 260_000, "net.firewall.open", "vpc:halden-staging/edge") },
            RequestState::Cancelled,
            "withdrawn",
        ),
        HistoryRow {
            run: Some(RunState::Unused),
            how: "by 1 person".to_owned(),
            people: vec![ben()],
            ..row("ab19d3c5", 345_000, "secret.rotate", "vault:kv/prod/stripe")
        },
    ]
}
