//! The facts that rules may use: derived by the server from the action, the catalogue, the calendar and the log, never claimed.
//!
//! [`FACTS`] is the one list. The schema that rules are checked against, the values handed to Cedar, and the record in the
//! assessment all come from it.

pub(crate) mod calendar;
mod client;
mod found;
mod habit;
mod privilege;
pub mod statement;
mod touched;

use std::collections::BTreeMap;

use privyseal_core::canonical::MAX_INTEGER;
use serde_json::Value;

use crate::ask::Ask;
use crate::catalogue::{Catalogue, CatalogueAction};
use statement::Effect;

pub use calendar::WEEKDAYS;

/// The type of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactType {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Long,
    /// A text.
    Text,
}

/// A fact that rules may use as `context.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: FactType,
    /// It can be missing: a rule that uses it without `context has …` then errs, and raises the risk or refuses.
    pub may_miss: bool,
    /// What it says.
    pub meaning: &'static str,
}

const fn fact(name: &'static str, kind: FactType, may_miss: bool, meaning: &'static str) -> Fact {
    Fact { name, kind, may_miss, meaning }
}

/// Every fact. `context.risk` comes on top, for routing rules only.
pub const FACTS: [Fact; 27] = [
    fact(
        "blast_radius",
        FactType::Long,
        true,
        "how many things are touched: the largest of the parameters that the action names in `counts`, lists by their length; missing when none is there or one cannot be counted",
    ),
    fact(
        "change_class",
        FactType::Text,
        false,
        "class of change from the catalogue: read, schema, access, data, infrastructure, configuration",
    ),
    fact("change_freeze", FactType::Bool, false, "a freeze of the catalogue holds"),
    fact("deceptive", FactType::Bool, false, "what is shown holds invisible or direction-changing characters"),
    fact("denied_last_day", FactType::Long, false, "requests of the requester denied in the day before"),
    fact(
        "destructive",
        FactType::Bool,
        true,
        "the SQL drops, truncates, or writes all rows; missing when some of it cannot be read and the rest does not",
    ),
    fact(
        "failed_last_day",
        FactType::Long,
        false,
        "in the day before: runs of the requester that failed or ended unknown, and uses of a grant that were refused",
    ),
    fact("first_time_action", FactType::Bool, false, "the requester has never asked for this action"),
    fact("first_time_requester", FactType::Bool, false, "the requester has never asked for anything"),
    fact("first_time_resource", FactType::Bool, false, "the requester has never asked about this resource"),
    fact("has_ticket", FactType::Bool, false, "a ticket is referenced"),
    fact("hour", FactType::Long, false, "hour of the day in UTC, 0 to 23"),
    fact("inputs", FactType::Long, false, "number of inputs named by digest"),
    fact("justification_chars", FactType::Long, false, "length of the justification"),
    fact("on_behalf_of", FactType::Bool, false, "asked for someone else"),
    fact("outside_hours", FactType::Bool, false, "outside the working hours of the catalogue; only with [hours]"),
    fact(
        "outside_own_hours",
        FactType::Bool,
        true,
        "no earlier request of the requester came within an hour of this hour of the day; missing with fewer than 20 earlier requests",
    ),
    fact(
        "privilege_growth",
        FactType::Bool,
        true,
        "gives administrative rights; missing when nothing says which rights are given, or SQL cannot be read",
    ),
    fact("requests_last_day", FactType::Long, false, "requests of the requester in the day before"),
    fact("requests_last_hour", FactType::Long, false, "requests of the requester in the hour before"),
    fact("reversibility", FactType::Text, false, "from the catalogue: reversible, costly, irreversible"),
    fact("rows", FactType::Long, true, "rows affected, from the parameters `rows` or `limit`; missing when neither is a number"),
    fact(
        "statement_class",
        FactType::Text,
        false,
        "what the SQL does: none, read, write, schema, access, write_all, unknown, schema_destructive",
    ),
    fact(
        "times_usual_rate",
        FactType::Long,
        true,
        "requests of the last 24 hours, this one included, per usual day of the requester, rounded down; missing with fewer than 5 days with requests in the last 30",
    ),
    fact("unread_sql", FactType::Bool, false, "some SQL or command cannot be read"),
    fact("weekday", FactType::Text, false, "weekday in UTC: mon, tue, wed, thu, fri, sat, sun"),
    fact("wildcard_scope", FactType::Bool, false, "rights or scope are not limited to named things"),
];

