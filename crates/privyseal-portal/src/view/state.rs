//! The states that pages show, each as mark and word: of requests, of runs, of control tests.

use askama::Template;
use askama::filters::HtmlSafe;
use privyseal_core::finding::TestState;

use super::mark::{self, Svg};
use super::number::Count;

/// A mark and a word, with a tone that colour only repeats.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(source = r#"<span class="state state-{{ tone }}">{{ mark }}<span>{{ word }}</span></span>"#, ext = "html")]
pub struct State {
    mark: Svg,
    word: &'static str,
    tone: &'static str,
}

impl HtmlSafe for State {}

impl State {
    const fn new(mark: Svg, word: &'static str, tone: &'static str) -> Self {
        Self { mark, word, tone }
    }

    /// The word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.word
    }

    /// The tone: `good`, `bad`, `warn`, `quiet` or `open`.
    #[must_use]
    pub fn tone(&self) -> &'static str {
        self.tone
    }
}

/// Where a request stands, in the words of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum RequestState {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
    Failed,
}

impl RequestState {
    /// All of them, in the order in which filters list them.
    pub const ALL: [RequestState; 6] = [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Cancelled, Self::Failed];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Approved => "Approved",
            Self::Denied => "Denied",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
            Self::Failed => "Failed",
        }
    }
}

/// How a request came to where it stands. An approval says who approved; when nobody did, it must not look as if somebody had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It waits.
    Open,
    /// Distinct people filled every slot, or people denied it.
    People,
    /// Policy let it straight through.
    Automatic,
    /// Somebody took it by break-glass.
    Breakglass,
    /// A rule forbids it.
    Policy,
    /// Its time ran out.
    Time,
    /// The requester withdrew it.
    Requester,
    /// We failed.
    Failure,
}

/// Where a request stands, and how it came to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state on the wire.
    pub state: RequestState,
    /// How it came to that.
    pub how: How,
}

impl Standing {
    /// A request that waits.
    pub const PENDING: Standing = Standing { state: RequestState::Pending, how: How::Open };

    /// Mark and word. Only what people sealed carries the seal.
    #[must_use]
    pub fn show(self) -> State {
        let word = self.state.word();
        match (self.state, self.how) {
            (RequestState::Approved, How::Breakglass) => State::new(mark::WARNING, "Break-glass", "warn"),
            (RequestState::Approved, How::People) => State::new(mark::SEAL, word, "good"),
            (RequestState::Approved, _) => State::new(mark::CHECK, word, "good"),
            (RequestState::Pending, _) => State::new(mark::PENDING, word, "open"),
            (RequestState::Denied, _) => State::new(mark::DENIED, word, "bad"),
            (RequestState::Expired, _) => State::new(mark::CLOCK, word, "quiet"),
            (RequestState::Cancelled, _) => State::new(mark::DASH, word, "quiet"),
            (RequestState::Failed, _) => State::new(mark::WARNING, word, "bad"),
        }
    }

    /// How it came to that, in a few words; empty while it waits.
    #[must_use]
    pub fn how(self) -> &'static str {
        match self.how {
            How::Open => "",
            How::People => "by people",
            How::Automatic => "automatically, no person decided",
            How::Breakglass => "nobody approved it",
            How::Policy => "by policy, nobody was asked",
            How::Time => "nobody decided in time",
            How::Requester => "withdrawn by the requester",
            How::Failure => "Privyseal failed",
        }
    }
}

/// Where the run of an approved action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum RunState {
    Unused,
    Running,
    Done,
    Failed,
    Unknown,
}

impl RunState {
    /// Mark and word.
    #[must_use]
    pub fn show(self) -> State {
        match self {
            Self::Unused => State::new(mark::DASH, "Not run", "quiet"),
            Self::Running => State::new(mark::PENDING, "Running", "open"),
            Self::Done => State::new(mark::CHECK, "Done", "good"),
            Self::Failed => State::new(mark::DENIED, "Run failed", "bad"),
            Self::Unknown => State::new(mark::QUESTION, "Unknown", "warn"),
        }
    }
}

