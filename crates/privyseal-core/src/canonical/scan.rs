//! One pass over canonical JSON, without a value and without allocation: proves the form and hands out where things stand.
//!
//! It accepts exactly the bytes that [`super::parse`] accepts; a property test holds the two together. Parsing and writing again is
//! how the form is defined, and it costs some three microseconds for an entry; a verifier of millions of entries cannot pay that.

use super::{MAX_DEPTH, MAX_INTEGER, RESERVED};

/// The bytes are not canonical JSON; they stop being so at `offset`. [`super::parse`] says in words what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCanonical {
    /// Position of the first byte that cannot stand where it stands.
    pub offset: usize,
}

/// Checks that bytes are one canonical JSON value and nothing else.
///
/// # Errors
/// When they are not.
pub fn check(bytes: &[u8]) -> Result<(), NotCanonical> {
    let mut scanner = Scanner::new(bytes)?;
    scanner.value(0)?;
    scanner.end()
}

/// A place in canonical JSON. Every method takes what it names, or says where the bytes differ.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

type Scanned<T> = Result<T, NotCanonical>;

impl<'a> Scanner<'a> {
    /// A scanner at the start of `bytes`.
    ///
    /// # Errors
    /// When the bytes are not UTF-8.
    pub fn new(bytes: &'a [u8]) -> Scanned<Self> {
        // One fast pass for UTF-8, so that the rest may look at single bytes.
        let text = std::str::from_utf8(bytes).map_err(|error| NotCanonical { offset: error.valid_up_to() })?;
        Ok(Self { text, at: 0 })
    }

    fn refused<T>(&self) -> Scanned<T> {
        Err(NotCanonical { offset: self.at })
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text from `start` to here.
    fn since(&self, start: usize) -> Scanned<&'a str> {
        self.text.get(start..self.at).ok_or(NotCanonical { offset: start })
    }

