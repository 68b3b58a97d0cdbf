//! The action catalogue: which verbs exist, what the server knows about resources, when hours and freezes are,
//! and the thresholds of control tests. Reading it from TOML stands in `catalogue/read.rs`.

mod pattern;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use privyseal_core::action::ResourceRef;
use privyseal_core::command::RateLimits;
use privyseal_core::id::ActionId;
use privyseal_core::time::Timestamp;
use serde_json::{Map, Value};

pub(crate) use pattern::Pattern;
pub(crate) use read::read;

/// What sort of change an action makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum ChangeClass {
    /// Changes nothing.
    Read,
    Schema,
    Access,
    Data,
    Infrastructure,
    Configuration,
}

impl ChangeClass {
    /// All classes.
    pub const ALL: [ChangeClass; 6] = [
        ChangeClass::Read,
        ChangeClass::Schema,
        ChangeClass::Access,
        ChangeClass::Data,
        ChangeClass::Infrastructure,
        ChangeClass::Configuration,
    ];

    /// The word, as in catalogues and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeClass::Read => "read",
            ChangeClass::Schema => "schema",
            ChangeClass::Access => "access",
            ChangeClass::Data => "data",
            ChangeClass::Infrastructure => "infrastructure",
            ChangeClass::Configuration => "configuration",
        }
    }
}

/// How hard it is to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reversibility {
    /// By doing the opposite.
    Reversible,
    /// With work, for example from a backup.
    Costly,
    /// Not at all.
    Irreversible,
}

impl Reversibility {
    /// All values, from mild to final.
    pub const ALL: [Reversibility; 3] = [Reversibility::Reversible, Reversibility::Costly, Reversibility::Irreversible];

    /// The word, as in catalogues and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reversibility::Reversible => "reversible",
            Reversibility::Costly => "costly",
            Reversibility::Irreversible => "irreversible",
        }
    }
}

/// A verb that may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueAction {
    /// Its id; the groups it belongs to are its prefixes up to each dot.
    pub id: ActionId,
    /// What it does, for people.
    pub title: String,
    /// What sort of change it is.
    pub class: ChangeClass,
    /// How hard it is to go back.
    pub reversibility: Reversibility,
    /// Whether it changes a running system in place instead of redeploying it; `None` when the catalogue does not say.
    pub in_place: Option<bool>,
    /// Names of parameters whose values are hidden in the log, besides those whose names say that they are secret.
    pub sensitive: Vec<String>,
    /// Names of parameters that say how many things are touched: whole numbers, or lists of which the length counts.
    pub counts: Vec<String>,
    /// Names of parameters that an approver may make smaller (whole numbers) or shorter (lists). Names of the top level only.
    pub narrow: Vec<String>,
}

/// Something the server knows about resources whose `type:id` matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRule {
    pub(crate) pattern: Pattern,
    /// The environment, when the pattern says.
    pub environment: Option<String>,
    /// The data classification, when the pattern says.
    pub data_class: Option<String>,
}

/// A period in which changes are frozen, `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// First moment inside.
    pub from: Timestamp,
    /// First moment after.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
}

/// Working hours in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// First minute of the day inside, 0 to 1439.
    pub start_minute: i64,
    /// First minute of the day after; before `start_minute` when the window crosses midnight.
    pub end_minute: i64,
    /// On which weekdays a window starts, Monday first.
    pub days: [bool; 7],
}

/// Limits on break-glass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breakglass {
    /// Longest life of a grant, in minutes.
    pub max_minutes: i64,
    /// Hours within which someone outside the request has to review it.
    pub review_hours: i64,
}

impl Default for Breakglass {
    fn default() -> Self {
        Self { max_minutes: 60, review_hours: 48 }
    }
}

/// The type of an attribute that requesters may claim about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimType {
    Text,
    Integer,
    Boolean,
    TextSet,
}

/// The action catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    pub(crate) actions: BTreeMap<ActionId, CatalogueAction>,
    pub(crate) resources: Vec<ResourceRule>,
    pub(crate) freezes: Vec<Freeze>,
    pub(crate) hours: Option<Hours>,
    pub(crate) breakglass: Breakglass,
    pub(crate) limits: RateLimits,
    pub(crate) claims: BTreeMap<String, ClaimType>,
    pub(crate) parameters: Map<String, Value>,
}

impl Catalogue {
    /// The environment of a resource: from the first pattern that matches and names one.
    #[must_use]
    pub fn environment(&self, resource: &ResourceRef) -> Option<&str> {
        let name = resource.to_string();
        self.resources.iter().filter(|rule| rule.pattern.matches(&name)).find_map(|rule| rule.environment.as_deref())
    }

    /// The data classification of a resource: from the first pattern that matches and names one.
    #[must_use]
    pub fn data_class(&self, resource: &ResourceRef) -> Option<&str> {
        let name = resource.to_string();
        self.resources.iter().filter(|rule| rule.pattern.matches(&name)).find_map(|rule| rule.data_class.as_deref())
    }

    /// The freeze that holds at a moment, if any.
    #[must_use]
    pub fn freeze(&self, now: Timestamp) -> Option<&Freeze> {
        self.freezes.iter().find(|freeze| freeze.from <= now && now < freeze.to)
    }

    /// Limits on break-glass.
    #[must_use]
    pub fn breakglass(&self) -> Breakglass {
        self.breakglass
    }

    /// Limits per requester.
    #[must_use]
    pub fn limits(&self) -> RateLimits {
        self.limits
    }

    /// Parameters of control tests that the catalogue sets, by `<assertion>.<name>`, as `policy.published` records them.
    #[must_use]
    pub fn parameters(&self) -> &Map<String, Value> {
        &self.parameters
    }

    /// All verbs, by id.
    pub fn actions(&self) -> impl Iterator<Item = &CatalogueAction> {
        self.actions.values()
    }

    pub(crate) fn environments(&self) -> BTreeSet<&str> {
        self.resources.iter().filter_map(|rule| rule.environment.as_deref()).collect()
    }

    pub(crate) fn data_classes(&self) -> BTreeSet<&str> {
        self.resources.iter().filter_map(|rule| rule.data_class.as_deref()).collect()
    }
}

/// The groups an action id belongs to, nearest first: `db.schema.apply` is in `db.schema` and `db`.
pub(crate) fn groups(id: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(id.rsplit_once('.').map(|(group, _)| group), |group| group.rsplit_once('.').map(|(group, _)| group))
        .filter(|group| !group.is_empty())
}
