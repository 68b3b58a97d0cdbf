//! The words that a log and a witness exchange: C2SP tlog-witness, the call `add-checkpoint`. Nothing here does I/O.
//!
//! A log sends a head with the proof that it continues what the witness saw last; [`judge`] is the witness's side, [`Answer`] what the
//! log makes of a reply.

use std::fmt;
use std::str::FromStr;

use crate::cosignature::{CosignedHead, WitnessKey};
use crate::digest::{Digest, base64, from_base64};
use crate::note::{NoteSignature, VerifierKey};
use crate::tlog_proof::decimal;
use crate::tree;

/// Most lines of a consistency proof that may be sent.
const MAX_PATH: usize = 63;
/// Longest request or reply read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// Media type of a reply that tells the size a witness is at.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// One call of `add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the head that the witness is thought to have cosigned last; 0 when it has seen none.
    pub old: u64,
    /// Proof that the head continues the one of `old` entries.
    pub proof: Vec<Digest>,
    /// The head.
    pub head: CosignedHead,
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", base64(hash.as_bytes())))?;
        write!(f, "\n{}", self.head.note)
    }
}

/// A request body that is not in the form of the spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed request: {0}")]
pub struct Malformed(&'static str);

impl FromStr for AddCheckpoint {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (lines, note) = text.split_once("\n\n").ok_or(Malformed("no blank line before the checkpoint"))?;
        let mut lines = lines.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(decimal)
            .ok_or(Malformed("the first line is not `old` and a size"))?;
        let proof: Option<Vec<Digest>> = lines.map(|line| from_base64(line).and_then(|bytes| Digest::from_slice(&bytes))).collect();
        let proof = proof.ok_or(Malformed("a line of the consistency proof is not a hash in base64"))?;
        if proof.len() > MAX_PATH {
            return Err(Malformed("the consistency proof has more than 63 lines"));
        }
        let head = CosignedHead::parse(note).map_err(|_| Malformed("the checkpoint is not a signed note with three lines"))?;
        Ok(Self { old, proof, head })
    }
}

/// What a witness remembers of a log: the newest head that it cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

impl Default for Seen {
    fn default() -> Self {
        Self { size: 0, root: tree::empty_root() }
    }
}

/// Why a witness does not cosign. The spec ties each to a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400
    #[error("the old size is above the size of the checkpoint")]
    OldAboveNew,
    /// 403
    #[error("no trusted key of this log signed the checkpoint")]
    NotSigned,
    /// 404
    #[error("this witness does not know the log")]
    UnknownLog,
    /// 409: the size last cosigned is another one, which the reply tells, or the same size has another root.
    #[error("the head last cosigned has {size} entries, or another root")]
    Conflict {
        /// The size last cosigned.
        size: u64,
    },
    /// 422
    #[error("the checkpoint does not continue the one cosigned last")]
    Inconsistent,
}

impl Refusal {
    /// HTTP status of the reply.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::OldAboveNew => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// Whether a witness that trusts `keys` for the head's origin and has cosigned `seen` last may cosign. The caller must hold `seen` fast
/// until the answer is persisted, or two requests could roll it back.
///
/// # Errors
/// When it may not.
pub fn judge(request: &AddCheckpoint, keys: &[VerifierKey], seen: &Seen) -> Result<Seen, Refusal> {
    let head = &request.head.checkpoint;
    if keys.is_empty() {
        return Err(Refusal::UnknownLog);
    }
    if !keys.iter().any(|key| key.name() == head.origin && request.head.note.verify(key).is_ok()) {
        return Err(Refusal::NotSigned);
    }
    if request.old > head.size {
        return Err(Refusal::OldAboveNew);
    }
    let conflict = Refusal::Conflict { size: seen.size };
    if request.old != seen.size {
        return Err(conflict);
    }
    if head.size == seen.size {
        if head.root != seen.root {
            return Err(conflict);
        }
        return if request.proof.is_empty() { Ok(*seen) } else { Err(Refusal::Inconsistent) };
    }
    let continues = match seen.size {
        0 => request.proof.is_empty(),
        size => tree::verify_consistency(size, &seen.root, head.size, &head.root, &request.proof),
    };
    if continues { Ok(Seen { size: head.size, root: head.root }) } else { Err(Refusal::Inconsistent) }
}

/// What a log makes of a witness's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The line that cosigns the head, verified, and the time that it states.
    Cosigned(NoteSignature, u64),
    /// The witness cosigned a head of this size last: ask again from there.
    At(u64),
    /// Anything else, in words for the operator.
    Refused(String),
}

