//! What a statement is: housekeeping of the session, a question about the catalogue, or a question to the desk.
//!
//! When in doubt it is for the desk, which has the guard, answers with better words, and records what was asked.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, LimitClause, ObjectName, Query, SetExpr, Statement, Value as SqlValue, Visit as _, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace};

use super::catalogue;
use super::parameter::oid;

/// Deepest nesting that the parser follows.
const MAX_DEPTH: usize = 50;

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// Nothing but space and comments.
    Nothing,
    Begin {
        is_read_write: bool,
    },
    Commit,
    Rollback,
    /// A name and a value; none puts back what it was.
    Set(String, Option<String>),
    Show(String),
    ShowAll,
    /// Puts back all settings; with the statements too when this is true.
    Reset {
        everything: bool,
    },
    Deallocate(Option<String>),
    /// Named and then nothing done: there is nothing to listen to and no cursor to close.
    Ignored(&'static str),
    /// Only names what PostgreSQL's own catalogue has.
    Catalogue(Box<Query>),
    Question,
}

/// The statements of a text, with the text of each. Several are only told apart when none of them is for the desk.
pub(super) fn asked(text: &str) -> Vec<(Asked, String)> {
    let Some(pieces) = pieces(text) else { return vec![(Asked::Question, text.to_owned())] };
    let several: Vec<(Asked, String)> = pieces.iter().map(|piece| (one(piece), (*piece).to_owned())).collect();
    match several.len() {
        0 => vec![(Asked::Nothing, String::new())],
        1 => several.into_iter().map(|(asked, _)| (asked, text.to_owned())).collect(),
        // The guard says that it takes one statement at a time, and that is recorded.
        _ if several.iter().any(|(asked, _)| *asked == Asked::Question) => vec![(Asked::Question, text.to_owned())],
        _ => several,
    }
}

/// The pieces between semicolons that hold something; none when the text cannot be cut into words.
fn pieces(text: &str) -> Option<Vec<&str>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().ok()?;
    let (mut pieces, mut start, mut holds) = (Vec::new(), 0, false);
    for token in &tokens {
        match &token.token {
            Token::SemiColon => {
                let end = offset(text, token.span.start)?;
                if holds {
                    pieces.push(text.get(start..end)?);
                }
                (start, holds) = (end + 1, false);
            }
            Token::Whitespace(_) | Token::EOF => {}
            _ => holds = true,
        }
    }
    if holds {
        pieces.push(text.get(start..)?);
    }
    Some(pieces)
}

fn offset(text: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(before..)?;
    Some(before + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}

/// The words of a statement of the session, without quotes: `set`, `timezone`, `to`, `UTC`.
fn words(piece: &str) -> Option<Vec<(String, bool)>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, piece).tokenize().ok()?;
    let mut words: Vec<(String, bool)> = Vec::new();
    let mut glue = false;
    for token in tokens {
        let (word, is_text) = match token {
            Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) => {
                glue = false;
                continue;
            }
            Token::Whitespace(_) | Token::EOF => continue,
            Token::Word(word) => (word.value, false),
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::DoubleQuotedString(text) => (text, true),
            other => (other.to_string(), false),
        };
        let is_joint = word == "." || word == "-";
        match words.last_mut() {
            // `privyseal.as_of_seq` and `-1` are one word each.
            Some((last, false)) if (is_joint && last != "=") || (glue && !is_text) => last.push_str(&word),
            _ => words.push((word.clone(), is_text)),
        }
        glue = is_joint;
    }
    Some(words)
}

