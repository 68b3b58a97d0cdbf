//! Rows as files: CSV that spreadsheets cannot be attacked with, Parquet, and Arrow IPC. Batches are written as they come.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use privyseal_core::port::QueryError;
use serde_json::Value;

use crate::answer;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// RFC 4180 with a header line. Texts that a spreadsheet would take for a formula get an apostrophe in front.
    Csv,
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// The Arrow IPC stream format.
    Arrow,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Rows written.
    pub rows: u64,
    /// Whether rows were cut at the limit.
    pub truncated: bool,
    /// Entries of the log that the statement saw.
    pub snapshot_size: u64,
}

/// Why an export is not complete. What was written until then is worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The statement gave no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The place it was written to refuses.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
}

/// Writes batches in one of the formats.
pub(crate) enum Writer<'w> {
    Csv(&'w mut (dyn Write + Send)),
    Parquet(Box<ArrowWriter<&'w mut (dyn Write + Send)>>),
    Arrow(Box<StreamWriter<&'w mut (dyn Write + Send)>>),
}

impl<'w> Writer<'w> {
    pub(crate) fn new(format: Export, schema: &SchemaRef, out: &'w mut (dyn Write + Send)) -> Result<Self, ExportError> {
        Ok(match format {
            Export::Csv => {
                let names: Vec<String> = schema.fields().iter().map(|field| quoted(&inert(field.name()))).collect();
                write!(out, "{}\r\n", names.join(","))?;
                Writer::Csv(out)
            }
            Export::Parquet => {
                let level = ZstdLevel::try_new(3).map_err(parquet_failed)?;
                let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
                let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties)).map_err(parquet_failed)?;
                Writer::Parquet(Box::new(writer))
            }
            Export::Arrow => Writer::Arrow(Box::new(StreamWriter::try_new(out, schema).map_err(arrow_failed)?)),
        })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        match self {
            Writer::Csv(out) => Ok(out.write_all(csv(batch)?.as_bytes())?),
            Writer::Parquet(writer) => writer.write(batch).map_err(parquet_failed),
            Writer::Arrow(writer) => writer.write(batch).map_err(arrow_failed),
        }
    }

    pub(crate) fn finish(self) -> Result<(), ExportError> {
        match self {
            Writer::Csv(out) => Ok(out.flush()?),
            Writer::Parquet(writer) => writer.close().map(|_| ()).map_err(parquet_failed),
            Writer::Arrow(mut writer) => writer.finish().map_err(arrow_failed),
        }
    }
}

/// Batches as the bytes of a file.
pub(crate) fn to_bytes(format: Export, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(format, schema, &mut bytes)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(bytes)
}

fn parquet_failed(error: ParquetError) -> ExportError {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => ExportError::Write(*error),
            Err(cause) => ExportError::Query(QueryError::Refused(format!("the answer cannot be written as Parquet: {cause}"))),
        },
        other => ExportError::Query(QueryError::Refused(format!("the answer cannot be written as Parquet: {other}"))),
    }
}

fn arrow_failed(error: ArrowError) -> ExportError {
    match error {
        ArrowError::IoError(_, error) => ExportError::Write(error),
        other => ExportError::Query(QueryError::Refused(format!("the answer cannot be written as Arrow: {other}"))),
    }
}

/// The rows of a batch as CSV lines.
fn csv(batch: &RecordBatch) -> Result<String, QueryError> {
    // Numbers and moments are ours and may begin with a minus; texts are anybody's.
    let texts: Vec<bool> = batch.schema().fields().iter().map(|field| is_text(field.data_type())).collect();
    let mut lines = String::new();
    for row in answer::rows(batch)? {
        for (place, value) in row.iter().enumerate() {
            if place > 0 {
                lines.push(',');
            }
            match value {
                Value::Null => {}
                Value::String(text) if texts.get(place) == Some(&true) => lines.push_str(&quoted(&inert(text))),
                Value::String(text) => lines.push_str(&quoted(text)),
                other => lines.push_str(&quoted(&inert_unless_number(other))),
            }
        }
        lines.push_str("\r\n");
    }
    Ok(lines)
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..))
}

fn inert_unless_number(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        other => inert(&other.to_string()),
    }
}

/// A text that no spreadsheet takes for a formula.
fn inert(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if risky { format!("'{text}") } else { text.to_owned() }
}

/// An empty text is quoted, so that it differs from NULL.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(['"', ',', '\r', '\n', ';', '\t']) && text.trim() == text;
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}
