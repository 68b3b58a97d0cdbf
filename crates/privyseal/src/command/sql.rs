//! `privyseal sql`: questions to the audit data of a folder, with or without a server on it.

mod docs;
mod pager;
mod prompt;
mod table;

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use privyseal_analytics::Engine;
use privyseal_core::parameter;
use privyseal_core::port::{Analytics as _, Answer, FileForm, ParameterDoc, QueryError, QueryLimits, Question};
use serde_json::{Map, Value};

use crate::cli::{self, Format};
use crate::context::Context;
use crate::{local, output};

/// Runs `sql`.
///
/// # Errors
/// When the statement is refused or fails.
pub(crate) fn run(context: &Context, options: &cli::Sql) -> anyhow::Result<ExitCode> {
    let limits = QueryLimits { max_rows: options.limit, max_file_rows: options.limit, ..local::query_limits(&context.config) };
    let open = || -> anyhow::Result<Session<'_>> {
        Ok(Session { engine: local::sql_engine(context)?, runtime: local::runtime()?, limits, format: context.global.format, options })
    };
    if let Some(name) = &options.library {
        let session = open()?;
        let doc = docs::question(&session.engine, name)?;
        let mut parameters: Map<String, Value> = doc.parameters.iter().map(|doc| (doc.name.clone(), doc.default.clone())).collect();
        parameters.extend(given(&options.parameters, &doc.parameters)?);
        session.ask(&doc.sql, parameters)?;
        return Ok(ExitCode::SUCCESS);
    }
    let statement = match (&options.statement, &options.file) {
        (Some(statement), _) => statement.clone(),
        (None, Some(path)) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        (None, None) if std::io::stdin().is_terminal() => return prompt::run(&open()?),
        (None, None) => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("cannot read the statement from standard input")?;
            text
        }
    };
    if statement.trim().is_empty() {
        bail!("there is no statement: give one as an argument, with --file or --library, or on standard input");
    }
    let parameters = given(&options.parameters, &[])?;
    let session = open()?;
    match statement.trim().strip_prefix('.') {
        Some(command) => output::data(&docs::of(&session.engine, command, session.format)?),
        None => session.ask(&statement, parameters)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The values of `--param`.
fn given(written: &[String], docs: &[ParameterDoc]) -> anyhow::Result<Map<String, Value>> {
    let mut values = Map::new();
    for pair in written {
        let (name, text) = pair.split_once('=').ok_or_else(|| anyhow!("--param {pair}: write NAME=VALUE, or NAME:=JSON"))?;
        let (name, value) = match name.strip_suffix(':') {
            Some(name) => (name, serde_json::from_str(text).with_context(|| format!("--param {pair}: behind `:=` stands JSON"))?),
            None => (
                name,
                match docs.iter().find(|doc| doc.name == name) {
                    Some(doc) => parameter::of_kind(&doc.kind, text).map_err(|wanted| anyhow!("--param {name} takes {wanted}"))?,
                    None => parameter::by_look(text),
                },
            ),
        };
        let name = name.strip_prefix('$').unwrap_or(name);
        if values.insert(name.to_owned(), value).is_some() {
            bail!("--param {name} is given twice");
        }
    }
    Ok(values)
}

/// The audit data, open, with what was asked for on the command line.
struct Session<'a> {
    engine: Engine,
    runtime: tokio::runtime::Runtime,
    limits: QueryLimits,
    format: Option<Format>,
    options: &'a cli::Sql,
}

