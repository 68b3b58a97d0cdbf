//! Asking witnesses for their cosignatures on heads, round by round, without anybody waiting: a round has a thread of its own.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use privyseal_core::cosignature::CosignedHead;
use privyseal_core::port::Post;
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
    /// Every witness of the policy, with the size that it cosigned last and when it says that it did, in POSIX seconds; as far as this
    /// process knows, which at its start is what the published head carries.
    pub seen: BTreeMap<String, Option<(u64, u64)>>,
    /// Whether heads without quorum stay unpublished.
    pub required: bool,
}

impl Witnessed {
    /// Remembers who cosigned a head.
    fn sees(&mut self, head: &CosignedHead, policy: &Policy) {
        // A head that does not check was not cosigned by anybody as far as this is concerned; `verify` is who accuses.
        let cosigned = head.check(policy).map(|check| check.witnesses).unwrap_or_default();
        self.seen.extend(cosigned.into_iter().map(|(name, time_s)| (name, Some((head.checkpoint.size, time_s)))));
    }
}

/// What readers see of it.
pub(crate) type Standing = Arc<RwLock<Witnessed>>;

/// The witnesses of one log, one round at a time.
pub(crate) struct Asking {
    witnesses: Arc<Witnesses>,
    standing: Standing,
    required: bool,
    /// The head that they have in their hands.
    round: Option<(CosignedHead, Receiver<Cosigned>)>,
    /// A head without quorum, with the cosignatures that it has, and when it is tried again.
    retry: Option<(CosignedHead, Instant)>,
}

impl Asking {
    /// The witnesses of the log `origin`; nobody is asked yet.
    ///
    /// # Errors
    /// When they could never be a quorum.
    pub(crate) fn new(options: &WitnessOptions, origin: &str, layout: &Layout) -> Result<Self, UnusableError> {
        let witnesses = Witnesses::new(options.policy.clone(), origin, layout.tiles(), Arc::clone(&options.post))?;
        let mut known = Witnessed { required: options.required, ..Witnessed::default() };
        known.seen = options.policy.witnesses().iter().map(|witness| (witness.name.clone(), None)).collect();
        let published = std::fs::read_to_string(layout.checkpoint()).ok().and_then(|note| CosignedHead::parse(&note).ok());
        published.into_iter().for_each(|head| known.sees(&head, &options.policy));
        let standing = Arc::new(RwLock::new(known));
        Ok(Self { witnesses: Arc::new(witnesses), standing, required: options.required, round: None, retry: None })
    }

    /// What readers see of it.
    pub(crate) fn standing(&self) -> Standing {
        Arc::clone(&self.standing)
    }

    /// Whether a round is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.round.is_some()
    }

    /// Whether a head of this size is to be tried again by now.
    pub(crate) fn is_retry_due(&self, size: u64) -> bool {
        self.retry.as_ref().is_some_and(|(head, at)| head.checkpoint.size == size && *at <= Instant::now())
    }

    /// Begins a round for a head whose tiles are written.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn ask(&mut self, note: &str) -> io::Result<()> {
        let fresh = CosignedHead::parse(note).map_err(io::Error::other)?;
        let tried = self.retry.take().map(|(head, _)| head).filter(|head| head.checkpoint == fresh.checkpoint);
        let head = tried.unwrap_or(fresh);
        let (send, receive) = channel();
        let (witnesses, asked) = (Arc::clone(&self.witnesses), head.clone());
        // A publisher that is gone has stopped waiting.
        std::thread::Builder::new().name("privyseal-round".to_owned()).spawn(move || drop(send.send(witnesses.cosign(asked))))?;
        self.round = Some((head, receive));
        Ok(())
    }

    /// What came of the round under way; none while it goes on, or when there is none. With `wait` this takes until it has ended, about
    /// ten seconds at most.
    pub(crate) fn answer(&mut self, wait: bool, now: Timestamp) -> Option<Cosigned> {
        let (head, receiver) = self.round.take()?;
        let answer = if wait { receiver.recv().map_err(|_| TryRecvError::Disconnected) } else { receiver.try_recv() };
        match answer {
            Ok(cosigned) => {
                self.retry = (!cosigned.quorum).then(|| (cosigned.head.clone(), Instant::now() + RETRY));
                self.report(&cosigned, now);
                Some(cosigned)
            }
            Err(TryRecvError::Empty) => {
                self.round = Some((head, receiver));
                None
            }
            Err(TryRecvError::Disconnected) => {
                tracing::error!("asking the witnesses ended by a failure of the program; they will be asked again");
                self.retry = Some((head, Instant::now() + RETRY));
                None
            }
        }
    }

    /// Whether a head may be published with what it has.
    pub(crate) fn suffices(&self, cosigned: &Cosigned) -> bool {
        cosigned.quorum || !self.required
    }

    fn report(&self, cosigned: &Cosigned, now: Timestamp) {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        // Told once, when it changes: witnesses are asked every second.
        if standing.problems != cosigned.problems {
            for (witness, problem) in &cosigned.problems {
                tracing::warn!(witness.name = %witness, witness.problem = %problem, "a witness did not cosign the head");
            }
            if !self.suffices(cosigned) {
                tracing::error!("the head is not published: it has no quorum of witnesses, and the configuration requires one");
            }
        }
        standing.problems.clone_from(&cosigned.problems);
        standing.sees(&cosigned.head, self.witnesses.policy());
        if cosigned.quorum {
            standing.quorum = Some((cosigned.head.checkpoint.size, now));
        }
    }
}
