//! Moments and spans of time as pages show them: always UTC, always with a machine-readable twin.
//!
//! Nothing here knows what time it is; whoever fills a page passes `now`.

use askama::Template;
use askama::filters::HtmlSafe;
use privyseal_core::time::Timestamp;

/// A moment. Shown as `<time datetime="…">`.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(source = r#"<time datetime="{{ datetime }}">{{ text }}</time>"#, ext = "html")]
pub struct Moment {
    /// RFC 3339 in UTC.
    pub datetime: String,
    /// What people read.
    pub text: String,
}

impl HtmlSafe for Moment {}

impl Moment {
    /// `2026-11-23 14:11 UTC`
    #[must_use]
    pub fn minute(moment: Timestamp) -> Self {
        Self { datetime: moment.to_string(), text: format!("{} UTC", moment.minute()) }
    }

    /// `2026-11-23 14:11`, for columns whose heading says UTC.
    #[must_use]
    pub fn column(moment: Timestamp) -> Self {
        Self { datetime: moment.to_string(), text: moment.minute() }
    }

    /// `14:11 UTC`, for moments of a day that the page names.
    #[must_use]
    pub fn clock(moment: Timestamp) -> Self {
        Self { datetime: moment.to_string(), text: moment.to_chrono().format("%H:%M UTC").to_string() }
    }

    /// `2026-11-23`
    #[must_use]
    pub fn day(moment: Timestamp) -> Self {
        Self { datetime: moment.to_string(), text: moment.date() }
    }

    /// `2026-11-23 14:11:05.123456 UTC`, for the record.
    #[must_use]
    pub fn exact(moment: Timestamp) -> Self {
        Self { datetime: moment.to_string(), text: moment.to_chrono().format("%Y-%m-%d %H:%M:%S%.6f UTC").to_string() }
    }

    /// `4 min ago`, `in 20 min`, `just now`.
    #[must_use]
    pub fn relative(moment: Timestamp, now: Timestamp) -> Self {
        let seconds = now.seconds_since(moment);
        let text = match seconds {
            -44..=44 => "just now".to_owned(),
            ..=-45 => format!("in {}", span(seconds.saturating_neg())),
            _ => format!("{} ago", span(seconds)),
        };
        Self { datetime: moment.to_string(), text }
    }
}

/// How long something is still open. The page counts down where scripts run; the end itself is always said too.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "part/left.html")]
pub struct Left {
    /// When it ends, RFC 3339 in UTC.
    pub datetime: String,
    /// When it ends, for people.
    pub until: String,
    /// What is left, for people, for example `24 min left`.
    pub text: String,
    /// Less than five minutes are left.
    pub urgent: bool,
    /// Nothing is left.
    pub over: bool,
}

impl HtmlSafe for Left {}

impl Left {
    /// What is left from `now` to `end`.
    #[must_use]
    pub fn new(end: Timestamp, now: Timestamp) -> Self {
        let seconds = end.seconds_since(now);
        let over = seconds <= 0;
        Self {
            datetime: end.to_string(),
            until: if end.date() == now.date() { end.to_chrono().format("%H:%M UTC").to_string() } else { format!("{} UTC", end.minute()) },
            text: if over { "time is up".to_owned() } else { format!("{} left", span(seconds)) },
            urgent: seconds < 300,
            over,
        }
    }
}

/// `45 s`, `24 min`, `3 h 20 min`, `2 days`: the two units that matter, rounded down.
#[must_use]
pub fn span(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, ..) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".to_owned(),
        (1, ..) => format!("1 day {hours} h"),
        _ => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_say_the_two_units_that_matter() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (12_000, "3 h 20 min"),
            (86_400, "1 day"),
            (90_000, "1 day 1 h"),
            (200_000, "2 days"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn what_is_left_never_goes_below_nothing() {
        let now: Timestamp = "2026-11-23T14:11:00Z".parse().unwrap();
        for (plus, text, until, urgent, over) in [
            (1_440, "24 min left", "14:35 UTC", false, false),
            (299, "4 min left", "14:15 UTC", true, false),
            (0, "time is up", "14:11 UTC", true, true),
            (-60, "time is up", "14:10 UTC", true, true),
            (86_400, "1 day left", "2026-11-24 14:11 UTC", false, false),
        ] {
            let left = Left::new(now.plus_seconds(plus), now);
            assert_eq!((left.text.as_str(), left.until.as_str(), left.urgent, left.over), (text, until, urgent, over));
        }
    }

    #[test]
    fn relative_moments_look_both_ways() {
        let now: Timestamp = "2026-11-23T14:11:00Z".parse().unwrap();
        for (plus, expected) in [(-240, "4 min ago"), (0, "just now"), (44, "just now"), (1_200, "in 20 min")] {
            assert_eq!(Moment::relative(now.plus_seconds(plus), now).text, expected);
        }
    }
}
