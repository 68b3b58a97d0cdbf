//! Publishing beside the writer: tiles, the head that they prove, and snapshots of the state. Nobody who waits for a commit waits for these.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use privyseal_core::cause::chain;
use privyseal_core::digest::Digest;
use privyseal_core::note::NodeKey;
use privyseal_core::port::Clock;
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::snapshot::{self, Snapshot};
use privyseal_ledger::tiles::TileWriter;
use privyseal_ledger::wal::WalKeeper;

/// Shortest time between two published heads, in microseconds.
const PUBLISH_EVERY_US: i64 = 1_000_000;
/// A snapshot is made after so many entries, which bounds what start-up has to fold: about a second's work.
const SNAPSHOT_ENTRIES: u64 = 65_536;
/// And after so long when there was any entry. Real time, not the clock's: a rehearsed quarter needs no snapshot of every ten minutes.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(600);
/// How often the write-ahead log is tidied.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// What was committed.
pub(crate) struct Committed {
    /// Its leaves, in order.
    pub(crate) leaves: Vec<Digest>,
    /// The signed head over everything up to them.
    pub(crate) checkpoint: String,
    /// The state after them, when a snapshot is due.
    pub(crate) state: Option<Box<Seed>>,
}

/// What a snapshot needs of the writer.
pub(crate) struct Seed {
    pub(crate) state: State,
    pub(crate) edge: Edge,
    pub(crate) prev: Digest,
    pub(crate) day: (String, u64),
    /// The node's key as of this commit, which signs the snapshot.
    pub(crate) key: Arc<NodeKey>,
}

/// The writer's end: tells what was committed and when a snapshot is due.
pub(crate) struct Publisher {
    sender: Option<Sender<Committed>>,
    thread: Option<JoinHandle<()>>,
    snapshot_size: u64,
    snapshot_at: Instant,
}

impl Publisher {
    /// Starts the thread. `snapshot_size` is the size of the newest snapshot that there is; 0 for none.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(
        layout: Layout,
        clock: Arc<dyn Clock>,
        tiles: TileWriter,
        checkpoint: String,
        snapshot_size: u64,
        wal: Option<WalKeeper>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let worker = Worker {
            layout,
            clock,
            tiles,
            checkpoint,
            published_at: Timestamp::default(),
            published_size: 0,
            wal,
            tidied_at: Instant::now(),
            pending: None,
        };
        let thread = std::thread::Builder::new().name("privyseal-publisher".to_owned()).spawn(move || worker.run(&receiver))?;
        Ok(Self { sender: Some(sender), thread: Some(thread), snapshot_size, snapshot_at: Instant::now() })
    }

    /// Whether the next commit, which brings the log to `size`, should come with its state.
    pub(crate) fn wants_state(&self, size: u64) -> bool {
        let entries = size.saturating_sub(self.snapshot_size);
        entries >= SNAPSHOT_ENTRIES || (entries > 0 && self.snapshot_at.elapsed() >= SNAPSHOT_EVERY)
    }

    /// Passes on what was committed.
    pub(crate) fn committed(&mut self, committed: Committed) {
        if let Some(seed) = &committed.state {
            (self.snapshot_size, self.snapshot_at) = (seed.edge.size(), Instant::now());
        }
        // A publisher that is gone has said why; the log goes on without it, and the next start publishes everything.
        let _ = self.sender.as_ref().map(|sender| sender.send(committed));
    }

    /// Size of the newest snapshot that was asked for.
    pub(crate) fn snapshot_size(&self) -> u64 {
        self.snapshot_size
    }

    /// Publishes what is left and ends the thread.
    pub(crate) fn close(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("publishing ended by a failure of the program; the next start publishes what is missing");
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.close();
    }
}

struct Worker {
    layout: Layout,
    clock: Arc<dyn Clock>,
    tiles: TileWriter,
    checkpoint: String,
    published_at: Timestamp,
    published_size: u64,
    /// Keeps the write-ahead log short; `None` when that is not to be had, and the log's own connection does it.
    wal: Option<WalKeeper>,
    tidied_at: Instant,
    /// A snapshot of exactly the size that the tiles have; forgotten when they grow before it could be written.
    pending: Option<Box<Seed>>,
}

impl Worker {
    fn run(mut self, receiver: &Receiver<Committed>) {
        loop {
            match receiver.recv_timeout(Duration::from_millis(250)) {
                Ok(committed) => self.take(committed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.tidied_at.elapsed() >= TIDY_EVERY {
                self.tidied_at = Instant::now();
                if let Some(Err(error)) = self.wal.as_ref().map(WalKeeper::tidy) {
                    tracing::warn!(ledger.error = %error, "the write-ahead log could not be tidied; it grows until that works again");
                }
            }
            if self.pending.is_some() || self.clock.now().micros() - self.published_at.micros() >= PUBLISH_EVERY_US {
                self.publish();
            }
        }
        self.publish();
    }

    fn take(&mut self, committed: Committed) {
        for leaf in committed.leaves {
            self.tiles.push(leaf);
        }
        self.checkpoint = committed.checkpoint;
        self.pending = committed.state;
    }

    /// 1. Tiles. 2. The head that they prove: a crash between the two leaves more tiles than the head needs. 3. The snapshot, so that
    ///    none is ever ahead of the published head: start-up compares the two.
    fn publish(&mut self) {
        self.published_at = self.clock.now();
        if self.published_size != self.tiles.size() {
            let published = self.tiles.publish(&self.layout.tiles());
            match published.and_then(|()| privyseal_ledger::publish_checkpoint(&self.layout, &self.checkpoint)) {
                Ok(()) => self.published_size = self.tiles.size(),
                Err(error) => {
                    tracing::error!(ledger.error = %error, "the head could not be published; it will be tried again");
                    return;
                }
            }
        }
        let Some(seed) = self.pending.take().filter(|seed| seed.edge.size() == self.tiles.size()) else { return };
        let Some(tiles) = self.tiles.open_tiles().map(<[_]>::to_vec) else { return };
        let Seed { state, edge, prev, day, key } = *seed;
        let size = edge.size();
        match snapshot::write(&self.layout, Snapshot { state, edge, prev, day, tiles }, &key) {
            Ok(_) => tracing::debug!(snapshot.size = size, "wrote a snapshot of the state"),
            Err(error) => {
                let reason = chain(&error);
                tracing::warn!(snapshot.error = %reason, "a snapshot of the state could not be written; the next start folds more of the log");
            }
        }
    }
}
