//! One notion of time: UTC with microseconds, written exactly as the ledger writes it.
//!
//! There is no "now" in this crate. Whoever needs it takes it as an argument; the clock stands in the engine.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z.
///
/// Its text form is RFC 3339 with exactly six fractional digits and `Z`, for example `2026-11-23T05:33:27.123456Z`.
/// Years 0001 to 9999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not a moment this system can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time: expected RFC 3339 such as 2026-11-23T05:33:27Z, or a date such as 2026-11-23")]
pub struct TimestampError {
    text: String,
}

const MIN_MICROS: i64 = -62_135_596_800_000_000;
const MAX_MICROS: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// The far end used as "still open" in validity intervals: 9999-12-31T23:59:59.999999Z.
    pub const FAR: Timestamp = Timestamp(MAX_MICROS);

    /// Microseconds since 1970; values outside years 0001 to 9999 are clamped to that range.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(MIN_MICROS, MAX_MICROS))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// This moment plus `seconds` (may be negative), clamped to the range that can be written.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Whole seconds from `earlier` to this moment; negative when `earlier` is later.
    #[must_use]
    pub fn seconds_since(self, earlier: Timestamp) -> i64 {
        (self.0.saturating_sub(earlier.0)).div_euclid(1_000_000)
    }

    /// The calendar form, for formatting and calendar arithmetic.
    #[must_use]
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// `YYYY-MM-DD` of this moment in UTC.
    #[must_use]
    pub fn date(self) -> String {
        self.to_chrono().format("%Y-%m-%d").to_string()
    }

    /// `YYYY-MM-DD HH:MM` in UTC, for people.
    #[must_use]
    pub fn minute(self) -> String {
        self.to_chrono().format("%Y-%m-%d %H:%M").to_string()
    }

    /// Parses what a person types: RFC 3339, or a bare date taken as midnight UTC.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn parse_lenient(text: &str) -> Result<Self, TimestampError> {
        if text.len() == 10 {
            return format!("{text}T00:00:00Z").parse().map_err(|_| TimestampError { text: text.to_owned() });
        }
        text.parse()
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(value: DateTime<Utc>) -> Self {
        Self::from_micros(value.timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| TimestampError { text: text.to_owned() })?;
        let micros = parsed.timestamp_micros();
        if (MIN_MICROS..=MAX_MICROS).contains(&micros) { Ok(Self(micros)) } else { Err(TimestampError { text: text.to_owned() }) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A half-open period `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First moment inside.
    pub start: Timestamp,
    /// First moment after.
    pub end: Timestamp,
}

/// A period that ends before it starts, or is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the period ends at {end}, which is not after its start {start}; periods are half-open, [from, to)")]
pub struct PeriodError {
    start: Timestamp,
    end: Timestamp,
}

impl Period {
    /// A period from `start` up to, not including, `end`.
    ///
    /// # Errors
    /// When `end` is not after `start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, PeriodError> {
        if start < end { Ok(Self { start, end }) } else { Err(PeriodError { start, end }) }
    }

    /// Whether `moment` lies inside.
    #[must_use]
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.start <= moment && moment < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_has_six_digits_and_round_trips() {
        for text in ["2026-11-23T05:33:27.123456Z", "1970-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!("2026-11-23T06:33:27+01:00".parse::<Timestamp>().unwrap().to_string(), "2026-11-23T05:33:27.000000Z");
        assert_eq!(Timestamp::parse_lenient("2026-07-01").unwrap().to_string(), "2026-07-01T00:00:00.000000Z");
        for bad in ["", "tomorrow", "2026-13-01", "2026-11-23T05:33:27", "+12026-01-01T00:00:00Z"] {
            assert!(Timestamp::parse_lenient(bad).is_err(), "{bad}");
        }
    }
}