/// The state of a control test as mark and word.
#[must_use]
pub fn test(state: TestState) -> State {
    match state {
        TestState::Error => State::new(mark::ERROR, state.label(), "bad"),
        TestState::Exception => State::new(mark::WARNING, state.label(), "bad"),
        TestState::NoEvidence => State::new(mark::QUESTION, state.label(), "warn"),
        TestState::NoPopulation => State::new(mark::DASH, state.label(), "quiet"),
        TestState::Pass => State::new(mark::CHECK, state.label(), "good"),
    }
}

/// A control for which nothing ran, because these events cannot evidence it or because its tests are not written yet.
#[must_use]
pub fn untested() -> State {
    State::new(mark::NOTHING, "Not tested here", "quiet")
}

/// How many of something are in which of the five states, and how many are in none: a bar, and the same in words.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "part/states.html")]
pub struct States {
    /// What is counted, in the plural: `controls`, `assertions`.
    pub what: &'static str,
    /// Stretches of the bar, worst first, untested last.
    pub parts: Vec<StatesPart>,
    /// All together.
    pub total: Count,
}

impl HtmlSafe for States {}

/// One stretch of a bar of states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatesPart {
    /// Mark and word.
    pub state: State,
    /// How it is filled: `error`, `exception`, `no_evidence`, `no_population`, `pass`, `untested`.
    pub fill: &'static str,
    /// How many.
    pub count: Count,
    /// Where the stretch starts, per cent of the bar with one decimal.
    pub start: String,
    /// How long it is, per cent of the bar with one decimal.
    pub width: String,
}

impl States {
    /// A bar over counts of states; `untested` is drawn last.
    #[must_use]
    pub fn new(what: &'static str, counts: &[(TestState, u64)], untested_count: u64) -> Self {
        let of = |state: TestState| counts.iter().filter(|(counted, _)| *counted == state).map(|(_, count)| *count).sum::<u64>();
        let rows: Vec<(State, &'static str, u64)> = TestState::ALL
            .iter()
            .map(|state| (test(*state), state.as_str(), of(*state)))
            .chain([(untested(), "untested", untested_count)])
            .collect();
        let total: u64 = rows.iter().map(|(_, _, count)| count).sum();
        // Tenths of a per cent, by running totals, so that the stretches always add up to the whole bar.
        let tenths = |sum: u64| sum.saturating_mul(1_000).checked_div(total).unwrap_or(0);
        let percent = |tenths: u64| format!("{}.{}%", tenths / 10, tenths % 10);
        let mut seen = 0_u64;
        let parts = rows
            .into_iter()
            .map(|(state, fill, count)| {
                let start = tenths(seen);
                seen = seen.saturating_add(count);
                StatesPart { state, fill, count: Count(count), start: percent(start), width: percent(tenths(seen).saturating_sub(start)) }
            })
            .collect();
        Self { what, parts, total: Count(total) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seal_stands_only_where_people_sealed() {
        for state in RequestState::ALL {
            for how in [How::Open, How::People, How::Automatic, How::Breakglass, How::Policy, How::Time, How::Requester, How::Failure] {
                let sealed = Standing { state, how }.show().to_string().contains(&mark::SEAL.to_string());
                assert_eq!(sealed, state == RequestState::Approved && how == How::People, "{state:?} {how:?}");
            }
        }
    }

    #[test]
    fn the_bar_is_always_full() {
        for (counts, untested, widths) in [
            (&[(TestState::Pass, 2), (TestState::Exception, 1)][..], 0, ["0.0%", "33.3%", "0.0%", "0.0%", "66.7%", "0.0%"]),
            (&[(TestState::Error, 1)][..], 1, ["50.0%", "0.0%", "0.0%", "0.0%", "0.0%", "50.0%"]),
            (&[][..], 0, ["0.0%"; 6]),
        ] {
            let states = States::new("controls", counts, untested);
            assert_eq!(states.parts.iter().map(|part| part.width.as_str()).collect::<Vec<_>>(), widths);
        }
    }
}
