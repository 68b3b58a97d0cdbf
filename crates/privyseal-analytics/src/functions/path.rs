//! Members of a JSON text by path, without building the whole value: what is not asked for is skipped, not parsed.
//!
//! Texts that are not JSON have no members; nothing here fails.

use std::collections::BTreeMap;

use privyseal_core::time::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The raw text of the value at `path`; a step into a list is a number from 0.
pub(crate) fn find<'t>(text: &'t str, path: &[&str]) -> Option<&'t str> {
    let Some((step, rest)) = path.split_first() else {
        let value: &RawValue = serde_json::from_str(text).ok()?;
        return Some(value.get());
    };
    let inner = if text.trim_start().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        items.get(step.parse::<usize>().ok()?)?.get()
    } else {
        let mut found = [None];
        let wanted = Members { names: &mut |name| (name == *step).then_some(0), found: &mut found };
        wanted.read(text)?;
        found[0]?
    };
    find(inner, rest)
}

/// The items at `path` as texts, where one step may be `*`: every item of the list there. Strings lose their quotes, other values keep
/// their JSON text, items without the members after `*` are left out. Not a list: none.
pub(crate) fn list(text: &str, path: &[&str]) -> Option<Vec<String>> {
    let star = path.iter().position(|step| *step == "*");
    let (before, after) = match star {
        Some(at) => (path.get(..at)?, path.get(at + 1..)?),
        None => (path, [].as_slice()),
    };
    let items: Vec<&RawValue> = serde_json::from_str(find(text, before)?).ok()?;
    Some(items.into_iter().filter_map(|item| as_text(find(item.get(), after)?)).collect())
}

/// A value as text: a string without its quotes, a number or truth value as written, NULL for `null`, and the JSON text of the rest.
pub(crate) fn as_text(raw: &str) -> Option<String> {
    match raw.bytes().next()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

/// A string, number or truth value as text. Objects and lists have none: a hidden value (`{"#": …}`) must never be taken for its text.
pub(crate) fn scalar_text(raw: &str) -> Option<String> {
    if raw.starts_with(['{', '[']) { None } else { as_text(raw) }
}

/// A moment in the ledger's form, in microseconds since 1970.
pub(crate) fn as_micros(raw: &str) -> Option<i64> {
    let text: String = serde_json::from_str(raw).ok()?;
    Some(text.parse::<Timestamp>().ok()?.micros())
}

/// What to take out of a text in one pass: a tree of member names with the outputs that end there.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    names: BTreeMap<String, usize>,
    nodes: Vec<Plan>,
    outputs: Vec<usize>,
}

impl Plan {
    /// Adds an output at `path`.
    pub(crate) fn add(&mut self, path: &[&str], output: usize) {
        let Some((step, rest)) = path.split_first() else {
            self.outputs.push(output);
            return;
        };
        let next = *self.names.entry((*step).to_owned()).or_insert_with(|| {
            self.nodes.push(Plan::default());
            self.nodes.len() - 1
        });
        if let Some(node) = self.nodes.get_mut(next) {
            node.add(rest, output);
        }
    }

    /// Puts the raw text of each output's value into `found`.
    pub(crate) fn run<'t>(&self, text: &'t str, found: &mut [Option<&'t str>]) {
        for output in &self.outputs {
            if let Some(slot) = found.get_mut(*output) {
                *slot = Some(text);
            }
        }
        if self.names.is_empty() || !text.starts_with('{') {
            return;
        }
        let mut members = vec![None; self.nodes.len()];
        let wanted = Members { names: &mut |name| self.names.get(name).copied(), found: &mut members };
        if wanted.read(text).is_some() {
            for (node, member) in self.nodes.iter().zip(members) {
                if let Some(member) = member {
                    node.run(member, found);
                }
            }
        }
    }
}

/// One pass over the members of an object.
struct Members<'p, 'f, 't> {
    names: &'p mut dyn FnMut(&str) -> Option<usize>,
    found: &'f mut [Option<&'t str>],
}

impl<'t> Members<'_, '_, 't> {
    fn read(self, text: &'t str) -> Option<()> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        (&mut deserializer).deserialize_map(self).ok()
    }
}

impl<'t> Visitor<'t> for Members<'_, '_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Name(&mut *self.names))? {
            match place.and_then(|place| self.found.get_mut(place)) {
                Some(slot) => *slot = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A member's name, looked up without being copied.
struct Name<'p>(&'p mut dyn FnMut(&str) -> Option<usize>);

impl<'t> DeserializeSeed<'t> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.0)(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"{"a":{"b":"x","c":[{"d":"1"},{"d":2},{}]},"e":null,"f.g":true,"h":{"#":"zz"},"i":7}"##;

    #[test]
    fn values_by_path() {
        for (path, expected) in [
            (vec!["a", "b"], Some(r#""x""#)),
            (vec!["a", "c", "1", "d"], Some("2")),
            (vec!["a", "c", "9"], None),
            (vec!["e"], Some("null")),
            (vec!["f.g"], Some("true")),
            (vec!["missing"], None),
            (vec!["i", "deeper"], None),
            (vec![], Some(TEXT)),
        ] {
            assert_eq!(find(TEXT, &path), expected, "{path:?}");
        }
        assert_eq!(find("not json", &["a"]), None);
        assert_eq!(list(TEXT, &["a", "c", "*", "d"]), Some(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(list(TEXT, &["a", "b"]), None);
        assert_eq!(find(TEXT, &["h"]).and_then(scalar_text), None, "a hidden value has no text");
        assert_eq!(as_micros(r#""1970-01-01T00:00:00.000001Z""#), Some(1));
        assert_eq!(as_micros(r#""tomorrow""#), None);
    }

    #[test]
    fn a_plan_finds_what_single_paths_find() {
        let paths: [&[&str]; 5] = [&["a", "b"], &["a"], &["f.g"], &["missing", "x"], &["i"]];
        let mut plan = Plan::default();
        for (output, path) in paths.iter().enumerate() {
            plan.add(path, output);
        }
        let mut found = vec![None; paths.len()];
        plan.run(TEXT, &mut found);
        let single: Vec<Option<&str>> = paths.iter().map(|path| find(TEXT, path)).collect();
        assert_eq!(found, single);
    }
}
