//! The two sides of the comparison: a process of ours and one of DuckDB's, each asked line by line, so that their memory can be compared.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use privyseal_core::port::{self, Analytics as _, ContentSource as _, QueryLimits};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::content::Embedded;
use crate::output;

/// The script that asks DuckDB.
const PEER: &str = "queries/bench/peer.py";

/// A question, one line of JSON.
#[derive(Serialize, Deserialize)]
struct Question {
    sql: String,
    /// Whether the rows are wanted, or only how long it took.
    rows: bool,
}

/// What came of a question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    /// Milliseconds from the statement to its last row.
    pub(super) ms: f64,
    /// How many rows.
    pub(super) count: usize,
    /// Most resident memory since the question was asked.
    pub(super) peak_kib: u64,
    #[serde(default)]
    pub(super) rows: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Reply(Reply),
    Error { error: String },
    Hello { version: String },
}

/// A process that answers questions. It ends with this value.
pub(super) struct Side {
    /// What to call it, with its version.
    pub(super) name: String,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Side {
    /// Our own engine, in a process of its own.
    pub(super) fn ours(folder: &Path, memory_mib: u64) -> anyhow::Result<Self> {
        let mut process = Process::new(std::env::current_exe()?);
        process.args(["bench", "sql", "--worker", "--memory-mib", &memory_mib.to_string(), "--folder"]).arg(folder);
        Self::start("Privyseal", process, None)
    }

    /// DuckDB over these files, set up as its documentation advises for Parquet that is read again and again.
    pub(super) fn duckdb(python: &Path, files: &[String], memory_mib: u64) -> anyhow::Result<Self> {
        let script = Embedded.read(PEER).context("the script that asks DuckDB is missing")?;
        let mut process = Process::new(python);
        process.args(["-c", &script]);
        let settings = [
            format!("SET threads = {}", super::threads()),
            format!("SET memory_limit = '{memory_mib}MiB'"),
            "SET preserve_insertion_order = false".to_owned(),
            "SET parquet_metadata_cache = true".to_owned(),
            "SET enable_object_cache = true".to_owned(),
            // It would be drawn into the answers.
            "SET enable_progress_bar = false".to_owned(),
            "SET TimeZone = 'UTC'".to_owned(),
        ];
        Self::start("DuckDB", process, Some(json!({"files": files, "settings": settings})))
    }

    fn start(name: &str, mut process: Process, first: Option<Value>) -> anyhow::Result<Self> {
        let mut process =
            process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().with_context(|| format!("{name} cannot be started"))?;
        let questions = process.stdin.take().context("no pipe to ask through")?;
        let answers = BufReader::new(process.stdout.take().context("no pipe to answer through")?);
        let mut side = Self { name: name.to_owned(), process, questions, answers };
        if let Some(first) = first {
            writeln!(side.questions, "{first}")?;
        }
        match side.line()? {
            Line::Hello { version } => side.name = format!("{name} {version}"),
            Line::Error { error } => anyhow::bail!("{name} cannot be set up: {error}"),
            Line::Reply(_) => anyhow::bail!("{name} answers before it is asked"),
        }
        Ok(side)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn ask(&mut self, sql: &str, rows: bool) -> anyhow::Result<Reply> {
        writeln!(self.questions, "{}", serde_json::to_string(&Question { sql: sql.to_owned(), rows })?)?;
        match self.line()? {
            Line::Reply(reply) => Ok(reply),
            Line::Error { error } => anyhow::bail!("{} has no answer: {error}", self.name),
            Line::Hello { .. } => anyhow::bail!("{} began anew", self.name),
        }
    }

    fn line(&mut self) -> anyhow::Result<Line> {
        let mut line = String::new();
        anyhow::ensure!(self.answers.read_line(&mut line)? > 0, "{} has ended: see what it wrote above", self.name);
        serde_json::from_str(&line).with_context(|| {
            let shown: String = line.chars().take(200).collect();
            format!("{} does not answer in the form that is expected: {}", self.name, shown.escape_debug())
        })
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers questions over a data folder until nobody asks any more.
///
/// # Errors
/// When the folder cannot be read.
pub(in crate::command::bench) fn answer(runtime: &tokio::runtime::Runtime, folder: &Path, memory_mib: u64) -> anyhow::Result<()> {
    let engine = super::sql_engine(folder, memory_mib)?;
    output::data(&json!({"version": env!("CARGO_PKG_VERSION")}).to_string());
    for line in std::io::stdin().lines() {
        let Question { sql, rows } = serde_json::from_str(&line?)?;
        forget_peak();
        let limits = QueryLimits { max_rows: 100_000_000, timeout_ms: 600_000, ..QueryLimits::default() };
        let started = Instant::now();
        let answered = runtime.block_on(engine.query(&port::Question::new(sql), limits));
        let ms = started.elapsed().as_secs_f64() * 1_000.0;
        let line = match answered {
            Ok(answer) => {
                let count = answer.rows.len();
                let rows = if rows { answer.rows } else { Vec::new() };
                serde_json::to_string(&Reply { ms, count, peak_kib: peak_kib(), rows })?
            }
            Err(error) => json!({"error": error.to_string()}).to_string(),
        };
        output::data(&line);
    }
    Ok(())
}

/// Lets the kernel count the peak of resident memory anew; without that, the peak is that of the whole life of the process.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
