//! Asking witnesses to cosign a head (C2SP tlog-witness): whom to ask, with which proof, and what came of it.
//!
//! How bytes reach a witness is behind [`Post`]. Witnesses are asked side by side, each on a thread of its own, and nobody waits for the
//! slowest one when the others are a quorum.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use privyseal_core::cosignature::{CosignedHead, WitnessKey};
use privyseal_core::note::NoteSignature;
use privyseal_core::port::Post;
use privyseal_core::tlog_policy::Policy;
use privyseal_core::tree;
use privyseal_core::witness::{AddCheckpoint, Answer};

use crate::tiles::TileNodes;

/// Longest time for all witnesses together.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the others may still take when there is a quorum.
const GRACE: Duration = Duration::from_millis(500);
/// Requests to one witness for one head: one that it answers with the size it is at, one from there, one more when heads race.
const TRIES: usize = 3;

/// A policy that nobody could ever fulfil.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableError {
    /// Too few witnesses can be asked.
    #[error(
        "the witness policy's quorum cannot be reached: only {askable} of its witnesses have a URL and a key of a type that this build knows"
    )]
    Quorum {
        /// How many can be asked.
        askable: usize,
    },
    /// The policy is about other logs.
    #[error("the witness policy names logs, but not `{origin}`: add its line `log <vkey>`, or leave logs out")]
    OtherLogs {
        /// This log.
        origin: String,
    },
}

/// One witness that can be asked.
struct Seat {
    name: String,
    key: WitnessKey,
    url: String,
    /// Size that it cosigned last, as far as we know. It tells us when we are wrong.
    at: AtomicU64,
    /// Whether a request from an earlier round is still under way.
    busy: AtomicBool,
}

/// The witnesses of one log.
pub struct Witnesses {
    policy: Policy,
    tiles: PathBuf,
    post: Arc<dyn Post>,
    seats: Vec<Arc<Seat>>,
}

/// A head with the cosignatures that were given in time.
#[derive(Clone, Debug)]
pub struct Cosigned {
    /// The head.
    pub head: CosignedHead,
    /// Names of the witnesses that cosigned it.
    pub witnesses: Vec<String>,
    /// Whether they are the policy's quorum.
    pub quorum: bool,
    /// What went wrong, by witness, in words for the operator.
    pub problems: Vec<(String, String)>,
}

