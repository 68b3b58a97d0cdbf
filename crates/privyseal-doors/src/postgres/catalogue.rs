//! The catalogue that PostgreSQL's clients ask for their lists of tables: a small database of its own, in memory, which knows our tables by
//! name, type and meaning and holds none of their rows.
//!
//! It is SQLite and not the query engine of the audit data: `psql` and drivers ask with correlated subqueries that DataFusion does not
//! plan, and a door that cannot reach the audit data from here needs no guard against it. Statements are rewritten from PostgreSQL's form
//! (`rewrite.rs`); a list of functions (`functions.rs`) and bounds on steps, lengths and rows keep them harmless.

mod functions;
mod rewrite;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, BooleanArray, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{Field, Schema};
use privyseal_core::port::TableDoc;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;
use sqlparser::ast::{Expr, Query, SelectItem, SetExpr};

pub(super) use functions::{is_known as is_known_function, is_of_session as is_session_function};

use super::fault::{CANCELLED, Fault};
use super::settings::Settings;
use super::value::Kind;

const TABLES: &str = include_str!("catalogue/tables.sql");

/// Number of our first table; the others follow.
const FIRST_TABLE: i64 = 16_384;

/// Number of `pg_class` itself, which descriptions of tables name.
const PG_CLASS: i64 = 1_259;

/// Steps of SQLite's machine that a statement may take, longest value in bytes, most rows, most bytes of an answer.
const MAX_STEPS: i32 = 4_000_000;
const MAX_VALUE_BYTES: i32 = 64 * 1024;
const MAX_ROWS: usize = 20_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What the functions of the catalogue look up.
#[derive(Default)]
struct Names {
    classes: BTreeMap<String, i64>,
    class_names: BTreeMap<i64, String>,
    types: BTreeMap<i64, String>,
    descriptions: BTreeMap<(i64, i64), String>,
}

/// The catalogue; its statements wait for each other.
pub(super) struct Catalogue {
    connection: Mutex<Connection>,
}

/// Who asks, as far as the catalogue's functions tell it.
pub(super) struct About<'a> {
    pub(super) account: &'a str,
    pub(super) process: i32,
    pub(super) settings: &'a Settings,
}

/// PostgreSQL's type of a column of ours, by the name that its documentation has.
pub(super) fn type_of(kind: &str) -> Kind {
    match kind {
        "bigint" => Kind::Int8,
        "integer" => Kind::Int4,
        "smallint" => Kind::Int2,
        "bigint unsigned" | "numeric" => Kind::Numeric,
        "boolean" => Kind::Bool,
        "timestamp" => Kind::Timestamp,
        "date" => Kind::Date,
        "interval" => Kind::Interval,
        "bytes" => Kind::Bytea,
        "double" => Kind::Float8,
        "text[]" => Kind::TextList,
        "bigint[]" | "integer[]" => Kind::Int8List,
        "boolean[]" => Kind::BoolList,
        "double[]" => Kind::Float8List,
        "timestamp[]" => Kind::TimestampList,
        "struct" => Kind::Json,
        other if other.ends_with("[]") => Kind::Json,
        _ => Kind::Text,
    }
}

impl Catalogue {
    /// A catalogue of these tables.
    pub(super) fn new(tables: &[TableDoc]) -> Result<Self, String> {
        Self::build(tables).map_err(|error| error.to_string())
    }

