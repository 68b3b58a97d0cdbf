//! Parquet segments: an immutable run of entries with typed columns for SQL and the signed bytes beside them.
//!
//! Parquet is never hashed for proofs. Every typed column is derived from the entry by [`Typed::of`], and verification derives it again
//! and compares each cell, so that a column which SQL reads cannot differ from what was signed.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryBuilder, FixedSizeBinaryArray, FixedSizeBinaryBuilder, Int64Array, Int64Builder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use privyseal_core::canonical;
use privyseal_core::digest::Digest;
use privyseal_core::event::EventError;
use privyseal_core::time::Timestamp;
use serde_json::Value;

use crate::log::StoredEntry;

/// Rows in a row group; also the step in which segments are read back.
const ROWS_PER_GROUP: usize = 65_536;

/// What is wrong with a segment.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// An entry has no typed columns because it is not an event.
    #[error("entry {seq} cannot be put into a segment")]
    Entry {
        /// Which.
        seq: u64,
        /// Why.
        #[source]
        source: EventError,
    },
    /// Not a Parquet file of this schema.
    #[error("not a readable segment")]
    Parquet(#[from] ParquetError),
    /// The columns are not those of a segment.
    #[error("not a readable segment")]
    Arrow(#[from] ArrowError),
    /// The columns are not those of a segment.
    #[error("the segment's columns are not those of format 1: {0}")]
    Schema(String),
}

/// The typed columns of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// Member `seq`.
    pub seq: i64,
    /// Member `time`, microseconds since 1970.
    pub time: i64,
    /// Member `id`.
    pub id: String,
    /// Member `kind`.
    pub kind: String,
    /// Member `actor.id`.
    pub actor_id: String,
    /// Member `actor.kind`.
    pub actor_kind: String,
    /// Member `actor.channel`.
    pub actor_channel: String,
    /// Member `request_id`, when present.
    pub request_id: Option<String>,
}

impl Typed {
    /// Derives the typed columns from an entry.
    ///
    /// # Errors
    /// When the entry is not canonical JSON or lacks a member.
    pub fn of(entry: &[u8]) -> Result<Self, EventError> {
        let value: Value = canonical::parse(entry)?;
        let missing = |name: &str| EventError::Schema { detail: format!("member `{name}` is missing or of another type") };
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing(name));
        let actor = value.get("actor").ok_or_else(|| missing("actor"))?;
        let time: Timestamp = text(&value, "time")?.parse().map_err(|_| missing("time"))?;
        Ok(Self {
            seq: value.get("seq").and_then(Value::as_i64).filter(|seq| *seq >= 0).ok_or_else(|| missing("seq"))?,
            time: time.micros(),
            id: text(&value, "id")?,
            kind: text(&value, "kind")?,
            actor_id: text(actor, "id")?,
            actor_kind: text(actor, "kind")?,
            actor_channel: text(actor, "channel")?,
            request_id: value.get("request_id").map(|_| text(&value, "request_id")).transpose()?,
        })
    }
}

/// The schema of a segment, and of the table `events` as it is stored.
#[must_use]
pub fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("seq", DataType::Int64, false),
        Field::new("time", time, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("actor_id", DataType::Utf8, false),
        Field::new("actor_kind", DataType::Utf8, false),
        Field::new("actor_channel", DataType::Utf8, false),
        Field::new("request_id", DataType::Utf8, true),
        Field::new("leaf", DataType::FixedSizeBinary(32), false),
        Field::new("signature", DataType::FixedSizeBinary(64), true),
        Field::new("key_id", DataType::Utf8, true),
        Field::new("entry", DataType::Binary, false),
    ]))
}

