//! Opening a data folder: lock it, check it, fold it, start the writer.

use std::fs::{File, OpenOptions, TryLockError};
use std::sync::Arc;

use privyseal_core::event::ledger::Opened;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft, Event};
use privyseal_core::hidden::HidePolicy;
use privyseal_core::id::PrincipalId;
use privyseal_core::note::{Checkpoint, NodeKey};
use privyseal_core::port::Clock;
use privyseal_core::state::State;
use privyseal_core::tree::Edge;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::keys;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::Log as _;
use privyseal_ledger::private::SqlitePrivate;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::tiles::TileWriter;

use crate::entropy::Entropy;
use crate::error::OpenError;
use crate::handle::Engine;
use crate::writer::Start;

const STEP: usize = 8_192;

/// How to open a data folder.
#[derive(Clone)]
pub struct Options {
    /// Where it is.
    pub layout: Layout,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Name of this node, on heartbeats and counters.
    pub node: String,
    /// Seconds between heartbeats.
    pub heartbeat_seconds: u64,
    /// Which values are hidden in entries.
    pub hide: HidePolicy,
}

/// Privyseal itself as an actor.
pub(crate) fn system(channel: Channel, method: AuthMethod) -> Option<Actor> {
    let id: PrincipalId = "system".parse().ok()?;
    Some(Actor {
        id,
        kind: ActorKind::System,
        channel,
        auth: Auth { method, amr: Vec::new(), auth_time: None, session: None, credential: None },
    })
}

/// Makes a new instance in an empty or absent folder and opens it: a signing key, a log with its first entry.
///
/// # Errors
/// When there is one already, or the folder cannot be written. What was begun is then removed or refused next time, never half used.
pub fn create(options: &Options, origin: &str) -> Result<Engine, OpenError> {
    let root = options.layout.root();
    let io = |source| OpenError::Io { path: root.to_owned(), source };
    if options.layout.log().exists() || options.layout.key().exists() {
        return Err(OpenError::Exists { path: root.to_owned() });
    }
    std::fs::create_dir_all(options.layout.ledger()).map_err(io)?;
    let lock = lock(&options.layout)?;
    let seed = options.entropy.seed().map_err(|error| io(std::io::Error::other(error)))?;
    let key = keys::create(&options.layout.key(), origin, &seed)?;
    let mut log = SqliteLog::create(&options.layout.log())?;
    let opened = Opened { format: 1, key: key.verifier().to_string(), previous: None };
    let actor = system(Channel::Cli, AuthMethod::Local).ok_or_else(|| OpenError::Policy("no system principal".to_owned()))?;
    let draft = Draft { actor, request_id: None, body: Body::LedgerOpened(opened) };
    let now = options.clock.now();
    let seed = options.entropy.seed().map_err(|error| io(std::io::Error::other(error)))?;
    let id = privyseal_core::decide::Fresh::new(now, seed).event_id();
    let mut tip = Tip::empty(origin);
    let (event, stored) =
        tip.place(draft, id, now, &key).map_err(|error| OpenError::Content { path: root.to_owned(), seq: 0, detail: error.to_string() })?;
    log.append(&tip.batch(vec![(stored, event.kind())], &key))?;
    drop((log, lock));
    open(options)
}

/// Opens an instance: folds its log, checking the chain, the root and the signed head on the way, and starts the writer.
///
/// # Errors
/// When it is missing, in use, damaged, rolled back, or of a newer version.
pub fn open(options: &Options) -> Result<Engine, OpenError> {
    let root = options.layout.root();
    if !options.layout.log().is_file() {
        return Err(OpenError::Missing { path: root.to_owned() });
    }
    let lock = lock(&options.layout)?;
    let key = keys::load(&options.layout.key())?;
    let log = SqliteLog::open(&options.layout.log())?;
    let folded = fold(&options.layout, &log, &key)?;
    let private = SqlitePrivate::open(&options.layout.private())?;
    let start = Start {
        lock,
        key,
        log,
        private: Box::new(private),
        tip: folded.tip,
        state: folded.state,
        tiles: folded.tiles,
        day_count: folded.day_count,
    };
    Engine::start(options.clone(), start)
}

struct Folded {
    state: State,
    tip: Tip,
    tiles: TileWriter,
    day_count: (String, u64),
}

fn fold(layout: &Layout, log: &SqliteLog, key: &NodeKey) -> Result<Folded, OpenError> {
    let root = layout.root();
    let content = |seq: u64, detail: String| OpenError::Content { path: root.to_owned(), seq, detail };
    let head = log.head()?.ok_or_else(|| content(0, "the log is empty".to_owned()))?;
    let published = published(layout)?;
    let (mut state, mut edge, mut tiles, mut prev) = (State::default(), Edge::new(), TileWriter::new(), None);
    let mut day_count = (String::new(), 0);
    loop {
        let entries = log.entries(edge.size(), STEP)?;
        if entries.is_empty() {
            break;
        }
        for stored in entries {
            let seq = edge.size();
            let event = Event::from_entry(&stored.entry).map_err(|error| content(seq, error.to_string()))?;
            let leaf = privyseal_core::event::leaf(&stored.entry);
            if event.seq != seq || stored.seq != seq || event.prev != prev || leaf != stored.leaf {
                return Err(content(seq, "its position, chain link or leaf is wrong".to_owned()));
            }
            let day = event.time.date();
            if day_count.0 != day {
                day_count = (day, 0);
            }
            day_count.1 += 1;
            state.apply(&event);
            edge.push(leaf);
            tiles.push(leaf);
            prev = Some(leaf);
            if published.as_ref().is_some_and(|checkpoint| checkpoint.size == edge.size() && checkpoint.root != edge.root()) {
                return Err(content(seq, "the published head is of another history".to_owned()));
            }
        }
    }
    if let Some(checkpoint) = published.filter(|checkpoint| checkpoint.size > edge.size()) {
        return Err(OpenError::RolledBack { path: root.to_owned(), size: edge.size(), published: checkpoint.size });
    }
    let signed = Checkpoint::open(&head.checkpoint, &state.log, &key.verifier());
    if head.edge != edge || !signed.is_ok_and(|checkpoint| checkpoint.size == edge.size() && checkpoint.root == edge.root()) {
        return Err(content(edge.size(), "the head does not match the entries, or is not signed by this node's key".to_owned()));
    }
    let tip = Tip { origin: state.log.clone(), edge, prev, time: state.last_time };
    Ok(Folded { state, tip, tiles, day_count })
}

/// The head that was published last, as a memory outside the database. Its signature is checked by `privyseal verify`; here only a
/// head that parses can accuse.
fn published(layout: &Layout) -> Result<Option<Checkpoint>, OpenError> {
    let path = layout.checkpoint();
    match std::fs::read_to_string(&path) {
        Ok(note) => {
            let parsed = privyseal_core::note::Note::parse(&note).and_then(|note| Checkpoint::from_text(&note.text));
            let damaged = |error| OpenError::Content {
                path: layout.root().to_owned(),
                seq: 0,
                detail: format!("{} is damaged: {error}", path.display()),
            };
            parsed.map(Some).map_err(damaged)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Io { path, source }),
    }
}

fn lock(layout: &Layout) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { path: layout.root().to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(layout.lock()).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: layout.root().to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}
