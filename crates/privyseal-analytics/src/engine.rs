//! The engine: its own threads, one door for statements, one for exports, one for control tests.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt as _;
use privyseal_core::catalog::Catalogs;
use privyseal_core::cause::chain;
use privyseal_core::finding::{AssertionFinding, Findings};
use privyseal_core::port::{Analytics, Answer, BoxFuture, ContentSource, FileForm, QueryDoc, QueryError, QueryLimits, TableDoc};
use privyseal_core::time::Period;
use privyseal_ledger::layout::Layout;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

use crate::answer::AnswerBuilder;
use crate::assertion;
use crate::assess::Assessor;
use crate::export::{self, Export, ExportError, Exported, Writer};
use crate::functions::{FunctionDoc, Functions};
use crate::harden::Interrupt;
use crate::library;
use crate::run::Runner;
use crate::session::{self, Sessions, ViewError};
use crate::store::{Store, StoreError};

/// Stack of a working thread: planning recurses over the statement.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Longest time for all control tests of an assessment.
const ASSESS_TIMEOUT: Duration = Duration::from_secs(3_600);

/// How to open an engine.
pub struct Options {
    /// The data folder.
    pub layout: Layout,
    /// Files by path: views and control tests under `queries/`, catalogs under `controls/`.
    pub content: Arc<dyn ContentSource>,
    /// Memory that all running statements share, in bytes. Nothing is ever written to disk.
    pub memory_bytes: usize,
    /// Threads that statements run on, at least 1.
    pub threads: usize,
}

/// Why an engine cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The ledger cannot be read.
    #[error("the ledger cannot be read: {0}")]
    Ledger(String),
    /// The queries that come with the program are wrong.
    #[error("the queries cannot be used: {0}")]
    Queries(String),
    /// The machine refuses threads.
    #[error("no threads for the query engine")]
    Threads(#[source] std::io::Error),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        OpenError::Ledger(chain(&error))
    }
}

impl From<ViewError> for OpenError {
    fn from(error: ViewError) -> Self {
        OpenError::Queries(chain(&error))
    }
}

/// SQL and control tests over one ledger.
///
/// Its work runs on threads of its own, so that a heavy statement cannot starve the caller. Dropping the engine stops them.
pub struct Engine {
    runner: Arc<Runner>,
    assessor: Arc<Assessor>,
    /// Statements that run at once; others wait, and their waiting counts as running time.
    permits: Arc<Semaphore>,
    docs: Vec<TableDoc>,
    library: Vec<QueryDoc>,
    runtime: Option<Runtime>,
}

impl Engine {
    /// Opens the ledger and plans the views. Blocks for a moment.
    ///
    /// # Errors
    /// When the ledger cannot be read, or the queries do not fit together.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let threads = options.threads.max(1);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("privyseal-sql")
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()
            .map_err(OpenError::Threads)?;
        let assertions = assertion::load(options.content.as_ref()).map_err(ViewError::from)?;
        // Defects of the catalogs are the binary's to report; what can be read is used.
        let (catalogs, _) = Catalogs::load(options.content.as_ref());
        let store = Arc::new(Store::open(options.layout.clone())?);
        let resources = session::runtime(options.memory_bytes).map_err(|error| ViewError::Setup(error.strip_backtrace()))?;
        let functions = Functions::new(&options.layout);

