//! Rows as files: CSV that spreadsheets cannot be attacked with, Parquet, and Arrow IPC. Batches are written as they come.

use std::io::{self, Seek as _, Write};
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use privyseal_core::port::{FileForm, QueryError};
use privyseal_core::text::inert;
use serde_json::Value;
use tempfile::{SpooledTempFile, spooled_tempfile_in};

/// Bytes kept in memory before a file of rows moves to the disk.
const IN_MEMORY_BYTES: usize = 4 << 20;

/// Where the bytes of a file of rows go: memory, then a temporary file without a name. It takes no more than it may.
pub(crate) struct Spool {
    file: SpooledTempFile,
    length: u64,
    max: u64,
}

/// More bytes than allowed.
#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {0} MiB: ask for fewer rows or columns")]
struct TooLong(u64);

impl Spool {
    /// At most `max_bytes` bytes, in `folder` when they are many.
    pub(crate) fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self { file: spooled_tempfile_in(IN_MEMORY_BYTES, folder), length: 0, max: max_bytes }
    }

    /// Its length, and itself from the beginning.
    pub(crate) fn read(mut self) -> io::Result<(u64, SpooledTempFile)> {
        self.file.rewind()?;
        Ok((self.length, self.file))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if length > self.max {
            return Err(io::Error::other(TooLong(self.max >> 20)));
        }
        let written = self.file.write(bytes)?;
        self.length += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes batches in one of the forms.
pub(crate) enum Writer {
    Csv(Spool),
    JsonLines(Spool, Vec<String>),
    Parquet(Box<ArrowWriter<Spool>>),
    Arrow(Box<StreamWriter<Spool>>),
}

impl Writer {
    pub(crate) fn new(form: FileForm, schema: &SchemaRef, mut out: Spool) -> Result<Self, QueryError> {
        Ok(match form {
            FileForm::Csv => {
                let names: Vec<String> = schema.fields().iter().map(|field| quoted(&inert(field.name()))).collect();
                write!(out, "{}\r\n", names.join(",")).map_err(failed)?;
                Writer::Csv(out)
            }
            FileForm::JsonLines => {
                let names = schema.fields().iter().map(|field| Value::from(field.name().as_str()).to_string());
                Writer::JsonLines(out, names.collect())
            }
            FileForm::Parquet => {
                let level = ZstdLevel::try_new(3).map_err(parquet_failed)?;
                let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
                let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties)).map_err(parquet_failed)?;
                Writer::Parquet(Box::new(writer))
            }
            FileForm::Arrow => Writer::Arrow(Box::new(StreamWriter::try_new(out, schema).map_err(arrow_failed)?)),
        })
    }

    /// Adds a batch, which is given as columns and as the rows that they make.
    pub(crate) fn write(&mut self, batch: &RecordBatch, rows: &[Vec<Value>]) -> Result<(), QueryError> {
        match self {
            Writer::Csv(out) => out.write_all(csv(batch, rows).as_bytes()).map_err(failed),
            Writer::JsonLines(out, names) => out.write_all(json_lines(names, rows).as_bytes()).map_err(failed),
            Writer::Parquet(writer) => writer.write(batch).map_err(parquet_failed),
            Writer::Arrow(writer) => writer.write(batch).map_err(arrow_failed),
        }
    }

    pub(crate) fn finish(self) -> Result<Spool, QueryError> {
        match self {
            Writer::Csv(out) | Writer::JsonLines(out, _) => Ok(out),
            Writer::Parquet(writer) => writer.into_inner().map_err(parquet_failed),
            Writer::Arrow(writer) => writer.into_inner().map_err(arrow_failed),
        }
    }
}

/// The schema alone, as an Arrow IPC stream.
pub(crate) fn schema_bytes(schema: &SchemaRef) -> Result<Vec<u8>, QueryError> {
    StreamWriter::try_new(Vec::new(), schema).and_then(StreamWriter::into_inner).map_err(arrow_failed)
}

pub(crate) fn failed(error: io::Error) -> QueryError {
    match error.get_ref().is_some_and(|inner| inner.is::<TooLong>()) {
        true => QueryError::Limit(error.to_string()),
        false => QueryError::Failed(format!("the file of rows cannot be kept: {error}")),
    }
}

fn parquet_failed(error: ParquetError) -> QueryError {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => failed(*error),
            Err(cause) => QueryError::Refused(format!("the answer cannot be written as Parquet: {cause}")),
        },
        other => QueryError::Refused(format!("the answer cannot be written as Parquet: {other}")),
    }
}

fn arrow_failed(error: ArrowError) -> QueryError {
    match error {
        ArrowError::IoError(_, error) => failed(error),
        other => QueryError::Refused(format!("the answer cannot be written as Arrow: {other}")),
    }
}

fn json_lines(names: &[String], rows: &[Vec<Value>]) -> String {
    let mut lines = String::new();
    for row in rows {
        for (place, (name, value)) in names.iter().zip(row).enumerate() {
            lines.push_str(if place == 0 { "{" } else { "," });
            lines.push_str(name);
            lines.push(':');
            lines.push_str(&value.to_string());
        }
        lines.push_str(if names.is_empty() { "{}\n" } else { "}\n" });
    }
    lines
}

/// The rows of a batch as CSV lines.
fn csv(batch: &RecordBatch, rows: &[Vec<Value>]) -> String {
    // Numbers and moments are ours and may begin with a minus; texts are anybody's.
    let texts: Vec<bool> = batch.schema().fields().iter().map(|field| is_text(field.data_type())).collect();
    let mut lines = String::new();
    for row in rows {
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
    lines
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..))
}

fn inert_unless_number(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        other => inert(&other.to_string()).into_owned(),
    }
}

/// An empty text is quoted, so that it differs from NULL.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(['"', ',', '\r', '\n', ';', '\t']) && text.trim() == text;
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}
