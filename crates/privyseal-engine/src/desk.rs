//! The desk: the one way to SQL for everybody outside, whichever door they came through. It knows who may ask, runs the statement, and
//! hands out the answer only when the record of it is on disk.

use std::sync::Arc;
use std::time::Instant;

use privyseal_core::command::Command;
use privyseal_core::digest::Digest;
use privyseal_core::event::evidence::QueryRun;
use privyseal_core::event::{Actor, Body};
use privyseal_core::id::{PrincipalId, QueryId, Role};
use privyseal_core::port::{Analytics, Answer, Described, FileForm, QueryError, QueryLimits, Question, RowFile};
use tokio::runtime::Handle;

use crate::error::EngineError;
use crate::handle::Engine;
use crate::identity::Identity;

/// Who may ask.
pub const ASKERS: &[&str] = &[Role::AUDITOR, Role::ADMIN];

/// Longest text of a statement with its parameters, in bytes; it has to fit into an event.
pub const MAX_STATEMENT_BYTES: usize = 32 * 1024;

/// Why a statement was not run. Nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The caller has none of the roles that may ask.
    #[error("`{principal}` does not hold the role `{}`", ASKERS.join("` or `"))]
    Forbidden {
        /// Who asked.
        principal: PrincipalId,
    },
    /// The statement is too long to be recorded.
    #[error("the statement has {length} bytes, the limit is {MAX_STATEMENT_BYTES}, parameters included")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It could not be recorded, so there is no answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A statement that was run and recorded, with or without an answer.
pub struct Recorded<T> {
    /// Its name in the record.
    pub query: QueryId,
    /// The answer, or why there is none.
    pub result: Result<T, QueryError>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Entries of the log before the record was made; it is one of those that follow.
    pub earlier: u64,
}

/// The desk; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    engine: Engine,
    analytics: Arc<dyn Analytics>,
    limits: QueryLimits,
}

impl Desk {
    /// A desk over an engine and its audit data. Statements have these limits.
    #[must_use]
    pub fn new(engine: Engine, analytics: Arc<dyn Analytics>, limits: QueryLimits) -> Self {
        Self { engine, analytics, limits }
    }

    /// The engine whose log is asked.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The audit data.
    #[must_use]
    pub fn analytics(&self) -> &Arc<dyn Analytics> {
        &self.analytics
    }

    /// Limits of one statement.
    #[must_use]
    pub fn limits(&self) -> QueryLimits {
        self.limits
    }

    /// Whether somebody may ask now.
    #[must_use]
    pub fn admits(&self, principal: &PrincipalId) -> bool {
        let now = self.engine.now();
        self.engine.read(|state| ASKERS.iter().any(|role| state.has_role(principal, role, now)))
    }

    /// Runs a statement and records it, a refused one too, and one whose asker went away.
    ///
    /// # Errors
    /// When the caller may not ask, or the record cannot be made.
    pub async fn answer(&self, identity: &Identity, question: Question) -> Result<Recorded<Answer>, DeskError> {
        let running = self.begin(identity, question)?;
        let result = self.analytics.query(&running.question, self.limits).await;
        let told = |answer: &Answer| (answer.snapshot_size, count(answer.rows.len()), answer.result_sha256);
        running.ended(result, told).await
    }

    /// The same, with the rows as a file. It is complete and recorded when this returns.
    ///
    /// # Errors
    /// When the caller may not ask, or the record cannot be made.
    pub async fn file(&self, identity: &Identity, question: Question, form: FileForm) -> Result<Recorded<RowFile>, DeskError> {
        let running = self.begin(identity, question)?;
        let result = self.analytics.file(&running.question, form, self.limits).await;
        let told = |file: &RowFile| (file.told.snapshot_size, file.told.rows, file.told.result_sha256);
        running.ended(result, told).await
    }

