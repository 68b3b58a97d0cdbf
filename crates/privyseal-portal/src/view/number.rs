//! Numbers as pages show them: grouped digits, sizes in bytes, digests.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use privyseal_core::digest::Digest;

/// A count, shown with its digits in groups of three: `48,213`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

impl HtmlSafe for Count {}

impl Count {
    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `1 request`, `2 requests`: the count and its noun.
    #[must_use]
    pub fn of(self, one: &str, many: &str) -> String {
        format!("{self} {}", if self.0 == 1 { one } else { many })
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A length in bytes: exact below 10,000, rounded down to one decimal above (`14.2 kB`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl HtmlSafe for Bytes {}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled =
            |unit: u64, name: &str, f: &mut fmt::Formatter<'_>| write!(f, "{}.{} {name}", self.0 / unit, self.0 % unit / (unit / 10));
        match self.0 {
            0..=9_999 => write!(f, "{} B", Count(self.0)),
            10_000..=999_999 => scaled(1_000, "kB", f),
            1_000_000..=999_999_999 => scaled(1_000_000, "MB", f),
            _ => scaled(1_000_000_000, "GB", f),
        }
    }
}

/// A SHA-256 digest, always shown whole where it matters: 64 hex digits in groups that an eye can compare.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "part/digest.html")]
pub struct Hash {
    hex: String,
    halves: Vec<Vec<String>>,
}

impl HtmlSafe for Hash {}

impl Hash {
    /// A digest to be shown.
    #[must_use]
    pub fn new(digest: &Digest) -> Self {
        let hex = digest.hex();
        let groups: Vec<String> = hex.as_bytes().chunks(8).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        Self { hex, halves: groups.chunks(4).map(<[String]>::to_vec).collect() }
    }

    /// All 64 digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The first twelve digits, for lists. Never compare these.
    #[must_use]
    pub fn short(&self) -> String {
        self.hex.chars().take(12).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        for (count, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (48_213, "48,213"), (1_234_567, "1,234,567")] {
            assert_eq!(Count(count).to_string(), expected);
        }
        assert_eq!(Count(1).of("request", "requests"), "1 request");
        assert_eq!(Count(0).of("request", "requests"), "0 requests");
    }

    #[test]
    fn sizes_are_never_rounded_up() {
        for (bytes, expected) in
            [(0, "0 B"), (9_999, "9,999 B"), (10_000, "10.0 kB"), (999_999, "999.9 kB"), (14_250_000, "14.2 MB"), (2_500_000_000, "2.5 GB")]
        {
            assert_eq!(Bytes(bytes).to_string(), expected);
        }
    }
}