    /// The text from here to where another scanner of the same bytes has got.
    ///
    /// # Errors
    /// When the other is behind.
    pub fn until(&self, other: &Self) -> Scanned<&'a str> {
        other.since(self.at)
    }

    /// Takes exactly these bytes.
    ///
    /// # Errors
    /// When others stand here.
    pub fn exactly(&mut self, wanted: &[u8]) -> Scanned<()> {
        if self.take(wanted) { Ok(()) } else { self.refused() }
    }

    /// Takes these bytes if they stand here.
    pub fn take(&mut self, wanted: &[u8]) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// Takes the end of the bytes.
    ///
    /// # Errors
    /// When more follows.
    pub fn end(&self) -> Scanned<()> {
        if self.at == self.text.len() { Ok(()) } else { self.refused() }
    }

    /// Takes any value at this depth of nesting and returns its bytes.
    ///
    /// # Errors
    /// When there is none, or it is not canonical.
    pub fn value(&mut self, depth: usize) -> Scanned<&'a str> {
        let start = self.at;
        if depth > MAX_DEPTH {
            return self.refused();
        }
        match self.peek() {
            Some(b'"') => drop(self.string()?),
            Some(b'{') => self.object(&mut |scanner, _| scanner.value(depth + 1).map(drop))?,
            Some(b'[') => self.array(depth)?,
            Some(b'-' | b'0'..=b'9') => drop(self.number()?),
            Some(b'n') => self.exactly(b"null")?,
            Some(b't') => self.exactly(b"true")?,
            Some(b'f') => self.exactly(b"false")?,
            _ => return self.refused(),
        }
        self.since(start)
    }

    fn array(&mut self, depth: usize) -> Scanned<()> {
        self.exactly(b"[")?;
        if self.take(b"]") {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.refused(),
            }
        }
    }

    /// Takes an object. `member` is called after each name, as it is written between its quotes, and takes the value.
    ///
    /// # Errors
    /// When names are out of order, there twice, or not printable ASCII, or whatever `member` returns.
    pub fn object(&mut self, member: &mut dyn FnMut(&mut Self, &'a str) -> Scanned<()>) -> Scanned<()> {
        self.exactly(b"{")?;
        if self.take(b"}") {
            return Ok(());
        }
        let mut last: Option<&'a str> = None;
        loop {
            let start = self.at;
            let name = self.name()?;
            if last.is_some_and(|last| !before(last, name)) {
                return Err(NotCanonical { offset: start });
            }
            last = Some(name);
            self.exactly(b":")?;
            member(self, name)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.refused(),
            }
        }
    }

    fn name(&mut self) -> Scanned<&'a str> {
        let start = self.at;
        let name = self.string()?;
        // Printable ASCII needs no escape but `\"` and `\\`; every other escape stands for a control character.
        let printable = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let escapes = !name.contains('\\') || unescaped(name).all(|byte| byte != 0);
        if printable && escapes && !name.starts_with(RESERVED) { Ok(name) } else { Err(NotCanonical { offset: start }) }
    }

    /// Takes a string and returns what stands between its quotes, escapes as written.
    ///
    /// # Errors
    /// When there is none, or its escapes are not those of RFC 8785 section 3.2.2.2.
    pub fn string(&mut self) -> Scanned<&'a str> {
        self.exactly(b"\"")?;
        let start = self.at;
        loop {
            self.at += plain(self.rest());
            match self.peek() {
                Some(b'"') => {
                    let text = self.since(start);
                    self.at += 1;
                    return text;
                }
                Some(b'\\') => self.escape()?,
                _ => return self.refused(),
            }
        }
    }

    fn escape(&mut self) -> Scanned<()> {
        self.at += match *self.rest() {
            [b'\\', b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => 2,
            // Controls with a two-character form never take the long one.
            [b'\\', b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..] => 6,
            [b'\\', b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return self.refused(),
        };
        Ok(())
    }

    /// Takes an integer within ±(2^53−1).
    ///
    /// # Errors
    /// When there is none, or it is written otherwise than RFC 8785 does.
    pub fn number(&mut self) -> Scanned<i64> {
        let start = self.at;
        let negative = self.take(b"-");
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = self.rest().get(..digits).unwrap_or_default();
        let leading_zero = number.first() == Some(&b'0') && (digits > 1 || negative);
        // 2^53 has 16 digits, so that what is let through here cannot overflow.
        if digits == 0 || digits > 16 || leading_zero {
            return Err(NotCanonical { offset: start });
        }
        let value = number.iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        if value > MAX_INTEGER {
            return Err(NotCanonical { offset: start });
        }
        self.at += digits;
        // A fraction or exponent after it is refused by whoever takes the next byte.
        Ok(if negative { -value } else { value })
    }
}

/// How many bytes from the start on are neither quote, backslash nor control character; eight at a time.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The highest bit of each byte that is zero, exact for the lowest such byte, which is the one that is asked for.
    fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGHS
    }
    let mut length = 0;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\'))) | control;
        if found != 0 {
            return length + usize::try_from(found.trailing_zeros() / 8).unwrap_or(0);
        }
        length += 8;
    }
    let rest = bytes.get(length..).unwrap_or_default();
    length + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len())
}

/// The characters of a name; an escape that no name may have becomes 0.
fn unescaped(name: &str) -> impl Iterator<Item = u8> {
    let mut bytes = name.bytes();
    std::iter::from_fn(move || match bytes.next()? {
        b'\\' => Some(bytes.next().filter(|escaped| matches!(escaped, b'"' | b'\\')).unwrap_or(0)),
        byte => Some(byte),
    })
}

