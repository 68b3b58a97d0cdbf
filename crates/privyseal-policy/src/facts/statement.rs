//! What a text of SQL does, as one class, read from its syntax tree and never from its words.
//!
//! The class is the worst of all statements, nested ones included. What cannot be read is `unknown`, never harmless.
//! Where the SQL of an action stands (parameters, command line, files) is found in `facts/found.rs`.

mod effect;
mod effort;
mod restricts;

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Select, Statement, TableFactor, Visit, Visitor};
use sqlparser::dialect::{
    BigQueryDialect, ClickHouseDialect, DatabricksDialect, Dialect, DuckDbDialect, GenericDialect, HiveDialect, MsSqlDialect, MySqlDialect,
    OracleDialect, PostgreSqlDialect, RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

pub(crate) use effort::Budget;

/// Longer texts are not parsed: they count as unknown.
pub const MAX_SQL_BYTES: usize = 1024 * 1024;

/// What a text of SQL does. The order is from harmless to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementClass {
    /// There is no SQL.
    #[default]
    None,
    /// Changes nothing.
    Read,
    /// Inserts, or changes or deletes rows that a condition selects.
    Write,
    /// Creates or alters objects.
    Schema,
    /// Changes who may do what.
    Access,
    /// Changes or deletes all rows of a table.
    WriteAll,
    /// Cannot be read. Worse than all but what is known to destroy, because it could be any of them.
    Unknown,
    /// Drops or truncates.
    SchemaDestructive,
}

impl StatementClass {
    /// All classes, from harmless to worst.
    pub const ALL: [StatementClass; 8] = [
        StatementClass::None,
        StatementClass::Read,
        StatementClass::Write,
        StatementClass::Schema,
        StatementClass::Access,
        StatementClass::WriteAll,
        StatementClass::Unknown,
        StatementClass::SchemaDestructive,
    ];

    /// The word that rules and events use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            StatementClass::None => "none",
            StatementClass::Read => "read",
            StatementClass::Write => "write",
            StatementClass::Schema => "schema",
            StatementClass::Access => "access",
            StatementClass::WriteAll => "write_all",
            StatementClass::Unknown => "unknown",
            StatementClass::SchemaDestructive => "schema_destructive",
        }
    }
}

/// What some SQL does, with what the class alone does not keep when several statements are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The worst class.
    pub class: StatementClass,
    /// Some statement drops, truncates, or changes all rows, also when another one cannot be read.
    pub destructive: bool,
    /// Some statement gives somebody more rights.
    pub grants: bool,
    /// Some statement cannot be read, also when another one is worse.
    pub unread: bool,
}

impl Effect {
    pub(crate) fn of(class: StatementClass) -> Self {
        let destructive = matches!(class, StatementClass::WriteAll | StatementClass::SchemaDestructive);
        Self { class, destructive, grants: false, unread: class == StatementClass::Unknown }
    }

    pub(crate) fn granting() -> Self {
        Self { grants: true, ..Self::of(StatementClass::Access) }
    }

    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            class: self.class.max(other.class),
            destructive: self.destructive || other.destructive,
            grants: self.grants || other.grants,
            unread: self.unread || other.unread,
        }
    }
}

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum SqlDialect {
    PostgreSql,
    MySql,
    Sqlite,
    MsSql,
    Oracle,
    Snowflake,
    BigQuery,
    Redshift,
    ClickHouse,
    DuckDb,
    Databricks,
    Hive,
    /// Not known: the text is read as several dialects, and the worst reading counts.
    Any,
}

impl SqlDialect {
    /// The dialect of a resource type; `None` when the type is not known to speak SQL.
    #[must_use]
    pub fn of_resource(kind: &str) -> Option<Self> {
        Some(match kind {
            "postgres" | "postgresql" | "cockroachdb" | "timescaledb" | "aurora-postgres" => Self::PostgreSql,
            "mysql" | "mariadb" | "aurora-mysql" | "tidb" => Self::MySql,
            "sqlite" | "sqlite3" => Self::Sqlite,
            "mssql" | "sqlserver" => Self::MsSql,
            "oracle" => Self::Oracle,
            "snowflake" => Self::Snowflake,
            "bigquery" => Self::BigQuery,
            "redshift" => Self::Redshift,
            "clickhouse" => Self::ClickHouse,
            "duckdb" => Self::DuckDb,
            "databricks" => Self::Databricks,
            "hive" => Self::Hive,
            "database" | "db" | "sql" => Self::Any,
            _ => return None,
        })
    }

