//! Members of a JSON text by path, without building the whole value: what is not asked for is skipped, not parsed.
//!
//! Texts that are not JSON have no members; nothing here fails.

use std::borrow::Cow;
use std::collections::BTreeMap;

use privyseal_core::time::Timestamp;
use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
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
    Some(items.into_iter().filter_map(|item| as_text(find(item.get(), after)?).map(Cow::into_owned)).collect())
}

/// A value as text: a string without its quotes, a number or truth value as written, NULL for `null`, and the JSON text of the rest.
pub(crate) fn as_text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.bytes().next()? {
        b'"' => string(raw),
        b'n' => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// What stands between the quotes of a JSON string.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// A string, number or truth value as text. Objects and lists have none: a hidden value (`{"#": …}`) must never be taken for its text.
pub(crate) fn scalar_text(raw: &str) -> Option<Cow<'_, str>> {
    if raw.starts_with(['{', '[']) { None } else { as_text(raw) }
}

/// A moment in the ledger's form, in microseconds since 1970.
pub(crate) fn as_micros(raw: &str) -> Option<i64> {
    Some(string(raw)?.parse::<Timestamp>().ok()?.micros())
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

    /// Puts the raw text of each output's value into `found`. A text that is not JSON has none.
    pub(crate) fn run<'t>(&self, text: &'t str, found: &mut [Option<&'t str>]) {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        if (Node { plan: self, found }).deserialize(&mut deserializer).is_err() {
            found.fill(None);
        }
    }
}

/// One pass over a value: what the plan names is kept, the rest is skipped.
struct Node<'p, 'f, 't> {
    plan: &'p Plan,
    found: &'f mut [Option<&'t str>],
}

impl<'t> DeserializeSeed<'t> for Node<'_, '_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.plan.outputs.is_empty() {
            return if self.plan.names.is_empty() {
                IgnoredAny::deserialize(deserializer).map(drop)
            } else {
                deserializer.deserialize_any(self)
            };
        }
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        for output in &self.plan.outputs {
            if let Some(slot) = self.found.get_mut(*output) {
                *slot = Some(raw);
            }
        }
        if self.plan.names.is_empty() {
            return Ok(());
        }
        // Asked for as a whole and in parts.
        let mut inner = serde_json::Deserializer::from_str(raw);
        inner.deserialize_any(self).map_err(serde::de::Error::custom)
    }
}

impl<'t> Visitor<'t> for Node<'_, '_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Name(&mut |name| self.plan.names.get(name).copied()))? {
            match place.and_then(|place| self.plan.nodes.get(place)) {
                Some(plan) => map.next_value_seed(Node { plan, found: &mut *self.found })?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<(), A::Error> {
        let nothing = Plan::default();
        for number in 0_usize.. {
            let plan = self.plan.names.get(&number.to_string()).and_then(|place| self.plan.nodes.get(*place));
            if items.next_element_seed(Node { plan: plan.unwrap_or(&nothing), found: &mut *self.found })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
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