fn one(piece: &str) -> Asked {
    let Some(words) = words(piece) else { return Asked::Question };
    let lower: Vec<String> = words.iter().map(|(word, _)| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let value = |from: usize| {
        let rest = words.get(from..).unwrap_or_default().iter();
        rest.map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ").replace(" , ", ", ").replace(" ,", ",")
    };
    match lower.as_slice() {
        [] => Asked::Nothing,
        ["begin", rest @ ..] | ["start", "transaction", rest @ ..] => {
            let is_read_write = rest.windows(2).any(|pair| pair == ["read", "write"]);
            Asked::Begin { is_read_write }
        }
        ["commit" | "end", ..] => Asked::Commit,
        ["rollback", "to", ..] => Asked::Ignored("ROLLBACK"),
        ["rollback" | "abort", ..] => Asked::Rollback,
        ["savepoint", _] => Asked::Ignored("SAVEPOINT"),
        ["release", ..] => Asked::Ignored("RELEASE"),
        ["discard", "all"] => Asked::Reset { everything: true },
        ["discard", ..] => Asked::Ignored("DISCARD"),
        ["deallocate", "all"] | ["deallocate", "prepare", "all"] => Asked::Deallocate(None),
        ["deallocate", "prepare", _] => Asked::Deallocate(Some(value(2))),
        ["deallocate", _] => Asked::Deallocate(Some(value(1))),
        ["close", _] => Asked::Ignored("CLOSE CURSOR"),
        ["unlisten", _] => Asked::Ignored("UNLISTEN"),
        ["reset", "all"] => Asked::Reset { everything: false },
        ["reset", "session", "authorization"] | ["set", "session", "authorization", "default"] => Asked::Ignored("RESET"),
        ["reset", "time", "zone"] => Asked::Set("timezone".to_owned(), None),
        ["reset", name] => Asked::Set((*name).to_owned(), None),
        ["set", "transaction", rest @ ..] | ["set", "session", "characteristics", "as", "transaction", rest @ ..] => {
            match rest.windows(2).any(|pair| pair == ["read", "write"]) {
                true => Asked::Set("transaction_read_only".to_owned(), Some("off".to_owned())),
                false => Asked::Ignored("SET"),
            }
        }
        ["set", "names", _] => Asked::Set("client_encoding".to_owned(), Some(value(2))),
        ["set", "time", "zone", _] => Asked::Set("timezone".to_owned(), Some(value(3))),
        ["set", "session" | "local", "time", "zone", _] => Asked::Set("timezone".to_owned(), Some(value(4))),
        ["set", "session" | "local", name, "=" | "to", ..] if lower.len() > 4 => set(name, &lower, 4, value(4)),
        ["set", name, "=" | "to", ..] if lower.len() > 3 => set(name, &lower, 3, value(3)),
        ["show", "all"] => Asked::ShowAll,
        ["show", "transaction", "isolation", "level"] => Asked::Show("transaction_isolation".to_owned()),
        ["show", "time", "zone"] => Asked::Show("timezone".to_owned()),
        ["show", "session", "authorization"] => Asked::Show("session_authorization".to_owned()),
        // These two are ours: see the guard.
        ["show", "tables" | "columns", ..] => Asked::Question,
        ["show", name] => Asked::Show((*name).to_owned()),
        _ => query(piece),
    }
}

fn set(name: &str, lower: &[&str], from: usize, value: String) -> Asked {
    let is_default = lower.get(from..) == Some(&["default"]);
    Asked::Set(name.to_owned(), (!is_default).then_some(value))
}

fn parse(piece: &str) -> Option<Statement> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_recursion_limit(MAX_DEPTH).try_with_sql(piece).ok()?;
    let statement = parser.parse_statement().ok()?;
    (parser.peek_token().token == Token::EOF).then_some(statement)
}

fn query(piece: &str) -> Asked {
    let Some(Statement::Query(query)) = parse(piece) else { return Asked::Question };
    let mut named = Named::default();
    let _: ControlFlow<()> = query.visit(&mut named);
    named.tables.retain(|(schema, table)| schema.is_some() || !named.local.contains(table));
    let is_catalogue = |(schema, table): &(Option<String>, String)| match schema.as_deref() {
        Some("pg_catalog" | "information_schema") => true,
        None => table.starts_with("pg_"),
        Some(_) => false,
    };
    let housekeeping = match named.tables.is_empty() {
        // Without a table it is the catalogue's when all that it calls is: `SELECT version()`, and so is `SELECT 1`, which pools send.
        true => {
            named.functions.iter().all(|name| catalogue::is_known_function(name))
                && is_plain(&query, named.names_things || named.functions.iter().any(|name| catalogue::is_session_function(name)))
        }
        false => named.tables.iter().all(is_catalogue),
    };
    if housekeeping { Asked::Catalogue(query) } else { Asked::Question }
}

/// Whether a query without tables asks nothing that our own SQL would answer in another way: values as they stand, and calls.
fn is_plain(query: &Query, has_calls: bool) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    has_calls
        || select.projection.iter().all(|item| {
            let text = item.to_string();
            text.parse::<i64>().is_ok()
                || (text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') && text.matches('\'').count() == 2)
        })
}

#[derive(Default)]
struct Named {
    tables: Vec<(Option<String>, String)>,
    functions: BTreeSet<String>,
    local: BTreeSet<String>,
    names_things: bool,
}