/// Entries as columns.
///
/// # Errors
/// When an entry is not an event.
pub fn to_batch(entries: &[StoredEntry]) -> Result<RecordBatch, SegmentError> {
    let rows = entries.len();
    let (mut seq, mut time) = (Int64Builder::with_capacity(rows), TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"));
    let strings = || StringBuilder::with_capacity(rows, rows * 24);
    let (mut id, mut kind, mut actor_id, mut actor_kind, mut actor_channel) = (strings(), strings(), strings(), strings(), strings());
    let (mut request_id, mut key_id) = (strings(), strings());
    let mut leaf = FixedSizeBinaryBuilder::with_capacity(rows, 32);
    let mut signature = FixedSizeBinaryBuilder::with_capacity(rows, 64);
    let mut bytes = BinaryBuilder::with_capacity(rows, entries.iter().map(|entry| entry.entry.len()).sum());
    for entry in entries {
        let typed = Typed::of(&entry.entry).map_err(|source| SegmentError::Entry { seq: entry.seq, source })?;
        seq.append_value(typed.seq);
        time.append_value(typed.time);
        id.append_value(typed.id);
        kind.append_value(typed.kind);
        actor_id.append_value(typed.actor_id);
        actor_kind.append_value(typed.actor_kind);
        actor_channel.append_value(typed.actor_channel);
        request_id.append_option(typed.request_id);
        leaf.append_value(entry.leaf.as_bytes())?;
        match &entry.signature {
            Some((value, key)) => {
                signature.append_value(value)?;
                key_id.append_value(key.to_string());
            }
            None => {
                signature.append_null();
                key_id.append_null();
            }
        }
        bytes.append_value(&entry.entry);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(seq.finish()),
        Arc::new(time.finish()),
        Arc::new(id.finish()),
        Arc::new(kind.finish()),
        Arc::new(actor_id.finish()),
        Arc::new(actor_kind.finish()),
        Arc::new(actor_channel.finish()),
        Arc::new(request_id.finish()),
        Arc::new(leaf.finish()),
        Arc::new(signature.finish()),
        Arc::new(key_id.finish()),
        Arc::new(bytes.finish()),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// Writes segments group by group, so that a large one never stands in memory as a whole.
pub struct SegmentWriter {
    writer: ArrowWriter<Vec<u8>>,
}

impl SegmentWriter {
    /// A writer for a new segment.
    ///
    /// # Errors
    /// When the encoder cannot be set up.
    pub fn new() -> Result<Self, SegmentError> {
        // zstd 1 is both smaller and faster than 3 on these columns (research/ledger.md C6). Leaves, signatures and entries are
        // unique, so dictionaries and statistics over them would only cost space.
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_created_by("privyseal segment 1".to_owned());
        for name in ["leaf", "signature", "entry", "id"] {
            let column = ColumnPath::from(name);
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_statistics_enabled(column, EnabledStatistics::None);
        }
        Ok(Self { writer: ArrowWriter::try_new(Vec::new(), schema(), Some(properties.build()))? })
    }

    /// Adds entries.
    ///
    /// # Errors
    /// When an entry is not an event.
    pub fn write(&mut self, entries: &[StoredEntry]) -> Result<(), SegmentError> {
        Ok(self.writer.write(&to_batch(entries)?)?)
    }

    /// Closes the segment and returns its bytes.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn finish(self) -> Result<Vec<u8>, SegmentError> {
        Ok(self.writer.into_inner()?)
    }
}

/// One row as it stands in a segment: the entry with what is beside it, and the typed columns as stored, not yet compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// The entry.
    pub stored: StoredEntry,
    /// The typed columns as the file has them.
    pub typed: Typed,
}

/// Reads a segment, batch by batch.
///
/// # Errors
/// When the bytes are no Parquet file, or not one of this schema.
pub fn read(bytes: Bytes) -> Result<impl Iterator<Item = Result<Vec<SegmentRow>, SegmentError>>, SegmentError> {
    let builder = guarded(|| Ok(ParquetRecordBatchReaderBuilder::try_new(bytes)?))?;
    let found: Vec<(&String, &DataType)> = builder.schema().fields().iter().map(|field| (field.name(), field.data_type())).collect();
    let wanted = schema();
    let wanted: Vec<(&String, &DataType)> = wanted.fields().iter().map(|field| (field.name(), field.data_type())).collect();
    if found != wanted {
        return Err(SegmentError::Schema(format!("{:?}", builder.schema().fields().iter().map(|field| field.name()).collect::<Vec<_>>())));
    }
    let mut reader = Some(guarded(|| Ok(builder.with_batch_size(8_192).build()?))?);
    let batches = std::iter::from_fn(move || {
        let batch = guarded(|| Ok(reader.as_mut().and_then(Iterator::next).transpose()?));
        if batch.is_err() {
            // A reader that failed is not asked again: after a panic nobody knows its state.
            reader = None;
        }
        batch.transpose()
    });
    Ok(batches.map(|batch| rows(&batch?)))
}

/// The Parquet reader panics on some damaged files instead of returning an error (fuzzing found footers with an unknown physical type).
/// What a stranger sends must not end the program, so that a panic is taken for what it says: not a readable file.
fn guarded<T>(read: impl FnOnce() -> Result<T, SegmentError>) -> Result<T, SegmentError> {
    // Unwind safe: whatever `read` was working on is thrown away by the caller.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(SegmentError::Schema("the file is damaged in a way that its reader cannot name".to_owned())))
}

fn rows(batch: &RecordBatch) -> Result<Vec<SegmentRow>, SegmentError> {
    fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, SegmentError> {
        let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
        column.ok_or_else(|| SegmentError::Schema(format!("column `{name}`")))
    }
    let seq: &Int64Array = column(batch, "seq")?;
    let time: &TimestampMicrosecondArray = column(batch, "time")?;
    let text = |name: &str| column::<StringArray>(batch, name);
    let (id, kind, request_id, key_id) = (text("id")?, text("kind")?, text("request_id")?, text("key_id")?);
    let (actor_id, actor_kind, actor_channel) = (text("actor_id")?, text("actor_kind")?, text("actor_channel")?);
    let leaf: &FixedSizeBinaryArray = column(batch, "leaf")?;
    let signature: &FixedSizeBinaryArray = column(batch, "signature")?;
    let entry: &BinaryArray = column(batch, "entry")?;
    let optional = |array: &StringArray, row: usize| (!array.is_null(row)).then(|| array.value(row).to_owned());
    (0..batch.num_rows())
        .map(|row| {
            let at = |what: &str| SegmentError::Schema(format!("row of entry {}: {what}", seq.value(row)));
            let signature = match (signature.is_null(row), optional(key_id, row)) {
                (true, None) => None,
                (false, Some(key)) => {
                    let value = signature.value(row).try_into().map_err(|_| at("signature"))?;
                    Some((value, key.parse().map_err(|_| at("key id"))?))
                }
                _ => return Err(at("a signature without its key id, or the reverse")),
            };
            let stored = StoredEntry {
                seq: u64::try_from(seq.value(row)).map_err(|_| at("negative position"))?,
                entry: entry.value(row).to_vec(),
                leaf: Digest::from_slice(leaf.value(row)).ok_or_else(|| at("leaf"))?,
                signature,
            };
            let typed = Typed {
                seq: seq.value(row),
                time: time.value(row),
                id: id.value(row).to_owned(),
                kind: kind.value(row).to_owned(),
                actor_id: actor_id.value(row).to_owned(),
                actor_kind: actor_kind.value(row).to_owned(),
                actor_channel: actor_channel.value(row).to_owned(),
                request_id: optional(request_id, row),
            };
            Ok(SegmentRow { stored, typed })
        })
        .collect()
}