        let (send, receive) = mpsc::channel();
        let (content, shared) = (Arc::clone(&options.content), Arc::clone(&resources));
        runtime.spawn(async move {
            let planned = async {
                let sessions = Sessions::new(content.as_ref(), &shared, functions).await?;
                let library = library::load(content.as_ref(), &sessions).await?;
                Ok::<_, ViewError>((sessions, library))
            };
            // The receiver waits below; it is gone only when the whole process is.
            let _ = send.send(planned.await);
        });
        let (sessions, library) = receive.recv().map_err(|_| ViewError::Setup("planning the views was broken off".to_owned()))??;
        let docs = sessions.docs.clone();
        let runner = Arc::new(Runner::new(sessions, store, resources));
        let assessor = Arc::new(Assessor { assertions, catalogs, runner: Arc::clone(&runner), threads });
        Ok(Self { runner, assessor, permits: Arc::new(Semaphore::new(threads.saturating_mul(2))), docs, library, runtime: Some(runtime) })
    }

    /// Documentation of our own SQL functions.
    #[must_use]
    pub fn functions(&self) -> &[FunctionDoc] {
        &self.runner.sessions.functions.docs
    }

    /// Documentation of the tables.
    #[must_use]
    pub fn table_docs(&self) -> &[TableDoc] {
        &self.docs
    }

    /// Documentation of the questions that come with the program, by name.
    #[must_use]
    pub fn library(&self) -> &[QueryDoc] {
        &self.library
    }

    /// Runs one read-only statement and gives its rows as a file. Dropping the future cancels it.
    ///
    /// # Errors
    /// When the statement has no answer.
    pub async fn export(&self, sql: &str, format: Export, limits: QueryLimits) -> Result<Vec<u8>, ExportError> {
        let mut bytes = Vec::new();
        self.export_to(sql, format, limits, &mut bytes).await?;
        Ok(bytes)
    }

    /// Runs one read-only statement and writes its rows as they come. Dropping the future cancels it.
    ///
    /// # Errors
    /// When the statement has no answer, or `out` refuses; what was written until then is worth nothing.
    pub async fn export_to(
        &self,
        sql: &str,
        format: Export,
        limits: QueryLimits,
        out: &mut (dyn Write + Send),
    ) -> Result<Exported, ExportError> {
        let (send, mut receive) = tokio::sync::mpsc::channel(2);
        let (runner, sql) = (Arc::clone(&self.runner), sql.to_owned());
        let mut running = self
            .spawn(Duration::from_millis(limits.timeout_ms), move |interrupt| stream_rows(runner, sql, limits.max_rows, send, interrupt));
        let Some(Part::Schema(schema)) = receive.recv().await else {
            // The work ended before it had a first row; its result says why.
            return Err(running.await.err().unwrap_or_else(|| QueryError::Failed("the statement gave nothing".to_owned())).into());
        };
        let mut writer = Writer::new(format, &schema, out)?;
        while let Some(part) = receive.recv().await {
            if let Part::Rows(batch) = part {
                writer.write(&batch)?;
            }
        }
        let exported = (&mut running).await?;
        writer.finish()?;
        Ok(exported)
    }

    /// Ids of the control tests that can be run.
    #[must_use]
    pub fn assertion_ids(&self) -> Vec<&str> {
        self.assessor.assertions.keys().map(String::as_str).collect()
    }

    /// Runs one control test and the gates over a period, apart from any framework. The gates come first in the result.
    ///
    /// # Errors
    /// When there is no such test, or the ledger cannot be read.
    pub async fn test(&self, assertion: &str, period: Period) -> Result<Vec<AssertionFinding>, QueryError> {
        if !self.assessor.assertions.contains_key(assertion) {
            return Err(QueryError::Refused(format!("no control test `{}`", assertion.escape_debug())));
        }
        let (assessor, wanted) = (Arc::clone(&self.assessor), BTreeSet::from([assertion.to_owned()]));
        self.spawn(ASSESS_TIMEOUT, |interrupt| async move {
            let (_, findings) = assessor.run_all(wanted, period, interrupt).await?;
            Ok(findings)
        })
        .await
    }

    /// Runs work on the engine's threads; dropping the future stops it.
    fn spawn<T: Send + 'static, F: Future<Output = Result<T, QueryError>> + Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce(Arc<Interrupt>) -> F,
    ) -> BoxFuture<'static, Result<T, QueryError>> {
        let Some(runtime) = &self.runtime else {
            return Box::pin(async { Err(QueryError::Failed("the query engine has stopped".to_owned())) });
        };
        let (permits, interrupt) = (Arc::clone(&self.permits), Arc::new(Interrupt::after(timeout)));
        let work = work(Arc::clone(&interrupt));
        let limited = async move {
            let timed = tokio::time::timeout(timeout, async {
                let _permit = permits.acquire().await.map_err(|_| QueryError::Failed("the query engine has stopped".to_owned()))?;
                work.await
            });
            timed.await.unwrap_or_else(|_| {
                let text = format!("the statement ran longer than {} ms: filter earlier, or narrow the period", timeout.as_millis());
                Err(QueryError::Limit(text))
            })
        };
        Box::pin(Guarded { task: runtime.spawn(limited), interrupt })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An ordinary drop of a runtime waits, and panics inside another runtime; running statements are worth neither.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct Guarded<T> {
    task: JoinHandle<Result<T, QueryError>>,
    /// For operators that never give way, so that aborting the task does not reach them.
    interrupt: Arc<Interrupt>,
}

impl<T> Future for Guarded<T> {
    type Output = Result<T, QueryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(context).map(|joined| {
            joined.unwrap_or_else(|_| Err(QueryError::Failed("the query engine stopped in the middle of the statement".to_owned())))
        })
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        self.interrupt.cancel();
        self.task.abort();
    }
}

