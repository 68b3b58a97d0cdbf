//! Source text on a page: numbered lines, light highlighting, nothing cut and nothing scrolled out of sight.
//!
//! Long lines wrap. A line that scrolls could carry its dangerous end where nobody looks; so could a box that is cut at a height.
//! The highlighter is a few dozen lines on purpose: it colours words, it does not understand them, and a wrong colour never hides text.

use std::fmt;

use askama::filters::HtmlSafe;

use super::number::Count;
use super::text::write_revealed;

/// What a text is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum Language {
    #[default]
    Plain,
    Sql,
    Cedar,
    Json,
    Shell,
}

/// A text to be shown with line numbers. Of foreign origin, always: it is escaped and its deceptive characters are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// What it is written in.
    pub language: Language,
    /// The text, whole.
    pub text: String,
}

impl HtmlSafe for Code {}

impl Code {
    /// A text in a language.
    #[must_use]
    pub fn new(language: Language, text: impl Into<String>) -> Self {
        Self { language, text: text.into() }
    }

    /// How many lines it has; a line feed at the end does not start another.
    #[must_use]
    pub fn lines(&self) -> Count {
        Count(self.text.lines().fold(0, |count, _| count + 1))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"<pre class="code"><code>"#)?;
        let text = self.text.strip_suffix('\n').unwrap_or(&self.text);
        f.write_str(r#"<span class="line">"#)?;
        for (class, piece) in pieces(self.language, text) {
            for (index, part) in piece.split('\n').enumerate() {
                if index > 0 {
                    f.write_str("\n</span><span class=\"line\">")?;
                }
                if class == Class::Text || part.is_empty() {
                    write_revealed(f, part)?;
                } else {
                    write!(f, r#"<span class="{}">"#, class.as_str())?;
                    write_revealed(f, part)?;
                    f.write_str("</span>")?;
                }
            }
        }
        f.write_str("\n</span></code></pre>")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Text,
    Keyword,
    Literal,
    Comment,
    Annotation,
}

impl Class {
    fn as_str(self) -> &'static str {
        match self {
            Class::Text => "tx",
            Class::Keyword => "kw",
            Class::Literal => "li",
            Class::Comment => "co",
            Class::Annotation => "an",
        }
    }
}

/// Splits a text into stretches of one class. Put together again they are the text.
fn pieces(language: Language, text: &str) -> Vec<(Class, &str)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (class, length) = match language {
            Language::Plain => (Class::Text, rest.len()),
            _ => piece(language, rest, first),
        };
        // A length always lies on a character boundary; should it not, the rest is shown uncoloured rather than lost.
        let (piece, remaining) = rest.split_at_checked(length.max(first.len_utf8())).unwrap_or((rest, ""));
        pieces.push((class, piece));
        rest = remaining;
    }
    pieces
}

/// The class and length in bytes of the stretch that `rest` starts with.
fn piece(language: Language, rest: &str, first: char) -> (Class, usize) {
    let line = rest.find('\n').unwrap_or(rest.len());
    let comment = match language {
        Language::Sql => rest.starts_with("--"),
        Language::Cedar => rest.starts_with("//"),
        Language::Shell => first == '#',
        Language::Plain | Language::Json => false,
    };
    if comment {
        return (Class::Comment, line);
    }
    if language == Language::Sql && rest.starts_with("/*") {
        return (Class::Comment, rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    if first == '"' || (first == '\'' && language != Language::Json) {
        return (Class::Literal, quoted(rest, first));
    }
    if language == Language::Cedar && first == '@' {
        return (Class::Annotation, 1 + word(rest.get(1..).unwrap_or_default()));
    }
    if first.is_ascii_digit() {
        return (Class::Literal, word(rest));
    }
    if language == Language::Shell && first == '-' {
        // The `=` belongs to the flag, so that a line breaks after it and not before.
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        return (Class::Annotation, if rest.get(end..).is_some_and(|after| after.starts_with('=')) { end + 1 } else { end });
    }
    if first.is_alphabetic() || first == '_' {
        let length = word(rest);
        let class = if is_keyword(language, rest.get(..length).unwrap_or_default()) { Class::Keyword } else { Class::Text };
        return (class, length);
    }
    (Class::Text, first.len_utf8())
}

/// Length of the word that `rest` starts with.
fn word(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
}

/// Length of the quoted text that `rest` starts with, quotes included; a backslash keeps the next character.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return index + c.len_utf8();
        }
    }
    rest.len()
}

