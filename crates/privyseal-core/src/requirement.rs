//! Who must seal a request: an expression over groups and people, and the matching of distinct persons to its slots.
//!
//! ```text
//! requirement = "none" | all *( "or" all )
//! all         = slot *( "," slot )
//! slot        = N "of" who *( "|" who )          N from 1 to 9
//! who         = "group:" name | "user:" principal
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{PersonId, PrincipalId, Role};

const MAX_ALTERNATIVES: usize = 32;
const MAX_PERSONS: usize = 16;

/// Someone who can fill a slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Any holder of the role `group:<name>`.
    Group(Role),
    /// One named principal.
    User(PrincipalId),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Group(role) => write!(f, "{role}"),
            Who::User(principal) => write!(f, "user:{principal}"),
        }
    }
}

/// Some number of distinct persons out of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// How many, 1 to 9.
    pub count: usize,
    /// Out of whom; sorted, without repetition.
    pub of: Vec<Who>,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of: Vec<String> = self.of.iter().map(ToString::to_string).collect();
        write!(f, "{} of {}", self.count, of.join("|"))
    }
}

/// Who must seal: nobody, or any one of several lists of slots, each list to be filled completely by distinct persons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    alternatives: Vec<Vec<Slot>>,
}

/// A requirement expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a requirement: {reason}; write for example `2 of group:sre, 1 of group:dba`, `1 of user:ana|user:ben`, or `none`")]
pub struct RequirementError {
    text: String,
    reason: &'static str,
}

/// A person who has approved, with everything that decides which slots they can fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The natural person.
    pub person: PersonId,
    /// The principal that reviewed.
    pub principal: PrincipalId,
    /// Roles held now.
    pub roles: BTreeSet<Role>,
}

impl Candidate {
    /// Whether this account could fill the slot.
    #[must_use]
    pub fn fits(&self, slot: &Slot) -> bool {
        slot.of.iter().any(|who| match who {
            Who::Group(role) => self.roles.contains(role),
            Who::User(principal) => self.principal == *principal,
        })
    }
}

/// One place for one distinct person, and who fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The slot that it belongs to.
    pub slot: &'a Slot,
    /// Who fills it; none while it is open.
    pub filled: Option<Filled>,
}

/// One slot filled by one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// The slot as text without its count, for example `group:sre`.
    pub slot: String,
    /// Who fills it.
    pub person: PersonId,
    /// With which account.
    pub principal: PrincipalId,
}

impl Requirement {
    /// Nobody has to seal it.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether nobody has to seal it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.alternatives.is_empty()
    }

    /// The lists of slots, any one of which suffices.
    #[must_use]
    pub fn alternatives(&self) -> &[Vec<Slot>] {
        &self.alternatives
    }

    /// The fewest distinct persons that can satisfy it; 0 for none.
    #[must_use]
    pub fn persons(&self) -> usize {
        self.alternatives.iter().map(|slots| slots.iter().map(|slot| slot.count).sum()).min().unwrap_or(0)
    }

    /// Both requirements at once. For the same set of people the larger count holds; different sets add up.
    ///
    /// # Errors
    /// When the result has too many alternatives or persons to be shown to anyone.
    pub fn and(&self, other: &Requirement) -> Result<Requirement, RequirementError> {
        if self.is_none() || other.is_none() {
            return Ok(if self.is_none() { other.clone() } else { self.clone() });
        }
        let mut alternatives = BTreeSet::new();
        for left in &self.alternatives {
            for right in &other.alternatives {
                let mut merged: BTreeMap<&[Who], usize> = BTreeMap::new();
                for slot in left.iter().chain(right) {
                    let count = merged.entry(&slot.of).or_default();
                    *count = (*count).max(slot.count);
                }
                let mut slots: Vec<Slot> = merged.into_iter().map(|(of, count)| Slot { count, of: of.to_vec() }).collect();
                // In the order in which they are read back, so that a recorded requirement equals the one that was computed.
                slots.sort();
                alternatives.insert(slots);
            }
        }
        let merged = Requirement { alternatives: alternatives.into_iter().collect() };
        merged.check().map_err(|reason| RequirementError { text: format!("{self}; {other}"), reason })?;
        Ok(merged)
    }

    /// Either requirement: whoever satisfies one of them satisfies this. When one of them asks for nobody, nobody is asked for.
    ///
    /// The alternatives of `self` come first, so that [`Requirement::fill`] prefers them.
    ///
    /// # Errors
    /// When the result has too many alternatives to be shown to anyone.
    pub fn or(&self, other: &Requirement) -> Result<Requirement, RequirementError> {
        if self.is_none() || other.is_none() {
            return Ok(Self::none());
        }
        let mut alternatives: Vec<Vec<Slot>> = Vec::new();
        for slots in self.alternatives.iter().chain(&other.alternatives) {
            if !alternatives.contains(slots) {
                alternatives.push(slots.clone());
            }
        }
        let either = Requirement { alternatives };
        either.check().map_err(|reason| RequirementError { text: format!("{self} or {other}"), reason })?;
        Ok(either)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.alternatives.len() > MAX_ALTERNATIVES {
            return Err("more than 32 alternatives");
        }
        if self.alternatives.iter().any(|slots| slots.iter().map(|slot| slot.count).sum::<usize>() > MAX_PERSONS) {
            return Err("more than 16 persons");
        }
        Ok(())
    }

    /// Fills one alternative completely with distinct persons, if the candidates allow it.
    ///
    /// A person counts once even when several of their accounts approved. Alternatives are tried in order and the first that
    /// can be filled is returned, so the result is the same on every replay.
    #[must_use]
    pub fn fill(&self, candidates: &[Candidate]) -> Option<Vec<Filled>> {
        self.alternatives.iter().find_map(|slots| match_slots(slots, candidates).into_iter().map(|place| place.filled).collect())
    }

    /// Every alternative, place by place, with as many places filled by these candidates as can be. [`Requirement::fill`] is the first
    /// alternative of this list without an open place.
    #[must_use]
    pub fn places(&self, candidates: &[Candidate]) -> Vec<Vec<Place<'_>>> {
        self.alternatives.iter().map(|slots| match_slots(slots, candidates)).collect()
    }

    /// Whether somebody could fill some slot that is asked for.
    #[must_use]
    pub fn mentions(&self, candidate: &Candidate) -> bool {
        self.alternatives.iter().flatten().any(|slot| candidate.fits(slot))
    }
}

