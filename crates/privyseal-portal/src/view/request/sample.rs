//! One request in all its states: the same migration, seen by different people at different times, and a few others.

mod ended;
mod extreme;

use privyseal_core::digest::Digest;
use privyseal_engine::Words;

use self::ended::{after_breakglass, approved, automatic, breakglass, changed, denied, ended, refused, run};
use self::extreme::{attacked, long};
use super::*;
use crate::view::code::Language;
use crate::view::sample::*;
use crate::view::seal::SealSet;
use crate::view::shell::Place;
use crate::view::state::{How, RequestState};

const MIGRATION: &str = "\
-- 0042: orders carry the region that routed them
BEGIN;

ALTER TABLE orders ADD COLUMN region text;

CREATE INDEX CONCURRENTLY orders_region_idx
    ON orders (region, placed_at DESC)
    WHERE region IS NOT NULL;

UPDATE orders
   SET region = warehouses.region
  FROM warehouses
 WHERE warehouses.id = orders.warehouse_id
   AND orders.placed_at >= '2026-01-01';

COMMIT;
";

const CANONICAL: &str = r#"{"action":"db.schema.apply","inputs":[{"bytes":358,"kind":"file","name":"migrations/0042_orders_region.sql","sha256":"1f0c…"}],"parameters":{"lock_timeout":"5s","migration":"0042_orders_region","retries":0},"resource":{"attributes":{"tier":"gold"},"id":"orders/prod","type":"postgres"}}"#;

impl Sampled for RequestPage {
    const NAME: &'static str = "request";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |request| RequestPage { shell: live(approver(Place::Queue), "request"), request };
        let decision = |decision| page(Request { decision, ..pending() });
        vec![
            ("pending", page(pending())),
            ("session", page(low())),
            ("subject", decision(Decision::Subject { because: "You own agent:deploy-bot, which spawned the agent that asks.".into() })),
            ("mine", page(mine())),
            ("after-breakglass", page(after_breakglass())),
            ("hidden", page(hidden())),
            ("not-asked", decision(Decision::NotAsked { asked: "1 of group:dba".to_owned() })),
            ("reviewed", decision(Decision::Reviewed { approved: true, at: Moment::clock(ago(60)), by: None })),
            ("lent", decision(Decision::Reviewed { approved: true, at: Moment::clock(ago(60)), by: Some(mei()) })),
            ("narrow", page(Request { narrow: Some(narrow()), terms: terms(), ..pending() })),
            ("needs-passkey", decision(Decision::NeedsPasskey)),
            ("cannot-show", page(withheld())),
            (
                "read-only",
                RequestPage {
                    shell: live(auditor(Place::Queue), "request"),
                    request: Request { decision: Decision::ReadOnly, ..pending() },
                },
            ),
            ("approved", page(approved(None, "unused"))),
            ("done", page(approved(Some(run(RunState::Done, "41 s", Some(0))), "used"))),
            ("unknown", page(approved(Some(run(RunState::Unknown, "", None)), "used"))),
            ("changed", page(changed())),
            ("automatic", page(automatic())),
            ("breakglass", page(breakglass())),
            ("denied", page(denied())),
            ("refused", page(refused())),
            (
                "expired",
                page(ended(RequestState::Expired, How::Time, "It was open for 30 min and no seal was set. A timeout is not a denial.")),
            ),
            ("cancelled", page(ended(RequestState::Cancelled, How::Requester, "agent:schema-pilot withdrew it: superseded by 0043."))),
            ("hostile", RequestPage { shell: live(hostile(Place::Queue), "request"), request: attacked() }),
            ("long", page(long())),
        ]
    }
}

impl Sampled for RequestPartial {
    const NAME: &'static str = "request_partial";
    const FRAGMENT: bool = true;

    fn samples() -> Vec<(&'static str, Self)> {
        vec![
            ("pending", RequestPartial { shell: approver(Place::Queue), request: pending() }),
            ("denied", RequestPartial { shell: approver(Place::Queue), request: denied() }),
        ]
    }
}

