//! A query in PostgreSQL's form to one that SQLite understands. It is changed as a tree and never as text, so values stay values.

use std::ops::ControlFlow;

use serde_json::Value;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Subscript, TableFactor, UnaryOperator, Value as SqlValue,
    ValueWithSpan, VisitMut as _, VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::{About, functions};
use crate::postgres::fault::Fault;
use crate::postgres::statement::folded;
use crate::postgres::value::Kind;

/// The query as SQLite's text.
pub(super) fn to_sqlite(query: &Query, parameters: &[Value], about: &About<'_>) -> Result<String, Fault> {
    let mut query = query.clone();
    let mut rewrite = Rewrite { parameters, about };
    match query.visit(&mut rewrite) {
        ControlFlow::Continue(()) => Ok(query.to_string()),
        ControlFlow::Break(fault) => Err(fault),
    }
}

/// The type that a cast gives.
pub(super) fn kind(data_type: &DataType) -> Option<Kind> {
    Some(match type_name(data_type).as_str() {
        "bool" | "boolean" => Kind::Bool,
        "int2" | "smallint" => Kind::Int2,
        "int4" | "int" | "integer" => Kind::Int4,
        "int8" | "bigint" => Kind::Int8,
        "oid" => Kind::Oid,
        "name" => Kind::Name,
        "\"char\"" => Kind::Char,
        _ => Kind::Text,
    })
}

fn type_name(data_type: &DataType) -> String {
    let name = data_type.to_string().to_ascii_lowercase();
    name.strip_prefix("pg_catalog.").unwrap_or(&name).to_owned()
}

struct Rewrite<'a> {
    parameters: &'a [Value],
    about: &'a About<'a>,
}

fn literal(value: SqlValue) -> Expr {
    Expr::Value(ValueWithSpan { value, span: Span::empty() })
}

fn string(text: impl Into<String>) -> Expr {
    literal(SqlValue::SingleQuotedString(text.into()))
}

fn null() -> Expr {
    literal(SqlValue::Null)
}

fn number(number: i64) -> Expr {
    let digits = literal(SqlValue::Number(number.unsigned_abs().to_string(), false));
    if number < 0 { Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits) } } else { digits }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Takes an expression out of its place.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, null())
}

fn unsupported(what: &str) -> Fault {
    Fault::error("0A000", format!("the catalogue does not answer queries with {what}"))
}

