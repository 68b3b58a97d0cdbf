//! Requests of any age: what is in the state at once, what has left it from the log, on threads that may wait for the disk.

use std::sync::Arc;

use privyseal_core::command::Named;
use privyseal_core::id::RequestId;
use privyseal_core::request::Request;
use privyseal_engine::{Cursor, View};

use crate::app::App;
use crate::auth::Caller;
use crate::log::blocking;
use crate::problem::Problem;
use crate::sight::Sight;

/// Most requests that one page of a list looks at. A filter that few pass gives a short page and goes on from where it stopped.
const LOOK: usize = 1_000;
/// How many are read at a time.
const CHUNK: usize = 100;

/// The request that is named, if there ever was one.
pub(crate) async fn known(app: &App, named: Named) -> Result<Option<Arc<Request>>, Problem> {
    if let Some(request) = app.engine().known(named) {
        return Ok(Some(request));
    }
    let engine = app.engine().clone();
    blocking(move || Ok(engine.request(named)?)).await
}

/// A request that this caller may look at; one that they may not is not there.
pub(crate) async fn visible(app: &App, caller: &Caller, id: RequestId) -> Result<Arc<Request>, Problem> {
    let now = app.engine().now();
    let found = known(app, Named::Request(id)).await?;
    let reached = |request: &Arc<Request>| app.engine().read(|state| Sight::of(state, caller, now).reaches(request));
    found.filter(reached).ok_or_else(|| Problem::not_found("request"))
}

/// What a look through the requests found.
pub(crate) struct Found {
    /// What was accepted, in the order of the look.
    pub(crate) requests: Vec<Arc<Request>>,
    /// Where to go on; `None` when there are no more.
    pub(crate) rest: Option<RequestId>,
}

/// Looks through requests from a cursor on until `most` were accepted, there are no more, or [`LOOK`] were looked at. `accept` says
/// `None` when nothing from there on can be wanted.
pub(crate) async fn look(
    app: &App,
    mut cursor: Cursor,
    most: usize,
    accept: impl Fn(&View<'_>, &Request) -> Option<bool> + Send,
) -> Result<Found, Problem> {
    let (mut requests, mut looked) = (Vec::new(), 0);
    loop {
        let engine = app.engine().clone();
        let chunk = blocking(move || Ok(engine.requests(cursor, CHUNK)?)).await?;
        let is_last = chunk.len() < CHUNK;
        looked += chunk.len();
        for request in chunk {
            let rest = Some(request.id);
            match app.engine().view(|state| accept(state, &request)) {
                None => return Ok(Found { requests, rest: None }),
                Some(true) if requests.len() == most => {
                    // There is one more: go on after the last one that is shown.
                    let rest = requests.last().map(|request: &Arc<Request>| request.id);
                    return Ok(Found { requests, rest });
                }
                Some(true) => requests.push(request),
                Some(false) => {}
            }
            cursor = match (cursor, rest) {
                (_, None) => cursor,
                (Cursor::After(_), Some(id)) => Cursor::After(id),
                (_, Some(id)) => Cursor::Before(id),
            };
        }
        let place = match cursor {
            Cursor::Before(id) | Cursor::After(id) => Some(id),
            Cursor::Newest | Cursor::Until(_) => None,
        };
        if is_last || looked >= LOOK {
            return Ok(Found { requests, rest: place.filter(|_| !is_last) });
        }
    }
}
