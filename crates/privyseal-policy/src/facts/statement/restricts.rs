//! Whether a WHERE condition narrows anything. `WHERE 1 = 1` is written to get past checks like ours, so it counts as no condition.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Value, Visit, Visitor};

/// Whether the condition can leave rows out. When in doubt about an expression that names a column: yes.
pub(super) fn restricts(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => restricts(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => restricts(left) || restricts(right),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => restricts(left) && restricts(right),
        Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::GtEq | BinaryOperator::LtEq, right } if left == right => false,
        Expr::IsNotNull(_) => false,
        Expr::Like { negated: false, pattern, .. } | Expr::ILike { negated: false, pattern, .. } if matches_all(pattern) => false,
        other => names_a_column(other),
    }
}

fn matches_all(pattern: &Expr) -> bool {
    let Expr::Value(value) = pattern else { return false };
    matches!(&value.value, Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) if text.chars().all(|c| c == '%'))
}

fn names_a_column(expr: &Expr) -> bool {
    struct Columns;
    impl Visitor for Columns {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Columns).is_break()
}
