//! Segments in an object store, with a real server that speaks S3: put once, read back, fetched again, and what is said when it is gone.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use privyseal_core::cause::chain;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Log as _, LogReader as _};
use privyseal_ledger::place::{Bucket, Place as _};
use privyseal_ledger::reader::{self, Reader};
use privyseal_ledger::seal::{self, SealError};
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Finding, Range, Verdict, verify_range};

use crate::fixture::{Fixture, heartbeat, role};
use crate::s3::S3;

/// A bucket of the server, with other variables in the place of some.
fn bucket_of(server: &S3, url: &str, others: &[(&str, &str)]) -> Bucket {
    let others = others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Bucket::parse(url, server.variables().into_iter().chain(others).collect()).ok().unwrap()
}

/// A ledger with something to seal, whose segments go to a bucket.
fn fixture(bucket: Bucket) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.layout = fixture.layout.clone().with_bucket(Some(bucket));
    fixture.append(vec![heartbeat(); 30]);
    fixture.append(vec![role("group:sre")]);
    fixture
}

/// Everything below `ledger/events` of this folder is lost.
fn lose_copies(layout: &Layout) {
    fs::remove_dir_all(layout.below_ledger("events")).unwrap();
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn an_object_is_put_once_read_and_removed() {
    let server = S3::start();
    for url in ["s3://audit", "s3://audit/with/prefix/"] {
        let bucket = bucket_of(&server, url, &[]);
        assert_eq!(bucket.get("events/x").unwrap(), None);
        assert!(bucket.put_if_absent("events/x", &Bytes::from_static(b"one")).unwrap());
        assert!(!bucket.put_if_absent("events/x", &Bytes::from_static(b"two")).unwrap(), "the second put is refused");
        assert_eq!(bucket.get("events/x").unwrap().unwrap(), "one");
        bucket.remove("events/x").unwrap();
        bucket.remove("events/x").unwrap();
        assert!(bucket.put_if_absent("events/x", &Bytes::from_static(b"three")).unwrap());
    }
    assert_eq!(fs::read(server.object("with/prefix/events/x")).unwrap(), b"three");
}

#[test]
fn segments_are_sealed_read_back_pruned_fetched_again_and_verified() {
    let server = S3::start();
    let mut fixture = fixture(bucket_of(&server, "s3://audit/ledger", &[]));
    fixture.seal();
    fixture.append(vec![role("group:late")]);
    fixture.seal();
    fixture.publish();
    let all = fixture.log.entries(0, usize::MAX).unwrap();
    let segments = reader::segments(&fixture.log).unwrap();
    for segment in &segments {
        let object = fs::read(server.object(&format!("ledger/{}", segment.path))).unwrap();
        assert_eq!(object, fs::read(fixture.layout.below_ledger(&segment.path)).unwrap(), "the local copy is the object");
    }
    // A folder without copies is verified from the bucket, and stays as it is.
    let part = |layout: &Layout| verify_range(layout, &Range::Entries { first: 2, last: 5 }, &Default::default(), &mut |_, _| {});
    lose_copies(&fixture.layout);
    assert_eq!(fixture.verify().verdict, Verdict::Verified);
    assert!(!fixture.layout.below_ledger("events").exists(), "verifying writes nothing");
    assert_eq!(seal::prune(&fixture.layout, &mut fixture.log, u64::MAX).unwrap(), segments[1].last + 1);
    let report = fixture.verify();
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!(part(&fixture.layout).verdict, Verdict::Verified);
    // Whoever reads the log fetches what is missing, and finds it whole.
    let store = Store::of(&fixture.layout);
    assert_eq!(store.reader().unwrap().entries(0, usize::MAX).unwrap(), all);
    lose_copies(&fixture.layout);
    assert_eq!(Reader::open(fixture.layout.clone()).unwrap().snapshot(0).unwrap().segments.len(), 2);
    assert_eq!(fixture.verify().verdict, Verdict::Verified);
    // A changed object is not fetched, and is found; so is a missing one.
    lose_copies(&fixture.layout);
    let object = server.object(&format!("ledger/{}", segments[0].path));
    flip(&object);
    let error = store.reader().unwrap().entries(0, 10).unwrap_err();
    assert!(chain(&error).contains("is not the segment that was recorded"), "{}", chain(&error));
    assert_eq!(fixture.verify().verdict, Verdict::Tampered);
    fs::remove_file(object).unwrap();
    assert!(fixture.verify().has(Finding::SegmentMissing));
}

#[test]
fn a_server_that_is_gone_costs_nothing_and_is_gone_on_with() {
    let mut server = S3::start();
    let mut fixture = fixture(bucket_of(&server, "s3://audit/ledger", &[]));
    fixture.seal();
    fixture.append(vec![role("group:meanwhile")]);
    fixture.publish();
    let (all, end) = (fixture.log.entries(0, usize::MAX).unwrap(), fixture.tip.edge.size());
    server.kill();
    let told = |error: SealError| {
        let told = chain(&error);
        assert!(told.contains("s3://audit/ledger") && told.contains("check AWS_ENDPOINT") && told.contains("try again"), "{told}");
    };
    told(seal::make_segment(&fixture.layout, &fixture.log, end).unwrap_err());
    told(seal::prune(&fixture.layout, &mut fixture.log, u64::MAX).unwrap_err());
    assert_eq!(fixture.log.entries(0, usize::MAX).unwrap(), all, "nothing was pruned that could not be read back");
    assert_eq!(fixture.verify().verdict, Verdict::Verified, "the copies are at hand");
    let copies = fixture.layout.below_ledger("events");
    fs::rename(&copies, copies.with_extension("aside")).unwrap();
    assert_eq!(fixture.verify().verdict, Verdict::CouldNotTell, "what cannot be reached is not accused");
    fs::rename(copies.with_extension("aside"), &copies).unwrap();
    server.come_back();
    fixture.seal();
    fixture.publish();
    assert_eq!(seal::prune(&fixture.layout, &mut fixture.log, u64::MAX).unwrap(), end);
    assert_eq!(Store::of(&fixture.layout).reader().unwrap().entries(0, all.len()).unwrap(), all);
    assert_eq!(fixture.verify().verdict, Verdict::Verified);
    fixture.log.prune(0).unwrap();
}

#[test]
fn what_is_configured_wrong_is_named() {
    let server = S3::start();
    for (url, others, words) in [
        ("s3://audit/x", &[("AWS_SECRET_ACCESS_KEY", "wrong")][..], "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://audit/x", &[("AWS_ACCESS_KEY_ID", "nobody")], "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://audit/x", &[("AWS_ENDPOINT", "http://127.0.0.1:1")], "check AWS_ENDPOINT"),
        ("s3://audit/x", &[("AWS_ALLOW_HTTP", "false")], "AWS_ALLOW_HTTP=true"),
    ] {
        let bucket = bucket_of(&server, url, others);
        let fixture = fixture(bucket);
        let made = seal::make_segment(&fixture.layout, &fixture.log, 5);
        let told = chain(&made.expect_err(&format!("{url} {others:?}")));
        assert!(told.contains(words) && told.contains(url) && !told.contains('\n'), "{told}");
        assert!(!told.contains(crate::s3::SECRET), "{told}");
        assert!(fixture.files().iter().all(|file| !file.to_str().unwrap().contains("events")), "nothing is left");
    }
}
