//! The engine: its own threads, one door for statements, one for exports, one for control tests.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::StreamExt as _;
use privyseal_core::catalog::Catalogs;
use privyseal_core::cause::chain;
use privyseal_core::finding::{AssertionFinding, Findings};
use privyseal_core::port::{
    Analytics, Answer, BoxFuture, ContentSource, Described, FileForm, FunctionDoc, Populations, QueryDoc, QueryError, QueryLimits,
    Question, RowFile, RowsTold, TableDoc,
};
use privyseal_core::time::Period;
use privyseal_ledger::layout::Layout;
use serde_json::Value;
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use crate::answer::{self, AnswerBuilder, ResultDigest};
use crate::assertion;
use crate::assess::Assessor;
use crate::export::{self, Spool, Writer};
use crate::functions::Functions;
use crate::harden::Interrupt;
use crate::library;
use crate::run::{Runner, Running};
use crate::session::{self, Sessions, ViewError};
use crate::store::{Snapshot, Store, StoreError};
use crate::turns::{TooMany, Turns};

/// Stack of a working thread: planning recurses over the statement.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Longest time for all control tests of an assessment.
const ASSESS_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Longest time to plan a statement that is only described.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose turns control tests take; no account has this name.
const ASSESSOR: &str = "(control tests)";

/// How far the threads of statements stand back behind those that decide and answer, as a nice value.
const STAND_BACK: i32 = 10;

/// How to open an engine.
pub struct Options {
    /// The data folder.
    pub layout: Layout,
    /// Files by path: views and control tests under `queries/`, catalogs under `controls/`.
    pub content: Arc<dyn ContentSource>,
    /// Memory that all statements share, in bytes: three quarters are for those that run, a quarter for what is kept between them.
    pub memory_bytes: usize,
    /// Disk that sorts, groups and joins of all running statements may use when memory is short, in bytes; 0 for none.
    pub spill_bytes: u64,
    /// Folder for that, and for answers that are too large for memory. Made when needed; nothing in it outlives the engine.
    pub scratch: PathBuf,
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
    /// Who runs next; waiting counts as running time.
    turns: Arc<Turns>,
    scratch: PathBuf,
    docs: Vec<TableDoc>,
    library: Vec<QueryDoc>,
    workers: Threads,
}

impl Engine {
    /// Opens the ledger and plans the views. Blocks for a moment.
    ///
    /// # Errors
    /// When the ledger cannot be read, or the queries do not fit together.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let threads = options.threads.max(1);
        let workers = Threads::start(threads).map_err(OpenError::Threads)?;
        let assertions = assertion::load(options.content.as_ref()).map_err(ViewError::from)?;
        // Defects of the catalogs are the binary's to report; what can be read is used.
        let (catalogs, _) = Catalogs::load(options.content.as_ref());
        let store = Arc::new(Store::open(options.layout.clone(), threads, session::kept_bytes(&options))?);
        let resources = session::runtime(&options).map_err(|error| ViewError::Setup(error.strip_backtrace()))?;
        let functions = Functions::new(&options.layout);

        let (send, receive) = mpsc::channel();
        let (content, shared) = (Arc::clone(&options.content), Arc::clone(&resources));
        workers.handle.spawn(async move {
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
        Ok(Self { runner, assessor, turns: Arc::default(), scratch: options.scratch, docs, library, workers })
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
        self.spawn(ASSESSOR, ASSESS_TIMEOUT, |interrupt| async move {
            let (_, findings) = assessor.run_all(wanted, period, None, interrupt).await?;
            Ok(findings)
        })
        .await
    }

    /// Runs work on the engine's threads; dropping the future stops it.
    fn spawn<T: Send + 'static, F: Future<Output = Result<T, QueryError>> + Send + 'static>(
        &self,
        asker: &str,
        timeout: Duration,
        work: impl FnOnce(Arc<Interrupt>) -> F,
    ) -> BoxFuture<'static, Result<T, QueryError>> {
        let (turns, asker, interrupt) = (Arc::clone(&self.turns), asker.to_owned(), Arc::new(Interrupt::after(timeout)));
        let work = work(Arc::clone(&interrupt));
        let limited = async move {
            let timed = tokio::time::timeout(timeout, async {
                let _turn = turns.turn(&asker).await.map_err(|TooMany| {
                    QueryError::Limit("too many of your statements are waiting: let some of them end first".to_owned())
                })?;
                work.await
            });
            timed.await.unwrap_or_else(|_| {
                let text = format!("the statement ran longer than {} ms: filter earlier, or narrow the period", timeout.as_millis());
                Err(QueryError::Limit(text))
            })
        };
        Box::pin(Guarded { task: self.workers.handle.spawn(limited), interrupt })
    }
}

/// A statement may take as long as it likes; a decision may not.
fn stand_back() {
    // On Linux a thread has a priority of its own. Where that is refused, statements compete like everything else.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), STAND_BACK);
}

