//! A ledger made by hand: events as JSON, placed, chained, signed and appended as the engine does it.
//!
//! What is not an event of the schema is refused, except within `lax`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use privyseal_analytics::{Engine, OpenError, Options};
use privyseal_core::canonical;
use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::event::{self, Event, Kind};
use privyseal_core::id::EventId;
use privyseal_core::note::NodeKey;
use privyseal_core::port::{Analytics as _, Answer, FileForm, QueryError, QueryLimits, Question, RowsTold};
use privyseal_core::time::Timestamp;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Log as _, StoredEntry};
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::store::Store;
use privyseal_ledger::{keys, merge, seal};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ORIGIN: &str = "test.example/privyseal/main";

/// When the log of a fixture opens.
pub(crate) const OPENED: &str = "2026-07-01T00:00:00Z";

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse_lenient(text).unwrap()
}

pub(crate) struct Ledger {
    pub(crate) folder: TempDir,
    pub(crate) layout: Layout,
    pub(crate) key: NodeKey,
    log: SqliteLog,
    tip: Tip,
    now: Timestamp,
    waiting: Vec<(StoredEntry, Kind)>,
    /// Entries as they are to stand in the log, although they were committed otherwise.
    tampered: Vec<StoredEntry>,
    lax: bool,
}

/// Who acts: an account, its kind, the door, and the proof.
pub(crate) fn actor(id: &str, now: Timestamp) -> Value {
    let human = !id.starts_with("bot") && id != "system";
    match id {
        "system" => json!({"id": id, "kind": "system", "channel": "engine", "auth": {"method": "engine", "amr": []}}),
        _ if human => json!({"id": id, "kind": "human", "channel": "portal", "auth": {"method": "passkey", "amr": ["hwk", "user"],
            "session": uuid(&format!("session-{id}")), "auth_time": now.plus_seconds(-60)}}),
        _ => {
            json!({"id": id, "kind": "agent", "channel": "api", "auth": {"method": "api_key", "amr": [], "credential": format!("key-{id}")}})
        }
    }
}

/// The same UUID for the same name.
pub(crate) fn uuid(name: &str) -> String {
    let mut random = [0; 10];
    random.copy_from_slice(&Digest::of(name.as_bytes()).as_bytes()[..10]);
    EventId::new(time(OPENED), random).to_string()
}

/// The same digest for the same name.
pub(crate) fn digest(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

impl Ledger {
    /// A log with its first entry.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("data"));
        std::fs::create_dir_all(layout.ledger()).unwrap();
        let key = keys::create(&layout.key(), ORIGIN, &[3; 32]).unwrap();
        let log = SqliteLog::create(&layout.log()).unwrap();
        let mut ledger = Self {
            folder,
            layout,
            key,
            log,
            tip: Tip::empty(ORIGIN),
            now: time(OPENED),
            waiting: Vec::new(),
            tampered: Vec::new(),
            lax: false,
        };
        let key = ledger.key.verifier().to_string();
        ledger.event("ledger.opened", "system", json!({"format": 1, "key": key, "previous": null}));
        ledger
    }

    /// Moves the clock; it never goes back.
    pub(crate) fn at(&mut self, moment: &str) -> &mut Self {
        self.now = self.now.max(time(moment));
        self
    }

    /// Moves the clock by seconds.
    pub(crate) fn after(&mut self, seconds: i64) -> &mut Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn size(&self) -> u64 {
        self.tip.edge.size()
    }

    /// Writes what a forger or an older version would write: nothing is checked against the schema.
    pub(crate) fn lax<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        self.lax = true;
        let written = write(self);
        self.lax = false;
        written
    }

    /// An event of the schema; gives its id.
    pub(crate) fn event(&mut self, kind: &str, actor_id: &str, body: Value) -> String {
        self.place(kind, actor(actor_id, self.now), None, body)
    }

    /// An event about a request.
    pub(crate) fn about(&mut self, request: &str, kind: &str, actor_id: &str, body: Value) -> String {
        self.place(kind, actor(actor_id, self.now), Some(request), body)
    }

    /// Whatever is given. The clock moves on by one second.
    pub(crate) fn place(&mut self, kind: &str, actor: Value, request: Option<&str>, body: Value) -> String {
        self.now = self.now.plus_seconds(1);
        let seq = self.tip.edge.size();
        let id = uuid(&format!("event-{seq}"));
        let mut entry = json!({
            "actor": actor, "body": body, "id": id, "kind": kind, "log": ORIGIN, "prev": self.tip.prev, "seq": seq,
            "time": self.now, "v": 1,
        });
        if let Some(request) = request {
            entry["request_id"] = json!(request);
        }
        if !self.lax {
            Event::from_value(entry.clone()).unwrap_or_else(|error| panic!("{kind}: {error}\n{entry}"));
        }
        let entry = canonical::to_bytes(&entry).unwrap();
        let leaf = event::leaf(&entry);
        let known = Kind::from_name(kind).unwrap();
        let signature = known.is_signed().then(|| (self.key.sign(&event::signed_message(&leaf)), self.key.id()));
        self.push(StoredEntry { seq, entry, leaf, signature }, known);
        id
    }

    /// Appends an entry as it is, true or not.
    pub(crate) fn push(&mut self, stored: StoredEntry, kind: Kind) {
        self.tip.edge.push(stored.leaf);
        self.tip.prev = Some(stored.leaf);
        self.tip.time = self.now;
        self.waiting.push((stored, kind));
    }

    /// Changes the newest entry in the log, behind its back, as soon as it is committed.
    pub(crate) fn tamper(&mut self, change: impl FnOnce(&mut StoredEntry)) {
        let mut stored = self.waiting.last().unwrap().0.clone();
        change(&mut stored);
        self.tampered.push(stored);
    }

    /// Writes what is waiting.
    pub(crate) fn commit(&mut self) {
        let entries = std::mem::take(&mut self.waiting);
        if !entries.is_empty() {
            let batch = self.tip.batch(entries, &self.key);
            self.log.append(&batch).unwrap();
        }
        for stored in std::mem::take(&mut self.tampered) {
            let hex = |bytes: &[u8]| format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            let (signature, key) =
                stored.signature.map_or(("NULL".to_owned(), "NULL".to_owned()), |(signature, key)| (hex(&signature), format!("'{key}'")));
            let sql = format!(
                "UPDATE entry SET entry = {}, leaf = {}, signature = {signature}, key_id = {key} WHERE seq = {}",
                hex(&stored.entry),
                hex(stored.leaf.as_bytes()),
                stored.seq
            );
            let done = std::process::Command::new("sqlite3").arg(self.layout.log()).arg(sql).status().unwrap();
            assert!(done.success(), "sqlite3 is needed: tests/run installs it");
        }
    }

    /// Writes what is waiting under a head that another key signs.
    pub(crate) fn commit_as(&mut self, key: &NodeKey) {
        let batch = self.tip.batch(std::mem::take(&mut self.waiting), key);
        self.log.append(&batch).unwrap();
    }

    /// Seals everything so far, a segment per month, and records the segments; the path of the last one.
    pub(crate) fn seal(&mut self) -> PathBuf {
        self.commit();
        let end = self.tip.edge.size();
        let mut path = None;
        while let Some(segment) = seal::make_segment(&self.layout, &self.log, end).unwrap() {
            path = Some(self.layout.below_ledger(&segment.path));
            self.event("segment.sealed", "system", serde_json::to_value(segment).unwrap());
            self.commit();
        }
        path.unwrap()
    }

    /// Merges small segments and records what that made.
    pub(crate) fn merge(&mut self) -> SegmentSealed {
        let log = Store::of(&self.layout).reader().unwrap();
        let merged = merge::merge_segments(&self.layout, log.as_ref()).unwrap().unwrap();
        self.event("segment.sealed", "system", serde_json::to_value(&merged).unwrap());
        self.commit();
        merged
    }

    /// An engine over this ledger with the queries of the repository.
    pub(crate) fn engine(&mut self) -> Engine {
        self.commit();
        open(&self.layout)
    }
}

