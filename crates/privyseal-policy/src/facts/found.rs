//! Where the SQL of an action stands: in its parameters, on the command line it runs, in the files it reads.

use privyseal_core::action::Action;
use serde_json::{Map, Value};

use super::client::{Command, Program, program};
use super::statement::{Budget, Effect, SqlDialect, StatementClass, classify_within};
use crate::catalogue::ChangeClass;

/// Parameters that hold SQL whatever the resource is.
const SQL_KEYS: [&str; 2] = ["sql", "sqls"];
/// Parameters that hold SQL when the resource speaks it, or when they read like it.
const LIKELY_KEYS: [&str; 4] = ["statement", "statements", "query", "queries"];
/// Parameters that hold a command line as a list of texts.
const COMMAND_KEYS: [&str; 3] = ["argv", "command", "cmd"];

/// First words of SQL, for `query` parameters of resources that may speak anything.
const VERBS: [&str; 31] = [
    "alter", "analyze", "attach", "begin", "call", "comment", "copy", "create", "delete", "deny", "do", "drop", "exec", "execute",
    "explain", "grant", "insert", "load", "lock", "merge", "pragma", "rename", "replace", "revoke", "select", "set", "truncate", "update",
    "vacuum", "values", "with",
];

struct Search<'a> {
    dialect: Option<SqlDialect>,
    texts: &'a [(String, String)],
    budget: Budget,
    effect: Effect,
}

/// What the SQL of an action does, all of it together.
pub(crate) fn effect(action: &Action, class: ChangeClass, input_texts: &[(String, String)]) -> Effect {
    let dialect = SqlDialect::of_resource(action.resource.name.kind());
    let mut search = Search { dialect, texts: input_texts, budget: Budget::default(), effect: Effect::default() };
    search.parameters(&action.parameters);
    input_texts.iter().filter(|(name, _)| is_sql_file(name)).for_each(|(_, text)| search.sql(text));
    let unseen = |name: &str| is_sql_file(name) && search.script_text(name).is_none();
    if action.inputs.iter().any(|input| unseen(&input.name)) {
        search.unknown();
    }
    // A change of a database whose statement we never saw is not a change without a statement.
    let changes_database = dialect.is_some() && matches!(class, ChangeClass::Schema | ChangeClass::Data);
    if search.effect.class == StatementClass::None && changes_database {
        search.unknown();
    }
    search.effect
}

fn is_sql_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("sql"))
}

fn without_dot(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

impl<'a> Search<'a> {
    fn add(&mut self, effect: Effect) {
        self.effect = self.effect.and(effect);
    }

    fn unknown(&mut self) {
        self.add(Effect::of(StatementClass::Unknown));
    }

    fn sql(&mut self, text: &str) {
        self.read(text, self.dialect.unwrap_or(SqlDialect::Any));
    }

    fn read(&mut self, text: &str, dialect: SqlDialect) {
        let effect = classify_within(text, dialect, &mut self.budget);
        self.add(effect);
    }

    fn script_text(&self, name: &str) -> Option<&'a str> {
        self.texts.iter().find(|(known, _)| without_dot(known) == without_dot(name)).map(|(_, text)| text.as_str())
    }

    /// Nested objects too: tool servers wrap their arguments.
    fn parameters(&mut self, parameters: &Map<String, Value>) {
        for (key, value) in parameters {
            let key = key.to_ascii_lowercase();
            if SQL_KEYS.contains(&key.as_str()) {
                self.texts_of(value, true);
            } else if LIKELY_KEYS.contains(&key.as_str()) {
                self.texts_of(value, self.dialect.is_some());
            } else if COMMAND_KEYS.contains(&key.as_str()) {
                self.command_line(value);
            } else {
                self.inside(value);
            }
        }
    }

    fn inside(&mut self, value: &Value) {
        match value {
            Value::Object(members) => self.parameters(members),
            Value::Array(items) => items.iter().for_each(|item| self.inside(item)),
            Value::String(text) => self.unnamed(text),
            _ => {}
        }
    }

    /// A text under a name that says nothing. A tool may run it all the same, so what reads as SQL against a database counts;
    /// prose that only begins like it does not.
    fn unnamed(&mut self, text: &str) {
        if let Some(dialect) = self.dialect.filter(|_| reads_like_sql(text)) {
            let effect = classify_within(text, dialect, &mut self.budget);
            if !effect.unread {
                self.add(effect);
            }
        }
    }

    fn texts_of(&mut self, value: &Value, surely: bool) {
        match value {
            Value::String(text) if surely || reads_like_sql(text) => self.sql(text),
            Value::String(_) | Value::Null => {}
            Value::Array(items) => items.iter().for_each(|item| self.texts_of(item, surely)),
            Value::Object(members) => self.parameters(members),
            _ if surely => self.unknown(),
            _ => {}
        }
    }

    fn command_line(&mut self, value: &Value) {
        let argv: Option<Vec<&str>> = match value {
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            Value::String(line) => Some(vec!["sh", "-c", line]),
            _ => None,
        };
        let Some(argv) = argv else { return self.unknown() };
        match program(&argv) {
            Program::Client(dialect, commands) => commands.iter().for_each(|command| self.command(dialect, command)),
            Program::Opaque => self.unknown(),
            // Some program against a database: a migration tool, a script of the house.
            Program::Other if self.dialect.is_some() => self.unknown(),
            Program::Other => {}
        }
    }

    fn command(&mut self, dialect: SqlDialect, command: &Command<'_>) {
        match command {
            Command::Sql(text) => self.read(text, dialect),
            Command::Script(name) => match self.script_text(name) {
                Some(text) => self.read(text, dialect),
                None => self.unknown(),
            },
            Command::Reads => self.add(Effect::of(StatementClass::Read)),
            Command::Unknown => self.unknown(),
        }
    }
}

/// Whether a text begins as SQL does: with one of its verbs, a comment, or a parenthesis.
fn reads_like_sql(text: &str) -> bool {
    let text = text.trim_start();
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    VERBS.contains(&word.as_str()) || ["--", "/*", "#", "("].iter().any(|mark| text.starts_with(mark))
}
