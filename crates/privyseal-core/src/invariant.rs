//! What must hold of every input to a parser of this crate, whoever made it: no panic, and whatever is accepted is written again as it was.
//!
//! Each function is the body of a fuzz target (`fuzz/`) and of a property test below. An `Err` is a bug, in words; refusing the input is not.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::canonical;
use crate::cosignature::{CosignedHead, WitnessKey, WitnessSigner};
use crate::event::Event;
use crate::event::directory::CredentialKey;
use crate::hidden::Disclosure;
use crate::note::{Checkpoint, NodeKey, Note, NoteSignature, VerifierKey};
use crate::tlog_policy::Policy;
use crate::tlog_proof::TlogProof;
use crate::tree::{self, leaf_hash};
use crate::webauthn;
use crate::witness::{AddCheckpoint, Answer, Seen, judge};

/// An entry that is accepted is canonical, and the event that it holds is written in a form that is read as the same event. That form
/// may be another: members that this version does not know are left out (the schema may gain members), and an absent member that stands for
/// null is written as null. Entries are kept verbatim and never written again.
///
/// # Errors
/// When the invariant does not hold.
pub fn event(bytes: &[u8]) -> Result<(), String> {
    let Ok(event) = Event::from_entry(bytes) else { return Ok(()) };
    let again = event.to_entry().map_err(|error| format!("an entry that was read cannot be written: {error}"))?;
    if canonical::parse(bytes).is_err() {
        return Err("an entry that is not canonical was accepted".to_owned());
    }
    if again == bytes || Event::from_entry(&again).ok().as_ref() == Some(&event) {
        return Ok(());
    }
    Err("an entry is read and written differently".to_owned())
}

/// Canonical JSON is accepted only in its one spelling; JSON in any spelling has one canonical form, which is then accepted.
///
/// # Errors
/// When the invariant does not hold.
pub fn canonical(bytes: &[u8]) -> Result<(), String> {
    if let Ok(value) = canonical::parse(bytes) {
        let again = canonical::to_bytes(&value).map_err(|error| format!("a value that was read cannot be written: {error}"))?;
        if again != bytes {
            return Err("bytes that are not canonical were accepted".to_owned());
        }
        // Anything that the strict reader takes, the lenient one takes for the same value.
        if canonical::parse_lenient(bytes).ok().as_ref() != Some(&value) {
            return Err("the strict and the lenient reader differ".to_owned());
        }
    }
    if let Ok(value) = canonical::parse_lenient(bytes)
        && let Ok(written) = canonical::to_bytes(&value)
        && canonical::parse(&written).ok().as_ref() != Some(&value)
    {
        return Err("what was written is not read as the same value".to_owned());
    }
    Ok(())
}

/// A note that is accepted consists of its text and signature lines and nothing else; so does a checkpoint; so does a verifier key.
///
/// # Errors
/// When the invariant does not hold.
pub fn note(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    if let Ok(note) = Note::parse(text) {
        let mut again = format!("{}\n", note.text);
        for line in &note.signatures {
            let data = [line.key_id.as_bytes().as_slice(), &line.signature].concat();
            again.push_str(&format!("\u{2014} {} {}\n", line.name, STANDARD.encode(data)));
        }
        if again != text {
            return Err("a note is read and written differently".to_owned());
        }
        checkpoint(&note.text)?;
    }
    checkpoint(text)?;
    match text.parse::<VerifierKey>() {
        Ok(key) if key.to_string() != text => Err("a verifier key is read and written differently".to_owned()),
        _ => Ok(()),
    }
}

fn checkpoint(text: &str) -> Result<(), String> {
    match Checkpoint::from_text(text) {
        // Extension lines may follow the three.
        Ok(checkpoint) if !text.starts_with(&checkpoint.text()) => Err("a checkpoint is read and written differently".to_owned()),
        _ => Ok(()),
    }
}

