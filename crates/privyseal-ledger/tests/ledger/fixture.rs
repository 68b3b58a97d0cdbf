//! A small ledger in a temporary folder, made as the engine makes one.

use std::fs;
use std::path::PathBuf;

use privyseal_core::decide::Fresh;
use privyseal_core::event::directory::RoleAssigned;
use privyseal_core::event::ledger::{Opened, SegmentSealed};
use privyseal_core::event::watch::Heartbeat;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft};
use privyseal_core::id::RequestId;
use privyseal_core::note::NodeKey;
use privyseal_core::time::Timestamp;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Log as _, LogReader as _};
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::store::Store;
use privyseal_ledger::tiles::TileWriter;
use privyseal_ledger::verify::{Report, verify_folder};
use privyseal_ledger::{keys, merge, seal};
use tempfile::TempDir;

pub(crate) const ORIGIN: &str = "test.example/privyseal/main";

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) layout: Layout,
    pub(crate) log: SqliteLog,
    pub(crate) key: NodeKey,
    pub(crate) tip: Tip,
    tiles: TileWriter,
}

pub(crate) fn actor() -> Actor {
    let auth = Auth { method: AuthMethod::Engine, amr: vec![], auth_time: None, session: None, credential: None };
    Actor { id: "system".parse().unwrap(), kind: ActorKind::System, channel: Channel::Engine, auth }
}

pub(crate) fn heartbeat() -> Body {
    Body::Heartbeat(Heartbeat { node: "test".into(), interval_seconds: 60, canaries: Vec::new() })
}

pub(crate) fn role(name: &str) -> Body {
    Body::RoleAssigned(RoleAssigned {
        principal: "ana".parse().unwrap(),
        role: name.parse().unwrap(),
        valid_from: Timestamp::default(),
        valid_to: None,
        scope: vec![],
        reason: "test".into(),
        change_request: None,
    })
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::of_key(&[3; 32])
    }

    pub(crate) fn of_key(seed: &[u8; 32]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("data"));
        fs::create_dir_all(layout.ledger()).unwrap();
        let key = keys::create(&layout.key(), ORIGIN, seed).unwrap();
        let log = SqliteLog::create(&layout.log()).unwrap();
        let mut fixture = Self { folder, layout, log, key, tip: Tip::empty(ORIGIN), tiles: TileWriter::new() };
        let key = fixture.key.verifier().to_string();
        fixture.append(vec![Body::LedgerOpened(Opened { format: 1, key, previous: None })]);
        fixture
    }

    /// Appends bodies in one commit.
    pub(crate) fn append(&mut self, bodies: Vec<Body>) {
        self.append_about(None, bodies);
    }

    /// Appends bodies that concern a request in one commit.
    pub(crate) fn append_about(&mut self, request_id: Option<RequestId>, bodies: Vec<Body>) {
        let mut entries = Vec::new();
        for body in bodies {
            let now = self.tip.time.plus_seconds(1);
            let seed = *privyseal_core::digest::Digest::of(&self.tip.edge.size().to_be_bytes()).as_bytes();
            let id = Fresh::new(now, seed).event_id();
            let draft = Draft { actor: actor(), request_id, body };
            let (event, stored) = self.tip.place(draft, id, now, &self.key).unwrap();
            self.tiles.push(stored.leaf);
            entries.push((stored, event.kind()));
        }
        self.log.append(&self.tip.batch(entries, &self.key)).unwrap();
    }

    pub(crate) fn seal(&mut self) {
        let segment = seal::make_segment(&self.layout, &self.log, self.tip.edge.size()).unwrap().unwrap();
        self.append(vec![Body::SegmentSealed(segment)]);
    }

    /// Merges small segments as the engine does, if there are any to merge.
    pub(crate) fn merge(&mut self) -> Option<SegmentSealed> {
        let log = Store::of(&self.layout).reader().unwrap();
        let merged = merge::merge_segments(&self.layout, log.as_ref()).unwrap()?;
        self.append(vec![Body::SegmentSealed(merged.clone())]);
        Some(merged)
    }

    /// A ledger of `count` small segments, a tail, tiles and a published head.
    pub(crate) fn small(count: usize) -> Self {
        let mut fixture = Self::new();
        for round in 0..count {
            fixture.append(vec![heartbeat(), role(&format!("group:g{round}")), heartbeat()]);
            fixture.seal();
        }
        fixture.append(vec![heartbeat()]);
        fixture.publish();
        fixture
    }

    pub(crate) fn publish(&mut self) {
        self.tiles.publish(&self.layout.tiles()).unwrap();
        let head = self.log.head().unwrap().unwrap();
        privyseal_ledger::publish_checkpoint(&self.layout, &head.checkpoint).unwrap();
    }

    /// A ledger with two segments, a tail, tiles, a blob and a published head.
    pub(crate) fn full() -> Self {
        let mut fixture = Self::new();
        for round in 0..300 {
            fixture.append(vec![heartbeat(), role(&format!("group:g{round}"))]);
        }
        fixture.seal();
        fixture.append(vec![heartbeat(), role("group:late")]);
        fixture.seal();
        fixture.append(vec![heartbeat(), role("group:tail")]);
        privyseal_ledger::blob::put(&fixture.layout, b"a policy file").unwrap();
        fixture.publish();
        fixture
    }

    pub(crate) fn verify(&self) -> Report {
        verify_folder(&self.layout, None, &mut |_, _| {})
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: PathBuf, files: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        walk(self.layout.ledger(), &mut files);
        files.sort();
        files
    }
}
