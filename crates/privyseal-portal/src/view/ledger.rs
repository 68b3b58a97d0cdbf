//! `/ledger`: the log itself, and how to check it without us.

mod sample;

use askama::Template;

use super::mark;
use super::moment::Moment;
use super::number::{Bytes, Count, Hash};
use super::shell::Shell;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "ledger.html")]
pub struct LedgerPage {
    /// The frame.
    pub shell: Shell,
    /// Origin of the log.
    pub origin: String,
    /// Entries.
    pub size: Count,
    /// Root over them.
    pub root: Hash,
    /// When the last entry was written.
    pub last: Moment,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
    /// The verifier key of the log, verbatim.
    pub key: String,
    /// Outside witnesses that are asked; none when none are configured.
    pub witnesses: Vec<Witness>,
    /// Sealed segments, newest first.
    pub segments: Vec<Segment>,
    /// Entries that are not in a segment yet.
    pub unsealed: Count,
    /// How many events of which kind, most first.
    pub kinds: Vec<KindCount>,
    /// Commands that check it, with what each one does.
    pub commands: Vec<(&'static str, String)>,
}

/// One witness.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Its name in the policy.
    pub name: String,
    /// How many entries it cosigned last, and when.
    pub seen: Option<(Count, Moment)>,
    /// Why it did not cosign the newest head.
    pub problem: Option<String>,
}

/// One sealed segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// First entry inside.
    pub first: Count,
    /// Last entry inside.
    pub last: Count,
    /// Size of the file.
    pub size: Bytes,
    /// SHA-256 of the file.
    pub digest: Hash,
    /// Path below `ledger/`.
    pub path: String,
    /// When it was sealed.
    pub sealed: Moment,
}

/// How many events of a kind there are.
#[derive(Clone, Debug)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: Count,
    /// Its share of the most frequent kind, per cent.
    pub share: u8,
}

impl KindCount {
    /// Counts with the share of each of the largest.
    #[must_use]
    pub fn list(counts: &[(&str, u64)]) -> Vec<Self> {
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let share = |count: u64| count.saturating_mul(100).checked_div(most).and_then(|share| u8::try_from(share).ok()).unwrap_or(0);
        counts.iter().map(|(kind, count)| Self { kind: (*kind).to_owned(), count: Count(*count), share: share(*count).max(1) }).collect()
    }
}