/// A signature line, a witness's key and a cosigned head are written as they were read; a witness's reply is taken for a cosignature only
/// when the line that is kept verifies over the head that was asked for.
///
/// # Errors
/// When the invariant does not hold.
pub fn cosignature(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    if NoteSignature::parse(text).is_ok_and(|line| line.to_string() != text) {
        return Err("a signature line is read and written differently".to_owned());
    }
    if text.parse::<WitnessKey>().is_ok_and(|key| key.to_string() != text) {
        return Err("a witness's key is read and written differently".to_owned());
    }
    let Parties { witness, policy, head: asked, .. } = parties()?;
    if let Ok(head) = CosignedHead::parse(text) {
        if head.note.to_string() != text {
            return Err("a cosigned head is read and written differently".to_owned());
        }
        let quorum = head.check(policy).is_ok_and(|check| check.quorum);
        if quorum && !matches!(witness.public().cosigned(&head.note), Ok(Some(_))) {
            return Err("a head that the witness did not cosign has its quorum".to_owned());
        }
    }
    for (status, media_type) in [(200, "text/plain"), (409, crate::witness::SIZE_TYPE)] {
        if let Answer::Cosigned(line, time_s) = Answer::read(status, media_type, text, asked, witness.public())
            && witness.public().time_of(&asked.note.text, &line) != Ok(time_s)
        {
            return Err("a line that does not verify was taken for a cosignature".to_owned());
        }
    }
    Ok(())
}

/// The log and the witness of this module's notes, whose keys everybody knows; a policy that asks for both; and a head of the log.
struct Parties {
    log: NodeKey,
    witness: WitnessSigner,
    policy: Policy,
    head: CosignedHead,
}

/// Made once: deriving keys and signing would take most of a fuzzer's time.
fn parties() -> Result<&'static Parties, String> {
    static MADE: LazyLock<Result<Parties, String>> = LazyLock::new(|| {
        let log = NodeKey::from_seed("log.example/fuzz", &[7; 32]).map_err(|error| error.to_string())?;
        let witness = WitnessSigner::from_seed("witness.example/fuzz", &[9; 32]).map_err(|error| error.to_string())?;
        let policy = Policy::parse(&format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.public()));
        let policy = policy.map_err(|error| error.to_string())?;
        let head = CosignedHead::parse(&log.sign_note("log.example/fuzz\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"));
        Ok(Parties { log, witness, policy, head: head.map_err(|error| error.to_string())? })
    });
    MADE.as_ref().map_err(Clone::clone)
}

/// Of every policy that is accepted, all witnesses together are a quorum, and nobody is one exactly when none is asked for.
///
/// # Errors
/// When the invariant does not hold.
pub fn policy(bytes: &[u8]) -> Result<(), String> {
    let Some(policy) = std::str::from_utf8(bytes).ok().and_then(|text| Policy::parse(text).ok()) else { return Ok(()) };
    if !policy.is_quorum(|_| true) {
        return Err("all witnesses together are not enough for a policy".to_owned());
    }
    if policy.is_quorum(|_| false) == policy.asks_for_witnesses() {
        return Err("a policy asks for witnesses and is content with none, or the other way round".to_owned());
    }
    // More witnesses are never less.
    for witness in policy.witnesses() {
        if policy.is_quorum(|name| name == witness.name) && !policy.is_quorum(|name| name == witness.name || name.len() % 2 == 0) {
            return Err("a quorum is lost when another witness cosigns".to_owned());
        }
    }
    Ok(())
}

/// A proof file is written as it was read, and proves one leaf only.
///
/// # Errors
/// When the invariant does not hold.
pub fn proof(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let Ok(proof) = text.parse::<TlogProof>() else { return Ok(()) };
    if proof.to_string() != text {
        return Err("a proof file is read and written differently".to_owned());
    }
    let leaves = [leaf_hash(proof.extra.as_deref().unwrap_or_default()), leaf_hash(b"another entry")];
    if leaves[0] != leaves[1] && leaves.iter().all(|leaf| proof.verify_inclusion(leaf).is_ok()) {
        return Err("a proof leads from two leaves to one root".to_owned());
    }
    Ok(())
}

