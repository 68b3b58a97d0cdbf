//! `/ledger`, `/policies`, `/people`.

use privyseal_core::command::{Command, Directory};
use privyseal_core::digest::Digest;
use privyseal_core::event::ActorKind;
use privyseal_core::event::directory::{AgentProfile, Principal};
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::sqlite::SqliteLog;

use super::{DISARMED, HOSTILE, check};
use crate::portal::Portal;

/// The first digits of a digest.
fn start(digest: &Digest, digits: usize) -> String {
    digest.hex().chars().take(digits).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_shows_its_head_and_how_to_check_it() {
    let portal = Portal::new().await;
    let mut browser = portal.browser("aud").await;
    let answer = browser.get("/ledger").await;
    let head = SqliteLog::open_read_only(&portal.engine.layout().log()).unwrap().head().unwrap().unwrap();
    let key = format!("privyseal verify data --trusted-key &#39;{}", "test.example/privyseal/portal+");
    check(&answer, 200, &["Nothing is sealed yet", "<code>test.example/privyseal/portal</code>", "ledger.opened", "policy.published"]);
    check(&answer, 200, &[&key, "curl http://localhost:8420/checkpoint", "Nobody outside is asked to sign."]);
    check(&answer, 200, &[&format!("<dd>{}</dd>", head.edge.size()), &head.checkpoint, &start(&head.edge.root(), 8)]);

    let sealed = portal.engine.seal().await.unwrap();
    let answer = browser.get("/ledger").await;
    let segment = sealed.first().unwrap();
    check(&answer, 200, &[&segment.path, &start(&segment.sha256, 12), &format!("{} to {}", segment.first, segment.last)]);
    check(&answer, 200, &[&format!("<dt>Not yet sealed</dt><dd>{}</dd>", portal.size() - segment.last - 1)]);
    assert!(!answer.text.contains("Nothing is sealed yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_show_every_version_as_it_is_written() {
    let portal = Portal::new().await;
    let mut browser = portal.browser("rita").await;
    for path in ["/policies", "/policies?version=1"] {
        let answer = browser.get(path).await;
        check(
            &answer,
            200,
            &["Version 1", "In force", "policy.cedar", "catalogue.toml", "db.change", "nobody: it opened the log", "5 rules"],
        );
        check(&answer, 200, &["href=\"/policies?version=1\" aria-current=\"true\"", "first", "adm"]);
    }
    for path in ["/policies?version=2", "/policies?version=x", "/policies?version=%3Cscript%3Ealert(1)"] {
        check(&browser.get(path).await, 404, &["There is no such version of the policy"]);
    }
}

/// Told to whoever reads the policy, not on the day when somebody needs it.
#[tokio::test(flavor = "multi_thread")]
async fn rules_that_nobody_can_satisfy_are_told() {
    let portal = Portal::new().await;
    let mut adm = portal.browser("adm").await;
    assert!(!adm.get("/policies").await.text.contains("Nobody can satisfy"));
    for who in ["cleo", "ana"] {
        let off = Directory::Switch { principal: who.parse().unwrap(), enabled: false, reason: "left".to_owned() };
        portal.engine.as_operator(Command::Directory(off)).await.unwrap();
    }
    let shown = adm.get("/policies").await;
    check(&shown, 200, &["Nobody can satisfy these rules as groups are filled now", "<code>both</code>"]);
    assert!(!shown.text.contains("<code>change</code>"), "one is left for it");
}

fn principal(id: &str, kind: ActorKind, person: Option<&str>) -> Principal {
    Principal {
        principal: id.parse().unwrap(),
        kind,
        // A name with the last of them, which turns the text around, is not even registered.
        name: HOSTILE.trim_end_matches('\u{202e}').into(),
        email: None,
        person: person.map(|person| person.parse().unwrap()),
        owner: None,
        parent: None,
        agent: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_agents_are_listed_with_what_they_may_do() {
    let portal = Portal::new().await;
    let mut second = principal("ben-admin", ActorKind::Human, Some("ben"));
    second.email = Some(HOSTILE.into());
    let mut agent = principal("probe", ActorKind::Agent, None);
    agent.owner = Some("ben".parse().unwrap());
    agent.parent = Some("bot".parse().unwrap());
    let (model, version) = ("janitor".to_owned(), HOSTILE.to_owned());
    agent.agent = Some(AgentProfile { model, version, tools: vec![], intended_use: vec!["db.change".into()], impact_assessed_at: None });
    for record in [second, agent] {
        portal.engine.as_operator(Command::Directory(Directory::Register(record))).await.unwrap();
    }
    portal.ask("db.read").await;
    let answer = portal.browser("ben").await.get("/people").await;
    check(&answer, 200, &[DISARMED, "janitor ", "db.change", "group:sre", "break-glass", "spawned by", "just now", "never"]);
    let row = |id: &str| {
        let rows = answer
            .text
            .split("<tr data-row")
            .filter(|row| ["<", ","].iter().any(|end| row.contains(&format!("class=\"under\">{id}{end}"))));
        let rows: Vec<&str> = rows.map(|row| row.split("</tr>").next().unwrap()).collect();
        let [row] = rows.as_slice() else { panic!("{id}: {rows:?}") };
        (*row).to_owned()
    };
    assert!(row("ben").contains("<code>ben-admin</code>") && row("ben-admin").contains("<code>ben</code>"));
    assert!(row("nora").contains("none") && !row("nora").contains("class=\"tag\""));
    assert!(row("bot").contains("data-label=\"Requests\">1<") && row("bot").contains("rita"));
    assert!(row("probe").contains("data-label=\"Requests\">0<"));
}
