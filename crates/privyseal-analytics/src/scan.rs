//! The one stored table: entries of recorded segments followed by the live tail, in the order of the log.
//!
//! Stretches of it are read side by side and come out in order: a scan gives one stream in batches whose borders do not depend on what is
//! sealed and what is not. Together with one partition per statement this makes every answer, its row order included, a function of the
//! log's prefix and the text of the statement.

mod ahead;
mod distinct;
mod groups;
mod kept;
mod stage;
mod work;

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{BatchCoalescer, filter_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{
    DFSchema, DataFusionError, Result, ScalarValue, Statistics, exec_datafusion_err, exec_err, internal_datafusion_err,
};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType, col, lit};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, ChildrenPropertiesMode, EmissionType, SchedulingType};
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions, StatisticsArgs};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use privyseal_ledger::reader::SegmentRecord;
use privyseal_ledger::segment;

use self::groups::Groups;
pub(crate) use self::kept::Kept;
use self::stage::Stage;
use self::work::Work;
use crate::store::{BATCH_ROWS, Snapshot};

/// The name under which segments are reached; nothing else can be reached at all.
pub(crate) const STORE_URL: &str = "privyseal://ledger";

/// Bytes of a segment that one thread reads at a time; about one row group.
const PART_BYTES: u64 = 16 << 20;

/// Rows that are decoded at a time.
const READ_ROWS: usize = 8_192;

