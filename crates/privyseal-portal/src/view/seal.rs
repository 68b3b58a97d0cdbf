//! Who must seal a request and who has: one seal per distinct person that is asked for.

use askama::Template;
use askama::filters::HtmlSafe;

use super::mark;
use super::moment::Moment;
use super::number::Count;
use super::text::Untrusted;

/// One place for one person's seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Set.
    Set {
        /// Who set it.
        name: Untrusted,
        /// Out of which group or list, as policy writes it: `group:sre`.
        of: String,
        /// When.
        at: Moment,
        /// How the reviewer proved who they are: `passkey` or `session`.
        assurance: &'static str,
    },
    /// Still to be set.
    Open {
        /// By whom, as policy writes it: `group:sre`, `user:ana|user:ben`.
        of: String,
        /// The person who looks at the page could set it.
        yours: bool,
        /// How many people could set it now; they never include a subject of the request.
        eligible: Count,
    },
}

/// One list of seals that suffices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealSet {
    /// Its seals, in the order of the policy's text.
    pub seals: Vec<Seal>,
}

impl SealSet {
    /// How many are set.
    #[must_use]
    pub fn set(&self) -> usize {
        self.seals.iter().filter(|seal| matches!(seal, Seal::Set { .. })).count()
    }
}

/// Everything that a request still needs: any one of the sets, complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seals {
    /// The sets, nearest to completion first; empty when nobody has to seal.
    pub sets: Vec<SealSet>,
}

impl Seals {
    /// The short form for lists: the nearest set as a row of seals, and what is open in words.
    pub(crate) fn brief(&self) -> SealsBrief {
        let nearest = self.sets.first();
        let seals: Vec<Seal> = nearest.map(|set| set.seals.clone()).unwrap_or_default();
        let open: Vec<String> = seals
            .iter()
            .filter_map(|seal| match seal {
                Seal::Open { of, .. } => Some(of.clone()),
                Seal::Set { .. } => None,
            })
            .collect();
        SealsBrief {
            set: nearest.map_or(0, SealSet::set),
            needed: seals.len(),
            open: merge(&open),
            other_ways: self.sets.len().saturating_sub(1),
            seals,
        }
    }
}

/// `["group:dba", "group:sre", "group:sre"]` becomes `1 of group:dba, 2 of group:sre`.
fn merge(open: &[String]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for of in open {
        match counted.iter_mut().find(|(seen, _)| seen == of) {
            Some((_, count)) => *count += 1,
            None => counted.push((of, 1)),
        }
    }
    counted.iter().map(|(of, count)| format!("{count} of {of}")).collect::<Vec<_>>().join(", ")
}

/// What a list says about the seals of a request.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "part/seals.html")]
pub(crate) struct SealsBrief {
    seals: Vec<Seal>,
    set: usize,
    needed: usize,
    open: String,
    other_ways: usize,
}

impl HtmlSafe for SealsBrief {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_seals_are_counted_by_who_can_set_them() {
        for (open, expected) in [
            (&[][..], ""),
            (&["group:dba", "group:sre", "group:sre"][..], "1 of group:dba, 2 of group:sre"),
            (&["user:ana"][..], "1 of user:ana"),
        ] {
            assert_eq!(merge(&open.iter().map(ToString::to_string).collect::<Vec<_>>()), expected);
        }
    }
}
