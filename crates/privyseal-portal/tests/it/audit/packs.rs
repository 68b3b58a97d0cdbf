//! `/evidence`.

use privyseal_core::event::{Body, Event, Kind};
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::sqlite::SqliteLog;

use super::double::Double;
use super::{DISARMED, HOSTILE, check, portal, until};
use crate::portal::Portal;

/// All events of a kind.
pub(super) fn events(portal: &Portal, kind: Kind) -> Vec<Event> {
    let log = SqliteLog::open_read_only(&portal.engine.layout().log()).unwrap();
    log.entries_of(kind).unwrap().iter().map(|stored| Event::from_entry(&stored.entry).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_built_shown_and_taken() {
    let double = Double::with_turns(0);
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    let answer = browser.get("/evidence?framework=soc2&from=2026-04-01&to=2026-07-01").await;
    check(
        &answer,
        200,
        &["No pack was built yet", "value=\"soc2\" checked", "value=\"2026-04-01\"", "data-live-fragment=\"/live/evidence\""],
    );
    check(&browser.get("/evidence").await, 200, &["value=\"2026-07-01\"", "value=\"2026-10-01\""]);

    let period = [("from", "2026-07-01"), ("to", "2026-10-01")];
    let with = |framework: &'static str| [("framework", framework), period[0], period[1]];
    for (fields, problem) in [
        (&period[..], "name one to eight frameworks"),
        (&with("soc3")[..], "there is no framework `soc3`"),
        (&[("framework", "soc2"), ("from", "2026-10-01"), ("to", "2026-07-01")][..], "which is not after its start"),
        (&[("framework", "soc2"), ("from", HOSTILE), ("to", "2026-07-01")][..], "&#60;script&#62;"),
    ] {
        check(&browser.submit("/evidence", "/evidence", fields).await, 422, &[problem, "role=\"alert\"", "Build a pack"]);
    }

    let answer = browser.submit("/evidence", "/evidence", &with("soc2")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/evidence"));
    let answer = browser.get("/evidence").await;
    check(&answer, 200, &["The pack is being built.", "Running the control tests", "step 1 of 3", ">Cancel<"]);
    let cancel = answer.text.split("action=\"").map(|rest| rest.split('"').next().unwrap()).find(|path| path.ends_with("/cancel")).unwrap();
    let answer = browser.submit("/evidence", cancel, &[]).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    check(&until(&mut browser, "/evidence", "Cancelled.</p>").await, 200, &[]);
    let csrf = browser.csrf().await;
    check(&browser.post(cancel, &[("csrf", &csrf)]).await, 409, &["not being built any more"]);
    assert!(events(&portal, Kind::ReportGenerated).is_empty());

    double.turns.add_permits(1);
    browser.submit("/evidence", "/evidence", &with("soc2")).await;
    let answer = until(&mut browser, "/live/evidence", "pack.zip").await;
    check(&answer, 200, &["privyseal-soc2.zip", "6 B", "SOC 2", "Exception"]);
    assert!(!answer.text.contains("<html"), "a fragment is no page");
    let href = answer.text.split("href=\"").map(|rest| rest.split('"').next().unwrap()).find(|path| path.ends_with("/pack.zip")).unwrap();
    let taken = browser.get(href).await;
    assert_eq!((taken.status.as_u16(), taken.text.as_str()), (200, "a pack"));
    assert_eq!(taken.header("content-length"), "6");

    // What was found is on record: the run, and the violation as an exception, with whoever has a part in it.
    let [Event { body: Body::AssertionEvaluated(run), id, .. }] = &events(&portal, Kind::AssertionEvaluated)[..] else { panic!() };
    assert_eq!((run.assertion.as_str(), run.state.as_str(), run.rows, run.violations), ("D01", "exception", 1_942, 8));
    let [Event { body: Body::ExceptionRaised(raised), .. }] = &events(&portal, Kind::ExceptionRaised)[..] else { panic!() };
    assert!(raised.exception.starts_with("D01-"), "{}", raised.exception);
    assert_eq!((raised.items.as_slice(), raised.evaluation), ([HOSTILE.to_owned()].as_slice(), Some(*id)));
    assert_eq!(raised.persons.iter().map(|person| person.as_str()).collect::<Vec<_>>(), ["p-ana", "p-dora"]);
    assert_eq!(taken.header("content-disposition"), "attachment; filename=\"privyseal-soc2.zip\"");
    let downloads = events(&portal, Kind::EvidenceDownloaded);
    assert_eq!(downloads.iter().map(|event| event.actor.id.as_str()).collect::<Vec<_>>(), ["aud"]);
    assert!(
        matches!(events(&portal, Kind::ReportGenerated).as_slice(), [Event { body: Body::ReportGenerated(report), .. }] if report.frameworks == ["soc2"])
    );
    check(&browser.get("/evidence").await, 200, &["1 download<"]);

    // A file that is gone or changed is not handed out as what was recorded.
    let path = portal.engine.layout().root().join("packs");
    for file in std::fs::read_dir(path).unwrap() {
        std::fs::write(file.unwrap().path(), "another").unwrap();
    }
    check(&browser.get(href).await, 410, &["build it again"]);
    assert_eq!(events(&portal, Kind::EvidenceDownloaded).len(), 1);
    check(&browser.get("/evidence/019f1af9-b400-7fe9-b6a8-903325cb7bc9/pack.zip").await, 404, &[]);

    // Built again, the same violation has its owner already.
    double.turns.add_permits(1);
    browser.submit("/evidence", "/evidence", &with("soc2")).await;
    for _ in 0..200 {
        if events(&portal, Kind::ReportGenerated).len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!((events(&portal, Kind::AssertionEvaluated).len(), events(&portal, Kind::ExceptionRaised).len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_fails_says_why() {
    let double = Double::free();
    *double.failure.lock().unwrap() = Some(HOSTILE.into());
    let portal = portal(&double).await;
    let mut browser = portal.browser("adm").await;
    browser.submit("/evidence", "/evidence", &[("framework", "soc2"), ("from", "2026-07-01"), ("to", "2026-10-01")]).await;
    check(&until(&mut browser, "/evidence", "It could not be built.").await, 200, &[DISARMED]);
}