/// The stored columns as they are read: texts and bytes as views, which need not be copied out of the pages they come from.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let stored = segment::schema();
        let fields = stored.fields().iter().map(|field| match field.data_type() {
            DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
            DataType::Binary => field.as_ref().clone().with_data_type(DataType::BinaryView),
            _ => field.as_ref().clone(),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// Entries with their typed columns. Which entries, the session's snapshot says.
#[derive(Debug)]
pub(crate) struct Entries {
    schema: SchemaRef,
}

impl Entries {
    pub(crate) fn new() -> Self {
        Self { schema: schema() }
    }
}

/// Comparisons of a column with literals can be decided inside the scan; everything else is left to the operators above.
fn is_simple(expr: &Expr) -> bool {
    /// A column, a literal, or a choice between such.
    fn plain(expr: &Expr) -> bool {
        match expr {
            Expr::Column(_) | Expr::Literal(..) => true,
            Expr::Case(case) => {
                let chosen = case.when_then_expr.iter().all(|(when, then)| (plain(when) || is_simple(when)) && plain(then));
                chosen && case.expr.as_deref().is_none_or(plain) && case.else_expr.as_deref().is_none_or(plain)
            }
            _ => false,
        }
    }
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
        let stored = DFSchema::try_from(Arc::clone(&self.schema))?;
        let physical = |filters: Vec<Expr>| conjunction(filters).map(|filter| state.create_physical_expr(filter, &stored)).transpose();
        // A snapshot of an earlier moment may end inside a segment.
        let inside = snapshot.segments.last().is_some_and(|segment| segment.last >= snapshot.size);
        let size = i64::try_from(snapshot.size).unwrap_or(i64::MAX);
        let filters = filters.iter().flat_map(split_conjunction).cloned().chain(inside.then(|| col("seq").lt(lit(size))));
        let filters: Vec<Expr> = filters.collect();
        let of_kinds = match Kinds::among(&filters) {
            Some((text, kinds, others)) => physical(kinds)?.map(|kinds| (text, kinds, others)),
            None => None,
        };
        let kinds = match of_kinds {
            Some((text, kinds, others)) => Some(Kinds { text: text.into(), kinds, others: physical(others)? }),
            None => None,
        };
        let predicate = physical(filters)?;
        let projection = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        Ok(Arc::new(Scan::new(snapshot, projection, predicate, kinds, asked)?))
    }
}

/// One pass over the entries of a snapshot, with the work that needs nothing but one batch at a time.
#[derive(Debug)]
pub(crate) struct Scan {
    source: Source,
    /// Filters and projections above the source, done by whichever thread has read the batch.
    stages: Vec<Stage>,
    /// Groups that are formed of each part above them.
    groups: Option<Groups>,
    /// Statistics of the rows that come out.
    rows: usize,
    properties: Arc<PlanProperties>,
}

/// Which entries and columns are read.
#[derive(Clone, Debug)]
struct Source {
    snapshot: Arc<Snapshot>,
    /// Columns of the stored schema that are read: the wanted ones and those that the predicate needs.
    columns: Vec<usize>,
    /// The predicate over the stored schema.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Places of the wanted columns among `columns`.
    output: Vec<usize>,
    /// The predicate as entries of some kinds, when it is little more than that.
    kinds: Option<Kinds>,
}

/// A predicate that asks for entries of some kinds, of some time.
#[derive(Clone, Debug)]
struct Kinds {
    /// Which kinds, in words that mean no other kinds.
    text: Arc<str>,
    /// The part of the predicate that says so.
    kinds: Arc<dyn PhysicalExpr>,
    /// The rest of it, over `seq` and `time`.
    others: Option<Arc<dyn PhysicalExpr>>,
}

impl Kinds {
    /// The words, the filters on `kind` and the others; none when others are about more than a stretch of the log: then few rows are
    /// wanted, and it is better to read those alone.
    fn among(filters: &[Expr]) -> Option<(String, Vec<Expr>, Vec<Expr>)> {
        let is_of_kind = |filter: &Expr| filter.column_refs().iter().all(|column| column.name() == "kind");
        let (kinds, others): (Vec<Expr>, Vec<Expr>) = filters.iter().cloned().partition(is_of_kind);
        let mut texts = kinds.iter().map(Self::words).collect::<Option<Vec<String>>>()?;
        texts.sort();
        let of_stretch = others.iter().all(|filter| filter.column_refs().iter().all(|column| ["seq", "time"].contains(&column.name())));
        (!kinds.is_empty() && of_stretch).then(|| (texts.join(" and "), kinds, others))
    }

    /// A filter on `kind` in words: two filters with the same words are the same.
    fn words(filter: &Expr) -> Option<String> {
        match filter {
            Expr::Column(_) => Some("kind".to_owned()),
            // In Rust's own form, where a quote in the text cannot be taken for its end.
            Expr::Literal(value, _) => value.try_as_str().flatten().map(|text| format!("{text:?}")),
            Expr::BinaryExpr(binary) => Some(format!("({} {} {})", Self::words(&binary.left)?, binary.op, Self::words(&binary.right)?)),
            Expr::Case(case) => {
                let part = |part: &Option<Box<Expr>>| part.as_deref().map_or(Some("nothing".to_owned()), Self::words);
                let choices =
                    case.when_then_expr.iter().map(|(when, then)| Some(format!("{}: {}", Self::words(when)?, Self::words(then)?)));
                let choices = choices.collect::<Option<Vec<_>>>()?.join(", ");
                Some(format!("(case {} {{{choices}}} else {})", part(&case.expr)?, part(&case.else_expr)?))
            }
            Expr::InList(list) => {
                let items = list.list.iter().map(Self::words).collect::<Option<Vec<_>>>()?;
                Some(format!("({} in {} [{}])", Self::words(&list.expr)?, !list.negated, items.join(", ")))
            }
            _ => None,
        }
    }
}

impl Scan {
    fn new(
        snapshot: Arc<Snapshot>,
        projection: Vec<usize>,
        predicate: Option<Arc<dyn PhysicalExpr>>,
        kinds: Option<Kinds>,
        asked: bool,
    ) -> Result<Self> {
        let schema = schema();
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
            PlanProperties::new(equivalence, Partitioning::UnknownPartitioning(1), EmissionType::Incremental, Boundedness::Bounded)
                .with_scheduling_type(SchedulingType::Cooperative);
        // The estimate depends on the number of entries only, so that plans do not change when entries are sealed.
        let rows = usize::try_from(snapshot.size).unwrap_or(usize::MAX);
        let rows = if asked { rows / 5 } else { rows };
        Ok(Self {
            source: Source { snapshot, columns, predicate, output, kinds },
            stages: Vec::new(),
            groups: None,
            rows,
            properties: Arc::new(properties),
        })
    }

    /// The scan with the node above it taken in; none when that node is more than can be done with each part alone.
    fn absorb(&self, node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if self.groups.is_some() {
            return Ok(None);
        }
        let (source, mut stages, rows) = (self.source.clone(), self.stages.clone(), self.rows);
        if let Some(stage) = Stage::of(node)? {
            stages.push(stage);
            let properties = Arc::clone(node.properties());
            return Ok(Some(Arc::new(Self { source, stages, groups: None, rows, properties })));
        }
        let Some((groups, whole)) = Groups::of(node)? else { return Ok(None) };
        let properties = Arc::clone(groups.properties());
        let parts = Arc::new(Self { source, stages, groups: Some(groups), rows, properties });
        Ok(Some(whole.replace_children(vec![parts], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?))
    }
}

/// The plan in which scans have taken in the filters and projections above them.
pub(crate) fn fuse(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let fused = match node.children().as_slice() {
            [child] => child.downcast_ref::<Scan>().map(|scan| scan.absorb(&node)).transpose()?.flatten(),
            _ => None,
        };
        Ok(fused.map_or_else(|| Transformed::no(Arc::clone(&node)), Transformed::yes))
    })
    .data()
}

