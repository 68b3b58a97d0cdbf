//! Cosignatures of witnesses on checkpoints: C2SP tlog-cosignature, the Ed25519 form `cosignature/v1` (type 0x04).
//!
//! A cosignature says: at this time, this was the largest head of this log that the witness had seen, and it continues every earlier one.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::note::{
    AnyKey, Checkpoint, KeyId, Note, NoteError, NoteSignature, VerifierKey, key_text, strong_key, valid_name, verify_strict,
};
use crate::tlog_policy::Policy;

/// Signature type of an Ed25519 cosignature.
pub(crate) const COSIGNATURE_V1: u8 = 0x04;
/// Longest timestamp that the spec allows.
const MAX_TIME: u64 = i64::MAX.unsigned_abs();

/// What a witness signs: a header line, the time in POSIX seconds, and the checkpoint's text with its extension lines.
fn message(time_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

/// A witness's public key with the name it signs under.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: KeyId,
    key: VerifyingKey,
}

impl WitnessKey {
    fn of(name: &str, key: VerifyingKey) -> Self {
        Self { name: name.to_owned(), id: KeyId::of(name, COSIGNATURE_V1, key.as_bytes()), key }
    }

    /// The key of the witness `name`.
    ///
    /// # Errors
    /// When `name` cannot name a key, or the bytes are not a usable Ed25519 key.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        if !valid_name(name) {
            return Err(NoteError::Key);
        }
        Ok(Self::of(name, strong_key(public)?))
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The time in POSIX seconds at which the witness cosigned the note; `None` when it did not. Of several lines the latest counts.
    ///
    /// # Errors
    /// When a line of this very key does not verify: somebody put it there.
    pub fn cosigned(&self, note: &Note) -> Result<Option<u64>, NoteError> {
        let lines = note.signatures.iter().filter(|line| line.key_id == self.id && line.name == self.name);
        let times = lines.map(|line| self.time_of(&note.text, line)).collect::<Result<Vec<_>, _>>()?;
        Ok(times.into_iter().max())
    }

    /// The time that one line states, when it is this key's and verifies over the checkpoint's text.
    ///
    /// # Errors
    /// When it is another key's, malformed, or does not verify.
    pub fn time_of(&self, text: &str, line: &NoteSignature) -> Result<u64, NoteError> {
        let bad = || NoteError::BadSignature(self.id.to_string());
        if line.key_id != self.id || line.name != self.name {
            return Err(NoteError::Unsigned(self.id.to_string()));
        }
        let (time, signature) = line.signature.split_first_chunk::<8>().ok_or_else(bad)?;
        let time_s = u64::from_be_bytes(*time);
        let good = time_s <= MAX_TIME && verify_strict(&self.key, &message(time_s, text), signature);
        if good { Ok(time_s) } else { Err(bad()) }
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, self.id, COSIGNATURE_V1, self.key.as_bytes()))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WitnessKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let key: AnyKey = text.parse()?;
        if key.kind != COSIGNATURE_V1 {
            return Err(NoteError::Key);
        }
        Self::new(&key.name, key.public.as_slice().try_into().map_err(|_| NoteError::Key)?)
    }
}

/// A witness's private key. It has no `Debug`, so that it cannot slip into a log line.
pub struct WitnessSigner {
    public: WitnessKey,
    key: SigningKey,
}

impl WitnessSigner {
    /// The key of the witness `name` from its 32-byte seed. The seed must not be used for anything else: the signed text does not
    /// commit to the name.
    ///
    /// # Errors
    /// When `name` cannot name a key.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !valid_name(name) {
            return Err(NoteError::Key);
        }
        let key = SigningKey::from_bytes(seed);
        Ok(Self { public: WitnessKey::of(name, key.verifying_key()), key })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &WitnessKey {
        &self.public
    }

    /// Cosigns the text of a checkpoint at `time_s`, POSIX seconds.
    #[must_use]
    pub fn cosign(&self, text: &str, time_s: u64) -> NoteSignature {
        let mut signature = time_s.to_be_bytes().to_vec();
        signature.extend_from_slice(&self.key.sign(&message(time_s, text)).to_bytes());
        NoteSignature { name: self.public.name.clone(), key_id: self.public.id, signature }
    }
}

