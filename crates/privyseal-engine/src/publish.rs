//! Publishing heads with the cosignatures of witnesses, on a thread of its own: the writer never waits for another machine.
//!
//! The writer leaves the newest head here; what came before and was not taken up is replaced by it. The thread asks the witnesses, writes
//! `ledger/checkpoint`, and hands the cosigned head back to the writer, which keeps it in the log.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use privyseal_core::cosignature::CosignedHead;
use privyseal_core::port::{Clock, Post};
use privyseal_core::time::Timestamp;
use privyseal_core::tlog_policy::Policy;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::witness::{Cosigned, UnusableError, Witnesses};

/// How long a head without quorum waits before it is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Who vouches for published heads besides the log itself.
#[derive(Clone, Default)]
pub struct Anchors {
    /// Witnesses to be asked; none by default.
    pub witnesses: Option<WitnessOptions>,
}

/// Which witnesses are asked, and what happens without them.
#[derive(Clone)]
pub struct WitnessOptions {
    /// Witnesses and quorum.
    pub policy: Policy,
    /// Whether a head without quorum stays unpublished.
    pub required: bool,
    /// How they are reached.
    pub post: Arc<dyn Post>,
}

/// How the witnesses stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witnessed {
    /// The newest head that had a quorum: its size, and when it was published.
    pub quorum: Option<(u64, Timestamp)>,
    /// What went wrong with the newest head, by witness.
    pub problems: Vec<(String, String)>,
    /// Whether heads without quorum stay unpublished.
    pub required: bool,
}

/// What readers see of it.
pub(crate) type Standing = Arc<RwLock<Witnessed>>;

#[derive(Default)]
struct Next {
    head: Option<CosignedHead>,
    closed: bool,
}

#[derive(Default)]
struct Slot {
    next: Mutex<Next>,
    woken: Condvar,
}

/// The writer's end.
pub(crate) struct Publisher {
    slot: Arc<Slot>,
    cosigned: Receiver<(u64, String)>,
    thread: Option<JoinHandle<()>>,
    pub(crate) standing: Standing,
}

impl Publisher {
    /// Starts the thread.
    pub(crate) fn start(options: &WitnessOptions, origin: &str, layout: &Layout, clock: &Arc<dyn Clock>) -> Result<Self, UnusableError> {
        let witnesses = Witnesses::new(options.policy.clone(), origin, layout.tiles(), Arc::clone(&options.post))?;
        let slot = Arc::new(Slot::default());
        let standing = Arc::new(RwLock::new(Witnessed { required: options.required, ..Witnessed::default() }));
        let (send, cosigned) = channel();
        let work = Work {
            witnesses,
            required: options.required,
            layout: layout.clone(),
            clock: Arc::clone(clock),
            slot: Arc::clone(&slot),
            standing: Arc::clone(&standing),
            send,
        };
        let thread = std::thread::Builder::new().name("privyseal-publisher".to_owned()).spawn(move || work.run());
        let thread = thread.inspect_err(|error| tracing::error!(ledger.error = %error, "heads cannot be published: no thread")).ok();
        Ok(Self { slot, cosigned, thread, standing })
    }

    /// Leaves a head to be published. Its tiles are written.
    pub(crate) fn offer(&self, note: &str) -> Result<(), std::io::Error> {
        let head = CosignedHead::parse(note).map_err(std::io::Error::other)?;
        self.slot.next.lock().unwrap_or_else(PoisonError::into_inner).head = Some(head);
        self.slot.woken.notify_one();
        Ok(())
    }

    /// Cosigned heads that the log does not keep yet, oldest first.
    pub(crate) fn cosigned(&self) -> Vec<(u64, String)> {
        self.cosigned.try_iter().collect()
    }

    /// Waits until the last head left here was tried, at most about ten seconds.
    pub(crate) fn finish(&mut self) {
        self.slot.next.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.slot.woken.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there was printed; the head then stays as it was published before.
            let _ = thread.join();
        }
    }
}

struct Work {
    witnesses: Witnesses,
    required: bool,
    layout: Layout,
    clock: Arc<dyn Clock>,
    slot: Arc<Slot>,
    standing: Standing,
    send: Sender<(u64, String)>,
}

impl Work {
    fn run(self) {
        let mut unwitnessed: Option<CosignedHead> = None;
        loop {
            let (head, closed) = self.wait(unwitnessed.is_some());
            let fresh = head.is_some();
            let Some(head) = head.or(unwitnessed.take()) else { if closed { return } else { continue } };
            // What was tried without success is not tried again on the way out.
            if fresh || !closed {
                unwitnessed = self.publish(head);
            }
            if closed {
                return;
            }
        }
    }

    /// The next head, and whether there will be no more. Without a new head this returns after a while when one is to be tried again.
    fn wait(&self, retry: bool) -> (Option<CosignedHead>, bool) {
        let mut next = self.slot.next.lock().unwrap_or_else(PoisonError::into_inner);
        while next.head.is_none() && !next.closed {
            if retry {
                let (guard, timeout) = self.slot.woken.wait_timeout(next, RETRY).unwrap_or_else(PoisonError::into_inner);
                next = guard;
                if timeout.timed_out() {
                    break;
                }
            } else {
                next = self.slot.woken.wait(next).unwrap_or_else(PoisonError::into_inner);
            }
        }
        (next.head.take(), next.closed)
    }

    /// Asks for cosignatures and publishes. Returns the head when it is to be tried again.
    fn publish(&self, head: CosignedHead) -> Option<CosignedHead> {
        let cosigned = self.witnesses.cosign(head);
        self.report(&cosigned);
        let (note, size) = (cosigned.head.note.to_string(), cosigned.head.checkpoint.size);
        if cosigned.quorum || !self.required {
            if let Err(error) = privyseal_ledger::publish_checkpoint(&self.layout, &note) {
                tracing::error!(ledger.error = %error, "the head could not be published; it will be tried again");
                return Some(cosigned.head);
            }
            if !cosigned.witnesses.is_empty() {
                // A writer that is gone has closed the log; the published file still holds the cosignatures.
                let _ = self.send.send((size, note));
            }
        }
        (!cosigned.quorum).then_some(cosigned.head)
    }

    fn report(&self, cosigned: &Cosigned) {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        // Told once, when it changes: witnesses are asked every second.
        if standing.problems != cosigned.problems {
            for (witness, problem) in &cosigned.problems {
                tracing::warn!(witness.name = %witness, witness.problem = %problem, "a witness did not cosign the head");
            }
            if !cosigned.quorum && self.required {
                tracing::error!("the head is not published: it has no quorum of witnesses, and the configuration requires one");
            }
        }
        standing.problems.clone_from(&cosigned.problems);
        if cosigned.quorum {
            standing.quorum = Some((cosigned.head.checkpoint.size, self.clock.now()));
        }
    }
}
