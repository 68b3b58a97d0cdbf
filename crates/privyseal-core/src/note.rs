//! Signed notes, verifier keys and checkpoints: C2SP signed-note and tlog-checkpoint, taken verbatim.
//!
//! Only Ed25519 lines of logs (type 0x01) are verified here, those of witnesses in [`crate::cosignature`]; lines of keys that a reader
//! does not know are skipped, as the spec asks. So are ML-DSA-44 lines (0x06): no audited implementation was cheap enough to add.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, hex};

const ED25519: u8 = 0x01;

/// What is wrong with a note, key or checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The verifier key text is malformed.
    #[error("not a verifier key: expected <name>+<8 hex digits>+<base64>, as in c2sp.org/signed-note")]
    Key,
    /// The note's shape is wrong.
    #[error("malformed note: {0}")]
    Malformed(&'static str),
    /// No signature of a wanted key is on the note.
    #[error("the note carries no signature of key {0}")]
    Unsigned(String),
    /// A signature of a known key does not verify.
    #[error("the signature of key {0} on the note does not verify")]
    BadSignature(String),
}

/// The four-byte id of a note key, written as 8 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The id of a key of `kind`, the signature type of signed-note.
    pub(crate) fn of(name: &str, kind: u8, public: &[u8]) -> Self {
        let digest = Digest::of_parts(&[name.as_bytes(), b"\n", &[kind], public]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Self([a, b, c, d])
    }

    /// The four bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        // A key id stands beside every signed entry: read without a detour over the heap.
        let digits: &[u8; 8] = text.as_bytes().try_into().map_err(|_| NoteError::Key)?;
        let number = digits.iter().try_fold(0_u32, |number, digit| match digit {
            b'0'..=b'9' => Some(number << 4 | u32::from(digit - b'0')),
            b'a'..=b'f' => Some(number << 4 | u32::from(digit - b'a' + 10)),
            _ => None,
        });
        number.map(|number| Self(number.to_be_bytes())).ok_or(NoteError::Key)
    }
}

/// A public key with the name it signs under: the "vkey" of signed-note.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key of `name`.
    ///
    /// # Errors
    /// When `name` is empty or holds white space or `+`, or the bytes are not a usable Ed25519 key (weak keys are refused).
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        if !valid_name(name) {
            return Err(NoteError::Key);
        }
        let key = strong_key(public)?;
        Ok(Self { name: name.to_owned(), id: KeyId::of(name, ED25519, public), key })
    }

    /// The name; for a log's first key this is the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Verifies by the one rule used everywhere: RFC 8032, canonical S, A and R, no small order, cofactorless (`verify_strict`).
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        verify_strict(&self.key, message, signature)
    }
}

/// An Ed25519 key that is not of small order.
pub(crate) fn strong_key(public: &[u8; 32]) -> Result<VerifyingKey, NoteError> {
    VerifyingKey::from_bytes(public).ok().filter(|key| !key.is_weak()).ok_or(NoteError::Key)
}

/// The one rule for Ed25519 signatures, whatever they are on.
pub(crate) fn verify_strict(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

/// A verifier key of any type, taken apart. Its id is checked, its bytes are not looked at.
pub(crate) struct AnyKey {
    pub(crate) name: String,
    pub(crate) kind: u8,
    pub(crate) public: Vec<u8>,
}

impl FromStr for AnyKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else { return Err(NoteError::Key) };
        let data = STANDARD.decode(data).map_err(|_| NoteError::Key)?;
        let (Some((&kind, public)), Ok(id)) = (data.split_first(), id.parse::<KeyId>()) else { return Err(NoteError::Key) };
        if !valid_name(name) || KeyId::of(name, kind, public) != id {
            return Err(NoteError::Key);
        }
        Ok(Self { name: name.to_owned(), kind, public: public.to_vec() })
    }
}

/// The text of a verifier key.
pub(crate) fn key_text(name: &str, id: KeyId, kind: u8, public: &[u8]) -> String {
    let mut data = vec![kind];
    data.extend_from_slice(public);
    format!("{name}+{id}+{}", STANDARD.encode(data))
}

