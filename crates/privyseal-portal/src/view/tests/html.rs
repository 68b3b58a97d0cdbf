//! A small, strict reader of our own HTML: tags, attributes, text. It knows enough to find what is wrong with a page and refuses what it
//! does not know. Not a general parser; pages are written to be this simple.

use std::collections::BTreeMap;

/// Elements that have no content.
const VOID: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "source", "wbr"];
/// Elements of drawings that are written without content: `<path/>`.
const DRAWN: [&str; 5] = ["path", "circle", "rect", "ellipse", "line"];

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// An element.
    Element(Element),
    /// Text between tags, with entities as written.
    Text(String),
}

/// An element with what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name.
    pub(super) name: String,
    /// Its attributes, with entities as written.
    pub(super) attributes: BTreeMap<String, String>,
    /// What it holds.
    pub(super) children: Vec<Node>,
}

impl Element {
    /// An attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// This element and all below it, in the order of the page.
    pub(super) fn all(&self) -> Vec<&Element> {
        let mut found = vec![self];
        for child in &self.children {
            if let Node::Element(element) = child {
                found.extend(element.all());
            }
        }
        found
    }

    /// All elements of this name below it.
    pub(super) fn named(&self, name: &str) -> Vec<&Element> {
        self.all().into_iter().filter(|element| element.name == name).collect()
    }

    /// All text in it, trimmed.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for child in &self.children {
            match child {
                Node::Text(piece) => text.push_str(piece),
                Node::Element(element) => text.push_str(&element.text()),
            }
        }
        text.trim().to_owned()
    }
}

/// Reads a page or a fragment into one root without a name.
///
/// # Errors
/// The first thing that is wrong, with what stands there.
pub(super) fn parse(html: &str) -> Result<Element, String> {
    let mut open: Vec<Element> = vec![Element::default()];
    let mut rest = html.strip_prefix("<!doctype html>").unwrap_or(html);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("</") {
            let (name, after) = after.split_once('>').ok_or_else(|| at("end tag without an end", rest))?;
            let closed = open.pop().filter(|_| !open.is_empty()).ok_or_else(|| at("end tag too many", rest))?;
            if closed.name != name {
                return Err(at(&format!("<{}> is closed by </{name}>", closed.name), rest));
            }
            open.last_mut().unwrap().children.push(Node::Element(closed));
            rest = after;
        } else if rest.starts_with('<') {
            let (element, closed, after) = tag(rest)?;
            rest = after;
            if closed || VOID.contains(&element.name.as_str()) {
                open.last_mut().unwrap().children.push(Node::Element(element));
            } else {
                open.push(element);
            }
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            if text.contains('>') {
                return Err(at("`>` in text", text));
            }
            open.last_mut().unwrap().children.push(Node::Text(text.to_owned()));
            rest = after;
        }
    }
    let root = open.pop().unwrap();
    if open.is_empty() { Ok(root) } else { Err(format!("<{}> is never closed", root.name)) }
}

/// One start tag: the element, whether it closes itself, and what follows.
fn tag(text: &str) -> Result<(Element, bool, &str), String> {
    let body = text.strip_prefix('<').unwrap_or(text);
    let length = body.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit())).unwrap_or(body.len());
    let (name, mut rest) = body.split_at(length);
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    if element.name.is_empty() {
        return Err(at("`<` that starts no tag", text));
    }
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            if !DRAWN.contains(&element.name.as_str()) {
                return Err(at("only drawings close themselves", text));
            }
            return Ok((element, true, after));
        }
        if let Some(after) = rest.strip_prefix('>') {
            return Ok((element, false, after));
        }
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ':')).ok_or_else(|| at("tag without an end", text))?;
        let (name, after) = rest.split_at(end);
        rest = after;
        let value = if let Some(after) = rest.strip_prefix("=\"") {
            let (value, after) = after.split_once('"').ok_or_else(|| at("attribute without an end", text))?;
            rest = after;
            value
        } else {
            ""
        };
        if name.is_empty() || value.contains(['<', '>']) || element.attributes.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(at(&format!("attribute `{name}` is malformed or stands twice"), text));
        }
        if !rest.starts_with([' ', '>', '/', '\n']) {
            return Err(at("attributes run together", text));
        }
    }
}

fn at(what: &str, text: &str) -> String {
    format!("{what}: {}", text.chars().take(160).collect::<String>())
}

#[test]
fn good_html_is_read_and_bad_html_is_refused() {
    let read = parse("<!doctype html>\n<p class=\"a b\" hidden>x <b>y</b><br></p>").unwrap();
    assert_eq!(read.text(), "x y");
    assert_eq!(read.named("p")[0].attribute("class"), Some("a b"));
    for bad in [
        "<p>",
        "</p>",
        "<p></b></p>",
        "<p class=a></p>",
        "<p class=\"a\" class=\"b\"></p>",
        "<p a=\"<\"></p>",
        "a > b",
        "< p></p>",
        "<p/>",
        "<p a=\"b\"c=\"d\"></p>",
        "<P></P>",
        "<p",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
