//! Files on their way out.

use std::io::{self, Read as _};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use privyseal_core::id::QueryId;
use privyseal_core::port::{FileForm, RowFile};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// The media type of a form, and the ending of a file of it.
fn media(form: FileForm) -> (&'static str, &'static str) {
    match form {
        FileForm::Csv => ("text/csv; charset=utf-8", "csv"),
        FileForm::JsonLines => ("application/jsonl", "jsonl"),
        FileForm::Parquet => ("application/vnd.apache.parquet", "parquet"),
        FileForm::Arrow => ("application/vnd.apache.arrow.stream", "arrow"),
    }
}

/// The form that a caller names.
pub(crate) fn form(name: &str) -> Option<FileForm> {
    match name {
        "csv" => Some(FileForm::Csv),
        "jsonl" => Some(FileForm::JsonLines),
        "parquet" => Some(FileForm::Parquet),
        "arrow" => Some(FileForm::Arrow),
        _ => None,
    }
}

/// The file as an answer, to be saved under a name that tells the query, and whether rows were cut: whoever finds the file later has
/// nothing else to know it by.
pub(crate) fn download(query: QueryId, file: RowFile, form: FileForm) -> Response {
    let (kind, ending) = media(form);
    let cut = if file.told.truncated { format!("-first-{}-rows", file.told.rows) } else { String::new() };
    let disposition = format!("attachment; filename=\"privyseal-query-{query}{cut}.{ending}\"");
    let headers = [
        (header::CONTENT_TYPE.as_str(), kind.to_owned()),
        (header::CONTENT_DISPOSITION.as_str(), disposition),
        ("privyseal-query", query.to_string()),
        ("privyseal-rows", file.told.rows.to_string()),
        ("privyseal-truncated", file.told.truncated.to_string()),
        ("privyseal-snapshot-size", file.told.snapshot_size.to_string()),
        ("privyseal-result-sha256", file.told.result_sha256.to_string()),
    ];
    (headers, stream(file.content)).into_response()
}

/// The bytes, read as fast as they are taken.
pub(crate) fn stream(mut content: Box<dyn io::Read + Send>) -> Body {
    let (send, receive) = mpsc::channel::<io::Result<Bytes>>(4);
    tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let chunk = match content.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => Ok(Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The connection is broken off, so that half a file is not taken for a whole one.
                Err(error) => Err(error),
            };
            let ended = chunk.is_err();
            if send.blocking_send(chunk).is_err() || ended {
                return;
            }
        }
    });
    Body::from_stream(ReceiverStream::new(receive))
}