    fn readings(self) -> Vec<Box<dyn Dialect>> {
        match self {
            Self::PostgreSql => vec![Box::new(PostgreSqlDialect {})],
            Self::MySql => vec![Box::new(MySqlDialect {})],
            Self::Sqlite => vec![Box::new(SQLiteDialect {})],
            Self::MsSql => vec![Box::new(MsSqlDialect {})],
            Self::Oracle => vec![Box::new(OracleDialect {})],
            Self::Snowflake => vec![Box::new(SnowflakeDialect {})],
            Self::BigQuery => vec![Box::new(BigQueryDialect {})],
            Self::Redshift => vec![Box::new(RedshiftSqlDialect {})],
            Self::ClickHouse => vec![Box::new(ClickHouseDialect {})],
            Self::DuckDb => vec![Box::new(DuckDbDialect {})],
            Self::Databricks => vec![Box::new(DatabricksDialect {})],
            Self::Hive => vec![Box::new(HiveDialect {})],
            Self::Any => vec![
                Box::new(GenericDialect {}),
                Box::new(PostgreSqlDialect {}),
                Box::new(MySqlDialect {}),
                Box::new(SQLiteDialect {}),
                Box::new(MsSqlDialect {}),
            ],
        }
    }
}

/// What a text of SQL does.
#[must_use]
pub fn classify(sql: &str, dialect: SqlDialect) -> Effect {
    classify_within(sql, dialect, &mut Budget::default())
}

/// The same, as far as the budget goes: the texts of one action share one, so that many of them cost no more than one.
pub(crate) fn classify_within(sql: &str, dialect: SqlDialect, budget: &mut Budget) -> Effect {
    // MariaDB runs what stands in this sort of comment; the parser takes it for a comment.
    if sql.len() > MAX_SQL_BYTES || sql.contains("/*M!") {
        return Effect::of(StatementClass::Unknown);
    }
    let readings: Vec<Effect> = dialect.readings().iter().map(|dialect| read(sql, dialect.as_ref(), budget)).collect();
    // A dialect that cannot read the text is most likely the wrong one, as long as another can.
    let readable = readings.iter().any(|effect| !effect.unread);
    readings.iter().filter(|effect| !readable || !effect.unread).fold(Effect::default(), |all, effect| all.and(*effect))
}

/// One reading. When the whole does not parse, its statements are read one by one, so that a `DROP` beside
/// something exotic is still found.
fn read(sql: &str, dialect: &dyn Dialect, budget: &mut Budget) -> Effect {
    if !budget.spend(u64::try_from(sql.len()).unwrap_or(u64::MAX)) {
        return Effect::of(StatementClass::Unknown);
    }
    let Ok(tokens) = Tokenizer::new(dialect, sql).tokenize() else { return Effect::of(StatementClass::Unknown) };
    if budget.spend(effort::estimate(&tokens))
        && let Ok(statements) = Parser::new(dialect).with_tokens(tokens.clone()).parse_statements()
    {
        return statements.iter().fold(Effect::default(), |all, statement| all.and(of_statement(statement)));
    }
    let pieces = tokens.split(|token| *token == Token::SemiColon);
    pieces.filter(|piece| piece.iter().any(|token| !matches!(token, Token::Whitespace(_)))).fold(Effect::default(), |all, piece| {
        let unreadable = effect::of_unreadable(piece);
        if !budget.spend(effort::estimate(piece)) {
            return all.and(unreadable);
        }
        let mut parser = Parser::new(dialect).with_tokens(piece.to_vec());
        let statement = parser.parse_statement().ok().filter(|_| parser.peek_token_ref().token == Token::EOF);
        all.and(statement.map_or(unreadable, |statement| of_statement(&statement)))
    })
}

fn of_statement(statement: &Statement) -> Effect {
    if effect::only_explains(statement) {
        return Effect::of(StatementClass::Read);
    }
    let mut walk = Walk(Effect::default());
    // The walk never breaks off.
    let _ = statement.visit(&mut walk);
    walk.0
}

/// Joins the effects of a statement and of everything nested in it.
struct Walk(Effect);

impl Walk {
    fn add(&mut self, effect: Effect) {
        self.0 = self.0.and(effect);
    }

    fn call(&mut self, name: &ObjectName) {
        let last = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_ascii_lowercase());
        self.add(Effect::of(last.map_or(StatementClass::Unknown, |name| effect::of_call(&name))));
    }
}

impl Visitor for Walk {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.add(effect::own(statement));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        // SELECT … INTO makes a table.
        if select.into.is_some() {
            self.add(Effect::of(StatementClass::Schema));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.call(&function.name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => self.call(name),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
