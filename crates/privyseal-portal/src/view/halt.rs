//! The kill switch, as a part of pages: what is engaged, and the form that engages more.

use super::text::Untrusted;

/// What one person sees of the kill switch and may do with it.
#[derive(Clone, Debug, Default)]
pub struct HaltCard {
    /// What is engaged.
    pub engaged: Vec<Engaged>,
    /// Whom this person may stop: the value of the form, and a name for people. Without any there is no form.
    pub targets: Vec<(String, Untrusted)>,
    /// The page to come back to: `people` or `settings`.
    pub back: &'static str,
}

/// A kill switch that is engaged.
#[derive(Clone, Debug)]
pub struct Engaged {
    /// Whom it stops, since when, by whom, why: one sentence.
    pub sentence: Untrusted,
    /// The value with which this person may release it.
    pub release: Option<String>,
}
