//! Running a statement: take a snapshot, plan over it, and hand out the stream of its rows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF, WindowFunctionDefinition};
use datafusion::object_store::local::LocalFileSystem;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;
use privyseal_core::event::evidence::Snapshot as SnapshotRef;
use privyseal_core::port::{QueryError, Question};
use privyseal_core::time::Timestamp;

use crate::bind;
use crate::functions::{PersonIndex, PersonOf};
use crate::guard::{self, Checked, Names};
use crate::harden::{Interrupt, harden};
use crate::refuse;
use crate::scan::{STORE_URL, fuse};
use crate::session::Sessions;
use crate::store::{Snapshot, Store, StoreError};

/// Longest time that planning may take; nothing runs in it.
const PLAN_TIMEOUT: Duration = Duration::from_secs(60);

/// What statements run on.
pub(crate) struct Runner {
    pub(crate) sessions: Sessions,
    pub(crate) store: Arc<Store>,
    names: Names,
    runtime: Arc<RuntimeEnv>,
}

/// A running statement.
pub(crate) struct Running {
    pub(crate) schema: SchemaRef,
    pub(crate) stream: SendableRecordBatchStream,
}

impl Runner {
    pub(crate) fn new(sessions: Sessions, store: Arc<Store>, runtime: Arc<RuntimeEnv>) -> Self {
        let names =
            Names { tables: sessions.docs.iter().map(|doc| doc.name.clone()).collect(), functions: sessions.functions.names.clone() };
        Self { sessions, store, names, runtime }
    }