pub(crate) fn valid_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, self.id, ED25519, self.key.as_bytes()))
    }
}

impl TryFrom<String> for VerifierKey {
    type Error = NoteError;
    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}

impl From<VerifierKey> for String {
    fn from(key: VerifierKey) -> Self {
        key.to_string()
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let key: AnyKey = text.parse()?;
        if key.kind != ED25519 {
            return Err(NoteError::Key);
        }
        Self::new(&key.name, key.public.as_slice().try_into().map_err(|_| NoteError::Key)?)
    }
}

/// A private key with the name it signs under. It has no `Debug`, so that it cannot slip into a log line.
pub struct NodeKey {
    name: String,
    id: KeyId,
    key: SigningKey,
}

impl NodeKey {
    /// The key of `name` from its 32-byte seed.
    ///
    /// # Errors
    /// When `name` cannot name a key.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !valid_name(name) {
            return Err(NoteError::Key);
        }
        let key = SigningKey::from_bytes(seed);
        Ok(Self { name: name.to_owned(), id: KeyId::of(name, ED25519, key.verifying_key().as_bytes()), key })
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), id: self.id, key: self.key.verifying_key() }
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Signs a note text (which must end in a newline) and returns the whole note with one signature line.
    #[must_use]
    pub fn sign_note(&self, text: &str) -> String {
        format!("{text}\n{}", self.note_line(text))
    }

    /// The signature line over a note text, to stand on the note beside those of other keys.
    #[must_use]
    pub fn note_line(&self, text: &str) -> String {
        let line = NoteSignature { name: self.name.clone(), key_id: self.id, signature: self.sign(text.as_bytes()).to_vec() };
        format!("{line}\n")
    }
}

/// A note taken apart: its text and its signature lines, nothing verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The signed text, ending in a newline.
    pub text: String,
    /// The signature lines.
    pub signatures: Vec<NoteSignature>,
}

/// One signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub key_id: KeyId,
    /// Bytes of the signature, whatever its type.
    pub signature: Vec<u8>,
}

/// Longest note accepted, in bytes.
pub const MAX_NOTE_BYTES: usize = 1_000_000;
const MAX_SIGNATURES: usize = 100;

impl Note {
    /// Takes a note apart.
    ///
    /// # Errors
    /// When the note is not in the form of the signed-note spec.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Malformed("it is longer than 1,000,000 bytes"));
        }
        if note.chars().any(|c| c.is_ascii_control() && c != '\n') {
            return Err(NoteError::Malformed("it holds control characters"));
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed("no blank line before the signatures"))?;
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed("it does not end in a newline"))?;
        if signatures.is_empty() {
            return Err(NoteError::Malformed("no signature line"));
        }
        let signatures: Vec<_> = signatures.split('\n').map(NoteSignature::parse).collect::<Result<_, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("more than 100 signature lines"));
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Puts a line on the note, unless the very same line is there. A line of the same key is replaced: a note carries one a key.
    pub fn put(&mut self, line: NoteSignature) {
        match self.signatures.iter_mut().find(|there| there.key_id == line.key_id && there.name == line.name) {
            Some(there) => *there = line,
            None => self.signatures.push(line),
        }
    }

    /// Checks that the note carries a good signature of `key` and no bad one of it.
    ///
    /// # Errors
    /// When there is none, or one that does not verify.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut found = false;
        for line in self.signatures.iter().filter(|line| line.key_id == key.id && line.name == key.name) {
            if !key.verify(self.text.as_bytes(), &line.signature) {
                return Err(NoteError::BadSignature(key.id.to_string()));
            }
            found = true;
        }
        if found { Ok(()) } else { Err(NoteError::Unsigned(key.id.to_string())) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut data = self.key_id.0.to_vec();
        data.extend_from_slice(&self.signature);
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(data))
    }
}