impl Answer {
    /// Reads a reply to a request for `head`, sent to the witness with `key`.
    #[must_use]
    pub fn read(status: u16, content_type: &str, body: &str, head: &CosignedHead, key: &WitnessKey) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        match status {
            200 => {
                let lines = body.strip_suffix('\n').unwrap_or(body).split('\n').map(NoteSignature::parse);
                let mine = lines.filter_map(Result::ok).find(|line| line.key_id == key.id() && line.name == key.name());
                match mine.map(|line| (key.time_of(&head.note.text, &line), line)) {
                    Some((Ok(time_s), line)) => Self::Cosigned(line, time_s),
                    Some((Err(_), _)) => Self::Refused("its cosignature does not verify".to_owned()),
                    None => Self::Refused("its reply holds no cosignature of the key that the policy names".to_owned()),
                }
            }
            409 if media_type == SIZE_TYPE => match body.strip_suffix('\n').and_then(decimal) {
                Some(size) => Self::At(size),
                None => Self::Refused("it says that it is at another size, but not which".to_owned()),
            },
            404 => Self::Refused("it does not know this log (404): have its operator add the log's key".to_owned()),
            403 => Self::Refused("it does not trust the log's key (403)".to_owned()),
            409 => Self::Refused("it has seen another head of this size (409): compare histories at once".to_owned()),
            422 => Self::Refused("it says that the head does not continue what it saw before (422): compare histories at once".to_owned()),
            other => Self::Refused(format!("it answered with status {other}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosignature::WitnessSigner;
    use crate::note::{Checkpoint, NodeKey};
    use crate::tree::{Edge, leaf_hash};

    fn leaves(count: u64, salt: &[u8]) -> Vec<Digest> {
        (0..count).map(|i| if i < 5 { leaf_hash(&i.to_be_bytes()) } else { leaf_hash(&[salt, &i.to_be_bytes()].concat()) }).collect()
    }

    fn head(key: &NodeKey, leaves: &[Digest]) -> CosignedHead {
        let mut edge = Edge::new();
        leaves.iter().for_each(|leaf| edge.push(*leaf));
        let checkpoint = Checkpoint { origin: "log.example/a".into(), size: edge.size(), root: edge.root() };
        CosignedHead::parse(&key.sign_note(&checkpoint.text())).unwrap()
    }

    fn request(key: &NodeKey, leaves: &[Digest], old: u64) -> AddCheckpoint {
        let size = u64::try_from(leaves.len()).unwrap();
        let proof = if old == 0 || old > size { Vec::new() } else { tree::consistency_proof(leaves, old, size).unwrap() };
        let made = AddCheckpoint { old, proof, head: head(key, leaves) };
        made.to_string().parse().unwrap()
    }

    #[test]
    fn a_witness_follows_one_history_only() {
        let key = NodeKey::from_seed("log.example/a", &[1; 32]).unwrap();
        let stranger = NodeKey::from_seed("log.example/a", &[2; 32]).unwrap();
        let keys = [key.verifier()];
        let (ours, forked) = (leaves(9, b"ours"), leaves(9, b"fork"));
        let seen = judge(&request(&key, &ours[..6], 0), &keys, &Seen::default()).unwrap();
        assert_eq!(seen.size, 6);
        assert_eq!(judge(&request(&key, &ours, 6), &keys, &seen).unwrap().size, 9);
        assert_eq!(judge(&request(&key, &ours[..6], 6), &keys, &seen), Ok(seen), "the same head again is fine");
        assert_eq!(judge(&request(&key, &forked, 6), &keys, &seen), Err(Refusal::Inconsistent));
        assert_eq!(judge(&request(&key, &forked[..6], 6), &keys, &seen), Err(Refusal::Conflict { size: 6 }));
        assert_eq!(judge(&request(&key, &ours[..4], 4), &keys, &seen), Err(Refusal::Conflict { size: 6 }), "a rollback");
        assert_eq!(judge(&request(&key, &ours, 0), &keys, &seen), Err(Refusal::Conflict { size: 6 }));
        assert_eq!(judge(&request(&key, &ours[..4], 6), &keys, &seen), Err(Refusal::OldAboveNew));
        assert_eq!(judge(&request(&stranger, &ours, 6), &keys, &seen), Err(Refusal::NotSigned));
        assert_eq!(judge(&request(&key, &ours, 6), &[], &seen), Err(Refusal::UnknownLog));
        let mut unneeded = request(&key, &ours[..6], 0);
        unneeded.proof.push(Digest::of(b""));
        assert_eq!(judge(&unneeded, &keys, &Seen::default()), Err(Refusal::Inconsistent));
    }

    #[test]
    fn replies_are_believed_only_when_they_verify() {
        let key = NodeKey::from_seed("log.example/a", &[1; 32]).unwrap();
        let witness = WitnessSigner::from_seed("w.example", &[3; 32]).unwrap();
        let (asked, other) = (head(&key, &leaves(6, b"")), head(&key, &leaves(7, b"")));
        let read = |status, kind: &str, body: &str| Answer::read(status, kind, body, &asked, witness.public());
        let line = witness.cosign(&asked.note.text, 5);
        assert_eq!(read(200, "", &format!("{line}\n")), Answer::Cosigned(line, 5));
        assert!(matches!(read(200, "", &format!("{}\n", witness.cosign(&other.note.text, 5))), Answer::Refused(_)));
        assert!(matches!(read(200, "", ""), Answer::Refused(_)));
        assert_eq!(read(409, "text/x.tlog.size", "41\n"), Answer::At(41));
        for (status, kind, body) in [(409, "text/plain", "41\n"), (409, SIZE_TYPE, "041\n"), (404, "", ""), (422, "", ""), (500, "", "")] {
            assert!(matches!(read(status, kind, body), Answer::Refused(_)), "{status} {kind} {body}");
        }
    }
}