impl Witnesses {
    /// The witnesses that a policy names, for the log whose hash tiles are in `tiles`.
    ///
    /// # Errors
    /// When the policy names logs but not this one, or no answer of all its witnesses could make a quorum.
    pub fn new(policy: Policy, origin: &str, tiles: PathBuf, post: Arc<dyn Post>) -> Result<Self, UnusableError> {
        if policy.names_logs() && !policy.log_keys().any(|key| key.name() == origin) {
            return Err(UnusableError::OtherLogs { origin: origin.to_owned() });
        }
        let seat = |witness: &privyseal_core::tlog_policy::PolicyWitness| {
            let (key, url) = (witness.key.clone()?, witness.url.clone()?);
            let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
            Some(Arc::new(Seat { name: witness.name.clone(), key, url, at: AtomicU64::new(0), busy: AtomicBool::new(false) }))
        };
        let seats: Vec<Arc<Seat>> = policy.witnesses().iter().filter_map(seat).collect();
        if !policy.is_quorum(|name| seats.iter().any(|seat| seat.name == name)) {
            return Err(UnusableError::Quorum { askable: seats.len() });
        }
        Ok(Self { policy, tiles, post, seats })
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Asks every witness to cosign a head whose tiles are written. Returns when all have answered, shortly after a quorum has, or after
    /// ten seconds, whatever comes first.
    #[must_use]
    pub fn cosign(&self, head: CosignedHead) -> Cosigned {
        let (mut problems, mut asked) = (Vec::new(), 0);
        let (send, answers) = channel();
        for (index, seat) in self.seats.iter().enumerate() {
            if seat.busy.swap(true, Ordering::AcqRel) {
                problems.push((seat.name.clone(), "it has not answered an earlier request yet".to_owned()));
                continue;
            }
            let (round, tiles, post, head, send) =
                (Round(Arc::clone(seat)), self.tiles.clone(), Arc::clone(&self.post), head.clone(), send.clone());
            let thread = std::thread::Builder::new().name("privyseal-witness".to_owned());
            let started = thread.spawn(move || {
                let answer = round.0.ask(post.as_ref(), &head, tiles);
                drop(round);
                // Whoever has stopped waiting has the head published by now.
                let _ = send.send((index, answer));
            });
            match started {
                Ok(_) => asked += 1,
                Err(error) => problems.push((seat.name.clone(), format!("no thread could be started: {error}"))),
            }
        }
        drop(send);
        self.collect(head, &answers, asked, problems)
    }

    fn collect(
        &self,
        mut head: CosignedHead,
        answers: &Receiver<(usize, Result<NoteSignature, String>)>,
        mut asked: usize,
        mut problems: Vec<(String, String)>,
    ) -> Cosigned {
        let (mut deadline, mut witnesses, mut quorum) = (Instant::now() + PATIENCE, Vec::new(), false);
        while asked > 0 {
            match answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((index, answer)) => {
                    asked -= 1;
                    let name = self.seats.get(index).map(|seat| seat.name.clone()).unwrap_or_default();
                    match answer {
                        Ok(line) => {
                            head.note.put(line);
                            witnesses.push(name);
                        }
                        Err(problem) => problems.push((name, problem)),
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
            if !quorum && self.policy.is_quorum(|name| witnesses.iter().any(|there| there == name)) {
                quorum = true;
                deadline = deadline.min(Instant::now() + GRACE);
            }
        }
        // A policy without witnesses is fulfilled by nobody.
        quorum |= self.policy.is_quorum(|name| witnesses.iter().any(|there| there == name));
        for seat in &self.seats {
            if !witnesses.contains(&seat.name) && !problems.iter().any(|(name, _)| *name == seat.name) {
                problems.push((seat.name.clone(), "it has not answered in time".to_owned()));
            }
        }
        Cosigned { head, witnesses, quorum, problems }
    }
}

/// Frees the seat when the request is over, whatever happened.
struct Round(Arc<Seat>);

impl Drop for Round {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

impl Seat {
    fn ask(&self, post: &dyn Post, head: &CosignedHead, tiles: PathBuf) -> Result<NoteSignature, String> {
        let size = head.checkpoint.size;
        let nodes = TileNodes::new(tiles, size);
        for _ in 0..TRIES {
            let old = self.at.load(Ordering::Acquire);
            if old > size {
                // Either this log lost entries, or the witness lies. Neither may pass in silence.
                return Err(format!("it says that it has cosigned {old} entries of this log, which has {size}: compare histories at once"));
            }
            let proof = if old == 0 || old == size {
                Vec::new()
            } else {
                tree::consistency_proof(&nodes, old, size).map_err(|_| format!("the tiles give no proof from {old} to {size} entries"))?
            };
            let request = AddCheckpoint { old, proof, head: head.clone() };
            let reply = post.post(&self.url, "text/plain; charset=utf-8", request.to_string().as_bytes())?;
            let body = String::from_utf8_lossy(&reply.body);
            match Answer::read(reply.status, &reply.content_type, &body, head, &self.key) {
                Answer::Cosigned(line, _) => {
                    self.at.store(size, Ordering::Release);
                    return Ok(line);
                }
                Answer::At(now) if now != old => self.at.store(now, Ordering::Release),
                Answer::At(_) if old == size => {
                    return Err("it has cosigned another head of this size: compare histories at once".to_owned());
                }
                Answer::At(_) => return Err("it refuses the size that it named itself".to_owned()),
                Answer::Refused(why) => return Err(why),
            }
        }
        Err(format!("it named another size in each of {TRIES} answers"))
    }
}