/// The value of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FactValue {
    Bool(bool),
    Long(i64),
    Text(String),
}

impl FactValue {
    fn count(number: u64) -> Self {
        Self::Long(i64::try_from(number).unwrap_or(MAX_INTEGER).min(MAX_INTEGER))
    }

    fn json(&self) -> Value {
        match self {
            Self::Bool(flag) => Value::from(*flag),
            Self::Long(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

/// The facts of one ask. What is not known is not in it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) context: BTreeMap<&'static str, FactValue>,
    pub(crate) environment: Option<String>,
    pub(crate) data_class: Option<String>,
}

impl Facts {
    pub(crate) fn derive(catalogue: &Catalogue, catalogued: &CatalogueAction, ask: &Ask<'_>) -> Self {
        let sql = found::effect(ask.action, catalogued.class, ask.input_texts);
        let rights = privilege::privilege(ask.action, catalogued, sql);
        let resource = &ask.action.resource.name;
        let bool = FactValue::Bool;
        let text = |text: &str| FactValue::Text(text.to_owned());
        let mut context = BTreeMap::from([
            ("change_class", text(catalogued.class.as_str())),
            ("change_freeze", bool(catalogue.freeze(ask.now).is_some())),
            ("deceptive", bool(ask.deceptive)),
            ("denied_last_day", FactValue::count(ask.history.denied_last_day)),
            ("failed_last_day", FactValue::count(ask.history.failed_last_day)),
            ("first_time_action", bool(ask.history.first_time_action)),
            ("first_time_requester", bool(ask.history.first_time_requester)),
            ("first_time_resource", bool(ask.history.first_time_resource)),
            ("has_ticket", bool(ask.has_ticket)),
            ("hour", FactValue::Long(calendar::hour(ask.now))),
            ("inputs", FactValue::count(u64::try_from(ask.action.inputs.len()).unwrap_or(u64::MAX))),
            ("justification_chars", FactValue::count(ask.justification_chars)),
            ("on_behalf_of", bool(ask.on_behalf_of)),
            ("requests_last_day", FactValue::count(ask.history.requests_last_day)),
            ("requests_last_hour", FactValue::count(ask.history.requests_last_hour)),
            ("reversibility", text(catalogued.reversibility.as_str())),
            ("statement_class", text(sql.class.as_str())),
            ("unread_sql", bool(sql.unread)),
            ("weekday", text(calendar::weekday(ask.now))),
            ("wildcard_scope", bool(rights.wildcard)),
        ]);
        context.extend(catalogue.hours.map(|hours| ("outside_hours", bool(calendar::outside(&hours, ask.now)))));
        context.extend(destructive(sql).map(|known| ("destructive", bool(known))));
        context.extend(rights.growth.map(|known| ("privilege_growth", bool(known))));
        context.extend(touched::rows(ask.action).map(|rows| ("rows", FactValue::Long(rows))));
        context.extend(touched::things(ask.action, catalogued).map(|things| ("blast_radius", FactValue::Long(things))));
        context.extend(habit::outside_own_hours(&ask.history, ask.now).map(|outside| ("outside_own_hours", bool(outside))));
        context.extend(habit::times_usual_rate(&ask.history).map(|times| ("times_usual_rate", FactValue::count(times))));
        Self {
            context,
            environment: catalogue.environment(resource).map(str::to_owned),
            data_class: catalogue.data_class(resource).map(str::to_owned),
        }
    }

    /// As it is recorded in the assessment.
    pub(crate) fn record(&self) -> BTreeMap<String, Value> {
        let mut record: BTreeMap<String, Value> = self.context.iter().map(|(name, value)| ((*name).to_owned(), value.json())).collect();
        record.extend(self.environment.as_deref().map(|name| ("environment".to_owned(), Value::from(name))));
        record.extend(self.data_class.as_deref().map(|name| ("data_class".to_owned(), Value::from(name))));
        record
    }

    /// Whether some SQL of the ask could not be read, so that its class could be any.
    pub(crate) fn class_uncertain(&self) -> bool {
        self.context.get("unread_sql") == Some(&FactValue::Bool(true))
    }
}

fn destructive(sql: Effect) -> Option<bool> {
    if sql.destructive {
        Some(true)
    } else if sql.unread {
        None
    } else {
        Some(false)
    }
}
