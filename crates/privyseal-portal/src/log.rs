//! Reading the log beside the writer: on threads that may wait for the disk, through a connection of its own that cannot write.

use privyseal_core::event::{Event, Kind};
use privyseal_ledger::log::{LogError, LogReader, StoredEntry, at_one_moment};
use privyseal_ledger::store::Store;

use axum::http::StatusCode;

use crate::app::App;
use crate::problem::Problem;

/// The log cannot be read.
pub(crate) fn unavailable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable", format!("the ledger cannot be read: {error}"))
}

/// Runs work that waits for the disk.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| unavailable(&error))?
}

/// Reads the log as it is at one moment.
pub(crate) async fn read<T: Send + 'static>(
    app: &App,
    look: impl FnOnce(&dyn LogReader) -> Result<T, LogError> + Send + 'static,
) -> Result<T, Problem> {
    let store = Store::of(app.engine().layout());
    blocking(move || store.reader().and_then(|log| at_one_moment(log.as_ref(), look)).map_err(|error| unavailable(&error))).await
}

/// The events of stored entries. What is not an event cannot have been written by this program and is passed over; `verify` names it.
pub(crate) fn events(entries: Vec<StoredEntry>) -> Vec<Event> {
    entries.iter().filter_map(|stored| Event::from_entry(&stored.entry).ok()).collect()
}

/// All events of one kind, oldest first.
pub(crate) async fn events_of(app: &App, kind: Kind) -> Result<Vec<Event>, Problem> {
    read(app, move |log| log.entries_of(kind).map(events)).await
}
