//! Parameters of control tests and questions: `$name` in the SQL becomes a literal of the declared type in the parsed statement.
//!
//! Values never pass through text, so they cannot change what a statement says.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    UnaryOperator, Value as SqlValue, ValueWithSpan, visit_expressions, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, Tokenizer};
use privyseal_core::port::QueryError;
use privyseal_core::time::Period;
use serde_json::{Map, Value};

use crate::guard::suggestion;
use crate::header::Parameter;

/// Parameters that every control test has.
pub(crate) const PERIOD: [&str; 2] = ["start", "end"];

fn placeholder(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: SqlValue::Placeholder(name), .. }) => Some(name.strip_prefix('$').unwrap_or(name)),
        _ => None,
    }
}

/// Names of the parameters that a statement uses.
pub(crate) fn parameters(statement: &Statement) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Statement::Explain(explain) = statement {
        return parameters(&explain.statement);
    }
    if let Statement::Statement(sql) = statement {
        // The visitor never breaks.
        let _: ControlFlow<()> = visit_expressions(sql.as_ref(), |expr| {
            names.extend(placeholder(expr).map(str::to_owned));
            ControlFlow::Continue(())
        });
    }
    names
}

/// Names of the functions that a statement calls.
pub(crate) fn calls(statement: &Statement) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Statement::Statement(sql) = statement {
        let _: ControlFlow<()> = visit_expressions(sql.as_ref(), |expr| {
            if let Expr::Function(function) = expr {
                names.insert(function.name.to_string().to_lowercase());
            }
            ControlFlow::Continue(())
        });
    }
    names
}

/// Puts values in place of the parameters of a control test. Names the first parameter without one.
pub(crate) fn bind(statement: &mut Statement, period: Period, values: &BTreeMap<String, Value>) -> Result<(), String> {
    replace(statement, |name| match name {
        "start" => Some(call("utc", period.start.to_string())),
        "end" => Some(call("utc", period.end.to_string())),
        other => values.get(other).and_then(literal),
    })
    .map_err(|name| format!("the parameter `{name}` has no value"))
}

/// Puts the values of a question in place of its parameters.
pub(crate) fn bind_question(statement: &mut Statement, values: &Map<String, Value>) -> Result<(), QueryError> {
    let wanted = parameters(statement);
    if let Some(name) = values.keys().find(|name| !wanted.contains(*name)) {
        let near = suggestion(name, wanted.iter().map(String::as_str));
        return Err(QueryError::Refused(format!("the statement has no parameter `${}`{near}", name.escape_debug())));
    }
    replace(statement, |name| values.get(name).and_then(literal)).map_err(|name| {
        let name = name.escape_debug();
        QueryError::Refused(match values.contains_key(&*name.to_string()) {
            true => format!("the value of the parameter `${name}` is no text, integer, truth value, list of texts or null"),
            false => format!("the parameter `${name}` has no value: give it one"),
        })
    })
}

/// Puts NULL in place of parameters without a value, so that the statement can be planned.
pub(crate) fn bind_known(statement: &mut Statement, values: &Map<String, Value>) {
    // Every parameter has a value then.
    let _: Result<(), String> =
        replace(statement, |name| Some(values.get(name).and_then(literal).unwrap_or_else(|| value(SqlValue::Null))));
}

/// Replaces parameters; gives the name of the first for which there is nothing.
fn replace(statement: &mut Statement, value: impl Fn(&str) -> Option<Expr>) -> Result<(), String> {
    let sql = match statement {
        Statement::Statement(sql) => sql,
        Statement::Explain(explain) => return replace(&mut explain.statement, value),
        _ => return Ok(()),
    };
    let bound = visit_expressions_mut(sql.as_mut(), |expr| {
        let Some(name) = placeholder(expr).map(str::to_owned) else { return ControlFlow::Continue(()) };
        match value(&name) {
            Some(value) => {
                *expr = value;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(name),
        }
    });
    match bound {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(name) => Err(name),
    }
}

/// The statement as text with every parameter at its default, for places that cannot give parameters. Comments and line breaks stay.
pub(crate) fn with_defaults(sql: &str, parameters: &[Parameter]) -> Result<String, String> {
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, sql).with_unescape(false).tokenize().map_err(|error| error.to_string())?;
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut text = String::with_capacity(sql.len());
    for token in tokens {
        let Token::Placeholder(name) = &token else {
            text.push_str(&token.to_string());
            continue;
        };
        let name = name.strip_prefix('$').unwrap_or(name);
        let parameter = parameters.iter().find(|parameter| parameter.name == name);
        match parameter.map(|parameter| &parameter.default) {
            None => return Err(format!("the parameter `{name}` is not declared")),
            Some(Value::Null) => text.push_str("NULL"),
            Some(Value::String(value)) => text.push_str(&quoted(value)),
            Some(list @ Value::Array(_)) => text.push_str(&format!("json_list({})", quoted(&list.to_string()))),
            Some(other) => text.push_str(&other.to_string()),
        }
    }
    Ok(text)
}

fn value(value: SqlValue) -> Expr {
    Expr::Value(ValueWithSpan { value, span: Span::empty() })
}

/// Our own function on one text: moments and lists have no literal of their own.
fn call(name: &str, text: String) -> Expr {
    let argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(value(SqlValue::SingleQuotedString(text))));
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args: vec![argument], clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn literal(json: &Value) -> Option<Expr> {
    Some(match json {
        Value::Bool(truth) => value(SqlValue::Boolean(*truth)),
        Value::String(text) => value(SqlValue::SingleQuotedString(text.clone())),
        Value::Number(number) => {
            let number = number.as_i64()?;
            let digits = value(SqlValue::Number(number.unsigned_abs().to_string(), false));
            if number < 0 { Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits) } } else { digits }
        }
        Value::Array(_) => call("json_list", json.to_string()),
        Value::Null => value(SqlValue::Null),
        Value::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::header::ParameterKind;

    #[test]
    fn defaults_stand_in_the_text_where_the_parameters_stood() {
        let parameter =
            |name: &str, kind: ParameterKind, default: Value| Parameter { name: name.to_owned(), kind, default, meaning: String::new() };
        let parameters = [
            parameter("a", ParameterKind::Integer, json!(-7)),
            parameter("ab", ParameterKind::Text, json!("it's")),
            parameter("t", ParameterKind::Timestamp, json!(null)),
            parameter("l", ParameterKind::TextList, json!(["x", "y'"])),
        ];
        let text = "-- $a\nSELECT '$a', 'o''clock', \"$ab\",\n  $a + $ab, utc($t) /* $t */, array_has($l, 'x')";
        let expected =
            "-- $a\nSELECT '$a', 'o''clock', \"$ab\",\n  -7 + 'it''s', utc(NULL) /* $t */, array_has(json_list('[\"x\",\"y''\"]'), 'x')";
        assert_eq!(with_defaults(text, &parameters).as_deref(), Ok(expected));
        assert!(with_defaults("SELECT $unknown", &parameters).is_err());
    }
}