fn form(passkey: bool) -> DecisionForm {
    DecisionForm {
        action: "/requests/019abf1c/review".to_owned(),
        challenge: "/v1/requests/019abf1c/statement".to_owned(),
        answer: "/v1/requests/019abf1c/reviews".to_owned(),
        shown_digest: digest().hex().to_owned(),
        shown_at: now().to_string(),
        policy_digest: hash("policy 14").hex().to_owned(),
        passkey,
        if_approved:
            "one more person of group:sre must seal it too. Then agent:schema-pilot may run exactly this, once, within 10 minutes.".into(),
        if_denied: "the request ends here. agent:schema-pilot is told why, and a changed action is a new request.".into(),
        enrol: "/settings/passkey",
    }
}

fn digest() -> Hash {
    hash(CANONICAL)
}

fn entry(seq: u64, kind: &str, seconds: i64, actor: Party, text: &str, tone: &'static str) -> Entry {
    Entry {
        seq: Count(seq),
        kind: kind.to_owned(),
        at: Moment::exact(ago(seconds)),
        actor,
        text: text.into(),
        comment: None,
        href: format!("/ledger/entries/{seq}"),
        tone,
    }
}

/// The first steps, all of them this many seconds earlier than on the pending page.
fn timeline(earlier: i64) -> Vec<Entry> {
    vec![
        entry(48_190, "request.submitted", 244 + earlier, schema_pilot(), "Asked through the API, with a claim on ticket CHG-4711", "open"),
        Entry {
            comment: Some("Batch size is fine. Lock timeout is short enough to fail rather than queue up writers.".into()),
            ..entry(48_204, "review.recorded", 61 + earlier, ben(), "Approved with a passkey, after 2 min 14 s on the page", "good")
        },
        entry(48_207, "review.refused", 22 + earlier, dana(), "Tried to approve and was refused: owns the agent that asks", "bad"),
    ]
}

fn facts() -> Vec<Fact> {
    let fact = |derived: bool| move |(name, value): (&str, &str)| Fact { name: name.to_owned(), value: value.into(), derived };
    [
        ("Environment", "production, from the resource's name"),
        ("Statement class", "schema change and update, read from the SQL"),
        ("Rows in the table", "4,213,880"),
        ("First time for this agent", "yes, on this resource"),
        ("Requests of this agent in the last hour", "2"),
        ("Working hours of the owner", "yes"),
    ]
    .map(fact(true))
    .into_iter()
    .chain([("resource.attributes.tier", "gold"), ("Ticket", "CHG-4711"), ("Significant change", "no")].map(fact(false)))
    .collect()
}

fn factor(points: u8, because: &str, rule: &str, errored: bool) -> Factor {
    Factor { rule: rule.to_owned(), points, because: because.into(), errored }
}

fn set(name: &str, of: &str, seconds: i64) -> Seal {
    Seal::Set { name: name.into(), of: of.to_owned(), at: Moment::clock(ago(seconds)), assurance: "passkey" }
}

fn open(of: &str, yours: bool, eligible: u64) -> Seal {
    Seal::Open { of: of.to_owned(), yours, eligible: Count(eligible) }
}

fn sets(sets: Vec<Vec<Seal>>) -> Seals {
    Seals { sets: sets.into_iter().map(|seals| SealSet { seals }).collect() }
}

fn terms() -> Vec<Term> {
    let term = |name, value: &str| Term { name, value: value.into(), href: None };
    vec![
        term("Runs it", "agent:deploy-bot"),
        term("Only on", "runner-eu-1"),
        term("Asks more people", "1 of group:duty, from 2026-09-30 14:40 UTC"),
        Term { href: Some("/requests/019abf1c".to_owned()), ..term("Narrower than", "c2d4e8f3") },
    ]
}

