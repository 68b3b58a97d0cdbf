//! Re-performing: every recorded decision is decided again, on the state before it, and compared with what the log says.
//!
//! The rules are those of [`crate::decide`] and nowhere else: an entry is turned back into the command that it answers
//! (`cause`), `decide` is asked again, and its drafts must be what is recorded, member by member (`compare`). So a rule that is added
//! there is re-performed here without a second version of it. What decide cannot know (what policy says, what hides behind a
//! commitment) is handed in. Nothing here reads, writes or keeps the time.

mod cause;
mod compare;

use std::collections::VecDeque;

use crate::command::Assessed;
use crate::decide::{Fresh, decide, filled_slots};
use crate::event::request::Mechanism;
use crate::event::{Body, Draft, Event, Text};
use crate::id::RequestId;
use crate::state::State;

use cause::Cause;
use compare::Names;

/// Something recorded that does not follow from what was recorded before it, or something that should have followed and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Position of the entry; of the one before the gap when an entry is missing.
    pub seq: u64,
    /// The request concerned.
    pub request: Option<RequestId>,
    /// The kind and the member, for example `request.submitted: body.assessment.risk`.
    pub what: String,
    /// What stands in the log.
    pub recorded: String,
    /// What follows.
    pub follows: String,
}

/// How far an entry was re-performed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It records no decision.
    NoDecision,
    /// Whole.
    Reperformed,
    /// Not, or not whole, and why; what could be checked was.
    NotReperformed(String),
}

/// What came of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// How far it was re-performed.
    pub judged: Judged,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// What policy says now about a submission, asked as it was asked then.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    /// What policy and catalogue say.
    pub assessed: Assessed,
    /// Characters that deceive the eye, found again; `None` when part of what was shown is hidden for good.
    pub deceptive: Option<Vec<String>>,
    /// Parameters of the action that a reviewer may make smaller or fewer, from the action catalogue.
    pub narrowable: Vec<String>,
}

/// What the log does not hold of an entry.
pub struct Outside<'a> {
    /// Of a submission, and of the withdrawal that a reviewer's narrower submission follows: what policy says now about that submission,
    /// or why that cannot be had. Of other entries it is not looked at.
    pub again: Option<Result<Again, String>>,
    /// The text behind a commitment, while it exists.
    pub open: &'a dyn Fn(&Text) -> Option<String>,
}

impl Outside<'_> {
    fn text(&self, text: &Text) -> Option<String> {
        text.clear().map(str::to_owned).or_else(|| (self.open)(text))
    }
}

/// Follows a log entry by entry, from its first to its last.
#[derive(Default)]
pub struct Reperformer {
    /// What must come next, because it was decided together with the entry before.
    expected: VecDeque<Draft>,
    /// Ids that a decision draws at random: those of the entries in the place of those drawn here.
    names: Names,
    /// The request whose next consequences cannot be told, and why: what they follow from could not be re-performed.
    excused: Option<(RequestId, String)>,
    last_seq: u64,
}

impl Reperformer {
    /// Judges an entry. `state` is the state before it, with the request that it names even when that has settled long ago;
    /// `following` are the entries after it, as many as there are up to three: what one decision put there tells what was commanded.
    pub fn look(&mut self, state: &State, event: &Event, following: &[&Event], outside: &Outside<'_>) -> Looked {
        let mut differences = Vec::new();
        overdue(state, event, &mut differences);
        let judged = self.judge(state, event, following, outside, &mut differences);
        self.last_seq = event.seq;
        Looked { judged, differences }
    }

    /// What is still missing when the log has ended.
    pub fn end(&mut self) -> Vec<Difference> {
        let mut differences = Vec::new();
        self.give_up_expected(&mut differences);
        differences
    }

    fn judge(
        &mut self,
        state: &State,
        event: &Event,
        following: &[&Event],
        outside: &Outside<'_>,
        differences: &mut Vec<Difference>,
    ) -> Judged {
        if let Some(mut draft) = self.expected.pop_front() {
            self.names.put(&mut draft, event);
            if draft.body.kind() == event.kind() && draft.request_id == event.request_id {
                differences.extend(compare::compare(state, draft, event));
                return Judged::Reperformed;
            }
            self.expected.push_front(draft);
            self.give_up_expected(differences);
        }
        if self.excused.as_ref().is_some_and(|(request, _)| event.request_id != Some(*request)) {
            self.excused = None;
        }
        match cause::of(state, event, following, outside) {
            Cause::Command(command) => {
                self.redo(state, event, &command, differences);
                Judged::Reperformed
            }
            Cause::Partly(command, why) => {
                self.redo(state, event, &command, differences);
                Judged::NotReperformed(why)
            }
            Cause::Unknown(why, found) => {
                differences.extend(found.map(|(recorded, follows)| whole(event, recorded, follows)));
                self.excused = event.request_id.map(|request| (request, why.clone()));
                Judged::NotReperformed(why)
            }
            Cause::Consequence => match &self.excused {
                Some((_, why)) => {
                    let why = why.clone();
                    differences.extend(excused_but_wrong(state, event));
                    Judged::NotReperformed(why)
                }
                None => {
                    differences.push(whole(event, event.kind().name().to_owned(), why_not(state, event)));
                    Judged::Reperformed
                }
            },
            Cause::NoDecision => Judged::NoDecision,
        }
    }

