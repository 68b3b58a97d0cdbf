//! Small tables beside the entries: the head of the log, the checkpoints that were kept, and the calendar of the log's days.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use privyseal_core::time::Timestamp;

use crate::functions::time_type;
use crate::store::{Snapshot, StoreError};

type Read = fn(&Snapshot, SchemaRef) -> Result<RecordBatch>;

/// A table made from the snapshot when it is scanned.
pub(crate) struct Head {
    name: &'static str,
    schema: SchemaRef,
    read: Read,
}

impl Head {
    /// `head`: one row about the log.
    pub(crate) fn log() -> Self {
        let columns = [
            ("size", DataType::Int64),
            ("root", DataType::Utf8),
            ("checkpoint", DataType::Utf8),
            ("origin", DataType::Utf8),
            ("opened_at", time_type()),
            ("last_at", time_type()),
        ];
        Self { name: "head", schema: schema(&columns), read: read_log }
    }

    /// `calendar`: the UTC days from the first entry to the last.
    pub(crate) fn calendar() -> Self {
        let columns = [("day", DataType::Utf8), ("starts_at", time_type()), ("ends_at", time_type()), ("is_over", DataType::Boolean)];
        Self { name: "calendar", schema: schema(&columns), read: read_days }
    }

    /// `notes`: the checkpoints kept.
    pub(crate) fn notes() -> Self {
        Self { name: "notes", schema: schema(&[("size", DataType::Int64), ("note", DataType::Utf8)]), read: read_notes }
    }
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), false)).collect::<Vec<_>>()))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read_log(snapshot: &Snapshot, schema: SchemaRef) -> Result<RecordBatch> {
    let size = Int64Array::from(vec![signed(snapshot.size)]);
    let root = snapshot.root().map_err(|error| DataFusionError::External(Box::new(error)))?;
    let root = StringArray::from(vec![root.to_string()]);
    let checkpoint = StringArray::from(vec![snapshot.checkpoint.clone()]);
    let origin = StringArray::from(vec![snapshot.origin.clone()]);
    let (opened, last) = (times(vec![snapshot.opened_at]), times(vec![snapshot.last_at]));
    let columns: Vec<ArrayRef> = vec![Arc::new(size), Arc::new(root), Arc::new(checkpoint), Arc::new(origin), opened, last];
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn times(times: Vec<Timestamp>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(times.into_iter().map(Timestamp::micros)).with_timezone("UTC"))
}

const DAY_SECONDS: i64 = 86_400;

/// A ledger lives for decades at most; a forged time must not make a calendar without end.
const MAX_DAYS: usize = 36_600;

fn read_days(snapshot: &Snapshot, schema: SchemaRef) -> Result<RecordBatch> {
    let first = snapshot.opened_at.micros().div_euclid(DAY_SECONDS * 1_000_000);
    let last = snapshot.last_at.micros().div_euclid(DAY_SECONDS * 1_000_000);
    let starts = (first..=last).take(MAX_DAYS).map(|day| Timestamp::from_micros(day.saturating_mul(DAY_SECONDS * 1_000_000)));
    let starts: Vec<Timestamp> = starts.collect();
    let ends: Vec<Timestamp> = starts.iter().map(|start| start.plus_seconds(DAY_SECONDS)).collect();
    let names = StringArray::from_iter_values(starts.iter().map(|start| start.date()));
    let over = BooleanArray::from_iter(ends.iter().map(|end| Some(*end <= snapshot.last_at)));
    Ok(RecordBatch::try_new(schema, vec![Arc::new(names), times(starts), times(ends), Arc::new(over)])?)
}

fn read_notes(snapshot: &Snapshot, schema: SchemaRef) -> Result<RecordBatch> {
    let external = |error: StoreError| DataFusionError::External(Box::new(error));
    let notes = snapshot.store.checkpoints(snapshot.size).map_err(external)?;
    let sizes = Int64Array::from_iter_values(notes.iter().map(|(size, _)| signed(*size)));
    let texts = StringArray::from_iter_values(notes.iter().map(|(_, note)| note));
    Ok(RecordBatch::try_new(schema, vec![Arc::new(sizes), Arc::new(texts)])?)
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Head {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = state.config().get_extension::<Snapshot>();
        let snapshot = snapshot.ok_or_else(|| internal_datafusion_err!("a statement was planned without a snapshot"))?;
        let (read, schema) = (self.read, self.schema());
        // The log is read with blocking calls.
        let batch = tokio::task::spawn_blocking(move || read(&snapshot, schema))
            .await
            .map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], self.schema(), projection.cloned())?)
    }
}
