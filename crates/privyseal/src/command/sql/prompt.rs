//! The prompt: statements over several lines until `;`, with history and completion.

use std::process::ExitCode;

use dialoguer::theme::Theme;
use dialoguer::{BasicHistory, Completion, Input};
use privyseal_core::port::Analytics as _;

use super::{Session, docs, given};
use crate::output;

const HELP: &str = "\
SQL over the audit data, ended by a semicolon; it only reads. Tab completes, the arrow up brings back what was asked.
  .schema              tables          .schema TABLE    its columns
  .functions           our functions   .library         questions that come with the program
  .library NAME        one of them     .run NAME        runs it
  .quit                leaves, as Ctrl+C does; while a statement runs, Ctrl+C ends that";

/// Asks until nobody wants to know more.
pub(super) fn run(session: &Session<'_>) -> anyhow::Result<ExitCode> {
    let (mut history, names) = (BasicHistory::new().max_entries(200).no_duplicates(true), Names::of(session));
    output::note("SQL over the audit data. `.help` says how; end a statement with `;`.");
    let mut statement = String::new();
    loop {
        let theme = Plain { is_first: statement.is_empty() };
        let input = Input::<String>::with_theme(&theme).allow_empty(true).history_with(&mut history).completion_with(&names);
        let Ok(line) = input.interact_text() else { return Ok(ExitCode::SUCCESS) };
        let first = statement.is_empty();
        if let Some(command) = line.trim().strip_prefix('.').filter(|_| first) {
            if command == "quit" || command == "exit" {
                return Ok(ExitCode::SUCCESS);
            }
            if let Err(error) = obey(session, command) {
                output::error(&format!("{error:#}"));
            }
            continue;
        }
        if first && line.trim().is_empty() {
            continue;
        }
        statement.push_str(&line);
        statement.push('\n');
        if ends(&statement) {
            let asked = given(&session.options.parameters, &[]).and_then(|parameters| {
                // A statement of the prompt takes those of the given values that it has parameters for.
                let used = |(name, _): &(String, serde_json::Value)| statement.contains(&format!("${name}"));
                session.ask(statement.trim_end(), parameters.into_iter().filter(used).collect())
            });
            if let Err(error) = asked {
                output::error(&format!("{error:#}"));
            }
            statement.clear();
        }
    }
}

fn obey(session: &Session<'_>, command: &str) -> anyhow::Result<()> {
    if command == "help" {
        output::data(HELP);
        return Ok(());
    }
    if let Some(name) = command.strip_prefix("run ") {
        let doc = docs::question(&session.engine, name.trim())?;
        let defaults = doc.parameters.iter().map(|doc| (doc.name.clone(), doc.default.clone()));
        return session.ask(&doc.sql, defaults.collect());
    }
    output::data(&docs::of(&session.engine, command, session.format)?);
    Ok(())
}

/// Whether a semicolon ends the text, outside of texts, names and remarks.
fn ends(statement: &str) -> bool {
    let mut chars = statement.chars().peekable();
    let (mut quote, mut last) = (None, ' ');
    while let Some(c) = chars.next() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '-' && chars.peek() == Some(&'-') => {
                quote = Some('\n');
                continue;
            }
            None => {}
        }
        if !c.is_whitespace() && quote != Some('\n') {
            last = if quote.is_some() { ' ' } else { c };
        }
    }
    quote.is_none() && last == ';'
}

/// Everything that can be completed.
struct Names(Vec<String>);

impl Names {
    fn of(session: &Session<'_>) -> Self {
        let tables = session.engine.tables();
        let mut names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        names.extend(tables.iter().flat_map(|table| table.columns.iter().map(|column| column.name.clone())));
        names.extend(privyseal_analytics::Engine::functions(&session.engine).iter().map(|doc| doc.name.to_owned()));
        names.extend(privyseal_analytics::Engine::library(&session.engine).iter().map(|doc| doc.name.clone()));
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Self(names)
    }
}

impl Completion for Names {
    /// What all names that begin like the last word have in common, or the first of them when that adds nothing.
    fn get(&self, input: &str) -> Option<String> {
        let begin = input.rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).map_or(0, |at| at + 1);
        let (before, word) = input.split_at_checked(begin)?;
        let fitting: Vec<&String> = self.0.iter().filter(|name| !word.is_empty() && name.starts_with(word) && *name != word).collect();
        let first = fitting.first()?;
        let common = first
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|end| first.get(..*end).is_some_and(|start| fitting.iter().all(|name| name.starts_with(start))));
        let common = common.last().and_then(|end| first.get(..end)).filter(|common| common.len() > word.len());
        Some(format!("{before}{}", common.unwrap_or(first)))
    }
}

/// Prompts as other SQL shells have them.
struct Plain {
    is_first: bool,
}

impl Theme for Plain {
    fn format_input_prompt(&self, f: &mut dyn std::fmt::Write, _: &str, _: Option<&str>) -> std::fmt::Result {
        f.write_str(if self.is_first { "sql> " } else { "...> " })
    }

    fn format_input_prompt_selection(&self, f: &mut dyn std::fmt::Write, _: &str, typed: &str) -> std::fmt::Result {
        self.format_input_prompt(f, "", None)?;
        f.write_str(typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_ends_a_statement_where_it_stands_for_itself() {
        for (text, expected) in [
            ("SELECT 1;\n", true),
            ("SELECT 1; -- done\n", true),
            ("SELECT 1\n", false),
            ("SELECT ';\n", false),
            ("SELECT ';'\n", false),
            ("SELECT 'it''s';\n", true),
            ("SELECT 1 -- not yet;\n", false),
            ("SELECT \"a;\n", false),
            ("", false),
        ] {
            assert_eq!(ends(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_last_word_is_completed_as_far_as_it_is_clear() {
        let names = Names(["requests", "request_id", "reviews", "approval-latency"].map(str::to_owned).to_vec());
        for (typed, expected) in [
            ("select * from requests", None),
            ("select * from req", Some("select * from request")),
            ("select * from rev", Some("select * from reviews")),
            ("select count(request_", Some("select count(request_id")),
            (".library app", Some(".library approval-latency")),
            ("select * from request", Some("select * from requests")),
            ("select ", None),
            ("", None),
        ] {
            assert_eq!(names.get(typed).as_deref(), expected, "{typed:?}");
        }
    }
}
