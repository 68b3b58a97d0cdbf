//! Lines of the queue that belong together. Grouping only folds: nobody decides several at once.

use privyseal_core::event::ActorKind;
use privyseal_core::id::PrincipalId;
use privyseal_core::request::Request;
use privyseal_core::time::Timestamp;

use crate::view::queue::{QueueGroup, QueueRow};

/// How far apart equal asks of one agent may be and still stand together.
const EQUAL_WITHIN_SECONDS: i64 = 600;

/// What the requests of a line have in common. A batch is one requester's: a name alone lets nobody into somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Common {
    Batch(PrincipalId, String),
    Equal { agent: PrincipalId, verb: String, resource_kind: String },
    Nothing,
}

impl Common {
    fn of(request: &Request) -> Self {
        let submitted = &request.submitted;
        let requester = submitted.requester.principal.clone();
        match (&submitted.batch, submitted.requester.kind) {
            (Some(batch), _) => Common::Batch(requester, batch.clone()),
            (None, ActorKind::Agent) => Common::Equal {
                agent: requester,
                verb: submitted.action.verb.to_string(),
                resource_kind: submitted.action.resource.name.kind().to_owned(),
            },
            (None, _) => Common::Nothing,
        }
    }

    fn title(&self) -> String {
        match self {
            Common::Batch(_, name) => format!("batch {name}"),
            Common::Equal { verb, resource_kind, .. } => format!("{verb} on {resource_kind}"),
            Common::Nothing => String::new(),
        }
    }
}

/// Lines in the making, in the order of their first request.
#[derive(Default)]
pub(super) struct Groups(Vec<(Common, Timestamp, QueueGroup)>);

impl Groups {
    /// Puts a request with what it belongs to.
    pub(super) fn push(&mut self, request: &Request, row: QueueRow) {
        let common = Common::of(request);
        let at = request.submitted_at;
        let near = |since: &Timestamp| at.seconds_since(*since).abs() < EQUAL_WITHIN_SECONDS;
        let fits = |other: &Common, since: &Timestamp| match &common {
            Common::Nothing => false,
            Common::Batch(..) => *other == common,
            Common::Equal { .. } => *other == common && near(since),
        };
        if let Some((_, _, group)) = self.0.iter_mut().find(|(other, since, _)| fits(other, since)) {
            group.rows.push(row);
            group.title = common.title().into();
        } else {
            self.0.push((common, at, row.into()));
        }
    }

    pub(super) fn done(self) -> Vec<QueueGroup> {
        self.0.into_iter().map(|(_, _, group)| group).collect()
    }
}
