//! What a control test is: the statement it makes about every item of a population, and its parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Problems, ROOT, line_at};
use crate::event::source::Feed;
use crate::port::ContentSource;

/// A control test, as people read about it. Its SQL is `queries/assertions/<id>.sql`.
#[derive(Clone, Debug, PartialEq)]
pub struct AssertionDef {
    /// Its id, for example `D01`.
    pub id: String,
    /// What it is about.
    pub group: AssertionGroup,
    /// Its short title.
    pub title: String,
    /// The items that are judged.
    pub population: String,
    /// When an item counts against the control.
    pub violation: String,
    /// When nothing can be said about an item; empty when that cannot happen.
    pub indeterminate: String,
    /// Its parameters, by name.
    pub parameters: Vec<Parameter>,
    /// The outside source without which it has nothing to say.
    pub feed: Option<Feed>,
}

/// What control tests are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionGroup {
    /// The record itself: `I`.
    Integrity,
    /// Who decided what, and how: `D`.
    Decision,
    /// Accounts and roles: `L`.
    Access,
    /// What ran: `E`.
    Execution,
    /// Whether people looked: `M`.
    Monitoring,
}

impl AssertionGroup {
    /// All groups, in the order of reports.
    pub const ALL: [AssertionGroup; 5] = [
        AssertionGroup::Integrity,
        AssertionGroup::Decision,
        AssertionGroup::Access,
        AssertionGroup::Execution,
        AssertionGroup::Monitoring,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AssertionGroup::Integrity => "integrity",
            AssertionGroup::Decision => "decision",
            AssertionGroup::Access => "access",
            AssertionGroup::Execution => "execution",
            AssertionGroup::Monitoring => "monitoring",
        }
    }

    /// The letter that ids of the group begin with.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            AssertionGroup::Integrity => 'I',
            AssertionGroup::Decision => 'D',
            AssertionGroup::Access => 'L',
            AssertionGroup::Execution => 'E',
            AssertionGroup::Monitoring => 'M',
        }
    }
}

/// A threshold that policy may set. Its type is that of its default: an integer from 0, a text, or a list of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name within the control test, with the unit.
    pub name: String,
    /// What holds when policy says nothing.
    pub default: Value,
    /// What it limits.
    pub meaning: String,
}

impl Parameter {
    /// Its type in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        kind_of(&self.default).unwrap_or("nothing")
    }

    /// Whether a value is of its type.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        kind_of(value).is_some_and(|kind| kind == self.kind())
    }
}

fn kind_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Number(number) => {
            number.as_u64().filter(|number| *number <= crate::canonical::MAX_INTEGER.unsigned_abs()).map(|_| "an integer from 0")
        }
        Value::String(_) => Some("a text"),
        Value::Array(items) => items.iter().all(Value::is_string).then_some("a list of texts"),
        _ => None,
    }
}

impl AssertionDef {
    /// The parameters to run with under a policy: its own `<id>.<name>` where the type is right, otherwise the defaults.
    #[must_use]
    pub fn parameters_under(&self, policy: &Map<String, Value>) -> Map<String, Value> {
        let set = |parameter: &Parameter| policy.get(&format!("{}.{}", self.id, parameter.name)).filter(|value| parameter.accepts(value));
        self.parameters.iter().map(|parameter| (parameter.name.clone(), set(parameter).unwrap_or(&parameter.default).clone())).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    assertion: Vec<toml::Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    group: AssertionGroup,
    title: String,
    population: String,
    violation: String,
    indeterminate: String,
    feed: Option<Feed>,
    #[serde(default)]
    parameters: BTreeMap<String, EntryParameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryParameter {
    default: Value,
    meaning: String,
}

/// Reads `assertions.toml`, leaving out entries that are wrong.
pub(super) fn load(source: &dyn ContentSource, problems: &mut Problems) -> Vec<AssertionDef> {
    let path = format!("{ROOT}assertions.toml");
    let Some(text) = source.read(&path) else {
        problems.add(&path, None, "the file is missing or cannot be read: without it no control can be evidenced");
        return Vec::new();
    };
    let file: File = match toml::from_str(&text) {
        Ok(file) => file,
        Err(error) => {
            problems.add(&path, error.span().and_then(|span| line_at(&text, span.start)), error.message());
            return Vec::new();
        }
    };
    let mut assertions: Vec<AssertionDef> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for entry in file.assertion {
        let line = line_at(&text, entry.span().start);
        match entry.into_inner().try_into::<Entry>() {
            Err(error) => problems.add(&path, line, error.message()),
            Ok(entry) => match check(&entry, &mut seen) {
                Err(what) => problems.add(&path, line, what),
                Ok(()) => assertions.push(define(entry)),
            },
        }
    }
    assertions
}

fn check(entry: &Entry, seen: &mut BTreeSet<String>) -> Result<(), String> {
    let id = &entry.id;
    let letter = entry.group.letter();
    let well_formed = id.strip_prefix(letter).is_some_and(|rest| rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if !well_formed {
        return Err(format!("id `{id}` of group {} is not {letter} and two digits", entry.group.as_str()));
    }
    if !seen.insert(id.clone()) {
        return Err(format!("assertion `{id}` stands twice"));
    }
    let texts = [("title", &entry.title), ("population", &entry.population), ("violation", &entry.violation)];
    if let Some((name, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
        return Err(format!("assertion `{id}` has no {name}"));
    }
    match entry.parameters.iter().find(|(_, parameter)| kind_of(&parameter.default).is_none()) {
        Some((name, _)) => Err(format!("parameter `{name}` of `{id}`: a default is an integer from 0, a text, or a list of texts")),
        None => Ok(()),
    }
}

fn define(entry: Entry) -> AssertionDef {
    let parameter =
        |(name, parameter): (String, EntryParameter)| Parameter { name, default: parameter.default, meaning: parameter.meaning };
    AssertionDef {
        id: entry.id,
        group: entry.group,
        title: entry.title,
        population: entry.population,
        violation: entry.violation,
        indeterminate: entry.indeterminate,
        feed: entry.feed,
        parameters: entry.parameters.into_iter().map(parameter).collect(),
    }
}
