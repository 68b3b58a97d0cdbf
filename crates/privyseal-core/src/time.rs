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

    /// Reads the one text form that entries use, `2026-11-23T05:33:27.123456Z`, and no other.
    #[must_use]
    pub fn from_exact(text: &str) -> Option<Self> {
        const FORM: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
        let bytes: &[u8; 27] = text.as_bytes().try_into().ok()?;
        let mut digits = [0_i64; 20];
        let mut next = digits.iter_mut();
        for (byte, form) in bytes.iter().zip(FORM) {
            match (form, byte) {
                (b'0', b'0'..=b'9') => *next.next()? = i64::from(byte - b'0'),
                (b'0', _) => return None,
                (form, byte) if form == byte => {}
                _ => return None,
            }
        }
        let number = |digits: &[i64]| digits.iter().fold(0, |number, digit| number * 10 + digit);
        let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, micros @ ..] = digits;
        let (year, month, day) = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]));
        let (hour, minute, second) = (number(&[h1, h2]), number(&[n1, n2]), number(&[s1, s2]));
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if year == 0 || day == 0 || day > length || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Days of the proleptic Gregorian calendar, counted in years that begin in March, so that the leap day comes last.
        let (march_year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let leaps = march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
        let days = march_year * 365 + leaps + (march_month * 153 + 2) / 5 + day - 1 - 719_468;
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self(seconds * 1_000_000 + number(&micros)))
    }

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
        if let Some(exact) = Self::from_exact(text) {
            return Ok(exact);
        }
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
    fn the_exact_form_is_read_as_the_general_reader_reads_it() {
        let general = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_micros());
        for year in [1, 4, 99, 100, 400, 1582, 1899, 1900, 1969, 1970, 1972, 2000, 2023, 2024, 2026, 2100, 9999] {
            for month in 0..=13 {
                for day in [0, 1, 2, 28, 29, 30, 31, 32] {
                    for rest in ["T00:00:00.000000Z", "T23:59:59.999999Z", "T12:34:56.789012Z", "T24:00:00.000000Z", "T00:60:00.000000Z"] {
                        let text = format!("{year:04}-{month:02}-{day:02}{rest}");
                        assert_eq!(Timestamp::from_exact(&text).map(Timestamp::micros), general(&text), "{text}");
                    }
                }
            }
        }
        for other in [
            "2026-11-23T05:33:27Z",
            "2026-11-23T05:33:27.123456z",
            "2026-11-23t05:33:27.123456Z",
            "2026-11-23T05:33:27.12345６Z",
            "0000-01-01T00:00:00.000000Z",
        ] {
            assert_eq!(Timestamp::from_exact(other), None, "{other}");
        }
    }

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
