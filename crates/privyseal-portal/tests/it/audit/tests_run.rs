//! `/controls` and what is below it.

use std::sync::atomic::Ordering;

use privyseal_core::command::{Command, Directory};

use super::double::{Double, EVENT, REQUEST, catalogs};
use super::{DISARMED, check, portal, until};
use crate::portal::Portal;

const Q3: &str = "from=2026-07-01&to=2026-10-01";

/// A control that D01 speaks to, and one that nothing speaks to.
fn controls() -> (String, String) {
    let catalogs = catalogs();
    let soc2 = &catalogs.framework("soc2").unwrap().controls;
    let tested = soc2.iter().find(|control| control.mapping.iter().any(|mapping| mapping.assertions.iter().any(|id| id == "D01")));
    let silent = soc2.iter().find(|control| control.mapping.is_none());
    (tested.unwrap().id.clone(), silent.unwrap().id.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_framework_and_every_control_is_listed() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    let (tested, silent) = controls();

    let answer = browser.get("/controls").await;
    check(
        &answer,
        200,
        &["Tested <time", "12,345 entries", "aria-current=\"true\">Q3 2026</a>", "value=\"2026-07-01\"", "value=\"2026-10-01\""],
    );
    for framework in catalogs().frameworks() {
        check(&answer, 200, &[&format!("href=\"/controls/{}?{}\"", framework.id, Q3.replace('&', "&amp;")), &framework.name]);
    }

    let answer = browser.get("/controls/soc2").await;
    for control in &catalogs().framework("soc2").unwrap().controls {
        check(&answer, 200, &[&format!(">{}</a></th>", control.id)]);
    }
    check(&answer, 200, &["Exception", "Not tested here", "not from these events", "not written"]);

    let answer = browser.get("/controls/soc2?show=exception").await;
    check(&answer, 200, &[&format!(">{tested}</a></th>")]);
    assert!(!answer.text.contains(&format!(">{silent}</a></th>")));
    check(&browser.get("/controls/soc2?show=pass").await, 200, &["No control is in this state"]);

    let answer = browser.get(&format!("/controls/soc2/{tested}")).await;
    let request = format!("href=\"/requests/{REQUEST}\"");
    check(&answer, 200, &["No self-approval", "<dd>1,942</dd>", "<dd>8</dd>", "<dd>3</dd>", "<dd>7</dd>", "Exception", DISARMED, &request]);
    check(&answer, 200, &["href=\"/v1/ledger/entries/17\"", "<dt>Population</dt>", "<dt>Violation</dt>", "decided_at &#62;= $start"]);
    check(&answer, 200, &["The first 3 of 1,942 items", "/sql?assertion=D01&#38;from=2026-07-01", "evidence for this control"]);
    assert!(!answer.text.contains(EVENT), "an item is shown by its own id");

    let answer = browser.get(&format!("/controls/soc2/{silent}")).await;
    check(&answer, 200, &["The events of this ledger cannot evidence it", "Not tested here"]);
    assert_eq!(double.runs.load(Ordering::Relaxed), 1, "all pages of a period share one run");
    check(&browser.get("/controls/nist-800-53").await, 200, &["NIST"]);
    assert_eq!(double.runs.load(Ordering::Relaxed), 1, "all pages of a period share one run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_long_is_said_to_be_running() {
    let double = Double::with_turns(0);
    let portal = portal(&double).await;
    let mut browser = portal.browser("adm").await;
    let (tested, silent) = controls();
    for path in ["/controls".to_owned(), "/controls/soc2".to_owned(), format!("/controls/soc2/{tested}")] {
        let answer = browser.get(&path).await;
        check(&answer, 200, &["The tests are running"]);
        assert!(answer.header("refresh").ends_with(&format!("; url={path}?{Q3}")), "{}", answer.header("refresh"));
        assert!(!answer.text.contains("Nothing is tested for this control"), "nobody knows yet");
    }
    check(&browser.get(&format!("/controls/soc2/{silent}")).await, 200, &["Nothing is tested for this control"]);
    check(&browser.get("/sql?assertion=D01").await, 200, &["D01 is being run"]);
    double.turns.add_permits(1);
    let answer = until(&mut browser, "/controls", "Tested <time").await;
    assert_eq!(answer.header("refresh"), "");
    assert_eq!(double.runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_are_run_anew_when_asked_and_not_by_reloading() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    let (tested, _) = controls();
    let mut expected = 1;
    for path in ["/controls".to_owned(), "/controls/soc2".to_owned(), format!("/controls/soc2/{tested}")] {
        check(&browser.get(&format!("{path}?{Q3}")).await, 200, &["name=\"anew\""]);
        let answer = browser.get(&format!("{path}?{Q3}&anew=1")).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, format!("{path}?{Q3}").as_str()));
        expected += 1;
        until(&mut browser, &format!("{path}?{Q3}"), "Tested <time").await;
        browser.get(&format!("{path}?{Q3}")).await;
        assert_eq!(double.runs.load(Ordering::Relaxed), expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_tested_is_said() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    for (path, status, text) in [
        ("/controls?from=2026-10-01&to=2026-07-01", 422, "which is not after its start"),
        ("/controls/soc2?from=2026-07-01&to=2026-07-01", 422, "which is not after its start"),
        ("/controls/soc2/CC6.1?from=yesterday&to=2026-07-01", 422, "yesterday"),
        ("/controls?from=2026-07-01", 422, "role=\"alert\""),
        ("/controls?from=%3Cscript%3Ealert(1)&to=x", 422, "&#60;script&#62;"),
        ("/controls/soc3", 404, "There is no such framework"),
        ("/controls/%3Cscript%3Ealert(1)", 404, "There is no such framework"),
        ("/controls/soc2/CC99.9", 404, "There is no such control"),
        ("/controls/soc3/CC6.1", 404, "There is no such framework"),
    ] {
        check(&browser.get(path).await, status, &[text]);
    }
    assert_eq!(double.runs.load(Ordering::Relaxed), 0);

    *double.failure.lock().unwrap() = Some("a segment of the ledger cannot be read".into());
    check(&browser.get("/controls").await, 200, &["The tests could not be run: a segment of the ledger cannot be read", "Not tested here"]);
    *double.failure.lock().unwrap() = None;
    check(&browser.get("/controls").await, 200, &["Tested <time"]);

    let portal = Portal::new().await;
    check(&portal.browser("adm").await.get("/controls").await, 200, &["No framework is set up"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_see_the_frameworks_of_their_scope() {
    let double = Double::free();
    let portal = portal(&double).await;
    let (principal, role) = ("nora".parse().unwrap(), "auditor".parse().unwrap());
    let assign = Directory::Assign { principal, role, valid_to: None, scope: vec!["soc2".into()], reason: "audit".into() };
    portal.engine.as_operator(Command::Directory(assign)).await.unwrap();
    let mut browser = portal.browser("nora").await;
    let answer = browser.get("/controls").await;
    check(&answer, 200, &["/controls/soc2?"]);
    assert!(!answer.text.contains("iso27001"));
    check(&browser.get("/controls/iso27001").await, 403, &["does not cover"]);
    check(&browser.get("/controls/soc2").await, 200, &["Exception"]);
    let answer = browser.get("/evidence").await;
    check(&answer, 200, &["value=\"soc2\""]);
    assert!(!answer.text.contains("iso27001"));
}
