//! Small segments become one: whatever fails on the way, every entry stays readable, every proof stays valid, and a record that claims
//! to replace what it does not replace is refused and found.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use privyseal_core::digest::Digest;
use privyseal_core::event::Body;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::time::Timestamp;
use privyseal_ledger::leftover::{self, KEPT_SECONDS};
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::place::Place;
use privyseal_ledger::reader::{self, Reader};
use privyseal_ledger::seal::{self, SealError};
use privyseal_ledger::segment::SegmentWriter;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Finding, Options, Verdict, verify};
use privyseal_ledger::{layout, merge, proof};

use crate::fixture::{Fixture, heartbeat};
use crate::sealing::{FAULTS, Faulty, Step};

/// Whether the log still holds what the segments hold.
const LOGS: [(&str, bool); 2] = [("whole", false), ("pruned", true)];

fn prune(fixture: &mut Fixture) {
    assert!(seal::prune(&fixture.layout.clone(), &mut fixture.log, u64::MAX).unwrap() > 0);
}

fn all(fixture: &Fixture) -> Vec<StoredEntry> {
    Store::of(&fixture.layout).reader().unwrap().entries(0, usize::MAX).unwrap()
}

fn merged(fixture: &Fixture) -> Option<SegmentSealed> {
    merge::merge_segments(&fixture.layout, Store::of(&fixture.layout).reader().unwrap().as_ref()).unwrap()
}

fn segments(fixture: &Fixture) -> Vec<SegmentSealed> {
    reader::segments(&fixture.log).unwrap()
}

/// Takes away what is left over `seconds` after now.
fn clear(fixture: &Fixture, seconds: i64) -> Vec<PathBuf> {
    leftover::clear_segments(&fixture.layout, &fixture.log, fixture.tip.time.plus_seconds(seconds)).unwrap()
}

fn verdict(fixture: &Fixture, expected: Verdict, what: &str) {
    let report = fixture.verify();
    assert_eq!(report.verdict, expected, "{what}\n{report}");
}

#[test]
fn heads_proofs_and_entries_are_what_they_were() {
    for (log, pruned) in LOGS {
        let mut fixture = Fixture::small(8);
        if pruned {
            prune(&mut fixture);
        }
        let (before, old) = (all(&fixture), segments(&fixture));
        let head = fs::read_to_string(fixture.layout.checkpoint()).unwrap();
        let key = fixture.key.verifier();
        let proofs: Vec<String> = before.iter().map(|stored| proof::make(&fixture.layout, stored).unwrap().to_string()).collect();
        let ten_minutes = Reader::open(fixture.layout.clone()).unwrap().snapshot(0).unwrap();

        let one = fixture.merge().unwrap();
        assert_eq!((one.first, one.last, one.rows, one.replaces), (0, old[7].last, old[7].last + 1, Some(8)), "{log}");
        assert_eq!(segments(&fixture), std::slice::from_ref(&one), "{log}");
        assert_eq!(fixture.merge(), None, "{log}: once is enough");
        // Whoever took the list of segments before reads on.
        assert!(ten_minutes.segments.iter().all(|segment| fixture.layout.below_ledger(&segment.path).exists()), "{log}");
        fixture.publish();
        verdict(&fixture, Verdict::Verified, log);
        fixture.seal();
        assert_eq!(clear(&fixture, KEPT_SECONDS).len(), 8, "{log}");
        assert!(old.iter().all(|segment| !fixture.layout.below_ledger(&segment.path).exists()), "{log}");
        fixture.publish();

        assert_eq!(all(&fixture)[..before.len()], before, "{log}");
        let report = verify(
            &fixture.layout,
            &Options { trusted: Some(key.clone()), remembered: vec![("before".into(), head)], ..Options::default() },
            &mut |_, _| {},
        );
        assert_eq!(report.verdict, Verdict::Verified, "{log}\n{report}");
        for (text, stored) in proofs.iter().zip(&before) {
            assert_eq!(proof::verify("proof", text, Some(&key), None).verdict, Verdict::Verified, "{log}: entry {}", stored.seq);
            proof::make(&fixture.layout, stored).unwrap();
        }
        // What was merged can be pruned as well.
        if !pruned {
            prune(&mut fixture);
            verdict(&fixture, Verdict::Verified, log);
            assert_eq!(all(&fixture)[..before.len()], before, "{log}");
        }
    }
}

#[test]
fn a_merged_segment_is_merged_again_with_the_next_ones() {
    let mut fixture = Fixture::small(8);
    fixture.merge().unwrap();
    for _ in 0..7 {
        fixture.seal();
    }
    let again = fixture.merge().unwrap();
    assert_eq!((again.first, again.replaces), (0, Some(8)));
    fixture.seal();
    assert_eq!(clear(&fixture, KEPT_SECONDS).len(), 16, "also those that were replaced by one that was replaced");
    fixture.publish();
    verdict(&fixture, Verdict::Verified, "merged twice");
}

