//! The queue in all its states.

use super::*;
use crate::view::sample::*;
use crate::view::seal::{Seal, SealSet};
use crate::view::shell::Place;

impl Sampled for QueuePage {
    const NAME: &'static str = "queue";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |queue: Queue| {
            let mut shell = live(approver(Place::Queue), "queue");
            shell.waiting = queue.counts.get(1).copied().unwrap_or_default();
            QueuePage { shell, queue }
        };
        vec![
            ("full", page(full())),
            ("mine", page(Queue { filter: QueueFilter::Mine, others: Vec::new(), ..full() })),
            ("nothing-for-me", page(Queue { filter: QueueFilter::Mine, counts: [4, 0, 0].map(Count), ..empty() })),
            ("flooded", page(flooded())),
            ("nothing", page(empty())),
            ("first-day", page(Queue { last: None, ..empty() })),
            ("not-found", page(Queue { search: HOSTILE.into(), ..empty() })),
            (
                "auditor",
                QueuePage {
                    shell: live(auditor(Place::Queue), "queue"),
                    queue: Queue { mine: Vec::new(), others: alone(everyone()), ..full() },
                },
            ),
            ("hostile", QueuePage { shell: live(hostile(Place::Queue), "queue"), queue: attacked() }),
        ]
    }
}

impl Sampled for QueuePartial {
    const NAME: &'static str = "queue_partial";
    const FRAGMENT: bool = true;

    fn samples() -> Vec<(&'static str, Self)> {
        vec![("full", QueuePartial { queue: full() }), ("nothing", QueuePartial { queue: empty() })]
    }
}

fn empty() -> Queue {
    Queue {
        filter: QueueFilter::All,
        search: Untrusted::default(),
        counts: [0; 3].map(Count),
        mine: Vec::new(),
        others: Vec::new(),
        unlisted: Count(0),
        last: Some(Moment::relative(ago(1_260), now())),
    }
}

fn row(id: &str, score: u8, verb: &str, resource: &str) -> QueueRow {
    QueueRow {
        href: format!("/requests/{id}"),
        risk: Risk::new(score),
        verb: verb.to_owned(),
        resource: resource.into(),
        environment: Environment::new(Some("production")),
        because: Untrusted::default(),
        asker: deploy_bot(),
        owner: Some(dana()),
        asked: Moment::relative(ago(240), now()),
        left: Left::new(now().plus_seconds(1_450), now()),
        seals: Seals::default(),
        barred: "",
        decided: false,
    }
}

fn set(name: &str, of: &str, seconds: i64) -> Seal {
    Seal::Set { name: name.into(), of: of.to_owned(), at: Moment::clock(ago(seconds)), assurance: "passkey" }
}

fn open(of: &str, yours: bool) -> Seal {
    Seal::Open { of: of.to_owned(), yours, eligible: Count(3) }
}

fn seals(seals: Vec<Seal>) -> Seals {
    Seals { sets: vec![SealSet { seals }] }
}

fn mine() -> Vec<QueueRow> {
    vec![
        QueueRow {
            because: "locks every table of payments while it runs; outside working hours".into(),
            asker: data_janitor(),
            owner: Some(tomasz()),
            asked: Moment::relative(ago(1_560), now()),
            left: Left::new(now().plus_seconds(212), now()),
            seals: seals(vec![open("group:sre", true)]),
            ..row("r1", 44, "db.maintenance.vacuum", "postgres:payments/prod")
        },
        QueueRow {
            because: "changes a schema in production; 4.2 million rows; first time for this agent".into(),
            asker: schema_pilot(),
            seals: seals(vec![set("Ben Carter", "group:dba", 60), open("group:sre", true), open("group:sre", true)]),
            ..row("r2", 72, "db.schema.apply", "postgres:orders/prod")
        },
        QueueRow {
            environment: Environment::new(Some("staging")),
            because: "opens a port to an address range".into(),
            asker: ben(),
            owner: None,
            asked: Moment::relative(ago(3_900), now()),
            left: Left::new(now().plus_seconds(10_500), now()),
            seals: seals(vec![open("group:sre", true)]),
            ..row("r3", 18, "net.firewall.open", "vpc:halden-staging/edge")
        },
    ]
}