fn is_keyword(language: Language, word: &str) -> bool {
    const SQL: [&str; 68] = [
        "add",
        "all",
        "alter",
        "and",
        "as",
        "asc",
        "begin",
        "between",
        "by",
        "case",
        "check",
        "column",
        "commit",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "default",
        "delete",
        "desc",
        "distinct",
        "drop",
        "else",
        "end",
        "exists",
        "false",
        "filter",
        "foreign",
        "from",
        "full",
        "group",
        "having",
        "if",
        "in",
        "index",
        "inner",
        "insert",
        "interval",
        "into",
        "is",
        "join",
        "key",
        "left",
        "like",
        "limit",
        "not",
        "null",
        "on",
        "or",
        "order",
        "outer",
        "over",
        "partition",
        "primary",
        "references",
        "select",
        "set",
        "table",
        "then",
        "true",
        "truncate",
        "union",
        "update",
        "using",
        "values",
        "when",
        "where",
        "with",
    ];
    const CEDAR: [&str; 15] = [
        "permit",
        "forbid",
        "when",
        "unless",
        "principal",
        "action",
        "resource",
        "context",
        "in",
        "is",
        "has",
        "like",
        "if",
        "then",
        "else",
    ];
    match language {
        Language::Sql => SQL.contains(&word.to_ascii_lowercase().as_str()),
        Language::Cedar => CEDAR.contains(&word),
        Language::Json => matches!(word, "true" | "false" | "null"),
        Language::Plain | Language::Shell => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(language: Language, text: &str) -> Vec<(&'static str, &str)> {
        pieces(language, text)
            .into_iter()
            .filter(|(class, _)| *class != Class::Text)
            .map(|(class, piece)| (class.as_str(), piece))
            .collect()
    }

    #[test]
    fn words_get_their_class() {
        for (language, text, expected) in [
            (Language::Sql, "SELECT 'it' -- x\nfrom t", vec![("kw", "SELECT"), ("li", "'it'"), ("co", "-- x"), ("kw", "from")]),
            (Language::Sql, "/* a\nb */ 42", vec![("co", "/* a\nb */"), ("li", "42")]),
            (Language::Cedar, "@id(\"a\\\"b\") permit // é", vec![("an", "@id"), ("li", "\"a\\\"b\""), ("kw", "permit"), ("co", "// é")]),
            (Language::Json, "{\"a\": true, 'b'", vec![("li", "\"a\""), ("kw", "true")]),
            (Language::Shell, "psql --file=x 'open", vec![("an", "--file="), ("li", "'open")]),
            (Language::Plain, "select 1", vec![]),
        ] {
            assert_eq!(classes(language, text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_or_added(text in "[\\PC\n\t'\"/*@#-]{0,200}") {
            for language in [Language::Plain, Language::Sql, Language::Cedar, Language::Json, Language::Shell] {
                let again: String = pieces(language, &text).into_iter().map(|(_, piece)| piece).collect();
                proptest::prop_assert_eq!(&again, &text);
            }
        }
    }

    #[test]
    fn every_line_stands_alone_and_is_escaped() {
        let shown = Code::new(Language::Sql, "/* <a>\nb */\nx\u{202e}\n").to_string();
        assert_eq!(
            shown,
            "<pre class=\"code\"><code><span class=\"line\"><span class=\"co\">/* &#60;a&#62;</span>\n</span>\
             <span class=\"line\"><span class=\"co\">b */</span>\n</span>\
             <span class=\"line\">x<mark class=\"cp\" title=\"direction override: shows text in another order\">U+202E</mark>\n</span></code></pre>"
        );
    }
}
