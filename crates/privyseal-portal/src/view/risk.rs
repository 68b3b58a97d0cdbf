//! Risk as pages show it: a number, a word and a shape, so that nobody depends on colour.

use askama::Template;
use askama::filters::HtmlSafe;
use privyseal_core::assessment::Tier;

use super::mark;
use super::text::Untrusted;

/// A risk score. The shape grows corners with the tier: circle, diamond, octagon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Template)]
#[template(path = "part/risk.html")]
pub struct Risk {
    /// 0 to 100.
    pub score: u8,
    /// The tier of `score`.
    pub tier: Tier,
}

impl HtmlSafe for Risk {}

impl Risk {
    /// The risk of this many points; more than 100 count as 100.
    #[must_use]
    pub fn new(score: u8) -> Self {
        let score = score.min(100);
        Self { score, tier: Tier::of(score) }
    }

    /// The tier as a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self.tier {
            Tier::Low => "Low",
            Tier::Medium => "Medium",
            Tier::High => "High",
        }
    }

    fn shape(self) -> mark::Svg {
        mark::risk(self.tier)
    }
}

/// One reason for the risk: a rule that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// The rule's `@id`.
    pub rule: String,
    /// Points it adds, 0 to 100.
    pub points: u8,
    /// The rule's `@because`.
    pub because: Untrusted,
    /// The rule could not be evaluated because a fact was missing, and counts as matched.
    pub errored: bool,
}