fn everyone() -> Vec<QueueRow> {
    let mut rows = mine();
    for row in &mut rows {
        row.seals.sets.iter_mut().flat_map(|set| &mut set.seals).for_each(|seal| {
            if let Seal::Open { yours, .. } = seal {
                *yours = false;
            }
        });
    }
    rows.extend(others().into_iter().map(|row| QueueRow { barred: "", decided: false, ..row }));
    rows
}

fn others() -> Vec<QueueRow> {
    vec![
        QueueRow {
            because: "grants administrator rights; no ticket".into(),
            asker: Party::agent("support-copilot", "agent:support-copilot"),
            owner: Some(ana()),
            asked: Moment::relative(ago(700), now()),
            left: Left::new(now().plus_seconds(1_100), now()),
            seals: Seals {
                sets: vec![
                    SealSet { seals: vec![open("group:security", false), open("group:platform", false)] },
                    SealSet { seals: vec![] },
                ],
            },
            barred: "you own the agent",
            ..row("r4", 91, "iam.role.assign", "aws:iam/role/billing-admin")
        },
        QueueRow {
            because: "deploys to production".into(),
            seals: seals(vec![set("Ana Ruiz", "group:sre", 500), open("group:payments", false)]),
            decided: true,
            left: Left::new(now().plus_seconds(5_000), now()),
            ..row("r5", 35, "deploy.release", "k8s:prod/payments-api")
        },
        QueueRow {
            environment: Environment::new(None),
            because: "nobody knows which environment this is; secret is read in clear".into(),
            asker: Party::agent("nightly-export", "agent:nightly-export"),
            left: Left::new(now().plus_seconds(86_400), now()),
            seals: seals(vec![open("group:security", false)]),
            ..row("r6", 55, "secret.read", "vault:kv/partners/ftp")
        },
    ]
}

/// Each on a line of its own.
fn alone(rows: Vec<QueueRow>) -> Vec<QueueGroup> {
    rows.into_iter().map(QueueGroup::from).collect()
}

fn full() -> Queue {
    Queue { counts: [6, 3, 4].map(Count), mine: alone(mine()), others: alone(others()), ..empty() }
}

fn flooded() -> Queue {
    let rows = (0..12).map(|index| row(&format!("f{index}"), 40 + index, "db.schema.apply", "postgres:orders/prod")).collect();
    let batch = QueueGroup { title: "batch nightly-7".into(), rows };
    Queue { mine: std::iter::once(batch).chain(alone(mine())).collect(), unlisted: Count(1_200), ..full() }
}

fn attacked() -> Queue {
    let attack = QueueRow {
        resource: HOSTILE.into(),
        because: HOSTILE.into(),
        asker: Party::agent(HOSTILE, "agent:<img>"),
        owner: Some(Party::person(HOSTILE, "<img>")),
        seals: seals(vec![set(HOSTILE, "group:sre", 60), open("user:\"onload=\"x", true)]),
        ..row("r7", 100, "db.schema.apply", "")
    };
    let long = QueueRow {
        resource: format!("postgres:{}", long_resource()).into(),
        because: "touches production; ".repeat(12).into(),
        seals: seals(
            (0..12).map(|index| if index < 5 { set("Ben Carter", "group:dba", 60) } else { open("group:sre", index == 5) }).collect(),
        ),
        ..row("r8", 60, "infrastructure.database.instance.parameter.group.modify", "")
    };
    Queue {
        search: HOSTILE.into(),
        mine: vec![QueueGroup { title: HOSTILE.into(), rows: vec![attack.clone(), attack] }, long.into()],
        ..full()
    }
}
