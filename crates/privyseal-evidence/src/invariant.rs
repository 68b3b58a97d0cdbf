//! What must hold of every file that is read as a pack, whoever made it: no panic, and a container that is accepted is, byte for byte, the
//! one that is written from its files.
//!
//! The function is the body of a fuzz target (`fuzz/`) and of a property test below. An `Err` is a bug, in words; refusing the input is not.

use crate::container;
use crate::pack::verify_pack;

/// Reads a pack's container, and verifies it as a pack.
///
/// # Errors
/// When the invariant does not hold.
pub fn pack(bytes: &[u8]) -> Result<(), String> {
    // Whatever it finds: it must come back.
    let _ = verify_pack(bytes, None, &mut |_, _| {});
    let Ok(entries) = container::read(bytes) else { return Ok(()) };
    let again = container::write(entries).map_err(|error| format!("files that were read cannot be written: {error}"))?;
    if again == bytes { Ok(()) } else { Err("a container is read and written differently".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    fn holds(what: Result<(), String>) -> Result<(), TestCaseError> {
        what.map_err(TestCaseError::fail)
    }

    /// Of the shape of a pack, with nonsense where a pack has signatures.
    static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(sample);

    fn sample() -> Vec<u8> {
        let manifest = r#"{"built_at":"2026-07-01T00:00:00.000000Z","files":[],"format":1,"frameworks":[],"log":"x","pack_digest":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","period":{"end":"2026-07-01T00:00:00.000000Z","start":"2026-07-01T00:00:00.000000Z"},"snapshot":{"root":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","size":0},"software":"x"}"#;
        let events = include_str!("../../privyseal-core/testdata/events-v1.jsonl");
        let files = [
            ("README.txt", "hello hello hello hello hello hello hello"),
            ("ledger/events.jsonl", events),
            ("ledger/events.parquet", "PAR1PAR1"),
            ("ledger/signatures.jsonl", r#"{"key_id":"00000000","seq":0,"signature":"AA"}"#),
            ("seal/checkpoint", "x\n1\nAA\n\n\u{2014} x AAAAAAA=\n"),
            ("seal/consistency.json", "[]"),
            ("seal/manifest.json", manifest),
            ("seal/manifest.note", "privyseal/pack/v1\nx\n\n\u{2014} x AAAAAAA=\n"),
        ];
        container::write(files.iter().map(|(path, content)| container::pack(path, content.as_bytes().to_vec())).collect()).unwrap()
    }

    #[test]
    fn the_sample_is_a_container() {
        assert!(container::read(&sample()).is_ok());
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
        fn of_packs_with_any_contents(which in 0_usize..8, content in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut files = container::read(&SAMPLE).unwrap();
            files[which] = container::pack(&files[which].path.clone(), content);
            holds(pack(&container::write(files).unwrap()))?;
        }
    }
}
