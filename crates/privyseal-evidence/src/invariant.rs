//! What must hold of every file that is read as a pack, whoever made it: no panic, and a container that is accepted is, byte for byte, the
//! one that is written from its files.
//!
//! The function is the body of a fuzz target (`fuzz/`) and of a property test below. An `Err` is a bug, in words; refusing the input is not.

use std::io::Cursor;

use crate::container::{Reader, Writer};
use crate::pack::verify_pack;

/// Reads a pack's container, and verifies it as a pack.
///
/// # Errors
/// When the invariant does not hold.
pub fn pack(bytes: &[u8]) -> Result<(), String> {
    // Whatever it finds: it must come back.
    let _ = verify_pack(Cursor::new(bytes), None, &mut |_, _| {});
    let Ok(mut container) = Reader::open(Cursor::new(bytes)) else { return Ok(()) };
    let paths: Vec<String> = container.paths().map(str::to_owned).collect();
    let mut again = Writer::new(Vec::new());
    for path in paths {
        // A file whose content is damaged is refused, and there is nothing to write again.
        let Ok(Some(entry)) = container.read_packed(&path) else { return Ok(()) };
        again.put(&entry).map_err(|error| format!("a file that was read cannot be written: {error}"))?;
    }
    let again = again.finish().map_err(|error| error.to_string())?;
    if again == bytes { Ok(()) } else { Err("a container is read and written differently".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::container::{self, Effort};

    fn holds(what: Result<(), String>) -> Result<(), TestCaseError> {
        what.map_err(TestCaseError::fail)
    }

    /// Of the shape of a pack, with nonsense where a pack has signatures.
    static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(sample);

    const FILES: usize = 12;

    fn sample() -> Vec<u8> {
        written(sample_files())
    }

    fn sample_files() -> [(&'static str, Vec<u8>); FILES] {
        let manifest = r#"{"built_at":"2026-07-01T00:00:00.000000Z","files":[],"format":2,"frameworks":[],"log":"x","pack_digest":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","period":{"end":"2026-07-01T00:00:00.000000Z","start":"2026-07-01T00:00:00.000000Z"},"snapshot":{"root":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","size":0},"software":"x"}"#;
        let events = include_str!("../../privyseal-core/testdata/events-v1.jsonl");
        [
            ("README.txt", "hello hello hello hello hello hello hello"),
            ("ledger/events/000000000000.jsonl", events),
            ("ledger/events/000000000000.parquet", "PAR1PAR1"),
            ("ledger/events/000000000000.signatures.jsonl", r#"{"key_id":"00000000","seq":0,"signature":"AA"}"#),
            ("ledger/period.json", r#"{"end":{},"snapshot":{},"start":{}}"#),
            ("trace/x.json", r#"{"chain":[],"entry":{"entry":"","proof":[],"seq":0}}"#),
            ("seal/checkpoint", "x\n1\nAA\n\n\u{2014} x AAAAAAA=\n"),
            ("seal/consistency.json", "[]"),
            ("seal/heads.jsonl", r#"{"note":"x","size":1}"#),
            ("seal/manifest.dsse.json", "{}"),
            ("seal/manifest.json", manifest),
            ("seal/manifest.note", "privyseal/pack/v1\nx\n\n\u{2014} x AAAAAAA=\n"),
        ]
        .map(|(path, content)| (path, content.as_bytes().to_vec()))
    }

    fn written(files: [(&str, Vec<u8>); FILES]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (path, content) in files {
            let effort = if path.starts_with("seal/") { Effort::None } else { Effort::Good };
            writer.put(&container::pack(path, content, effort)).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn the_sample_is_a_container() {
        assert!(Reader::open(Cursor::new(sample())).is_ok());
        assert_eq!(pack(&sample()), Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            holds(pack(&bytes))?;
        }

        #[test]
        fn of_damaged_packs(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in prop::option::weighted(0.2, any::<prop::sample::Index>())) {
            let mut bytes = SAMPLE.clone();
            for (place, byte) in changes {
                let at = place.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            holds(pack(&bytes))?;
        }

        /// Files of any content in a container that is right: what stands behind the container is reached.
        #[test]
        fn of_packs_with_any_contents(which in 0_usize..FILES, content in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut files = sample_files();
            files[which].1 = content;
            holds(pack(&written(files)))?;
        }
    }
}
