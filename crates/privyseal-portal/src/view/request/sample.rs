//! One request in all its states: the same migration, seen by different people at different times, and a few others.

use privyseal_core::digest::Digest;
use privyseal_core::event::Text;

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
            ("reviewed", decision(Decision::Reviewed { approved: true, at: Moment::clock(ago(60)) })),
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
    let veiled = Untrusted::from(&Text::Hidden { commitment: Digest::of(b"salted") });
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

fn run(state: RunState, took: &str, exit_code: Option<i64>) -> Run {
    Run { state, started: Moment::clock(ago(840)), took: took.to_owned(), exit_code, output: exit_code.map(|_| hash("output")) }
}

fn all_set() -> Vec<Seal> {
    vec![set("Ben Carter", "group:dba", 1_500), set("Ana Ruiz", "group:sre", 1_320), set("Tomasz Zieliński", "group:sre", 1_200)]
}

fn approved(run: Option<Run>, standing: &'static str) -> Request {
    let mut timeline = timeline(1_439);
    timeline.extend([
        entry(48_208, "review.recorded", 1_320, ana(), "Approved with a passkey", "good"),
        entry(48_209, "review.recorded", 1_200, tomasz(), "Approved with a passkey", "good"),
        entry(48_210, "request.approved", 1_200, Party::system(), "Every slot is filled by a distinct person", "good"),
        entry(48_211, "grant.issued", 1_200, Party::system(), "One use until 14:01 UTC, for this digest only", "quiet"),
    ]);
    if let Some(run) = &run {
        timeline.push(entry(
            48_220,
            "grant.redeemed",
            840,
            schema_pilot(),
            "The digest of what runs equals the digest that was signed",
            "quiet",
        ));
        let (kind, text, tone) = match run.state {
            RunState::Unknown => ("execution.unknown", "The executor did not come back; nobody can say whether it ran to its end", "warn"),
            _ => ("execution.finished", "Ended with exit code 0", "good"),
        };
        timeline.push(entry(48_221, kind, 799, schema_pilot(), text, tone));
    }
    let ran = run.is_some();
    Request {
        standing: Standing { state: RequestState::Approved, how: How::People },
        asked: Moment::relative(ago(1_683), now()),
        seals: sets(vec![all_set()]),
        left: None,
        decision: Decision::Closed,
        outcome: Some(Outcome {
            at: Moment::minute(ago(1_200)),
            sentence: "Three distinct people filled every slot; none of them is a subject of the request.".into(),
            denied_by: Vec::new(),
            grant: Some(Grant {
                short: "9e41b7aa".to_owned(),
                subject: schema_pilot(),
                until: Moment::clock(ago(600)),
                standing,
                revoke: None,
                run,
                digests: Digests { asked: digest(), shown: Some(digest()), run: ran.then(digest) },
            }),
        }),
        timeline,
        ..pending()
    }
}

fn changed() -> Request {
    let mut request = approved(None, "unused");
    if let Some(grant) = request.outcome.as_mut().and_then(|outcome| outcome.grant.as_mut()) {
        grant.digests.run = Some(hash("something else"));
    }
    request.timeline.push(entry(
        48_222,
        "grant.refused",
        300,
        schema_pilot(),
        "Refused: the file changed after the approval, so the digest is another one",
        "bad",
    ));
    request
}

fn automatic() -> Request {
    let mut request = approved(Some(run(RunState::Done, "2 s", Some(0))), "used");
    request.seals = Seals::default();
    request.requirement = "none".to_owned();
    request.risk = Risk::new(0);
    request.factors = Vec::new();
    request.rules =
        vec![Rule { id: "read-staging".to_owned(), approvals: "none".to_owned(), because: "reads in staging go straight through".into() }];
    request.timeline.retain(|entry| !entry.kind.starts_with("review"));
    request.standing.how = How::Automatic;
    if let Some(outcome) = &mut request.outcome {
        outcome.sentence = "Policy asks for nobody’s seal. This is recorded as automatic and never counts as a person.".into();
        if let Some(grant) = &mut outcome.grant {
            grant.digests.shown = None;
        }
    }
    request
}

fn breakglass() -> Request {
    let mut request = approved(Some(run(RunState::Running, "", None)), "used");
    request.seals = sets(vec![vec![open("group:security", false, 2)]]);
    request.requirement = "1 of group:security, afterwards".to_owned();
    request.timeline = vec![
        entry(48_230, "breakglass.invoked", 480, tomasz(), "Ran at once: the primary is out of disk and orders are being lost", "bad"),
        entry(48_231, "grant.issued", 480, Party::system(), "One use for 15 min", "quiet"),
    ];
    request.standing.how = How::Breakglass;
    if let Some(outcome) = &mut request.outcome {
        if let Some(grant) = &mut outcome.grant {
            grant.digests.shown = None;
        }
        outcome.sentence = "An open exception until somebody outside the request has reviewed it, due 2026-11-24 14:03 UTC.".into();
    }
    request
}

/// The same, as somebody outside of it sees it who must judge it.
fn after_breakglass() -> Request {
    let mut request = breakglass();
    request.decision = Decision::AfterBreakglass(AfterForm {
        action: "/requests/019abf1c/judge".to_owned(),
        due: Left::new(now().plus_seconds(85_900), now()),
    });
    if let Some(grant) = request.outcome.as_mut().and_then(|outcome| outcome.grant.as_mut()) {
        grant.revoke = Some("/grants/9e41b7aa/revoke".to_owned());
    }
    request
}

