//! The traits through which one adapter reaches another. Adapters never name each other; the binary joins them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::finding::Findings;
use crate::time::{Period, Timestamp};

/// A future that can cross threads, so that traits stay usable as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Text files that come with the program or lie beside it: `controls/`, `queries/`, `templates/`.
///
/// Paths are relative, with `/`, in the same words on every system. One source always answers the same: content is read once, at
/// start, and a change takes a restart.
pub trait ContentSource: Send + Sync {
    /// The text of a file; none when there is no such file or it is not UTF-8.
    fn read(&self, path: &str) -> Option<Cow<'_, str>>;

    /// The paths of all files below a prefix such as `controls/`, sorted.
    fn list(&self, prefix: &str) -> Vec<String>;
}

impl ContentSource for BTreeMap<String, String> {
    fn read(&self, path: &str) -> Option<Cow<'_, str>> {
        self.get(path).map(|text| Cow::Borrowed(text.as_str()))
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        self.keys().filter(|path| path.starts_with(prefix)).cloned().collect()
    }
}

/// The wall clock. The engine owns the only real one.
pub trait Clock: Send + Sync {
    /// The present moment. It never goes back.
    fn now(&self) -> Timestamp;

    /// Tells the clock that a moment has been, so that it shows none before it.
    fn not_before(&self, _moment: Timestamp) {}

    /// A jump of the clock underneath that nobody was told of yet. Whoever takes it tells it.
    fn take_jump(&self) -> Option<ClockJump> {
        None
    }
}

/// The clock underneath was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockJump {
    /// By how many microseconds; negative when it was set back.
    pub by_us: i64,
    /// When, by the time that would have been without it.
    pub at: Timestamp,
}

/// What an outside advisor answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counsel {
    /// Points to add to the risk, 0 to 100.
    pub points: u8,
    /// Why.
    pub because: String,
}

/// An outside advisor on risk. It can only raise it.
pub trait Advisor: Send + Sync {
    /// Its name, as it is recorded.
    fn name(&self) -> &str;

    /// Asks it. Blocks until it answers or its time is over.
    ///
    /// # Errors
    /// With why there is no advice.
    fn advise(&self, question: &serde_json::Value) -> Result<Counsel, String>;
}

/// What an outside server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// HTTP status.
    pub status: u16,
    /// Media type as the server wrote it; empty when it did not.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends to outside servers: witnesses and timestamping authorities. Only the binary has a client for HTTP.
///
/// A call blocks, ends within seconds whatever the server does, follows no redirects and reads at most 64 KiB.
pub trait Post: Send + Sync {
    /// Sends one POST request.
    ///
    /// # Errors
    /// In words for the operator, when no whole answer came. A status that means failure is an answer.
    fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Posted, String>;
}

/// Limits on one statement of untrusted SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Most rows handed out; further rows are cut and the answer says so.
    pub max_rows: usize,
    /// Longest running time in milliseconds.
    pub timeout_ms: u64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { max_rows: 10_000, timeout_ms: 30_000 }
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerColumn {
    /// Its name.
    pub name: String,
    /// Its SQL type, in lower case.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The answer to a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its columns.
    pub columns: Vec<AnswerColumn>,
    /// Its rows; times as RFC 3339, bytes as hex, integers beyond 2^53 as strings.
    pub rows: Vec<Vec<Value>>,
    /// Whether rows were cut at the limit.
    pub truncated: bool,
    /// Entries of the log that it saw.
    pub snapshot_size: u64,
    /// SHA-256 over the canonical JSON of columns and rows; fractions enter it as strings.
    pub result_sha256: Digest,
}

/// The form of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// RFC 4180 with a header line; no text in it is a formula to a spreadsheet.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// Why a statement has no answer. The text is safe to show to whoever sent the statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Not allowed or not understood: the sender can fix it.
    #[error("{0}")]
    Refused(String),
    /// Over a limit of time, memory or rows.
    #[error("{0}")]
    Limit(String),
    /// Our own failure.
    #[error("{0}")]
    Failed(String),
}

/// Documentation of one column, shown wherever the schema is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnDoc {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Meaning, values, when null.
    pub meaning: String,
}

/// Documentation of one table or view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableDoc {
    /// Its name.
    pub name: String,
    /// What a row is.
    pub meaning: String,
    /// Its columns in order.
    pub columns: Vec<ColumnDoc>,
}

/// Documentation of one parameter of a saved query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterDoc {
    /// Its name; it stands in the SQL behind a `$`.
    pub name: String,
    /// Its type: `integer`, `text`, `boolean`, `text[]` or `timestamp` (RFC 3339 text, or null for the default that the meaning names).
    #[serde(rename = "type")]
    pub kind: String,
    /// The value that holds when none is given, as JSON.
    pub default: Value,
    /// What it does.
    pub meaning: String,
}

/// A question that comes with the program: a statement with its documentation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryDoc {
    /// Its name: that of its file in `queries/library/`, without `.sql`.
    pub name: String,
    /// The question in one line.
    pub title: String,
    /// What the answer says, and how to read it.
    pub meaning: String,
    /// Its parameters, in the order in which they are to be asked for.
    pub parameters: Vec<ParameterDoc>,
    /// The columns of its answer, in order.
    pub columns: Vec<ColumnDoc>,
    /// The statement, with `$name` where a parameter stands.
    pub sql: String,
    /// The same statement with every parameter at its default, under its title: it runs as it stands, where parameters cannot be given.
    pub ready: String,
}

/// SQL and control tests over the ledger. Implemented by the analytics crate; every call sees all that was acknowledged before it.
pub trait Analytics: Send + Sync {
    /// Runs one read-only statement. Dropping the future cancels it.
    fn query<'a>(&'a self, sql: &'a str, limits: QueryLimits) -> BoxFuture<'a, Result<Answer, QueryError>>;

    /// Runs one read-only statement and gives the same rows twice: as an answer, whose digest can be recorded, and as a file. Dropping
    /// the future cancels it.
    fn query_file<'a>(&'a self, sql: &'a str, form: FileForm, limits: QueryLimits) -> BoxFuture<'a, Result<(Answer, Vec<u8>), QueryError>>;

    /// The tables that statements can use.
    fn tables(&self) -> &[TableDoc];

    /// The questions that come with the program, by name. None where there is no SQL.
    fn library(&self) -> &[QueryDoc] {
        &[]
    }

    /// Runs the control tests of these frameworks over a period.
    fn assess<'a>(&'a self, frameworks: &'a [String], period: Period) -> BoxFuture<'a, Result<Findings, QueryError>>;
}

/// A finished evidence pack.
#[derive(Clone, Debug, PartialEq)]
pub struct PackFile {
    /// Name to save it under.
    pub name: String,
    /// The zip file.
    pub bytes: Vec<u8>,
    /// Digest of all content outside `seal/`.
    pub pack_digest: Digest,
    /// SHA-256 of `bytes`.
    pub file_sha256: Digest,
    /// What was found, for the record of the run.
    pub findings: Findings,
}

/// Builds evidence packs. Implemented in the binary, which alone knows findings, proofs and renderers.
pub trait Packs: Send + Sync {
    /// Builds the pack of these frameworks over a period.
    fn build<'a>(&'a self, frameworks: &'a [String], period: Period) -> BoxFuture<'a, Result<PackFile, QueryError>>;
}
