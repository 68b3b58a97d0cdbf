//! The period of a page: as it was asked for, or the last quarter that the log knows something about.

use privyseal_core::time::{Period, Timestamp};

use crate::body::Fields;
use crate::local;
use crate::packs;
use crate::problem::Problem;
use crate::view::controls::Preset;

/// A period as it stands in addresses and forms, and what it means.
#[derive(Clone, Debug)]
pub(in crate::page) struct Span {
    /// First day as it was written.
    pub(in crate::page) from: String,
    /// First day after as it was written.
    pub(in crate::page) to: String,
    /// The period; otherwise what is wrong with it.
    pub(in crate::page) period: Result<Period, Problem>,
}

impl Span {
    /// What `from` and `to` ask for; `otherwise` when they ask for nothing.
    pub(in crate::page) fn of(asked: &Fields, otherwise: (String, String)) -> Self {
        let (from, to) = match (asked.given("from"), asked.given("to")) {
            (None, None) => otherwise,
            (from, to) => (from.unwrap_or_default().trim().to_owned(), to.unwrap_or_default().trim().to_owned()),
        };
        let period = packs::period(&from, &to);
        Self { from, to, period }
    }

    /// As parameters of an address.
    pub(in crate::page) fn query(&self) -> String {
        format!("from={}&to={}", local::encode(&self.from), local::encode(&self.to))
    }
}

/// A quarter of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quarter {
    year: i32,
    /// 0 to 3.
    index: i32,
}

impl Quarter {
    fn of(moment: Timestamp) -> Self {
        let text = moment.date();
        let mut parts = text.splitn(3, '-').map(|part| part.parse().unwrap_or(1));
        let (year, month): (i32, i32) = (parts.next().unwrap_or(1970), parts.next().unwrap_or(1));
        Self { year, index: (month - 1) / 3 }
    }

    fn plus(self, quarters: i32) -> Self {
        let all = self.year * 4 + self.index + quarters;
        Self { year: all.div_euclid(4), index: all.rem_euclid(4) }
    }

    /// Its first day.
    fn first(self) -> String {
        format!("{:04}-{:02}-01", self.year, self.index * 3 + 1)
    }

    fn days(self) -> (String, String) {
        (self.first(), self.plus(1).first())
    }
}

/// The last whole quarter; the current one for a log that is younger.
pub(in crate::page) fn default_span(begun: Timestamp, now: Timestamp) -> (String, String) {
    let current = Quarter::of(now);
    let is_young = Timestamp::parse_lenient(&current.first()).is_ok_and(|start| begun >= start);
    if is_young { current.days() } else { current.plus(-1).days() }
}

/// The periods that people often ask for; `kept` are further parameters of the address.
pub(super) fn presets(span: &Span, now: Timestamp, kept: &str) -> Vec<Preset> {
    let current = Quarter::of(now);
    let quarters =
        (0..4).map(|back| current.plus(-back)).map(|quarter| (format!("Q{} {}", quarter.index + 1, quarter.year), quarter.days()));
    let year = (now.plus_seconds(-365 * 86_400).date(), now.date());
    let all = quarters.chain([("Last 12 months".to_owned(), year)]);
    all.map(|(label, (from, to))| Preset {
        label,
        href: format!("?from={from}&to={to}{kept}"),
        current: span.from == from && span.to == to,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_lenient(text).unwrap()
    }

    #[test]
    fn the_last_quarter_is_whole_unless_the_log_is_younger() {
        for (begun, now, from, to) in [
            ("2025-01-01", "2026-11-23", "2026-07-01", "2026-10-01"),
            ("2026-09-30", "2026-11-23", "2026-07-01", "2026-10-01"),
            ("2026-10-01", "2026-11-23", "2026-10-01", "2027-01-01"),
            ("2025-01-01", "2026-02-01", "2025-10-01", "2026-01-01"),
            ("2025-01-01", "2026-01-01", "2025-10-01", "2026-01-01"),
            ("2025-01-01", "2026-12-31", "2026-07-01", "2026-10-01"),
        ] {
            assert_eq!(default_span(at(begun), at(now)), (from.to_owned(), to.to_owned()), "{begun} {now}");
        }
    }

    #[test]
    fn presets_say_which_one_is_shown() {
        let span = Span::of(&Fields::default(), ("2026-07-01".to_owned(), "2026-10-01".to_owned()));
        let presets = presets(&span, at("2026-11-23"), "&show=pass");
        let current: Vec<&str> = presets.iter().filter(|preset| preset.current).map(|preset| preset.label.as_str()).collect();
        assert_eq!(current, ["Q3 2026"]);
        let labels: Vec<&str> = presets.iter().map(|preset| preset.label.as_str()).collect();
        assert_eq!(labels, ["Q4 2026", "Q3 2026", "Q2 2026", "Q1 2026", "Last 12 months"]);
        assert_eq!(presets.last().unwrap().href, "?from=2025-11-23&to=2026-11-23&show=pass");
    }
}
