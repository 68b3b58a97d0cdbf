//! Golden vectors made by another program, tables of what is hidden and refused, and properties of commitments.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::action::Action;
use crate::event::{Body, Event};
use crate::hidden::policy::is_secret_name;

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Made once by a program of another language; never regenerated.
#[test]
fn golden_commitments() {
    let vectors: Value = serde_json::from_slice(&vector("hidden-value.json")).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let salt: Salt = case["salt"].as_str().unwrap().parse().unwrap();
        assert_eq!(String::from_utf8(canonical::to_bytes(&case["value"]).unwrap()).unwrap(), case["canonical"]);
        assert_eq!(commit(&salt, &case["value"]).unwrap().to_string(), case["commitment"]);
    }
}

#[test]
fn golden_disclosure() {
    let (bytes, entry) = (vector("disclosure.json"), vector("disclosure-entry.json"));
    let disclosure = Disclosure::from_bytes(&bytes).unwrap();
    assert_eq!(disclosure.check(&entry), Ok(()));
    assert_eq!(disclosure.to_bytes().unwrap(), bytes);
    assert_eq!(Event::from_entry(&entry).unwrap().to_entry().unwrap(), entry, "an entry with a hidden text is read and written whole");
}

#[test]
fn bad_disclosures_are_named() {
    let (good, entry) = (String::from_utf8(vector("disclosure.json")).unwrap(), vector("disclosure-entry.json"));
    let other = String::from_utf8(entry.clone()).unwrap();
    for (from, to, words) in [
        ("{", " {", "not canonical JSON"),
        ("\"v\":1", "\"v\":2", "its version is 2"),
        ("\"v\":1", "\"u\":1,\"v\":1", "unknown field `u`"),
        ("\"value\":\"ORD-412", "\"value\":\"ORD-413", "not the one that was hidden"),
        ("/body/comment", "/body/reason", "nothing is hidden at `/body/reason`"),
        ("/body/comment", "/body", "nothing is hidden at `/body`"),
        ("/body/comment", "", "nothing is hidden"),
        ("000000000001", "000000000003", "about event"),
        ("log.example", "log.example.org", "about event"),
        ("\"salt\":\"", "\"salt\":\"A", "not a salt"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let error = Disclosure::from_bytes(bad.as_bytes()).and_then(|disclosure| disclosure.check(&entry)).unwrap_err().to_string();
        assert!(error.contains(words), "{from} -> {to}: {error}");
    }
    let disclosure = Disclosure::from_bytes(format!("{good}\n").as_bytes()).unwrap();
    assert!(disclosure.check(other.replace("\"v\":1", "\"v\": 1").as_bytes()).is_err(), "the entry must be canonical");
    assert!(Disclosure::from_bytes(&vec![b'['; MAX_DISCLOSURE_BYTES + 1]).unwrap_err().to_string().contains("the limit is"));
}

#[test]
fn a_salt_never_reaches_a_log_line() {
    let salt: Salt = "AAECAwQFBgcICQoLDA0ODw".parse().unwrap();
    let subject = "ana".parse().unwrap();
    let opening = Opening { commitment: Digest::of(b""), pointer: "/body/name".into(), subject, salt, value: json!("Ana Ruiz") };
    let disclosure = Disclosure::new("log", EventId::new(Default::default(), [0; 10]), "/body/name", salt, json!("Ana Ruiz"));
    for shown in [format!("{salt:?}"), format!("{opening:?}"), format!("{disclosure:?}")] {
        assert!(!shown.contains("Ana Ruiz") && !shown.contains("AAEC"), "{shown}");
    }
}

#[test]
fn subjects_have_one_text() {
    for (text, expected) in [("ana", "person:ana"), ("person:ana", "person:ana"), ("principal:deploy-bot", "principal:deploy-bot")] {
        assert_eq!(text.parse::<Subject>().unwrap().to_string(), expected);
    }
    for bad in ["", "person:", "principal: x", "a b"] {
        assert!(bad.parse::<Subject>().is_err(), "{bad}");
    }
}

#[test]
fn names_that_say_secret() {
    for name in [
        "password",
        "DB_PASSWORD",
        "dbPassword",
        "PGPASSWORD",
        "api_key",
        "apiKey",
        "API-KEY",
        "x-api-key",
        "secret",
        "client_secret",
        "clientSecret",
        "token",
        "access-token",
        "authToken",
        "Authorization",
        "privateKey",
        "AWS_SECRET_ACCESS_KEY",
        "passphrase",
        "cookie",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "statement",
        "max_tokens",
        "tokenizer",
        "key",
        "primary_key",
        "keys",
        "author",
        "policy_digest",
        "argv",
        "cwd",
        "region",
        "passenger",
        "",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

fn action(parameters: &Value) -> Action {
    serde_json::from_value(json!({
        "action": "db.user.create",
        "resource": {"type": "postgres", "id": "orders/prod", "attributes": {"owner": "ana", "session_key": "k"}},
        "parameters": parameters,
    }))
    .unwrap()
}

fn salts() -> impl FnMut(&str) -> Salt {
    let drawn = Cell::new(0u8);
    move |_| {
        drawn.set(drawn.get() + 1);
        Salt::from_bytes([drawn.get(); 16])
    }
}

fn hide(action: &mut Action, policy: &HidePolicy, sensitive: &[&str]) -> Result<Vec<Opening>, HideError> {
    let sensitive: Vec<String> = sensitive.iter().map(ToString::to_string).collect();
    hide_action(action, policy, &sensitive, &"ana".parse().unwrap(), &mut salts())
}

#[test]
fn secrets_of_an_action_are_hidden_wherever_they_stand() {
    let clear = action(&json!({
        "password": "hunter2", "user": "bob", "nested": {"list": [{"api/key": {"a": [1]}}, 2]}, "note": "see postgres://u:pw@db/x",
        "argv": ["tool", "--password", "pw1", "--token=pw2", "PGPASSWORD=pw3", "Authorization: Bearer pw4", "--password-file", "f", "plain"],
        "url": "https://ana@example.org/a:b@c", "Region": "eu",
    }));
    let mut hidden = clear.clone();
    let openings = hide(&mut hidden, &HidePolicy::secrets_only(), &["region"]).unwrap();
    let pointers: std::collections::BTreeSet<&str> = openings.iter().map(|opening| opening.pointer.as_str()).collect();
    let expected = [
        "/body/parameters/Region",
        "/body/parameters/argv/2",
        "/body/parameters/argv/3",
        "/body/parameters/argv/4",
        "/body/parameters/argv/5",
        // The word after `--password-file` is taken for its value as well: rather one too many.
        "/body/parameters/argv/7",
        "/body/parameters/nested/list/0/api~1key",
        "/body/parameters/note",
        "/body/parameters/password",
        "/body/resource/attributes/session_key",
    ];
    assert_eq!(pointers, expected.into_iter().collect());
    let text = serde_json::to_string(&hidden).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("pw"), "{text}");
    // Every opening leads back, so that the whole action can be shown again.
    let mut whole = json!({"body": hidden});
    for opening in &openings {
        let place = whole.pointer_mut(&opening.pointer).unwrap();
        assert_eq!(commitment(place), Some(opening.commitment));
        assert_eq!(commit(&opening.salt, &opening.value).unwrap(), opening.commitment);
        *place = opening.value.clone();
    }
    assert_eq!(whole["body"], serde_json::to_value(&clear).unwrap());
    assert_ne!(hidden.digest().unwrap(), clear.digest().unwrap());

    let mut open = clear.clone();
    assert!(hide(&mut open, &HidePolicy::nothing(), &[]).unwrap().is_empty());
    assert_eq!(open, clear);
}

#[test]
fn nobody_but_the_server_writes_the_reserved_member() {
    let form = form(&Digest::of(b"somebody else's value"));
    for parameters in
        [json!({"#": "x"}), json!({"a": form}), json!({"a": [{"b": form}]}), json!({"password": form}), json!({"password": [[form]]})]
    {
        let refused = hide(&mut action(&parameters), &HidePolicy::default(), &[]);
        assert!(matches!(refused, Err(HideError::Reserved { .. })), "{parameters}: {refused:?}");
        let refused = hide(&mut action(&parameters), &HidePolicy::nothing(), &[]);
        assert!(matches!(refused, Err(HideError::Reserved { .. })), "{parameters}: {refused:?}");
    }
}

#[test]
fn texts_of_people_are_hidden_and_agents_names_are_not() {
    let registered = |kind: &str| -> Body {
        let person = if kind == "human" { json!("p-ana") } else { Value::Null };
        let members = json!({"principal": "ana", "kind": kind, "name": "Ana Ruiz", "email": "ana@example.org", "person": person});
        Body::from_members(crate::event::Kind::PrincipalRegistered, members.as_object().unwrap().clone()).unwrap()
    };
    let mut fixed = || Salt::from_bytes([9; 16]);
    let mut body = registered("human");
    let openings = hide_body(&mut body, &HidePolicy::default(), None, &mut fixed).unwrap();
    let found: Vec<(String, String)> = openings.iter().map(|opening| (opening.pointer.clone(), opening.subject.to_string())).collect();
    assert_eq!(found, [("/body/name".into(), "person:p-ana".into()), ("/body/email".into(), "person:p-ana".into())]);
    let members = Value::Object(body.to_members().unwrap());
    assert_eq!(super::members(&members).len(), 2);
    assert!(hide_body(&mut body, &HidePolicy::default(), None, &mut fixed).unwrap().is_empty(), "what is hidden stays");
    assert!(hide_body(&mut registered("agent"), &HidePolicy::default(), None, &mut fixed).unwrap().is_empty());
    assert!(hide_body(&mut registered("human"), &HidePolicy::secrets_only(), None, &mut fixed).unwrap().is_empty());

    let withdrawn = || {
        Body::RequestWithdrawn(crate::event::request::Withdrawn {
            comment: Some("no longer needed".into()),
            narrowed_by: None,
            successor: None,
        })
    };
    let author: Subject = "ana".parse().unwrap();
    assert_eq!(hide_body(&mut withdrawn(), &HidePolicy::default(), Some(&author), &mut fixed).unwrap().len(), 1);
    assert!(
        hide_body(&mut withdrawn(), &HidePolicy::default(), None, &mut fixed).unwrap().is_empty(),
        "Privyseal's own words are about nobody"
    );
}

proptest! {
    #[test]
    fn a_commitment_binds_and_any_changed_byte_is_found(
        text in ".{0,40}", other in ".{0,40}", salt in any::<[u8; 16]>(), flip in 0usize..16, bit in 0u8..8, at in any::<prop::sample::Index>(),
    ) {
        let (salt, value) = (Salt::from_bytes(salt), json!(text));
        let commitment = commit(&salt, &value).unwrap();
        prop_assert_eq!(commit(&salt, &json!(other)).unwrap() == commitment, text == other);
        let mut changed = *salt.as_bytes();
        changed[flip] ^= 1 << bit;
        prop_assert_ne!(commit(&Salt::from_bytes(changed), &value).unwrap(), commitment);

        // A disclosure of it, with any one byte changed, never checks.
        let id = EventId::new("2026-11-23T05:33:27Z".parse().unwrap(), [7; 10]);
        let entry = canonical::to_bytes(&json!({"body": {"comment": form(&commitment)}, "id": id, "log": "l"})).unwrap();
        let mut bytes = Disclosure::new("l", id, "/body/comment", salt, value).to_bytes().unwrap();
        prop_assert!(Disclosure::from_bytes(&bytes).unwrap().check(&entry).is_ok());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Disclosure::from_bytes(&bytes).and_then(|disclosure| disclosure.check(&entry)).is_err());
    }
}