/// A request to a witness is written as it was read, and a witness that grants it steps to the size and root of a head that a key of the
/// log signed, never back.
///
/// # Errors
/// When the invariant does not hold.
pub fn witness_request(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let Ok(request) = text.parse::<AddCheckpoint>() else { return Ok(()) };
    if request.to_string() != text {
        return Err("a request to a witness is read and written differently".to_owned());
    }
    let log = &parties()?.log;
    for seen in [Seen::default(), Seen { size: request.old, root: leaf_hash(b"") }] {
        if let Ok(next) = judge(&request, &[log.verifier()], &seen)
            && (next.size < seen.size || next.root != request.head.checkpoint.root || request.head.note.verify(&log.verifier()).is_err())
        {
            return Err("a witness stepped where it must not".to_owned());
        }
    }
    Ok(())
}

/// A disclosure that is accepted is written as it was read, but for one line feed at its end, and opens one value only.
///
/// # Errors
/// When the invariant does not hold.
pub fn disclosure(bytes: &[u8]) -> Result<(), String> {
    let Ok(disclosure) = Disclosure::from_bytes(bytes) else { return Ok(()) };
    let again = disclosure.to_bytes().map_err(|error| format!("a disclosure that was read cannot be written: {error}"))?;
    if bytes.strip_suffix(b"\n").unwrap_or(bytes) != again {
        return Err("a disclosure is read and written differently".to_owned());
    }
    let commitment = crate::hidden::commit(&disclosure.salt, &disclosure.value).map_err(|error| error.to_string())?;
    let entry = serde_json::json!({"id": disclosure.event_id, "log": disclosure.log, "m": crate::hidden::form(&commitment)});
    let entry = canonical::to_bytes(&entry).map_err(|error| error.to_string())?;
    let at = |pointer: &str| Disclosure { pointer: pointer.to_owned(), ..disclosure.clone() };
    // Whatever it points at: it must come back.
    let _ = disclosure.check(&entry);
    if at("/m").check(&entry).is_err() || at("/id").check(&entry).is_ok() || at("").check(&entry).is_ok() {
        return Err("a disclosure opens what it should not, or does not open its own value".to_owned());
    }
    let other = Disclosure { value: serde_json::json!([disclosure.value]), ..at("/m") };
    if other.check(&entry).is_ok() { Err("a commitment opens to two values".to_owned()) } else { Ok(()) }
}

/// A grant token that a key is found to have signed is, byte by byte, the one that this key makes of its claims: there is no second form.
///
/// # Errors
/// When the invariant does not hold.
pub fn grant_token(bytes: &[u8]) -> Result<(), String> {
    let Ok(token) = std::str::from_utf8(bytes) else { return Ok(()) };
    let key = NodeKey::from_seed("test.example/privyseal/token", &[1; 32]).map_err(|error| error.to_string())?;
    let Ok((_, claims)) = crate::grant_token::open(token, &[key.verifier()]) else { return Ok(()) };
    let again = claims.sign(&key).map_err(|error| error.to_string())?;
    if again == token { Ok(()) } else { Err("a grant token has two forms".to_owned()) }
}

/// Entries of a bundle make up its bytes, all of them.
///
/// # Errors
/// When the invariant does not hold.
pub fn bundle(bytes: &[u8]) -> Result<(), String> {
    let Some(entries) = tree::read_bundle(bytes) else { return Ok(()) };
    if tree::bundle(entries).as_deref() == Some(bytes) { Ok(()) } else { Err("a bundle is read and written differently".to_owned()) }
}

