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
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::ColumnPath;
use privyseal_core::digest::Digest;
use privyseal_core::event::{Entry, EventError, Kind};
use privyseal_core::note::KeyId;

use crate::log::StoredEntry;

/// Rows in a row group.
const ROWS_PER_GROUP: usize = 65_536;

/// Rows in a page. A reader that knows from the page index which pages it needs decodes no more than this for one row; the pages of
/// `entry` are smaller, because they end at a megabyte.
const ROWS_PER_PAGE: usize = 4_096;

/// How often the filter over `request_id` says that a request may be in a row group which is not.
const FALSE_POSITIVES: f64 = 0.01;

/// Rows that are decoded at a time.
pub const BATCH_ROWS: usize = 8_192;

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
    /// When it is not an entry.
    pub fn of(entry: &[u8]) -> Result<Self, EventError> {
        let entry = Entry::read(entry)?;
        let seq = i64::try_from(entry.seq).map_err(|_| EventError::Schema { detail: "`seq` is too large".to_owned() })?;
        Ok(Self {
            seq,
            time: entry.time.micros(),
            id: entry.id.to_owned(),
            kind: entry.kind.name().to_owned(),
            actor_id: entry.actor_id.to_owned(),
            actor_kind: entry.actor_kind.to_owned(),
            actor_channel: entry.actor_channel.to_owned(),
            request_id: entry.request_id.map(str::to_owned),
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
    let mut key_text = (None, String::new());
    for entry in entries {
        let failed = |source| SegmentError::Entry { seq: entry.seq, source };
        let typed = Entry::read(&entry.entry).map_err(failed)?;
        seq.append_value(i64::try_from(typed.seq).unwrap_or(i64::MAX));
        time.append_value(typed.time.micros());
        id.append_value(typed.id);
        kind.append_value(typed.kind.name());
        actor_id.append_value(typed.actor_id);
        actor_kind.append_value(typed.actor_kind);
        actor_channel.append_value(typed.actor_channel);
        request_id.append_option(typed.request_id);
        leaf.append_value(entry.leaf.as_bytes())?;
        match &entry.signature {
            Some((value, key)) => {
                signature.append_value(value)?;
                if key_text.0 != Some(*key) {
                    key_text = (Some(*key), key.to_string());
                }
                key_id.append_value(&key_text.1);
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
        // Each choice was measured: docs/BENCHMARKS.md, "Layout of segments".
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_data_page_row_count_limit(ROWS_PER_PAGE)
            // Sized for a row group in which every entry is of another request, and folded to what is really there.
            .set_column_bloom_filter_fpp(ColumnPath::from("request_id"), FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(ColumnPath::from("request_id"), u64::try_from(ROWS_PER_GROUP).unwrap_or(u64::MAX))
            .set_created_by("privyseal segment 1".to_owned());
        // What never repeats gains nothing from a dictionary.
        for name in ["seq", "time", "id", "leaf", "signature", "entry"] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
        }
        for name in ["seq", "time"] {
            properties = properties.set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
        }
        // Ids begin with their millisecond, so that least and most of a page or row group say whether one can be in it. Of hashes,
        // signatures and entries they say nothing.
        for name in ["leaf", "signature", "entry"] {
            properties = properties.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
        }
        // Nothing makes random bytes smaller.
        for name in ["leaf", "signature"] {
            properties = properties.set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED);
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
    Ok(batches(bytes, 0)?.map(|batch| {
        let batch = batch?;
        let columns = Columns::of(&batch)?;
        (0..columns.rows()).map(|row| Ok(SegmentRow { stored: columns.stored(row)?, typed: columns.typed(row) })).collect()
    }))
}

/// Reads a segment as columns from row `skip` on, 8,192 rows at a time; of a file only the pages that are being decoded are in memory.
///
/// # Errors
/// When it is no Parquet file, or not one of this schema.
pub fn batches<R: ChunkReader + 'static>(
    source: R,
    skip: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch, SegmentError>> + use<R>, SegmentError> {
    let builder = guarded(|| Ok(ParquetRecordBatchReaderBuilder::try_new(source)?))?;
    let found: Vec<(&String, &DataType)> = builder.schema().fields().iter().map(|field| (field.name(), field.data_type())).collect();
    let wanted = schema();
    let wanted: Vec<(&String, &DataType)> = wanted.fields().iter().map(|field| (field.name(), field.data_type())).collect();
    if found != wanted {
        return Err(SegmentError::Schema(format!("{:?}", builder.schema().fields().iter().map(|field| field.name()).collect::<Vec<_>>())));
    }
    let mut reader = Some(guarded(|| Ok(builder.with_batch_size(BATCH_ROWS).with_offset(skip).build()?))?);
    Ok(std::iter::from_fn(move || {
        let batch = guarded(|| Ok(reader.as_mut().and_then(Iterator::next).transpose()?));
        if batch.is_err() {
            // A reader that failed is not asked again: after a panic nobody knows its state.
            reader = None;
        }
        batch.transpose()
    }))
}

/// The Parquet reader panics on some damaged files instead of returning an error (fuzzing found footers with an unknown physical type).
/// What a stranger sends must not end the program, so that a panic is taken for what it says: not a readable file.
fn guarded<T>(read: impl FnOnce() -> Result<T, SegmentError>) -> Result<T, SegmentError> {
    // Unwind safe: whatever `read` was working on is thrown away by the caller.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(SegmentError::Schema("the file is damaged in a way that its reader cannot name".to_owned())))
}

/// The columns of a batch, to be compared row by row.
pub struct Columns<'a> {
    rows: usize,
    seq: &'a Int64Array,
    time: &'a TimestampMicrosecondArray,
    id: &'a StringArray,
    kind: &'a StringArray,
    actor_id: &'a StringArray,
    actor_kind: &'a StringArray,
    actor_channel: &'a StringArray,
    request_id: &'a StringArray,
    leaf: &'a FixedSizeBinaryArray,
    signature: &'a FixedSizeBinaryArray,
    key_id: &'a StringArray,
    entry: &'a BinaryArray,
}

impl<'a> Columns<'a> {
    /// The columns of a batch of a segment.
    ///
    /// # Errors
    /// When they are not those of format 1, or a cell is null where none may be.
    pub fn of(batch: &'a RecordBatch) -> Result<Self, SegmentError> {
        fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str, nullable: bool) -> Result<&'a T, SegmentError> {
            let column = batch.column_by_name(name).filter(|column| nullable || column.null_count() == 0);
            column.and_then(|column| column.as_any().downcast_ref::<T>()).ok_or_else(|| SegmentError::Schema(format!("column `{name}`")))
        }
        Ok(Self {
            rows: batch.num_rows(),
            seq: column(batch, "seq", false)?,
            time: column(batch, "time", false)?,
            id: column(batch, "id", false)?,
            kind: column(batch, "kind", false)?,
            actor_id: column(batch, "actor_id", false)?,
            actor_kind: column(batch, "actor_kind", false)?,
            actor_channel: column(batch, "actor_channel", false)?,
            request_id: column(batch, "request_id", true)?,
            leaf: column(batch, "leaf", false)?,
            signature: column(batch, "signature", true)?,
            key_id: column(batch, "key_id", true)?,
            entry: column(batch, "entry", false)?,
        })
    }

    /// Rows in the batch.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the row holds this entry, byte for byte, with its leaf and signature.
    #[must_use]
    pub fn holds(&self, row: usize, stored: &StoredEntry) -> bool {
        let signed = match &stored.signature {
            None => self.signature.is_null(row) && self.key_id.is_null(row),
            Some((signature, key)) => {
                !self.signature.is_null(row)
                    && !self.key_id.is_null(row)
                    && self.signature.value(row) == signature
                    && self.key_id.value(row).parse() == Ok(*key)
            }
        };
        signed
            && u64::try_from(self.seq.value(row)) == Ok(stored.seq)
            && self.leaf.value(row) == stored.leaf.as_bytes()
            && self.entry.value(row) == stored.entry
    }

    /// Whether the row's entry is of one of these kinds.
    #[must_use]
    pub fn is_of(&self, row: usize, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| kind.name() == self.kind.value(row))
    }

    /// The first typed column of the row that is not what the entry says.
    #[must_use]
    pub fn differs(&self, row: usize, entry: &Entry<'_>) -> Option<&'static str> {
        let request_id = (!self.request_id.is_null(row)).then(|| self.request_id.value(row));
        let same = [
            ("seq", u64::try_from(self.seq.value(row)) == Ok(entry.seq)),
            ("time", self.time.value(row) == entry.time.micros()),
            ("id", self.id.value(row) == entry.id),
            ("kind", self.kind.value(row) == entry.kind.name()),
            ("actor_id", self.actor_id.value(row) == entry.actor_id),
            ("actor_kind", self.actor_kind.value(row) == entry.actor_kind),
            ("actor_channel", self.actor_channel.value(row) == entry.actor_channel),
            ("request_id", request_id == entry.request_id),
        ];
        same.iter().find(|(_, same)| !same).map(|(name, _)| *name)
    }

    /// The first row that is not this entry with its typed columns; `None` when all are.
    #[must_use]
    pub fn equal(&self, entries: &[StoredEntry]) -> Option<usize> {
        let same = |row: usize, stored: &StoredEntry| {
            self.holds(row, stored) && Entry::read(&stored.entry).is_ok_and(|entry| self.differs(row, &entry).is_none())
        };
        let differs = entries.iter().enumerate().position(|(row, stored)| row >= self.rows || !same(row, stored));
        differs.or((self.rows != entries.len()).then_some(entries.len().min(self.rows)))
    }

    /// The bytes of the row's entry.
    #[must_use]
    pub fn entry(&self, row: usize) -> &'a [u8] {
        self.entry.value(row)
    }

    /// The row's leaf, as it stands.
    #[must_use]
    pub fn leaf(&self, row: usize) -> Option<Digest> {
        Digest::from_slice(self.leaf.value(row))
    }

    /// The row's signature and the key that made it.
    ///
    /// # Errors
    /// When one stands without the other, or either is malformed.
    pub fn signature(&self, row: usize) -> Result<Option<([u8; 64], KeyId)>, SegmentError> {
        let at = |what: &str| SegmentError::Schema(format!("row of entry {}: {what}", self.seq.value(row)));
        match (self.signature.is_null(row), self.key_id.is_null(row)) {
            (true, true) => Ok(None),
            (false, false) => {
                let value = self.signature.value(row).try_into().map_err(|_| at("signature"))?;
                Ok(Some((value, self.key_id.value(row).parse().map_err(|_| at("key id"))?)))
            }
            _ => Err(at("a signature without its key id, or the reverse")),
        }
    }

    /// The entry of the row with what is beside it.
    ///
    /// # Errors
    /// When what is beside it is malformed.
    pub fn stored(&self, row: usize) -> Result<StoredEntry, SegmentError> {
        let at = |what: &str| SegmentError::Schema(format!("row of entry {}: {what}", self.seq.value(row)));
        Ok(StoredEntry {
            seq: u64::try_from(self.seq.value(row)).map_err(|_| at("negative position"))?,
            entry: self.entry(row).to_vec(),
            leaf: self.leaf(row).ok_or_else(|| at("leaf"))?,
            signature: self.signature(row)?,
        })
    }

    /// The typed columns of the row, as they stand.
    #[must_use]
    pub fn typed(&self, row: usize) -> Typed {
        Typed {
            seq: self.seq.value(row),
            time: self.time.value(row),
            id: self.id.value(row).to_owned(),
            kind: self.kind.value(row).to_owned(),
            actor_id: self.actor_id.value(row).to_owned(),
            actor_kind: self.actor_kind.value(row).to_owned(),
            actor_channel: self.actor_channel.value(row).to_owned(),
            request_id: (!self.request_id.is_null(row)).then(|| self.request_id.value(row).to_owned()),
        }
    }
}
