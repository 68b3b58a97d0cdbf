//! What must hold for every page in every state.

use std::collections::{BTreeMap, BTreeSet};

use super::html::{Element, parse};
use crate::view::sample::{HOSTILE, Rendered, render_all};

/// Runs one check over every sample and names the ones that fail it.
fn check(what: &str, rule: impl Fn(&Rendered, &Element) -> Vec<String>) {
    let mut wrong = Vec::new();
    for sample in render_all().unwrap() {
        let page = parse(&sample.html).unwrap_or_else(|problem| panic!("{}: {problem}", sample.name));
        wrong.extend(rule(&sample, &page).into_iter().map(|problem| format!("{}: {problem}", sample.name)));
    }
    assert!(wrong.is_empty(), "{what}\n{}", wrong.join("\n"));
}

#[test]
fn there_are_samples_of_every_page() {
    let names: BTreeSet<String> = render_all().unwrap().iter().map(|sample| sample.name.clone()).collect();
    let pages: BTreeSet<&str> = names.iter().filter_map(|name| name.split("--").next()).collect();
    let expected = [
        "control",
        "controls",
        "enrol",
        "error",
        "evidence",
        "evidence_partial",
        "framework",
        "history",
        "ledger",
        "link",
        "people",
        "policies",
        "queue",
        "queue_partial",
        "request",
        "request_partial",
        "settings",
        "sign_in",
        "sql",
        "sql_history",
    ];
    assert_eq!(pages, BTreeSet::from(expected));
    assert_eq!(names.len(), render_all().unwrap().len(), "two samples share a name");
}

#[test]
fn a_page_is_a_whole_document() {
    check("language, title, one h1, landmarks", |sample, page| {
        if sample.fragment {
            return page.named("h1").iter().map(|_| "a fragment has a h1".to_owned()).collect();
        }
        let mut wrong = Vec::new();
        let mut want = |ok: bool, what: &str| {
            if !ok {
                wrong.push(what.to_owned());
            }
        };
        want(sample.html.starts_with("<!doctype html>"), "no doctype");
        want(page.named("html")[0].attribute("lang") == Some("en"), "no language");
        let title = page.named("title")[0].text();
        want(title.ends_with(" · Privyseal") && title.chars().count() > " · Privyseal".chars().count(), "no title");
        let headings = page.named("h1");
        want(headings.len() == 1 && !headings[0].text().is_empty(), "not one h1");
        want(page.named("main").len() == 1, "not one main");
        want(
            page.named("header").iter().any(|header| header.attribute("class").is_some_and(|class| class.starts_with("side"))),
            "no header",
        );
        want(page.named("a")[0].attribute("href") == Some("#main"), "the first link does not skip to the content");
        let framed = page.named("body")[0].attribute("class") == Some("framed");
        want(framed != page.named("nav").is_empty(), "navigation and frame do not agree");
        let labels: Vec<Option<&str>> = page.named("nav").iter().map(|nav| nav.attribute("aria-label")).collect();
        want(labels.iter().collect::<BTreeSet<_>>().len() == labels.len(), "two navigations of one name");
        if framed {
            want(page.named("form").iter().any(|form| form.attribute("action") == Some("/sign-out")), "no way to sign out");
        }
        wrong
    });
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    check("the content policy would block it", |_, page| {
        let mut wrong = Vec::new();
        for element in page.all() {
            for (name, value) in &element.attributes {
                let here = value.starts_with("/assets/");
                if name == "style" || name.starts_with("on") {
                    wrong.push(format!("<{}> has {name}=", element.name));
                }
                if matches!(name.as_str(), "src" | "srcset" | "data" | "poster") && !here {
                    wrong.push(format!("<{}> loads {value}", element.name));
                }
                if element.name == "link" && name == "href" && !here {
                    wrong.push(format!("<link> loads {value}"));
                }
                if name.ends_with("href") && value.to_ascii_lowercase().replace(char::is_whitespace, "").starts_with("javascript:") {
                    wrong.push(format!("<{}> leads to a script", element.name));
                }
            }
            match element.name.as_str() {
                "style" | "iframe" | "object" | "embed" | "base" => wrong.push(format!("<{}>", element.name)),
                "script" if element.attribute("src").is_none() || !element.text().is_empty() => wrong.push("inline script".to_owned()),
                "script" if element.attribute("type") != Some("module") => wrong.push("a script that is no module".to_owned()),
                _ => {}
            }
        }
        wrong
    });
}

