//! Characters that make a text look like something it is not: invisible, bidirectional, and look-alike control characters.
//!
//! An approver signs what runs, so the shown text must not hide or reorder anything.

use std::borrow::Cow;

/// Whether a character is invisible or changes the direction or shape of its neighbours without being seen itself.
///
/// Covers Unicode general category Cf and the other default-ignorable code points that have been used to disguise source text
/// (Unicode TR36, "Trojan Source"), as of Unicode 16.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    matches!(
        u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x0600..=0x0605 | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2 | 0x115F..=0x1160 | 0x17B4..=0x17B5
            | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF
            | 0xFFA0 | 0xFFF0..=0xFFFB | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF
    )
}

/// A text for a cell of a table that no spreadsheet takes for a formula: what begins like one gets an apostrophe in front.
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if risky { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// One stretch of a text as it is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Shown as it is.
    Plain(String),
    /// One deceptive or control character, shown by its code point instead, for example `U+202E`.
    Marked(String),
}

/// Splits a text so that every deceptive character can be shown for what it is. Line feed and tab stay plain.
#[must_use]
pub fn reveal(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for c in text.chars() {
        if is_deceptive(c) || (c.is_control() && c != '\n' && c != '\t') {
            spans.push(Span::Marked(format!("U+{:04X}", u32::from(c))));
        } else if let Some(Span::Plain(plain)) = spans.last_mut() {
            plain.push(c);
        } else {
            spans.push(Span::Plain(c.to_string()));
        }
    }
    spans
}

/// Code points of the deceptive characters in a text, in order, at most `limit`.
#[must_use]
pub fn deceptive(text: &str, limit: usize) -> Vec<String> {
    text.chars().filter(|c| is_deceptive(*c)).take(limit).map(|c| format!("U+{:04X}", u32::from(c))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown_by_name() {
        let plain = |t: &str| Span::Plain(t.into());
        let marked = |t: &str| Span::Marked(t.into());
        for (text, expected) in [
            ("drop\u{202e}elbat", vec![plain("drop"), marked("U+202E"), plain("elbat")]),
            ("a\u{200b}\u{feff}", vec![plain("a"), marked("U+200B"), marked("U+FEFF")]),
            ("a\n\tb\u{1b}", vec![plain("a\n\tb"), marked("U+001B")]),
            ("łódź 東京", vec![plain("łódź 東京")]),
        ] {
            assert_eq!(reveal(text), expected);
        }
    }
}
