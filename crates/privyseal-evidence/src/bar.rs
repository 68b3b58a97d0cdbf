//! The bar of states as numbers: where each part begins and how long it is, the same in HTML and PDF.

use privyseal_core::finding::TestState;

/// The length of a whole bar.
pub(crate) const WHOLE: u32 = 100_000;

/// What is there is seen: no part is shorter than this, however small its share.
const LEAST: u32 = 1_200;

/// From this length on a part has room for its mark, on a phone too.
pub(crate) const MARKED: u32 = 6_000;

/// A part of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) state: TestState,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// The parts of the states that occur, in the order given; together they are as long as the bar. What short parts gain, the longest loses.
pub(crate) fn parts(counts: &[(TestState, u64)]) -> Vec<Part> {
    let total: u128 = counts.iter().map(|(_, count)| u128::from(*count)).sum();
    let mut parts: Vec<Part> = Vec::new();
    let mut taken: u32 = 0;
    for (state, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let share = u32::try_from(u128::from(*count) * u128::from(WHOLE) / total.max(1)).unwrap_or(WHOLE);
        let length = share.max(LEAST);
        taken = taken.saturating_add(length);
        parts.push(Part { state: *state, start: 0, length });
    }
    if let Some(longest) = parts.iter_mut().max_by_key(|part| part.length) {
        longest.length = (longest.length + WHOLE).saturating_sub(taken);
    }
    let mut start = 0;
    for part in &mut parts {
        part.start = start;
        start += part.length;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counts: &[u64], expected: &[u32]) {
        let counts: Vec<(TestState, u64)> = TestState::ALL.into_iter().zip(counts.iter().copied()).collect();
        let parts = parts(&counts);
        assert_eq!(parts.iter().map(|part| part.length).collect::<Vec<_>>(), expected, "{counts:?}");
        assert!(parts.windows(2).all(|pair| pair[0].start + pair[0].length == pair[1].start), "{parts:?}");
        assert!(parts.is_empty() || parts.iter().map(|part| part.length).sum::<u32>() == WHOLE, "{parts:?}");
    }

    #[test]
    fn every_state_that_occurs_is_seen_and_the_bar_is_full() {
        check(&[1, 1], &[50_000, 50_000]);
        check(&[1, 1, 1], &[33_333, 33_333, 33_334]);
        check(&[0, 5, 0], &[WHOLE]);
        check(&[1, 1_000_000], &[1_200, 98_800]);
        check(&[1, 1, 1, 1, u64::MAX], &[1_200, 1_200, 1_200, 1_200, 95_200]);
        check(&[u64::MAX, u64::MAX], &[50_000, 50_000]);
        check(&[0, 0], &[]);
        check(&[], &[]);
    }
}
