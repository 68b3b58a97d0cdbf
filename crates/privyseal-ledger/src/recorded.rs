//! What the log's records of segments add up to: which of them hold the sealed prefix now, and which were replaced.

use std::ops::Range;

use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::time::Timestamp;

use crate::layout;

/// A segment whose entries another one holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// As it was recorded.
    pub segment: SegmentSealed,
    /// Position of the record that put another one in its place.
    pub by: u64,
    /// When that was recorded.
    pub since: Timestamp,
}

/// The records of segments, taken one after the other in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    standing: Vec<SegmentSealed>,
    replaced: Vec<Replaced>,
}

impl Recorded {
    /// Takes the next record, which stands at position `seq` and was made at `time`. It holds either what follows the last segment, or
    /// exactly what a run of segments holds that stand now; then it takes their place.
    ///
    /// # Errors
    /// In words, when it does neither. Nothing has changed then.
    pub fn add(&mut self, segment: SegmentSealed, seq: u64, time: Timestamp) -> Result<(), String> {
        let next = self.next();
        let SegmentSealed { first, last, rows, .. } = segment;
        let counted = last.checked_sub(first).and_then(|rows| rows.checked_add(1)) == Some(rows);
        if !counted || !layout::is_segment_path(&segment.path, first, last) {
            return Err(format!("it claims entries {first} to {last} in `{}`, expected from {next}", segment.path));
        }
        match segment.replaces {
            None if first == next => self.standing.push(segment),
            None => return Err(format!("it claims entries {first} to {last} in `{}`, expected from {next}", segment.path)),
            Some(count) => {
                let run = self.run(first, last, count);
                let run = run.ok_or_else(|| {
                    format!("it claims to replace {count} segments that hold entries {first} to {last}, and no such run of them stands")
                })?;
                let gone = self.standing.splice(run, std::iter::once(segment));
                self.replaced.extend(gone.map(|segment| Replaced { segment, by: seq, since: time }));
            }
        }
        Ok(())
    }

    /// Where the run of `count` segments stands that together hold exactly these entries.
    fn run(&self, first: u64, last: u64, count: u64) -> Option<Range<usize>> {
        let start = self.standing.binary_search_by_key(&first, |segment| segment.first).ok()?;
        let end = start.checked_add(usize::try_from(count).ok().filter(|count| *count >= 2)?)?;
        (self.standing.get(start..end)?.last()?.last == last).then_some(start..end)
    }

    /// Position of the first entry that no segment holds.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.standing.last().map_or(0, |last| last.last.saturating_add(1))
    }

    /// The segments that hold the sealed prefix, in order, without gap or overlap.
    #[must_use]
    pub fn standing(&self) -> &[SegmentSealed] {
        &self.standing
    }

    /// [`Recorded::standing`], without the rest.
    #[must_use]
    pub fn into_standing(self) -> Vec<SegmentSealed> {
        self.standing
    }

    /// The segments that were replaced, in the order in which that was recorded. Their files may still be there.
    #[must_use]
    pub fn replaced(&self) -> &[Replaced] {
        &self.replaced
    }
}

#[cfg(test)]
mod tests {
    use privyseal_core::digest::Digest;
    use privyseal_core::event::ledger::SegmentSealed;
    use privyseal_core::time::Timestamp;

    use super::Recorded;
    use crate::layout::segment_path;

    fn segment(first: u64, last: u64, replaces: Option<u64>) -> SegmentSealed {
        let path = segment_path(first, last, Timestamp::default());
        SegmentSealed { first, last, rows: last - first + 1, bytes: 1, sha256: Digest::of(path.as_bytes()), path, replaces }
    }

    #[test]
    fn a_record_follows_the_last_segment_or_replaces_exactly_a_run() {
        let mut recorded = Recorded::default();
        for (first, last) in [(0, 9), (10, 19), (20, 29), (30, 30)] {
            recorded.add(segment(first, last, None), last + 1, Timestamp::default()).unwrap();
        }
        let before = recorded.clone();
        for (what, forged) in [
            ("a gap before it", segment(32, 40, None)),
            ("an overlap", segment(30, 40, None)),
            ("one segment, which is itself", segment(10, 19, Some(1))),
            ("none", segment(31, 40, Some(0))),
            ("none that stand", segment(31, 40, Some(2))),
            ("fewer than it says", segment(0, 19, Some(3))),
            ("more than it says", segment(0, 29, Some(2))),
            ("a part of the last one", segment(0, 18, Some(2))),
            ("a part of the first one", segment(1, 19, Some(2))),
            ("entries beyond the end", segment(20, 31, Some(2))),
            ("more than can be counted", segment(0, 30, Some(u64::MAX))),
            ("another number of rows", SegmentSealed { rows: 19, ..segment(0, 19, Some(2)) }),
            ("a path outside", SegmentSealed { path: "../x.parquet".into(), ..segment(0, 19, Some(2)) }),
            ("an end before the beginning", SegmentSealed { last: 3, ..segment(10, 19, Some(2)) }),
        ] {
            recorded.add(forged, 50, Timestamp::default()).expect_err(what);
            assert_eq!(recorded, before, "{what}");
        }
        recorded.add(segment(10, 29, Some(2)), 50, Timestamp::default()).unwrap();
        recorded.add(segment(31, 50, None), 51, Timestamp::default()).unwrap();
        // A merged one is merged again.
        recorded.add(segment(0, 30, Some(3)), 52, Timestamp::default()).unwrap();
        let spans = |list: Vec<&SegmentSealed>| list.iter().map(|segment| (segment.first, segment.last)).collect::<Vec<_>>();
        assert_eq!(spans(recorded.standing().iter().collect()), [(0, 30), (31, 50)]);
        let replaced = recorded.replaced().iter();
        assert_eq!(spans(replaced.clone().map(|replaced| &replaced.segment).collect()), [(10, 19), (20, 29), (0, 9), (10, 29), (30, 30)]);
        assert_eq!(replaced.map(|replaced| replaced.by).collect::<Vec<_>>(), [50, 50, 52, 52, 52]);
        recorded.add(segment(10, 29, Some(2)), 53, Timestamp::default()).expect_err("what was replaced does not stand");
    }
}
