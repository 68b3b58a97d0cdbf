//! What is asked, laid out for reading: nothing is left out, and the canonical form stands beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use privyseal_core::action::InputKind;
use privyseal_core::canonical;
use privyseal_core::event::request::Submitted;
use privyseal_core::event::{Body, Kind};
use privyseal_core::text::deceptive;
use serde_json::Value;

use crate::app::App;
use crate::log;
use crate::problem::Problem;
use crate::showing::{Content, Shown};
use crate::view::code::{Code, Language};
use crate::view::environment::Environment;
use crate::view::number::{Bytes, Count, Hash};
use crate::view::request::{Action, Fact, Input, InputContent, Parameter, Reversibility};

/// What the action catalogue says about a verb.
#[derive(Default)]
pub(super) struct Verb {
    /// What it means.
    pub(super) title: String,
    /// Parameters of which less is narrower.
    pub(super) narrow: Vec<String>,
}

/// What the catalogue that the request was judged by says about its verb; nothing when that can no longer be read.
pub(super) async fn verb(app: &App, submitted: &Arc<Submitted>) -> Result<Verb, Problem> {
    let digest = submitted.assessment.policy.digest;
    let versions = log::read(app, |log| log.entries_of(Kind::PolicyPublished).map(log::events)).await?;
    let published = versions.into_iter().find_map(|event| match event.body {
        Body::PolicyPublished(published) if published.policy.digest == digest => Some(published),
        _ => None,
    });
    let Some(published) = published else { return Ok(Verb::default()) };
    let (app, verb) = (app.clone(), submitted.action.verb.clone());
    log::blocking(move || {
        let policy = app.engine().policy(&published).ok();
        let action = policy.as_ref().and_then(|policy| policy.action(&verb));
        Ok(action.map(|action| Verb { title: action.title.clone(), narrow: action.narrow.clone() }).unwrap_or_default())
    })
    .await
}

pub(super) fn action(submitted: &Submitted, justification: &str, shown: Shown, meaning: String) -> Action {
    let action = &shown.opened;
    // Over the values themselves: in the canonical form a hidden one is 43 harmless letters.
    let values = canonical::serialize(action).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let mut texts: Vec<&str> = vec![&values, justification];
    texts.extend(submitted.ticket.as_deref());
    texts.extend(shown.contents.iter().filter_map(|content| match content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    }));
    let deceptive: usize = texts.iter().map(|text| deceptive(text, usize::MAX).len()).sum();
    Action {
        verb: action.verb.to_string(),
        meaning,
        resource_kind: action.resource.name.kind().to_owned(),
        resource_id: action.resource.name.id().into(),
        environment: Environment::new(submitted.environment.as_deref()),
        reversibility: Reversibility::of(&submitted.reversibility),
        command: action.parameters.get("argv").and_then(command_line).map(|line| Code::new(Language::Shell, line)),
        parameters: parameters(action),
        canonical: Code::new(Language::Json, shown.canonical),
        inputs: action.inputs.iter().zip(shown.contents).map(|(input, content)| shown_input(input, content)).collect(),
        deceptive: Count(u64::try_from(deceptive).unwrap_or(u64::MAX)),
        digest: Hash::new(&submitted.action_digest),
    }
}

fn shown_input(input: &privyseal_core::action::Input, content: Content) -> Input {
    Input {
        kind: match input.kind {
            InputKind::File => "file",
            InputKind::Tool => "tool",
            InputKind::Environment => "environment",
            InputKind::Definition => "definition",
            InputKind::Test => "test",
        },
        name: input.name.as_str().into(),
        digest: Hash::new(&input.sha256),
        size: Bytes(input.bytes),
        content: match content {
            Content::Text(text) => InputContent::Text(Code::new(language_of(&input.name), text)),
            Content::Binary => InputContent::Binary,
            Content::Withheld => InputContent::Withheld,
            Content::Unshown(why) => InputContent::Unshown(why.into()),
        },
    }
}

fn language_of(name: &str) -> Language {
    match name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
        Some("sql") => Language::Sql,
        Some("cedar") => Language::Cedar,
        Some("json") => Language::Json,
        Some("sh" | "bash") => Language::Shell,
        _ => Language::Plain,
    }
}

