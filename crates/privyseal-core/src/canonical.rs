//! Canonical JSON: RFC 8785 (JCS), narrowed so that every language writes the same bytes without thinking.
//!
//! Narrowed means: member names are ASCII without control characters, numbers are integers within ±(2^53−1),
//! and nesting ends at [`MAX_DEPTH`]. Strings are any valid Unicode, not normalised.
//! With ASCII names, JCS's order by UTF-16 code units is plain byte order.
//! The sort is done here and not left to the JSON library's map, whose order is a build feature that any dependency can switch.

pub mod scan;

use serde::Serialize;
use serde_json::{Map, Number, Value};

/// Deepest nesting of arrays and objects that is accepted.
pub const MAX_DEPTH: usize = 64;

/// Largest absolute value of a number: 2^53 − 1.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// What no member name may begin with: the JSON library gives such names a meaning of its own and would read another value than is written.
pub(crate) const RESERVED: &str = "$serde_json::private::";

/// Why a value has no canonical form. `at` is a path such as `parameters.rows[3]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A fraction, an exponent form, or an integer beyond ±(2^53−1).
    #[error("number `{number}` at {at} is not an integer within 2^53: send it as a string")]
    Number {
        /// Where.
        at: String,
        /// The number as written.
        number: String,
    },
    /// A member name with characters outside printable ASCII, or one that the JSON library keeps for itself.
    #[error("member name `{name}` at {at} is not printable ASCII, or reserved")]
    Name {
        /// Where.
        at: String,
        /// The name.
        name: String,
    },
    /// More than [`MAX_DEPTH`] levels.
    #[error("nesting deeper than {MAX_DEPTH} levels at {at}")]
    Depth {
        /// Where.
        at: String,
    },
    /// Bytes that are JSON, but not in canonical form (spaces, order, escapes, duplicate names).
    #[error("the bytes are not canonical JSON: they differ from their own canonical form at byte {offset}")]
    NotCanonical {
        /// First byte that differs.
        offset: usize,
    },
    /// Bytes that are not JSON at all, or a type that does not serialise to JSON.
    #[error("not JSON: {detail}")]
    NotJson {
        /// What the parser said.
        detail: String,
    },
}

/// The canonical bytes of a JSON value.
///
/// # Errors
/// When the value holds a number or name outside the narrowed profile, or nests too deeply.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out, &mut Vec::new())?;
    Ok(out)
}

/// The canonical bytes of anything that serialises to JSON.
///
/// # Errors
/// As [`to_bytes`], and when `value` does not serialise.
pub fn serialize<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    to_bytes(&to_value(value)?)
}

/// The JSON value of anything that serialises.
///
/// # Errors
/// When `value` does not serialise to JSON.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, CanonicalError> {
    serde_json::to_value(value).map_err(|error| CanonicalError::NotJson { detail: error.to_string() })
}

/// Parses bytes that must be canonical already.
///
/// Re-encoding and comparing is the whole check: it refuses white space, order, redundant escapes and duplicate names in one go.
///
/// # Errors
/// When the bytes are not JSON, not within the profile, or not in canonical form.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| CanonicalError::NotJson { detail: error.to_string() })?;
    let again = to_bytes(&value)?;
    if again == bytes {
        return Ok(value);
    }
    let offset = again.iter().zip(bytes).position(|(a, b)| a != b).unwrap_or(again.len().min(bytes.len()));
    Err(CanonicalError::NotCanonical { offset })
}

/// Parses JSON that others send: any spacing and order, but no duplicate member names, which two readers could take differently.
///
/// # Errors
/// When the bytes are not JSON, or an object has a member twice.
pub fn parse_lenient(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let parsed: Result<Unique, serde_json::Error> = serde_json::from_slice(bytes);
    parsed.map(|unique| unique.0).map_err(|error| CanonicalError::NotJson { detail: error.to_string() })
}