/// What a running export hands over.
enum Part {
    Schema(SchemaRef),
    Rows(RecordBatch),
}

async fn stream_rows(
    runner: Arc<Runner>,
    sql: String,
    max_rows: usize,
    send: Sender<Part>,
    interrupt: Arc<Interrupt>,
) -> Result<Exported, QueryError> {
    let gone = |_| QueryError::Failed("nobody waits for the export any more".to_owned());
    let snapshot = runner.snapshot().await?;
    let mut running = runner.start(&sql, &snapshot, &interrupt).await?;
    send.send(Part::Schema(running.schema)).await.map_err(gone)?;
    let (mut rows, mut truncated) = (0_usize, false);
    while let Some(batch) = running.stream.next().await {
        let batch = batch.map_err(|error| runner.explain(&error, &snapshot))?;
        let room = max_rows - rows;
        truncated = batch.num_rows() > room;
        let batch = batch.slice(0, batch.num_rows().min(room));
        rows += batch.num_rows();
        send.send(Part::Rows(batch)).await.map_err(gone)?;
        if truncated {
            break;
        }
    }
    Ok(Exported { rows: u64::try_from(rows).unwrap_or(u64::MAX), truncated, snapshot_size: snapshot.size })
}

async fn answer(runner: Arc<Runner>, sql: String, limits: QueryLimits, interrupt: Arc<Interrupt>) -> Result<Answer, QueryError> {
    let snapshot = runner.snapshot().await?;
    let mut running = runner.start(&sql, &snapshot, &interrupt).await?;
    let mut answer = AnswerBuilder::new(&running.schema, limits.max_rows);
    while let Some(batch) = running.stream.next().await {
        let batch = batch.map_err(|error| runner.explain(&error, &snapshot))?;
        if !answer.add(&batch)? {
            break;
        }
    }
    answer.finish(snapshot.size)
}

/// An answer and a file of the very same rows.
async fn file(
    runner: Arc<Runner>,
    sql: String,
    form: FileForm,
    limits: QueryLimits,
    interrupt: Arc<Interrupt>,
) -> Result<(Answer, Vec<u8>), QueryError> {
    let snapshot = runner.snapshot().await?;
    let mut running = runner.start(&sql, &snapshot, &interrupt).await?;
    let (mut answer, mut batches) = (AnswerBuilder::new(&running.schema, limits.max_rows), Vec::new());
    let mut room = limits.max_rows;
    while let Some(batch) = running.stream.next().await {
        let batch = batch.map_err(|error| runner.explain(&error, &snapshot))?;
        let more = answer.add(&batch)?;
        let kept = batch.num_rows().min(room);
        room -= kept;
        batches.push(batch.slice(0, kept));
        if !more {
            break;
        }
    }
    let form = match form {
        FileForm::Csv => Export::Csv,
        FileForm::Parquet => Export::Parquet,
    };
    let bytes = export::to_bytes(form, &running.schema, &batches).map_err(|error| match error {
        ExportError::Query(error) => error,
        ExportError::Write(error) => QueryError::Failed(format!("the file cannot be written: {error}")),
    })?;
    Ok((answer.finish(snapshot.size)?, bytes))
}

impl Analytics for Engine {
    fn query<'a>(&'a self, sql: &'a str, limits: QueryLimits) -> BoxFuture<'a, Result<Answer, QueryError>> {
        let (runner, sql) = (Arc::clone(&self.runner), sql.to_owned());
        self.spawn(Duration::from_millis(limits.timeout_ms), move |interrupt| answer(runner, sql, limits, interrupt))
    }

    fn query_file<'a>(&'a self, sql: &'a str, form: FileForm, limits: QueryLimits) -> BoxFuture<'a, Result<(Answer, Vec<u8>), QueryError>> {
        let (runner, sql) = (Arc::clone(&self.runner), sql.to_owned());
        self.spawn(Duration::from_millis(limits.timeout_ms), move |interrupt| file(runner, sql, form, limits, interrupt))
    }

    fn tables(&self) -> &[TableDoc] {
        &self.docs
    }

    fn library(&self) -> &[QueryDoc] {
        &self.library
    }

    fn assess<'a>(&'a self, frameworks: &'a [String], period: Period) -> BoxFuture<'a, Result<Findings, QueryError>> {
        let assessor = Arc::clone(&self.assessor);
        let frameworks = frameworks.to_vec();
        self.spawn(ASSESS_TIMEOUT, move |interrupt| Box::pin(assessor.assess(frameworks, period, interrupt)))
    }
}
