//! The rows of an answer, batch by batch. They are read when they are wanted, so that a slow reader costs a file and no memory.

use std::io::{BufReader, Read};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;

type Reader = StreamReader<BufReader<Box<dyn Read + Send>>>;

/// Batches of an Arrow IPC stream, or a few that are in memory.
pub(crate) enum Batches {
    Memory(std::vec::IntoIter<RecordBatch>),
    /// None once it has ended or failed.
    File(Option<Box<Reader>>),
}

impl Batches {
    /// Opens an answer. Reading blocks on the disk, so it is done elsewhere.
    pub(crate) async fn open(content: Box<dyn Read + Send>) -> Result<(Self, SchemaRef), ArrowError> {
        let reader = blocking(move || StreamReader::try_new(BufReader::new(content), None)).await??;
        let schema = reader.schema();
        Ok((Batches::File(Some(Box::new(reader))), schema))
    }

    /// The next batch; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        match self {
            Batches::Memory(batches) => Ok(batches.next()),
            Batches::File(place) => {
                let Some(mut reader) = place.take() else { return Ok(None) };
                let (reader, batch) = blocking(move || {
                    let batch = reader.next();
                    (reader, batch)
                })
                .await?;
                let batch = batch.transpose()?;
                if batch.is_some() {
                    *place = Some(reader);
                }
                Ok(batch)
            }
        }
    }
}

/// The schema of an Arrow IPC stream without rows.
pub(crate) fn schema_of(bytes: &[u8]) -> Result<SchemaRef, ArrowError> {
    Ok(StreamReader::try_new(bytes, None)?.schema())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ArrowError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ArrowError::IpcError(format!("reading an answer was broken off: {error}")))
}
