//! The clocks: the one real one, and the one that demonstrations and tests move by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use privyseal_core::port::{Clock, ClockJump};
use privyseal_core::time::Timestamp;

/// Smaller steps of the machine's clock are the work of whatever keeps it right, and are not told.
const TOLD_FROM: Duration = Duration::from_secs(5);

/// The machine's clock, held against time that only goes forward.
///
/// When the machine's clock is set back, this one goes on from where it was at the pace of real time, so that nothing lives longer for
/// it; when it is set forward, this one follows, because nobody here can know which of the two was right. Either is told once.
#[derive(Debug)]
pub struct SystemClock(Mutex<Pace>);

#[derive(Debug)]
struct Pace {
    /// What the machine's clock and this one showed at `since`.
    wall: i64,
    shown: i64,
    since: Instant,
    jump: Option<ClockJump>,
}

impl Default for SystemClock {
    fn default() -> Self {
        let wall = wall();
        Self(Mutex::new(Pace { wall, shown: wall, since: instant(), jump: None }))
    }
}

impl SystemClock {
    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        // It holds numbers only: whoever panicked left them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.pace().at(wall(), instant()))
    }

    fn not_before(&self, moment: Timestamp) {
        let mut pace = self.pace();
        let (wall, now) = (wall(), instant());
        let shown = pace.at(wall, now);
        if moment.micros() > shown {
            let behind = moment.micros() - shown;
            *pace = Pace { wall, shown: moment.micros(), since: now, jump: pace.jump };
            if behind >= micros(TOLD_FROM) {
                pace.jump = Some(ClockJump { by_us: -behind, at: moment });
            }
        }
    }

    fn take_jump(&self) -> Option<ClockJump> {
        self.pace().jump.take()
    }
}

impl Pace {
    /// What this clock shows when the machine's shows `wall`.
    fn at(&mut self, wall: i64, now: Instant) -> i64 {
        let passed = micros(now.saturating_duration_since(self.since));
        let (expected, steady) = (self.wall.saturating_add(passed), self.shown.saturating_add(passed));
        let drift = wall.saturating_sub(expected);
        if drift.abs() >= micros(TOLD_FROM) {
            self.jump = Some(ClockJump { by_us: drift, at: Timestamp::from_micros(steady) });
        }
        let shown = wall.max(steady);
        // A clock that leads the machine's is caught up with by waiting; small corrections of the machine's clock are followed.
        let shown = if drift.abs() < micros(TOLD_FROM) && self.shown == self.wall { wall.max(self.shown) } else { shown };
        *self = Pace { wall, shown, since: now, jump: self.jump };
        shown
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to take their time from")]
fn wall() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    micros(since)
}

fn instant() -> Instant {
    Instant::now()
}

/// A clock that stands still until it is moved. It never goes back.
#[derive(Debug, Default)]
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.micros()))
    }

    /// Moves it to `moment`, unless it is past that.
    pub fn advance_to(&self, moment: Timestamp) {
        self.0.fetch_max(moment.micros(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// A clock and the machine under it, both at 1,000 seconds.
    fn pace() -> (Pace, Instant) {
        let start = instant();
        (Pace { wall: 1_000 * SECOND, shown: 1_000 * SECOND, since: start, jump: None }, start)
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn it_follows_the_machine_while_that_is_right() {
        let (mut pace, start) = pace();
        assert_eq!(pace.at(1_010 * SECOND, after(start, 10)), 1_010 * SECOND);
        // Corrections of a second, both ways; it stands still rather than going back.
        assert_eq!(pace.at(1_021 * SECOND, after(start, 20)), 1_021 * SECOND);
        assert_eq!(pace.at(1_030 * SECOND, after(start, 30)), 1_030 * SECOND);
        assert_eq!(pace.at(1_029 * SECOND, after(start, 30)), 1_030 * SECOND);
        assert_eq!(pace.jump, None);
    }

    #[test]
    fn set_back_an_hour_it_goes_on_at_the_pace_of_real_time() {
        let (mut pace, start) = pace();
        let (wall, hour) = (1_000 * SECOND, 3_600 * SECOND);
        assert_eq!(pace.at(wall + 10 * SECOND - hour, after(start, 10)), wall + 10 * SECOND);
        assert_eq!(pace.jump.take(), Some(ClockJump { by_us: -hour, at: Timestamp::from_micros(wall + 10 * SECOND) }));
        assert_eq!(pace.at(wall + 70 * SECOND - hour, after(start, 70)), wall + 70 * SECOND, "a grant ends when it should");
        assert_eq!(pace.jump, None, "it is told once");
        // Set right again: told again, and nothing is lost or gained.
        assert_eq!(pace.at(wall + 80 * SECOND, after(start, 80)), wall + 80 * SECOND);
        assert_eq!(pace.jump.take().map(|jump| jump.by_us), Some(hour));
    }

    #[test]
    fn set_forward_an_hour_it_follows_and_never_goes_back() {
        let (mut pace, start) = pace();
        let (wall, hour) = (1_000 * SECOND, 3_600 * SECOND);
        assert_eq!(pace.at(wall + 10 * SECOND + hour, after(start, 10)), wall + 10 * SECOND + hour);
        assert_eq!(pace.jump.take().map(|jump| jump.by_us), Some(hour));
        assert_eq!(pace.at(wall + 20 * SECOND, after(start, 20)), wall + 20 * SECOND + hour);
        assert_eq!(pace.jump.take().map(|jump| jump.by_us), Some(-hour));
    }

    #[test]
    fn a_log_that_is_ahead_of_the_machine_does_not_stop_time() {
        let clock = SystemClock::default();
        let ahead = clock.now().plus_seconds(3_600);
        clock.not_before(ahead);
        let jump = clock.take_jump().unwrap();
        assert!((-3_600 * SECOND..=-3_599 * SECOND).contains(&jump.by_us), "{jump:?}");
        let first = clock.now();
        assert!(ahead <= first);
        while clock.now() == first {
            std::hint::spin_loop();
        }
        assert_eq!(clock.take_jump(), None);
    }
}
