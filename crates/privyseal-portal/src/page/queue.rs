//! `/`: what waits.

mod group;

use axum::extract::State;
use axum::response::Response;
use privyseal_core::decide::may_review;
use privyseal_core::event::Text;
use privyseal_core::id::Role;
use privyseal_core::request::Request;
use privyseal_core::requirement::Candidate;
use privyseal_core::time::Timestamp;
use privyseal_engine::{Cursor, View};

use self::group::Groups;
use super::frame::{Visitor, live, page};
use super::{name, seal};
use crate::app::App;
use crate::body::{Asked, Fields};
use crate::fair;
use crate::local;
use crate::past;
use crate::problem::Problem;
use crate::sight::Sight;
use crate::view::environment::Environment;
use crate::view::moment::{Left, Moment};
use crate::view::number::Count;
use crate::view::queue::{Queue, QueueFilter, QueuePage, QueuePartial, QueueRow};
use crate::view::risk::Risk;
use crate::view::shell::Place;

/// Most requests on one page; the order is fair, so nobody's are crowded out by one requester.
const MAX_ROWS: usize = 500;

/// `GET /?show=&q=`. Auditors decide nothing; their way begins at the controls.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    if visitor.enters(&app, Place::Queue).is_err() && visitor.caller.holds(&app, &[Role::AUDITOR]) {
        return Ok(local::see_other("/controls"));
    }
    visitor.enters(&app, Place::Queue)?;
    let queue = queue(&app, &visitor, &asked).await?;
    let fragment = format!("/live/queue?show={}&q={}", queue.filter.as_str(), local::encode(queue.search.verbatim()));
    page(&QueuePage { shell: live(&app, visitor.shell(&app, Place::Queue)?, fragment), queue })
}

/// `GET /live/queue?show=&q=`
pub(crate) async fn fragment(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Queue)?;
    page(&QueuePartial { queue: queue(&app, &visitor, &asked).await? })
}

async fn queue(app: &App, visitor: &Visitor, asked: &Fields) -> Result<Queue, Problem> {
    let now = app.engine().now();
    let (caller, me) = (&visitor.caller, &visitor.caller.identity.principal);
    let filter = match asked.one("show") {
        "mine" => QueueFilter::Mine,
        "groups" => QueueFilter::Groups,
        _ => QueueFilter::All,
    };
    let search = asked.one("q").trim();
    let mut queue = app.engine().view(|state| {
        let sight = Sight::of(state, caller, now);
        let everybody = seal::everybody(state, now);
        let (counts, unlisted) = ([Count(0); 3], Count(0));
        let mut queue = Queue { filter, search: search.into(), counts, mine: Vec::new(), others: Vec::new(), unlisted, last: None };
        let [all, mine, groups] = &mut queue.counts;
        let (mut for_me, mut for_others) = (Groups::default(), Groups::default());
        let mut rows = 0;
        for (_, request) in fair::waiting(state, now, |request| sight.reaches(request)) {
            let candidate = may_review(state, request, me, now).ok().map(|eligible| eligible.candidate);
            let asks_me = sight.is_asked(request);
            all.0 += 1;
            mine.0 += u64::from(candidate.is_some());
            groups.0 += u64::from(asks_me);
            let listed = match filter {
                QueueFilter::All => true,
                QueueFilter::Mine => candidate.is_some(),
                QueueFilter::Groups => asks_me,
            };
            if listed && matches_search(state, request, search) {
                if rows == MAX_ROWS {
                    queue.unlisted.0 += 1;
                    continue;
                }
                rows += 1;
                let section = if candidate.is_some() { &mut for_me } else { &mut for_others };
                section.push(request, row(state, request, &everybody, candidate.as_ref(), me, now));
            }
        }
        (queue.mine, queue.others) = (for_me.done(), for_others.done());
        queue
    });
    if queue.counts.first().is_some_and(|all| all.0 == 0) {
        queue.last = last_decision(app, visitor, now).await?.map(|at| Moment::relative(at, now));
    }
    Ok(queue)
}

fn row(
    state: &View<'_>,
    request: &Request,
    everybody: &[Candidate],
    candidate: Option<&Candidate>,
    me: &privyseal_core::id::PrincipalId,
    now: Timestamp,
) -> QueueRow {
    let submitted = &request.submitted;
    let (barred, decided) = seal::barred(state, request, me, now);
    QueueRow {
        href: format!("/requests/{}", request.id),
        risk: Risk::new(submitted.assessment.risk),
        verb: submitted.action.verb.to_string(),
        resource: submitted.action.resource.name.to_string().into(),
        environment: Environment::new(submitted.environment.as_deref()),
        because: seal::because(request),
        asker: name::party(state, &submitted.requester.principal),
        owner: submitted.requester.owner.as_ref().map(|owner| name::party(state, owner)),
        asked: Moment::relative(request.submitted_at, now),
        left: Left::new(submitted.expires_at, now),
        seals: seal::seals(state, request, everybody, candidate, now),
        barred,
        decided,
    }
}

/// Whether a request contains what somebody searches for: verb, resource, names, reason, ticket; upper and lower case are one.
pub(super) fn matches_search(state: &View<'_>, request: &Request, search: &str) -> bool {
    if search.is_empty() {
        return true;
    }
    let search = search.to_lowercase();
    let submitted = &request.submitted;
    let clear = |text: &Text| state.words(text).clear().unwrap_or_default().to_owned();
    let name = |principal| state.principals.get(principal).map(|account| clear(&account.record.name)).unwrap_or_default();
    let (resource, id) = (submitted.action.resource.name.to_string(), request.id.to_string());
    let requester = &submitted.requester;
    let texts = [
        submitted.action.verb.as_str(),
        &resource,
        &id,
        requester.principal.as_str(),
        &name(&requester.principal),
        requester.owner.as_ref().map_or("", |owner| owner.as_str()),
        &requester.owner.as_ref().map(name).unwrap_or_default(),
        submitted.ticket.as_deref().unwrap_or_default(),
        &clear(&submitted.justification),
    ];
    texts.iter().any(|text| text.to_lowercase().contains(&search))
}

/// When anyone last decided anything that this person may look at, among the newest requests.
async fn last_decision(app: &App, visitor: &Visitor, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    const NEWEST: usize = 100;
    let seen = |state: &View<'_>, request: &Request| Some(Sight::of(state, &visitor.caller, now).reaches(request));
    let newest = past::look(app, Cursor::Newest, NEWEST, seen).await?.requests;
    Ok(newest.iter().filter_map(|request| name::ended_at(request)).max())
}
