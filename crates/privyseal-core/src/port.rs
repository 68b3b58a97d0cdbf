//! The traits through which one adapter reaches another. Adapters never name each other; the binary joins them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::finding::{Findings, Item};
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

/// A statement with everything beside the log that its answer depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The statement. It may end in `AS OF SEQ n`, which means the same as `as_of_seq`.
    pub sql: String,
    /// Values of the parameters `$name` in it: texts, integers, truth values, lists of texts, `null`. They are put in place as values and
    /// can never change what the statement says. Moments are texts.
    pub parameters: Map<String, Value>,
    /// The entry that was the newest one when the question is asked; the newest of all when absent.
    pub as_of_seq: Option<u64>,
    /// Who asks. Statements of one asker wait for each other before they make others wait.
    pub asker: String,
}

impl Question {
    /// A statement without parameters, over the log as it is.
    #[must_use]
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), ..Self::default() }
    }
}

/// Limits on one statement of untrusted SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Most rows of an answer; further rows are cut and the answer says so.
    pub max_rows: usize,
    /// Most rows of a file; further rows are cut and it says so.
    pub max_file_rows: usize,
    /// Most bytes of a file of rows.
    pub max_bytes: u64,
    /// Longest time in milliseconds, waiting for a turn included.
    pub timeout_ms: u64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { max_rows: 10_000, max_file_rows: 10_000_000, max_bytes: 1 << 30, timeout_ms: 30_000 }
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
    /// One JSON object per line, its members in the order of the columns.
    JsonLines,
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// The Arrow IPC stream format.
    Arrow,
}

/// What a file of rows holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsTold {
    /// Rows in it.
    pub rows: u64,
    /// Whether rows were cut at the limit.
    pub truncated: bool,
    /// Entries of the log that the statement saw.
    pub snapshot_size: u64,
    /// The same digest that an [`Answer`] with these rows has.
    pub result_sha256: Digest,
}

/// All rows of an answer as a file: complete when it is handed out, so that it can be recorded before the first byte leaves. Large ones
/// lie in a temporary file that nobody else can open, and vanish with this value.
pub struct RowFile {
    /// What it holds.
    pub told: RowsTold,
    /// Its length in bytes.
    pub length: u64,
    /// Its bytes. Reading blocks on the disk.
    pub content: Box<dyn std::io::Read + Send>,
}

impl std::fmt::Debug for RowFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowFile").field("told", &self.told).field("length", &self.length).finish_non_exhaustive()
    }
}

/// What is known of a statement without running it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Columns of its answer.
    pub columns: Vec<AnswerColumn>,
    /// The same as an Arrow IPC stream without rows.
    pub arrow: Vec<u8>,
    /// Names of its parameters, without `$`, sorted.
    pub parameters: Vec<String>,
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

impl QueryError {
    /// The place in the statement that it names: line and column, both from 1, in characters.
    #[must_use]
    pub fn place(&self) -> Option<(usize, usize)> {
        let (Self::Refused(message) | Self::Limit(message) | Self::Failed(message)) = self;
        let message = message.to_ascii_lowercase();
        let (_, from_line) = message.rsplit_once("line")?;
        let (line, from_column) = from_line.split_once(", column")?;
        let number = |text: &str| {
            let digits: String = text.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        Some((number(line)?, number(from_column)?))
    }
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

/// Documentation of one of our functions. `example` is SQL that gives `result`; a test runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionDoc {
    /// Its name.
    pub name: &'static str,
    /// How it is called, with the types of its arguments and result.
    pub usage: &'static str,
    /// What it gives.
    pub meaning: &'static str,
    /// A statement that uses it.
    pub example: &'static str,
    /// The one value that the example gives, as it stands in JSON.
    pub result: &'static str,
}

/// SQL and control tests over the ledger. Implemented by the analytics crate; every call sees all that was acknowledged before it.
pub trait Analytics: Send + Sync {
    /// Runs one read-only statement. Dropping the future cancels it.
    fn query<'a>(&'a self, question: &'a Question, limits: QueryLimits) -> BoxFuture<'a, Result<Answer, QueryError>>;

    /// Runs one read-only statement and gives its rows as a file. Dropping the future cancels it.
    fn file<'a>(&'a self, question: &'a Question, form: FileForm, limits: QueryLimits) -> BoxFuture<'a, Result<RowFile, QueryError>>;

    /// Plans one read-only statement without running it. Parameters need no values, except lists that are unnested.
    fn describe<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Described, QueryError>>;

    /// The tables that statements can use.
    fn tables(&self) -> &[TableDoc];

    /// Our own functions, beside those that every SQL has. None where there is no SQL.
    fn functions(&self) -> &[FunctionDoc] {
        &[]
    }

    /// The questions that come with the program, by name. None where there is no SQL.
    fn library(&self) -> &[QueryDoc] {
        &[]
    }

    /// Runs the control tests of these frameworks over a period. Whoever wants the whole populations gives something that takes them.
    fn assess<'a>(
        &'a self,
        frameworks: &'a [String],
        period: Period,
        populations: Option<Arc<dyn Populations>>,
    ) -> BoxFuture<'a, Result<Findings, QueryError>>;
}

/// Takes the populations of control tests while they are tested. Several tests run side by side; the items of one come in the order of
/// their ids, in pieces.
pub trait Populations: Send + Sync {
    /// Takes the next items of a test.
    ///
    /// # Errors
    /// In words; the test then ends in the state error.
    fn take(&self, assertion: &str, items: &[Item]) -> Result<(), String>;
}

/// An evidence pack that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackOrder {
    /// Ids of its frameworks.
    pub frameworks: Vec<String>,
    /// Its period.
    pub period: Period,
    /// The file to write. It is there whole or not at all.
    pub file: PathBuf,
}

/// Told how far the building of a pack is.
pub trait PackProgress: Send + Sync {
    /// The control tests are over, and so many of the log's entries are in the pack.
    fn written(&self, entries: u64, of: u64);
}

/// A finished evidence pack.
#[derive(Clone, Debug, PartialEq)]
pub struct PackFile {
    /// Name to save it under.
    pub name: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Digest of all content outside `seal/`.
    pub pack_digest: Digest,
    /// SHA-256 of the file.
    pub file_sha256: Digest,
    /// What was found, for the record of the run.
    pub findings: Findings,
}

/// Builds evidence packs. Implemented in the binary, which alone knows findings, proofs and renderers.
pub trait Packs: Send + Sync {
    /// Builds a pack. Dropping the future stops the building.
    fn build<'a>(&'a self, order: &'a PackOrder, progress: Arc<dyn PackProgress>) -> BoxFuture<'a, Result<PackFile, QueryError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_messages() {
        for (message, expected) in [
            ("there is no table `eventz`: did you mean `events`? (line 2, column 8)", Some((2, 8))),
            ("the statement cannot be read: expected: an expression, found: FROM at Line: 2, Column: 3", Some((2, 3))),
            ("deadline passed, column missing", None),
            ("the statement is empty", None),
            ("line , column ", None),
        ] {
            assert_eq!(QueryError::Refused(message.to_owned()).place(), expected, "{message}");
        }
    }
}
