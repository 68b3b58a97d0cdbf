//! What the company asks for: believable requests over migrations, access, exports and infrastructure.

use privyseal_core::action::{Action, Input, InputKind};
use privyseal_core::digest::Digest;
use privyseal_engine::{Ask, Attachment};
use serde_json::{Value, json};

use super::random::Random;

/// One request to be made.
pub(super) struct Story {
    pub(super) who: &'static str,
    pub(super) ask: Ask,
}

const MIGRATIONS: &[(&str, &str)] = &[
    (
        "add an index so that the nightly reconciliation stops timing out",
        "CREATE INDEX CONCURRENTLY idx_orders_customer_{n} ON orders (customer_id, created_at);",
    ),
    (
        "new column for the promised delivery window",
        "ALTER TABLE shipments ADD COLUMN eta_window tstzrange;\nCOMMENT ON COLUMN shipments.eta_window IS 'promised to the customer';",
    ),
    (
        "table for carrier contracts, see design note",
        "CREATE TABLE carrier_contracts_{n} (\n  id bigint PRIMARY KEY,\n  carrier_id bigint NOT NULL REFERENCES carriers,\n  valid daterange NOT NULL\n);",
    ),
    ("widen the tracking number for the new carrier", "ALTER TABLE parcels ALTER COLUMN tracking_number TYPE varchar(64);"),
];

const DROPS: &[(&str, &str)] = &[
    ("remove the import table of last quarter, backed up", "DROP TABLE tmp_import_{n};"),
    ("drop the column that nothing reads since release 41", "ALTER TABLE orders DROP COLUMN legacy_flag_{n};"),
];

const CHANGES: &[(&str, &str)] = &[
    ("deactivate a carrier that closed its depot", "UPDATE carriers SET active = false WHERE carrier_id = {n};"),
    ("correct the weight of one shipment after the customer's complaint", "UPDATE shipments SET weight_kg = 412 WHERE shipment_id = {n};"),
    ("remove sessions that ended a month ago", "DELETE FROM sessions WHERE expires_at < now() - interval '30 days';"),
    ("re-open an invoice that was closed by mistake", "UPDATE invoices SET state = 'open' WHERE invoice_id = {n};"),
];

const EXPORTS: &[(&str, &str, i64)] = &[
    ("shipments/prod", "monthly volume figures for the carrier review", 48_000),
    ("customers/prod", "list for the customer survey, mail addresses included", 12_400),
    ("invoices/prod", "open items for the auditors' confirmation letters", 3_150),
    ("public-tariffs/prod", "tariff sheet for the web site", 900),
];

const ROLES: &[(&str, &str, &str)] = &[
    ("svc-billing", "reader", "billing needs to read the shipment events"),
    ("svc-routing", "writer", "routing writes its plans into the new schema"),
    ("r.meyer", "reader", "new colleague in dispatch, starts on Monday"),
    ("svc-warehouse", "admin", "warehouse service takes over partition maintenance"),
];

/// Where it came from: what makes two reasons for the same thing differ in real life.
const OCCASIONS: &[&str] = &[
    "as agreed with dispatch",
    "after the call with the carrier",
    "found in the weekly check",
    "reported by the depot",
    "from the release notes",
    "for the month-end close",
];

fn ask(verb: &str, resource: &str, parameters: Value, reason: String, ticket: Option<String>) -> Option<Ask> {
    let (kind, id) = resource.split_once(':')?;
    let action: Action = serde_json::from_value(json!({
        "action": verb, "resource": {"type": kind, "id": id, "attributes": {}}, "parameters": parameters, "inputs": [],
    }))
    .ok()?;
    Some(Ask {
        action,
        justification: reason,
        ticket,
        on_behalf_of: None,
        executor: None,
        audience: None,
        batch: None,
        idempotency_key: None,
        previous_request: None,
        significant_change: Some(false),
        authors: Vec::new(),
        breakglass: false,
        attachments: Vec::new(),
    })
}