impl VisitorMut for Rewrite<'_> {
    type Break = Fault;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Fault> {
        flatten(&mut query.body);
        query.locks.clear();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Fault> {
        if select.into.is_some() {
            return ControlFlow::Break(Fault::error("25006", "the data are read-only"));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Fault> {
        match factor {
            TableFactor::Table { name, args, alias, .. } => {
                let Some((schema, table)) = folded(name) else { return ControlFlow::Break(unsupported("such names")) };
                let Some(_) = args.take() else { return ControlFlow::Continue(()) };
                if ["pg_get_keywords", "pg_show_all_settings"].contains(&table.as_str()) && schema.as_deref() != Some("public") {
                    return ControlFlow::Continue(());
                }
                *factor = nothing(&table, alias.take());
            }
            TableFactor::Function { name, alias, .. } => {
                let table = folded(name).map(|(_, table)| table).unwrap_or_default();
                *factor = nothing(&table, alias.take());
            }
            TableFactor::UNNEST { alias, .. } => *factor = nothing("unnest", alias.take()),
            TableFactor::TableFunction { alias, .. } => *factor = nothing("value", alias.take()),
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                *lateral = false;
                let columns = alias.as_mut().map(|alias| std::mem::take(&mut alias.columns)).unwrap_or_default();
                let values = matches!(*subquery.body, SetExpr::Values(_));
                for (place, (item, column)) in projection(&mut subquery.body).into_iter().flatten().zip(&columns).enumerate() {
                    let expr = match item {
                        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => take(expr),
                        _ => return ControlFlow::Break(unsupported(&format!("a name for column {}", place + 1))),
                    };
                    *item = SelectItem::ExprWithAlias { expr, alias: column.name.clone() };
                }
                if values && !columns.is_empty() {
                    return ControlFlow::Break(unsupported("names for the columns of VALUES"));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Fault> {
        // A list made by a query becomes an aggregate; its query is then visited like any other.
        if let Expr::Function(function) = expr
            && folded(&function.name).is_some_and(|(_, name)| name == "array")
            && let FunctionArguments::Subquery(query) = &mut function.args
        {
            let Some([SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }]) = projection(&mut query.body) else {
                return ControlFlow::Break(unsupported("such a list"));
            };
            let collected = call("array_agg", vec![take(item)]);
            *item = collected;
            query.order_by = None;
            let query = query.clone();
            *expr = Expr::Subquery(query);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Fault> {
        match self.rewritten(expr) {
            Ok(Some(new)) => {
                *expr = new;
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(fault) => ControlFlow::Break(fault),
        }
    }
}

/// The select list of a body.
fn projection(body: &mut SetExpr) -> Option<&mut [SelectItem]> {
    match body {
        SetExpr::Select(select) => Some(&mut select.projection),
        SetExpr::Query(query) => projection(&mut query.body),
        SetExpr::SetOperation { left, .. } => projection(left),
        _ => None,
    }
}

/// SQLite takes no parentheses around the sides of UNION.
fn flatten(body: &mut SetExpr) {
    if let SetExpr::SetOperation { left, right, .. } = body {
        for side in [left, right] {
            flatten(side);
            if let SetExpr::Query(query) = side.as_mut()
                && query.with.is_none()
                && query.order_by.is_none()
                && query.limit_clause.is_none()
                && matches!(*query.body, SetExpr::Select(_))
            {
                **side = *query.body.clone();
            }
        }
    }
}

/// A table without rows in the place of a function that gives rows: what it would unfold is never there in a ledger.
fn nothing(function: &str, alias: Option<sqlparser::ast::TableAlias>) -> TableFactor {
    let (name, columns) = alias.map(|alias| (alias.name, alias.columns)).unwrap_or_else(|| (Ident::new(function), Vec::new()));
    let mut names: Vec<Ident> = columns.into_iter().map(|column| column.name).collect();
    if names.is_empty() {
        names = vec![name.clone(), Ident::new("n"), Ident::new("x")];
    }
    let item = |alias: Ident| SelectItem::ExprWithAlias { expr: null(), alias };
    let text = format!("SELECT {} WHERE 0", names.into_iter().map(item).map(|item| item.to_string()).collect::<Vec<_>>().join(", "));
    let parsed = sqlparser::parser::Parser::parse_sql(&sqlparser::dialect::SQLiteDialect {}, &text).ok().and_then(|mut all| all.pop());
    match parsed {
        Some(sqlparser::ast::Statement::Query(subquery)) => TableFactor::Derived {
            lateral: false,
            subquery,
            alias: Some(sqlparser::ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None }),
            sample: None,
        },
        // Names that cannot be written back: the planner of SQLite then says that there is no such table.
        _ => TableFactor::NestedJoin { table_with_joins: Box::default_nothing(), alias: None },
    }
}

/// A table that is nowhere.
trait Nowhere {
    fn default_nothing() -> Self;
}

impl Nowhere for Box<sqlparser::ast::TableWithJoins> {
    fn default_nothing() -> Self {
        let relation = TableFactor::Table {
            name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new("nowhere"))]),
            alias: None,
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        };
        Box::new(sqlparser::ast::TableWithJoins { relation, joins: Vec::new() })
    }
}

impl Rewrite<'_> {
    /// What stands in an expression's place; none when it may stay. Its parts are rewritten already.
    fn rewritten(&self, expr: &mut Expr) -> Result<Option<Expr>, Fault> {
        Ok(Some(match expr {
            Expr::Value(value) => match &value.value {
                SqlValue::EscapedStringLiteral(text) | SqlValue::NationalStringLiteral(text) | SqlValue::UnicodeStringLiteral(text) => {
                    string(text.clone())
                }
                SqlValue::DollarQuotedString(text) => string(text.value.clone()),
                SqlValue::Placeholder(name) => self.parameter(name)?,
                _ => return Ok(None),
            },
            Expr::Collate { expr: inner, .. } => take(inner),
            Expr::Cast { expr: inner, data_type, .. } => cast(take(inner), data_type),
            Expr::TypedString(typed) => match &typed.value.value {
                SqlValue::SingleQuotedString(text) => cast(string(text.clone()), &typed.data_type),
                _ => return Err(unsupported("such a literal")),
            },
            Expr::BinaryOp { left, op, right } => return binary(left, op, right),
            Expr::ILike { negated, expr: value, pattern, escape_char, any } => {
                let (value, pattern) = (call("lower", vec![take(value)]), call("lower", vec![take(pattern)]));
                let escape_char = escape_char.take().or_else(backslash);
                Expr::Like { negated: *negated, any: *any, expr: Box::new(value), pattern: Box::new(pattern), escape_char }
            }
            Expr::Like { escape_char, .. } => {
                if escape_char.is_none() {
                    *escape_char = backslash();
                }
                return Ok(None);
            }
            Expr::AnyOp { left, compare_op, right, .. } => any(take(left), compare_op, take(right), true)?,
            Expr::AllOp { left, compare_op, right } => any(take(left), compare_op, take(right), false)?,
            Expr::Array(array) => call("list_of", std::mem::take(&mut array.elem)),
            Expr::CompoundFieldAccess { root, access_chain } => match access_chain.as_mut_slice() {
                [AccessExpr::Subscript(Subscript::Index { index })] => call("list_item", vec![take(root), take(index)]),
                [AccessExpr::Dot(_)] => null(),
                _ => return Err(unsupported("slices of lists")),
            },
            Expr::Substring { expr: value, substring_from, substring_for, .. } => {
                let mut arguments = vec![take(value)];
                arguments.push(substring_from.as_mut().map_or_else(|| number(1), |from| take(from)));
                arguments.extend(substring_for.as_mut().map(|length| take(length)));
                call("substr", arguments)
            }
            Expr::Position { expr: needle, r#in } => call("instr", vec![take(r#in), take(needle)]),
            // Which table a row is from: only asked to tell descriptions apart, and all of ours are of tables.
            Expr::Identifier(ident) if ident.value.eq_ignore_ascii_case("tableoid") => number(super::PG_CLASS),
            Expr::CompoundIdentifier(parts) if parts.last().is_some_and(|last| last.value.eq_ignore_ascii_case("tableoid")) => {
                number(super::PG_CLASS)
            }
            Expr::Function(function) => return self.function(function),
            _ => return Ok(None),
        }))
    }

    fn parameter(&self, name: &str) -> Result<Expr, Fault> {
        let place = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()).and_then(|number| number.checked_sub(1));
        let value = place.and_then(|place| self.parameters.get(place));
        Ok(match value.ok_or_else(|| Fault::error("42P02", format!("the parameter `{}` has no value", name.escape_debug())))? {
            Value::Null => null(),
            Value::Bool(truth) => literal(SqlValue::Boolean(*truth)),
            Value::Number(value) => value.as_i64().map_or_else(null, number),
            Value::String(text) => string(text.clone()),
            list => string(list.to_string().replace('[', "{").replace(']', "}").replace('"', "")),
        })
    }

    fn function(&self, function: &mut Function) -> Result<Option<Expr>, Fault> {
        let Some((schema, name)) = folded(&function.name) else { return Err(unsupported("such a function")) };
        // Our own, put in by this very pass.
        let is_own =
            function.name.0.len() == 1 && (name.starts_with("list_") || name.starts_with("as_") || name == "pg_regex" || name == "instr");
        if is_own {
            return Ok(None);
        }
        if name == "_pg_expandarray" || name == "unnest" || name == "generate_series" || name == "generate_subscripts" {
            return Ok(Some(null()));
        }
        if !functions::is_known(&name) || schema.as_deref().is_some_and(|schema| !["pg_catalog", "information_schema"].contains(&schema)) {
            return Err(Fault::error("42883", format!("no function `{}` in the catalogue", name.escape_debug())));
        }
        let first = match &function.args {
            FunctionArguments::List(list) => match list.args.first() {
                Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) => value.value.clone().into_string(),
                _ => None,
            },
            _ => None,
        };
        match name.as_str() {
            "current_user" | "session_user" | "user" | "current_role" => return Ok(Some(string(self.about.account))),
            "pg_backend_pid" => return Ok(Some(number(self.about.process.into()))),
            "current_setting" => {
                let shown = first.map(|name| self.about.settings.show(&name)).transpose()?;
                return Ok(Some(shown.map_or_else(null, string)));
            }
            _ => {}
        }
        let sqlite = match name.as_str() {
            "bool_or" => "max",
            "bool_and" => "min",
            "strpos" => "instr",
            "char_length" => "length",
            "substring" => "substr",
            "btrim" => "trim",
            other => other,
        };
        function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(sqlite))]);
        if matches!(function.args, FunctionArguments::None) {
            function.args =
                FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args: Vec::new(), clauses: Vec::new() });
        }
        Ok(None)
    }
}