fn ended(state: RequestState, how: How, sentence: &str) -> Request {
    Request {
        standing: Standing { state, how },
        asked: Moment::relative(ago(1_683), now()),
        timeline: timeline(1_439),
        left: None,
        decision: Decision::Closed,
        outcome: Some(Outcome { at: Moment::minute(ago(600)), sentence: sentence.into(), denied_by: Vec::new(), grant: None }),
        ..pending()
    }
}

fn denied() -> Request {
    let mut request = ended(RequestState::Denied, How::People, "One denial ends a request under this rule.");
    if let Some(outcome) = &mut request.outcome {
        outcome.denied_by =
            vec![(ana(), "The index is created inside a transaction; CONCURRENTLY will fail there. Split it in two and ask again.".into())];
    }
    request.timeline.push(entry(48_212, "request.denied", 600, Party::system(), "Denied by Ana Ruiz", "bad"));
    request
}

fn refused() -> Request {
    Request {
        seals: Seals::default(),
        rules: vec![Rule {
            id: "no-drop-in-freeze".to_owned(),
            approvals: String::new(),
            because: "change freeze until 2026-11-30".into(),
        }],
        ..ended(RequestState::Denied, How::Policy, "A rule forbids it, so nobody was asked: change freeze until 2026-11-30.")
    }
}

fn attacked() -> Request {
    let mut request = pending();
    request.asker = Asker {
        party: Party::agent(HOSTILE, "agent:<img>"),
        program: Some(HOSTILE.into()),
        owner: Some(Party::person(HOSTILE, "\"onload=x")),
        on_behalf_of: Some(Party::person(HOSTILE, "x")),
        chain: vec![Party::agent(HOSTILE, "x")],
        channel: "MCP",
    };
    request.action.resource_id = HOSTILE.into();
    request.action.environment = Environment::new(Some(HOSTILE));
    request.action.reversibility = Reversibility::of("<b>");
    request.action.command = Some(Code::new(Language::Shell, format!("psql -c 'SELECT 1'{}; rm -rf /srv # {HOSTILE}", " ".repeat(400))));
    request.action.parameters = vec![Parameter { path: HOSTILE.into(), value: Code::new(Language::Json, format!("{HOSTILE:?}")) }];
    request.action.canonical = Code::new(Language::Json, HOSTILE);
    request.action.inputs = vec![Input {
        kind: "file",
        name: HOSTILE.into(),
        digest: hash("x"),
        size: Bytes(1_204),
        content: InputContent::Text(Code::new(
            Language::Sql,
            format!("/*\u{202e} }} \u{2066}if (admin)\u{2069} \u{2066} begin admins only */\nDROP TABLE orders; -- {HOSTILE}\r\u{1b}[2K\n"),
        )),
    }];
    request.action.deceptive = Count(9);
    request.why = Why { justification: HOSTILE.into(), repeats: Count(41), ticket: Some((HOSTILE.into(), None)) };
    request.factors = vec![factor(100, HOSTILE, "r-hostile", true)];
    request.risk = Risk::new(100);
    request.missing = vec!["rows_affected".to_owned()];
    request.facts = vec![
        Fact { name: "Environment".to_owned(), value: HOSTILE.into(), derived: true },
        Fact { name: "resource.attributes.<b>".to_owned(), value: HOSTILE.into(), derived: false },
    ];
    request.rules = vec![Rule { id: "x".to_owned(), approvals: "1 of group:sre".to_owned(), because: HOSTILE.into() }];
    request.seals = sets(vec![vec![set(HOSTILE, "group:sre", 9), open("group:<b>", true, 0)]]);
    request.decision = Decision::Open(DecisionForm { if_approved: HOSTILE.into(), if_denied: HOSTILE.into(), ..form(true) });
    request.timeline =
        vec![Entry { comment: Some(HOSTILE.into()), ..entry(1, "request.submitted", 5, Party::agent(HOSTILE, "x"), HOSTILE, "open") }];
    request
}

fn long() -> Request {
    let mut request = pending();
    request.action.verb = "infrastructure.database.instance.parameter.group.modify".to_owned();
    request.action.resource_id = long_resource().into();
    request.action.parameters = (0..24)
        .map(|index| {
            parameter(
                &format!("parameters.settings[{index}]"),
                &format!("{{\n  \"name\": \"max_connections_{index}\",\n  \"value\": \"{}\"\n}}", "9".repeat(index * 8)),
            )
        })
        .collect();
    request.action.inputs = vec![Input {
        kind: "file",
        name: "terraform/plan.json".into(),
        digest: hash("plan"),
        size: Bytes(48_211),
        content: InputContent::Text(Code::new(
            Language::Json,
            (0..120).map(|index| format!("  {{\"address\": \"module.db.parameter[{index}]\", \"change\": {{\"actions\": [\"update\"], \"after\": {index}}}}},\n")).collect::<String>(),
        )),
    }];
    request.why.justification = long_reason().into();
    request.factors = (0..14)
        .map(|index| factor(30 - index, &format!("reason number {index} among the many that speak against it"), "r-many", index == 3))
        .collect();
    request.risk = Risk::new(100);
    request.seals =
        sets(vec![
            (0..9)
                .map(|index| {
                    if index < 4 {
                        set("Wilhelmina Featherstonehaugh-Blackadder", "group:sre", 60)
                    } else {
                        open("group:sre", index == 4, 2)
                    }
                })
                .collect(),
            vec![open("user:ana|user:ben|user:tomasz|user:priya", true, 4)],
        ]);
    request.requirement = "9 of group:sre or 1 of user:ana|user:ben|user:tomasz|user:priya".to_owned();
    request
}