#[test]
fn hostile_text_stays_text() {
    // Every sample of that name puts this text wherever somebody else's text can stand.
    let attacked: Vec<Rendered> = render_all().unwrap().into_iter().filter(|sample| sample.name.ends_with("hostile")).collect();
    assert!(attacked.len() >= 10);
    for sample in attacked {
        assert!(sample.html.contains("&#60;script&#62;alert"), "{} does not show the attack", sample.name);
        assert!(
            sample.html.contains(r#"<mark class="cp" title="direction override: shows text in another order">U+202E</mark>"#),
            "{}",
            sample.name
        );
        assert!(!sample.html.contains("<img") && !sample.html.contains("alert('x')"), "{}", sample.name);
    }
    assert!(HOSTILE.contains('\u{202e}'));
}

#[test]
fn no_page_holds_a_character_that_deceives() {
    // What a person typed into a field goes back to them as it was, or their next submission would be another text.
    check("deceptive characters", |_, page| {
        fn walk(element: &Element, wrong: &mut Vec<String>) {
            let field = element.name == "textarea";
            for (name, value) in &element.attributes {
                let typed = element.name == "input" && name == "value";
                let carried = element.name == "a" && name == "href";
                if !typed && !carried && deceives(value) {
                    wrong.push(format!("<{} {name}>", element.name));
                }
            }
            for child in &element.children {
                match child {
                    super::html::Node::Text(text) if !field && deceives(text) => wrong.push(format!("in <{}>: {text:?}", element.name)),
                    super::html::Node::Element(element) => walk(element, wrong),
                    super::html::Node::Text(_) => {}
                }
            }
        }
        let mut wrong = Vec::new();
        walk(page, &mut wrong);
        wrong
    });
}

fn deceives(text: &str) -> bool {
    text.chars().any(|c| privyseal_core::text::is_deceptive(c) || (c.is_control() && c != '\n' && c != '\t'))
}

#[test]
fn ids_are_unique_and_references_lead_somewhere() {
    check("ids", |sample, page| {
        let mut wrong = Vec::new();
        let mut ids = BTreeSet::new();
        for element in page.all() {
            if let Some(id) = element.attribute("id")
                && !ids.insert(id)
            {
                wrong.push(format!("id `{id}` stands twice"));
            }
        }
        for element in page.all() {
            for name in ["for", "form", "aria-labelledby", "aria-describedby", "aria-controls"] {
                for id in element.attribute(name).into_iter().flat_map(str::split_whitespace) {
                    if !ids.contains(id) {
                        wrong.push(format!("{name}=\"{id}\" leads nowhere"));
                    }
                }
            }
            if let Some(id) = element.attribute("href").and_then(|href| href.strip_prefix('#'))
                && !sample.fragment
                && !ids.contains(id)
            {
                wrong.push(format!("#{id} leads nowhere"));
            }
        }
        wrong
    });
}

#[test]
fn everything_that_can_be_used_has_a_name() {
    check("names", |_, page| {
        let labels: BTreeMap<&str, String> =
            page.named("label").iter().filter_map(|label| Some((label.attribute("for")?, label.text()))).collect();
        let inside: Vec<*const Element> = page.named("label").iter().flat_map(|label| label.all()).map(std::ptr::from_ref).collect();
        let mut wrong = Vec::new();
        for element in page.all() {
            let named =
                element.attribute("aria-label").is_some_and(|label| !label.is_empty()) || element.attribute("aria-labelledby").is_some();
            let complaint = match element.name.as_str() {
                "input" if element.attribute("type") == Some("hidden") => false,
                "input" | "select" | "textarea" => {
                    let labelled = element.attribute("id").and_then(|id| labels.get(id)).is_some_and(|label| !label.is_empty());
                    !(named || labelled || inside.contains(&std::ptr::from_ref(element)))
                }
                "a" | "button" | "summary" | "th" | "caption" | "legend" | "option" | "h1" | "h2" | "h3" => {
                    !named && element.text().is_empty()
                }
                "progress" | "dialog" | "nav" | "aside" => !named,
                "section" => !named,
                "svg" => element.attribute("aria-hidden") != Some("true") && element.attribute("xmlns").is_none(),
                "img" => element.attribute("alt").is_none(),
                _ => false,
            };
            if complaint {
                wrong.push(format!("<{}> {:?} has no name", element.name, element.attributes));
            }
            if element.name == "button" && element.attribute("type").is_none() {
                wrong.push(format!("button `{}` has no type", element.text()));
            }
            if element.name == "a" && element.attribute("href").is_none_or(str::is_empty) {
                wrong.push(format!("link `{}` leads nowhere", element.text()));
            }
            if element.name == "time"
                && element.attribute("datetime").is_none_or(|text| text.parse::<privyseal_core::time::Timestamp>().is_err())
            {
                wrong.push(format!("time `{}` has no moment", element.text()));
            }
        }
        wrong
    });
}

#[test]
fn forms_that_change_something_carry_the_token() {
    check("tokens", |_, page| {
        let mut wrong = Vec::new();
        for form in page.named("form") {
            match form.attribute("method") {
                Some("get" | "dialog") => {}
                Some("post") => {
                    let tokens = form.named("input").iter().filter(|input| input.attribute("name") == Some("csrf")).count();
                    if tokens != 1 || form.attribute("action").is_none_or(|action| !action.starts_with('/')) {
                        wrong.push(format!("form to {:?} has {tokens} tokens", form.attribute("action")));
                    }
                }
                other => wrong.push(format!("form with method {other:?}")),
            }
        }
        wrong
    });
}

#[test]
fn opening_a_link_uses_nothing_up() {
    for sample in render_all().unwrap().iter().filter(|sample| sample.name.starts_with("link--")) {
        let page = parse(&sample.html).unwrap();
        let leads = page
            .named("a")
            .iter()
            .filter(|link| link.attribute("href").is_some_and(|href| href.contains("token") || href.contains("secret")))
            .count();
        assert_eq!(leads, 0, "{}: the secret stands in a link", sample.name);
        assert_eq!(
            page.named("script").iter().filter(|script| script.attribute("src").is_some_and(|src| src.contains("passkey"))).count(),
            0
        );
    }
}

#[test]
fn headings_do_not_skip_a_level() {
    check("headings", |sample, page| {
        let mut wrong = Vec::new();
        let mut last = if sample.fragment { 2 } else { 0 };
        // The help of the frame stands outside the page's outline.
        let root = if sample.fragment { page } else { page.named("main")[0] };
        for element in root.all() {
            if let Some(level) = element.name.strip_prefix('h').and_then(|level| level.parse::<u8>().ok()) {
                if level > last + 1 {
                    wrong.push(format!("h{level} `{}` after h{last}", element.text()));
                }
                last = level;
            }
        }
        wrong
    });
}

#[test]
fn tables_say_what_they_show() {
    check("tables", |_, page| {
        let mut wrong = Vec::new();
        for table in page.named("table") {
            let columns = table.named("thead").iter().flat_map(|head| head.named("th")).count();
            if table.named("caption").len() != 1 || columns == 0 {
                wrong.push("a table without caption or headings".to_owned());
            }
            if table.named("th").iter().any(|heading| heading.attribute("scope").is_none()) {
                wrong.push("a heading without scope".to_owned());
            }
            for row in table.named("tbody").iter().flat_map(|body| body.named("tr")) {
                let cells = row
                    .children
                    .iter()
                    .filter(|node| matches!(node, super::html::Node::Element(cell) if cell.name == "td" || cell.name == "th"))
                    .count();
                if cells != columns {
                    wrong.push(format!("a row of {cells} cells under {columns} headings: {}", row.text()));
                }
            }
        }
        wrong
    });
}

#[test]
fn what_is_approved_is_never_folded_or_cut() {
    // INVARIANT of the request page: whoever can press Approve has the command, every parameter and every input open before them.
    for sample in render_all().unwrap().iter().filter(|sample| sample.name.starts_with("request--")) {
        let page = parse(&sample.html).unwrap();
        let can_approve = page.named("button").iter().any(|button| button.attribute("data-approve").is_some());
        let folded: Vec<&str> = page
            .named("details")
            .iter()
            .flat_map(|fold| fold.all())
            .filter_map(|element| element.attribute("class"))
            .filter(|class| *class == "input" || *class == "params")
            .collect();
        assert!(folded.is_empty(), "{}: {folded:?}", sample.name);
        if can_approve {
            assert!(!sample.html.contains("did not hand over its bytes"), "{}: approvable without its bytes", sample.name);
            let shown: Vec<&str> = page
                .named("input")
                .iter()
                .filter(|input| input.attribute("name") == Some("shown_digest"))
                .filter_map(|input| input.attribute("value"))
                .collect();
            assert_eq!(shown.len(), 1, "{}", sample.name);
            let grouped: Vec<String> =
                page.named("code").iter().filter(|code| code.attribute("class") == Some("digest")).map(|code| code.text()).collect();
            assert!(
                grouped.iter().any(|digest| digest == shown[0]),
                "{}: the digest that is sent is not the one that is shown",
                sample.name
            );
        }
    }
}

#[test]
fn a_subject_of_a_request_gets_no_form() {
    for (state, buttons) in [
        ("pending", 2),
        ("session", 2),
        ("cannot-show", 1),
        ("subject", 0),
        ("not-asked", 0),
        ("reviewed", 0),
        ("needs-passkey", 0),
        ("read-only", 0),
        ("mine", 0),
        ("after-breakglass", 0),
        ("done", 0),
        ("denied", 0),
        ("expired", 0),
    ] {
        let sample = render_all().unwrap().into_iter().find(|sample| sample.name == format!("request--{state}")).unwrap();
        let page = parse(&sample.html).unwrap();
        let verdicts = page.named("button").iter().filter(|button| button.attribute("name") == Some("verdict")).count();
        assert_eq!(verdicts, buttons, "{state}");
    }
}