fn narrow() -> NarrowForm {
    NarrowForm {
        action: "/requests/019abf1c/narrow".to_owned(),
        minutes: Some(30),
        uses: Some(3),
        parameters: vec![
            NarrowParameter { place: 0, name: "rows".into(), less: Less::Number(1_000) },
            NarrowParameter { place: 1, name: "tables".into(), less: Less::Part(vec!["orders".into(), "customers".into()]) },
        ],
    }
}

fn pending() -> Request {
    Request {
        id: "019abf1c-7d2e-7c41-9b1f-5a60c2d4e8f3".to_owned(),
        short: "c2d4e8f3".to_owned(),
        standing: Standing::PENDING,
        asker: Asker {
            party: schema_pilot(),
            program: Some("assistant-large 2026-09, tools: psql, git".into()),
            owner: Some(dana()),
            on_behalf_of: None,
            chain: vec![deploy_bot()],
            channel: "API",
        },
        asked: Moment::relative(ago(244), now()),
        action: Action {
            verb: "db.schema.apply".to_owned(),
            meaning: "Applies a schema migration to a database".to_owned(),
            resource_kind: "postgres".to_owned(),
            resource_id: "orders/prod".into(),
            environment: Environment::new(Some("production")),
            reversibility: Reversibility::Costly,
            command: Some(Code::new(
                Language::Shell,
                "psql --set=ON_ERROR_STOP=1 --single-transaction --file=migrations/0042_orders_region.sql 'service=orders-prod'",
            )),
            parameters: vec![
                parameter("parameters.lock_timeout", "\"5s\""),
                parameter("parameters.migration", "\"0042_orders_region\""),
                parameter("parameters.retries", "0"),
                parameter("resource.attributes.tier", "\"gold\""),
            ],
            canonical: Code::new(Language::Json, CANONICAL),
            inputs: vec![
                Input {
                    kind: "file",
                    name: "migrations/0042_orders_region.sql".into(),
                    digest: hash(MIGRATION),
                    size: Bytes(MIGRATION.len() as u64),
                    content: InputContent::Text(Code::new(Language::Sql, MIGRATION)),
                },
                Input {
                    kind: "tool",
                    name: "/usr/bin/psql".into(),
                    digest: hash("psql"),
                    size: Bytes(728_336),
                    content: InputContent::Binary,
                },
            ],
            deceptive: Count(0),
            digest: digest(),
        },
        why: Why {
            justification: "Routing needs the region on each order before the peak on Friday. The backfill touches orders of this year only; \
                            older ones stay empty and are read through the warehouse as before.\n\nDry run on staging took 38 s, no lock held longer than 200 ms."
                .into(),
            repeats: Count(0),
            ticket: Some(("CHG-4711".into(), WebLink::new("https://tickets.halden.example/CHG-4711"))),
        },
        risk: Risk::new(72),
        factors: vec![
            factor(35, "touches production", "r-prod", false),
            factor(20, "changes a schema with more than a million rows", "r-schema-large", false),
            factor(12, "first time for this agent on this resource", "r-first-time", false),
            factor(5, "an agent asks that another agent spawned", "r-spawned", false),
        ],
        missing: Vec::new(),
        facts: facts(),
        rules: vec![
            Rule { id: "prod-schema".to_owned(), approvals: "2 of group:sre, 1 of group:dba".to_owned(), because: "schema changes in production".into() },
            Rule { id: "agents-high".to_owned(), approvals: "1 of group:sre".to_owned(), because: "high risk asked by an agent".into() },
        ],
        policy: PolicyLink { version: 14, digest: hash("policy 14"), href: "/policies?version=14".to_owned() },
        terms: Vec::new(),
        narrow: None,
        seals: sets(vec![vec![set("Ben Carter", "group:dba", 61), open("group:sre", true, 4), open("group:sre", false, 4)]]),
        requirement: "2 of group:sre, 1 of group:dba".to_owned(),
        left: Some(Left::new(now().plus_seconds(1_450), now())),
        decision: Decision::Open(form(true)),
        withdraw: None,
        outcome: None,
        timeline: timeline(0),
        proof: Proof {
            seq: Count(48_190),
            leaf: hash("leaf"),
            size: Count(48_213),
            root: hash("root"),
            signed: Moment::exact(ago(4)),
            key: "ledger.halden.example/prod+6f1d3a20".to_owned(),
            entry: "/ledger/entries/48190".to_owned(),
            inclusion: "/ledger/entries/48190/proof".to_owned(),
            command: "privyseal verify privyseal-data --entry 48190 --trusted-key ledger.halden.example/prod+6f1d3a20+AQ…".to_owned(),
        },
    }
}

