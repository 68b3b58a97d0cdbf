//! Accounts: L03.

use serde_json::json;

use super::check;
use crate::fixture::{Ledger, actor};
use crate::world::patched;

#[test]
fn l03_attributable_identity() {
    let mut ledger = Ledger::company();
    ledger.good("good");
    let mut cases = vec![("ana".to_owned(), "ok"), ("bot".to_owned(), "ok")];
    let act = |ledger: &mut Ledger, id: &str, over: serde_json::Value| {
        let who = patched(actor(id, ledger.now()), over);
        ledger.place(
            "query.run",
            who,
            None,
            json!({"query": crate::fixture::uuid(id), "text": "x", "parameters": {}, "snapshot_size": 1,
            "outcome": "refused", "error": "e", "rows": 0, "duration_ms": 1}),
        );
    };
    let mut case = |id: &str, verdict| cases.push((id.to_owned(), verdict));

    // A key that two agents use.
    ledger.bot("bot2", "ben", json!({}));
    ledger.bot("bot3", "ben", json!({}));
    act(&mut ledger, "bot2", json!({}));
    act(&mut ledger, "bot3", json!({"auth": {"credential": "key-bot2"}}));
    case("bot2", "violation: a credential was used by several accounts");
    case("bot3", "violation: a credential was used by several accounts");
    // A key of someone who never uses it, and a key that nobody knows.
    ledger.credential("key-idle", "ben");
    ledger.bot("bot4", "ben", json!({}));
    act(&mut ledger, "bot4", json!({"auth": {"credential": "key-idle"}}));
    case("bot4", "violation: it acted with a credential of another account");
    ledger.bot("bot5", "ben", json!({}));
    act(&mut ledger, "bot5", json!({"auth": {"credential": "key-nowhere"}}));
    case("bot5", "violation: it acted with a credential that was never enrolled");

    ledger.bot("bot6", "ben", json!({"owner": null}));
    act(&mut ledger, "bot6", json!({}));
    case("bot6", "violation: the agent has no owner");
    ledger.bot("bot7", "ghost", json!({}));
    act(&mut ledger, "bot7", json!({}));
    case("bot7", "violation: the owner of the agent is not registered");
    ledger.human("gone", &[]);
    ledger.bot("bot8", "gone", json!({}));
    ledger.event("principal.disabled", "system", json!({"principal": "gone", "reason": "left", "effective_at": ledger.now()}));
    act(&mut ledger, "bot8", json!({}));
    case("bot8", "violation: the owner of the agent is disabled or not a person");

    let faceless = json!({"principal": "shared", "kind": "human", "name": "shared"});
    ledger.event("principal.registered", "system", faceless);
    act(&mut ledger, "shared", json!({}));
    case("shared", "violation: no person stands behind the account");
    ledger.human("heir", &[]);
    let handed = json!({"principal": "heir", "kind": "human", "name": "heir", "person": "p-other", "reason": "handed over"});
    ledger.event("principal.changed", "system", handed);
    act(&mut ledger, "heir", json!({}));
    case("heir", "violation: the account was handed from one person to another");
    act(&mut ledger, "ben", json!({"kind": "agent"}));
    case("ben", "violation: it acted as another kind than it is registered as");
    act(&mut ledger, "stranger", json!({}));
    case("stranger", "indeterminate: it was not registered before it acted");
    act(&mut ledger, "late", json!({}));
    ledger.human("late", &[]);
    case("late", "indeterminate: it was not registered before it acted");
    check(&mut ledger, "L03", &cases);
}
