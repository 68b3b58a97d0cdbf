//! The console of SQL in a real browser: names complete by keyboard, questions have fields, answers have charts, errors have a place.

use std::fs;

use serde_json::json;

use crate::browser::Browser;
use crate::support::{Instance, wait_for};

/// Keys as WebDriver names them.
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';
const DOWN: char = '\u{e015}';
const CONTROL: char = '\u{e009}';
const RELEASE: char = '\u{e000}';

const EDITOR: &str = "[data-editor]";
const VALUE: &str = "return document.querySelector('[data-editor]').value";

fn journey(walk: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(walk);
}

/// Writes a statement and runs it by keyboard.
async fn ask(browser: &Browser, statement: &str) {
    browser.go("/sql").await;
    browser.write(EDITOR, statement).await;
    browser.keys(EDITOR, &format!("{ESCAPE}{CONTROL}{ENTER}{RELEASE}")).await;
}

#[test]
fn an_auditor_asks_without_a_mouse() {
    let instance = Instance::start();
    journey(async {
        let browser = Browser::open(&instance.url, "console").await;
        browser.sign_in(&instance.link).await;
        browser.go("/sql").await;

        // Tables after FROM, the columns of the table elsewhere.
        browser.write(EDITOR, "select  from eve").await;
        browser.until("return document.querySelector('#completions [aria-selected=true]')?.dataset.name", json!("events")).await;
        browser.check("sql-completion").await;
        browser.keys(EDITOR, &ENTER.to_string()).await;
        browser.until(VALUE, json!("select  from events")).await;
        browser.find("const e = document.querySelector('[data-editor]'); e.focus(); e.setSelectionRange(7, 7)").await;
        browser.keys(EDITOR, "ki").await;
        let options = "return [...document.querySelectorAll('#completions li')].map(option => option.dataset.name).slice(0, 1)";
        browser.until(options, json!(["kind"])).await;
        browser.keys(EDITOR, &ESCAPE.to_string()).await;
        browser.until("return document.querySelector('#completions').hidden", json!(true)).await;
        browser.until(VALUE, json!("select ki from events")).await;
        browser.keys(EDITOR, "n").await;
        browser.keys(EDITOR, &format!("{DOWN}{DOWN}")).await;
        let active =
            "const e = document.querySelector('[data-editor]'), o = document.getElementById(e.getAttribute('aria-activedescendant'));
            return o !== null && o.getAttribute('aria-selected') === 'true' && o.id !== 'completion-0'";
        browser.until(active, json!(true)).await;

        // A chart of the answer, and another form of it without asking again.
        ask(&browser, "select kind, count(*) as n from events group by kind order by n desc").await;
        browser.read("n by kind").await;
        browser.until("return getComputedStyle(document.querySelector('.chart-plane')).display", json!("none")).await;
        browser.check("sql-chart").await;
        browser.press("input[name=chart][value=line]").await;
        browser.until("return getComputedStyle(document.querySelector('.chart-bars')).display", json!("none")).await;
        browser.check("sql-line").await;

        // The file below an answer is of that answer, whatever the editor says by then.
        browser.write(EDITOR, "select nothing").await;
        browser.press("button[name=format][value=csv]").await;
        let file = wait_for("the downloaded rows", || {
            let files = fs::read_dir(browser.downloads.path()).unwrap().map(|file| file.unwrap().path());
            files.filter(|file| file.extension().is_some_and(|extension| extension == "csv")).last()
        });
        assert!(fs::read_to_string(file).unwrap().starts_with("kind,n\r\n"));

        // The place of an error is selected.
        ask(&browser, "select seq,\nnonsense from events").await;
        browser.read("line 2, column 1").await;
        let selected = "const e = document.querySelector('[data-editor]'); return e.value.slice(e.selectionStart, e.selectionEnd)";
        browser.until(selected, json!("nonsense")).await;
        browser.check("sql-place").await;

        // Giving up leaves the statement where it is.
        browser.go("/sql").await;
        browser.write(EDITOR, "select count(*) from events a, events b, events c, events d, events e, events f").await;
        let given_up = "const done = arguments[arguments.length - 1], cancel = document.querySelector('[data-cancel]');
            document.querySelector('[data-editor]').form.addEventListener('submit', () => setTimeout(() => {
              const shown = !cancel.hidden; cancel.click();
              done([shown, cancel.hidden, document.querySelector('[data-run]').getAttribute('aria-busy')]);
            }, 0));
            document.querySelector('[data-run]').click();";
        assert_eq!(browser.wait_for_script(given_up).await, json!([true, true, "false"]));
        browser.until("return document.querySelector('[data-editor]').value.startsWith('select count')", json!(true)).await;
        browser.close().await;
    });
}

#[test]
fn questions_have_fields_and_answers_a_moment() {
    let instance = Instance::start();
    journey(async {
        let browser = Browser::open(&instance.url, "questions").await;
        browser.sign_in(&instance.link).await;

        // A kept question, found by its words.
        browser.go("/sql").await;
        browser.write("[data-filter]", "seconds").await;
        browser.press("a[href='/sql?kept=quick-approvals']").await;
        browser.read("Nobody reads a schema change in five seconds").await;
        browser.until("return document.querySelector('[name=\"p.seconds\"]').value", json!("10")).await;
        browser.check("sql-kept").await;
        browser.write("[name='p.seconds']", "soon").await;
        browser.press("[data-run]").await;
        browser.read("it takes an integer, not `soon`").await;
        browser.check("sql-unfilled").await;
        browser.write("[name='p.seconds']", "5").await;
        browser.press("[data-run]").await;
        browser.read("0 rows").await;

        // A parameter gets its field while it is typed.
        browser.go("/sql").await;
        browser.write(EDITOR, "select $who as who, '$not' as text -- $nor").await;
        browser.until("return [...document.querySelectorAll('[data-field]')].map(f => f.dataset.field)", json!(["who"])).await;
        browser.check("sql-field").await;
        browser.write("[name='p.who']", "ana").await;
        browser.press("[data-run]").await;
        browser.read("1 row").await;
        browser.until("return document.querySelector('.table-sql td').textContent", json!("ana")).await;

        // As of an entry.
        browser.go("/sql").await;
        browser.write(EDITOR, "select count(*) as n from events").await;
        browser.write("[name=as_of]", "2").await;
        browser.press("[data-run]").await;
        browser.until("return document.querySelector('.table-sql td')?.textContent", json!("3")).await;

        // What was asked stands in the log, and can be asked again: with its values, over what it saw.
        browser.press("a[href='/sql/history']").await;
        browser.read("Your statements").await;
        browser.check("sql-history").await;
        browser.press("tbody tr:first-child a[href$='pinned=1']").await;
        browser.until("return document.querySelector('[name=as_of]').value", json!("2")).await;
        browser.go("/sql/history").await;
        browser.press("tbody tr:nth-child(2) .past-link").await;
        browser.until("return document.querySelector('[name=\"p.who\"]').value", json!("ana")).await;
        browser.go("/sql?q=x").await;
        browser.check("sql-start").await;
        browser.close().await;
    });
}
