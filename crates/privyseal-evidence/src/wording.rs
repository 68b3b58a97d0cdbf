//! Sentences that a renderer adds to a report by itself, in one place so that HTML and PDF add the same ones.

use privyseal_core::finding::TestState;

/// Title of the list of headings.
pub(crate) const CONTENTS: &str = "Contents";

/// Stands below a table without rows.
pub(crate) const NO_ROWS: &str = "This table has no rows.";

/// What stands below a table that shows only its first rows; the name of the file that holds all of them follows.
pub(crate) fn cut(shown: usize, total: u64) -> String {
    format!("Shown: the first {} of {} rows. All of them: ", grouped(u64::try_from(shown).unwrap_or(u64::MAX)), grouped(total))
}

/// What a bar of states counts, for example `30 controls`.
pub(crate) fn counted(what: &str, counts: &[(TestState, u64)]) -> String {
    format!("{} {what}", grouped(total(counts)))
}

/// Read out instead of the bar itself; the numbers follow as text.
pub(crate) fn bar(what: &str, counts: &[(TestState, u64)]) -> String {
    format!("Bar of {} by state; the numbers follow as text.", counted(what, counts))
}

/// The sum of the counts.
pub(crate) fn total(counts: &[(TestState, u64)]) -> u64 {
    counts.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// A number with its digits in groups of three, for example `51,234`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (51_234, "51,234"), (u64::MAX, "18,446,744,073,709,551,615")] {
            assert_eq!(grouped(number), expected);
        }
    }
}