/// A name as PostgreSQL folds it, and the schema before it.
pub(super) fn folded(name: &ObjectName) -> Option<(Option<String>, String)> {
    let part = |part: &sqlparser::ast::ObjectNamePart| {
        let ident = part.as_ident()?;
        Some(if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() })
    };
    let schema = name.0.len().checked_sub(2).and_then(|at| name.0.get(at)).map(part);
    Some((schema.flatten(), part(name.0.last()?)?))
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            self.local.extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.to_lowercase()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.tables.extend(folded(relation));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.functions.extend(folded(&function.name).map(|(_, name)| name)),
            // A table by its number, or a number by its table: only the catalogue knows these.
            Expr::Cast { data_type, .. } => {
                let name = data_type.to_string().to_lowercase();
                self.names_things |= ["regclass", "regtype", "oid"].contains(&name.strip_prefix("pg_catalog.").unwrap_or(&name));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Types of the parameters of a question, as far as the statement tells: beside a column, under a cast, in LIMIT. The rest are texts.
///
/// Drivers ask for them and then send values in that form, so a wrong guess is a refused statement and never a wrong answer.
pub(super) fn parameter_types(sql: &str, count: usize, column: impl Fn(&str) -> Option<u32>) -> Vec<u32> {
    let mut types = vec![None; count];
    if let Some(statement) = parse(without_pin(sql)) {
        let mut guess = Guess { types: &mut types, column };
        let _: ControlFlow<()> = statement.visit(&mut guess);
    }
    types.into_iter().map(|kind| kind.unwrap_or(oid::TEXT)).collect()
}

/// A statement without `AS OF SEQ n` at its end, which only our own parser knows.
fn without_pin(sql: &str) -> &str {
    let lower = sql.to_ascii_lowercase();
    match lower.rfind("as of seq").or_else(|| lower.rfind("as\nof seq")) {
        Some(at) => sql.get(..at).unwrap_or(sql),
        None => sql.trim_end().trim_end_matches(';'),
    }
}

struct Guess<'a, F> {
    types: &'a mut Vec<Option<u32>>,
    column: F,
}

/// The number of a parameter, from 0.
fn placeholder(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            SqlValue::Placeholder(name) => name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1),
            _ => None,
        },
        Expr::Nested(inner) => placeholder(inner),
        _ => None,
    }
}

fn cast_type(data_type: &DataType) -> Option<u32> {
    Some(match data_type.to_string().to_ascii_lowercase().as_str() {
        "bigint" | "int8" => oid::INT8,
        "int" | "integer" | "int4" => oid::INT4,
        "smallint" | "int2" => oid::INT2,
        "bool" | "boolean" => oid::BOOL,
        "date" => oid::DATE,
        "timestamp" | "timestamp without time zone" => oid::TIMESTAMP,
        "timestamptz" | "timestamp with time zone" => oid::TIMESTAMPTZ,
        "text[]" => oid::TEXTS,
        _ => return None,
    })
}

impl<F: Fn(&str) -> Option<u32>> Guess<'_, F> {
    fn set(&mut self, expr: &Expr, kind: Option<u32>) {
        if let Some(place) = placeholder(expr).and_then(|number| self.types.get_mut(number)) {
            *place = place.or(kind);
        }
    }

    fn type_of(&self, expr: &Expr) -> Option<u32> {
        match expr {
            Expr::Identifier(ident) => (self.column)(&ident.value.to_lowercase()),
            Expr::CompoundIdentifier(parts) => (self.column)(&parts.last()?.value.to_lowercase()),
            Expr::Nested(inner) => self.type_of(inner),
            Expr::Cast { data_type, .. } => cast_type(data_type),
            Expr::Value(value) => match &value.value {
                SqlValue::Number(digits, _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(oid::INT8),
                SqlValue::Boolean(_) => Some(oid::BOOL),
                _ => None,
            },
            Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("count") => Some(oid::INT8),
            _ => None,
        }
    }

    fn pair(&mut self, left: &Expr, right: &Expr) {
        let (of_left, of_right) = (self.type_of(left), self.type_of(right));
        self.set(left, of_right);
        self.set(right, of_left);
    }
}