/// Maximum bipartite matching of persons to places by augmenting paths. Earlier places are filled first.
fn match_slots<'a>(slots: &'a [Slot], candidates: &[Candidate]) -> Vec<Place<'a>> {
    let places: Vec<&Slot> = slots.iter().flat_map(|slot| std::iter::repeat_n(slot, slot.count)).collect();
    let mut persons: BTreeMap<&PersonId, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        persons.entry(&candidate.person).or_default().push(candidate);
    }
    // Which person holds which place.
    let mut holder: BTreeMap<usize, &PersonId> = BTreeMap::new();
    for place in 0..places.len() {
        augment(place, &places, &persons, &mut holder, &mut BTreeSet::new());
    }
    let filled = |place: usize, slot: &Slot| {
        let person = *holder.get(&place)?;
        let account = persons.get(person)?.iter().find(|candidate| candidate.fits(slot))?;
        let of: Vec<String> = slot.of.iter().map(ToString::to_string).collect();
        Some(Filled { slot: of.join("|"), person: person.clone(), principal: account.principal.clone() })
    };
    places.iter().enumerate().map(|(place, slot)| Place { slot, filled: filled(place, slot) }).collect()
}

fn augment<'a>(
    place: usize,
    places: &[&Slot],
    persons: &BTreeMap<&'a PersonId, Vec<&Candidate>>,
    holder: &mut BTreeMap<usize, &'a PersonId>,
    tried: &mut BTreeSet<&'a PersonId>,
) -> bool {
    let Some(slot) = places.get(place) else { return false };
    for (person, accounts) in persons {
        if !accounts.iter().any(|candidate| candidate.fits(slot)) || !tried.insert(person) {
            continue;
        }
        let held = holder.iter().find(|(_, who)| *who == person).map(|(place, _)| *place);
        if held.is_none_or(|other| augment(other, places, persons, holder, tried)) {
            holder.insert(place, person);
            return true;
        }
    }
    false
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        let alternatives: Vec<String> =
            self.alternatives.iter().map(|slots| slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")).collect();
        f.write_str(&alternatives.join(" or "))
    }
}

impl FromStr for Requirement {
    type Err = RequirementError;
    fn from_str(text: &str) -> Result<Self, RequirementError> {
        let error = |reason| RequirementError { text: text.chars().take(200).collect(), reason };
        if text.trim() == "none" {
            return Ok(Self::none());
        }
        let mut alternatives = Vec::new();
        for part in text.split(" or ") {
            let mut slots: Vec<Slot> = part.split(',').map(parse_slot).collect::<Result<_, _>>().map_err(error)?;
            slots.sort();
            if slots.windows(2).any(|pair| matches!(pair, [a, b] if a.of == b.of)) {
                return Err(error("the same set of people stands in two slots: add the counts"));
            }
            alternatives.push(slots);
        }
        let requirement = Self { alternatives };
        requirement.check().map_err(error)?;
        Ok(requirement)
    }
}

