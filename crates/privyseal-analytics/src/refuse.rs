//! Errors of the query engine in the words of whoever sent the statement: what, where, and the nearest name.
//!
//! No text here names a file, a setting or a type of ours.

use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError, Span};
use datafusion::error::DataFusionError;
use privyseal_core::port::QueryError;

use crate::guard::suggestion;
use crate::harden::Interrupted;
use crate::store::StoreError;

/// The error in the sender's words, and whether a segment may be damaged: then the caller looks for it.
pub(crate) fn explain(error: &DataFusionError) -> (QueryError, bool) {
    walk(error, None)
}

fn place(span: Option<Span>) -> String {
    span.map_or_else(String::new, |span| format!(" (line {}, column {})", span.start.line, span.start.column))
}

fn refused(text: impl Into<String>) -> (QueryError, bool) {
    (QueryError::Refused(one_line(&text.into())), false)
}

fn storage() -> (QueryError, bool) {
    (QueryError::Failed("a segment of the ledger cannot be read: run `privyseal verify`".to_owned()), true)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn walk(error: &DataFusionError, span: Option<Span>) -> (QueryError, bool) {
    match error {
        DataFusionError::Context(_, inner) => walk(inner, span),
        DataFusionError::Shared(inner) => walk(inner, span),
        DataFusionError::Diagnostic(diagnostic, inner) => walk(inner, diagnostic.span.or(span)),
        DataFusionError::Collection(errors) => errors.first().map_or_else(|| internal("no error was given"), |first| walk(first, span)),
        DataFusionError::SchemaError(schema, _) => refused(explain_schema(schema, span)),
        DataFusionError::SQL(parser, _) => {
            let text = parser.to_string();
            let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
            refused(format!("the statement cannot be read: {}", lower_first(text)))
        }
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) => refused(format!("{}{}", clean(text), place(span))),
        DataFusionError::Execution(text) => refused(clean(text)),
        DataFusionError::ResourcesExhausted(_) => {
            let text = "the statement needs more memory than it may have: filter or aggregate earlier, or ask for fewer columns";
            (QueryError::Limit(text.to_owned()), false)
        }
        DataFusionError::ArrowError(error, _) => explain_arrow(error, span),
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => storage(),
        DataFusionError::External(error) if error.is::<Interrupted>() => {
            (QueryError::Limit("the statement ran too long: filter earlier, or narrow the period".to_owned()), false)
        }
        DataFusionError::External(error) => match error.downcast_ref::<StoreError>() {
            Some(error) => (QueryError::Failed(error.outward()), false),
            None => match error.downcast_ref::<DataFusionError>() {
                Some(inner) => walk(inner, span),
                None => internal("an error without a description"),
            },
        },
        other => internal(&other.strip_backtrace()),
    }
}

fn internal(detail: &str) -> (QueryError, bool) {
    (QueryError::Failed(format!("the query engine failed: {}", one_line(detail))), false)
}

fn explain_arrow(error: &ArrowError, span: Option<Span>) -> (QueryError, bool) {
    match error {
        ArrowError::DivideByZero => refused("division by zero"),
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::ArithmeticOverflow(text)
        | ArrowError::InvalidArgumentError(text)
        | ArrowError::NotYetImplemented(text) => refused(lower_first(text)),
        ArrowError::ParquetError(_) | ArrowError::IoError(..) | ArrowError::IpcError(_) => storage(),
        ArrowError::OffsetOverflowError(_) | ArrowError::MemoryError(_) => {
            (QueryError::Limit("a value of the answer is too large".to_owned()), false)
        }
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => walk(inner, span),
            None if inner.is::<datafusion::parquet::errors::ParquetError>() => storage(),
            None => internal(&inner.to_string()),
        },
        other => internal(&other.to_string()),
    }
}

/// Planner texts carry the name of their kind and sometimes advice for developers; only the first sentence is for the sender.
fn clean(text: &str) -> String {
    let text = text.split("\n\nbacktrace:").next().unwrap_or(text);
    let text = text.split("No function matches").next().filter(|text| !text.trim().is_empty()).unwrap_or(text);
    lower_first(text.trim().trim_end_matches('.'))
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        // Words in capitals are SQL and stay as they are.
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

fn explain_schema(error: &SchemaError, span: Option<Span>) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => no_column(field, valid_fields, span),
        SchemaError::AmbiguousReference { field } => {
            format!("`{}`{} is in several tables: write table.{0}", field.name, place(span.or(field.spans.first())))
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            format!("two columns are named `{name}`{}: give one another name with AS", place(span))
        }
    }
}

fn no_column(field: &Column, valid: &[Column], span: Option<Span>) -> String {
    let place = place(span.or(field.spans.first()));
    let candidates = valid.iter().filter(|column| field.relation.is_none() || column.relation == field.relation);
    let names: Vec<&str> = candidates.map(|column| column.name.as_str()).collect();
    let mut tables: Vec<&str> = valid.iter().filter_map(|column| column.relation.as_ref().map(|table| table.table())).collect();
    tables.dedup();
    let table = match (&field.relation, tables.as_slice()) {
        (Some(table), _) if !tables.contains(&table.table()) => {
            return format!("no table `{}` in the statement{place}{}", table.table(), suggestion(table.table(), tables.into_iter()));
        }
        (Some(table), _) => format!(" in {}", table.table()),
        (None, [only]) => format!(" in {only}"),
        (None, _) => String::new(),
    };
    format!("no column `{}`{table}{place}{}", field.name.escape_debug(), suggestion(&field.name, names.into_iter()))
}