impl<F: Fn(&str) -> Option<u32>> Visitor for Guess<'_, F> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
            limit.iter().for_each(|limit| self.set(limit, Some(oid::INT8)));
            offset.iter().for_each(|offset| self.set(&offset.value, Some(oid::INT8)));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Modulo
                | BinaryOperator::Multiply => self.pair(left, right),
                BinaryOperator::And | BinaryOperator::Or => {
                    self.set(left, Some(oid::BOOL));
                    self.set(right, Some(oid::BOOL));
                }
                _ => {}
            },
            Expr::Between { expr, low, high, .. } => {
                let kind = self.type_of(expr);
                self.set(low, kind);
                self.set(high, kind);
            }
            Expr::InList { expr, list, .. } => {
                let kind = self.type_of(expr);
                list.iter().for_each(|item| self.set(item, kind));
            }
            Expr::Cast { expr, data_type, .. } => self.set(expr, cast_type(data_type)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_what_it_is() {
        let set = |name: &str, value: &str| Asked::Set(name.to_owned(), Some(value.to_owned()));
        for (text, expected) in [
            ("", Asked::Nothing),
            (" ;; -- nothing\n;", Asked::Nothing),
            ("BEGIN", Asked::Begin { is_read_write: false }),
            ("start transaction read write", Asked::Begin { is_read_write: true }),
            ("COMMIT;", Asked::Commit),
            ("SET client_encoding TO 'UTF8'", set("client_encoding", "UTF8")),
            ("set session DateStyle = ISO, MDY", set("datestyle", "ISO, MDY")),
            ("SET TIME ZONE 'UTC'", set("timezone", "UTC")),
            ("SET privyseal.as_of_seq = 12", set("privyseal.as_of_seq", "12")),
            ("SET privyseal.as_of_seq TO DEFAULT", Asked::Set("privyseal.as_of_seq".to_owned(), None)),
            ("RESET privyseal.as_of_seq", Asked::Set("privyseal.as_of_seq".to_owned(), None)),
            ("SET extra_float_digits = -1", set("extra_float_digits", "-1")),
            ("SET transaction read only", Asked::Ignored("SET")),
            ("SHOW transaction isolation level", Asked::Show("transaction_isolation".to_owned())),
            ("SHOW TABLES", Asked::Question),
            ("DISCARD ALL", Asked::Reset { everything: true }),
            ("SELECT count(*) FROM requests", Asked::Question),
            ("SELECT 1 FROM pg_class, requests", Asked::Question),
            ("SELECT 1 FROM requests WHERE EXISTS (SELECT 1 FROM pg_class)", Asked::Question),
            ("WITH pg_x AS (SELECT * FROM requests) SELECT * FROM pg_x", Asked::Question),
            ("SELECT leaf_hash('x')", Asked::Question),
            ("SELECT 1.5", Asked::Question),
            ("COPY requests TO '/tmp/x'", Asked::Question),
            ("SELECT 1; SELECT 2 FROM requests", Asked::Question),
        ] {
            let found = asked(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].0, expected, "{text}");
        }
        for text in ["SELECT 1", "select version()", "SELECT * FROM pg_catalog.pg_class", "SELECT 1 FROM pg_type t WHERE oid = 5"] {
            assert!(matches!(asked(text).as_slice(), [(Asked::Catalogue(_), _)]), "{text}");
        }
        assert_eq!(asked("SET a = 1; SHOW b;").len(), 2, "housekeeping may come together");
    }

    #[test]
    fn parameters_take_the_type_of_what_stands_beside_them() {
        let column =
            |name: &str| [("seq", oid::INT8), ("requested_at", oid::TIMESTAMPTZ)].iter().find(|(n, _)| *n == name).map(|(_, t)| *t);
        for (sql, expected) in [
            ("SELECT * FROM requests r WHERE r.seq > $1 AND requester = $2 LIMIT $3", vec![oid::INT8, oid::TEXT, oid::INT8]),
            ("SELECT $1::bigint, CAST($2 AS boolean) FROM requests", vec![oid::INT8, oid::BOOL]),
            ("SELECT 1 FROM requests WHERE requested_at BETWEEN $1 AND $2 AS OF SEQ 5", vec![oid::TIMESTAMPTZ, oid::TIMESTAMPTZ]),
            ("SELECT 1 FROM requests WHERE seq IN ($1, $2)", vec![oid::INT8, oid::INT8]),
            ("not sql $1", vec![oid::TEXT]),
        ] {
            assert_eq!(parameter_types(sql, expected.len(), column), expected, "{sql}");
        }
    }
}
