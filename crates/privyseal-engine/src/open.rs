//! Opening a data folder: lock it, check it, fold it (from a snapshot when one fits), start the writer.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

use privyseal_core::cause::chain;
use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::Opened;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft, Event};
use privyseal_core::hidden::HidePolicy;
use privyseal_core::id::PrincipalId;
use privyseal_core::note::{Checkpoint, NodeKey, VerifierKey};
use privyseal_core::port::{Advisor, Clock};
use privyseal_core::state::State;
use privyseal_core::tree::Edge;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::keys::{self, KeyError};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::leftover;
use privyseal_ledger::log::{Head, LogReader};
use privyseal_ledger::private::SqlitePrivate;
use privyseal_ledger::snapshot;
use privyseal_ledger::store::Store;
use privyseal_ledger::tiles::TileWriter;

use crate::entropy::Entropy;
use crate::error::OpenError;
use crate::handle::Engine;
use crate::publish::Anchors;
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
    /// Who vouches for published heads besides the log itself.
    pub anchors: Anchors,
    /// Which values are hidden in entries.
    pub hide: HidePolicy,
    /// Who is asked about the risk of each request besides the rules; none for nobody.
    pub advisor: Option<Arc<dyn Advisor>>,
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
    let store = Store::of(&options.layout);
    if store.exists()? || options.layout.key().exists() {
        return Err(OpenError::Exists { path: root.to_owned() });
    }
    std::fs::create_dir_all(options.layout.ledger()).map_err(io)?;
    let lock = lock(&options.layout)?;
    let seed = options.entropy.seed().map_err(|error| io(std::io::Error::other(error)))?;
    let key = keys::create(&options.layout.key(), origin, &seed)?;
    let mut log = store.create()?;
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
    let store = Store::of(&options.layout);
    if !store.exists()? {
        return Err(OpenError::Missing { path: root.to_owned() });
    }
    let lock = lock(&options.layout)?;
    let log = store.open()?;
    let folded = fold(&options.layout, log.as_ref())?;
    clear_leftovers(options, log.as_ref());
    let key = Arc::new(own_key(&options.layout, &folded.state)?);
    let private = Box::new(SqlitePrivate::open(&options.layout.private())?);
    Engine::start(options.clone(), Start { lock, key, log, private, folded })
}

/// What a crash left is taken away before anything is written. Failing to is no reason not to start: nothing reads those files.
fn clear_leftovers(options: &Options, log: &dyn LogReader) {
    match leftover::clear(&options.layout, log, options.clock.now()) {
        Ok(cleared) => {
            for path in cleared {
                tracing::info!(ledger.path = %path.display(), "took away what a crash or a failed write had left");
            }
        }
        Err(error) => tracing::warn!(ledger.error = %chain(&error), "what a crash may have left stays where it is"),
    }
}

/// What a fold of the log gives.
pub(crate) struct Folded {
    pub(crate) state: State,
    pub(crate) tip: Tip,
    pub(crate) tiles: TileWriter,
    /// The UTC day of the last entry and how many entries it has.
    pub(crate) day_count: (String, u64),
    /// The signed head over all of it.
    pub(crate) checkpoint: String,
    /// Size of the snapshot that it began with; 0 for none.
    pub(crate) snapshot_size: u64,
}

/// From the newest snapshot that fits, or from the beginning when none does. Either way the signed head has to come out.
fn fold(layout: &Layout, log: &dyn LogReader) -> Result<Folded, OpenError> {
    let content = |seq: u64, detail: String| OpenError::Content { path: layout.root().to_owned(), seq, detail };
    let head = log.head()?.ok_or_else(|| content(0, "the log is empty".to_owned()))?;
    let published = published(layout)?;
    let own = [keys::load(&layout.key()), keys::load(&layout.next_key())];
    let own: Vec<VerifierKey> = own.into_iter().flatten().map(|key| key.verifier()).collect();
    if let Some(from) = resume(layout, log, &head, published.as_ref(), &own) {
        let size = from.edge.size();
        match fold_from(from, layout, log, &head, published.as_ref()) {
            Ok(folded) => {
                tracing::info!(snapshot.size = size, ledger.size = head.edge.size(), "folded the log from a snapshot of the state");
                return Ok(folded);
            }
            // A snapshot accuses nobody: what is wrong, if anything is, the whole fold says.
            Err(error) => {
                tracing::warn!(snapshot.size = size, error = %chain(&error), "the log does not follow from a snapshot; folding it whole");
            }
        }
    }
    fold_from(Beginning::default(), layout, log, &head, published.as_ref())
}

/// Where a fold begins.
#[derive(Default)]
struct Beginning {
    state: State,
    edge: Edge,
    tiles: TileWriter,
    prev: Option<Digest>,
    day_count: (String, u64),
}

