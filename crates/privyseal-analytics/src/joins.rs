//! Joins that add nothing, left out of the plan.
//!
//! Views join what came of a thing to the thing: at most one row of the other side, kept also without one. A statement that asks for
//! no column of the other side gets the same rows without that join, and is spared the pass over the log behind it.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionDefinition};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, Operator, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule.
#[derive(Debug)]
pub(crate) struct SpareJoins;

impl OptimizerRule for SpareJoins {
    fn name(&self) -> &'static str {
        "spare_joins"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = &plan else { return Ok(Transformed::no(plan)) };
        let LogicalPlan::Join(join) = projection.input.as_ref() else { return Ok(Transformed::no(plan)) };
        if !adds_nothing(join, &projection.expr) {
            return Ok(Transformed::no(plan));
        }
        let spared = Projection::try_new_with_schema(projection.expr.clone(), Arc::clone(&join.left), Arc::clone(&projection.schema))?;
        Ok(Transformed::yes(LogicalPlan::Projection(spared)))
    }
}

/// Whether the rows above a join are those of its left side.
fn adds_nothing(join: &Join, above: &[Expr]) -> bool {
    let of_right = |expr: &Expr| expr.column_refs().iter().any(|column| !join.left.schema().has_column(column));
    join.join_type == JoinType::Left
        && join.filter.is_none()
        && !above.iter().any(of_right)
        && right_keys(join).is_some_and(|keys| is_unique(&join.right, &keys))
}

/// The columns of the right side by which a join finds its rows.
fn right_keys(join: &Join) -> Option<BTreeSet<Column>> {
    join.on.iter().map(|(_, right)| right.try_as_col().cloned()).collect()
}

/// Whether no two rows of a plan have the same values in these columns. No, when that cannot be seen.
fn is_unique(plan: &LogicalPlan, columns: &BTreeSet<Column>) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = columns.iter().map(|column| {
                let place = alias.schema.index_of_column(column).ok()?;
                Some(Column::from(alias.input.schema().qualified_field(place)))
            });
            inner.collect::<Option<_>>().is_some_and(|inner| is_unique(&alias.input, &inner))
        }
        LogicalPlan::Projection(projection) => below(projection, columns).is_some_and(|inner| is_unique(&projection.input, &inner)),
        LogicalPlan::Filter(filter) => {
            let firsts = split_conjunction(&filter.predicate).into_iter().filter_map(is_first);
            firsts.into_iter().any(|number| numbers_within(&filter.input, number, columns)) || is_unique(&filter.input, columns)
        }
        // What is unique on the left stays so where each row meets at most one on the right.
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::Inner | JoinType::Left) => {
            let left: BTreeSet<Column> = columns.iter().filter(|column| join.left.schema().has_column(column)).cloned().collect();
            is_unique(&join.left, &left) && right_keys(join).is_some_and(|keys| is_unique(&join.right, &keys))
        }
        // Entries are read in order, and the scan refuses a file that holds a position twice.
        LogicalPlan::TableScan(scan) => scan.table_name.table() == "entries" && columns.iter().any(|column| column.name == "seq"),
        LogicalPlan::Aggregate(aggregate) => {
            let groups: Option<BTreeSet<Column>> = aggregate.group_expr.iter().map(|expr| expr.try_as_col().cloned()).collect();
            groups.is_some_and(|groups| groups.is_subset(columns))
        }
        _ => false,
    }
}

/// The columns below a projection that these are, as they are.
fn below(projection: &Projection, columns: &BTreeSet<Column>) -> Option<BTreeSet<Column>> {
    let inner = columns.iter().map(|column| {
        let place = projection.schema.index_of_column(column).ok()?;
        projection.expr.get(place)?.clone().unalias().try_as_col().cloned()
    });
    inner.collect()
}

/// `column = 1`
fn is_first(predicate: &Expr) -> Option<&Column> {
    let Expr::BinaryExpr(binary) = predicate else { return None };
    let is_one = matches!(binary.right.as_ref(), Expr::Literal(ScalarValue::UInt64(Some(1)) | ScalarValue::Int64(Some(1)), _));
    binary.left.try_as_col().filter(|_| binary.op == Operator::Eq && is_one)
}

/// Whether a column counts the rows within each value of some of these columns.
fn numbers_within(plan: &LogicalPlan, number: &Column, columns: &BTreeSet<Column>) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let number = below(projection, &BTreeSet::from([number.clone()])).and_then(|inner| inner.into_iter().next());
            number.zip(below(projection, columns)).is_some_and(|(number, inner)| numbers_within(&projection.input, &number, &inner))
        }
        LogicalPlan::Window(window) => {
            let inputs = window.input.schema().fields().len();
            let Ok(place) = window.schema.index_of_column(number) else { return false };
            let Some(Expr::WindowFunction(function)) = place.checked_sub(inputs).and_then(|place| window.window_expr.get(place)) else {
                return false;
            };
            counts_rows(function)
                && function.params.partition_by.iter().all(|expr| expr.try_as_col().is_some_and(|column| columns.contains(column)))
        }
        _ => false,
    }
}

fn counts_rows(function: &WindowFunction) -> bool {
    matches!(&function.fun, WindowFunctionDefinition::WindowUDF(fun) if fun.name() == "row_number")
}
