//! How many refused sign-ins are recorded: enough to see an attack in the log, too few to fill the disk with it.
//!
//! Good links, passkeys and keys never wait here; only what would be refused anyway does.

use std::sync::Mutex;

use privyseal_core::time::Timestamp;

/// Refusals that are recorded at once, and then one more every so many seconds.
const BURST: i64 = 30;
const SECONDS_EACH: i64 = 2;

/// A bucket of tokens that fills with time.
#[derive(Default)]
pub struct Attempts {
    /// How many tokens were there, when.
    level: Mutex<Option<(i64, Timestamp)>>,
}

impl Attempts {
    /// Whether one more refusal may be recorded now.
    pub fn take(&self, now: Timestamp) -> bool {
        let mut level = self.level.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (tokens, since) = level.unwrap_or((BURST, now));
        let gained = now.seconds_since(since).max(0) / SECONDS_EACH;
        let tokens = tokens.saturating_add(gained).min(BURST);
        // Time that did not make a whole token counts on.
        let since = if tokens == BURST { now } else { since.plus_seconds(gained * SECONDS_EACH) };
        *level = Some(((tokens - 1).max(0), since));
        tokens > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_time_brings_room_again() {
        let start: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        let attempts = Attempts::default();
        let recorded = |seconds: i64, tries: usize| (0..tries).filter(|_| attempts.take(start.plus_seconds(seconds))).count();
        for (seconds, tries, expected) in [(0, 100, 30), (1, 10, 0), (2, 10, 1), (3, 10, 0), (4, 10, 1), (24, 100, 10), (10_000, 100, 30)] {
            assert_eq!(recorded(seconds, tries), expected, "after {seconds} s");
        }
    }
}