fn backslash() -> Option<ValueWithSpan> {
    Some(ValueWithSpan { value: SqlValue::SingleQuotedString("\\".to_owned()), span: Span::empty() })
}

fn cast(inner: Expr, data_type: &DataType) -> Expr {
    let name = type_name(data_type);
    match name.as_str() {
        "regclass" => call("as_regclass", vec![inner]),
        "regtype" => call("as_regtype", vec![inner]),
        "oid" => call("as_oid", vec![inner]),
        "bool" | "boolean" => call("as_bool", vec![inner]),
        "int2" | "int4" | "int8" | "int" | "integer" | "bigint" | "smallint" => Expr::Cast {
            kind: sqlparser::ast::CastKind::Cast,
            expr: Box::new(inner),
            data_type: DataType::Integer(None),
            array: false,
            format: None,
        },
        "text" | "name" | "varchar" | "\"char\"" | "bpchar" | "char" | "character varying" => Expr::Cast {
            kind: sqlparser::ast::CastKind::Cast,
            expr: Box::new(inner),
            data_type: DataType::Text,
            array: false,
            format: None,
        },
        _ => inner,
    }
}

fn binary(left: &mut Expr, op: &mut BinaryOperator, right: &mut Expr) -> Result<Option<Expr>, Fault> {
    if let BinaryOperator::PGCustomBinaryOperator(parts) = op {
        *op = match parts.last().map(String::as_str) {
            Some("~") => BinaryOperator::PGRegexMatch,
            Some("~*") => BinaryOperator::PGRegexIMatch,
            Some("!~") => BinaryOperator::PGRegexNotMatch,
            Some("!~*") => BinaryOperator::PGRegexNotIMatch,
            Some("~~") => BinaryOperator::PGLikeMatch,
            Some("!~~") => BinaryOperator::PGNotLikeMatch,
            Some("=") => BinaryOperator::Eq,
            Some("<>") => BinaryOperator::NotEq,
            Some("||") => BinaryOperator::StringConcat,
            Some("<") => BinaryOperator::Lt,
            Some(">") => BinaryOperator::Gt,
            Some("<=") => BinaryOperator::LtEq,
            Some(">=") => BinaryOperator::GtEq,
            Some("+") => BinaryOperator::Plus,
            Some("-") => BinaryOperator::Minus,
            _ => return Err(unsupported("such an operator")),
        };
    }
    let mut regex = |folds: i64, negated: i64| Some(call("pg_regex", vec![take(left), take(right), number(folds), number(negated)]));
    Ok(match op {
        BinaryOperator::PGRegexMatch => regex(0, 0),
        BinaryOperator::PGRegexIMatch => regex(1, 0),
        BinaryOperator::PGRegexNotMatch => regex(0, 1),
        BinaryOperator::PGRegexNotIMatch => regex(1, 1),
        BinaryOperator::PGLikeMatch | BinaryOperator::PGNotLikeMatch => Some(Expr::Like {
            negated: *op == BinaryOperator::PGNotLikeMatch,
            any: false,
            expr: Box::new(take(left)),
            pattern: Box::new(take(right)),
            escape_char: backslash(),
        }),
        BinaryOperator::PGILikeMatch | BinaryOperator::PGNotILikeMatch => Some(Expr::Like {
            negated: *op == BinaryOperator::PGNotILikeMatch,
            any: false,
            expr: Box::new(call("lower", vec![take(left)])),
            pattern: Box::new(call("lower", vec![take(right)])),
            escape_char: backslash(),
        }),
        _ => None,
    })
}

/// `x = ANY (list)` and `x <> ALL (list)`, with a list or a query.
fn any(left: Expr, op: &BinaryOperator, right: Expr, is_any: bool) -> Result<Expr, Fault> {
    let is_in = match (op, is_any) {
        (BinaryOperator::Eq, true) => true,
        (BinaryOperator::NotEq, false) => false,
        (BinaryOperator::PGCustomBinaryOperator(parts), true) if parts.last().is_some_and(|last| last == "=") => true,
        _ => return Err(unsupported("ANY or ALL beside another comparison than `= ANY` and `<> ALL`")),
    };
    Ok(match right {
        Expr::Subquery(subquery) => Expr::InSubquery { expr: Box::new(left), subquery, negated: !is_in },
        Expr::Nested(inner) => return any(left, op, *inner, is_any),
        list => {
            let has = call("list_has", vec![list, left]);
            if is_in { has } else { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(has) } }
        }
    })
}
