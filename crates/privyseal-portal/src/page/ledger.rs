//! `/ledger`: the log itself, and how to check it without us.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::note::{Checkpoint, Note};
use privyseal_core::time::Timestamp;
use privyseal_engine::Witnessed;
use privyseal_ledger::log::Head;
use privyseal_ledger::recorded::Recorded;

use super::frame::{Visitor, page};
use super::request::verify_command;
use crate::app::App;
use crate::beginning::beginning;
use crate::log;
use crate::problem::Problem;
use crate::view::ledger::{KindCount, LedgerPage, Segment, Witness};
use crate::view::moment::Moment;
use crate::view::number::{Bytes, Count, Hash};
use crate::view::shell::Place;

/// What the page shows of the log, as it was at one moment.
struct Known {
    head: Head,
    segments: Vec<Event>,
    counts: Vec<(String, u64)>,
}

/// `GET /ledger`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Ledger)?;
    let known = log::read(&app, |log| {
        let Some(head) = log.head()? else { return Ok(None) };
        Ok(Some(Known { head, segments: standing(log::events(log.entries_of(Kind::SegmentSealed)?)), counts: log.counts()? }))
    })
    .await?;
    let Known { head, segments, counts } = known.ok_or_else(|| log::unavailable(&"it is empty"))?;
    let key = beginning(&app).await?.key;
    let mut segments: Vec<Segment> = segments.into_iter().filter_map(segment).collect();
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.first));
    let size = head.edge.size();
    let sealed = segments.first().map_or(0, |newest| newest.last.0.saturating_add(1));
    let counts: Vec<(&str, u64)> = counts.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    page(&LedgerPage {
        shell: visitor.shell(&app, Place::Ledger)?,
        origin: origin(&head.checkpoint),
        size: Count(size),
        root: Hash::new(&head.edge.root()),
        last: Moment::exact(head.time),
        checkpoint: head.checkpoint,
        witnesses: app.engine().witnessed().map(witnesses).unwrap_or_default(),
        segments,
        unsealed: Count(size.saturating_sub(sealed)),
        kinds: KindCount::list(&counts),
        commands: commands(&app, &key),
        key,
    })
}

fn witnesses(witnessed: Witnessed) -> Vec<Witness> {
    let Witnessed { seen, problems, .. } = witnessed;
    let problem = |name: &str| problems.iter().find(|(witness, _)| witness == name).map(|(_, problem)| problem.clone());
    let moment = |time_s: u64| Moment::minute(Timestamp::default().plus_seconds(i64::try_from(time_s).unwrap_or(0)));
    let witness = |(name, seen): (String, Option<(u64, u64)>)| Witness {
        problem: problem(&name),
        seen: seen.map(|(size, time_s)| (Count(size), moment(time_s))),
        name,
    };
    seen.into_iter().map(witness).collect()
}

fn origin(checkpoint: &str) -> String {
    let head = Note::parse(checkpoint).and_then(|note| Checkpoint::from_text(&note.text));
    head.map(|head| head.origin).unwrap_or_default()
}

/// The records of the segments that hold the sealed prefix now. One that does not line up is passed over; `verify` names it.
fn standing(records: Vec<Event>) -> Vec<Event> {
    let mut recorded = Recorded::default();
    for event in &records {
        if let Body::SegmentSealed(segment) = &event.body {
            let _passed_over = recorded.add(segment.clone(), event.seq, event.time);
        }
    }
    let paths: BTreeSet<&str> = recorded.standing().iter().map(|segment| segment.path.as_str()).collect();
    let stands = |event: &Event| matches!(&event.body, Body::SegmentSealed(segment) if paths.contains(segment.path.as_str()));
    records.into_iter().filter(stands).collect()
}

fn segment(event: Event) -> Option<Segment> {
    let Body::SegmentSealed(sealed) = event.body else { return None };
    Some(Segment {
        first: Count(sealed.first),
        last: Count(sealed.last),
        size: Bytes(sealed.bytes),
        digest: Hash::new(&sealed.sha256),
        path: sealed.path,
        sealed: Moment::minute(event.time),
    })
}

fn commands(app: &App, key: &str) -> Vec<(&'static str, String)> {
    vec![
        ("The whole log, on the machine that keeps it:", verify_command(app, key)),
        ("A pack, on any machine, without network:", format!("privyseal verify pack.zip --trusted-key '{key}'")),
        ("The checkpoint, from anywhere:", format!("curl {}", app.url("/checkpoint"))),
    ]
}
