//! What must hold of every input to a parser of this crate, whoever made it: no panic, and what is accepted is what would be written.
//!
//! Each function is the body of a fuzz target (`fuzz/`) and of a property test below. An `Err` is a bug, in words; refusing the input is not.

use bytes::Bytes;
use privyseal_core::tree::Tile;

use crate::log::StoredEntry;
use crate::segment::{self, SegmentWriter, Typed};
use crate::timestamp::{self, Authority};

/// A file that is read as a segment, with every entry an event and every typed column as the entry says, holds what a segment written from
/// these entries holds. Whatever else it is, reading it ends with an error and not with a panic.
///
/// # Errors
/// When the invariant does not hold.
pub fn segment(bytes: &[u8]) -> Result<(), String> {
    let Some(rows) = read(bytes) else { return Ok(()) };
    let entries: Vec<StoredEntry> = rows.iter().map(|row| row.stored.clone()).collect();
    if rows.iter().any(|row| Typed::of(&row.stored.entry).ok().as_ref() != Some(&row.typed)) {
        // `verify` says so; there is nothing that a writer would make of it.
        return Ok(());
    }
    let written = SegmentWriter::new().and_then(|mut writer| {
        writer.write(&entries)?;
        writer.finish()
    });
    let written = written.map_err(|error| format!("rows that were read cannot be written: {error}"))?;
    if read(&written).as_ref() == Some(&rows) { Ok(()) } else { Err("what was written is not read as the same rows".to_owned()) }
}

fn read(bytes: &[u8]) -> Option<Vec<segment::SegmentRow>> {
    let batches = segment::read(Bytes::copy_from_slice(bytes)).ok()?.collect::<Result<Vec<_>, _>>().ok()?;
    Some(batches.concat())
}

/// An authority's answer that holds for one text holds for no other; whatever else it is, reading it ends with an error and not with a panic.
/// An authority's PEM file is read likewise.
///
/// # Errors
/// When the invariant does not hold.
pub fn timestamp(answer: &[u8], text: &[u8], authority: &Authority) -> Result<(), String> {
    // Whatever it finds: it must come back.
    let _ = std::str::from_utf8(answer).map(Authority::from_pem);
    if timestamp::verify(answer, text, None, authority).is_err() {
        return Ok(());
    }
    match timestamp::verify(answer, &[text, b"x"].concat(), None, authority) {
        Ok(_) => Err("a timestamp holds for two texts".to_owned()),
        Err(_) => Ok(()),
    }
}

/// A path that is taken for a tile's is the path of that tile, and names a width that a tile can have.
///
/// # Errors
/// When the invariant does not hold.
pub fn tile(bytes: &[u8]) -> Result<(), String> {
    let Some((path, tile)) = std::str::from_utf8(bytes).ok().and_then(|path| Some((path, Tile::from_path(path)?))) else { return Ok(()) };
    let Tile { level, width, .. } = tile;
    if tile.path() != path || width == 0 || width > 256 {
        return Err(format!("`{path}` was taken for a tile of level {level} with {width} hashes"));
    }
    match path.strip_prefix("0/").map(|name| (name, Tile::of_bundle(name))) {
        Some((name, Some(bundle))) if bundle != tile => Err(format!("`{name}` is another tile as an entry bundle")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use privyseal_core::event::Event;
    use privyseal_core::note::NodeKey;
    use proptest::prelude::*;

    use super::*;

    fn holds(what: Result<(), String>) -> Result<(), TestCaseError> {
        what.map_err(TestCaseError::fail)
    }

    static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(sample);

    fn sample() -> Vec<u8> {
        let key = NodeKey::from_seed("example.com/privyseal/test", &[7; 32]).unwrap();
        let lines = include_str!("../../privyseal-core/testdata/events-v1.jsonl").lines();
        let entries: Vec<StoredEntry> = lines
            .map(|line| {
                let event = Event::from_entry(line.as_bytes()).unwrap();
                let leaf = privyseal_core::event::leaf(line.as_bytes());
                let signature = event.kind().is_signed().then(|| (key.sign(leaf.as_bytes()), key.id()));
                StoredEntry { seq: event.seq, entry: line.as_bytes().to_vec(), leaf, signature }
            })
            .collect();
        let mut writer = SegmentWriter::new().unwrap();
        writer.write(&entries).unwrap();
        writer.finish().unwrap()
    }

    static ANSWERS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| vec![vector("timestamp/p256.tsr"), vector("timestamp/rsa.tsr")]);

    /// A golden file of `tests/vectors`.
    fn vector(name: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")).join(name)).unwrap()
    }

    fn authority() -> Authority {
        Authority::from_pem(&String::from_utf8(vector("timestamp/ca.pem")).unwrap()).unwrap()
    }

    /// The golden timestamps, which OpenSSL made: they hold, and no flipped bit gives them another meaning.
    #[test]
    fn golden_timestamps() {
        let (text, authority) = (vector("timestamp/checkpoint"), authority());
        for answer in ANSWERS.iter() {
            let stamped = timestamp::verify(answer, &text, None, &authority).unwrap();
            assert!(stamped.time.to_string().starts_with("2026-11-23T16:52:5"), "{}", stamped.time);
            assert_eq!(timestamp(answer, &text, &authority), Ok(()));
            assert!(timestamp::verify(answer, b"another head", None, &authority).is_err());
            for (position, bit) in (0..answer.len()).flat_map(|position| [(position, 0x01), (position, 0x80)]) {
                let mut changed = answer.clone();
                changed[position] ^= bit;
                if let Ok(passed) = timestamp::verify(&changed, &text, None, &authority) {
                    assert_eq!(passed, stamped, "flip at byte {position}");
                }
            }
        }
    }

    #[test]
    fn the_sample_is_a_segment() {
        let bytes = sample();
        assert!(read(&bytes).unwrap().len() > 40);
        assert_eq!(segment(&bytes), Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            holds(segment(&bytes))?;
            holds(tile(&bytes))?;
        }

        /// Damage near the end hits the footer, where a Parquet file keeps its schema, offsets and sizes.
        #[test]
        fn of_damaged_segments(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..4), cut in prop::option::weighted(0.2, any::<prop::sample::Index>())) {
            let mut bytes = SAMPLE.clone();
            for (place, byte, footer) in changes {
                let from = if footer { bytes.len() - bytes.len() / 8 } else { 0 };
                let at = from + place.index(bytes.len() - from);
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            holds(segment(&bytes))?;
        }

        #[test]
        fn of_damaged_timestamps(which in 0_usize..2, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), cut in prop::option::weighted(0.2, any::<prop::sample::Index>())) {
            let mut bytes = ANSWERS[which].clone();
            for (place, byte) in changes {
                let at = place.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            holds(timestamp(&bytes, &vector("timestamp/checkpoint"), &authority()))?;
        }

        #[test]
        fn of_text_like_tile_paths(parts in prop::collection::vec(prop::sample::select(vec!["0", "1", "63", "255", "256", "/", "x001", "000", "067", ".p/", "+", "-", "x", "999", "é"]), 0..12)) {
            holds(tile(parts.concat().as_bytes()))?;
        }
    }

    #[test]
    fn tile_paths() {
        for path in ["0/000", "1/000.p/3", "0/x001/067", "63/x123/x456/789.p/255"] {
            assert!(Tile::from_path(path).is_some(), "{path}");
        }
        for path in ["0/000.p/0", "0/000.p/256", "0/000.p/300", "00/000", "0/x000/001", "0/0", "0/000/", "0/+00", "", "0/000.p/03"] {
            assert!(Tile::from_path(path).is_none(), "{path}");
        }
    }
}