#[test]
fn a_segment_ends_with_its_month_and_months_are_merged_apart() {
    let mut fixture = Fixture::new();
    let july = Timestamp::parse_lenient("2026-07-31T23:59:00Z").unwrap();
    fixture.tip.time = july;
    fixture.append(vec![heartbeat(); 100]);
    let end = fixture.tip.edge.size();
    let mut spans = Vec::new();
    while let Some(segment) = seal::make_segment(&fixture.layout, &fixture.log, end).unwrap() {
        spans.push((segment.path.chars().take(14).collect::<String>(), segment.first, segment.last));
        fixture.append(vec![Body::SegmentSealed(segment)]);
    }
    // The log was opened in 1970, the minute before midnight has 59 whole seconds after its first.
    let expected = [("events/1970/01", 0, 0), ("events/2026/07", 1, 59), ("events/2026/08", 60, 100)];
    assert_eq!(spans, expected.map(|(folder, first, last)| (folder.to_owned(), first, last)));
    fixture.seal();
    fixture.seal();
    assert_eq!(fixture.merge(), None, "August goes on, July has one segment");
    fixture.tip.time = Timestamp::parse_lenient("2026-09-01T00:00:00Z").unwrap();
    fixture.append(vec![heartbeat()]);
    let august = fixture.merge().unwrap();
    assert_eq!((august.first, august.replaces), (60, Some(3)), "August is over");
    assert_eq!(fixture.merge(), None);
    fixture.publish();
    verdict(&fixture, Verdict::Verified, "three months");
}

#[test]
fn a_merge_is_whole_where_it_is_recorded_whatever_fails_once() {
    for (log, pruned) in LOGS {
        let mut fixture = Fixture::small(8);
        if pruned {
            prune(&mut fixture);
        }
        let expected = merged(&fixture).unwrap();
        let whole = Bytes::from(fs::read(fixture.layout.below_ledger(&expected.path)).unwrap());
        let reader = Store::of(&fixture.layout).reader().unwrap();
        for already_there in ["nothing", "a half-written segment", "the segment"] {
            for (step, fault) in FAULTS {
                let what = format!("the log is {log}, {already_there} is there, {step:?} fails {fault:?}");
                let place = Faulty::default();
                for segment in segments(&fixture) {
                    let bytes = fs::read(fixture.layout.below_ledger(&segment.path)).unwrap();
                    place.put_if_absent(&segment.path, &bytes.into()).unwrap();
                }
                match already_there {
                    "a half-written segment" => drop(place.put_if_absent(&expected.path, &Bytes::from_static(b"PAR1"))),
                    "the segment" => drop(place.put_if_absent(&expected.path, &whole)),
                    _ => {}
                }
                // A read is of the first segment, or, later, of what was put.
                for reads_before in if *step == Step::Get { 0..=8 } else { 0..=0 } {
                    *place.fault.lock().unwrap() = Some((*step, *fault));
                    *place.spared.lock().unwrap() = reads_before;
                    let make = || merge::merge_segments_in(&place, &fixture.layout, reader.as_ref());
                    let made = match make() {
                        Ok(made) => made.unwrap(),
                        Err(error) => {
                            assert!(
                                matches!(error, SealError::Io { .. } | SealError::Damaged { .. } | SealError::ReadBack { .. }),
                                "{what}: {error}"
                            );
                            make().unwrap().unwrap()
                        }
                    };
                    assert_eq!(made, expected, "{what}");
                    *place.fault.lock().unwrap() = None;
                    assert_eq!(Digest::of(&place.get(&made.path).unwrap().unwrap()), made.sha256, "{what}");
                }
            }
        }
    }
}

#[test]
fn nothing_is_merged_from_a_segment_that_is_missing_or_changed() {
    for (log, pruned) in LOGS {
        for damage in ["missing", "changed", "another entry in the log"] {
            if pruned && damage == "another entry in the log" {
                continue;
            }
            let what = format!("{log}, {damage}");
            let mut fixture = Fixture::small(8);
            if pruned {
                prune(&mut fixture);
            }
            let third = fixture.layout.below_ledger(&segments(&fixture)[2].path);
            match damage {
                "missing" => fs::remove_file(third).unwrap(),
                "changed" => {
                    let mut bytes = fs::read(&third).unwrap();
                    bytes[60] ^= 1;
                    fs::write(third, bytes).unwrap();
                }
                _ => {
                    let log = rusqlite::Connection::open(fixture.layout.log()).unwrap();
                    log.execute("UPDATE entry SET signature = zeroblob(64) WHERE seq = 10", []).unwrap();
                }
            }
            let before = fixture.files();
            let error = merge::merge_segments(&fixture.layout, Store::of(&fixture.layout).reader().unwrap().as_ref()).unwrap_err();
            assert!(matches!(error, SealError::Io { .. } | SealError::ReadBack { seq: 10, .. }), "{what}: {error}");
            assert_eq!(fixture.files(), before, "{what}: nothing was put");
        }
    }
}

