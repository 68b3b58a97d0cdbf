//! `/sql/history`: the statements that somebody ran, as the log has them.

use askama::Template;

use crate::view::mark;
use crate::view::moment::Moment;
use crate::view::number::Count;
use crate::view::shell::Shell;
use crate::view::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "sql_history.html")]
pub struct SqlHistoryPage {
    /// The frame.
    pub shell: Shell,
    /// The newest statements first.
    pub statements: Vec<Past>,
    /// Why they cannot be shown.
    pub problem: Option<Untrusted>,
    /// Where earlier ones are.
    pub older: Option<String>,
}

/// One statement that was run.
#[derive(Clone, Debug)]
pub struct Past {
    /// Position of its record in the log.
    pub seq: u64,
    /// When.
    pub at: Moment,
    /// Its text.
    pub statement: Untrusted,
    /// `ok`, `refused` or `failed`.
    pub outcome: String,
    /// Why there was no answer.
    pub error: Option<Untrusted>,
    /// Rows of the answer.
    pub rows: Count,
    /// Milliseconds it took.
    pub took_ms: Count,
    /// Entries that it saw.
    pub snapshot: u64,
}

impl Past {
    /// The entry that was the newest one.
    fn newest(&self) -> u64 {
        self.snapshot.saturating_sub(1)
    }

    /// The tone of its outcome.
    fn tone(&self) -> &'static str {
        match self.outcome.as_str() {
            "ok" => "state-good",
            "refused" => "state-warn",
            _ => "state-bad",
        }
    }
}