/// A command as a shell would have to be given it; none when it is not a list of words.
fn command_line(argv: &Value) -> Option<String> {
    let words: Vec<&str> = argv.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    let quoted = |word: &&str| {
        let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=/.,:@%+".contains(&byte));
        if plain { (*word).to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    (!words.is_empty()).then(|| words.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

/// Parameters and claimed attributes, in canonical order.
fn parameters(action: &privyseal_core::action::Action) -> Vec<Parameter> {
    let members = |prefix: &str, map: &serde_json::Map<String, Value>| -> Vec<Parameter> {
        let sorted: BTreeMap<&String, &Value> = map.iter().collect();
        sorted
            .into_iter()
            .map(|(name, value)| Parameter { path: format!("{prefix}.{name}").into(), value: readable(name, value) })
            .collect()
    };
    let mut parameters = members("parameters", &action.parameters);
    parameters.extend(members("resource.attributes", &action.resource.attributes));
    parameters
}

/// A value laid out for reading. Source text stands as it is written, not as a JSON string on one line; the canonical form shows that.
fn readable(name: &str, value: &Value) -> Code {
    match value {
        Value::String(text) if matches!(name, "statement" | "sql" | "query") => Code::new(Language::Sql, text.as_str()),
        Value::String(text) if text.contains('\n') => Code::new(Language::Plain, text.as_str()),
        _ => {
            let mut laid_out = String::new();
            lay_out(value, 0, &mut laid_out);
            Code::new(Language::Json, laid_out)
        }
    }
}

/// JSON over several lines, members sorted, without depending on the order that the library keeps.
fn lay_out(value: &Value, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match value {
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                line(depth + 1, out);
                lay_out(item, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        Value::Object(members) if members.is_empty() => out.push_str("{}"),
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                line(depth + 1, out);
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                lay_out(value, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// What the request rests on: first what the server found out, the telling before the quiet; then what the requester claims.
pub(super) fn facts(submitted: &Submitted, opened: &privyseal_core::action::Action) -> Vec<Fact> {
    let mut found: BTreeMap<String, Value> = submitted.assessment.facts.clone();
    let kept = [
        ("environment", submitted.environment.as_deref()),
        ("data_class", submitted.data_class.as_deref()),
        ("change_class", Some(submitted.change_class.as_str())),
        ("reversibility", Some(submitted.reversibility.as_str())),
    ];
    for (name, value) in kept {
        found.extend(value.map(|value| (name.to_owned(), Value::from(value))));
    }
    let quiet = |value: &Value| matches!(value, Value::Bool(false)) || value.as_u64() == Some(0) || value.as_str() == Some("none");
    let mut derived: Vec<(bool, String, Value)> = found.into_iter().map(|(name, value)| (quiet(&value), name, value)).collect();
    derived.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let derived = derived.into_iter().map(|(_, name, value)| Fact { name: in_words(&name), value: plain(&value).into(), derived: true });

    let claim = |name: &str, value: String| Fact { name: name.to_owned(), value: value.into(), derived: false };
    let attributes: BTreeMap<&String, &Value> = opened.resource.attributes.iter().collect();
    let mut claims: Vec<Fact> = attributes.into_iter().map(|(name, value)| claim(&format!("Attribute {name}"), plain(value))).collect();
    claims.extend(submitted.ticket.as_ref().map(|ticket| claim("Ticket", ticket.clone())));
    claims.extend(submitted.significant_change.map(|yes| claim("Significant change", plain(&Value::Bool(yes)))));
    if !submitted.authors.is_empty() {
        let authors: Vec<String> = submitted.authors.iter().map(ToString::to_string).collect();
        claims.push(claim("Authors of the inputs", authors.join(", ")));
    }
    derived.chain(claims).collect()
}

/// `first_time_action` as `First time action`.
fn in_words(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", letters.as_str())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), |number| Count(number).to_string()),
        other => {
            let mut laid_out = String::new();
            lay_out(other, 0, &mut laid_out);
            laid_out
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_quoted_so_that_a_shell_would_read_them_back() {
        for (argv, expected) in [
            (json!(["psql", "-f", "migrations/V1.sql"]), Some("psql -f migrations/V1.sql")),
            (json!(["sh", "-c", "rm -rf $HOME; echo 'x'", ""]), Some(r"sh -c 'rm -rf $HOME; echo '\''x'\''' ''")),
            (json!(["a\nb"]), Some("'a\nb'")),
            (json!([]), None),
            (json!(["a", 1]), None),
            (json!("psql"), None),
        ] {
            assert_eq!(command_line(&argv).as_deref(), expected);
        }
    }

    #[test]
    fn values_are_laid_out_sorted_and_whole() {
        let value: Value = serde_json::from_str(r#"{"b":[1,{"d":null,"c":"x\"y"}],"a":{},"e":[]}"#).unwrap();
        let mut out = String::new();
        lay_out(&value, 0, &mut out);
        assert_eq!(
            out,
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"c\": \"x\\\"y\",\n      \"d\": null\n    }\n  ],\n  \"e\": []\n}"
        );
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), value);
    }
}