    fn build(tables: &[TableDoc]) -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory_with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection
            .execute_batch("ATTACH ':memory:' AS pg_catalog; ATTACH ':memory:' AS information_schema; PRAGMA case_sensitive_like = ON;")?;
        connection.execute_batch(TABLES)?;
        let mut names = Names::default();
        fill(&connection, tables, &mut names)?;
        functions::register(&connection, &Arc::new(names))?;
        connection.execute_batch("PRAGMA query_only = ON;")?;
        for (limit, value) in [
            (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
            (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_VALUE_BYTES),
            (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
            (Limit::SQLITE_LIMIT_ATTACHED, 2),
        ] {
            connection.set_limit(limit, value)?;
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Runs one query. Blocks for up to a second.
    pub(super) fn run(&self, query: &Query, parameters: &[Value], about: &About<'_>) -> Result<Table, Fault> {
        let hints = hints(query);
        let sql = rewrite::to_sqlite(query, parameters, about)?;
        // A statement that panicked cannot have changed it: it is read only.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut steps = 0;
        // Called every thousand steps.
        let progress = move || {
            steps += 1;
            steps > MAX_STEPS / 1_000
        };
        let failed = |error: rusqlite::Error| explain(&error);
        connection.progress_handler(1_000, Some(progress)).map_err(failed)?;
        let mut statement = connection.prepare(&sql).map_err(failed)?;
        let columns: Vec<(String, Option<Kind>)> =
            statement.columns().iter().map(|column| (column.name().to_owned(), column.decl_type().and_then(declared))).collect();
        let mut rows = statement.query([]).map_err(failed)?;
        let (mut found, mut bytes): (Vec<Vec<Cell>>, usize) = (Vec::new(), 0);
        while let Some(row) = rows.next().map_err(failed)? {
            let mut cells = Vec::with_capacity(columns.len());
            for place in 0..columns.len() {
                let cell = Cell::of(row.get_ref(place).map_err(failed)?);
                bytes = bytes.saturating_add(cell.size());
                cells.push(cell);
            }
            found.push(cells);
            if found.len() > MAX_ROWS || bytes > MAX_BYTES {
                return Err(Fault::error("53000", "the answer about the catalogue is too large: ask for less of it"));
            }
        }
        let kind = |(place, (name, declared)): (usize, &(String, Option<Kind>))| {
            let hint = hints.as_ref().and_then(|hints| hints.get(place).copied().flatten());
            (name.clone(), declared.or(hint).unwrap_or_else(|| by_values(name, place, &found)))
        };
        Ok(Table { columns: columns.iter().enumerate().map(kind).collect(), rows: found })
    }
}

fn explain(error: &rusqlite::Error) -> Fault {
    let text = match error {
        rusqlite::Error::SqliteFailure(failure, text) => {
            if failure.code == rusqlite::ErrorCode::OperationInterrupted {
                return Fault::error(CANCELLED, "the statement about the catalogue takes too long: ask for less of it");
            }
            text.clone().unwrap_or_else(|| failure.to_string())
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    let state = match text.as_str() {
        text if text.starts_with("no such table") => "42P01",
        text if text.starts_with("no such column") => "42703",
        text if text.starts_with("no such function") => "42883",
        text if text.starts_with("ambiguous column") => "42702",
        _ => "0A000",
    };
    Fault::error(state, format!("the catalogue does not answer this: {text}"))
}

/// One value of an answer about the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
}

impl Cell {
    fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Integer(number),
            ValueRef::Real(number) => Cell::Text(number.to_string()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cell::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    fn size(&self) -> usize {
        8 + if let Cell::Text(text) = self { text.len() } else { 0 }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Cell::Null => None,
            Cell::Integer(number) => Some(*number),
            Cell::Text(text) => text.trim().parse().ok(),
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            Cell::Null => None,
            Cell::Integer(number) => Some(number.to_string()),
            Cell::Text(text) => Some(text.clone()),
        }
    }
}

/// An answer about the catalogue.
pub(super) struct Table {
    pub(super) columns: Vec<(String, Kind)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table of texts.
    pub(super) fn of_texts(names: &[&str], rows: Vec<Vec<String>>) -> Self {
        let columns = names.iter().map(|name| ((*name).to_owned(), Kind::Text)).collect();
        Self { columns, rows: rows.into_iter().map(|row| row.into_iter().map(Cell::Text).collect()).collect() }
    }

    /// Its rows, when its columns have these types.
    pub(super) fn batch(&self, kinds: &[Kind]) -> Result<RecordBatch, Fault> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (place, ((name, _), kind)) in self.columns.iter().zip(kinds).enumerate() {
            let cells = || self.rows.iter().map(move |row| row.get(place).unwrap_or(&Cell::Null));
            let array: ArrayRef = match kind {
                Kind::Bool => Arc::new(cells().map(truth).collect::<BooleanArray>()),
                Kind::Int2 => Arc::new(cells().map(|cell| cell.integer().and_then(|n| i16::try_from(n).ok())).collect::<Int16Array>()),
                Kind::Int4 => Arc::new(cells().map(|cell| cell.integer().and_then(|n| i32::try_from(n).ok())).collect::<Int32Array>()),
                Kind::Int8 => Arc::new(cells().map(Cell::integer).collect::<Int64Array>()),
                Kind::Oid => Arc::new(cells().map(|cell| cell.integer().and_then(|n| u32::try_from(n).ok())).collect::<UInt32Array>()),
                _ => Arc::new(cells().map(Cell::text).collect::<StringArray>()),
            };
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| Fault::error("XX000", format!("the catalogue's answer cannot be put together: {error}")))
    }
}

fn truth(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Null => None,
        Cell::Integer(number) => Some(*number != 0),
        Cell::Text(text) => Some(matches!(text.as_str(), "t" | "true" | "1" | "on" | "yes")),
    }
}

fn declared(kind: &str) -> Option<Kind> {
    Some(match kind {
        "bool" => Kind::Bool,
        "char" => Kind::Char,
        "name" => Kind::Name,
        "int2" => Kind::Int2,
        "int4" => Kind::Int4,
        "int8" => Kind::Int8,
        "oid" => Kind::Oid,
        _ => Kind::Text,
    })
}

/// Types that the text of a query tells of its columns; none when it has a `*`.
fn hints(query: &Query) -> Option<Vec<Option<Kind>>> {
    let mut body = query.body.as_ref();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let SetExpr::Select(select) = body else { return None };
    let hint = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(hint(expr)),
        _ => None,
    };
    select.projection.iter().map(hint).collect()
}

fn hint(expr: &Expr) -> Option<Kind> {
    use sqlparser::ast::BinaryOperator as Op;
    match expr {
        Expr::Nested(inner) => hint(inner),
        Expr::Cast { data_type, .. } => rewrite::kind(data_type),
        Expr::BinaryOp { op, .. } => match op {
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::And | Op::Or => Some(Kind::Bool),
            Op::PGRegexMatch | Op::PGRegexNotMatch | Op::PGRegexIMatch | Op::PGRegexNotIMatch => Some(Kind::Bool),
            Op::StringConcat => Some(Kind::Text),
            _ => None,
        },
        Expr::Exists { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::Like { .. }
        | Expr::Between { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. } => Some(Kind::Bool),
        Expr::UnaryOp { op: sqlparser::ast::UnaryOperator::Not, .. } => Some(Kind::Bool),
        Expr::Value(value) => match &value.value {
            sqlparser::ast::Value::Boolean(_) => Some(Kind::Bool),
            sqlparser::ast::Value::Number(..) => Some(Kind::Int4),
            sqlparser::ast::Value::SingleQuotedString(_) => Some(Kind::Text),
            _ => None,
        },
        Expr::Function(function) => functions::kind(&super::statement::folded(&function.name)?.1),
        _ => None,
    }
}

/// What nothing tells is told by the values, and by names that end as PostgreSQL's numbers of things do.
fn by_values(name: &str, place: usize, rows: &[Vec<Cell>]) -> Kind {
    let mut cells = rows.iter().filter_map(|row| row.get(place)).filter(|cell| **cell != Cell::Null).peekable();
    if name.ends_with("oid") || name.ends_with("typid") {
        return Kind::Oid;
    }
    if cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Integer(_))) { Kind::Int8 } else { Kind::Text }
}

