//! A text as it is shown: nothing in it hides, and white space is what a reader sees.
//!
//! Both renderers go through here, so that a character that disguises its neighbours looks the same in HTML and PDF.
//! How a visible text becomes markup or glyphs is not decided here.

use privyseal_core::text::{Span, reveal};

/// Splits a text into what is shown as it is and what is shown by code point.
///
/// Beyond what core counts as deceptive this marks noncharacters, which neither XML nor PDF may carry,
/// and private-use characters, which mean something else on every machine.
pub(crate) fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for span in reveal(text) {
        match span {
            Span::Plain(plain) => split_unassignable(&plain, &mut spans),
            marked @ Span::Marked(_) => spans.push(marked),
        }
    }
    spans
}

fn split_unassignable(plain: &str, spans: &mut Vec<Span>) {
    let mut stretch = String::new();
    for c in plain.chars() {
        if is_nonchar(c) || is_private(c) {
            if !stretch.is_empty() {
                spans.push(Span::Plain(std::mem::take(&mut stretch)));
            }
            spans.push(Span::Marked(code_point(c)));
        } else {
            stretch.push(c);
        }
    }
    if !stretch.is_empty() {
        spans.push(Span::Plain(stretch));
    }
}

/// A code point in writing, for example `U+202E`.
pub(crate) fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

fn is_nonchar(c: char) -> bool {
    let value = u32::from(c);
    value & 0xFFFE == 0xFFFE || (0xFDD0..=0xFDEF).contains(&value)
}

fn is_private(c: char) -> bool {
    matches!(u32::from(c), 0xE000..=0xF8FF | 0xF_0000..=0xF_FFFD | 0x10_0000..=0x10_FFFD)
}

/// The text for places that hold nothing but characters, such as window titles and bookmarks: one line, hidden characters in brackets.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for span in spans(text) {
        match span {
            Span::Plain(plain) => shown.push_str(&plain),
            Span::Marked(mark) => {
                shown.push('[');
                shown.push_str(&mark);
                shown.push(']');
            }
        }
    }
    shown.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// White space that running text collapses, as HTML does: spaces and what keyboards make of them, never a no-break space.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_and_lines_are_lines() {
        for (text, expected) in [
            ("a  b\n c", "a b c"),
            ("drop\u{202e}elbat", "drop[U+202E]elbat"),
            ("x\u{e000}y\u{fffe}z", "x[U+E000]y[U+FFFE]z"),
            ("\u{10ffff}\u{fdd0}", "[U+10FFFF][U+FDD0]"),
            ("a\u{a0}b", "a\u{a0}b"),
            (" \t\n", ""),
            ("Łódź 東京", "Łódź 東京"),
        ] {
            assert_eq!(line(text), expected, "{text:?}");
        }
    }
}