fn parse_slot(text: &str) -> Result<Slot, &'static str> {
    let (count, of) = text.trim().split_once(" of ").ok_or("a slot reads `N of group:name`")?;
    let count = count.trim().parse().ok().filter(|count| (1..=9).contains(count)).ok_or("the count is a number from 1 to 9")?;
    let mut of: Vec<Who> = of.split('|').map(parse_who).collect::<Result<_, _>>()?;
    of.sort();
    of.dedup();
    Ok(Slot { count, of })
}

fn parse_who(text: &str) -> Result<Who, &'static str> {
    let text = text.trim();
    if let Some(name) = text.strip_prefix("user:") {
        return name.parse().map(Who::User).map_err(|_| "the name after user: is not a principal id");
    }
    if text.strip_prefix("group:").is_some_and(|name| !name.is_empty()) {
        return text.parse().map(Who::Group).map_err(|_| "the name after group: is not a role name");
    }
    Err("people are named as group:name or user:name")
}

impl Serialize for Requirement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(person: &str, principal: &str, roles: &[&str]) -> Candidate {
        Candidate {
            person: person.parse().unwrap(),
            principal: principal.parse().unwrap(),
            roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        }
    }

    fn parse(text: &str) -> Requirement {
        text.parse().unwrap()
    }

    fn some_requirement() -> impl Strategy<Value = Requirement> {
        prop::sample::select(vec![
            "none",
            "1 of group:a",
            "2 of group:a",
            "1 of group:a, 1 of group:b",
            "1 of group:a|group:b",
            "1 of group:c or 2 of group:b",
            "1 of user:p0 or 1 of group:a, 2 of group:c",
        ])
        .prop_map(parse)
    }

    #[test]
    fn text_form_is_stable() {
        for (text, expected) in [
            ("none", "none"),
            ("2 of group:sre,1 of group:dba", "1 of group:dba, 2 of group:sre"),
            ("1 of user:ben|user:ana|user:ben", "1 of user:ana|user:ben"),
            ("1 of group:ciso or 2 of group:sre", "1 of group:ciso or 2 of group:sre"),
        ] {
            assert_eq!(parse(text).to_string(), expected);
            assert_eq!(parse(expected), parse(text));
        }
        for bad in [
            "",
            "two of group:sre",
            "0 of group:sre",
            "10 of group:sre",
            "1 of sre",
            "1 of group:",
            "1 of group:a,",
            "1 of group:a, 2 of group:a",
        ] {
            assert!(bad.parse::<Requirement>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_union_keeps_the_larger_count_and_adds_other_groups() {
        for (left, right, expected) in [
            ("1 of group:sre", "2 of group:sre", "2 of group:sre"),
            ("1 of group:sre", "1 of group:dba", "1 of group:dba, 1 of group:sre"),
            ("none", "1 of group:dba", "1 of group:dba"),
            ("1 of group:a or 1 of group:b", "1 of group:a", "1 of group:a or 1 of group:a, 1 of group:b"),
            ("2 of group:a", "1 of group:b", "1 of group:b, 2 of group:a"),
        ] {
            assert_eq!(parse(left).and(&parse(right)).unwrap().to_string(), expected);
            assert_eq!(parse(right).and(&parse(left)).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn either_requirement_keeps_the_alternatives_of_both_once() {
        for (left, right, expected) in [
            ("1 of group:sre", "1 of group:duty", "1 of group:sre or 1 of group:duty"),
            ("1 of group:sre", "1 of group:sre", "1 of group:sre"),
            ("1 of group:b or 1 of group:a", "1 of group:a or 2 of group:c", "1 of group:b or 1 of group:a or 2 of group:c"),
            ("2 of group:sre, 1 of group:dba", "1 of group:dba,2 of group:sre", "1 of group:dba, 2 of group:sre"),
            ("none", "1 of group:a", "none"),
            ("1 of group:a", "none", "none"),
        ] {
            let either = parse(left).or(&parse(right)).unwrap();
            assert_eq!(either.to_string(), expected, "{left} or {right}");
            assert_eq!(parse(expected), either, "what is shown reads back as the same");
        }
        let many = |name: &str| parse(&(0..20).map(|n| format!("1 of group:{name}{n}")).collect::<Vec<_>>().join(" or "));
        let error = many("a").or(&many("b")).unwrap_err().to_string();
        assert!(error.contains("more than 32 alternatives"), "{error}");
    }

    #[test]
    fn one_person_fills_one_slot() {
        let both = parse("1 of group:sre, 1 of group:dba");
        let ana = candidate("ana", "ana", &["group:sre", "group:dba"]);
        let ana_admin = candidate("ana", "ana-admin", &["group:dba"]);
        let ben = candidate("ben", "ben", &["group:sre"]);
        assert!(both.fill(std::slice::from_ref(&ana)).is_none());
        assert!(both.fill(&[ana.clone(), ana_admin]).is_none(), "two accounts of one person are one person");
        // Only an augmenting path finds this: whoever comes first may have to move over.
        let filled = both.fill(&[ana, ben]).unwrap();
        assert_eq!(
            filled.iter().map(|f| (f.slot.as_str(), f.person.as_str())).collect::<Vec<_>>(),
            [("group:dba", "ana"), ("group:sre", "ben")]
        );
    }

    proptest! {
        /// Either is satisfied exactly by the people who satisfy one of the two, both exactly by those who satisfy each.
        #[test]
        fn either_and_both_mean_what_they_say(left in some_requirement(), right in some_requirement(), people in prop::collection::vec(0_u8..8, 0..5)) {
            let candidates: Vec<Candidate> = people.iter().enumerate().map(|(i, mask)| {
                let groups = ["group:a", "group:b", "group:c"];
                let roles: Vec<&str> = groups.iter().enumerate().filter(|(g, _)| mask & (1 << g) != 0).map(|(_, name)| *name).collect();
                candidate(&format!("p{i}"), &format!("p{i}"), &roles)
            }).collect();
            let enough = |requirement: &Requirement| requirement.is_none() || requirement.fill(&candidates).is_some();
            let either = left.or(&right).unwrap();
            prop_assert_eq!(enough(&either), enough(&left) || enough(&right));
            let both = left.and(&right).unwrap();
            prop_assert!(!enough(&both) || (enough(&left) && enough(&right)));
            for made in [either, both] {
                prop_assert_eq!(made.to_string().parse::<Requirement>().unwrap(), made, "what is recorded reads back as the same");
            }
        }

        /// Against brute force: try every assignment of distinct persons to places.
        #[test]
        fn matching_agrees_with_brute_force(slots in prop::collection::vec((1_usize..3, 0_usize..3), 1..3), people in prop::collection::vec(0_u8..8, 0..5)) {
            let names = ["group:a", "group:b", "group:c"];
            let mut wanted: BTreeMap<usize, usize> = BTreeMap::new();
            for (count, group) in slots { *wanted.entry(group).or_default() = count; }
            let text: Vec<String> = wanted.iter().map(|(group, count)| format!("{count} of {}", names[*group])).collect();
            let requirement = parse(&text.join(", "));
            let candidates: Vec<Candidate> = people.iter().enumerate().map(|(i, mask)| {
                let roles: Vec<&str> = names.iter().enumerate().filter(|(g, _)| mask & (1 << g) != 0).map(|(_, n)| *n).collect();
                candidate(&format!("p{i}"), &format!("p{i}"), &roles)
            }).collect();
            let places: Vec<usize> = wanted.iter().flat_map(|(group, count)| std::iter::repeat_n(*group, *count)).collect();
            fn possible(places: &[usize], people: &[u8], used: u32) -> bool {
                let Some((group, rest)) = places.split_first() else { return true };
                people.iter().enumerate().any(|(i, mask)| used & (1 << i) == 0 && mask & (1 << group) != 0 && possible(rest, people, used | 1 << i))
            }
            let filled = requirement.fill(&candidates);
            // As many places as can be: no larger part of them could be filled.
            let open = requirement.places(&candidates)[0].iter().filter(|place| place.filled.is_none()).count();
            let most = (0_u32..1 << places.len()).filter(|part| {
                let part: Vec<usize> = places.iter().enumerate().filter(|(i, _)| part & (1 << i) != 0).map(|(_, group)| *group).collect();
                possible(&part, &people, 0)
            }).map(u32::count_ones).max();
            prop_assert_eq!(u32::try_from(places.len() - open).ok(), most);
            prop_assert_eq!(filled.is_some(), possible(&places, &people, 0));
            if let Some(filled) = filled {
                let distinct: BTreeSet<_> = filled.iter().map(|f| &f.person).collect();
                prop_assert_eq!(distinct.len(), places.len());
            }
        }
    }
}