/// Puts our tables into the catalogue.
fn fill(connection: &Connection, tables: &[TableDoc], names: &mut Names) -> rusqlite::Result<()> {
    let mut class = connection
        .prepare("INSERT INTO pg_catalog.pg_class (oid, relname, relnamespace, relnatts, relkind, relam) VALUES (?, ?, ?, ?, ?, ?)")?;
    let mut attribute = connection.prepare(
        "INSERT INTO pg_catalog.pg_attribute (attrelid, attname, atttypid, attlen, attnum, attndims, attcollation, attstorage) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut describe = connection.prepare("INSERT INTO pg_catalog.pg_description VALUES (?, ?, ?, ?)")?;
    let mut table_row = connection.prepare(
        "INSERT INTO information_schema.tables (table_catalog, table_schema, table_name, table_type, meaning) VALUES ('privyseal', 'public', ?, 'BASE TABLE', ?)",
    )?;
    let mut column_row = connection.prepare(
        "INSERT INTO information_schema.columns (table_catalog, table_schema, table_name, column_name, ordinal_position, data_type, udt_catalog, udt_schema, \
         udt_name, dtd_identifier, meaning) VALUES ('privyseal', 'public', ?, ?, ?, ?, 'privyseal', 'pg_catalog', ?, ?, ?)",
    )?;
    let mut listed = connection.prepare("INSERT INTO pg_catalog.pg_tables VALUES ('public', ?, 'privyseal', NULL, 0, 0, 0, 0)")?;
    let mut granted = connection.prepare(
        "INSERT INTO information_schema.table_privileges VALUES ('privyseal', 'PUBLIC', 'privyseal', 'public', ?, 'SELECT', 'NO', 'YES')",
    )?;
    {
        let mut types = connection.prepare("SELECT oid, typname FROM pg_catalog.pg_type")?;
        let mut rows = types.query([])?;
        while let Some(row) = rows.next()? {
            names.types.insert(row.get(0)?, row.get(1)?);
        }
    }
    let udt = |kind: Kind| names.types.get(&i64::from(kind.oid())).cloned().unwrap_or_default();
    for (number, table) in tables.iter().enumerate() {
        let oid = FIRST_TABLE + i64::try_from(number).unwrap_or_default();
        class.execute(params![oid, table.name, 2_200, i64::try_from(table.columns.len()).unwrap_or_default(), "r", 2])?;
        describe.execute(params![oid, PG_CLASS, 0, table.meaning])?;
        table_row.execute(params![table.name, table.meaning])?;
        listed.execute([&table.name])?;
        granted.execute([&table.name])?;
        names.descriptions.insert((oid, 0), table.meaning.clone());
        names.classes.insert(table.name.clone(), oid);
        names.class_names.insert(oid, table.name.clone());
        for (place, column) in (1_i64..).zip(&table.columns) {
            let kind = type_of(&column.kind);
            let is_list = column.kind.ends_with("[]");
            let collation = if matches!(kind, Kind::Text | Kind::TextList) { 100 } else { 0 };
            let storage = if kind.size() < 0 { "x" } else { "p" };
            attribute.execute(params![oid, column.name, kind.oid(), kind.size(), place, i64::from(is_list), collation, storage])?;
            describe.execute(params![oid, PG_CLASS, place, column.meaning])?;
            let data_type = if is_list { "ARRAY".to_owned() } else { functions::long_name(&udt(kind)) };
            column_row.execute(params![table.name, column.name, place, data_type, udt(kind), place.to_string(), column.meaning])?;
            names.descriptions.insert((oid, place), column.meaning.clone());
        }
    }
    // The catalogue's own tables, so that clients that look for one find it.
    let own: Vec<(String, String)> = {
        let mut own = connection.prepare(
            "SELECT 'pg_catalog', name FROM pg_catalog.sqlite_schema WHERE type = 'table' UNION ALL SELECT 'information_schema', name FROM information_schema.sqlite_schema WHERE type = 'table'",
        )?;
        let rows = own.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    for (number, (schema, name)) in (1_000_i64..).zip(&own) {
        let (oid, namespace) = if name == "pg_class" { (PG_CLASS, 11) } else { (number, if schema == "pg_catalog" { 11 } else { 13_000 }) };
        class.execute(params![oid, name, namespace, 0, if namespace == 11 { "r" } else { "v" }, 2])?;
        let shown = if namespace == 11 { name.clone() } else { format!("{schema}.{name}") };
        names.classes.insert(shown.clone(), oid);
        names.class_names.insert(oid, shown);
    }
    let mut setting = connection.prepare(
        "INSERT INTO pg_catalog.pg_settings (name, setting, context, vartype, source, boot_val, reset_val) VALUES (?1, ?2, 'user', 'string', 'default', ?2, ?2)",
    )?;
    for (name, value) in Settings::new("privyseal").all() {
        setting.execute([name, &value])?;
    }
    Ok(())
}