/// Adds a migration file as an input whose content approvers can read.
fn with_file(mut ask: Ask, name: String, text: String) -> Ask {
    let bytes = text.into_bytes();
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    ask.action.inputs.push(Input { kind: InputKind::File, name: name.clone(), sha256: Digest::of(&bytes), bytes: length });
    ask.attachments.push(Attachment { name, bytes });
    ask
}

fn environment(random: &mut Random) -> &'static str {
    random.weighted(&[(45, "prod"), (25, "staging"), (30, "dev")]).copied().unwrap_or("dev")
}

/// The next thing that somebody wants.
pub(super) fn next(random: &mut Random) -> Option<Story> {
    let n = random.between(100, 9_999);
    let ticket_number = random.between(120, 980);
    let ticket = |prefix: &str, random: &mut Random| random.chance(88.0).then(|| format!("{prefix}-{ticket_number}"));
    let kind = *random.weighted(&[
        (30, "migration"),
        (4, "drop"),
        (14, "change"),
        (12, "export"),
        (14, "iam"),
        (3, "key"),
        (12, "infra"),
        (2, "reset"),
        (9, "config"),
    ])?;
    let database = *random.pick(&["orders", "shipments", "billing", "routing"])?;
    let story = match kind {
        "migration" | "drop" => {
            let (reason, sql) = random.pick(if kind == "drop" { DROPS } else { MIGRATIONS })?;
            let verb = if kind == "drop" { "db.schema.drop" } else { "db.schema.apply" };
            let who = *random.weighted(&[(60, "agent:migrator"), (20, "agent:deploy-bot"), (8, "hugo"), (6, "elif"), (6, "grace")])?;
            let ticket = ticket("ORD", random);
            let reason = ticket.as_ref().map_or((*reason).to_owned(), |ticket| format!("{ticket} {reason}"));
            let resource = format!("postgres:{database}/{}", environment(random));
            let sql = sql.replace("{n}", &n.to_string());
            let file = format!("migrations/V{n}__{}.sql", verb.rsplit('.').next().unwrap_or("apply"));
            if random.chance(15.0) {
                let asked = ask(verb, &resource, json!({"argv": ["psql", "-f", file], "database": database}), reason, ticket)?;
                Story { who, ask: with_file(asked, file, sql) }
            } else {
                Story { who, ask: ask(verb, &resource, json!({"statement": sql, "database": database}), reason, ticket)? }
            }
        }
        "change" => {
            let (reason, sql) = random.pick(CHANGES)?;
            let who =
                *random.weighted(&[(40, "agent:migrator"), (25, "agent:oncall-copilot"), (15, "elif"), (10, "hugo"), (10, "grace")])?;
            let ticket = ticket("OPS", random);
            let resource = format!("postgres:{database}/{}", environment(random));
            Story {
                who,
                ask: ask(
                    "db.data.change",
                    &resource,
                    json!({"statement": sql.replace("{n}", &n.to_string()), "rows": random.between(1, 400)}),
                    (*reason).to_owned(),
                    ticket,
                )?,
            }
        }
        "export" => {
            let (resource, reason, rows) = random.pick(EXPORTS)?;
            let who = *random.weighted(&[(45, "agent:etl"), (35, "agent:report-writer"), (10, "grace"), (10, "farid")])?;
            let parameters = json!({"format": "parquet", "rows": rows, "destination": "s3://halden-exports/monthly"});
            let ticket = ticket("DATA", random);
            Story { who, ask: ask("data.export", &format!("warehouse:{resource}"), parameters, (*reason).to_owned(), ticket)? }
        }
        "iam" => {
            let (principal, role, reason) = random.pick(ROLES)?;
            let verb = if random.chance(75.0) { "iam.role.grant" } else { "iam.role.revoke" };
            let who = *random.weighted(&[(70, "agent:iam-sync"), (15, "ines"), (15, "grace")])?;
            let ticket = ticket("IAM", random);
            let reason = if verb == "iam.role.revoke" { format!("{principal} no longer needs it") } else { (*reason).to_owned() };
            let resource = format!("iam:{database}/{}", environment(random));
            Story { who, ask: ask(verb, &resource, json!({"principal": principal, "role": role}), reason, ticket)? }
        }
        "key" => {
            let ticket = ticket("IAM", random);
            let parameters = json!({"principal": "svc-billing", "days": 90});
            Story {
                who: "agent:iam-sync",
                ask: ask("iam.key.create", "iam:billing/prod", parameters, "rotate the key of the billing service".to_owned(), ticket)?,
            }
        }
        "infra" => {
            let who = *random.weighted(&[(45, "agent:oncall-copilot"), (40, "agent:deploy-bot"), (8, "dmitri"), (7, "ana")])?;
            let service = *random.pick(&["dispatch", "pricing", "track-and-trace"])?;
            let resource = format!("k8s:{service}/{}", environment(random));
            let ticket = ticket("OPS", random);
            if random.chance(60.0) {
                Story {
                    who,
                    ask: ask(
                        "infra.restart",
                        &resource,
                        json!({"service": service}),
                        "memory grows since the last release, restart until the fix is out".to_owned(),
                        ticket,
                    )?,
                }
            } else {
                Story {
                    who,
                    ask: ask(
                        "infra.scale",
                        &resource,
                        json!({"service": service, "replicas": random.between(2, 24)}),
                        "more replicas for the end of the month".to_owned(),
                        ticket,
                    )?,
                }
            }
        }
        "reset" => {
            let who = *random.weighted(&[(60, "agent:oncall-copilot"), (40, "agent:deploy-bot")])?;
            let resource = format!("k8s:staging-cluster/{}", if random.chance(35.0) { "prod" } else { "staging" });
            let ticket = ticket("OPS", random);
            Story {
                who,
                ask: ask(
                    "infra.reset",
                    &resource,
                    json!({"nodes": random.between(1, 6)}),
                    "node pool is stuck after the upgrade, reset it".to_owned(),
                    ticket,
                )?,
            }
        }
        _ => {
            let who = *random.weighted(&[(55, "agent:deploy-bot"), (30, "agent:oncall-copilot"), (15, "dmitri")])?;
            let resource = format!("config:{}/{}", random.pick(&["dispatch", "pricing"])?, environment(random));
            let parameters = json!({"key": "limits.max_parallel", "value": random.between(8, 64).to_string(), "was": "32"});
            let ticket = ticket("CFG", random);
            let reason = if random.chance(1.5) { "tuning".to_owned() } else { "raise the limit before the campaign starts".to_owned() };
            Story { who, ask: ask("config.change", &resource, parameters, reason, ticket)? }
        }
    };
    Some(tell_apart(story, random))
}

/// Most reasons name their occasion; some people and agents repeat themselves, which the control tests notice.
fn tell_apart(mut story: Story, random: &mut Random) -> Story {
    if story.ask.justification.len() > 12 && random.chance(97.0) {
        let occasion = random.pick(OCCASIONS).copied().unwrap_or_default();
        story.ask.justification = format!("{}, {occasion}, item {}", story.ask.justification, random.between(1, 900));
    }
    story
}

/// An emergency of somebody who may use break-glass.
pub(super) fn emergency(random: &mut Random) -> Option<Story> {
    let who = *random.pick(&["ana", "luis"])?;
    let mut asked = ask(
        "infra.restart",
        "k8s:dispatch/prod",
        json!({"service": "dispatch"}),
        format!("INC-{} dispatch is down, trucks are waiting, nobody else is reachable", random.between(2_000, 2_999)),
        None,
    )?;
    asked.breakglass = true;
    Some(Story { who, ask: asked })
}
