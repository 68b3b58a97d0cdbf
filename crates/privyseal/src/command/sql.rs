//! `privyseal sql`: questions to the audit data of a folder, with or without a server on it.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use privyseal_core::port::{Analytics as _, Answer, FileForm, QueryLimits, Question, TableDoc};
use serde_json::Value;

use crate::cli::{self, Format};
use crate::context::Context;
use crate::{local, output};

/// Runs `sql`.
///
/// # Errors
/// When the statement is refused or fails.
pub(crate) fn run(context: &Context, options: &cli::Sql) -> anyhow::Result<ExitCode> {
    let statement = match (&options.statement, &options.file) {
        (Some(statement), _) => statement.clone(),
        (None, Some(path)) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        (None, None) => bail!("no statement"),
    };
    let engine = local::sql_engine(context)?;
    if let Some(rest) = statement.trim().strip_prefix(".schema") {
        output::data(&describe(engine.tables(), rest.trim(), context.global.format)?);
        return Ok(ExitCode::SUCCESS);
    }
    let question = Question { sql: statement, as_of_seq: options.as_of_seq, ..Question::default() };
    let limits = QueryLimits { max_rows: options.limit, ..local::query_limits(&context.config) };
    let runtime = local::runtime()?;
    let format = context.global.format.unwrap_or(Format::Table);
    let form = match format {
        Format::Csv => Some(FileForm::Csv),
        Format::Parquet => Some(FileForm::Parquet),
        Format::Arrow => Some(FileForm::Arrow),
        Format::Table | Format::Text | Format::Json => None,
        Format::Html => bail!("results of SQL have no HTML form: use table, csv, json, parquet or arrow"),
    };
    if let Some(form) = form {
        if form != FileForm::Csv && std::io::stdout().is_terminal() {
            bail!("{format:?} is binary: redirect the output to a file");
        }
        let mut file = runtime.block_on(engine.file(&question, form, QueryLimits { max_file_rows: options.limit, ..limits }))?;
        std::io::copy(&mut file.content, &mut std::io::stdout().lock()).context("the result cannot be written")?;
        if file.told.truncated {
            output::note(&format!("only the first {} rows are written: raise --limit, or add LIMIT and ORDER BY", file.told.rows));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let answer = runtime.block_on(engine.query(&question, limits))?;
    match format {
        Format::Json => output::data(&serde_json::to_string_pretty(&objects(&answer))?),
        _ => output::data(&table(&answer)),
    }
    if answer.truncated {
        output::note(&format!("only the first {} rows are shown: raise --limit, or add LIMIT and ORDER BY", answer.rows.len()));
    }
    Ok(ExitCode::SUCCESS)
}

fn objects(answer: &Answer) -> Vec<Value> {
    let rows = answer.rows.iter();
    rows.map(|row| Value::Object(answer.columns.iter().map(|column| column.name.clone()).zip(row.iter().cloned()).collect())).collect()
}

fn describe(tables: &[TableDoc], wanted: &str, format: Option<Format>) -> anyhow::Result<String> {
    let chosen: Vec<&TableDoc> = tables.iter().filter(|table| wanted.is_empty() || table.name == wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        bail!("there is no table `{wanted}`; there are {}", names.join(", "));
    }
    if format == Some(Format::Json) {
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

/// A plain table: a header, a rule, numbers flush right.
fn table(answer: &Answer) -> String {
    let cell = |value: &Value| match value {
        Value::Null => "·".to_owned(),
        Value::String(text) => {
            text.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect::<Vec<_>>() } else { vec![c] }).collect()
        }
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> = answer.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let numeric: Vec<bool> = (0..answer.columns.len())
        .map(|column| {
            answer.rows.iter().all(|row| row.get(column).is_some_and(|value| value.is_number() || value.is_null()))
                && !answer.rows.is_empty()
        })
        .collect();
    let widths: Vec<usize> = answer
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let longest = rows.iter().filter_map(|row| row.get(index)).map(|text| text.chars().count()).max().unwrap_or(0);
            longest.max(column.name.chars().count())
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.into_iter().zip(&widths).zip(&numeric).map(|((text, width), numeric)| {
            let fill = " ".repeat(width.saturating_sub(text.chars().count()));
            if *numeric { format!("{fill}{text}") } else { format!("{text}{fill}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out = vec![line(answer.columns.iter().map(|column| column.name.as_str()).collect())];
    out.push(widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  "));
    out.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    out.push(format!("{} rows", answer.rows.len()));
    out.join("\n")
}
