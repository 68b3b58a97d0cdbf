//! The proof of one entry as a file that verifies offline: C2SP tlog-proof, version 1.
//!
//! It holds the entry's index, its inclusion proof, and the cosigned checkpoint that the proof leads to. The entry itself is not part of
//! the format; our files carry its bytes as `extra`, which the reader must not trust before they hash to the proven leaf.

use std::fmt;
use std::str::FromStr;

use crate::cosignature::{CosignedHead, HeadCheck};
use crate::digest::{Digest, base64, from_base64};
use crate::note::NoteError;
use crate::tlog_policy::Policy;
use crate::tree;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Longest file accepted, in bytes: an entry in base64, its path, and a checkpoint with a hundred lines.
pub const MAX_PROOF_BYTES: usize = 1_200_000;
/// A tree has at most 2^63 leaves.
const MAX_PATH: usize = 63;

/// What is wrong with a proof file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// Its form is wrong.
    #[error("not a tlog-proof file: {0}")]
    Malformed(&'static str),
    /// The checkpoint in it is wrong or not signed as the policy asks.
    #[error("the checkpoint of the proof is refused")]
    Head(#[source] NoteError),
    /// The proof does not lead from the entry to the checkpoint's root.
    #[error("entry {index} is not proven: its inclusion proof does not lead to the root of the checkpoint")]
    NotIncluded {
        /// The entry.
        index: u64,
    },
    /// Too few witnesses cosigned the checkpoint.
    #[error("the checkpoint of the proof lacks a quorum: cosigned by {found} of the policy's witnesses")]
    NoQuorum {
        /// How many cosigned.
        found: usize,
    },
}

/// A proof file taken apart; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes for the application, not authenticated by the format. Ours are the entry.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// Its inclusion proof, leaf side first.
    pub path: Vec<Digest>,
    /// The signed checkpoint.
    pub head: CosignedHead,
}

impl TlogProof {
    /// Checks the whole proof: the head by the policy, with a quorum, and the entry's place under it.
    ///
    /// # Errors
    /// When any of it does not hold.
    pub fn verify(&self, leaf: &Digest, policy: &Policy) -> Result<HeadCheck, ProofFileError> {
        self.verify_inclusion(leaf)?;
        let check = self.head.check(policy).map_err(ProofFileError::Head)?;
        if check.quorum { Ok(check) } else { Err(ProofFileError::NoQuorum { found: check.witnesses.len() }) }
    }

    /// Checks only that the leaf is under the checkpoint's root; who signed the checkpoint is the caller's to check.
    ///
    /// # Errors
    /// When it is not.
    pub fn verify_inclusion(&self, leaf: &Digest) -> Result<(), ProofFileError> {
        let head = &self.head.checkpoint;
        let included = tree::verify_inclusion(leaf, self.index, head.size, &self.path, &head.root);
        if included { Ok(()) } else { Err(ProofFileError::NotIncluded { index: self.index }) }
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", base64(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.head.note)
    }
}

impl FromStr for TlogProof {
    type Err = ProofFileError;
    fn from_str(text: &str) -> Result<Self, ProofFileError> {
        use ProofFileError::Malformed;
        if text.len() > MAX_PROOF_BYTES {
            return Err(Malformed("it is longer than 1,200,000 bytes"));
        }
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n')).ok_or(Malformed("it has another first line"))?;
        let (lines, note) = rest.split_once("\n\n").ok_or(Malformed("no blank line before the checkpoint"))?;
        let mut lines = lines.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra =
            extra.and_then(|line| line.strip_prefix("extra ")).map(|data| from_base64(data).ok_or(Malformed("`extra` is not base64")));
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(Malformed("no `index` line"))?;
        let index = decimal(index).ok_or(Malformed("the index is not a decimal number in its one form"))?;
        let hash = |line: &str| from_base64(line).and_then(|bytes| Digest::from_slice(&bytes));
        let path: Option<Vec<Digest>> = lines.map(hash).collect();
        let path = path.ok_or(Malformed("a line of the inclusion proof is not a hash in base64"))?;
        if path.len() > MAX_PATH {
            return Err(Malformed("the inclusion proof has more than 63 lines"));
        }
        let head = CosignedHead::parse(note).map_err(ProofFileError::Head)?;
        Ok(Self { extra: extra.transpose()?, index, path, head })
    }
}

/// A decimal number without sign or leading zero.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{Checkpoint, NodeKey};
    use crate::tree::{Edge, leaf_hash};

    #[test]
    fn a_proof_round_trips_and_every_flip_is_found() {
        let leaves: Vec<Digest> = (0..11_u64).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let mut edge = Edge::new();
        leaves.iter().for_each(|leaf| edge.push(*leaf));
        let key = NodeKey::from_seed("example.com/privyseal/test", &[7; 32]).unwrap();
        let head = Checkpoint { origin: "example.com/privyseal/test".into(), size: 11, root: edge.root() };
        let note = key.sign_note(&head.text());
        let path = tree::inclusion_proof(leaves.as_slice(), 6, 11).unwrap();
        let proof = TlogProof { extra: Some(b"six".to_vec()), index: 6, path, head: CosignedHead::parse(&note).unwrap() };
        let text = proof.to_string();
        assert_eq!(text.parse::<TlogProof>().unwrap(), proof);
        let policy = Policy::parse(&format!("log {}\nquorum none\n", key.verifier())).unwrap();
        proof.verify(&leaves[6], &policy).unwrap();
        let extra = text.find("extra").unwrap()..text.find("index").unwrap();
        for position in (0..text.len()).filter(|position| !extra.contains(position)) {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1;
            let proof = String::from_utf8(bytes).ok().and_then(|text| text.parse::<TlogProof>().ok());
            assert!(proof.is_none_or(|proof| proof.verify(&leaves[6], &policy).is_err()), "flip at byte {position} went unseen");
        }
    }
}
