//! What strangers read: entry bundles, the static export, and proof files.

use std::fs;

use privyseal_core::note::{Checkpoint, NodeKey};
use privyseal_core::tlog_policy::Policy;
use privyseal_core::tree::{Tile, leaf_hash, read_bundle};
use privyseal_ledger::export::{ExportError, entry_bundle, export};
use privyseal_ledger::log::LogReader;
use privyseal_ledger::proof::{self, NoProof};
use privyseal_ledger::seal;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::Verdict;

use crate::fixture::{Fixture, ORIGIN, heartbeat};

#[test]
fn an_export_is_the_whole_public_side() {
    let mut fixture = Fixture::full();
    let out = fixture.folder.path().join("public");
    let done = export(&fixture.layout, &fixture.log, &out, true).unwrap();
    assert_eq!((done.size, done.bundles), (fixture.tip.edge.size(), 3));
    assert_eq!(fs::read(out.join("checkpoint")).unwrap(), fs::read(fixture.layout.checkpoint()).unwrap());
    let mut seq = 0;
    for tile in Tile::all(done.size) {
        assert_eq!(fs::read(out.join("tile").join(tile.path())).unwrap(), fs::read(fixture.layout.tiles().join(tile.path())).unwrap());
        if tile.level == 0 {
            let bytes = fs::read(out.join("tile").join(tile.bundle_path())).unwrap();
            assert_eq!(entry_bundle(&fixture.log, &tile, done.size).unwrap().unwrap(), bytes);
            for entry in read_bundle(&bytes).unwrap() {
                assert_eq!(entry, fixture.log.entries(seq, 1).unwrap()[0].entry);
                seq += 1;
            }
        }
    }
    assert_eq!(seq, done.size);
    // The log grows; the same folder follows, and partial bundles of before may stay beside the wider ones.
    fixture.append(vec![heartbeat()]);
    fixture.publish();
    assert_eq!(export(&fixture.layout, &fixture.log, &out, false).unwrap().size, done.size + 1);
    for tile in Tile::all(done.size + 1) {
        assert!(out.join("tile").join(tile.path()).is_file(), "{tile:?}");
    }
}

#[test]
fn a_pruned_log_is_exported_whole() {
    let mut fixture = Fixture::full();
    let folder = fixture.folder.path().to_owned();
    let layout = fixture.layout.clone();
    let exported = |name: &str, log: &dyn LogReader| {
        let out = folder.join(name);
        let done = export(&layout, log, &out, true).unwrap();
        let bundles = Tile::all(done.size).into_iter().filter(|tile| tile.level == 0);
        bundles.map(|tile| fs::read(out.join("tile").join(tile.bundle_path())).unwrap()).collect::<Vec<_>>()
    };
    let before = exported("before", &fixture.log);
    assert!(seal::prune(&fixture.layout, &mut fixture.log, u64::MAX).unwrap() > 0);
    assert_eq!(exported("after", Store::of(&fixture.layout).reader().unwrap().as_ref()), before);
}

#[test]
fn nothing_is_exported_that_was_not_signed() {
    let fixture = Fixture::full();
    let out = fixture.folder.path().join("public");
    let good = fs::read_to_string(fixture.layout.checkpoint()).unwrap();
    fs::write(fixture.layout.checkpoint(), good.replace(&format!("\n{}\n", fixture.tip.edge.size()), "\n600\n")).unwrap();
    assert!(matches!(export(&fixture.layout, &fixture.log, &out, true), Err(ExportError::Unsigned { .. })));
    let other = Checkpoint { origin: ORIGIN.to_owned(), size: 600, root: fixture.tip.edge.root() };
    fs::write(fixture.layout.checkpoint(), fixture.key.sign_note(&other.text())).unwrap();
    assert!(matches!(export(&fixture.layout, &fixture.log, &out, true), Err(ExportError::OtherRoot { size: 600 })));
    assert!(!out.join("checkpoint").exists());
    fs::remove_file(fixture.layout.checkpoint()).unwrap();
    assert!(matches!(export(&fixture.layout, &fixture.log, &out, true), Err(ExportError::NoHead { .. })));
}

#[test]
fn bundles_end_where_the_published_head_does() {
    let fixture = Fixture::full();
    let size = fixture.tip.edge.size();
    let tile = |index, width| Tile { level: 0, index, width };
    assert!(entry_bundle(&fixture.log, &tile(0, 256), size).unwrap().is_some());
    assert!(entry_bundle(&fixture.log, &tile(0, 17), size).unwrap().is_some());
    assert!(entry_bundle(&fixture.log, &tile(2, 256), size).unwrap().is_none());
    assert!(entry_bundle(&fixture.log, &tile(0, 256), 255).unwrap().is_none(), "beyond the published head");
    assert!(entry_bundle(&fixture.log, &tile(u64::MAX, 256), size).unwrap().is_none());
}

#[test]
fn a_proof_file_verifies_alone_and_every_flip_is_found() {
    let mut fixture = Fixture::full();
    let stored = fixture.log.entries(300, 1).unwrap().remove(0);
    let text = proof::make(&fixture.layout, &stored).unwrap().to_string();
    assert!(text.len() < 8 * 1024, "{} bytes", text.len());
    assert!(proof::is_proof_file(text.as_bytes()));
    let key = fixture.key.verifier();
    let policy = Policy::parse(&format!("log {key}\nquorum none\n")).unwrap();
    let verdict = |text: &str| proof::verify("a file", text, Some(&key), None).verdict;
    assert_eq!(verdict(&text), Verdict::Verified);
    assert_eq!(proof::verify("a file", &text, None, Some(&policy)).verdict, Verdict::Verified);
    assert_eq!(proof::verify("a file", &text, None, None).verdict, Verdict::CouldNotTell, "nobody vouches for the head");
    let stranger = NodeKey::from_seed(ORIGIN, &[9; 32]).unwrap().verifier();
    assert_eq!(proof::verify("a file", &text, Some(&stranger), None).verdict, Verdict::CouldNotTell);
    let witnessed = format!(
        "log {key}\nwitness w {}\nquorum w\n",
        privyseal_core::cosignature::WitnessSigner::from_seed("w", &[1; 32]).unwrap().public()
    );
    let witnessed = Policy::parse(&witnessed).unwrap();
    assert_eq!(proof::verify("a file", &text, None, Some(&witnessed)).verdict, Verdict::CouldNotTell, "no quorum");
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] ^= 1;
        if let Ok(changed) = String::from_utf8(bytes) {
            assert_ne!(verdict(&changed), Verdict::Verified, "flip at byte {position} went unseen");
        }
    }
    fixture.append(vec![heartbeat()]);
    let late = fixture.log.entries(fixture.tip.edge.size() - 1, 1).unwrap().remove(0);
    assert_eq!(proof::make(&fixture.layout, &late), Err(NoProof::NotCovered { seq: late.seq }));
    assert_eq!(leaf_hash(&late.entry), late.leaf);
}
