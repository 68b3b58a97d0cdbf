//! The history in all its states.

use super::*;
use crate::view::sample::*;
use crate::view::shell::Place;
use crate::view::state::How;

impl Sampled for HistoryPage {
    const NAME: &'static str = "history";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = HistoryPage {
            shell: auditor(Place::History),
            filter: HistoryFilter::default(),
            rows: rows(),
            total: Some(Count(2_841)),
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
                    rows: rows().into_iter().filter(|row| row.standing.state == RequestState::Denied).collect(),
                    total: Some(Count(2)),
                    older: None,
                    ..page.clone()
                },
            ),
            ("no-match", HistoryPage { filter: filtered, rows: Vec::new(), total: Some(Count(0)), older: None, ..page.clone() }),
            (
                "first-day",
                HistoryPage {
                    rows: Vec::new(),
                    total: Some(Count(0)),
                    older: None,
                    sql: None,
                    shell: approver(Place::History),
                    ..page.clone()
                },
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
        standing: Standing { state: RequestState::Approved, how: How::People },
        people: vec![ana(), tomasz()],
        run: Some(RunState::Done),
    }
}

/// The same row, ended in another way, by nobody and without a run.
fn ended(state: RequestState, how: How, row: HistoryRow) -> HistoryRow {
    HistoryRow { standing: Standing { state, how }, people: Vec::new(), run: None, ..row }
}

fn rows() -> Vec<HistoryRow> {
    let row_of = |asker, score, row| HistoryRow { asker, risk: Risk::new(score), ..row };
    let copilot = Party::agent("support-copilot", "agent:support-copilot");
    vec![
        ended(
            RequestState::Pending,
            How::Open,
            row_of(schema_pilot(), 72, row("c2d4e8f3", 244, "db.schema.apply", "postgres:orders/prod")),
        ),
        row("71ab0e22", 2_940, "deploy.release", "k8s:prod/payments-api"),
        HistoryRow {
            run: Some(RunState::Done),
            ..ended(
                RequestState::Approved,
                How::Automatic,
                row_of(deploy_bot(), 8, row("5d00c1f7", 3_310, "secret.read", "vault:kv/staging/ftp")),
            )
        },
        HistoryRow {
            people: vec![ana()],
            ..ended(
                RequestState::Denied,
                How::People,
                row_of(copilot, 91, row("9e41b7aa", 7_230, "iam.role.assign", "aws:iam/role/billing-admin")),
            )
        },
        HistoryRow { run: Some(RunState::Failed), ..row("02bb7d10", 9_100, "db.schema.apply", "postgres:payments/prod") },
        ended(RequestState::Expired, How::Time, row("c81f5a3e", 14_800, "data.export", "s3:halden-partner-exports/2026-11")),
        HistoryRow {
            run: Some(RunState::Unknown),
            ..ended(
                RequestState::Approved,
                How::Breakglass,
                row_of(tomasz(), 66, row("e7c60d4b", 90_000, "db.failover", "postgres:orders/prod")),
            )
        },
        ended(
            RequestState::Denied,
            How::Policy,
            row_of(deploy_bot(), 100, row("44d1f09c", 172_000, "db.schema.drop", "postgres:orders/prod")),
        ),
        ended(
            RequestState::Cancelled,
            How::Requester,
            row_of(ben(), 18, row("3f2a9b68", 260_000, "net.firewall.open", "vpc:halden-staging/edge")),
        ),
        ended(RequestState::Failed, How::Failure, row("d0c7e1b4", 300_000, "data.export", "s3:halden-partner-exports/2026-11")),
        HistoryRow {
            run: Some(RunState::Unused),
            people: vec![ben()],
            ..row("ab19d3c5", 345_000, "secret.rotate", "vault:kv/prod/stripe")
        },
    ]
}
