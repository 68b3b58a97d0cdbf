//! How the log began: its first entry, which says when that was and which key signs.

use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::time::Timestamp;

use crate::app::App;
use crate::log;
use crate::problem::Problem;

/// The first entry, as far as pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// When the log was opened.
    pub(crate) at: Timestamp,
    /// Its first verifier key, verbatim.
    pub(crate) key: String,
}

/// How the log began. Read once.
pub(crate) async fn beginning(app: &App) -> Result<Beginning, Problem> {
    if let Some(beginning) = app.0.beginning.get() {
        return Ok(beginning.clone());
    }
    let found = log::read(app, |log| {
        let first = log.entries_of(Kind::LedgerOpened)?.into_iter().next();
        Ok(first.and_then(|stored| Event::from_entry(&stored.entry).ok()))
    })
    .await?;
    let beginning = match found {
        Some(Event { time, body: Body::LedgerOpened(opened), .. }) => Beginning { at: time, key: opened.key },
        _ => return Err(log::unavailable(&"its first entry does not open it")),
    };
    Ok(app.0.beginning.get_or_init(|| beginning).clone())
}
