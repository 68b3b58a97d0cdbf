//! What people do in the portal, in a real browser: decide, sign with a passkey, read the evidence. Every page on the way is checked for
//! accessibility.

use std::fs;

use crate::browser::Browser;
use crate::support::{Instance, Running, wait_for};

/// Runs a journey to its end.
fn journey(walk: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(walk);
}

fn exec(instance: &Instance, action: &str, reason: &str, migration: &str) -> Running {
    fs::write(instance.path().join("migration.sql"), migration).unwrap();
    let arguments = ["exec", "--action", action, "--resource", "postgres:orders/prod", "--reason", reason, "--ticket", "ORD-412", "--"];
    let mut arguments = arguments.to_vec();
    arguments.extend(["sqlite3", "orders.db", ".read migration.sql"]);
    let mut running = Running::start(instance.path(), &arguments);
    running.line_with("a person decides at");
    running
}

#[test]
fn an_approver_understands_and_approves() {
    let instance = Instance::start();
    journey(async {
        let browser = Browser::open(&instance.url, "admin").await;
        browser.go("/").await;
        browser.read("Sign in with a passkey").await;
        browser.check("sign-in").await;
        browser.sign_in(&instance.link).await;
        browser.go("/").await;
        browser.check("queue-empty").await;

        // The queue moves by itself: nobody reloads.
        let ran = exec(
            &instance,
            "db.schema.apply",
            "ORD-412 add an index on customer",
            "CREATE TABLE IF NOT EXISTS orders (id INTEGER, customer TEXT);\n",
        );
        browser.see("a.row-link").await;
        browser.check("queue").await;
        browser.press("a.row-link").await;
        for words in [
            "sqlite3 orders.db '.read migration.sql'",
            "CREATE TABLE IF NOT EXISTS orders",
            "ORD-412 add an index on customer",
            "touches production",
            "production, up to medium risk",
            "operator",
        ] {
            browser.read(words).await;
        }
        browser.check("request").await;
        browser.write("#comment", "read it, looks right").await;
        browser.press("[data-approve]").await;
        browser.read("read it, looks right").await;
        let ran = ran.finish();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        // The page follows what the command does.
        browser.read("execution.finished").await;
        browser.check("request-done").await;
        assert!(instance.path().join("orders.db").exists());

        // The link is used up, and says so to whoever finds it.
        browser.press("details.menu summary").await;
        browser.press("form[action='/sign-out'] button").await;
        browser.go(instance.link.strip_prefix(&instance.url).unwrap()).await;
        browser.read("This link does not work").await;
        browser.check("link-spent").await;
        browser.close().await;
    });
}

#[test]
fn high_risk_takes_two_people_and_their_passkeys() {
    let instance = Instance::start();
    let (ana, ben) =
        (instance.invite("ana", &["approver", "group:sre", "requester"]), instance.invite("ben", &["approver", "group:dba", "requester"]));
    journey(async {
        let (first, second) = (Browser::open(&instance.url, "ana").await, Browser::open(&instance.url, "ben").await);
        first.sign_in(&ana).await;
        second.sign_in(&ben).await;
        let mut ran = exec(&instance, "db.schema.drop", "ORD-500 drop the old index", "DROP TABLE IF EXISTS customers;\n");

        first.go("/").await;
        first.press("a.row-link").await;
        first.read("drops, truncates or rewrites all rows").await;
        // Without a passkey this rule cannot count her; the way leads there and back.
        first.read("This rule wants your decision signed with a passkey").await;
        first.check("request-needs-passkey").await;
        first.press("a[href^='/settings/passkey?next=']").await;
        first.press("form[data-passkey=enrol] button[type=submit]").await;
        first.press("[data-approve]").await;
        first.read("You approved this").await;
        first.check("request-one-of-two").await;
        assert!(ran.child.try_wait().unwrap().is_none(), "one of two is not enough");

        second.enrol().await;
        second.go("/settings/passkey").await;
        second.see(".row-key").await;
        second.check("passkeys").await;
        // A passkey signs in as well.
        second.press("details.menu summary").await;
        second.press("form[action='/sign-out'] button").await;
        second.go("/").await;
        second.press("form[data-passkey=sign-in] button[type=submit]").await;
        second.press("a.row-link").await;
        second.press("[data-approve]").await;
        let ran = ran.finish();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        second.read("execution.finished").await;
        first.go("/history").await;
        first.read("db.schema.drop").await;
        first.check("history").await;
        first.close().await;
        second.close().await;
    });
    instance.ok(&["verify"]);
    let persons = instance.ok(&["sql", "--format", "csv", "select count(distinct reviewer) as n from reviews where assurance = 'passkey'"]);
    assert_eq!(persons.stdout, "n\r\n2\r\n");
}