impl NoteSignature {
    /// Reads one signature line, without its newline.
    ///
    /// # Errors
    /// When it is not in the form of the signed-note spec.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Malformed("a signature line does not start with an em dash"))?;
        let (name, data) = rest.split_once(' ').ok_or(NoteError::Malformed("a signature line lacks its signature"))?;
        let data = STANDARD.decode(data).map_err(|_| NoteError::Malformed("a signature is not base64"))?;
        let id = data.first_chunk::<4>().copied().ok_or(NoteError::Malformed("a signature is too short"))?;
        let signature = data.get(4..).unwrap_or_default().to_vec();
        if !valid_name(name) || signature.is_empty() {
            return Err(NoteError::Malformed("a signature line has no usable name or is empty"));
        }
        Ok(Self { name: name.to_owned(), key_id: KeyId(id), signature })
    }
}

/// The head of a log: how many entries it has and the root over them (C2SP tlog-checkpoint).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's origin.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The note text: three lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// Reads the text of a note as a checkpoint. Extension lines are allowed by the spec and ignored.
    ///
    /// # Errors
    /// When a line is missing, or not in its one canonical form.
    pub fn from_text(text: &str) -> Result<Self, NoteError> {
        let body = text.strip_suffix('\n').ok_or(NoteError::Malformed("the checkpoint does not end in a newline"))?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Malformed("a checkpoint has three lines: origin, size, root"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(NoteError::Malformed("a line of the checkpoint is empty"));
        }
        let number: u64 = size.parse().map_err(|_| NoteError::Malformed("the checkpoint's size is not a number"))?;
        if number.to_string() != size {
            return Err(NoteError::Malformed("the checkpoint's size is not in canonical decimal form"));
        }
        let bytes = STANDARD.decode(root).map_err(|_| NoteError::Malformed("the checkpoint's root is not base64"))?;
        let root = Digest::from_slice(&bytes).ok_or(NoteError::Malformed("the checkpoint's root has not 32 bytes"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }

    /// Reads and verifies a signed checkpoint: `key`'s signature is on it and its origin is `origin`.
    ///
    /// # Errors
    /// When anything about it is wrong.
    pub fn open(note: &str, origin: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        note.verify(key)?;
        let checkpoint = Self::from_text(&note.text)?;
        if checkpoint.origin == origin { Ok(checkpoint) } else { Err(NoteError::Malformed("the checkpoint is of another origin")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> NodeKey {
        NodeKey::from_seed("example.com/privyseal/test", &[7; 32]).unwrap()
    }

    #[test]
    fn a_checkpoint_round_trips_and_every_flip_is_found() {
        let key = key();
        let head = Checkpoint { origin: "example.com/privyseal/test".into(), size: 42, root: Digest::of(b"x") };
        let note = key.sign_note(&head.text());
        let verifier: VerifierKey = key.verifier().to_string().parse().unwrap();
        assert_eq!(Checkpoint::open(&note, &head.origin, &verifier).unwrap(), head);
        for position in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[position] ^= 1;
            let accepted = String::from_utf8(bytes).is_ok_and(|note| Checkpoint::open(&note, &head.origin, &verifier).is_ok());
            assert!(!accepted, "flip at byte {position} went unseen");
        }
    }

    #[test]
    fn another_key_or_origin_does_not_pass() {
        let head = Checkpoint { origin: "example.com/privyseal/test".into(), size: 1, root: Digest::of(b"") };
        let note = key().sign_note(&head.text());
        let other = NodeKey::from_seed("example.com/privyseal/test", &[8; 32]).unwrap().verifier();
        assert!(matches!(Checkpoint::open(&note, &head.origin, &other), Err(NoteError::Unsigned(_))));
        assert!(Checkpoint::open(&note, "example.com/privyseal/other", &key().verifier()).is_err());
    }

    #[test]
    fn the_published_example_key_parses() {
        // From the signed-note specification's own example.
        let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        assert_eq!(key.name(), "PeterNeumann");
        for bad in ["", "a+b", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "x y+c74f20a3+ARpc2Q=="] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }
}
