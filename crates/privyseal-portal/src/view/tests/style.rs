//! The style sheet and the scripts: our own, complete, and without leftovers.

use std::collections::BTreeSet;

use super::html::parse;
use crate::asset;
use crate::view::sample::render_all;

const CSS: &str = include_str!("../../../assets/portal.css");

/// Class names of the style sheet: a dot and a name, outside comments, numbers and declarations.
fn styled() -> BTreeSet<String> {
    let mut selectors = String::new();
    let mut rest = CSS;
    while let Some((before, after)) = rest.split_once("/*") {
        selectors.push_str(before);
        rest = after.split_once("*/").unwrap().1;
    }
    selectors.push_str(rest);
    let mut classes = BTreeSet::new();
    for chunk in selectors.split('}') {
        let selector = chunk.rsplit_once('{').map_or("", |(selector, _)| selector);
        for part in selector.split('.').skip(1) {
            let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
            if name.starts_with(|c: char| c.is_ascii_lowercase()) {
                classes.insert(name);
            }
        }
    }
    classes
}

/// Class names of all rendered samples.
fn used() -> BTreeSet<String> {
    let mut classes = BTreeSet::new();
    for sample in render_all().unwrap() {
        for element in parse(&sample.html).unwrap().all() {
            classes.extend(element.attribute("class").into_iter().flat_map(str::split_whitespace).map(str::to_owned));
        }
    }
    classes
}

#[test]
fn every_class_is_both_styled_and_used() {
    let (styled, used) = (styled(), used());
    let unused: Vec<&String> = styled.difference(&used).collect();
    let unstyled: Vec<&String> = used.difference(&styled).collect();
    assert!(unused.is_empty(), "styled and never used: {unused:?}");
    assert!(unstyled.is_empty(), "used and never styled: {unstyled:?}");
}

#[test]
fn the_sheet_hides_nothing_of_an_action() {
    // INVARIANT of the request page, as in `what_is_approved_is_never_folded_or_cut`: what overflows must be seen, not cut.
    let shown = [".code", ".line", ".params", ".input", ".command", ".digest", ".said", ".request-title"];
    let mut rules = 0;
    for rule in CSS.split('}') {
        let Some((selector, declarations)) = rule.rsplit_once('{') else { continue };
        if shown
            .iter()
            .any(|class| selector.split(|c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c))).any(|part| part.contains(class)))
        {
            rules += 1;
            for banned in [
                "overflow:",
                "overflow-x",
                "overflow-y",
                "max-height",
                "line-clamp",
                "ellipsis",
                "display: none",
                "visibility",
                "nowrap;",
                "clip",
            ] {
                // Groups of a digest stay together; eight digits always fit.
                let fits = selector.contains(".half") && banned == "nowrap;";
                assert!(!declarations.contains(banned) || fits, "{selector}: {banned}");
            }
        }
    }
    assert!(rules > 10, "{rules}");
}

#[test]
fn the_sheet_loads_nothing_and_names_colours_once() {
    assert!(!CSS.contains("url(") && !CSS.contains("@import") && !CSS.contains("expression("));
    let (_, rules) = CSS.split_once("/* Ground").unwrap();
    let stray: Vec<&str> = rules.lines().filter(|line| line.contains(": #") || line.contains(" #")).collect();
    assert!(stray.is_empty(), "colours outside the two blocks: {stray:?}");
}

#[test]
fn motion_and_forced_colours_are_respected() {
    assert!(CSS.contains("@media (prefers-reduced-motion: reduce)"));
    assert!(CSS.contains("@media (forced-colors: active)"));
    assert!(!CSS.contains("outline: none") || CSS.contains(":focus-visible { outline: 2px"));
}

#[test]
fn scripts_are_small_and_reach_nowhere_else() {
    let mut lines = 0;
    for name in asset::names().iter().filter(|name| name.ends_with(".js")) {
        let script = String::from_utf8(asset::get(name).unwrap().bytes).unwrap();
        lines += script.lines().count();
        for banned in ["http://", "https://", "eval(", "innerHTML", "outerHTML", "document.write", "new Function", ".style.", "import "] {
            assert!(!script.contains(banned), "{name} contains {banned}");
        }
    }
    // Completion in the console of SQL is half of it.
    assert!(lines < 520, "{lines} lines of scripts");
}
