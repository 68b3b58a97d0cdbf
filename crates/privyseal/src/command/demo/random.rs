//! A small reproducible source of choices (SplitMix64). It picks stories, never secrets.

pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low.saturating_add(i64::try_from(self.next() % span).unwrap_or(0))
    }

    /// True in `percent` of a hundred cases; tenths count.
    pub(super) fn chance(&mut self, percent: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "three digits are all that is asked for")]
        let drawn = (self.next() % 100_000) as f64 / 1_000.0;
        drawn < percent
    }

    /// One of them.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = i64::try_from(items.len()).ok()?.checked_sub(1)?;
        items.get(usize::try_from(self.between(0, last)).ok()?)
    }

    /// One of them, by weight.
    pub(super) fn weighted<'a, T>(&mut self, items: &'a [(i64, T)]) -> Option<&'a T> {
        let total: i64 = items.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.between(1, total.max(1));
        items.iter().find_map(|(weight, item)| {
            drawn -= weight;
            (drawn <= 0).then_some(item)
        })
    }
}