/// What a crash after each step leaves, and that the next run goes on from there.
#[test]
fn whatever_a_crash_leaves_is_gone_on_with() {
    for (log, pruned) in LOGS {
        let mut fixture = Fixture::small(8);
        if pruned {
            prune(&mut fixture);
        }
        let before = all(&fixture);
        // After the put: a merged file that nobody recorded, whole or torn. It is a leftover, or is adopted or replaced by the next merge.
        let one = merged(&fixture).unwrap();
        let file = fixture.layout.below_ledger(&one.path);
        verdict(&fixture, Verdict::CouldNotTell, log);
        assert_eq!(clear(&fixture, 0), std::slice::from_ref(&file), "{log}");
        verdict(&fixture, Verdict::Verified, log);
        for torn in [false, true] {
            fs::write(&file, b"PAR1").unwrap();
            if !torn {
                fs::remove_file(&file).unwrap();
                assert_eq!(merged(&fixture).unwrap(), one);
            }
            assert_eq!(merged(&fixture).unwrap(), one, "{log}, torn: {torn}");
        }
        // After the record: the old files are still there, and stay for ten minutes and until the record is sealed.
        fixture.append(vec![Body::SegmentSealed(one.clone())]);
        fixture.publish();
        verdict(&fixture, Verdict::Verified, log);
        assert_eq!(all(&fixture)[..before.len()], before, "{log}");
        assert_eq!(clear(&fixture, KEPT_SECONDS), Vec::<PathBuf>::new(), "{log}: the record is not sealed");
        fixture.seal();
        let since = KEPT_SECONDS - 1 - 1;
        assert_eq!(clear(&fixture, since), Vec::<PathBuf>::new(), "{log}: one second is missing");
        // A merged segment that is not what was recorded replaces nothing.
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        let late = fixture.tip.time.plus_seconds(KEPT_SECONDS);
        leftover::clear_segments(&fixture.layout, &fixture.log, late).unwrap_err();
        fs::write(&file, &whole).unwrap();
        // Between two removals.
        let old = reader::recorded(&fixture.log).unwrap();
        let old: Vec<PathBuf> = old.replaced().iter().map(|replaced| fixture.layout.below_ledger(&replaced.segment.path)).collect();
        fs::remove_file(&old[0]).unwrap();
        fs::remove_file(&old[3]).unwrap();
        fixture.publish();
        verdict(&fixture, Verdict::Verified, log);
        assert_eq!(clear(&fixture, since + 1).len(), 6, "{log}");
        verdict(&fixture, Verdict::Verified, log);
        assert_eq!(all(&fixture)[..before.len()], before, "{log}");
        assert_eq!(clear(&fixture, 10 * KEPT_SECONDS), Vec::<PathBuf>::new(), "{log}");
    }
}

#[test]
fn removing_replaced_segments_is_gone_on_with_whatever_fails_once() {
    for (step, fault) in FAULTS {
        let mut fixture = Fixture::small(8);
        let old = segments(&fixture);
        let one = fixture.merge().unwrap();
        fixture.seal();
        let place = Faulty::default();
        for segment in old.iter().chain([&one]) {
            let bytes = fs::read(fixture.layout.below_ledger(&segment.path)).unwrap();
            place.put_if_absent(&segment.path, &bytes.into()).unwrap();
        }
        *place.fault.lock().unwrap() = Some((*step, *fault));
        let late = fixture.tip.time.plus_seconds(KEPT_SECONDS);
        let clear = || leftover::clear_segments_in(&place, &fixture.layout, &fixture.log, late);
        let gone =
            |segment: &SegmentSealed| !fixture.layout.below_ledger(&segment.path).exists() && place.get(&segment.path).unwrap().is_none();
        if *step == Step::Put {
            assert_eq!(clear().unwrap().len(), 8, "nothing is put");
            *place.fault.lock().unwrap() = None;
        } else {
            clear().unwrap_err();
            assert!(*step != Step::Get || old.iter().all(|segment| !gone(segment)), "{fault:?}: what was not read back replaces nothing");
            clear().unwrap();
        }
        assert!(old.iter().all(gone), "{step:?} {fault:?}");
        assert_eq!(Digest::of(&place.get(&one.path).unwrap().unwrap()), one.sha256);
        fixture.publish();
        verdict(&fixture, Verdict::Verified, "removed");
    }
}

