//! Text that somebody else wrote: names, reasons, parameters, file contents.
//!
//! It may hold anything. `Untrusted` is the only type under which it reaches a page, and it cannot be shown without being escaped,
//! isolated from its neighbours' writing direction, and with every deceptive character replaced by its visible code point.

use std::fmt;

use askama::filters::{Escaper as _, Html, HtmlSafe};
use privyseal_core::text::{Span, reveal};
use privyseal_engine::Words;

/// Text of foreign origin, for element content. In attributes use [`Untrusted::plain`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untrusted(Content);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Clear(String),
    /// The log keeps only a commitment to it: the first digits of that.
    Hidden(String),
    /// It was erased on that day.
    Erased(String),
}

impl HtmlSafe for Untrusted {}

impl Default for Untrusted {
    fn default() -> Self {
        Self::new("")
    }
}

impl Untrusted {
    /// Takes a text as it came.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Content::Clear(text.into()))
    }

    /// The text without markup, deceptive characters written as `[U+202E]`: for attributes, titles and plain text.
    #[must_use]
    pub fn plain(&self) -> String {
        let text = match &self.0 {
            Content::Clear(text) => text,
            Content::Hidden(commitment) => return format!("hidden, commitment {commitment}"),
            Content::Erased(day) => return format!("erased on {day}"),
        };
        let mut plain = String::new();
        for span in reveal(text) {
            match span {
                Span::Plain(text) => plain.push_str(&text),
                Span::Marked(code) => plain.extend(["[", code.as_str(), "]"]),
            }
        }
        plain
    }

    /// The text exactly as it came, for values that go back to where they came from: the content of a form field. Empty when it is hidden.
    #[must_use]
    pub fn verbatim(&self) -> &str {
        match &self.0 {
            Content::Clear(text) => text,
            Content::Hidden(_) | Content::Erased(_) => "",
        }
    }

    /// Whether there is nothing in it. A hidden text holds something.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Content::Clear(text) if text.is_empty())
    }

    /// Up to two initials of a name: letters and digits only.
    #[must_use]
    pub fn initials(&self) -> String {
        let words = self.verbatim().split_whitespace();
        words.filter_map(|word| word.chars().find(|c| c.is_alphanumeric())).take(2).flat_map(char::to_uppercase).collect()
    }
}

impl From<Words> for Untrusted {
    fn from(words: Words) -> Self {
        match words {
            Words::Clear(text) => Self::new(text),
            Words::Hidden(commitment) => Self(Content::Hidden(commitment.short())),
            Words::Erased(at) => Self(Content::Erased(at.date())),
        }
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Clear(text) => {
                f.write_str("<bdi>")?;
                write_revealed(f, text)?;
                f.write_str("</bdi>")
            }
            // The commitment is base64url and needs no escaping.
            Content::Hidden(commitment) => write!(f, r#"<span class="veiled">hidden <code>{commitment}</code></span>"#),
            Content::Erased(day) => write!(f, r#"<span class="veiled">erased on {day}</span>"#),
        }
    }
}

/// Writes escaped text with deceptive characters marked.
pub(super) fn write_revealed(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for span in reveal(text) {
        match span {
            Span::Plain(plain) => Html.write_escaped_str(&mut *f, &plain)?,
            // The code point is made of `U+` and hex digits and needs no escaping.
            Span::Marked(code) => write!(f, r#"<mark class="cp" title="{}">{code}</mark>"#, meaning(&code))?,
        }
    }
    Ok(())
}

/// What a marked character does, in a few words.
fn meaning(code: &str) -> &'static str {
    match code {
        "U+00AD" => "soft hyphen: invisible",
        "U+200B" => "zero width space: invisible",
        "U+200C" | "U+200D" => "zero width joiner: invisible",
        "U+200E" | "U+200F" | "U+061C" => "direction mark: invisible, moves its neighbours",
        "U+202A" | "U+202B" | "U+202D" | "U+202E" => "direction override: shows text in another order",
        "U+2066" | "U+2067" | "U+2068" | "U+2069" | "U+202C" => "direction isolate: shows text in another order",
        "U+2028" | "U+2029" => "line separator: breaks lines unseen",
        "U+FEFF" | "U+2060" => "zero width no-break space: invisible",
        "U+000D" => "carriage return: can hide what stands before it",
        "U+001B" => "escape: starts terminal commands",
        "U+0008" | "U+007F" => "backspace: can hide what stands before it",
        _ => "invisible or control character",
    }
}

#[cfg(test)]
mod tests {
    use privyseal_core::digest::Digest;

    use super::*;

    #[test]
    fn foreign_text_cannot_become_markup_or_hide_anything() {
        for (text, shown, plain) in [
            ("Ana", "<bdi>Ana</bdi>", "Ana"),
            ("<b>&\"'", "<bdi>&#60;b&#62;&#38;&#34;&#39;</bdi>", "<b>&\"'"),
            (
                "a\u{202e}b",
                r#"<bdi>a<mark class="cp" title="direction override: shows text in another order">U+202E</mark>b</bdi>"#,
                "a[U+202E]b",
            ),
            ("tab\tline\n", "<bdi>tab\tline\n</bdi>", "tab\tline\n"),
        ] {
            let untrusted = Untrusted::from(text);
            assert_eq!(untrusted.to_string(), shown);
            assert_eq!(untrusted.plain(), plain);
            assert_eq!(untrusted.verbatim(), text);
        }
    }

    #[test]
    fn hidden_text_cannot_be_typed() {
        let hidden = Untrusted::from(Words::Hidden(Digest::of(b"x")));
        assert_eq!(hidden.to_string(), r#"<span class="veiled">hidden <code>LXEWQrcmsEQB</code></span>"#);
        assert_eq!((hidden.plain().as_str(), hidden.verbatim(), hidden.is_empty()), ("hidden, commitment LXEWQrcmsEQB", "", false));
        let erased = Untrusted::from(Words::Erased("2026-11-24T10:00:00Z".parse().unwrap()));
        assert_eq!((erased.to_string().as_str(), erased.is_empty()), (r#"<span class="veiled">erased on 2026-11-24</span>"#, false));
        let typed = Untrusted::from(hidden.to_string());
        assert!(typed.to_string().starts_with("<bdi>&#60;span"));
        assert_eq!(Untrusted::from(Words::Clear("Ana".into())), Untrusted::from("Ana"));
    }

    #[test]
    fn initials_are_letters() {
        for (name, expected) in [("Ana Ruiz", "AR"), ("  élodie  ", "É"), ("<b> (x) y z", "BX"), ("\u{202e}", ""), ("", "")] {
            assert_eq!(Untrusted::from(name).initials(), expected);
        }
    }
}