/// Threads that statements run on; dropping them ends what runs there.
struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    fn start(count: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(count)
            .thread_name("privyseal-sql")
            .on_thread_start(stand_back)
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Threads {
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

/// What takes the rows of a running statement: each batch as columns, and as the rows that they make.
type Sink<'s> = dyn FnMut(&RecordBatch, Vec<Vec<Value>>) -> Result<(), QueryError> + Send + 's;

/// Hands every row up to the limit to `sink`.
async fn drain(
    runner: &Runner,
    mut running: Running,
    snapshot: &Snapshot,
    max_rows: usize,
    sink: &mut Sink<'_>,
) -> Result<RowsTold, QueryError> {
    let mut digest = ResultDigest::new(&answer::columns(&running.schema))?;
    let (mut room, mut truncated) = (max_rows, false);
    while let Some(batch) = running.stream.next().await {
        let batch = batch.map_err(|error| runner.explain(&error, snapshot))?;
        truncated = batch.num_rows() > room;
        let batch = batch.slice(0, batch.num_rows().min(room));
        room -= batch.num_rows();
        let rows = answer::rows(&batch)?;
        for row in &rows {
            digest.add(row)?;
        }
        sink(&batch, rows)?;
        if truncated {
            break;
        }
    }
    Ok(RowsTold { rows: digest.rows(), truncated, snapshot_size: snapshot.size, result_sha256: digest.finish() })
}

async fn answer_to(runner: Arc<Runner>, question: Question, limits: QueryLimits, interrupt: Arc<Interrupt>) -> Result<Answer, QueryError> {
    let (running, snapshot) = runner.start(&question, &interrupt).await?;
    let (columns, mut answer) = (answer::columns(&running.schema), AnswerBuilder::new());
    let told = drain(&runner, running, &snapshot, limits.max_rows, &mut |batch, rows| answer.add(batch, rows)).await?;
    Ok(answer.finish(columns, &told))
}

async fn file_of(
    runner: Arc<Runner>,
    question: Question,
    form: FileForm,
    limits: QueryLimits,
    scratch: PathBuf,
    interrupt: Arc<Interrupt>,
) -> Result<RowFile, QueryError> {
    let (running, snapshot) = runner.start(&question, &interrupt).await?;
    let mut writer = Writer::new(form, &running.schema, Spool::new(scratch, limits.max_bytes))?;
    let told = drain(&runner, running, &snapshot, limits.max_file_rows, &mut |batch, rows| writer.write(batch, &rows)).await?;
    let (length, content) = writer.finish()?.read().map_err(export::failed)?;
    Ok(RowFile { told, length, content: Box::new(content) })
}

impl Analytics for Engine {
    fn query<'a>(&'a self, question: &'a Question, limits: QueryLimits) -> BoxFuture<'a, Result<Answer, QueryError>> {
        let (runner, asked) = (Arc::clone(&self.runner), question.clone());
        let timeout = Duration::from_millis(limits.timeout_ms);
        self.spawn(&question.asker, timeout, move |interrupt| answer_to(runner, asked, limits, interrupt))
    }

    fn file<'a>(&'a self, question: &'a Question, form: FileForm, limits: QueryLimits) -> BoxFuture<'a, Result<RowFile, QueryError>> {
        let (runner, asked, scratch) = (Arc::clone(&self.runner), question.clone(), self.scratch.clone());
        let timeout = Duration::from_millis(limits.timeout_ms);
        self.spawn(&question.asker, timeout, move |interrupt| file_of(runner, asked, form, limits, scratch, interrupt))
    }

    fn describe<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Described, QueryError>> {
        let (runner, asked) = (Arc::clone(&self.runner), question.clone());
        self.spawn(&question.asker, DESCRIBE_TIMEOUT, move |_| async move {
            let (schema, parameters) = runner.describe(&asked).await?;
            let (columns, arrow) = (answer::columns(&schema), export::schema_bytes(&schema)?);
            Ok(Described { columns, arrow, parameters: parameters.into_iter().collect() })
        })
    }

    fn tables(&self) -> &[TableDoc] {
        &self.docs
    }

    fn functions(&self) -> &[FunctionDoc] {
        Engine::functions(self)
    }

    fn library(&self) -> &[QueryDoc] {
        &self.library
    }

    fn assess<'a>(
        &'a self,
        frameworks: &'a [String],
        period: Period,
        populations: Option<Arc<dyn Populations>>,
    ) -> BoxFuture<'a, Result<Findings, QueryError>> {
        let assessor = Arc::clone(&self.assessor);
        let frameworks = frameworks.to_vec();
        self.spawn(ASSESSOR, ASSESS_TIMEOUT, move |interrupt| Box::pin(assessor.assess(frameworks, period, populations, interrupt)))
    }
}
