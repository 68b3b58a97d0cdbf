//! `/history`: every request there ever was.

mod sample;

use askama::Template;

use super::mark;
use super::moment::Moment;
use super::number::Count;
use super::party::Party;
use super::risk::Risk;
use super::shell::Shell;
use super::state::{RequestState, RunState, Standing};
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "history.html")]
pub struct HistoryPage {
    /// The frame.
    pub shell: Shell,
    /// What was asked for.
    pub filter: HistoryFilter,
    /// One page of requests, newest first.
    pub rows: Vec<HistoryRow>,
    /// How many requests match in all; `None` when that is not known without looking at all of them.
    pub total: Option<Count>,
    /// The page before, with newer requests.
    pub newer: Option<String>,
    /// The page after, with older requests.
    pub older: Option<String>,
    /// The same question in the SQL console; `None` for those who may not use it.
    pub sql: Option<String>,
}

/// What is asked of the history. Texts are what the person typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// One state.
    pub state: Option<RequestState>,
    /// Words that verb, resource, names or justification contain.
    pub search: Untrusted,
    /// First day, `YYYY-MM-DD`; empty for no limit.
    pub from: Untrusted,
    /// First day after, `YYYY-MM-DD`; empty for no limit.
    pub to: Untrusted,
    /// Only requests that this person asked, owns or reviewed.
    pub mine: bool,
    /// What is wrong with the filter; then no rows are shown.
    pub problem: Option<String>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// Where it is shown whole.
    pub href: String,
    /// The last characters of its id.
    pub short: String,
    /// When it was asked; the column says UTC.
    pub asked: Moment,
    /// The verb.
    pub verb: String,
    /// The resource.
    pub resource: Untrusted,
    /// Who asked.
    pub asker: Party,
    /// The risk.
    pub risk: Risk,
    /// Where it stands.
    pub standing: Standing,
    /// Who sealed or denied it.
    pub people: Vec<Party>,
    /// Where its run stands, once approved.
    pub run: Option<RunState>,
}

impl HistoryFilter {
    fn is_empty(&self) -> bool {
        *self == HistoryFilter::default()
    }
}