impl Session<'_> {
    /// Asks one question and prints the answer.
    fn ask(&self, sql: &str, parameters: Map<String, Value>) -> anyhow::Result<()> {
        let question = Question { sql: sql.to_owned(), parameters, as_of_seq: self.options.as_of_seq, asker: String::new() };
        let format = self.format.unwrap_or(Format::Table);
        let form = match format {
            Format::Csv => Some(FileForm::Csv),
            Format::Parquet => Some(FileForm::Parquet),
            Format::Arrow => Some(FileForm::Arrow),
            Format::Table | Format::Text | Format::Json => None,
            Format::Html => bail!("results of SQL have no HTML form: use table, csv, json, parquet or arrow"),
        };
        let is_binary = matches!(form, Some(FileForm::Parquet | FileForm::Arrow));
        if is_binary && std::io::stdout().is_terminal() {
            bail!("{format:?} is binary: redirect the output to a file");
        }
        let started = Instant::now();
        let shown = |error| shown(sql, &error);
        let (rows, truncated, seen) = if let Some(form) = form {
            let mut file = self.wait(self.engine.file(&question, form, self.limits))?.map_err(shown)?;
            match std::io::copy(&mut file.content, &mut std::io::stdout().lock()) {
                // A closed pipe (`| head`) is the reader's choice.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                copied => copied.context("the result cannot be written")?,
            };
            (file.told.rows, file.told.truncated, file.told.snapshot_size)
        } else {
            let answer = self.wait(self.engine.query(&question, self.limits))?.map_err(shown)?;
            match format {
                Format::Json => output::data(&serde_json::to_string_pretty(&objects(&answer))?),
                _ => self.print(&answer),
            }
            (u64::try_from(answer.rows.len()).unwrap_or(u64::MAX), answer.truncated, answer.snapshot_size)
        };
        // Beside a table, and wherever somebody looks on; never among what a script reads.
        if form.is_none() && format != Format::Json || std::io::stderr().is_terminal() {
            let noun = if rows == 1 { "row" } else { "rows" };
            output::note(&format!("{rows} {noun} in {} ms, over {seen} entries", started.elapsed().as_millis()));
        }
        if truncated {
            output::note(&format!("cut at the first {rows} rows: raise --limit, or add LIMIT and ORDER BY"));
        }
        Ok(())
    }

    /// Waits for an answer; Ctrl+C ends the statement instead of the program.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                answer = answer => Ok(answer),
                _ = tokio::signal::ctrl_c() => bail!("the statement was ended"),
            }
        })
    }

    /// Prints a table: cut to the width of a terminal, and shown by a pager where it is longer than one.
    fn print(&self, answer: &Answer) {
        let size = console::Term::stdout().size_checked();
        let width = size.map(|(_, columns)| usize::from(columns)).filter(|_| !self.options.wide);
        let lines = table::lines(answer, width);
        let text = lines.join("\n");
        let is_larger = size.is_some_and(|(height, columns)| {
            lines.len() >= usize::from(height) || lines.iter().any(|line| console::measure_text_width(line) > usize::from(columns))
        });
        if !(is_larger && !self.options.no_pager && pager::show(&self.options.pager, &text)) {
            output::data(&text);
        }
    }
}

/// Why there is no answer, with the line of the statement and a mark below the place.
fn shown(sql: &str, error: &QueryError) -> anyhow::Error {
    let place = error.place().and_then(|(line, column)| Some((line, sql.split('\n').nth(line.checked_sub(1)?)?, column.checked_sub(1)?)));
    let Some((number, line, before)) = place else { return anyhow!("{error}") };
    let margin = format!("{number:>4} | ");
    let (line, blank) = (table::printable(line), |text: &str| " ".repeat(console::measure_text_width(text)));
    let before: String = line.chars().take(before).collect();
    anyhow!("{error}\n{margin}{line}\n{}{}^", blank(&margin), blank(&before))
}

fn objects(answer: &Answer) -> Vec<Value> {
    let rows = answer.rows.iter();
    rows.map(|row| Value::Object(answer.columns.iter().map(|column| column.name.clone()).zip(row.iter().cloned()).collect())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_they_look_like_or_what_is_declared() {
        let docs = [ParameterDoc { name: "who".into(), kind: "text".into(), default: json!(""), meaning: String::new() }];
        let written = ["a=30", "b=x=y", "c:=[\"p\",\"q\"]", "$d=null", "who=30", "e="].map(str::to_owned);
        let expected = json!({"a": 30, "b": "x=y", "c": ["p", "q"], "d": null, "who": "30", "e": ""});
        assert_eq!(Value::Object(given(&written, &docs).unwrap()), expected);
        for (bad, words) in [("a", "write NAME=VALUE"), ("a:=[", "stands JSON")] {
            assert!(format!("{:#}", given(&[bad.to_owned()], &[]).unwrap_err()).contains(words), "{bad}");
        }
        assert!(given(&["a=1".to_owned(), "a=2".to_owned()], &[]).is_err());
    }

    #[test]
    fn a_mark_stands_below_the_place() {
        let error = QueryError::Refused("there is no table `eventz` (line 2, column 6)".to_owned());
        let text = shown("SELECT 1\nFROM eventz", &error).to_string();
        assert_eq!(text, "there is no table `eventz` (line 2, column 6)\n   2 | FROM eventz\n            ^");
        assert_eq!(shown("SELECT", &QueryError::Refused("empty (line 9, column 1)".to_owned())).to_string(), "empty (line 9, column 1)");
    }
}