fn parameter(path: &str, value: &str) -> Parameter {
    Parameter { path: path.into(), value: Code::new(Language::Json, value) }
}

fn low() -> Request {
    let pending = pending();
    Request {
        risk: Risk::new(18),
        factors: vec![factor(18, "opens a port to an address range", "r-ingress", false)],
        asker: Asker { party: ben(), program: None, owner: None, on_behalf_of: None, chain: vec![], channel: "command line" },
        action: Action {
            verb: "net.firewall.open".to_owned(),
            meaning: "Opens a port of a firewall".to_owned(),
            resource_kind: "vpc".to_owned(),
            resource_id: "halden-staging/edge".into(),
            environment: Environment::new(Some("staging")),
            reversibility: Reversibility::Reversible,
            command: None,
            parameters: vec![parameter("parameters.cidr", "\"10.20.0.0/16\""), parameter("parameters.port", "5432")],
            canonical: Code::new(
                Language::Json,
                r#"{"action":"net.firewall.open","inputs":[],"parameters":{"cidr":"10.20.0.0/16","port":5432},"resource":{"attributes":{},"id":"halden-staging/edge","type":"vpc"}}"#,
            ),
            inputs: Vec::new(),
            ..pending.action
        },
        why: Why { justification: "Load test from the office network.".into(), repeats: Count(3), ticket: None },
        rules: vec![Rule {
            id: "network".to_owned(),
            approvals: "1 of group:sre or 1 of group:platform".to_owned(),
            because: Untrusted::default(),
        }],
        seals: sets(vec![vec![open("group:sre", true, 4)], vec![open("group:platform", false, 2)]]),
        requirement: "1 of group:sre or 1 of group:platform".to_owned(),
        decision: Decision::Open(DecisionForm {
            if_approved: "ben may run exactly this, once, until 14:41 UTC.".into(),
            if_denied: "the request ends here and ben is told why.".into(),
            ..form(false)
        }),
        left: Some(Left::new(now().plus_seconds(212), now())),
        timeline: vec![entry(48_201, "request.submitted", 3_900, ben(), "Asked through the command line", "open")],
        ..pending
    }
}

/// A request as the person who asked it sees it.
fn mine() -> Request {
    Request {
        decision: Decision::Subject { because: "You asked it.".into() },
        withdraw: Some("/requests/019abf1c/cancel".to_owned()),
        ..low()
    }
}

/// A request whose words the log keeps only as commitments.
fn hidden() -> Request {
    let veiled = Untrusted::from(Words::Hidden(Digest::of(b"salted")));
    let mut request = pending();
    request.why.justification = veiled.clone();
    request.asker.owner = Some(Party::person(veiled, "dana"));
    request
}

fn withheld() -> Request {
    let mut request = pending();
    if let Some(input) = request.action.inputs.first_mut() {
        input.content = InputContent::Withheld;
    }
    request.missing = vec!["rows_affected".to_owned(), "statement_class".to_owned()];
    request.factors.push(factor(15, "what the statement does is unknown", "r-statement", true));
    request.risk = Risk::new(87);
    request.decision = Decision::CannotShow {
        reason: "The bytes of migrations/0042_orders_region.sql were not handed over, so nobody could see what they approve.".into(),
        form: form(true),
    };
    request
}
