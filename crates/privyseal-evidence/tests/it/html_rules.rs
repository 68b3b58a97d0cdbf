//! What every HTML page keeps: it loads nothing, runs nothing, and no text of a report becomes markup.

use std::collections::BTreeSet;

use privyseal_core::digest::Digest;
use privyseal_core::report::{Block, Column, Document, Inline, Table};
use privyseal_evidence::{DocumentError, html, sample};
use roxmltree::Node;

use crate::html_page::with_page;

/// Every rule, on one page.
pub(crate) fn check(report: &Document) {
    with_page(report, |page, xml| {
        let elements: Vec<Node<'_, '_>> = xml.descendants().filter(Node::is_element).collect();
        let known = "html head meta title style body svg symbol path use rect a div header h1 h2 h3 h4 p dl dt dd nav ul li main \
                     span strong code pre table caption colgroup col thead tbody tr th td b footer";
        let known: BTreeSet<&str> = known.split_whitespace().collect();
        let mut ids = BTreeSet::new();
        for element in &elements {
            let name = element.tag_name().name();
            assert!(known.contains(name), "<{name}> comes from no template");
            for attribute in element.attributes() {
                assert!(
                    !attribute.name().starts_with("on") && attribute.name() != "style" && attribute.name() != "src",
                    "{}",
                    attribute.name()
                );
                if attribute.name() == "id" {
                    assert!(ids.insert(attribute.value()), "id {} is used once", attribute.value());
                }
            }
        }
        for element in &elements {
            let Some(href) = element.attribute("href") else { continue };
            match href.strip_prefix('#') {
                Some(id) => assert!(ids.contains(id), "{href} leads somewhere"),
                None => {
                    // A colon after the first part of a path belongs to a file's name (RFC 3986, section 4.2).
                    let first = href.split(['/', '?', '#']).next().unwrap_or_default();
                    assert!(!first.contains(':') || ["http", "mailt"].iter().any(|good| href.to_lowercase().starts_with(good)), "{href}")
                }
            }
        }
        let style = elements.iter().find(|element| element.has_tag_name("style")).and_then(|style| style.text()).unwrap();
        assert!(!style.contains("url(") && !style.contains("@import"), "the style loads nothing");
        let policy = elements.iter().find_map(|element| element.attribute("content").filter(|content| content.contains("default-src")));
        let policy = policy.unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains(&format!("'sha256-{}='", Digest::of(style.as_bytes()))));
        for scope in elements.iter().filter(|element| element.has_tag_name("th")).map(|th| th.attribute("scope")) {
            assert!(matches!(scope, Some("col" | "row")));
        }
        let html = xml.root_element();
        assert_eq!(html.attribute("lang"), Some(report.language.as_str()));
        assert!(page.starts_with("<!DOCTYPE html>"));
    });
}

#[test]
fn the_sample_keeps_every_rule() {
    check(&sample::document());
}

#[test]
fn the_same_report_gives_the_same_page() {
    assert_eq!(html::render(&sample::document()).unwrap(), html::render(&sample::document()).unwrap());
}

#[test]
fn no_text_becomes_markup() {
    let attack = "\"'><script>alert(1)</script><!-- ]]> &amp; \u{0} \u{202e}";
    let inlines = || {
        vec![
            Inline::text(attack),
            Inline::Strong(attack.into()),
            Inline::code(attack),
            Inline::Link { text: attack.into(), href: format!("x.html?{attack}") },
            Inline::Link { text: "no".into(), href: "javascript:alert(1)".into() },
        ]
    };
    let table = Table {
        caption: attack.into(),
        columns: vec![Column { title: attack.into(), weight: 1, numeric: false }],
        rows: vec![vec![inlines()]],
        cut: Some((2, attack.into())),
    };
    let report = Document {
        title: attack.into(),
        subtitle: attack.into(),
        language: "en".into(),
        facts: vec![(attack.into(), attack.into())],
        footer: attack.into(),
        blocks: vec![
            Block::Heading { level: 1, text: attack.into(), anchor: "a".into() },
            Block::Paragraph(inlines()),
            Block::Items(vec![inlines()]),
            Block::Facts(vec![(attack.into(), inlines())]),
            Block::Table(table),
            Block::States { what: attack.into(), counts: Vec::new() },
            Block::Code(attack.into()),
            Block::Remark(attack.into()),
        ],
    };
    check(&report);
    with_page(&report, |page, _| assert!(!page.contains("<script") && !page.contains("javascript:")));
    let file = crate::pdf_file::PdfFile::of(&report);
    crate::pdf_rules::check(&file);
    crate::same_text::check(&report, &file);
}

#[test]
fn reports_that_contradict_themselves_are_refused() {
    let heading = |level: u8, text: &str, anchor: &str| Block::Heading { level, text: text.into(), anchor: anchor.into() };
    let table = |columns: usize, cells: usize, weight: u16| {
        let column = Column { title: "c".into(), weight, numeric: false };
        Block::Table(Table { caption: "t".into(), columns: vec![column; columns], rows: vec![vec![Vec::new(); cells]], cut: None })
    };
    type Check = fn(&DocumentError) -> bool;
    let cases: [(Vec<Block>, Check); 9] = [
        (vec![heading(2, "a", "a")], |error| matches!(error, DocumentError::Heading { level: 2, after: 0, .. })),
        (vec![heading(1, "a", "a"), heading(3, "b", "b")], |error| matches!(error, DocumentError::Heading { level: 3, after: 1, .. })),
        (vec![heading(0, "a", "a")], |error| matches!(error, DocumentError::Heading { .. })),
        (vec![heading(1, " ", "a")], |error| matches!(error, DocumentError::Heading { .. })),
        (vec![heading(1, "a", "a"), heading(1, "b", "a")], |error| matches!(error, DocumentError::Anchor { .. })),
        (vec![heading(1, "a", "a b")], |error| matches!(error, DocumentError::Anchor { .. })),
        (vec![table(0, 0, 1)], |error| matches!(error, DocumentError::Columns { .. })),
        (vec![table(1, 1, 0)], |error| matches!(error, DocumentError::Columns { .. })),
        (vec![table(2, 1, 1)], |error| matches!(error, DocumentError::Row { row: 1, cells: 1, columns: 2, .. })),
    ];
    for (blocks, expected) in cases {
        let report = Document { blocks, ..sample::document() };
        match html::render(&report) {
            Err(html::Error::Document(error)) => assert!(expected(&error), "{error}"),
            other => panic!("{:?} gave {:?}", report.blocks, other.map(|page| page.len())),
        }
    }
    for (title, language) in [("", "en"), ("\n", "en"), ("t", ""), ("t", "e n"), ("t", "en-"), ("t", "1x")] {
        let report = Document { title: title.into(), language: language.into(), ..sample::document() };
        assert!(html::render(&report).is_err(), "{title:?} {language:?}");
    }
}
