//! `/`: what waits, mine first.

mod sample;

use askama::Template;

use super::environment::Environment;
use super::mark;
use super::moment::{Left, Moment};
use super::number::Count;
use super::party::Party;
use super::risk::Risk;
use super::seal::Seals;
use super::shell::Shell;
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "queue.html")]
pub struct QueuePage {
    /// The frame.
    pub shell: Shell,
    /// What waits.
    pub queue: Queue,
}

/// What is fetched when the queue has changed.
#[derive(Clone, Debug, Template)]
#[template(path = "queue_partial.html")]
pub struct QueuePartial {
    /// What waits.
    pub queue: Queue,
}

/// Which requests are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFilter {
    /// Everything that waits.
    All,
    /// What this person can decide now.
    Mine,
    /// What any group of this person is asked for, whether or not this person may still decide it.
    Groups,
}

impl QueueFilter {
    const ALL: [QueueFilter; 3] = [QueueFilter::All, QueueFilter::Mine, QueueFilter::Groups];

    /// The value of the parameter `show`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            QueueFilter::All => "all",
            QueueFilter::Mine => "mine",
            QueueFilter::Groups => "groups",
        }
    }

    fn label(self) -> &'static str {
        match self {
            QueueFilter::All => "All",
            QueueFilter::Mine => "Mine to decide",
            QueueFilter::Groups => "My groups",
        }
    }
}

/// What waits, as one person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Which requests are listed.
    pub filter: QueueFilter,
    /// Words that listed requests contain; empty for no limit.
    pub search: Untrusted,
    /// How many requests wait under each filter: all, mine, groups.
    pub counts: [Count; 3],
    /// Requests that this person can decide now: everybody's most urgent first, then everybody's second.
    pub mine: Vec<QueueGroup>,
    /// Further requests, in the same order.
    pub others: Vec<QueueGroup>,
    /// How many requests are not listed because there are too many for one page.
    pub unlisted: Count,
    /// The last decision of anyone, for the empty page.
    pub last: Option<Moment>,
}

/// Requests that belong together: they came in one batch, or one agent asked the same again and again. Each is decided by itself; a line
/// that holds several only unfolds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueGroup {
    /// What they have in common: `batch nightly-7`, `db.change on postgres`; empty for one alone.
    pub title: Untrusted,
    /// At least one.
    pub rows: Vec<QueueRow>,
}

impl From<QueueRow> for QueueGroup {
    fn from(row: QueueRow) -> Self {
        Self { title: Untrusted::default(), rows: vec![row] }
    }
}

impl QueueGroup {
    /// Names the line on its page; the same as long as its first request waits.
    fn key(&self) -> &str {
        self.rows.first().map_or("", |row| row.href.rsplit('/').next().unwrap_or_default())
    }

    fn len(&self) -> Count {
        Count(u64::try_from(self.rows.len()).unwrap_or(u64::MAX))
    }

    /// The highest risk among them.
    fn risk(&self) -> Option<&Risk> {
        self.rows.iter().map(|row| &row.risk).max_by_key(|risk| risk.score)
    }
}

/// One request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Where it is shown whole.
    pub href: String,
    /// The risk.
    pub risk: Risk,
    /// The verb, from the action catalogue.
    pub verb: String,
    /// The resource, `type:id`.
    pub resource: Untrusted,
    /// The environment as derived.
    pub environment: Environment,
    /// Why it is risky: the `@because` of the rules with the most points, in one phrase.
    pub because: Untrusted,
    /// Who asks.
    pub asker: Party,
    /// Who answers for the asker, for agents.
    pub owner: Option<Party>,
    /// When it was asked.
    pub asked: Moment,
    /// How long it is open.
    pub left: Left,
    /// Who has sealed it and who must.
    pub seals: Seals,
    /// Why this person cannot decide it, in a few words; empty when they can or have.
    pub barred: &'static str,
    /// This person has decided it and others have not yet.
    pub decided: bool,
}

impl Queue {
    fn filters(&self) -> Vec<(QueueFilter, Count)> {
        QueueFilter::ALL.into_iter().zip(self.counts).collect()
    }

    fn requests(groups: &[QueueGroup]) -> usize {
        groups.iter().map(|group| group.rows.len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.mine.is_empty() && self.others.is_empty()
    }
}
