//! The past of a log, walked from its first entry without a server and without writing: the state before each entry, and for each
//! submission what policy was asked then. Replay asks the policy of that time again, simulation asks another one.

mod asking;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use privyseal_core::cause::chain;
use privyseal_core::digest::Digest;
use privyseal_core::event::policy::PolicyPublished;
use privyseal_core::event::request::Submitted;
use privyseal_core::event::{Body, Event, Text};
use privyseal_core::id::RequestId;
use privyseal_core::reperform::{Again, Looked, Outside, Reperformer};
use privyseal_core::request::Request;
use privyseal_core::state::State;
use privyseal_ledger::blob;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{LogError, StoredEntry};
use privyseal_ledger::private::{Found, PrivateStore as _, SqlitePrivate};
use privyseal_ledger::reader::Reader;
use privyseal_policy::{Policy, PolicyFile};
use serde_json::Value;

pub use asking::Asking;

/// Entries read at a time.
const STEP: usize = 4_096;
/// Entries that a walk looks ahead.
const LOOKED_AHEAD: usize = 3;
/// Settled requests that are remembered, for those whom later entries name again and again.
const MAX_RECALLED: usize = 256;

/// Why the past cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry is missing, or is not an event: nothing after it can be told.
    #[error("entry {seq} cannot be followed: {detail}; `privyseal verify` says what is wrong with the log")]
    Entry {
        /// Which.
        seq: u64,
        /// What is wrong.
        detail: String,
    },
}

/// A walk through a log, from its first entry to the one that was its last when the walk began.
pub struct Past {
    reader: Reader,
    /// Openings of hidden values; none where there is no store, or it cannot be read, and why.
    private: Result<SqlitePrivate, String>,
    size: u64,
    state: State,
    waiting: VecDeque<(StoredEntry, Event)>,
    read_to: u64,
    policies: BTreeMap<Digest, Result<Arc<Policy>, String>>,
    recalled: VecDeque<Arc<Request>>,
    spent: Spent,
}

/// Where the time of a walk went, as far as it is not folding and deciding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Reading entries and parsing them.
    pub reading: Duration,
    /// Compiling policy and asking it.
    pub policy: Duration,
}

impl Past {
    /// Opens a data folder for a walk.
    ///
    /// # Errors
    /// When there is no readable log.
    pub fn open(layout: Layout) -> Result<Self, PastError> {
        let private = SqlitePrivate::open_read_only(&layout.private()).map_err(|error| chain(&error));
        let reader = Reader::open(layout)?;
        // Commits are whole, so the walk ends where one did, however much is appended meanwhile.
        let size = reader.log().head()?.map_or(0, |head| head.edge.size());
        Ok(Self {
            reader,
            private,
            size,
            state: State::default(),
            waiting: VecDeque::new(),
            read_to: 0,
            policies: BTreeMap::new(),
            recalled: VecDeque::new(),
            spent: Spent::default(),
        })
    }

    /// How many entries the walk has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the time went until now.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// The state before the entry that [`Past::step`] gave last, until it is folded.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The next entry; `None` at the end. It is not folded yet.
    ///
    /// # Errors
    /// When the log cannot be read, or cannot be followed there.
    pub fn step(&mut self) -> Result<Option<(StoredEntry, Event)>, PastError> {
        self.fill()?;
        Ok(self.waiting.pop_front())
    }

    /// Folds an entry.
    pub fn fold(&mut self, event: &Event) {
        self.state.apply(event);
    }

    /// Keeps the next entry at hand, and those that one decision can have put after it.
    fn fill(&mut self) -> Result<(), PastError> {
        while self.waiting.len() <= LOOKED_AHEAD && self.read_to < self.size {
            let began = Instant::now();
            let limit = usize::try_from(self.size - self.read_to).unwrap_or(STEP).min(STEP);
            let entries = self.reader.log().entries(self.read_to, limit)?;
            if entries.is_empty() {
                return Err(PastError::Entry { seq: self.read_to, detail: "it is missing".to_owned() });
            }
            for stored in entries {
                let wrong = |detail: String| PastError::Entry { seq: self.read_to, detail };
                let event = Event::from_entry(&stored.entry).map_err(|error| wrong(error.to_string()))?;
                if event.seq != self.read_to {
                    return Err(wrong(format!("it says that it is entry {}", event.seq)));
                }
                self.read_to += 1;
                self.waiting.push_back((stored, event));
            }
            self.spent.reading += began.elapsed();
        }
        Ok(())
    }

