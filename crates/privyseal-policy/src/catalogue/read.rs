//! Reads `catalogue.toml`. Every key is checked, unknown ones are refused, and all problems are listed with their place.

mod limits;

use std::ops::Range;

use privyseal_core::canonical::MAX_INTEGER;
use privyseal_core::id::ActionId;
use privyseal_core::time::Timestamp;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Catalogue, CatalogueAction, ChangeClass, ClaimType, Freeze, Hours, Pattern, ResourceRule, Reversibility};
use crate::facts::calendar::WEEKDAYS;
use crate::problem::{Problems, Source, suggest};

const SECTIONS: [&str; 8] = ["action", "breakglass", "claims", "freeze", "hours", "limits", "parameters", "resource"];

/// A table with the place where it stands.
#[derive(Clone, Copy)]
struct Table<'t> {
    entries: &'t DeTable<'t>,
    at: usize,
    /// How messages name it, for example `[[action]]`.
    name: &'static str,
}

struct Reader<'a> {
    source: Source<'a>,
    problems: &'a mut Problems,
}

/// The catalogue, as far as it could be read; `None` when the file is not TOML.
pub(crate) fn read(source: Source<'_>, problems: &mut Problems) -> Option<Catalogue> {
    let (root, errors) = DeTable::parse_recoverable(source.text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        problems.add(source.problem(at, format!("not TOML: {}", error.message()), "correct the syntax"));
    }
    if !errors.is_empty() {
        return None;
    }
    let mut reader = Reader { source, problems };
    let root = Table { entries: root.get_ref(), at: 0, name: "the catalogue" };
    reader.keys(root, &SECTIONS);
    let (hours, breakglass, limits) = (reader.hours(root), reader.breakglass(root), reader.limits(root));
    let mut catalogue = Catalogue { hours, breakglass, limits, ..Catalogue::default() };
    reader.actions(root, &mut catalogue);
    reader.resources(root, &mut catalogue);
    reader.freezes(root, &mut catalogue);
    reader.claims(root, &mut catalogue);
    reader.parameters(root, &mut catalogue);
    Some(catalogue)
}

impl<'a> Reader<'a> {
    fn problem(&mut self, at: usize, what: impl Into<String>, fix: impl Into<String>) {
        self.problems.add(self.source.problem(at, what, fix));
    }

    fn keys(&mut self, table: Table<'_>, known: &[&str]) {
        for key in table.entries.keys() {
            let text = key.get_ref().as_ref();
            if !known.contains(&text) {
                self.problem(key.span().start, format!("unknown key `{text}` in {}", table.name), suggest(text, known.iter().copied()));
            }
        }
    }

