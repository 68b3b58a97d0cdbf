//! What is done with each part of the log: its rows are read, members of their entries are taken out or found among those that are kept,
//! and the stages above follow.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, BinaryViewArray, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::filter;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::utils::reassign_expr_columns;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::kept::{PartKey, Wanted};
use super::stage::Stage;
use super::{Part, Source, check_order, schema, verdict};

/// The work.
pub(super) struct Work {
    stages: Vec<Stage>,
    reuse: Option<Reuse>,
}

/// How the members that the first stage wants can be had without the entries.
#[derive(Clone)]
struct Reuse {
    wanted: Wanted,
    /// The rows of the wanted kinds, without their entries.
    source: Source,
    /// Places of the source's columns in the batch that the first stage takes; none for the entry.
    places: Vec<Option<usize>>,
    /// That batch's schema.
    schema: SchemaRef,
    /// Whether a pass takes members of all entries of these kinds, so that they can be kept.
    whole: bool,
}

type Batches = BoxStream<'static, Result<RecordBatch>>;

impl Work {
    pub(super) fn new(source: &Source, stages: Vec<Stage>) -> Self {
        let reuse = stages.first().and_then(|first| Reuse::of(source, first));
        Self { stages, reuse }
    }

    /// The rows of a part, through all stages.
    pub(super) fn on(&self, part: &Part, source: &Source, context: &Arc<TaskContext>) -> Result<Batches> {
        if let (Some(reuse), Part::Sealed { segment, start, .. }) = (&self.reuse, part) {
            let key = PartKey { segment: segment.sha256, start: *start };
            if let Some(members) = source.snapshot.store.kept().get(&reuse.wanted, key) {
                if members.iter().any(|member| member.is_empty()) {
                    return Ok(stream::empty().boxed());
                }
                return Ok(self.reuse(reuse, members, reuse.source.read(part, context)?));
            }
            if reuse.whole {
                return Ok(self.keep(reuse, key, source, source.read(part, context)?));
            }
        }
        let (output, stages, mut last_seq) = (source.output.clone(), self.stages.clone(), -1);
        let worked = source.read(part, context)?.map(move |batch| {
            let batch = batch?;
            check_order(&batch, &mut last_seq)?;
            run(&stages, batch.project(&output)?)
        });
        Ok(worked.boxed())
    }

    /// Takes the members out and keeps them once the part was read to its end.
    fn keep(&self, reuse: &Reuse, key: PartKey, source: &Source, rows: SendableRecordBatchStream) -> Batches {
        let (output, stages, wanted) = (source.output.clone(), self.stages.clone(), reuse.wanted.clone());
        let store = Arc::clone(&source.snapshot.store);
        let taken: Vec<Vec<ArrayRef>> = Vec::new();
        stream::try_unfold((rows, taken, -1), move |(mut rows, mut taken, mut last_seq)| {
            let (output, stages, wanted, store) = (output.clone(), stages.clone(), wanted.clone(), Arc::clone(&store));
            async move {
                let Some(batch) = rows.try_next().await? else {
                    store.kept().put(&wanted, key, &taken)?;
                    return Ok(None);
                };
                check_order(&batch, &mut last_seq)?;
                let batch = batch.project(&output)?;
                let Some((first, others)) = stages.split_first() else { return exec_err!("a scan has no stage") };
                let members = first.extract(&batch)?;
                taken.push(members.clone());
                let batch = run(others, first.run_with(batch, members)?)?;
                Ok(Some((batch, (rows, taken, last_seq))))
            }
        })
        .boxed()
    }

    /// Puts the members that are kept beside the rows.
    fn reuse(&self, reuse: &Reuse, members: Vec<ArrayRef>, rows: SendableRecordBatchStream) -> Batches {
        let (stages, reuse, mut from, mut last_seq) = (self.stages.clone(), reuse.clone(), 0, -1);
        let worked = rows.map(move |batch| {
            let batch = batch?;
            check_order(&batch, &mut last_seq)?;
            let rows = batch.num_rows();
            if members.iter().any(|member| member.len() < from + rows) {
                return exec_err!("a segment has other rows than before: run `privyseal verify`");
            }
            let slices = members.iter().map(|member| member.slice(from, rows)).collect();
            from += rows;
            let (batch, members) = reuse.of_stretch(batch, slices)?;
            let Some((first, others)) = stages.split_first() else { return exec_err!("a scan has no stage") };
            run(others, first.run_with(batch, members)?)
        });
        worked.boxed()
    }
}

fn run(stages: &[Stage], batch: RecordBatch) -> Result<RecordBatch> {
    stages.iter().try_fold(batch, |batch, stage| stage.run(batch))
}

impl Reuse {
    fn of(source: &Source, first: &Stage) -> Option<Self> {
        let (kinds, (text, extraction)) = (source.kinds.as_ref()?, first.members()?);
        let entry = schema().index_of("entry").ok()?;
        let columns: Vec<usize> = source.columns.iter().copied().filter(|column| *column != entry).collect();
        let place = |output: &usize| {
            let wanted = source.columns.get(*output)?;
            columns.iter().position(|column| column == wanted)
        };
        let places: Vec<Option<usize>> = source.output.iter().map(place).collect();
        // The text is the entry, and nothing else is missing without it.
        let missing: Vec<usize> = places.iter().enumerate().filter(|(_, place)| place.is_none()).map(|(index, _)| index).collect();
        if missing != [text] {
            return None;
        }
        let wanted = source.snapshot.store.kept().wanted(&kinds.text, extraction.members());
        let whole = kinds.others.is_none();
        let stored = schema();
        let taken: Vec<usize> = source.output.iter().filter_map(|output| source.columns.get(*output).copied()).collect();
        let taken = Arc::new(stored.project(&taken).ok()?);
        let source = Source { columns, predicate: Some(Arc::clone(&kinds.kinds)), ..source.clone() };
        Some(Self { wanted, source, places, schema: taken, whole })
    }

    /// The batch that the first stage takes, of the rows of the wanted stretch of the log, with the members beside it.
    fn of_stretch(&self, batch: RecordBatch, mut members: Vec<ArrayRef>) -> Result<(RecordBatch, Vec<ArrayRef>)> {
        let mut columns = batch.columns().to_vec();
        let mut rows = batch.num_rows();
        if let Some(others) = self.source.kinds.as_ref().and_then(|kinds| kinds.others.as_ref()) {
            let others = reassign_expr_columns(Arc::clone(others), &batch.schema())?;
            let verdict = verdict(&others, &batch)?;
            rows = verdict.true_count();
            columns = columns.iter().map(|column| filter(column, &verdict)).collect::<Result<_, _>>()?;
            members = members.iter().map(|member| filter(member, &verdict)).collect::<Result<_, _>>()?;
        }
        let columns = self.places.iter().map(|place| match place {
            Some(place) => columns.get(*place).map(Arc::clone).ok_or_else(|| exec_datafusion_err!("a column of the batch is missing")),
            // Nothing looks at the entries themselves.
            None => Ok(Arc::new(BinaryViewArray::new(ScalarBuffer::from(vec![0_u128; rows]), Vec::new(), None)) as ArrayRef),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok((RecordBatch::try_new(Arc::clone(&self.schema), columns)?, members))
    }
}