/// Every file of the repository's `queries/` and `controls/`.
pub(crate) fn content() -> BTreeMap<String, String> {
    fn walk(folder: &Path, name: &str, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                walk(&path, &name, files);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                files.insert(name, text);
            }
        }
    }
    let (root, mut files) = (PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.."), BTreeMap::new());
    for name in ["queries", "controls"] {
        walk(&root.join(name), name, &mut files);
    }
    files
}

pub(crate) fn open(layout: &Layout) -> Engine {
    open_with(layout, content(), 256 << 20).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn open_with(layout: &Layout, content: BTreeMap<String, String>, memory_bytes: usize) -> Result<Engine, OpenError> {
    let (layout, scratch) = (layout.clone(), std::env::temp_dir());
    // Nothing spills, so that what needs too much memory shows.
    Engine::open(Options { layout, content: Arc::new(content), memory_bytes, spill_bytes: 0, scratch, threads: 2 })
}

/// Runs a statement to its end, from a thread without a runtime of its own.
pub(crate) fn run(engine: &Engine, sql: &str) -> Result<Answer, QueryError> {
    run_with(engine, sql, QueryLimits { timeout_ms: 120_000, ..QueryLimits::default() })
}

pub(crate) fn run_with(engine: &Engine, sql: &str, limits: QueryLimits) -> Result<Answer, QueryError> {
    futures::executor::block_on(engine.query(&Question::new(sql), limits))
}

/// Runs a statement and gives its rows as the bytes of a file.
pub(crate) fn file(engine: &Engine, sql: &str, form: FileForm, limits: QueryLimits) -> Result<(RowsTold, Vec<u8>), QueryError> {
    let mut file = futures::executor::block_on(engine.file(&Question::new(sql), form, limits))?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file.content, &mut bytes).unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), file.length);
    Ok((file.told, bytes))
}

/// Rows of a statement that must work.
pub(crate) fn rows(engine: &Engine, sql: &str) -> Vec<Vec<Value>> {
    run(engine, sql).unwrap_or_else(|error| panic!("{sql}\n{error}")).rows
}

/// The one value of a statement that must work.
pub(crate) fn value(engine: &Engine, sql: &str) -> Value {
    let rows = rows(engine, sql);
    assert_eq!((rows.len(), rows.first().map(Vec::len)), (1, Some(1)), "{sql}");
    rows[0][0].clone()
}
