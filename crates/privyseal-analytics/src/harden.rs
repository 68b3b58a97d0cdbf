//! The last change to a plan before it runs: what DataFusion 55.2 would let run away is put on a leash.
//!
//! - A nested-loop join whose filter matches nothing works on without ever giving way, so no time-out and no cancellation reaches it:
//!   the filters of joins look at the deadline themselves, and the output of joins gives way.
//! - Window functions keep their input without asking the memory pool: what they are fed is counted for them.
//! - One wide value becomes many when a join, a window or `unnest` repeats it over a batch, and no pool sees that: values that an
//!   aggregate makes, rows that joins and windows take, and lists that are unnested have a limit.
//!
//! The attacks in `tests/it/attacks.rs` show each of these; when a new DataFusion survives them without this file, it can go.

mod width;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use futures::StreamExt as _;

use self::width::{is_variable, list_length, widest_row, widest_value};

/// Most bytes that repeating values may make at once.
const MAX_REPEATED_BYTES: usize = 256 * 1024 * 1024;

/// Widest row that a join or a window takes, and widest value that an aggregate may make: an entry has 64 KiB at most.
const MAX_WIDTH_BYTES: usize = 256 * 1024;

/// When a statement has to stop.
#[derive(Debug)]
pub(crate) struct Interrupt {
    deadline: Instant,
    cancelled: AtomicBool,
}

/// The statement had to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

impl Interrupt {
    pub(crate) fn after(timeout: Duration) -> Self {
        // A time-out beyond what the clock can hold is none.
        let deadline = Instant::now().checked_add(timeout);
        Self { deadline: deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400)), cancelled: AtomicBool::new(false) }
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) || Instant::now() >= self.deadline {
            return Err(DataFusionError::External(Box::new(Interrupted)));
        }
        Ok(())
    }
}

/// The plan with its leashes.
pub(crate) fn harden(plan: Arc<dyn ExecutionPlan>, interrupt: &Arc<Interrupt>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let filter = join.filter().map(|filter| leashed(filter, interrupt));
            let projection = join.projection().as_ref().map(|places| places.to_vec());
            let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
            let join = NestedLoopJoinExec::try_new(left, right, filter, join.join_type(), projection)?;
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(over_watched(Arc::new(join), &Watch::Row)?))));
        }
        if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            let filter = join.filter().map(|filter| leashed(filter, interrupt));
            let join = join.builder().with_filter(filter).build_exec()?;
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(over_watched(join, &Watch::Row)?))));
        }
        if node.is::<CrossJoinExec>() {
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(over_watched(node, &Watch::Row)?))));
        }
        if let Some(unnest) = node.downcast_ref::<UnnestExec>() {
            let lists = unnest.list_column_indices().iter().map(|list| list.index_in_input_schema).collect();
            return Ok(Transformed::yes(over_watched(node, &Watch::Unnest(lists))?));
        }
        if let Some(window) = node.downcast_ref::<WindowAggExec>() {
            let fields = window.window_expr().iter().map(|function| function.field()).collect::<Result<Vec<_>>>()?;
            let repeats = fields.iter().any(|field| is_variable(field.data_type()));
            return Ok(Transformed::yes(over_watched(node, &Watch::Window { repeats })?));
        }
        if node.is::<BoundedWindowAggExec>() {
            return Ok(Transformed::yes(over_watched(node, &Watch::Row)?));
        }
        if node.is::<AggregateExec>() {
            return Ok(Transformed::yes(Arc::new(Watched { input: node, watch: Watch::Row })));
        }
        Ok(Transformed::no(node))
    })
    .data()
}

/// The node with every input under watch.
fn over_watched(node: Arc<dyn ExecutionPlan>, watch: &Watch) -> Result<Arc<dyn ExecutionPlan>> {
    let children = node.children().into_iter();
    let children = children.map(|child| Arc::new(Watched { input: Arc::clone(child), watch: watch.clone() }) as Arc<dyn ExecutionPlan>);
    let children = children.collect();
    node.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
}

fn leashed(filter: &JoinFilter, interrupt: &Arc<Interrupt>) -> JoinFilter {
    let expression = Arc::new(Leashed { inner: Arc::clone(filter.expression()), interrupt: Arc::clone(interrupt) });
    JoinFilter::new(expression, filter.column_indices().to_vec(), Arc::clone(filter.schema()))
}

/// An expression that looks at the deadline before it works.
#[derive(Debug)]
struct Leashed {
    inner: Arc<dyn PhysicalExpr>,
    interrupt: Arc<Interrupt>,
}

impl PartialEq for Leashed {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Leashed {}

impl Hash for Leashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Leashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl PhysicalExpr for Leashed {
    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.interrupt.check()?;
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}

/// What is looked at between two operators.
#[derive(Clone, Debug)]
enum Watch {
    /// Rows may be repeated over a batch: none may be too wide.
    Row,
    /// All of it is kept, and its widest value possibly repeated for every row.
    Window { repeats: bool },
    /// These columns are unnested.
    Unnest(Vec<usize>),
}

/// Batches under watch.
#[derive(Debug)]
struct Watched {
    input: Arc<dyn ExecutionPlan>,
    watch: Watch,
}

impl DisplayAs for Watched {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl ExecutionPlan for Watched {
    fn name(&self) -> &'static str {
        "Watched"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.into_iter().next() {
            Some(input) => Ok(Arc::new(Self { input, watch: self.watch.clone() })),
            None => Ok(self),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let schema = input.schema();
        let watch = self.watch.clone();
        let reservation = MemoryConsumer::new("window input").register(context.memory_pool());
        let (mut rows, mut widest) = (0_usize, 0);
        let stream = input.map(move |batch| {
            let batch = batch?;
            match &watch {
                Watch::Row => check(widest_row(&batch) <= MAX_WIDTH_BYTES)?,
                Watch::Window { repeats } => {
                    // The operator joins what it has kept into one piece: for a moment it is there twice.
                    reservation.try_grow(batch.get_array_memory_size().saturating_mul(2))?;
                    if *repeats {
                        rows = rows.saturating_add(batch.num_rows());
                        widest = batch.columns().iter().map(|column| widest_value(column.as_ref())).fold(widest, usize::max);
                        check(rows.saturating_mul(widest) <= MAX_REPEATED_BYTES)?;
                    }
                }
                Watch::Unnest(lists) => check(unnested_bytes(&batch, lists) <= MAX_REPEATED_BYTES)?,
            }
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}

fn check(fits: bool) -> Result<()> {
    if fits {
        return Ok(());
    }
    let text = "a value or list is too large to be repeated over many rows: shorten it, or keep fewer columns";
    Err(DataFusionError::Execution(text.to_owned()))
}

/// What unnesting makes of one row at most: it is the one step that is not taken in portions.
fn unnested_bytes(batch: &RecordBatch, lists: &[usize]) -> usize {
    let items = |row: usize| {
        let lists = lists.iter().filter_map(|place| batch.columns().get(*place));
        lists.map(|list| list_length(list.as_ref(), row)).max().unwrap_or(1)
    };
    let longest = (0..batch.num_rows()).map(items).max().unwrap_or(0);
    let others = batch.columns().iter().enumerate().filter(|(place, _)| !lists.contains(place));
    let widest = others.map(|(_, column)| widest_value(column.as_ref())).fold(16, usize::saturating_add);
    longest.saturating_mul(widest)
}
