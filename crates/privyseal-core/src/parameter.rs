//! Values of a question's parameters as people write them: in a field of a page, behind `--param`.

use serde_json::Value;

use crate::time::Timestamp;

/// What a text is by its look: `null`, `true`, `false`, an integer; otherwise itself.
///
/// Digits that a number would not keep (`007`, `+7`, more than 64 bits) stay text, so that nothing is lost on the way.
#[must_use]
pub fn by_look(text: &str) -> Value {
    match text {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<i64>().ok().filter(|number| number.to_string() == text).map_or_else(|| Value::from(text), Value::from),
    }
}

/// What a text is as a value of this type: one of those that [`ParameterDoc`](crate::port::ParameterDoc) names, or `null`.
///
/// A list is its elements with commas between them, or JSON where an element holds a comma. No text is no moment.
///
/// # Errors
/// What the text should be, as the end of a sentence.
pub fn of_kind(kind: &str, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    match kind {
        "integer" => trimmed.parse::<i64>().map(Value::from).map_err(|_| format!("an integer, not `{}`", text.escape_debug())),
        "boolean" => match trimmed {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(format!("`true` or `false`, not `{}`", text.escape_debug())),
        },
        "timestamp" if trimmed.is_empty() || trimmed == "null" => Ok(Value::Null),
        "timestamp" => Timestamp::parse_lenient(trimmed)
            .map(|_| Value::from(trimmed))
            .map_err(|_| format!("a moment such as `2026-07-01` or `2026-07-01T09:30:00Z`, not `{}`", text.escape_debug())),
        "text[]" if trimmed.starts_with('[') => serde_json::from_str::<Vec<String>>(trimmed)
            .map(Value::from)
            .map_err(|_| format!("a JSON list of texts, not `{}`", text.escape_debug())),
        "text[]" => Ok(trimmed.split(',').map(str::trim).filter(|element| !element.is_empty()).collect()),
        "null" => Ok(Value::Null),
        _ => Ok(Value::from(text)),
    }
}

/// A value as it is written in a field, so that [`of_kind`] or [`by_look`] reads the same again.
#[must_use]
pub fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(elements) => {
            let texts: Vec<&str> = elements.iter().filter_map(Value::as_str).collect();
            let is_plain = |text: &&str| !text.is_empty() && text.trim() == *text && !text.contains(',') && !text.starts_with('[');
            let plain = texts.len() == elements.len() && texts.iter().all(is_plain);
            if plain { texts.join(", ") } else { value.to_string() }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_taken_by_their_look() {
        for (text, expected) in [
            ("30", json!(30)),
            ("-7", json!(-7)),
            ("007", json!("007")),
            ("+7", json!("+7")),
            ("9223372036854775808", json!("9223372036854775808")),
            ("1.5", json!("1.5")),
            ("true", json!(true)),
            ("False", json!("False")),
            ("null", Value::Null),
            ("", json!("")),
            ("2026-07-01", json!("2026-07-01")),
        ] {
            assert_eq!(by_look(text), expected, "{text}");
        }
    }

    #[test]
    fn texts_are_taken_as_the_type_says_and_written_back() {
        for (kind, text, expected) in [
            ("integer", "30", json!(30)),
            ("text", "30", json!("30")),
            ("text", "", json!("")),
            ("boolean", "false", json!(false)),
            ("timestamp", "2026-07-01", json!("2026-07-01")),
            ("timestamp", "", Value::Null),
            ("text[]", "a, b", json!(["a", "b"])),
            ("text[]", "", json!([])),
            ("text[]", r#"["a,b",""]"#, json!(["a,b", ""])),
        ] {
            let value = of_kind(kind, text).unwrap();
            assert_eq!(value, expected, "{kind} {text}");
            assert_eq!(of_kind(kind, &written(&value)).unwrap(), expected, "{kind} {text}");
        }
        for (kind, text) in [("integer", "3.5"), ("integer", ""), ("boolean", "yes"), ("timestamp", "soon"), ("text[]", "[1]")] {
            assert!(of_kind(kind, text).unwrap_err().contains(&format!("not `{text}`")), "{kind} {text}");
        }
    }
}
