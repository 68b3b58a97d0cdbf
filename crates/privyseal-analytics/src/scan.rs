//! The one stored table: entries of recorded segments followed by the live tail, in the order of the log.
//!
//! A scan gives one stream in batches whose borders do not depend on what is sealed and what is not. Together with one partition per
//! statement this makes every answer, its row order included, a function of the log's prefix and the text of the statement.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{BatchCoalescer, filter_record_batch};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DataFusionError, Result, Statistics, exec_datafusion_err, exec_err, internal_datafusion_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType, col, lit};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions, StatisticsArgs};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use privyseal_ledger::segment;

use crate::store::{BATCH_ROWS, Snapshot};

/// The name under which segments are reached; nothing else can be reached at all.
pub(crate) const STORE_URL: &str = "privyseal://ledger";

/// Entries with their typed columns. Which entries, the session's snapshot says.
#[derive(Debug)]
pub(crate) struct Entries {
    schema: SchemaRef,
}

impl Entries {
    pub(crate) fn new() -> Self {
        Self { schema: segment::schema() }
    }
}

/// Comparisons of a column with literals can be decided inside the scan; everything else is left to the operators above.
fn is_simple(expr: &Expr) -> bool {
    let plain = |expr: &Expr| matches!(expr, Expr::Column(_) | Expr::Literal(..));
    match expr {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::And | Operator::Or => is_simple(&binary.left) && is_simple(&binary.right),
            Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                plain(&binary.left) && plain(&binary.right)
            }
            _ => false,
        },
        Expr::InList(list) => plain(&list.expr) && list.list.iter().all(|item| matches!(item, Expr::Literal(..))),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => plain(inner),
        _ => false,
    }
}

#[async_trait]
impl TableProvider for Entries {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let supports = |expr: &&Expr| {
            if is_simple(expr) { TableProviderFilterPushDown::Exact } else { TableProviderFilterPushDown::Unsupported }
        };
        Ok(filters.iter().map(supports).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = state.config().get_extension::<Snapshot>();
        let snapshot = snapshot.ok_or_else(|| internal_datafusion_err!("a statement was planned without a snapshot"))?;
        let asked = !filters.is_empty();
        // A snapshot of an earlier moment may end inside a segment.
        let inside = snapshot.segments.last().is_some_and(|segment| segment.last >= snapshot.size);
        let size = i64::try_from(snapshot.size).unwrap_or(i64::MAX);
        let filters = filters.iter().cloned().chain(inside.then(|| col("seq").lt(lit(size))));
        let predicate = match conjunction(filters.collect::<Vec<_>>()) {
            Some(filter) => Some(state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(&self.schema))?)?),
            None => None,
        };
        let projection = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        Ok(Arc::new(Scan::new(snapshot, projection, predicate, asked)?))
    }
}

/// One pass over the entries of a snapshot.
#[derive(Debug)]
struct Scan {
    snapshot: Arc<Snapshot>,
    /// Columns of the stored schema that are read: the wanted ones and those that the predicate needs.
    columns: Vec<usize>,
    /// The predicate over the stored schema.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the statement asks for some entries only.
    asked: bool,
    /// Places of the wanted columns among `columns`.
    output: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl Scan {
    fn new(snapshot: Arc<Snapshot>, projection: Vec<usize>, predicate: Option<Arc<dyn PhysicalExpr>>, asked: bool) -> Result<Self> {
        let schema = segment::schema();
        let mut columns = projection.clone();
        if let Some(predicate) = &predicate {
            columns.extend(collect_columns(predicate).iter().map(Column::index));
        }
        columns.sort_unstable();
        columns.dedup();
        let output: Vec<usize> = projection.iter().filter_map(|wanted| columns.iter().position(|column| column == wanted)).collect();
        let produced = Arc::new(schema.project(&projection)?);
        let mut equivalence = EquivalenceProperties::new(Arc::clone(&produced));
        if let Some((place, field)) = produced.column_with_name("seq") {
            let order = PhysicalSortExpr::new_default(Arc::new(Column::new(field.name(), place)));
            equivalence.add_ordering(LexOrdering::from([order]));
        }
        let properties =
            PlanProperties::new(equivalence, Partitioning::UnknownPartitioning(1), EmissionType::Incremental, Boundedness::Bounded);
        Ok(Self { snapshot, columns, predicate, asked, output, properties: Arc::new(properties) })
    }

    /// The sealed part, read by DataFusion's own Parquet source: it skips what the predicate rules out.
    fn segments(&self, context: Arc<TaskContext>) -> Result<Option<SendableRecordBatchStream>> {
        if self.snapshot.segments.is_empty() {
            return Ok(None);
        }
        let mut source = ParquetSource::new(segment::schema()).with_pushdown_filters(true);
        if let Some(predicate) = &self.predicate {
            source = source.with_predicate(Arc::clone(predicate));
        }
        let mut config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
            .with_projection_indices(Some(self.columns.clone()))?;
        let files = self.snapshot.segments.iter().map(|segment| PartitionedFile::new(segment.path.clone(), segment.bytes));
        config = config.with_file_group(files.collect::<Vec<_>>().into()).with_preserve_order(true);
        DataSourceExec::from_data_source(config.build()).execute(0, context).map(Some)
    }
}

impl DisplayAs for Scan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entries: {} segments, {} entries", self.snapshot.segments.len(), self.snapshot.size)
    }
}

