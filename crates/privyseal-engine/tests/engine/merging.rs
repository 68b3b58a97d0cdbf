//! Merging through the engine: one record takes the place of many, beside a writer that goes on, and the old files go later.

use std::path::PathBuf;

use privyseal_core::command::Command;
use privyseal_core::event::Body;
use privyseal_engine::EngineError;
use privyseal_ledger::leftover::KEPT_SECONDS;
use privyseal_ledger::reader::Reader;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Verdict, verify_folder};
use privyseal_ledger::{merge, seal};

use crate::fixture::Fixture;

fn verified(fixture: &Fixture) {
    let report = verify_folder(&fixture.options.layout, None, &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn small_segments_become_one_and_their_files_go_at_a_later_start() {
    for prune in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture::new(folder.path()).await;
        let layout = fixture.options.layout.clone();
        let mut old: Vec<PathBuf> = Vec::new();
        for _ in 0..8 {
            assert_eq!(fixture.engine.merge().await.unwrap(), None);
            fixture.ask("db.read").await;
            old.extend(fixture.engine.seal().await.unwrap().iter().map(|segment| layout.below_ledger(&segment.path)));
        }
        if prune {
            seal::prune(&layout, Store::of(&layout).open_alone().unwrap().as_mut(), u64::MAX).unwrap();
        }
        // Another process of the same instance makes the same file, and records it too late.
        let late = merge::merge_segments(&layout, Store::of(&layout).reader().unwrap().as_ref()).unwrap().unwrap();
        let asked = fixture.ask("db.change").await;
        let one = fixture.engine.merge().await.unwrap().unwrap();
        assert_eq!((one.first, one.replaces, &one), (0, Some(8), &late));
        let refused = fixture.engine.as_system(Command::Record(Box::new(Body::SegmentSealed(late)))).await.err().unwrap();
        assert!(matches!(&refused, EngineError::BadInput(told) if told.contains("another process did it")), "{refused}");
        fixture.approve("ben", asked).await.unwrap();
        assert_eq!(Reader::open(layout.clone()).unwrap().segments().unwrap(), std::slice::from_ref(&one));
        assert!(old.iter().all(|file| file.exists()), "readers may still be at them");
        fixture.engine.seal().await.unwrap();
        fixture.engine.close().await;
        verified(&fixture);

        fixture.engine = privyseal_engine::open(&fixture.options).unwrap();
        assert!(old.iter().all(|file| file.exists()), "ten minutes have not passed");
        fixture.later(KEPT_SECONDS).await;
        fixture.engine.close().await;
        fixture.engine = privyseal_engine::open(&fixture.options).unwrap();
        assert!(old.iter().all(|file| !file.exists()), "nobody needs them any more");
        assert!(layout.below_ledger(&one.path).exists());
        fixture.ask("db.read").await;
        fixture.engine.close().await;
        verified(&fixture);
    }
}