    /// The columns and parameters of a statement. Nothing of the log is handed out, so nothing is recorded.
    ///
    /// # Errors
    /// When the caller may not ask.
    pub async fn describe(&self, identity: &Identity, question: Question) -> Result<Result<Described, QueryError>, DeskError> {
        let question = self.check(identity, question)?;
        Ok(self.analytics.describe(&question).await)
    }

    fn check(&self, identity: &Identity, mut question: Question) -> Result<Question, DeskError> {
        if !self.admits(&identity.principal) {
            return Err(DeskError::Forbidden { principal: identity.principal.clone() });
        }
        let parameters = match question.parameters.is_empty() {
            true => 0,
            false => serde_json::to_string(&question.parameters).map_or(usize::MAX, |text| text.len()),
        };
        let length = question.sql.len().saturating_add(parameters);
        if length > MAX_STATEMENT_BYTES {
            return Err(DeskError::TooLong { length });
        }
        question.asker = identity.principal.to_string();
        Ok(question)
    }

    fn begin(&self, identity: &Identity, question: Question) -> Result<Running, DeskError> {
        let question = self.check(identity, question)?;
        Ok(Running { engine: self.engine.clone(), actor: identity.actor.clone(), question, started: Instant::now(), ended: false })
    }
}

/// A statement that runs. Where this is dropped before the statement ended, somebody went away or pressed stop: what they asked is recorded
/// all the same.
struct Running {
    engine: Engine,
    actor: Actor,
    question: Question,
    started: Instant,
    ended: bool,
}

impl Running {
    /// Records what came of the statement; only then is there a result to hand out.
    async fn ended<T>(mut self, result: Result<T, QueryError>, told: impl Fn(&T) -> (u64, u64, Digest)) -> Result<Recorded<T>, DeskError> {
        let earlier = self.engine.read(|state| state.next_seq);
        let record = match &result {
            Ok(answer) => self.record("ok", None, Some(told(answer))),
            Err(QueryError::Refused(reason)) => self.record("refused", Some(reason), None),
            Err(QueryError::Limit(reason) | QueryError::Failed(reason)) => self.record("failed", Some(reason), None),
        }?;
        let (query, duration_ms) = (record.query, record.duration_ms);
        // A task of its own: a caller who goes away now does not take the record along.
        tokio::spawn(append(self.engine.clone(), self.actor.clone(), record))
            .await
            .unwrap_or_else(|error| Err(EngineError::Stopped(error.to_string())))?;
        Ok(Recorded { query, result, duration_ms, earlier })
    }

    /// What is recorded, once.
    fn record(&mut self, outcome: &str, error: Option<&str>, told: Option<(u64, u64, Digest)>) -> Result<QueryRun, EngineError> {
        self.ended = true;
        let question = std::mem::take(&mut self.question);
        Ok(QueryRun {
            query: QueryId::new(self.engine.now(), self.engine.random()?),
            text: question.sql,
            parameters: question.parameters,
            snapshot_size: told.map_or_else(|| self.engine.read(|state| state.next_seq), |(size, _, _)| size),
            outcome: outcome.to_owned(),
            error: error.map(|reason| reason.chars().take(2_000).collect()),
            rows: told.map_or(0, |(_, rows, _)| rows),
            result_sha256: told.map(|(_, _, digest)| digest),
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Outside a runtime nothing can run any more, and no answer can leave either.
        let Ok(runtime) = Handle::try_current() else { return };
        let (engine, actor) = (self.engine.clone(), self.actor.clone());
        let record = self.record("failed", Some("ended by whoever asked, before its answer"), None);
        runtime.spawn(async move {
            let recorded = match record {
                Ok(record) => append(engine, actor, record).await,
                Err(error) => Err(error),
            };
            if let Err(error) = recorded {
                tracing::error!(query.error = %error, "a statement that was ended could not be recorded");
            }
        });
    }
}

async fn append(engine: Engine, actor: Actor, record: QueryRun) -> Result<(), EngineError> {
    engine.execute(Command::Record(Box::new(Body::QueryRun(record))), actor).await.map(drop)
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