impl ExecutionPlan for Scan {
    fn name(&self) -> &'static str {
        "Entries"
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

    /// The estimate depends on the number of entries only, so that plans do not change when entries are sealed.
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = usize::try_from(self.snapshot.size).unwrap_or(usize::MAX);
        let rows = if self.asked { rows / 5 } else { rows };
        Ok(Arc::new(Statistics { num_rows: Precision::Inexact(rows), ..Statistics::new_unknown(&self.schema()) }))
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (columns, read) = (self.columns.clone(), Arc::new(segment::schema().project(&self.columns)?));
        let sealed = match self.segments(context)? {
            Some(stream) => stream.boxed(),
            None => stream::empty().boxed(),
        };
        let tail = stream::iter(self.snapshot.tail.clone()).map(move |batch| Ok(batch.project(&columns)?));
        let predicate = match &self.predicate {
            Some(predicate) => Some(reassign_expr_columns(Arc::clone(predicate), &read)?),
            None => None,
        };
        let output = self.output.clone();
        let mut last_seq = -1;
        let wanted = sealed.chain(tail).map(move |batch| {
            let batch = keep(batch?, predicate.as_ref())?;
            check_order(&batch, &mut last_seq)?;
            Ok(batch.project(&output)?)
        });
        let schema = self.schema();
        let stream = if schema.fields().is_empty() { wanted.boxed() } else { even(wanted, Arc::clone(&schema)).boxed() };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}

/// The rows that satisfy the predicate. Sealed rows were filtered once already; doing it again costs little and keeps one rule for both.
fn keep(batch: RecordBatch, predicate: Option<&Arc<dyn PhysicalExpr>>) -> Result<RecordBatch> {
    let Some(predicate) = predicate else { return Ok(batch) };
    let verdict = predicate.evaluate(&batch)?.into_array(batch.num_rows())?;
    let verdict = verdict.as_any().downcast_ref::<BooleanArray>().ok_or_else(|| exec_datafusion_err!("a filter is not a truth value"))?;
    Ok(filter_record_batch(&batch, verdict)?)
}

/// Operators above trust that rows come in the order of `seq`; a file that breaks it must not be able to deceive them.
fn check_order(batch: &RecordBatch, last: &mut i64) -> Result<()> {
    let Some(seq) = batch.column_by_name("seq").and_then(|column| column.as_any().downcast_ref::<Int64Array>()) else { return Ok(()) };
    for seq in seq.values() {
        if seq <= last {
            return exec_err!("entry {seq} stands after entry {last}: a segment is damaged; run `privyseal verify`");
        }
        *last = *seq;
    }
    Ok(())
}

/// The same rows in batches of one size.
fn even(
    input: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    schema: SchemaRef,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let coalescer = BatchCoalescer::new(schema, BATCH_ROWS);
    stream::try_unfold((Box::pin(input), coalescer, false), |(mut input, mut coalescer, mut ended)| async move {
        loop {
            if let Some(batch) = coalescer.next_completed_batch() {
                return Ok::<_, DataFusionError>(Some((batch, (input, coalescer, ended))));
            }
            if ended {
                return Ok(None);
            }
            match input.try_next().await? {
                Some(batch) => coalescer.push_batch(batch)?,
                None => {
                    coalescer.finish_buffered_batch()?;
                    ended = true;
                }
            }
        }
    })
}