/// A verification holds the log as it was at its beginning, and may last longer than replaced files do.
#[test]
fn a_verification_that_outlasts_the_replaced_files_reads_what_took_their_place() {
    for (log, pruned) in LOGS {
        let mut fixture = Fixture::small(8);
        if pruned {
            prune(&mut fixture);
        }
        let (layout, old) = (fixture.layout.clone(), segments(&fixture));
        let mut meanwhile = Some(&mut fixture);
        let report = verify(&layout, &Options::default(), &mut |done, _| {
            if done > old[0].last
                && let Some(fixture) = meanwhile.take()
            {
                fixture.merge().unwrap();
                fixture.seal();
                assert_eq!(clear(fixture, KEPT_SECONDS).len(), 8);
            }
        });
        assert!(meanwhile.is_none());
        assert_eq!(report.verdict, Verdict::Verified, "{log}\n{report}");
        // What took the place is missing too: that is what it always was.
        let mut fixture = Fixture::small(8);
        if pruned {
            prune(&mut fixture);
        }
        fs::remove_file(fixture.layout.below_ledger(&segments(&fixture)[4].path)).unwrap();
        assert!(fixture.verify().has(Finding::SegmentMissing), "{log}");
    }
}

/// Records of a thief who holds the node's key: what they claim to replace, they do not.
#[test]
fn a_forged_record_is_refused_by_readers_and_found() {
    let honest = |fixture: &Fixture| merged(fixture).unwrap();
    let written = |fixture: &Fixture, first: u64, last: u64, entries: &[StoredEntry]| {
        let mut writer = SegmentWriter::new().unwrap();
        writer.write(entries).unwrap();
        let bytes = writer.finish().unwrap();
        let path = layout::segment_path(first, last, Timestamp::default());
        fs::write(fixture.layout.below_ledger(&path), &bytes).unwrap();
        let length = bytes.len() as u64;
        SegmentSealed { first, last, rows: last - first + 1, bytes: length, sha256: Digest::of(&bytes), path, replaces: Some(8) }
    };
    type Forge<'a> = &'a dyn Fn(&Fixture) -> SegmentSealed;
    let forgeries: [(&str, bool, Forge<'_>); 7] = [
        ("a gap", true, &|fixture| {
            let entries = &all(fixture)[2..=honest(fixture).last as usize];
            written(fixture, 2, entries.last().unwrap().seq, entries)
        }),
        ("entries beyond the last of them", true, &|fixture| {
            let entries = all(fixture);
            written(fixture, 0, honest(fixture).last + 1, &entries[..honest(fixture).last as usize + 2])
        }),
        ("more of them than stand", true, &|fixture| SegmentSealed { replaces: Some(9), ..honest(fixture) }),
        ("fewer of them than it holds", true, &|fixture| SegmentSealed { replaces: Some(7), ..honest(fixture) }),
        ("none of them", true, &|fixture| SegmentSealed { replaces: None, ..honest(fixture) }),
        ("another file", false, &|fixture| SegmentSealed { sha256: Digest::of(b"other"), ..honest(fixture) }),
        ("other entries", false, &|fixture| {
            let other = Fixture::small(9);
            written(fixture, 0, honest(fixture).last, &{
                let mut entries = all(&other);
                entries.truncate(honest(fixture).last as usize + 1);
                let (tenth, mut eleventh) = (entries[10].clone(), entries[11].clone());
                eleventh.seq = 10;
                entries[10] = StoredEntry { entry: tenth.entry, ..eleventh };
                entries
            })
        }),
    ];
    for (log, pruned) in LOGS {
        for (what, refused, forge) in &forgeries {
            let mut fixture = Fixture::small(8);
            if pruned {
                prune(&mut fixture);
            }
            let forged = forge(&fixture);
            fixture.append(vec![Body::SegmentSealed(forged)]);
            fixture.publish();
            verdict(&fixture, Verdict::Tampered, &format!("{log}: {what}"));
            let read = Reader::open(fixture.layout.clone()).unwrap().segments();
            assert_eq!(read.is_err(), *refused, "{log}: {what}: {read:?}");
            if *refused {
                assert!(clear_refuses(&fixture), "{log}: {what}: nobody can say then what is left over");
            }
        }
    }
}

fn clear_refuses(fixture: &Fixture) -> bool {
    leftover::clear_segments(&fixture.layout, &fixture.log, fixture.tip.time.plus_seconds(KEPT_SECONDS)).is_err()
}