/// A JSON value whose objects have no member twice.
struct Unique(Value);

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Unique;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_string<E>(self, value: String) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
                let mut list = Vec::new();
                while let Some(Unique(item)) = items.next_element()? {
                    list.push(item);
                }
                Ok(Unique(list.into()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
                let mut map = Map::new();
                while let Some((name, Unique(item))) = members.next_entry::<String, Unique>()? {
                    if map.contains_key(&name) {
                        return Err(serde::de::Error::custom(format!("member `{}` is there twice", name.escape_debug())));
                    }
                    map.insert(name, item);
                }
                Ok(Unique(map.into()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

enum Step<'a> {
    Member(&'a str),
    Index(usize),
}

fn path(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Member(name) if text.is_empty() => text.push_str(name),
            Step::Member(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    if text.is_empty() { "the top".to_owned() } else { text }
}

fn write<'a>(value: &'a Value, out: &mut Vec<u8>, steps: &mut Vec<Step<'a>>) -> Result<(), CanonicalError> {
    if steps.len() > MAX_DEPTH {
        return Err(CanonicalError::Depth { at: path(steps) });
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out, steps)?,
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                steps.push(Step::Index(index));
                write(item, out, steps)?;
                steps.pop();
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members, out, steps)?,
    }
    Ok(())
}

fn write_object<'a>(members: &'a Map<String, Value>, out: &mut Vec<u8>, steps: &mut Vec<Step<'a>>) -> Result<(), CanonicalError> {
    let mut sorted: Vec<(&'a String, &'a Value)> = members.iter().collect();
    sorted.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    out.push(b'{');
    for (index, (name, item)) in sorted.into_iter().enumerate() {
        if !name.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || name.starts_with(RESERVED) {
            return Err(CanonicalError::Name { at: path(steps), name: name.escape_debug().to_string() });
        }
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        steps.push(Step::Member(name));
        write(item, out, steps)?;
        steps.pop();
    }
    out.push(b'}');
    Ok(())
}

fn write_number(number: &Number, out: &mut Vec<u8>, steps: &[Step<'_>]) -> Result<(), CanonicalError> {
    match number.as_i64() {
        Some(integer) if (-MAX_INTEGER..=MAX_INTEGER).contains(&integer) => {
            out.extend_from_slice(integer.to_string().as_bytes());
            Ok(())
        }
        _ => Err(CanonicalError::Number { at: path(steps), number: number.to_string() }),
    }
}

/// RFC 8785 section 3.2.2.2: the two-character escapes where they exist, `\u00xx` in lower case for other controls, all else verbatim.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(value: &Value, expected: &str) {
        assert_eq!(String::from_utf8(to_bytes(value).unwrap()).unwrap(), expected);
        assert_eq!(&parse(expected.as_bytes()).unwrap(), value);
    }

    #[test]
    fn forms() {
        check(&json!({"b": 1, "a": [true, null, -5], "Z": ""}), r#"{"Z":"","a":[true,null,-5],"b":1}"#);
        check(&json!("€\u{7f}\u{0}\n\"\\/\u{202e}"), "\"€\u{7f}\\u0000\\n\\\"\\\\/\u{202e}\"");
        check(&json!({"10": 1, "9": 2, "a.b": 3}), r#"{"10":1,"9":2,"a.b":3}"#);
        check(&json!(MAX_INTEGER), "9007199254740991");
    }

    #[test]
    fn refusals_name_the_place() {
        let deep = (0..=MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
        for (value, expected) in [
            (json!({"a": {"b": [1, 1.5]}}), "number `1.5` at a.b[1] is not an integer within 2^53: send it as a string"),
            (json!(9_007_199_254_740_992_i64), "number `9007199254740992` at the top is not an integer within 2^53: send it as a string"),
            (json!({"a": {"é": 1}}), "member name `é` at a is not printable ASCII, or reserved"),
            (
                json!({"$serde_json::private::RawValue": "1"}),
                "member name `$serde_json::private::RawValue` at the top is not printable ASCII, or reserved",
            ),
        ] {
            assert_eq!(to_bytes(&value).unwrap_err().to_string(), expected);
        }
        assert!(matches!(to_bytes(&deep), Err(CanonicalError::Depth { .. })));
    }

    #[test]
    fn only_the_canonical_form_parses() {
        for bad in [r#"{"b":1,"a":2}"#, r#"{"a":1,"a":1}"#, r#"{"a": 1}"#, r#""\u0041""#, "1.0", "1e2", "-0", " 1", "[1,]", "\u{feff}1"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused_at_any_depth() {
        for (text, expected) in
            [(r#"{"a": [1, {"b": 2}], "c": null}"#, true), (r#"{"a":1,"a":1}"#, false), (r#"[{"x":{"y":1,"y":2}}]"#, false), ("{", false)]
        {
            assert_eq!(parse_lenient(text.as_bytes()).is_ok(), expected, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{0,8}", inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn round_trip(value in value()) {
            let bytes = to_bytes(&value).unwrap();
            prop_assert_eq!(parse(&bytes).unwrap(), value);
        }
    }
}
