//! Views over time: for one key, no two rows hold at once, so that a join as of an event never multiplies rows; not even over a log
//! that was forged.

use serde_json::{Value, json};

use crate::duckdb::everything_twice;
use crate::eventful::eventful;
use crate::fixture::{Ledger, rows, run, uuid, value};

/// The views over time, each with what makes a row its own.
const KEYS: &[(&str, &str)] = &[
    ("catalogs", "catalog"),
    ("credentials", "credential"),
    ("delegations", "delegation"),
    ("keys", "key_id, purpose"),
    ("persons", "principal"),
    ("policies", "1"),
    ("principals", "principal"),
    ("roles", "principal, role"),
    ("sessions", "session"),
];

/// Checks every view over time, by time and by position.
fn check(ledger: &mut Ledger) {
    let engine = ledger.engine();
    let over_time: Vec<&str> = engine
        .table_docs()
        .iter()
        .filter(|doc| doc.columns.iter().any(|column| column.name == "valid_from"))
        .map(|doc| doc.name.as_str())
        .collect();
    assert_eq!(over_time, KEYS.iter().map(|(view, _)| *view).collect::<Vec<_>>());
    for (view, key) in KEYS {
        for (from, to) in [("from_seq", "to_seq"), ("valid_from", "valid_to")] {
            // What was replaced before it began holds at no moment.
            let sql = format!(
                "SELECT count(*) FROM (SELECT {from} AS f, max({to}) OVER (PARTITION BY {key} ORDER BY {from}, {to} \
                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM {view} WHERE {from} < {to}) WHERE before > f"
            );
            assert_eq!(value(&engine, &sql), json!(0), "{view}, {from}");
            // What holds from and until when is never NULL, and never ends before it begins.
            let sql = format!("SELECT count(*) FROM {view} WHERE {from} IS NULL OR {to} IS NULL OR {to} < {from}");
            assert_eq!(value(&engine, &sql), json!(0), "{view}, {to}");
        }
    }
    let events = value(&engine, "SELECT count(*) FROM events");
    for (table, at) in [("persons", "e.seq"), ("principals", "e.seq")] {
        let sql = format!(
            "SELECT count(*) FROM events e LEFT JOIN {table} p ON p.principal = e.actor_id AND p.from_seq <= {at} AND {at} < p.to_seq"
        );
        assert_eq!(value(&engine, &sql), events, "{table}");
    }
}

#[test]
fn rows_of_one_key_never_overlap() {
    check(&mut eventful());
}

#[test]
fn not_even_when_everything_happens_twice() {
    check(&mut everything_twice());
}

/// What nobody's engine would write: everything again and again, out of order, with times that contradict each other.
#[test]
fn not_even_in_a_forged_log() {
    let mut ledger = eventful();
    ledger.lax(|ledger| {
        for round in 0..3 {
            ledger.human_of("ana", &format!("p-other-{round}"), &[]);
            for (from, to) in [
                ("2026-01-01T00:00:00.000000Z", "2030-01-01T00:00:00.000000Z"),
                ("2027-01-01T00:00:00.000000Z", "2026-10-03T00:00:00.000000Z"),
            ] {
                ledger.role("ana", "approver", json!({"valid_from": from, "valid_to": to}));
                ledger.role("ana", "approver", json!({"valid_from": from}));
            }
            ledger.bot("bot", "ana", json!({}));
            ledger.bot("bot", "bot", json!({}));
            ledger.policy(1, json!({}));
            ledger.credential("key-bot", "ana");
            let key = ledger.key.verifier().to_string();
            ledger.event("key.enrolled", "ana", json!({"key": key, "purpose": "node", "protection": "file-0600"}));
            ledger.event("key.retired", "ana", json!({"key_id": ledger.key.id().to_string(), "reason": "x"}));
            ledger.event(
                "credential.revoked",
                "ana",
                json!({"credential": "key-bot", "principal": "bot", "reason": "x", "effective_at": "2026-01-01T00:00:00.000000Z"}),
            );
            ledger.event("role.removed", "ana", json!({"principal": "ana", "role": "approver", "reason": "x"}));
            ledger.event(
                "principal.disabled",
                "ana",
                json!({"principal": "ana", "reason": "x", "effective_at": "2020-01-01T00:00:00.000000Z"}),
            );
        }
    });
    check(&mut ledger);
}

#[test]
fn what_begins_twice_is_refused() {
    let session = json!({"session": uuid("session-ana"), "principal": "ana", "method": "link", "amr": [], "token_sha256": "x",
        "expires_at": "2026-12-01T00:00:00.000000Z"});
    let delegation = json!({"delegation": "lent-1", "delegator": "cleo", "delegate": "dora", "roles": ["group:sre"], "depth": 1,
        "reason": "x", "valid_from": "2026-10-02T00:00:00.000000Z", "valid_to": "2026-12-01T00:00:00.000000Z"});
    let session_id = uuid("session-ana");
    for (view, kind, body, key) in
        [("sessions", "session.started", session, session_id.as_str()), ("delegations", "delegation.made", delegation, "lent-1")]
    {
        let mut ledger = eventful();
        assert!(!rows(&ledger.engine(), &format!("SELECT * FROM {view}")).is_empty());
        ledger.lax(|ledger| ledger.event(kind, "ana", body));
        let at: Value = json!(ledger.size() - 1);
        let engine = ledger.engine();
        for sql in [
            format!("SELECT * FROM {view}"),
            format!("SELECT count(*) FROM {view}"),
            format!("SELECT e.seq FROM events e JOIN {view} v ON v.from_seq <= e.seq AND e.seq < v.to_seq"),
        ] {
            let error = run(&engine, &sql).err().map(|error| error.to_string()).unwrap_or_default();
            let expected =
                format!("the view `{view}` cannot be built: `{key}` begins again at entry {at} before it ended; run `privyseal verify`");
            assert!(error.contains(&expected), "{sql}: {error}");
        }
    }
}