/// Whether one name stands before another: by what they say, not by how it is escaped.
fn before(last: &str, name: &str) -> bool {
    if last.contains('\\') || name.contains('\\') { unescaped(last).lt(unescaped(name)) } else { last < name }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, to_bytes};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn agree(bytes: &[u8]) {
        let (parsed, scanned) = (parse(bytes), check(bytes));
        assert_eq!(parsed.is_ok(), scanned.is_ok(), "{:?}: {parsed:?} {scanned:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn hand_picked_forms() {
        let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner])).to_string();
        let deep_objects = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({ "a": inner })).to_string();
        let mut texts: Vec<String> = [
            "",
            " ",
            "1",
            " 1",
            "1 ",
            "-1",
            "-0",
            "0",
            "00",
            "01",
            "-01",
            "1.0",
            "1e2",
            "1E2",
            "-",
            "+1",
            "1,",
            "9007199254740991",
            "9007199254740992",
            "-9007199254740991",
            "-9007199254740992",
            "99999999999999999999999",
            "null",
            "nul",
            "nullx",
            "true",
            "false",
            "True",
            "{}",
            "{ }",
            "[]",
            "[ ]",
            "[1,]",
            "[,1]",
            "[1 ,2]",
            "[1,2]",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\" :1}",
            "{\"a\":1,\"a\":1}",
            "{\"b\":1,\"a\":1}",
            "{\"a\":1,\"b\":1}",
            "{\"a\":1,\"aa\":1}",
            "{\"aa\":1,\"a\":1}",
            "{\"\":1}",
            "{1:1}",
            "{\"a\"}",
            "{\"a\":}",
            "\"",
            "\"\"",
            "\"a",
            "\"\\\"\"",
            "\"\\/\"",
            "\"/\"",
            "\"\\u0041\"",
            "\"\\u0000\"",
            "\"\\u0008\"",
            "\"\\b\"",
            "\"\\u000B\"",
            "\"\\u000b\"",
            "\"\\u000a\"",
            "\"\\u001f\"",
            "\"\\u001F\"",
            "\"\\u007f\"",
            "\"\u{7f}\"",
            "\"\\ud83d\\ude00\"",
            "\"😀\"",
            "\"\\ud83d\"",
            "\"\t\"",
            "\"\\t\"",
            "\"\u{1}\"",
            "{\"é\":1}",
            "{\"\u{7f}\":1}",
            "{\"\\t\":1}",
            "{\"\\u0001\":1}",
            "{\"!\":1,\"\\\"\":2,\"#\":3}",
            "{\"[\":1,\"\\\\\":2,\"]\":3}",
            "{\"\\\\\":2,\"[\":1}",
            "{\"a\\\"\":1,\"a#\":2}",
            "{\"a#\":1,\"a\\\"\":2}",
            "{\"$serde_json::private::RawValue\":\"1\"}",
            "{\"$serde_json::private::Number\":\"1\"}",
            "{\"!\":0,\"$serde_json::private::RawValue\":\"1\"}",
            "{\"a\":{\"$serde_json::private::RawValue\":\"[1]\"}}",
            "\u{feff}1",
            "1\0",
            "\"12345678\\n2345678\"",
            "\"1234567\u{1f}\"",
            "\"1234567\u{80}\"",
            "\"ÿÿÿÿÿÿÿÿ\\\\\"",
            "\"!\u{20}\u{21}\u{22}\"",
        ]
        .map(str::to_owned)
        .to_vec();
        texts.extend([63, 64, 65, 66, 127, 128, 200].map(deep));
        texts.extend([62, 63, 64, 65, 66, 127, 128, 200].map(deep_objects));
        for text in texts {
            agree(text.as_bytes());
        }
        for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\xef\xbb\xbf1", b"\"\xc0\xaf\""] {
            agree(bytes);
        }
    }

    #[test]
    fn every_golden_entry_passes_and_no_single_byte_edit_is_judged_differently() {
        let golden = include_str!("../../testdata/events-v1.jsonl");
        for (number, line) in golden.lines().enumerate() {
            assert_eq!(check(line.as_bytes()), Ok(()));
            let mut bytes = line.as_bytes().to_vec();
            // A different byte at each position of each line; all lines together try most of them.
            for at in 0..bytes.len() {
                let kept = bytes[at];
                bytes[at] = b"\"\\,:{}[]0- \n\x01\xffzA"[(at + number) % 16];
                agree(&bytes);
                bytes[at] = kept;
            }
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{0,8}", inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn valid_and_mutated(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0_u8..4) {
            let mut bytes = to_bytes(&value).unwrap();
            prop_assert_eq!(check(&bytes), Ok(()));
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
            prop_assert_eq!(parse(&bytes).is_ok(), check(&bytes).is_ok());
        }

        #[test]
        fn random_bytes(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\u0018-ntfeab"[..])], 0..24)) {
            prop_assert_eq!(parse(&bytes).is_ok(), check(&bytes).is_ok());
        }
    }
}