/// What a browser sends of a new passkey: the first two bytes say how long the client data are, the attestation object follows them. A
/// key that is taken has bytes that a signature can be checked with, whoever made it.
///
/// # Errors
/// When the invariant does not hold.
pub fn passkey(bytes: &[u8]) -> Result<(), String> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(()) };
    let Some((client_data, attestation)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { return Ok(()) };
    let Ok(registration) = webauthn::register(attestation, client_data, b"challenge", "localhost") else { return Ok(()) };
    match registration.key {
        CredentialKey::Passkey { user_verified: true, .. } if !registration.credential.is_empty() => Ok(()),
        _ => Err("a passkey was taken whose user was not verified, or that has no name".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;
    use crate::note::NodeKey;

    const EVENTS: &str = include_str!("../testdata/events-v1.jsonl");

    fn holds(what: Result<(), String>) -> Result<(), TestCaseError> {
        what.map_err(TestCaseError::fail)
    }

    /// A sample with a few bytes changed, put in, taken out or repeated: near enough to what is valid to get deep into a parser.
    fn damaged(samples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
        let change = (0_u8..5, any::<prop::sample::Index>(), any::<u8>(), 1_usize..20);
        (prop::sample::select(samples), prop::collection::vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
            for (how, place, byte, length) in changes {
                if bytes.is_empty() {
                    break;
                }
                let at = place.index(bytes.len());
                let end = (at + length).min(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes[at] ^= 1 << (byte % 8),
                    2 => bytes.insert(at, byte),
                    3 => drop(bytes.drain(at..end)),
                    _ => {
                        let piece = bytes[at..end].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            bytes
        })
    }

    /// JSON-like text: the letters that matter to a reader, in any order.
    fn like_json() -> impl Strategy<Value = Vec<u8>> {
        let words = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"b\"",
            "\"#\"",
            "0",
            "-",
            "1",
            ".",
            "e",
            "9007199254740991",
            "null",
            "true",
            "\\u0041",
            "\\n",
            " ",
            "é",
            "\u{1}",
        ];
        prop::collection::vec(prop::sample::select(words.to_vec()), 0..24).prop_map(|words| words.concat().into_bytes())
    }

    fn entries() -> Vec<Vec<u8>> {
        EVENTS.lines().map(|line| line.as_bytes().to_vec()).collect()
    }

    fn notes() -> Vec<Vec<u8>> {
        let key = NodeKey::from_seed("example.com/privyseal/test", &[7; 32]).unwrap();
        let head = Checkpoint { origin: "example.com/privyseal/test".into(), size: 42, root: Digest::of(b"x") };
        let note = key.sign_note(&head.text());
        let twice = format!("{note}{}", note.lines().last().unwrap()) + "\n";
        let extended = key.sign_note(&format!("{}extension\n", head.text()));
        [note, twice, extended, head.text(), key.verifier().to_string()].map(String::into_bytes).to_vec()
    }

    /// A golden file of `tests/vectors`.
    fn vector(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")).join(name)).unwrap()
    }

    fn cosignatures() -> Vec<Vec<u8>> {
        let Parties { log, witness, .. } = parties().unwrap();
        let text = "log.example/fuzz\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
        let mut note = Note::parse(&log.sign_note(text)).unwrap();
        let line = witness.cosign(text, 1_782_900_000);
        note.put(line.clone());
        [line.to_string(), format!("{line}\n"), witness.public().to_string(), note.to_string(), "12\n".to_owned()]
            .map(String::into_bytes)
            .to_vec()
    }

    fn policies() -> Vec<Vec<u8>> {
        let Parties { log, witness, .. } = parties().unwrap();
        let other = WitnessSigner::from_seed("witness.example/other", &[10; 32]).unwrap();
        let (log, one, two) = (log.verifier(), witness.public(), other.public());
        let named = format!("log {log} https://log.example/\nwitness a {one}\n\twitness b {two} https://b.example/ \n# done\n");
        ["quorum none\n", "quorum a\n", "group g any a b\nquorum g\n", "group g 2 a b\ngroup h all g\nquorum h\n"]
            .map(|end| format!("{named}{end}").into_bytes())
            .to_vec()
    }

    fn requests() -> Vec<Vec<u8>> {
        let log = &parties().unwrap().log;
        let root = leaf_hash(b"one");
        let first = log.sign_note(&Checkpoint { origin: "log.example/fuzz".into(), size: 1, root }.text());
        let root = tree::node_hash(&leaf_hash(b""), &root);
        let second = log.sign_note(&Checkpoint { origin: "log.example/fuzz".into(), size: 2, root }.text());
        let hash = STANDARD.encode(leaf_hash(b"one").as_bytes());
        [format!("old 0\n\n{first}"), format!("old 1\n{hash}\n\n{second}"), format!("old 2\n\n{second}")].map(String::into_bytes).to_vec()
    }

    /// What a browser would send of a new passkey, by hand: CBOR of a map with `fmt`, `attStmt` and `authData`, the key in it by COSE.
    fn passkeys() -> Vec<Vec<u8>> {
        let client_data = br#"{"type":"webauthn.create","challenge":"Y2hhbGxlbmdl","origin":"http://localhost:8420","crossOrigin":false}"#;
        let point = [
            vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20],
            GENERATOR_X.to_vec(),
            vec![0x22, 0x58, 0x20],
            GENERATOR_Y.to_vec(),
        ];
        let witness = &parties().unwrap().witness;
        let vkey = witness.public().to_string();
        let public = STANDARD.decode(vkey.rsplit('+').next().unwrap()).unwrap();
        let curve = [vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20], public[1..].to_vec()];
        [point.concat(), curve.concat()]
            .map(|cose| {
                let mut data = Digest::of(b"localhost").as_bytes().to_vec();
                data.extend([0x45, 0, 0, 0, 0]);
                data.extend([0; 16]);
                data.extend([0, 4, 1, 2, 3, 4]);
                data.extend(cose);
                let length = u16::try_from(data.len()).unwrap().to_be_bytes();
                let head = u16::try_from(client_data.len()).unwrap().to_be_bytes();
                let map = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice(), &length, &data].concat();
                [head.as_slice(), client_data, &map].concat()
            })
            .to_vec()
    }

    // The base point of P-256 (FIPS 186, curve P-256): a point of the curve that everybody knows.
    const GENERATOR_X: [u8; 32] = [
        0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb,
        0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    ];
    const GENERATOR_Y: [u8; 32] = [
        0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
        0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    ];

    /// Every target with what it starts from; `fuzz/corpus.py` starts from the same golden files.
    type Target = (fn(&[u8]) -> Result<(), String>, fn() -> Vec<Vec<u8>>);
    const FILES: [Target; 8] = [
        (cosignature, cosignatures),
        (policy, policies),
        (proof, || vec![vector("log/entry-6.tlog-proof")]),
        (witness_request, requests),
        (disclosure, || vec![vector("disclosure.json")]),
        (grant_token, || vec![vector("grant.jws")]),
        (bundle, || vec![vector("log/tile/entries/000.p/12")]),
        (passkey, passkeys),
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            holds(event(&bytes))?;
            holds(canonical(&bytes))?;
            holds(note(&bytes))?;
            for (target, _) in FILES {
                holds(target(&bytes))?;
            }
        }

        #[test]
        fn of_damaged_files((target, bytes) in (0..FILES.len()).prop_flat_map(|which| (Just(FILES[which].0), damaged(FILES[which].1())))) {
            holds(target(&bytes))?;
        }

        #[test]
        fn of_text_like_json(bytes in like_json()) {
            holds(canonical(&bytes))?;
            holds(event(&bytes))?;
        }

        #[test]
        fn of_damaged_entries(bytes in damaged(entries())) {
            holds(event(&bytes))?;
            holds(canonical(&bytes))?;
        }

        #[test]
        fn of_damaged_notes(bytes in damaged(notes())) {
            holds(note(&bytes))?;
        }
    }

    /// A sample that is refused at the door would leave what stands behind it untested.
    #[test]
    fn samples_of_files_are_accepted() {
        for (target, samples) in FILES {
            for bytes in samples() {
                assert_eq!(target(&bytes), Ok(()));
            }
        }
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(policies().into_iter().all(|bytes| Policy::parse(&text(bytes)).is_ok()));
        assert!(cosignatures().into_iter().any(|bytes| CosignedHead::parse(&text(bytes)).is_ok()));
        assert!(text(vector("log/entry-6.tlog-proof")).parse::<TlogProof>().is_ok());
        assert!(Disclosure::from_bytes(&vector("disclosure.json")).is_ok());
        assert_eq!(tree::read_bundle(&vector("log/tile/entries/000.p/12")).unwrap().len(), 12);
        let log = &parties().unwrap().log;
        for (bytes, seen) in requests().into_iter().zip([Seen::default(), Seen { size: 1, root: leaf_hash(b"") }]) {
            judge(&text(bytes).parse().unwrap(), &[log.verifier()], &seen).unwrap();
        }
        for bytes in passkeys() {
            let (client_data, attestation) = bytes[2..].split_at(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
            webauthn::register(attestation, client_data, b"challenge", "localhost").unwrap();
        }
    }

    #[test]
    fn samples_are_accepted() {
        assert!(entries().iter().all(|entry| Event::from_entry(entry).is_ok()));
        assert_eq!(notes().iter().filter(|note| std::str::from_utf8(note).is_ok_and(|note| Note::parse(note).is_ok())).count(), 3);
        for bytes in entries().iter().chain(&notes()) {
            assert_eq!((event(bytes), canonical(bytes), note(bytes)), (Ok(()), Ok(()), Ok(())));
        }
    }

    /// Vectors of others, where they are; a clone elsewhere has no such folder.
    #[expect(clippy::print_stderr, reason = "a test that checks less says so")]
    fn reference() -> Option<PathBuf> {
        let given = std::env::var_os("PRIVYSEAL_REFERENCE").map(PathBuf::from);
        let folder = given.unwrap_or_else(|| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference")).to_owned());
        let found = folder.join("ledger").is_dir().then(|| folder.join("ledger"));
        if found.is_none() {
            eprintln!("the vectors of others are not in {}: set PRIVYSEAL_REFERENCE to check against them too", folder.display());
        }
        found
    }

    /// RFC 8785 pairs: inside of our profile the same bytes; outside of it, refused.
    #[test]
    fn rfc_8785_vectors() {
        // Why each that is refused is outside: fractions and exponents (values), names that are not printable ASCII (french, weird,
        // and structures, which has a name that is a line feed and a number written 56.0).
        for (name, inside) in
            [("arrays", true), ("french", false), ("structures", false), ("unicode", true), ("values", false), ("weird", false)]
        {
            let Some(folder) = reference() else { return };
            let read = |part: &str| std::fs::read(folder.join("jcs/testdata").join(part).join(format!("{name}.json"))).unwrap();
            let (input, output) = (read("input"), read("output"));
            let hex = std::fs::read_to_string(folder.join(format!("jcs/testdata/outhex/{name}.txt"))).unwrap();
            assert_eq!(hex.split_whitespace().collect::<String>(), crate::digest::hex(&output), "{name}: the vectors disagree");
            let value = canonical::parse_lenient(&input).unwrap();
            match (canonical::to_bytes(&value), canonical::parse(&output)) {
                (Ok(written), Ok(_)) => assert!(inside && written == output, "{name}: {}", String::from_utf8_lossy(&written)),
                (Err(_), Err(_)) => assert!(!inside, "{name} is inside of the profile"),
                (written, read) => panic!("{name}: writing and reading differ: {written:?}, {read:?}"),
            }
        }
    }

    /// Numbers of ECMAScript: integers within 2^53 are written as JCS writes them, everything else is refused.
    #[test]
    fn rfc_8785_numbers() {
        let Some(folder) = reference() else { return };
        let (mut inside, mut outside) = (0, 0);
        for line in std::fs::read_to_string(folder.join("jcs/es6numbers_1000.txt")).unwrap().lines() {
            let (bits, text) = line.split_once(',').unwrap();
            let number = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
            let fits = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_991.0;
            assert_eq!(canonical::parse(text.as_bytes()).is_ok(), fits, "{text}");
            if fits { inside += 1 } else { outside += 1 }
        }
        assert!(inside > 0 && outside > 900, "{inside} inside, {outside} outside");
    }
}
