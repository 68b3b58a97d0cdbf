//! `/history`: every request there ever was, as far as its reader may look at them.

use axum::extract::State;
use axum::response::Response;
use privyseal_core::id::{PrincipalId, RequestId};
use privyseal_core::request::Request;
use privyseal_core::time::Timestamp;
use privyseal_engine::{Cursor, View};

use super::frame::{Visitor, page};
use super::name;
use super::queue::matches_search;
use crate::app::App;
use crate::body::{Asked, Fields};
use crate::local;
use crate::past;
use crate::problem::Problem;
use crate::sight::Sight;
use crate::view::history::{HistoryFilter, HistoryPage, HistoryRow};
use crate::view::number::Count;
use crate::view::party::Party;
use crate::view::risk::Risk;
use crate::view::shell::Place;
use crate::view::state::RequestState;

/// Requests on one page.
const PAGE: usize = 50;

/// `GET /history?q=&state=&from=&to=&mine=&before=&after=`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::History)?;
    let shell = visitor.shell(&app, Place::History)?;
    let wanted = Wanted::of(&asked);
    let sql = visitor.enters(&app, Place::Sql).is_ok().then(|| format!("/sql?q={}", local::encode(&wanted.sql())));
    let found = if wanted.filter.problem.is_none() { find(&app, &visitor, &wanted).await? } else { Found::default() };
    page(&HistoryPage {
        shell,
        newer: found.newer.map(|id| wanted.href("after", id)),
        older: found.older.map(|id| wanted.href("before", id)),
        filter: wanted.filter,
        rows: found.rows,
        total: found.total.map(Count),
        sql,
    })
}

/// What is asked of the history, understood.
struct Wanted {
    filter: HistoryFilter,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    place: Spot,
}

/// Which page of what was found.
#[derive(Clone, Copy)]
enum Spot {
    /// The newest.
    First,
    /// What is older than this.
    Before(RequestId),
    /// What is newer than this.
    After(RequestId),
}

impl Wanted {
    fn of(asked: &Fields) -> Self {
        let mut problem = None;
        let state = match asked.one("state") {
            "" => None,
            word => {
                let found = RequestState::ALL.into_iter().find(|state| state.as_str() == word);
                if found.is_none() {
                    problem = Some("There is no such state. Choose one of the list.".to_owned());
                }
                found
            }
        };
        let (from, to) = (day(asked.one("from"), &mut problem), day(asked.one("to"), &mut problem));
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            problem =
                Some("The last day must be later than the first: the second field names the first day that is not included.".to_owned());
        }
        let cursor = |name: &str| asked.given(name).and_then(|id| id.parse().ok());
        let place = match (cursor("before"), cursor("after")) {
            (Some(id), _) => Spot::Before(id),
            (None, Some(id)) => Spot::After(id),
            (None, None) => Spot::First,
        };
        let filter = HistoryFilter {
            state,
            search: asked.one("q").trim().into(),
            from: asked.one("from").trim().into(),
            to: asked.one("to").trim().into(),
            mine: asked.one("mine") == "1",
            problem,
        };
        Self { filter, from, to, place }
    }

    /// The same question from another place on.
    fn href(&self, place: &str, id: RequestId) -> String {
        let filter = &self.filter;
        let fields = [
            ("q", filter.search.verbatim()),
            ("state", filter.state.map_or("", RequestState::as_str)),
            ("from", filter.from.verbatim()),
            ("to", filter.to.verbatim()),
            ("mine", if filter.mine { "1" } else { "" }),
        ];
        let given = fields.iter().filter(|(_, text)| !text.is_empty());
        let query: String = given.map(|(name, text)| format!("{name}={}&", local::encode(text))).collect();
        format!("/history?{query}{place}={id}")
    }

    /// The same question for the SQL console, as far as it is one of states and days; what was typed into the search is not part of it.
    fn sql(&self) -> String {
        let mut conditions: Vec<String> = Vec::new();
        conditions.extend(self.filter.state.map(|state| format!("state = '{}'", state.as_str())));
        conditions.extend(self.from.map(|from| format!("requested_at >= '{from}'")));
        conditions.extend(self.to.map(|to| format!("requested_at < '{to}'")));
        let filter = if conditions.is_empty() { String::new() } else { format!("WHERE {}\n", conditions.join(" AND ")) };
        format!("SELECT * FROM requests\n{filter}ORDER BY requested_at DESC\nLIMIT 100")
    }

    fn accepts(&self, state: &View<'_>, sight: &Sight<'_>, request: &Request, me: &PrincipalId, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= request.submitted_at)
            && self.to.is_none_or(|to| request.submitted_at < to)
            && sight.reaches(request)
            && self.filter.state.is_none_or(|wanted| name::standing(request, now).state == wanted)
            && (!self.filter.mine || sight.is_own(request) || is_reviewed_by(state, request, me))
            && matches_search(state, request, self.filter.search.verbatim())
    }
}

