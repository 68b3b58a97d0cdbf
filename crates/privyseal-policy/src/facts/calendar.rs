//! What the calendar says about a moment, in UTC: hour, weekday, working hours.

use privyseal_core::time::Timestamp;

use crate::catalogue::Hours;

/// Names of the weekdays, Monday first, as catalogues and rules write them.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Minute of the day, 0 to 1439.
fn minute_of_day(now: Timestamp) -> i64 {
    now.micros().rem_euclid(DAY) / MINUTE
}

/// Hour of the day, 0 to 23.
pub(crate) fn hour(now: Timestamp) -> i64 {
    minute_of_day(now) / 60
}

/// Days since Monday, 0 to 6. Day 0 of the epoch was a Thursday.
fn weekday_index(now: Timestamp) -> usize {
    usize::try_from((now.micros().div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0)
}

/// Name of the weekday.
pub(crate) fn weekday(now: Timestamp) -> &'static str {
    WEEKDAYS.get(weekday_index(now)).copied().unwrap_or("mon")
}

/// Whether a moment lies outside working hours. A window that crosses midnight belongs to the day on which it starts.
pub(crate) fn outside(hours: &Hours, now: Timestamp) -> bool {
    let minute = minute_of_day(now);
    let today = weekday_index(now);
    let works = |day: usize| hours.days.get(day % 7).copied().unwrap_or(false);
    let inside = if hours.start_minute < hours.end_minute {
        works(today) && (hours.start_minute..hours.end_minute).contains(&minute)
    } else {
        (works(today) && minute >= hours.start_minute) || (works(today + 6) && minute < hours.end_minute)
    };
    !inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours() {
        for (text, expected_day, expected_hour) in [
            ("1970-01-01T00:00:00Z", "thu", 0),
            ("2026-11-23T05:33:27Z", "mon", 5),
            ("2026-11-29T23:59:59Z", "sun", 23),
            ("1969-12-31T23:00:00Z", "wed", 23),
        ] {
            let now: Timestamp = text.parse().unwrap();
            assert_eq!((weekday(now), hour(now)), (expected_day, expected_hour), "{text}");
            assert_eq!(weekday(now), now.to_chrono().format("%a").to_string().to_lowercase(), "chrono agrees on {text}");
        }
    }

    #[test]
    fn working_hours() {
        let week = [true, true, true, true, true, false, false];
        let day = Hours { start_minute: 480, end_minute: 1_080, days: week };
        let night = Hours { start_minute: 1_020, end_minute: 60, days: week };
        for (hours, text, expected) in [
            (&day, "2026-11-23T08:00:00Z", false),
            (&day, "2026-11-23T07:59:59Z", true),
            (&day, "2026-11-23T18:00:00Z", true),
            (&day, "2026-11-22T12:00:00Z", true),
            (&night, "2026-11-23T17:00:00Z", false),
            (&night, "2026-11-24T00:59:59Z", false),
            (&night, "2026-11-24T01:00:00Z", true),
            (&night, "2026-11-28T00:30:00Z", false),
            (&night, "2026-11-28T17:30:00Z", true),
            (&night, "2026-11-23T00:30:00Z", true),
        ] {
            assert_eq!(outside(hours, text.parse().unwrap()), expected, "{text}");
        }
    }
}
