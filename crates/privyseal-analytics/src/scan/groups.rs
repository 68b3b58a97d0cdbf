//! Groups that each part of a scan forms for itself, put together afterwards in the order of the parts.
//!
//! Only what gives the same however rows are divided is done so: counting, adding integers, least, greatest, truth. Groups then come out
//! in the order of their first rows, as they would from one pass, and no value depends on where a segment ends.

use std::fmt;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, InputOrderMode, PlanProperties, ReplaceChildrenOptions};
use futures::stream::BoxStream;

use super::distinct;

/// The groups of one part.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    partial: Arc<AggregateExec>,
}

impl Groups {
    /// An aggregation as the groups of each part, and what puts them together; none when it cannot be divided.
    pub(super) fn of(node: &Arc<dyn ExecutionPlan>) -> Result<Option<(Self, Arc<dyn ExecutionPlan>)>> {
        let Some(whole) = node.downcast_ref::<AggregateExec>() else { return Ok(None) };
        let divides = *whole.mode() == AggregateMode::Single
            && *whole.input_order_mode() == InputOrderMode::Linear
            && whole.limit_options().is_none()
            && whole.group_expr().is_single()
            && whole.aggr_expr().iter().all(|function| divides(function));
        if !divides {
            return Ok(None);
        }
        let (input, schema) = (Arc::clone(whole.input()), whole.input_schema());
        let (functions, filters) = (whole.aggr_expr().to_vec(), whole.filter_expr().to_vec());
        let none = vec![None; functions.len()];
        let instead = |function: &Arc<AggregateFunctionExpr>| match whole.group_expr().is_true_no_grouping() {
            true => Ok(distinct::instead(function, &schema)?.unwrap_or_else(|| Arc::clone(function))),
            false => Ok(Arc::clone(function)),
        };
        let functions = functions.iter().map(instead).collect::<Result<Vec<_>>>()?;
        let partial = AggregateExec::try_new(
            AggregateMode::Partial,
            whole.group_expr().clone(),
            functions.clone(),
            filters,
            input,
            Arc::clone(&schema),
        )?;
        let partial = Arc::new(partial);
        let groups = whole.group_expr().as_final();
        let together = AggregateExec::try_new(AggregateMode::Final, groups, functions, none, Arc::clone(&partial) as _, schema)?;
        Ok(Some((Self { partial }, Arc::new(together))))
    }

    pub(super) fn properties(&self) -> &Arc<PlanProperties> {
        self.partial.properties()
    }

    /// The groups of one part's rows.
    pub(super) fn run(
        &self,
        rows: BoxStream<'static, Result<RecordBatch>>,
        context: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let schema = self.partial.input().schema();
        let rows = Rows {
            properties: Arc::clone(self.partial.input().properties()),
            stream: Mutex::new(Some(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows)))),
            schema,
        };
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
        let partial = Arc::clone(&self.partial).replace_children(vec![Arc::new(rows)], options)?;
        Ok(Box::pin(partial.execute(0, Arc::clone(context))?))
    }
}

/// Whether a function gives the same when parts are put together.
fn divides(function: &AggregateFunctionExpr) -> bool {
    let exact = matches!(function.field().data_type(), DataType::Int64 | DataType::UInt64);
    function.order_bys().is_empty()
        && match function.fun().name() {
            "count" | "min" | "max" | "bool_and" | "bool_or" | "approx_distinct" => true,
            // Sums of fractions depend on their order.
            "sum" => exact,
            _ => false,
        }
}

/// The rows of one part, as a plan.
struct Rows {
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl DisplayAs for Rows {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

impl ExecutionPlan for Rows {
    fn name(&self) -> &'static str {
        "Rows"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>, _: ReplaceChildrenOptions) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut stream = self.stream.lock().map_err(|_| internal_datafusion_err!("a part was broken off"))?;
        stream.take().ok_or_else(|| internal_datafusion_err!("a part was read twice"))
    }
}