/// The newest snapshot that belongs to this log: signed by this node (while keys are rotated, with either key), below the published head and not against it, with the last entry
/// that the log has there. That the log's head extends it is found by folding the rest.
fn resume(layout: &Layout, log: &dyn LogReader, head: &Head, published: Option<&Checkpoint>, own: &[VerifierKey]) -> Option<Beginning> {
    let list = snapshot::list(layout).inspect_err(|error| tracing::warn!(snapshot.error = %error, "snapshots cannot be listed")).ok()?;
    let fitting = |path: &Path| -> Result<Beginning, String> {
        let read = own.iter().map(|key| snapshot::read(path, key));
        let snapshot = read.reduce(Result::or).ok_or("this node has no key")?.map_err(|error| chain(&error))?;
        let size = snapshot.edge.size();
        match published {
            Some(published) if size < published.size => {}
            Some(published) if size == published.size && published.root == snapshot.edge.root() => {}
            Some(published) if size == published.size => return Err("it is of another history than the published head".to_owned()),
            // Its tiles are then not known to be published, and a head that was forgotten or put back cannot be compared with it.
            _ => return Err("the published head is older, or gone".to_owned()),
        }
        let last = size.checked_sub(1).filter(|_| size <= head.edge.size()).ok_or("the log is shorter")?;
        let entries = log.entries(last, 1).map_err(|error| chain(&error))?;
        let leaf = entries.first().filter(|stored| stored.seq == last).map(|stored| privyseal_core::event::leaf(&stored.entry));
        if leaf != Some(snapshot.prev) {
            return Err(format!("the log has another entry {last}"));
        }
        let tiles = TileWriter::resume(&snapshot.edge, snapshot.tiles).ok_or("its tiles are not those of its tree")?;
        Ok(Beginning { state: snapshot.state, edge: snapshot.edge, tiles, prev: Some(snapshot.prev), day_count: snapshot.day })
    };
    list.into_iter().find_map(|(_, path)| match fitting(&path) {
        Ok(from) => Some(from),
        Err(why) => {
            tracing::warn!(snapshot.path = %path.display(), snapshot.error = %why, "a snapshot of the state is not used");
            None
        }
    })
}

fn fold_from(
    from: Beginning,
    layout: &Layout,
    log: &dyn LogReader,
    head: &Head,
    published: Option<&Checkpoint>,
) -> Result<Folded, OpenError> {
    let root = layout.root();
    let content = |seq: u64, detail: String| OpenError::Content { path: root.to_owned(), seq, detail };
    let snapshot_size = from.edge.size();
    let Beginning { mut state, mut edge, mut tiles, mut prev, mut day_count } = from;
    loop {
        // Up to the head that was read: in a shared log others go on meanwhile, and the writer will fold that.
        let mut entries = log.entries(edge.size(), STEP)?;
        entries.retain(|stored| stored.seq < head.edge.size());
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
            if published.is_some_and(|checkpoint| checkpoint.size == edge.size() && checkpoint.root != edge.root()) {
                return Err(content(seq, "the published head is of another history".to_owned()));
            }
        }
    }
    if let Some(checkpoint) = published.filter(|checkpoint| checkpoint.size > edge.size()) {
        return Err(OpenError::RolledBack { path: root.to_owned(), size: edge.size(), published: checkpoint.size });
    }
    let wanted = Checkpoint { origin: state.log.clone(), size: edge.size(), root: edge.root() };
    if head.edge != edge || !state.keys.signed(&head.checkpoint, &wanted) {
        return Err(content(edge.size(), "the head does not match the entries, or no key of the log signed it".to_owned()));
    }
    let tip = Tip { origin: state.log.clone(), edge, prev, time: state.last_time };
    Ok(Folded { state, tip, tiles, day_count, checkpoint: head.checkpoint.clone(), snapshot_size })
}

/// The key of this node. A rotation that was interrupted is finished when the log has the new key, and forgotten when it has not.
fn own_key(layout: &Layout, state: &State) -> Result<NodeKey, OpenError> {
    let staged = layout.next_key();
    if staged.exists() {
        // A key that is only half written was never used: its file is durable before the log hears of it.
        let enrolled = match keys::load(&staged) {
            Ok(next) => state.keys.get(&next.id()).is_some(),
            Err(KeyError::Damaged { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if enrolled { keys::promote(layout)? } else { keys::discard(layout)? }
    }
    let key = keys::load(&layout.key())?;
    match state.keys.get(&key.id()) {
        Some(known) if known.signs_heads() && known.signs_events() => Ok(key),
        known => Err(OpenError::WrongKey {
            path: layout.key(),
            key: key.id().to_string(),
            why: if known.is_some() { "it was retired or revoked, or signs only one of heads and events" } else { "it was never enrolled" },
        }),
    }
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
