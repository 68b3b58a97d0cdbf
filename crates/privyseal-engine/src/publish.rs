//! Publishing beside the writer: tiles, the head that they prove, cosigned where there are witnesses, and snapshots of the state. Nobody
//! who waits for a commit waits for these, and none of these waits for a witness.

mod asking;

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

pub use asking::{Anchors, WitnessOptions, Witnessed};
pub(crate) use asking::{Asking, Standing};

/// Shortest time between two published heads, in microseconds.
const PUBLISH_EVERY_US: i64 = 1_000_000;
/// A snapshot is made after so many entries, which bounds what start-up has to fold: about a second's work.
const SNAPSHOT_ENTRIES: u64 = 65_536;
/// And after so long when there was any entry. Real time, not the clock's: a rehearsed quarter needs no snapshot of every ten minutes.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(600);
/// How often the publisher looks whether anything is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same while witnesses are asked: a head that is cosigned is worth publishing soon.
const LOOK_FOR_ANSWERS_EVERY: Duration = Duration::from_millis(20);
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

/// Where publishing begins: a folded log.
pub(crate) struct Begun {
    pub(crate) tiles: TileWriter,
    /// The signed head over them.
    pub(crate) checkpoint: String,
    /// Size of the newest snapshot that there is; 0 for none.
    pub(crate) snapshot_size: u64,
}