    /// Judges an entry that [`Past::step`] gave, before it is folded: for a submission policy is asked again.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn look(&mut self, reperformer: &mut Reperformer, event: &Event) -> Result<Looked, PastError> {
        self.fill()?;
        let again = self.again(event);
        let recalled = self.recall(event)?;
        let private = &self.private;
        let following: Vec<&Event> = self.waiting.iter().take(LOOKED_AHEAD).map(|(_, event)| event).collect();
        let open = |text: &Text| text_behind(private, text);
        let outside = Outside { again, open: &open };
        Ok(self.state.with_recalled(recalled, |state| reperformer.look(state, event, &following, &outside)))
    }

    /// What the policy of its time says again about the submission that an entry is, or that a reviewer put in the place of a wider one
    /// with it; or why it cannot be asked as it was then. `None` for other entries.
    fn again(&mut self, event: &Event) -> Option<Result<Again, String>> {
        let narrows = matches!(&event.body, Body::RequestWithdrawn(withdrawn) if withdrawn.narrowed_by.is_some());
        let is_asked = narrows || matches!(event.body, Body::RequestSubmitted(_));
        let began = Instant::now();
        let in_force = is_asked.then(|| self.policy_in_force())?;
        let asked = if narrows { self.waiting.front().map(|(_, event)| event) } else { Some(event) };
        let Some((asked, Body::RequestSubmitted(submitted))) = asked.map(|asked| (asked, &asked.body)) else { return None };
        let again = in_force.and_then(|(policy, version)| self.asking(asked, submitted).again(&policy, version, &self.state));
        self.spent.policy += began.elapsed();
        Some(again)
    }

    /// What was asked of policy when a request was submitted. The state must be the one before it.
    #[must_use]
    pub fn asking<'a>(&self, event: &'a Event, submitted: &'a Submitted) -> Asking<'a> {
        let find = |commitment: &Digest| find(&self.private, commitment);
        Asking::new(event, submitted, &find, |digest| blob::look(self.reader.layout(), digest).ok().flatten())
    }

    /// The policy in force, compiled, with its version.
    ///
    /// # Errors
    /// When there is none, or its files are gone or cannot be compiled by this build.
    pub fn policy_in_force(&mut self) -> Result<(Arc<Policy>, u64), String> {
        let Some(published) = self.state.policy.clone() else { return Err("no policy was in force".to_owned()) };
        let layout = self.reader.layout();
        let compiled = self.policies.entry(published.policy.digest).or_insert_with(|| compile(layout, &published));
        compiled.clone().map(|policy| (policy, published.policy.version))
    }

    /// A settled request that has left the state and that an entry names, from its entries before that one.
    fn recall(&mut self, event: &Event) -> Result<Option<Arc<Request>>, PastError> {
        let named: Option<RequestId> = match &event.body {
            Body::RequestSubmitted(submitted) => submitted.previous_request,
            _ => event.request_id,
        };
        let Some(id) = named.filter(|id| !self.state.requests.contains_key(id)) else { return Ok(None) };
        if let Some(found) = self.recalled.iter().find(|request| request.id == id) {
            return Ok(Some(Arc::clone(found)));
        }
        let entries = self.reader.log().entries_of_request(&id)?;
        let earlier: Vec<Event> =
            entries.iter().take_while(|stored| stored.seq < event.seq).filter_map(|stored| Event::from_entry(&stored.entry).ok()).collect();
        let found = State::recall(&earlier).map(Arc::new);
        if self.recalled.len() >= MAX_RECALLED {
            self.recalled.pop_front();
        }
        self.recalled.extend(found.clone().filter(|request| request.is_settled()));
        Ok(found)
    }
}

fn compile(layout: &Layout, published: &PolicyPublished) -> Result<Arc<Policy>, String> {
    let version = published.policy.version;
    let read = |file: &privyseal_core::event::policy::FileRef| {
        let missing = |why: &str| format!("file `{}` of policy version {version} {why}", file.name);
        let bytes = blob::look(layout, &file.sha256).map_err(|error| missing(&format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes.ok_or_else(|| missing("is missing from the blobs"))?).map_err(|_| missing("is not UTF-8"))?;
        Ok(PolicyFile { name: file.name.clone(), text })
    };
    let files = published.files.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    let policy = Policy::load(files).map_err(|problems| format!("this build does not load policy version {version}: {problems}"))?;
    if policy.digest() != published.policy.digest {
        return Err(format!("the files of policy version {version} do not have its digest"));
    }
    Ok(Arc::new(policy))
}

/// What opens a commitment, or why nothing does.
fn find(private: &Result<SqlitePrivate, String>, commitment: &Digest) -> Result<Value, String> {
    let store = private.as_ref().map_err(|why| format!("cannot be opened: {why}"))?;
    match store.find(commitment) {
        Ok(Found::Clear(_, value)) => Ok(value),
        Ok(Found::Erased(at)) => Err(format!("was erased on {}", at.date())),
        Ok(Found::Unknown) => Err("is not in this node's store of hidden values".to_owned()),
        Err(error) => Err(format!("cannot be opened: {}", chain(&error))),
    }
}

fn text_behind(private: &Result<SqlitePrivate, String>, text: &Text) -> Option<String> {
    match text {
        Text::Clear(text) => Some(text.clone()),
        Text::Hidden { commitment } => match find(private, commitment) {
            Ok(Value::String(text)) => Some(text),
            _ => None,
        },
    }
}