/// A checkpoint with whatever signature lines are on it; nothing is verified before [`CosignedHead::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedHead {
    /// The note.
    pub note: Note,
    /// Its text, read as a checkpoint.
    pub checkpoint: Checkpoint,
}

/// What a policy says about a head. Every line of a key that the policy knows verified; lines of other keys were not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadCheck {
    /// The log's key that signed it; `None` when the policy names no logs, and the caller has to check the log's signature.
    pub log: Option<VerifierKey>,
    /// Witnesses that cosigned it, by their name in the policy, with the time in POSIX seconds that they state.
    pub witnesses: Vec<(String, u64)>,
    /// Whether these are a quorum.
    pub quorum: bool,
}

impl HeadCheck {
    /// How many witnesses cosigned the head, when they are a quorum.
    ///
    /// # Errors
    /// In words, when they are not.
    pub fn vouched(&self) -> Result<u64, String> {
        let found = self.witnesses.len();
        if self.quorum {
            return Ok(u64::try_from(found).unwrap_or(u64::MAX));
        }
        Err(format!(
            "{found} of the policy's witnesses cosigned the head, which is no quorum: only the log says that others were shown this history; \
             ask again when the witnesses have answered"
        ))
    }
}

impl CosignedHead {
    /// Reads a signed checkpoint.
    ///
    /// # Errors
    /// When it is not in the form of the specs.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::from_text(&note.text)?;
        Ok(Self { note, checkpoint })
    }

    /// Checks the head by a policy: one of its logs signed it, and which of its witnesses cosigned it.
    ///
    /// # Errors
    /// When none of the policy's logs signed it, or a line of a key that the policy knows does not verify. A missing quorum is no error
    /// but an answer: look at [`HeadCheck::quorum`].
    pub fn check(&self, policy: &Policy) -> Result<HeadCheck, NoteError> {
        let mut log = None;
        for key in policy.log_keys().filter(|key| key.name() == self.checkpoint.origin) {
            match self.note.verify(key) {
                Ok(()) => log = log.or_else(|| Some(key.clone())),
                Err(NoteError::Unsigned(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if log.is_none() && policy.names_logs() {
            return Err(NoteError::Unsigned(format!("of a log of the policy, for `{}`", self.checkpoint.origin.escape_debug())));
        }
        let mut witnesses = Vec::new();
        for witness in policy.witnesses() {
            let Some(key) = &witness.key else { continue };
            if let Some(time_s) = key.cosigned(&self.note)? {
                witnesses.push((witness.name.clone(), time_s));
            }
        }
        let quorum = policy.is_quorum(|name| witnesses.iter().any(|(there, _)| there == name));
        Ok(HeadCheck { log, witnesses, quorum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::note::NodeKey;

    #[test]
    fn a_cosignature_round_trips_and_covers_time_and_text() {
        let log = NodeKey::from_seed("example.com/privyseal/test", &[7; 32]).unwrap();
        let witness = WitnessSigner::from_seed("w.example/one", &[9; 32]).unwrap();
        let head = Checkpoint { origin: "example.com/privyseal/test".into(), size: 42, root: Digest::of(b"x") };
        let mut note = Note::parse(&log.sign_note(&head.text())).unwrap();
        let key: WitnessKey = witness.public().to_string().parse().unwrap();
        assert_eq!(key.cosigned(&note).unwrap(), None);
        note.put(witness.cosign(&note.text, 1_700_000_000));
        let note = Note::parse(&note.to_string()).unwrap();
        note.verify(&log.verifier()).unwrap();
        assert_eq!(key.cosigned(&note).unwrap(), Some(1_700_000_000));
        for position in 0..72 {
            let mut changed = note.clone();
            changed.signatures[1].signature[position] ^= 1;
            assert_eq!(key.cosigned(&changed), Err(NoteError::BadSignature(key.id().to_string())), "byte {position}");
        }
        let mut changed = note.clone();
        changed.text = changed.text.replace("42", "43");
        key.cosigned(&changed).unwrap_err();
        // The same seed as a log key is another key: type and id differ.
        assert_ne!(NodeKey::from_seed("w.example/one", &[9; 32]).unwrap().id(), key.id());
    }
}