/// The writer's end: tells what was committed and when a snapshot is due, and brings back cosigned heads.
pub(crate) struct Publisher {
    sender: Option<Sender<Committed>>,
    cosigned: Receiver<(u64, String)>,
    thread: Option<JoinHandle<()>>,
    snapshot_size: u64,
    snapshot_at: Instant,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(
        layout: Layout,
        clock: Arc<dyn Clock>,
        begun: Begun,
        wal: Option<WalKeeper>,
        asking: Option<Asking>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let (keep, cosigned) = channel();
        let Begun { tiles, checkpoint, snapshot_size } = begun;
        let worker = Worker {
            layout,
            clock,
            tiles,
            checkpoint,
            published_at: Timestamp::default(),
            tiled_size: 0,
            offered_size: 0,
            published_size: 0,
            asking,
            keep,
            wal,
            tidied_at: Instant::now(),
            pending: None,
            ready: None,
        };
        let thread = std::thread::Builder::new().name("privyseal-publisher".to_owned()).spawn(move || worker.run(&receiver))?;
        Ok(Self { sender: Some(sender), cosigned, thread: Some(thread), snapshot_size, snapshot_at: Instant::now() })
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

    /// Cosigned heads that were published and that the log does not keep yet, oldest first.
    pub(crate) fn cosigned(&self) -> Vec<(u64, String)> {
        self.cosigned.try_iter().collect()
    }

    /// Size of the newest snapshot that was asked for.
    pub(crate) fn snapshot_size(&self) -> u64 {
        self.snapshot_size
    }

    /// Publishes what is left and ends the thread. Witnesses get a last chance, which takes about twenty seconds at most.
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
    /// Size that the tiles on disk have.
    tiled_size: u64,
    /// Size of the head that was published last, or given to the witnesses to be published with their cosignatures.
    offered_size: u64,
    /// Size of the head on disk; 0 until this process published one.
    published_size: u64,
    /// Asks the witnesses, where there are any.
    asking: Option<Asking>,
    /// Takes cosigned heads to the writer, which alone writes the log.
    keep: Sender<(u64, String)>,
    /// Keeps the write-ahead log short; `None` when that is not to be had, and the log's own connection does it.
    wal: Option<WalKeeper>,
    tidied_at: Instant,
    /// What a snapshot of exactly the size that the tiles have is made of; forgotten when they grow before they could be written.
    pending: Option<Box<Seed>>,
    /// A snapshot that waits for the head over it to be published.
    ready: Option<(Box<Snapshot>, Arc<NodeKey>)>,
}

impl Worker {
    fn run(mut self, receiver: &Receiver<Committed>) {
        loop {
            let asks = self.asking.as_ref().is_some_and(Asking::is_under_way);
            match receiver.recv_timeout(if asks { LOOK_FOR_ANSWERS_EVERY } else { LOOK_EVERY }) {
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
            self.settle(false);
            if self.pending.is_some() || self.clock.now().micros() - self.published_at.micros() >= PUBLISH_EVERY_US {
                self.publish();
            }
        }
        // What is with the witnesses, then what was committed since.
        self.settle(true);
        self.publish();
        self.settle(true);
    }

    fn take(&mut self, committed: Committed) {
        for leaf in committed.leaves {
            self.tiles.push(leaf);
        }
        self.checkpoint = committed.checkpoint;
        self.pending = committed.state;
    }

    /// 1. Tiles. 2. The head that they prove: a crash between the two leaves more tiles than the head needs. With witnesses, they get it
    ///    first, and [`Worker::settle`] publishes it. 3. The snapshot, so that none is ever ahead of the published head: start-up compares
    ///    the two.
    fn publish(&mut self) {
        self.published_at = self.clock.now();
        let size = self.tiles.size();
        if self.tiled_size != size {
            match self.tiles.publish(&self.layout.tiles()) {
                Ok(()) => self.tiled_size = size,
                Err(error) => return not_published(&error),
            }
        }
        if let Some(seed) = self.pending.take().filter(|seed| seed.edge.size() == size)
            && let Some(tiles) = self.tiles.open_tiles().map(<[_]>::to_vec)
        {
            let Seed { state, edge, prev, day, key } = *seed;
            self.ready = Some((Box::new(Snapshot { state, edge, prev, day, tiles }), key));
        }
        if let Err(error) = self.offer() {
            return not_published(&error);
        }
        self.write_snapshot();
    }

    /// Publishes the head, or gives it to the witnesses unless they have one in their hands.
    fn offer(&mut self) -> std::io::Result<()> {
        let size = self.tiles.size();
        match &mut self.asking {
            Some(asking) if asking.is_under_way() || (self.offered_size == size && !asking.is_retry_due(size)) => return Ok(()),
            Some(asking) => asking.ask(&self.checkpoint)?,
            None if self.offered_size == size => return Ok(()),
            None => {
                privyseal_ledger::publish_checkpoint(&self.layout, &self.checkpoint)?;
                self.published_size = size;
            }
        }
        self.offered_size = size;
        Ok(())
    }

    /// Publishes a head that the witnesses have had, with the cosignatures that it has.
    fn settle(&mut self, wait: bool) {
        let now = self.clock.now();
        let Some(asking) = &mut self.asking else { return };
        let Some(cosigned) = asking.answer(wait, now).filter(|cosigned| asking.suffices(cosigned)) else { return };
        let (note, size) = (cosigned.head.note.to_string(), cosigned.head.checkpoint.size);
        if let Err(error) = privyseal_ledger::publish_checkpoint(&self.layout, &note) {
            self.offered_size = 0;
            return not_published(&error);
        }
        self.published_size = size;
        if !cosigned.witnesses.is_empty() {
            // A writer that is gone has let go of the log; the published file still holds the cosignatures.
            let _ = self.keep.send((size, note));
        }
        self.write_snapshot();
    }

    fn write_snapshot(&mut self) {
        let published_size = self.published_size;
        let Some((snapshot, key)) = self.ready.take_if(|(snapshot, _)| snapshot.edge.size() <= published_size) else { return };
        let size = snapshot.edge.size();
        match snapshot::write(&self.layout, *snapshot, &key) {
            Ok(_) => tracing::debug!(snapshot.size = size, "wrote a snapshot of the state"),
            Err(error) => {
                let reason = chain(&error);
                tracing::warn!(snapshot.error = %reason, "a snapshot of the state could not be written; the next start folds more of the log");
            }
        }
    }
}

fn not_published(error: &std::io::Error) {
    tracing::error!(ledger.error = %error, "the head could not be published; it will be tried again");
}
