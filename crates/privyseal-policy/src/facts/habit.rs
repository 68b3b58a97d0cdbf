//! What is unusual for this requester: the hour of the day, and how much is asked. Nothing is said before there is enough to compare with.

use privyseal_core::time::Timestamp;

use super::calendar;
use crate::ask::History;

/// Earlier requests without which a requester has no hours of its own.
const ENOUGH_REQUESTS: u64 = 20;
/// Days with requests, of the last 30, without which a requester has no rate of its own.
const ENOUGH_DAYS: u64 = 5;

/// Whether no earlier request came within an hour of this hour of the day; `None` when there are too few to tell.
pub(super) fn outside_own_hours(history: &History, now: Timestamp) -> Option<bool> {
    let hours = history.hours?;
    if hours.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)) < ENOUGH_REQUESTS {
        return None;
    }
    let hour = usize::try_from(calendar::hour(now)).ok()?;
    // An hour earlier is 23 hours later on the clock face.
    Some([hour + 23, hour, hour + 1].iter().all(|hour| hours.get(hour % 24) == Some(&0)))
}

/// Requests of the last 24 hours with this one, divided by the average of the days with requests, rounded down; `None` when there are
/// too few days to tell.
pub(super) fn times_usual_rate(history: &History) -> Option<u64> {
    if history.active_days_last_month < ENOUGH_DAYS {
        return None;
    }
    let lately = u128::from(history.requests_last_day) + 1;
    // Divided last, so that nothing is rounded but the result.
    let times = (lately * u128::from(history.active_days_last_month)).checked_div(u128::from(history.requests_last_month))?;
    Some(u64::try_from(times).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_hours(counts: &[(usize, u64)], at: &str, expected: Option<bool>) {
        let mut hours = [0; 24];
        counts.iter().for_each(|(hour, count)| hours[*hour] = *count);
        let history = History { hours: Some(hours), ..History::default() };
        assert_eq!(outside_own_hours(&history, at.parse().unwrap()), expected, "{counts:?} at {at}");
    }

    #[test]
    fn own_hours() {
        for (counts, at, expected) in [
            (&[(9, 20)][..], "2026-11-23T09:59:59Z", Some(false)),
            (&[(9, 20)], "2026-11-23T10:30:00Z", Some(false)),
            (&[(9, 20)], "2026-11-23T08:00:00Z", Some(false)),
            (&[(9, 20)], "2026-11-23T11:00:00Z", Some(true)),
            (&[(9, 20)], "2026-11-23T07:59:59Z", Some(true)),
            (&[(9, 20)], "2026-11-23T03:00:00Z", Some(true)),
            // Around midnight.
            (&[(23, 20)], "2026-11-23T00:10:00Z", Some(false)),
            (&[(0, 20)], "2026-11-23T23:10:00Z", Some(false)),
            (&[(0, 20)], "2026-11-23T22:10:00Z", Some(true)),
            // One request is enough for an hour to be one's own; 19 in all are not enough to have any.
            (&[(9, 19), (3, 1)], "2026-11-23T03:00:00Z", Some(false)),
            (&[(9, 18), (3, 1)], "2026-11-23T15:00:00Z", None),
            (&[(9, u64::MAX), (10, u64::MAX)], "2026-11-23T15:00:00Z", Some(true)),
        ] {
            check_hours(counts, at, expected);
        }
        assert_eq!(outside_own_hours(&History::default(), "2026-11-23T03:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn usual_rate() {
        for (day, month, days, expected) in [
            (0, 100, 10, Some(0)),
            (9, 100, 10, Some(1)),
            (48, 100, 10, Some(4)),
            (49, 100, 10, Some(5)),
            (4, 5, 5, Some(5)),
            (4, 5, 4, None),
            (0, 0, 5, None),
            (u64::MAX, 5, 5, Some(u64::MAX)),
            (u64::MAX, u64::MAX, 30, Some(30)),
        ] {
            let history =
                History { requests_last_day: day, requests_last_month: month, active_days_last_month: days, ..History::default() };
            assert_eq!(times_usual_rate(&history), expected, "{day} of {month} on {days} days");
        }
    }
}
