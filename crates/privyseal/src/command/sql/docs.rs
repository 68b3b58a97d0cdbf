//! `.schema`, `.functions`, `.library`: what can be asked.

use anyhow::{anyhow, bail};
use privyseal_analytics::Engine;
use privyseal_core::parameter;
use privyseal_core::port::{Analytics as _, QueryDoc};

use crate::cli::Format;

/// What a command without its point asks for.
pub(super) fn of(engine: &Engine, command: &str, format: Option<Format>) -> anyhow::Result<String> {
    let (verb, wanted) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let (wanted, is_json) = (wanted.trim().trim_end_matches(';').trim_end(), format == Some(Format::Json));
    match verb.trim_end_matches(';') {
        "schema" => schema(engine, wanted, is_json),
        "functions" => functions(engine, wanted, is_json),
        "library" => library(engine, wanted, is_json),
        other => bail!("there is no `.{other}`; there are .schema, .schema TABLE, .functions, .library, .library NAME"),
    }
}

fn schema(engine: &Engine, wanted: &str, is_json: bool) -> anyhow::Result<String> {
    let tables = engine.tables();
    let chosen: Vec<_> = tables.iter().filter(|table| wanted.is_empty() || table.name == wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        bail!("there is no table `{wanted}`; there are {}", names.join(", "));
    }
    if is_json {
        return Ok(serde_json::to_string_pretty(&chosen)?);
    }
    if wanted.is_empty() {
        return Ok(chosen.iter().map(|table| format!("{:<18} {}\n", table.name, table.meaning)).collect());
    }
    let mut text = String::new();
    for table in chosen {
        text.push_str(&format!("{}: {}\n\n", table.name, table.meaning));
        for column in &table.columns {
            text.push_str(&format!("  {:<22} {:<12} {}\n", column.name, column.kind, column.meaning));
        }
    }
    Ok(text)
}

fn functions(engine: &Engine, wanted: &str, is_json: bool) -> anyhow::Result<String> {
    let functions = Engine::functions(engine);
    let chosen: Vec<_> = functions.iter().filter(|doc| wanted.is_empty() || doc.name == wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = functions.iter().map(|doc| doc.name).collect();
        bail!("`{wanted}` is no function of ours; there are {}", names.join(", "));
    }
    if is_json {
        return Ok(serde_json::to_string_pretty(&chosen)?);
    }
    let one =
        |doc: &&privyseal_core::port::FunctionDoc| format!("{}\n  {}\n  {}\n  gives {}\n", doc.usage, doc.meaning, doc.example, doc.result);
    Ok(chosen.iter().map(one).collect::<Vec<_>>().join("\n"))
}

fn library(engine: &Engine, wanted: &str, is_json: bool) -> anyhow::Result<String> {
    if wanted.is_empty() {
        let library = Engine::library(engine);
        if is_json {
            return Ok(serde_json::to_string_pretty(library)?);
        }
        let widest = library.iter().map(|doc| doc.name.len()).max().unwrap_or(0);
        return Ok(library.iter().map(|doc| format!("{:<widest$}  {}\n", doc.name, doc.title)).collect());
    }
    let doc = question(engine, wanted)?;
    if is_json {
        return Ok(serde_json::to_string_pretty(doc)?);
    }
    let mut text = format!("{}: {}\n{}\n", doc.name, doc.title, doc.meaning);
    if !doc.parameters.is_empty() {
        text.push_str("\nParameters\n");
    }
    for doc in &doc.parameters {
        let default = match parameter::written(&doc.default) {
            empty if empty.is_empty() => "none".to_owned(),
            default => default,
        };
        text.push_str(&format!("  {:<22} {:<12} {} (default: {default})\n", doc.name, doc.kind, doc.meaning));
    }
    text.push_str("\nColumns\n");
    for column in &doc.columns {
        text.push_str(&format!("  {:<22} {:<12} {}\n", column.name, column.kind, column.meaning));
    }
    Ok(format!("{text}\n{}\n", doc.sql.trim_end()))
}

/// A question by name.
pub(super) fn question<'a>(engine: &'a Engine, name: &str) -> anyhow::Result<&'a QueryDoc> {
    let library = Engine::library(engine);
    library.iter().find(|doc| doc.name == name).ok_or_else(|| {
        // Names that share a word with what was typed; the whole list is long.
        let is_near = |doc: &&QueryDoc| name.split('-').any(|word| word.len() > 2 && doc.name.contains(word));
        let near: Vec<&str> = library.iter().filter(is_near).map(|doc| doc.name.as_str()).collect();
        let hint = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
        anyhow!("there is no question `{name}` in the library{hint}; `privyseal sql .library` lists them")
    })
}