#[test]
fn a_denial_says_why() {
    let instance = Instance::start();
    journey(async {
        let browser = Browser::open(&instance.url, "admin").await;
        browser.sign_in(&instance.link).await;
        let ran = exec(&instance, "db.schema.apply", "ORD-413 add a column", "ALTER TABLE orders ADD COLUMN note TEXT;\n");
        browser.go("/").await;
        browser.press("a.row-link").await;
        browser.write("#comment", "Not during the sale.").await;
        browser.press("[data-deny]").await;
        browser.read("Not during the sale.").await;
        browser.check("request-denied").await;
        let ran = ran.finish();
        assert_eq!(ran.code, 77);
        assert!(ran.stderr.contains("Not during the sale."), "the requester reads why: {}", ran.stderr);
        browser.close().await;
    });
}

#[test]
fn an_administrator_agrees_to_less_and_stops_agents() {
    let instance = Instance::start();
    instance.invite("kate", &["approver", "group:sre"]);
    journey(async {
        let browser = Browser::open(&instance.url, "admin").await;
        browser.sign_in(&instance.link).await;
        let ran = exec(&instance, "db.schema.apply", "ORD-414 add a column", "ALTER TABLE orders ADD COLUMN place TEXT;\n");
        browser.go("/").await;
        browser.press("a.row-link").await;
        browser.press("#request-decision details > summary").await;
        browser.check("request-less").await;
        browser.write("form[action$='/narrow'] input[name=minutes]", "2").await;
        browser.write("form[action$='/narrow'] textarea", "Two minutes are enough.").await;
        browser.press("form[action$='/narrow'] button").await;
        browser.read("A narrower request stands in its place.").await;
        browser.check("request-narrower").await;
        browser.write("#comment", "Not today.").await;
        browser.press("[data-deny]").await;
        let ran = ran.finish();
        assert_eq!(ran.code, 77);
        assert!(ran.stderr.contains("put a narrower request in its place") && ran.stderr.contains("Not today."), "{}", ran.stderr);

        browser.go("/settings").await;
        browser.read("Lend your groups").await;
        browser.check("settings").await;
        browser.go("/people").await;
        browser.press("td details > summary").await;
        browser.check("people-review").await;
        browser.write("form[action='/halt'] input[name=reason]", "a drill").await;
        browser.press("form[action='/halt'] button").await;
        browser.read("All agents: stopped since").await;
        browser.check("people-halted").await;
        browser.close().await;
    });
}

#[test]
fn an_auditor_reads_asks_and_takes_the_evidence_along() {
    let instance = Instance::start();
    let kate = instance.invite("kate", &["auditor"]);
    instance.ok(&["exec", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", "restart the test service", "--", "true"]);
    journey(async {
        let browser = Browser::open(&instance.url, "kate").await;
        browser.sign_in(&kate).await;
        browser.go("/controls").await;
        browser.check("controls").await;
        browser.go("/controls/soc2").await;
        browser.read("CC6.1").await;
        browser.check("framework").await;
        browser.go("/controls/soc2/CC8.1").await;
        browser.see("details, table, .card").await;
        browser.check("control").await;
        for (path, words) in [("/ledger", "privyseal verify"), ("/policies", "prod-high"), ("/people", "operator")] {
            browser.go(path).await;
            // Policies and people are the administrator's: an auditor is told so, politely, or reads them.
            let _ = words;
            browser.check(path.trim_start_matches('/')).await;
        }

        browser.go("/sql").await;
        browser.check("sql").await;
        browser.write("textarea", "select action, count(*) as held from requests group by 1").await;
        browser.press("form[action='/sql'] button[type=submit]").await;
        browser.read("infra.restart").await;
        browser.check("sql-answer").await;
        browser.write("textarea", "select nonsense from requests").await;
        browser.press("form[action='/sql'] button[type=submit]").await;
        browser.read("no column `nonsense`").await;
        browser.check("sql-error").await;

        browser.go("/evidence").await;
        browser.check("evidence").await;
        browser.press("input[value=soc2]").await;
        browser.press("form[action='/evidence'] button[type=submit]").await;
        browser.see("a[href$='pack.zip']").await;
        browser.check("evidence-built").await;
        browser.press("a[href$='pack.zip']").await;
        let pack = wait_for("the downloaded pack", || {
            let files = fs::read_dir(browser.downloads.path()).unwrap().map(|file| file.unwrap().path());
            files.filter(|file| file.extension().is_some_and(|extension| extension == "zip")).last()
        });
        let verified = instance.ok(&["verify", pack.to_str().unwrap()]);
        assert!(verified.stdout.starts_with("verified"), "{}", verified.stdout);

        browser.go("/requests/00000000-0000-7000-8000-000000000000").await;
        browser.read("404").await;
        browser.check("not-found").await;
        browser.close().await;
    });
    let doing = instance.ok(&[
        "sql",
        "--format",
        "csv",
        "select kind from events where kind in ('query.run', 'evidence.downloaded') group by 1 order by 1",
    ]);
    assert_eq!(doing.stdout, "kind\r\nevidence.downloaded\r\nquery.run\r\n", "what auditors do is on record, too");
}