    /// Decides a command again and compares the first draft; the others are expected next.
    fn redo(&mut self, state: &State, event: &Event, command: &crate::command::Command, differences: &mut Vec<Difference>) {
        self.names = Names::default();
        self.excused = None;
        let decision = decide(state, command, &event.actor, event.time, &mut Fresh::new(event.time, [0; 32]));
        let mut drafts = VecDeque::from(decision.drafts);
        let first = drafts.pop_front().filter(|draft| draft.body.kind() == event.kind());
        let Some(mut draft) = first else {
            let follows = match decision.result {
                Err(refusal) => format!("refused as {}: {}", refusal.code, refusal.reason),
                Ok(_) => "nothing of the kind".to_owned(),
            };
            differences.push(whole(event, "carried out".to_owned(), follows));
            // What was decided with it cannot follow either, and is said so when it comes.
            return;
        };
        self.names.put(&mut draft, event);
        differences.extend(compare::compare(state, draft, event));
        self.expected = drafts;
    }

    fn give_up_expected(&mut self, differences: &mut Vec<Difference>) {
        for draft in self.expected.drain(..) {
            differences.push(Difference {
                seq: self.last_seq,
                request: draft.request_id,
                what: draft.body.kind().name().to_owned(),
                recorded: "nothing".to_owned(),
                follows: format!("{} in the same commit as entry {}", draft.body.kind().name(), self.last_seq),
            });
        }
    }
}

fn whole(event: &Event, recorded: String, follows: String) -> Difference {
    Difference { seq: event.seq, request: event.request_id, what: event.kind().name().to_owned(), recorded, follows }
}

/// Time is kept before anything else is done: what has run out is ended before another entry of its request is made.
fn overdue(state: &State, event: &Event, differences: &mut Vec<Difference>) {
    let Some(request) = event.request_id.and_then(|id| state.request(&id)) else { return };
    let pending = (request.submitted.expires_at, request.id);
    if state.request_deadlines.contains(&pending) && pending.0 <= event.time && !matches!(event.body, Body::RequestExpired(_)) {
        differences.push(whole(event, "the request was still pending".to_owned(), format!("it expired at {}", pending.0)));
    }
    let Some(grant) = request.granted() else { return };
    let open = (grant.issued.expires_at, grant.issued.grant_id);
    if state.grant_deadlines.contains(&open) && open.0 <= event.time && !matches!(event.body, Body::GrantExpired(_)) {
        differences.push(whole(event, "the grant was still open".to_owned(), format!("it expired at {}", open.0)));
    }
}

/// Why nothing before a consequence leads to it.
fn why_not(state: &State, event: &Event) -> String {
    let request = event.request_id.and_then(|id| state.request(&id));
    match (&event.body, request) {
        (Body::RequestApproved(approved), Some(request)) => {
            let requirement = &request.submitted.assessment.requirement;
            match approved.mechanism {
                Mechanism::Quorum => format!("the reviews before it do not fill `{requirement}`"),
                Mechanism::Breakglass => "nobody who may used break-glass".to_owned(),
                _ => format!("people have to seal it: `{requirement}`"),
            }
        }
        (Body::RequestDenied(_), Some(_)) => "neither policy nor people denied it".to_owned(),
        (_, None) if event.request_id.is_some() => "there is no such request".to_owned(),
        _ => "nothing before it leads to it".to_owned(),
    }
}

/// A review that could not be decided again is on record; an approval that claims to follow from it must at least fill its slots.
fn excused_but_wrong(state: &State, event: &Event) -> Option<Difference> {
    let Body::RequestApproved(approved) = &event.body else { return None };
    let request = state.request(&event.request_id?)?;
    let slots = filled_slots(state, request, event.time);
    let wrong = approved.mechanism == Mechanism::Quorum && slots.as_ref() != Some(&approved.slots);
    wrong.then(|| whole(event, "approved by quorum".to_owned(), why_not(state, event)))
}
