//! `fields(text, '…') AS f` in our own views, spread into one column per member before the view is planned: `f['x']` becomes the column
//! `f.x`. A statement that asks for two columns of a view then takes two members out of each entry and not all forty; the scan takes all
//! that are left in one pass (`scan::stage`).

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, Select, SelectItem, Subscript,
    Value, VisitMut as _, VisitorMut,
};

use crate::functions::{FIELDS, members};

/// The name that views give to what `fields` makes.
const ALIAS: &str = "f";

/// Spreads every `fields(…) AS f` of a statement.
pub(crate) fn spread(statement: &mut Statement) -> Result<(), String> {
    let Statement::Statement(sql) = statement else { return Ok(()) };
    match sql.visit(&mut Spread) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(reason) => Err(reason),
    }
}

struct Spread;

fn column(member: &str) -> Ident {
    Ident::with_quote('"', format!("{ALIAS}.{member}"))
}

fn is_alias(ident: &Ident) -> bool {
    ident.value == ALIAS
}

/// `['x']`
fn member(access: &AccessExpr) -> Option<&str> {
    let AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) }) = access else { return None };
    match &value.value {
        Value::SingleQuotedString(name) => Some(name),
        _ => None,
    }
}

/// `f['x']` or `a.f['x']` as a column.
fn as_column(expr: &Expr) -> Option<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    match (root.as_ref(), access_chain.as_slice()) {
        (Expr::Identifier(root), [access]) if is_alias(root) => Some(Expr::Identifier(column(member(access)?))),
        (Expr::Identifier(table), [AccessExpr::Dot(Expr::Identifier(root)), access]) if is_alias(root) => {
            Some(Expr::CompoundIdentifier(vec![table.clone(), column(member(access)?)]))
        }
        (Expr::CompoundIdentifier(parts), [access]) => match parts.as_slice() {
            [table, root] if is_alias(root) => Some(Expr::CompoundIdentifier(vec![table.clone(), column(member(access)?)])),
            _ => None,
        },
        _ => None,
    }
}

/// The text and the members of a call of `fields`.
fn call(expr: &Expr) -> Option<(Expr, String)> {
    let Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    if !function.name.to_string().eq_ignore_ascii_case(FIELDS) {
        return None;
    }
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(text)), FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(spec)))] => {
            Some((text.clone(), spec.value.clone().into_string()?))
        }
        _ => None,
    }
}

fn literal(text: &str) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::value(Value::SingleQuotedString(text.to_owned()))))
}

/// One column per member of a call of `fields`.
fn columns(expr: &Expr) -> Option<Result<Vec<SelectItem>, String>> {
    let (text, spec) = call(expr)?;
    let Expr::Function(function) = expr else { return None };
    let column = |(name, taker, path): (String, &'static str, Vec<String>)| {
        let mut taken = function.clone();
        taken.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(taker))]);
        if let FunctionArguments::List(list) = &mut taken.args {
            list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(text.clone()))];
            list.args.extend(path.iter().map(|step| literal(step)));
        }
        SelectItem::ExprWithAlias { expr: Expr::Function(taken), alias: column(&name) }
    };
    Some(members(&spec).map(|members| members.into_iter().map(column).collect()).map_err(|error| error.strip_backtrace()))
}

impl VisitorMut for Spread {
    type Break = String;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        let mut items = Vec::new();
        for item in std::mem::take(&mut select.projection) {
            match &item {
                SelectItem::ExprWithAlias { expr, alias } if is_alias(alias) => match columns(expr) {
                    Some(Ok(columns)) => items.extend(columns),
                    Some(Err(reason)) => return ControlFlow::Break(reason),
                    None => items.push(item),
                },
                _ => items.push(item),
            }
        }
        select.projection = items;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        if let Some(column) = as_column(expr) {
            *expr = column;
        }
        ControlFlow::Continue(())
    }
}