    fn value<'t>(&mut self, table: Table<'t>, key: &str, needed: bool) -> Option<&'t Spanned<DeValue<'t>>> {
        let value = table.entries.get(key);
        if value.is_none() && needed {
            self.problem(table.at, format!("{} has no `{key}`", table.name), format!("add {key} = …"));
        }
        value
    }

    fn text<'t>(&mut self, table: Table<'t>, key: &str, needed: bool) -> Option<(&'t str, usize)> {
        let value = self.value(table, key, needed)?;
        let text = value.get_ref().as_str().map(str::trim).filter(|text| !text.is_empty());
        if text.is_none() {
            self.problem(value.span().start, format!("`{key}` is empty or not a text"), format!("write {key} = \"…\""));
        }
        text.map(|text| (text, value.span().start))
    }

    /// A text out of a fixed list.
    fn choice<T: Copy>(&mut self, table: Table<'_>, key: &str, what: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let (text, at) = self.text(table, key, true)?;
        let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if chosen.is_none() {
            self.problem(at, format!("`{text}` is not a {what}"), suggest(text, choices.iter().map(|(name, _)| *name)));
        }
        chosen
    }

    fn number(&mut self, table: Table<'_>, key: &str, needed: bool, within: Range<i64>) -> Option<i64> {
        let value = self.value(table, key, needed)?;
        let number = integer(value.get_ref()).filter(|number| within.contains(number));
        if number.is_none() {
            let fix = format!("write a whole number from {} to {}", within.start, within.end - 1);
            self.problem(value.span().start, format!("`{key}` is not a number this catalogue can use"), fix);
        }
        number
    }

    fn flag(&mut self, table: Table<'_>, key: &str) -> Option<bool> {
        let value = self.value(table, key, false)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.problem(value.span().start, format!("`{key}` is not true or false"), format!("write {key} = true or {key} = false"));
        }
        flag
    }

    /// A list of texts; empty when absent.
    fn texts(&mut self, table: Table<'_>, key: &str) -> Vec<String> {
        let Some(value) = self.value(table, key, false) else { return Vec::new() };
        let texts = value.get_ref().as_array().map(|items| items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect());
        let texts: Option<Option<Vec<String>>> = texts;
        let texts = texts.flatten().filter(|texts| texts.iter().all(|text| !text.trim().is_empty()));
        if texts.is_none() {
            self.problem(value.span().start, format!("`{key}` is not a list of texts"), format!("write {key} = [\"…\"]"));
        }
        texts.unwrap_or_default()
    }

    /// Names of parameters, each once; empty when absent.
    fn parameter_names(&mut self, table: Table<'_>, key: &str) -> Vec<String> {
        let names = self.texts(table, key);
        let at = table.entries.get(key).map_or(table.at, |value| value.span().start);
        let mut seen: Vec<&String> = Vec::new();
        for name in &names {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            if !plain {
                let fix = "name a parameter of the top level, with letters, digits, _ and -; what lies inside one cannot be named";
                self.problem(at, format!("`{name}` in `{key}` cannot name a parameter"), fix);
            }
            if seen.contains(&name) {
                self.problem(at, format!("`{name}` stands in `{key}` twice"), "remove one");
            }
            seen.push(name);
        }
        names
    }

    fn moment(&mut self, table: Table<'_>, key: &str) -> Option<Timestamp> {
        let value = self.value(table, key, true)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.trim().to_owned(),
            DeValue::Datetime(moment) => moment.to_string(),
            _ => String::new(),
        };
        let moment = Timestamp::parse_lenient(&text).ok();
        if moment.is_none() {
            self.problem(value.span().start, format!("`{key}` is not a time"), "write RFC 3339 such as 2026-12-20T00:00:00Z, or a date");
        }
        moment
    }

    /// A table at the top, written `[name]`.
    fn section<'t>(&mut self, root: Table<'t>, key: &str, name: &'static str) -> Option<Table<'t>> {
        let value = root.entries.get(key)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table { entries, at, name }),
            _ => {
                self.problem(at, format!("`{key}` is not a table"), format!("write {name} on its own line"));
                None
            }
        }
    }

    /// Tables in an array at the top, written `[[name]]`.
    fn sections<'t>(&mut self, root: Table<'t>, key: &str, name: &'static str) -> Vec<Table<'t>> {
        let Some(value) = root.entries.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.problem(value.span().start, format!("`{key}` is not an array of tables"), format!("write {name} before each"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(entries) => tables.push(Table { entries, at: item.span().start, name }),
                _ => self.problem(
                    item.span().start,
                    format!("`{key}` holds something that is not a table"),
                    format!("write {name} before each"),
                ),
            }
        }
        tables
    }

    fn actions(&mut self, root: Table<'_>, catalogue: &mut Catalogue) {
        for table in self.sections(root, "action", "[[action]]") {
            self.keys(table, &["id", "title", "class", "reversibility", "in_place", "sensitive", "counts", "narrow"]);
            let id = self.text(table, "id", true).and_then(|(text, at)| {
                let id = text.parse::<ActionId>().ok().filter(|_| text.split('.').all(|part| !part.is_empty()));
                if id.is_none() {
                    self.problem(
                        at,
                        format!("`{text}` is not an action id"),
                        "write dotted words from general to special, for example db.schema.apply",
                    );
                }
                id.map(|id| (id, at))
            });
            let title = self.text(table, "title", true).map(|(text, _)| text.to_owned());
            let class = self.choice(table, "class", "class of change", &ChangeClass::ALL.map(|class| (class.as_str(), class)));
            let reversibility =
                self.choice(table, "reversibility", "reversibility", &Reversibility::ALL.map(|value| (value.as_str(), value)));
            let in_place = self.flag(table, "in_place");
            let sensitive = self.texts(table, "sensitive");
            let (counts, narrow) = (self.parameter_names(table, "counts"), self.parameter_names(table, "narrow"));
            let Some((id, at)) = id else { continue };
            // An action with a bad class is kept with some class, so that rules about it are not reported as well.
            let action = CatalogueAction {
                id: id.clone(),
                title: title.unwrap_or_default(),
                class: class.unwrap_or(ChangeClass::Data),
                reversibility: reversibility.unwrap_or(Reversibility::Irreversible),
                in_place,
                sensitive,
                counts,
                narrow,
            };
            if catalogue.actions.insert(id.clone(), action).is_some() {
                self.problem(at, format!("action `{id}` is listed twice"), "remove one");
            }
        }
        if catalogue.actions.is_empty() {
            self.problems.add_whole(
                self.source.name,
                "no [[action]]: nothing could be asked for",
                "list the actions that may be requested",
            );
        }
    }

    fn name(&mut self, table: Table<'_>, key: &str) -> Option<String> {
        let (text, at) = self.text(table, key, false)?;
        let good = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
        if !good {
            self.problem(at, format!("`{text}` cannot name a {key}"), "use a-z, 0-9, _ and -");
        }
        good.then(|| text.to_owned())
    }

    fn resources(&mut self, root: Table<'_>, catalogue: &mut Catalogue) {
        for table in self.sections(root, "resource", "[[resource]]") {
            self.keys(table, &["pattern", "environment", "data_class"]);
            let pattern = self.text(table, "pattern", true);
            let environment = self.name(table, "environment");
            let data_class = self.name(table, "data_class");
            let Some((pattern, at)) = pattern else { continue };
            if !pattern.contains(':') && !pattern.starts_with('*') {
                self.problem(at, format!("`{pattern}` matches no resource"), "write type:id, for example postgres:*/prod");
            }
            if environment.is_none() && data_class.is_none() {
                self.problem(at, format!("pattern `{pattern}` says nothing"), "give it an environment or a data_class");
            }
            catalogue.resources.push(ResourceRule { pattern: Pattern::new(pattern), environment, data_class });
        }
    }

    fn freezes(&mut self, root: Table<'_>, catalogue: &mut Catalogue) {
        for table in self.sections(root, "freeze", "[[freeze]]") {
            self.keys(table, &["from", "to", "reason"]);
            let (from, to) = (self.moment(table, "from"), self.moment(table, "to"));
            let reason = self.text(table, "reason", true).map(|(text, _)| text.to_owned());
            let (Some(from), Some(to), Some(reason)) = (from, to, reason) else { continue };
            if from >= to {
                self.problem(table.at, "the freeze ends before it begins", "exchange `from` and `to`; `to` is the first moment after");
            }
            catalogue.freezes.push(Freeze { from, to, reason });
        }
    }

    fn minute(&mut self, table: Table<'_>, key: &str) -> Option<i64> {
        let (text, at) = self.text(table, key, true)?;
        let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
        let minute = parts.and_then(|(hour, minute)| Some((digits(hour)?, digits(minute)?)));
        let minute = minute.filter(|(hour, minute)| *hour < 24 && *minute < 60).map(|(hour, minute)| hour * 60 + minute);
        if minute.is_none() {
            self.problem(at, format!("`{text}` is not a time of day"), "write HH:MM in UTC, from 00:00 to 23:59");
        }
        minute
    }

    fn hours(&mut self, root: Table<'_>) -> Option<Hours> {
        let table = self.section(root, "hours", "[hours]")?;
        self.keys(table, &["start", "end", "days"]);
        let (start, end) = (self.minute(table, "start"), self.minute(table, "end"));
        let mut days = [false; 7];
        let listed = self.value(table, "days", true)?;
        let items = listed.get_ref().as_array();
        if items.is_none_or(|items| items.is_empty()) {
            self.problem(listed.span().start, "`days` is not a list of weekdays", "write days = [\"mon\", \"tue\"]");
        }
        for item in items.into_iter().flat_map(|items| items.iter()) {
            let text = item.get_ref().as_str().unwrap_or_default();
            match days.iter_mut().zip(WEEKDAYS).find(|(_, name)| *name == text) {
                Some((day, _)) => *day = true,
                None => self.problem(item.span().start, format!("`{text}` is not a weekday"), suggest(text, WEEKDAYS)),
            }
        }
        let (start_minute, end_minute) = (start?, end?);
        if start_minute == end_minute {
            self.problem(table.at, "working hours are empty", "let `end` differ from `start`; it may lie after midnight");
        }
        Some(Hours { start_minute, end_minute, days })
    }

    fn claims(&mut self, root: Table<'_>, catalogue: &mut Catalogue) {
        const TYPES: [(&str, ClaimType); 4] =
            [("boolean", ClaimType::Boolean), ("integer", ClaimType::Integer), ("text", ClaimType::Text), ("texts", ClaimType::TextSet)];
        let Some(table) = self.section(root, "claims", "[claims]") else { return };
        for key in table.entries.keys() {
            let name = key.get_ref().as_ref();
            let good = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !good {
                self.problem(key.span().start, format!("`{name}` cannot name a claim"), "use a-z, 0-9 and _, first a letter");
                continue;
            }
            if let Some(kind) = self.choice(table, name, "type of claim", &TYPES) {
                catalogue.claims.insert(name.to_owned(), kind);
            }
        }
    }

    fn parameters(&mut self, root: Table<'_>, catalogue: &mut Catalogue) {
        let Some(table) = self.section(root, "parameters", "[parameters]") else { return };
        for (key, value) in table.entries {
            let id = key.get_ref().as_ref();
            let good = matches!(id.as_bytes(), [letter, tens, ones] if letter.is_ascii_uppercase() && tens.is_ascii_digit() && ones.is_ascii_digit());
            if !good {
                self.problem(key.span().start, format!("`{id}` is not an assertion id"), "write for example D13 = { min_chars = 20 }");
                continue;
            }
            let Some(entries) = value.get_ref().as_table() else {
                self.problem(
                    value.span().start,
                    format!("the parameters of {id} are not a table"),
                    format!("write {id} = {{ name = value }}"),
                );
                continue;
            };
            for (name, value) in entries {
                match plain(value.get_ref()) {
                    Some(plain) => {
                        catalogue.parameters.insert(format!("{id}.{}", name.get_ref()), plain);
                    }
                    None => self.problem(
                        value.span().start,
                        format!("parameter `{}` of {id} has a value this catalogue cannot use", name.get_ref()),
                        "write a whole number, true or false, a text, or a list of texts",
                    ),
                }
            }
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn plain(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Integer(_) => integer(value).filter(|number| (-MAX_INTEGER..=MAX_INTEGER).contains(number)).map(Value::from),
        DeValue::Array(items) => {
            items.iter().map(|item| item.get_ref().as_str().map(Value::from)).collect::<Option<Vec<_>>>().map(Value::from)
        }
        _ => None,
    }
}
