//! `/live/events`: tells pages that something changed, and never what. What it is they fetch, as whoever they are.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use privyseal_core::event::Channel;
use tokio::time::Instant;

use super::frame::Visitor;
use crate::app::App;
use crate::auth::Caller;
use crate::body::Asked;
use crate::problem::Problem;

/// Shortest time between two events to one page: a burst of commits is one change to an eye.
const PAUSE: Duration = Duration::from_millis(400);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a page has seen: entries of the log, changes of packs.
type Seen = (u64, u64);

fn parse(text: &str) -> Option<Seen> {
    let (head, packs) = text.split_once('.')?;
    Some((head.parse().ok()?, packs.parse().ok()?))
}

/// `GET /live/events?seen=`: `changed` whenever the log or a pack has moved on. Ends when the session does.
pub(crate) async fn events(
    State(app): State<App>,
    visitor: Visitor,
    Asked(asked): Asked,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let (mut head, mut packs) = (app.engine().head(), app.0.shelf.changes());
    // What happened between the writing of the page and now is told at once.
    let seen = parse(asked.one("seen")).unwrap_or_else(|| (*head.borrow(), *packs.borrow()));
    head.mark_unchanged();
    packs.mark_unchanged();
    let start = (app, visitor.caller, head, packs, seen, Instant::now());
    let stream = stream::unfold(start, |(app, caller, mut head, mut packs, mut seen, next)| async move {
        loop {
            if !is_signed_in(&app, &caller) {
                return None;
            }
            let moved = (*head.borrow(), *packs.borrow()) != seen;
            if moved {
                tokio::time::sleep_until(next).await;
                seen = (*head.borrow_and_update(), *packs.borrow_and_update());
                let event = Event::default().event("changed").data(format!("{}.{}", seen.0, seen.1));
                return Some((Ok(event), (app, caller, head, packs, seen, Instant::now() + PAUSE)));
            }
            let moved = tokio::select! {
                moved = head.changed() => moved,
                moved = packs.changed() => moved,
            };
            moved.ok()?;
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn is_signed_in(app: &App, caller: &Caller) -> bool {
    caller.token.as_ref().is_some_and(|token| app.engine().by_session(token, Channel::Portal).is_some())
}
