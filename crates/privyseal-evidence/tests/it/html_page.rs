//! An HTML page read back as XML: its blocks in reading order.

use privyseal_core::report::Document;
use privyseal_evidence::html;
use roxmltree::{Node, ParsingOptions};

/// Renders and parses a report, and hands the page to `see`.
pub(crate) fn with_page<T>(document: &Document, see: impl FnOnce(&str, &roxmltree::Document<'_>) -> T) -> T {
    let page = html::render(document).unwrap();
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let xml = roxmltree::Document::parse_with_options(&page, options).unwrap_or_else(|error| panic!("the page is well-formed: {error}"));
    see(&page, &xml)
}

/// The blocks of a page under the names of PDF roles, with their text; white space collapsed.
pub(crate) fn blocks(xml: &roxmltree::Document<'_>) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let body = xml.descendants().find(|node| node.has_tag_name("body")).unwrap();
    for node in body.descendants().filter(Node::is_element) {
        let class = node.attribute("class").unwrap_or_default();
        let role = match node.tag_name().name() {
            "h1" => "H1",
            "h2" => "H2",
            "h3" => "H3",
            "h4" => "H4",
            "p" | "pre" => "P",
            "dt" => "Lbl",
            "dd" => "LBody",
            "li" if class.starts_with("level") => "TOCI",
            "li" => "LBody",
            "caption" => "Caption",
            "th" => "TH",
            "td" => "TD",
            _ => continue,
        };
        blocks.push((role.to_owned(), collapsed(&text(node))));
    }
    blocks
}

/// Everything a node says.
pub(crate) fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

/// Words with single spaces between them; a no-break space is part of a word.
pub(crate) fn collapsed(text: &str) -> String {
    text.split([' ', '\n', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