    /// The ledger as it is now. Everything that was committed before this call is in it.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, QueryError> {
        let store = Arc::clone(&self.store);
        let snapshot = blocking(move || store.snapshot()).await?;
        if !snapshot.segments.is_empty() {
            self.reach_segments()?;
        }
        Ok(Arc::new(snapshot))
    }

    /// What of a snapshot is from before a moment.
    pub(crate) async fn before(&self, whole: &Arc<Snapshot>, end: Timestamp) -> Result<Arc<Snapshot>, QueryError> {
        let (store, whole) = (Arc::clone(&self.store), Arc::clone(whole));
        blocking(move || store.before(&whole, end)).await
    }

    /// A snapshot as findings name it.
    pub(crate) async fn reference(&self, snapshot: &Arc<Snapshot>) -> Result<SnapshotRef, QueryError> {
        let snapshot = Arc::clone(snapshot);
        blocking(move || Ok(SnapshotRef { size: snapshot.size, root: snapshot.root()? })).await
    }

    /// Makes the folder of segments reachable, under a name of its own. It may not exist before the first segment does.
    fn reach_segments(&self) -> Result<(), QueryError> {
        let failed = |error: DataFusionError| refuse::explain(&error).0;
        let url = ObjectStoreUrl::parse(STORE_URL).map_err(failed)?;
        if self.runtime.object_store(&url).is_err() {
            let folder = LocalFileSystem::new_with_prefix(self.store.layout().ledger());
            let folder = folder.map_err(|error| failed(DataFusionError::ObjectStore(Box::new(error))))?;
            self.runtime.register_object_store(url.as_ref(), Arc::new(folder));
        }
        Ok(())
    }

    /// The ledger as it was when the entry at `seq` was the newest.
    pub(crate) async fn as_of(&self, seq: u64) -> Result<Arc<Snapshot>, QueryError> {
        let whole = self.snapshot().await?;
        if seq >= whole.size {
            let newest = whole.size.saturating_sub(1);
            return Err(QueryError::Refused(format!("there is no entry {seq} yet: the newest is {newest}")));
        }
        let store = Arc::clone(&self.store);
        blocking(move || store.prefix(&whole, seq + 1)).await
    }

    /// Starts a question from outside.
    pub(crate) async fn start(&self, question: &Question, interrupt: &Arc<Interrupt>) -> Result<(Running, Arc<Snapshot>), QueryError> {
        let (text, at) = pinned(question)?;
        let mut statement = guard::parse(text)?;
        guard::reads(&statement)?;
        bind::bind_question(&mut statement, &question.parameters)?;
        let Checked { statement, calls } = guard::check(statement, &self.names)?;
        let snapshot = match at {
            Some(seq) => self.as_of(seq).await?,
            None => self.snapshot().await?,
        };
        Ok((self.start_statement(statement, &calls, &snapshot, interrupt).await?, snapshot))
    }

    /// The schema of a question's answer, and the names of its parameters.
    pub(crate) async fn describe(&self, question: &Question) -> Result<(SchemaRef, BTreeSet<String>), QueryError> {
        let mut statement = guard::parse(pinned(question)?.0)?;
        let parameters = bind::parameters(&statement);
        bind::bind_known(&mut statement, &question.parameters);
        let checked = guard::check(statement, &self.names)?;
        let snapshot = self.snapshot().await?;
        let interrupt = Arc::new(Interrupt::after(PLAN_TIMEOUT));
        let running = self.start_statement(checked.statement, &checked.calls, &snapshot, &interrupt).await?;
        Ok((running.schema, parameters))
    }

    /// Starts a statement that has been checked, or is our own.
    pub(crate) async fn start_statement(
        &self,
        statement: Statement,
        calls: &BTreeSet<String>,
        snapshot: &Arc<Snapshot>,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Running, QueryError> {
        let mut state = self.session(snapshot);
        if calls.contains(PersonOf::NAME) {
            let index = self.persons(snapshot).await?;
            let function = Arc::new(ScalarUDF::from(PersonOf::new(Arc::new(index))));
            datafusion::execution::FunctionRegistry::register_udf(&mut state, function).map_err(|error| refuse::explain(&error).0)?;
        }
        self.run(&state, statement, interrupt).await.map_err(|error| self.explain(&error, snapshot))
    }

    async fn run(&self, state: &SessionState, statement: Statement, interrupt: &Arc<Interrupt>) -> Result<Running, DataFusionError> {
        let plan = state.statement_to_plan(statement).await?;
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(&plan)?;
        self.verify_functions(&plan)?;
        let physical = harden(fuse(state.create_physical_plan(&plan).await?)?, interrupt)?;
        let stream = execute_stream(physical, state.task_ctx())?;
        Ok(Running { schema: stream.schema(), stream })
    }

    /// A session over one snapshot. Cheap: everything in it is shared but its configuration.
    fn session(&self, snapshot: &Arc<Snapshot>) -> SessionState {
        let mut state = self.sessions.public.clone();
        state.config_mut().set_extension(Arc::clone(snapshot));
        state
    }

    /// The second look at functions: also those that the planner itself put in must be on the list.
    fn verify_functions(&self, plan: &LogicalPlan) -> Result<(), DataFusionError> {
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    let name = match expr {
                        Expr::ScalarFunction(call) => call.func.name(),
                        Expr::AggregateFunction(call) => call.func.name(),
                        Expr::WindowFunction(call) => match &call.fun {
                            WindowFunctionDefinition::AggregateUDF(function) => function.name(),
                            WindowFunctionDefinition::WindowUDF(function) => function.name(),
                        },
                        _ => return Ok(TreeNodeRecursion::Continue),
                    };
                    if self.names.functions.contains(name) {
                        Ok(TreeNodeRecursion::Continue)
                    } else {
                        Err(DataFusionError::Plan(format!("no function `{name}`")))
                    }
                })
            })
        })?;
        Ok(())
    }

    /// Reads the view `persons` for `person_of`.
    async fn persons(&self, snapshot: &Arc<Snapshot>) -> Result<PersonIndex, QueryError> {
        let read = async {
            let state = self.session(snapshot);
            let plan = state.create_logical_plan(PersonIndex::QUERY).await?;
            let mut stream = execute_stream(fuse(state.create_physical_plan(&plan).await?)?, state.task_ctx())?;
            let mut index = PersonIndex::default();
            while let Some(batch) = stream.next().await {
                index.add(&batch?)?;
            }
            Ok(index)
        };
        read.await.map_err(|error: DataFusionError| self.explain(&error, snapshot))
    }

    /// An error in the sender's words. When a segment may be at fault, all are read again to name it.
    pub(crate) fn explain(&self, error: &DataFusionError, snapshot: &Snapshot) -> QueryError {
        let (explained, damaged) = refuse::explain(error);
        if damaged && let Some(damage) = self.store.find_damage(&snapshot.segments) {
            return QueryError::Failed(damage.outward());
        }
        explained
    }
}

/// The statement without its pin, and the pin.
fn pinned(question: &Question) -> Result<(&str, Option<u64>), QueryError> {
    let (text, pin) = guard::pin(&question.sql)?;
    match (pin, question.as_of_seq) {
        (Some(pin), Some(other)) if pin != other => {
            Err(QueryError::Refused(format!("the statement says AS OF SEQ {pin}, and {other} is set beside it: give one of them")))
        }
        (pin, other) => Ok((text, pin.or(other))),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, QueryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| QueryError::Failed(error.outward())),
        Err(_) => Err(QueryError::Failed("reading the ledger was broken off".to_owned())),
    }
}
