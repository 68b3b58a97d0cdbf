//! What must hold of every input to a parser of this crate, whoever made it: no panic, and whatever is accepted is written again as it was.
//!
//! Each function is the body of a fuzz target (`fuzz/`) and of a property test below. An `Err` is a bug, in words; refusing the input is not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::canonical;
use crate::event::Event;
use crate::note::{Checkpoint, Note, VerifierKey};

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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            holds(event(&bytes))?;
            holds(canonical(&bytes))?;
            holds(note(&bytes))?;
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