/// The first moment of a day, as it is typed.
fn day(text: &str, problem: &mut Option<String>) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    // The core's reader takes a moment too; here a day is a day.
    let parsed = (text.len() == 10).then(|| Timestamp::parse_lenient(text).ok()).flatten();
    if parsed.is_none() {
        *problem = Some("A day is written YYYY-MM-DD, like 2026-07-01.".to_owned());
    }
    parsed
}

fn is_reviewed_by(state: &View<'_>, request: &Request, me: &PrincipalId) -> bool {
    state.person_of(me).is_some_and(|person| request.reviewed_by(&person))
}

/// One page of what was found.
#[derive(Default)]
struct Found {
    rows: Vec<HistoryRow>,
    total: Option<u64>,
    newer: Option<RequestId>,
    older: Option<RequestId>,
}

async fn find(app: &App, visitor: &Visitor, wanted: &Wanted) -> Result<Found, Problem> {
    let now = app.engine().now();
    let me = &visitor.caller.identity.principal;
    let newer_wanted = matches!(wanted.place, Spot::After(_));
    let accept = |state: &View<'_>, request: &Request| {
        // In the order of asking: what follows an end of the period is outside of it too.
        let beyond = if newer_wanted {
            wanted.to.is_some_and(|to| to <= request.submitted_at)
        } else {
            wanted.from.is_some_and(|from| request.submitted_at < from)
        };
        (!beyond).then(|| wanted.accepts(state, &Sight::of(state, &visitor.caller, now), request, me, now))
    };
    let cursor = match (wanted.place, wanted.to) {
        (Spot::Before(id), _) => Cursor::Before(id),
        (Spot::After(id), _) => Cursor::After(id),
        (Spot::First, Some(to)) => Cursor::Until(to),
        (Spot::First, None) => Cursor::Newest,
    };
    // A first page counts what matches, as far as one look goes.
    let filtered = wanted.filter != HistoryFilter::default();
    let counts = matches!(wanted.place, Spot::First) && filtered;
    let mut found = past::look(app, cursor, if counts { usize::MAX } else { PAGE }, accept).await?;
    let matches = found.requests.len();
    let all = (counts && found.rest.is_none()).then(|| u64::try_from(matches).unwrap_or(u64::MAX));
    found.requests.truncate(PAGE);
    let cut = if matches > PAGE { found.requests.last().map(|request| request.id) } else { found.rest };
    if newer_wanted {
        found.requests.reverse();
    }
    let (first, last) = (found.requests.first().map(|request| request.id), found.requests.last().map(|request| request.id));
    let (newer, older) = match wanted.place {
        Spot::First => (None, cut),
        Spot::Before(id) => (Some(first.unwrap_or(id)), cut),
        Spot::After(id) => (cut, Some(last.unwrap_or(id))),
    };
    Ok(app.engine().view(|state| {
        let everything = !filtered && Sight::of(state, &visitor.caller, now).is_unlimited();
        Found {
            rows: found.requests.iter().map(|request| row(state, request, now)).collect(),
            // Whoever may look at all of them is told how many there are, whichever page it is.
            total: all.or_else(|| everything.then(|| state.history.values().map(|history| history.total).sum())),
            newer,
            older,
        }
    }))
}

fn row(state: &View<'_>, request: &Request, now: Timestamp) -> HistoryRow {
    let submitted = &request.submitted;
    HistoryRow {
        href: format!("/requests/{}", request.id),
        short: request.id.short(),
        asked: crate::view::moment::Moment::column(request.submitted_at),
        verb: submitted.action.verb.to_string(),
        resource: submitted.action.resource.name.to_string().into(),
        asker: name::party(state, &submitted.requester.principal),
        risk: Risk::new(submitted.assessment.risk),
        standing: name::standing(request, now),
        people: people(state, request),
        run: name::run_state(request),
    }
}

/// Those whose verdicts made the end: who sealed it, or who denied it.
fn people(state: &View<'_>, request: &Request) -> Vec<Party> {
    use privyseal_core::event::request::{Mechanism, Verdict};
    use privyseal_core::request::Phase;
    match &request.phase {
        Phase::Approved { slots, .. } => slots.iter().map(|filled| name::party(state, &filled.principal)).collect(),
        Phase::Denied { mechanism: Mechanism::Review, .. } => {
            let denials = request.reviews.iter().filter(|review| review.body.verdict == Verdict::Deny);
            denials.map(|review| name::party(state, &review.body.reviewer.principal)).collect()
        }
        _ => Vec::new(),
    }
}
