//! What the log says about a request: its timeline, its digests, its proof.

use crate::view::moment::Moment;
use crate::view::number::{Count, Hash};
use crate::view::party::Party;
use crate::view::text::Untrusted;

/// One event about the request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its sequence number.
    pub seq: Count,
    /// Its kind, as recorded.
    pub kind: String,
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: Party,
    /// What happened: one sentence.
    pub text: Untrusted,
    /// Somebody's comment.
    pub comment: Option<Untrusted>,
    /// Where the raw entry is.
    pub href: String,
    /// How it is marked: `good`, `bad`, `warn`, `quiet`, `open`.
    pub tone: &'static str,
}

/// The three digests of an action. Equal means: what was asked is what was shown is what ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// What was asked.
    pub asked: Hash,
    /// What the reviewers saw and signed; `None` when nobody had to.
    pub shown: Option<Hash>,
    /// What ran; `None` before it runs.
    pub run: Option<Hash>,
}

impl Digests {
    /// Whether there is anything to compare with what was asked.
    #[must_use]
    pub fn compared(&self) -> bool {
        self.shown.is_some() || self.run.is_some()
    }

    /// Whether all that are there are the same.
    #[must_use]
    pub fn agree(&self) -> bool {
        [&self.shown, &self.run].into_iter().flatten().all(|digest| *digest == self.asked)
    }
}

/// Where the request stands in the log, and how to check that without trusting this page.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Sequence number of its first entry: its position in the tree.
    pub seq: Count,
    /// The entry's leaf hash.
    pub leaf: Hash,
    /// Size of the tree of the checkpoint below.
    pub size: Count,
    /// Root of that tree.
    pub root: Hash,
    /// When the checkpoint was signed.
    pub signed: Moment,
    /// The key that signed it: name and id.
    pub key: String,
    /// Where the raw entry is.
    pub entry: String,
    /// Where the inclusion proof is.
    pub inclusion: String,
    /// The command that checks it.
    pub command: String,
}