impl Source {
    /// The parts that are read side by side, in the order of the log. Their borders depend on nothing but the files.
    fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for segment in &self.snapshot.segments {
            let mut start = 0;
            while start < segment.bytes {
                let end = segment.bytes.min(start.saturating_add(PART_BYTES));
                // What is left at the end and too small for a part of its own goes with the last.
                let end = if segment.bytes - end < PART_BYTES / 2 { segment.bytes } else { end };
                parts.push(Part::Sealed { segment: segment.clone(), start, end });
                start = end;
            }
        }
        parts.push(Part::Tail);
        parts
    }

    /// The rows of a part that satisfy the predicate, with the columns that are read.
    fn read(&self, part: &Part, context: &Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let read = Arc::new(schema().project(&self.columns)?);
        let predicate = match &self.predicate {
            Some(predicate) => Some(reassign_expr_columns(Arc::clone(predicate), &read)?),
            None => None,
        };
        let columns = self.columns.clone();
        let stream = match part {
            Part::Sealed { segment, start, end } => self.sealed(segment, *start, *end, context)?,
            Part::Tail => {
                let tail = stream::iter(self.snapshot.tail.clone()).map(move |batch| Ok(batch.project(&columns)?));
                Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&read), tail)) as SendableRecordBatchStream
            }
        };
        let kept = stream.map(move |batch| keep(batch?, predicate.as_ref()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(read, kept)))
    }

    /// A stretch of a segment, read by DataFusion's own Parquet source: it skips what the predicate rules out.
    fn sealed(&self, segment: &SegmentRecord, start: u64, end: u64, context: &Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (url, signed) = (ObjectStoreUrl::parse(STORE_URL)?, |number: u64| i64::try_from(number).unwrap_or(i64::MAX));
        let runtime = context.runtime_env();
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(runtime.object_store(&url)?, cache);
        let mut source = ParquetSource::new(schema())
            .with_pushdown_filters(true)
            .with_bloom_filter_on_read(true)
            .with_parquet_file_reader_factory(Arc::new(reader));
        if let Some(predicate) = &self.predicate {
            source = source.with_predicate(Arc::clone(predicate));
        }
        let file = PartitionedFile::new(segment.path.clone(), segment.bytes).with_range(signed(start), signed(end));
        let file = file.with_statistics(Arc::new(positions(segment)));
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_projection_indices(Some(self.columns.clone()))?
            .with_file_group(vec![file].into())
            .with_preserve_order(true);
        // Decoding is quicker in larger steps than those that operators above take.
        let settings = context.session_config().clone().with_batch_size(READ_ROWS);
        let context = TaskContext::new(
            context.task_id(),
            context.session_id(),
            settings,
            context.scalar_functions().clone(),
            context.higher_order_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            runtime,
        );
        DataSourceExec::from_data_source(config.build()).execute(0, Arc::new(context))
    }
}

/// A stretch of the log that one thread reads.
#[derive(Clone, Debug)]
enum Part {
    /// The row groups of a segment that begin between two of its bytes.
    Sealed { segment: SegmentRecord, start: u64, end: u64 },
    /// What is not sealed yet.
    Tail,
}

/// What is known of a segment without opening it: a statement about some positions passes over the others.
fn positions(segment: &SegmentRecord) -> Statistics {
    let mut known = Statistics::new_unknown(&schema());
    let position = |seq: u64| Precision::Exact(ScalarValue::Int64(Some(i64::try_from(seq).unwrap_or(i64::MAX))));
    if let Some(seq) = known.column_statistics.first_mut() {
        (seq.min_value, seq.max_value, seq.null_count) = (position(segment.first), position(segment.last), Precision::Exact(0));
    }
    known
}

impl DisplayAs for Scan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = &self.source.snapshot;
        write!(f, "Entries: {} segments, {} entries, {} stages", snapshot.segments.len(), snapshot.size, self.stages.len())
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

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics { num_rows: Precision::Inexact(self.rows), ..Statistics::new_unknown(&self.schema()) }))
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (source, groups) = (self.source.clone(), self.groups.clone());
        let threads = source.snapshot.store.threads();
        let pool = Arc::clone(context.memory_pool());
        let parts = source.parts();
        let work = Arc::new(Work::new(&source, self.stages.clone()));
        let read = move |part: &Part| {
            let worked = work.on(part, &source, &context)?;
            match &groups {
                Some(groups) => groups.run(worked, &context),
                None => Ok(worked),
            }
        };
        let schema = self.schema();
        let ordered = ahead::in_order(parts, threads, &pool, Box::new(read));
        let stream = if schema.fields().is_empty() { ordered.boxed() } else { even(ordered, Arc::clone(&schema)).boxed() };
        Ok(make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, stream))))
    }
}

/// The rows that satisfy the predicate. Sealed rows were filtered once already; doing it again costs little and keeps one rule for both.
fn keep(batch: RecordBatch, predicate: Option<&Arc<dyn PhysicalExpr>>) -> Result<RecordBatch> {
    let Some(predicate) = predicate else { return Ok(batch) };
    let verdict = verdict(predicate, &batch)?;
    Ok(filter_record_batch(&batch, &verdict)?)
}

fn verdict(predicate: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<BooleanArray> {
    let verdict = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
    let verdict = verdict.as_any().downcast_ref::<BooleanArray>().cloned();
    verdict.ok_or_else(|| exec_datafusion_err!("a filter is not a truth value"))
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
