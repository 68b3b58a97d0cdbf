//! What `assets/passkey.js` carries between the server and an authenticator, with an authenticator in software: signing in, and signing a
//! decision. The addresses are those that the page's form names.

use axum::http::StatusCode;
use privyseal_core::command::{Command, Directory};
use privyseal_core::digest::Digest;
use privyseal_core::request::RequestState;
use privyseal_core::time::Timestamp;
use privyseal_core::webauthn::software::SoftwarePasskey;
use serde_json::{Map, Value, json};

use crate::browser::{Browser, form};
use crate::portal::{Answer, Portal, URL};

async fn enrol(portal: &Portal, who: &str, seed: u8) -> SoftwarePasskey {
    let passkey = SoftwarePasskey::from_seed(&[seed; 32], "localhost", URL).unwrap();
    let enroll = Directory::Enroll {
        credential: passkey.credential().parse().unwrap(),
        principal: who.parse().unwrap(),
        label: "in software".into(),
        key: passkey.public(),
        expires_at: None,
    };
    portal.engine.as_operator(Command::Directory(enroll)).await.unwrap();
    passkey
}

/// What the authenticator answers to options of the server, as `PublicKeyCredential.toJSON()` gives it.
fn answer(passkey: &SoftwarePasskey, options: &str) -> Value {
    let options: Value = serde_json::from_str(options).unwrap();
    let challenge: Digest = options["publicKey"]["challenge"].as_str().unwrap().parse().unwrap();
    let signed = passkey.sign(challenge.as_bytes());
    json!({
        "id": signed.credential, "rawId": signed.credential, "type": "public-key", "clientExtensionResults": {},
        "response": {
            "authenticatorData": signed.authenticator_data, "clientDataJSON": signed.client_data_json, "signature": signed.signature,
            "userHandle": null,
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_in_and_its_answer_works_once() {
    let portal = Portal::new().await;
    let passkey = enrol(&portal, "ben", 3).await;
    let mut browser = Browser::new(&portal);
    browser.get("/sign-in").await;
    let options = browser.post_json("/v1/passkeys/sign-in/options", "{}", None, URL).await;
    let body = json!({"credential": answer(&passkey, &options.text), "next": "/history"}).to_string();
    let signed_in = browser.post_json("/v1/passkeys/sign-in", &body, None, URL).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
    assert!(signed_in.text.contains("\"location\":\"/history\""));
    assert!(browser.get("/history").await.text.contains("passkey"));
    let mut thief = Browser::new(&portal);
    let again = thief.post_json("/v1/passkeys/sign-in", &body, None, URL).await;
    assert_eq!((again.status, thief.cookies.contains_key("privyseal")), (StatusCode::UNAUTHORIZED, false), "{}", again.text);
    let stranger = SoftwarePasskey::from_seed(&[99; 32], "localhost", URL).unwrap();
    let options = thief.post_json("/v1/passkeys/sign-in/options", "{}", None, URL).await;
    let body = json!({"credential": answer(&stranger, &options.text), "next": "https://evil.example"}).to_string();
    assert_eq!(thief.post_json("/v1/passkeys/sign-in", &body, None, URL).await.status, StatusCode::UNAUTHORIZED);
}

/// Signs the decision of the request's page with a passkey, and sends it after `change`.
async fn decide(browser: &mut Browser<'_>, page: &str, passkey: &SoftwarePasskey, change: impl FnOnce(&mut Map<String, Value>)) -> Answer {
    let shown = browser.get(page).await;
    let attribute = |name: &str| {
        let rest = shown.text.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name} in {}", shown.text)).1;
        rest.split('"').next().unwrap().to_owned()
    };
    assert_eq!(attribute("data-passkey"), "review");
    let mut fields: Map<String, Value> =
        form(&shown.text, &format!("{page}/review")).unwrap().into_iter().map(|(name, value)| (name, value.into())).collect();
    let csrf = fields.remove("csrf").unwrap();
    fields.extend([("verdict".to_owned(), json!("approve")), ("comment".to_owned(), json!("read it twice"))]);
    let options = browser.post_json(&attribute("data-challenge"), &Value::from(fields.clone()).to_string(), csrf.as_str(), URL).await;
    assert_eq!(options.status, StatusCode::OK, "{}", options.text);
    fields.insert("credential".to_owned(), answer(passkey, &options.text));
    change(&mut fields);
    browser.post_json(&attribute("data-answer"), &Value::from(fields).to_string(), csrf.as_str(), URL).await
}

/// As if the page had been looked at for longer.
fn earlier(fields: &mut Map<String, Value>) {
    let shown: Timestamp = fields["shown_at"].as_str().unwrap().parse().unwrap();
    fields.insert("shown_at".to_owned(), json!(shown.plus_seconds(-1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_this_decision_and_no_other() {
    let portal = Portal::new().await;
    let (mine, hers) = (enrol(&portal, "ben", 3).await, enrol(&portal, "cleo", 4).await);
    let mut ben = portal.browser("ben").await;
    type Change = fn(&mut Map<String, Value>);
    for (what, passkey, change, status) in [
        ("as it was signed", &mine, (|_| ()) as Change, 200),
        ("another verdict", &mine, |fields| drop(fields.insert("verdict".to_owned(), json!("deny"))), 403),
        ("another comment", &mine, |fields| drop(fields.insert("comment".to_owned(), json!("never read it"))), 403),
        ("another moment", &mine, earlier, 403),
        ("somebody else's passkey", &hers, |_| (), 403),
        ("no signature", &mine, |fields| drop(fields.remove("credential")), 401),
    ] {
        let request = portal.ask("db.drop").await;
        portal.advance(1);
        let answer = decide(&mut ben, &format!("/requests/{request}"), passkey, change).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
        let expected = if status == 200 { RequestState::Approved } else { RequestState::Pending };
        assert_eq!(portal.state_of(request), expected, "{what}");
        if status == 200 {
            let after = ben.get(&format!("/requests/{request}")).await;
            assert!(after.text.contains("Approved with a passkey") && after.text.contains("Your approval is recorded."), "{}", after.text);
        }
    }
}
