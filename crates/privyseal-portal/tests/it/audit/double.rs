//! Doubles of SQL and packs that say what a test has them say. They hold runs and builds back until they are let go.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use privyseal_core::catalog::Catalogs;
use privyseal_core::digest::Digest;
use privyseal_core::event::evidence::Snapshot;
use privyseal_core::finding::{AssertionFinding, ControlFinding, Findings, FrameworkFinding, Item, ItemStatus, TestState};
use privyseal_core::port::{
    Analytics, Answer, AnswerColumn, BoxFuture, ColumnDoc, Described, FileForm, FunctionDoc, PackFile, PackOrder, PackProgress, Packs,
    ParameterDoc, Populations, QueryDoc, QueryError, QueryLimits, Question, RowFile, RowsTold, TableDoc,
};
use privyseal_core::time::Period;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::HOSTILE;

/// The event that the first item rests on, and its request; the second item's event belongs to no request.
pub(crate) const EVENT: &str = "019f1af9-b400-7fe9-b6a8-903325cb7bc9";
pub(crate) const REQUEST: &str = "019f1af9-b400-7925-a315-20067dbc7d88";
const OTHER_EVENT: &str = "019f1af9-b400-7948-99cf-3120c90f7d8f";

pub(crate) struct Double {
    /// One permit is one run or build that may end.
    pub(crate) turns: Semaphore,
    /// How often the control tests were run.
    pub(crate) runs: AtomicUsize,
    /// Why runs and builds fail, if they do.
    pub(crate) failure: Mutex<Option<String>>,
    /// Questions that were asked, with everything that came with them.
    pub(crate) asked: Mutex<Vec<Question>>,
    /// Statements that run now.
    pub(crate) running: AtomicUsize,
    tables: Vec<TableDoc>,
    functions: Vec<FunctionDoc>,
    library: Vec<QueryDoc>,
}

/// Counts a statement as running until it is dropped, whoever drops it.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Double {
    /// Runs and builds end at once.
    pub(crate) fn free() -> Arc<Self> {
        Self::with_turns(Semaphore::MAX_PERMITS)
    }

    pub(crate) fn with_turns(turns: usize) -> Arc<Self> {
        let column = ColumnDoc { name: "seq".into(), kind: "bigint".into(), meaning: "Position in the log.".into() };
        let table = TableDoc { name: "events".into(), meaning: "Everything that happened.".into(), columns: vec![column] };
        let usage = "json_text(json text, step text, …) -> text";
        let function = FunctionDoc { name: "json_text", usage, meaning: "A member.", example: "SELECT json_text('{}')", result: "null" };
        Arc::new(Self {
            turns: Semaphore::new(turns),
            runs: AtomicUsize::new(0),
            failure: Mutex::default(),
            asked: Mutex::default(),
            running: AtomicUsize::new(0),
            tables: vec![table],
            functions: vec![function],
            library: library(),
        })
    }

    /// The catalogs of the repository.
    pub(crate) fn catalogs(&self) -> Catalogs {
        catalogs()
    }

    /// Notes a question; `SELECT held` waits for a turn.
    async fn ask(&self, question: &Question) {
        let _running = Running::new(&self.running);
        self.asked.lock().unwrap().push(question.clone());
        if question.sql == "SELECT held" {
            self.turns.acquire().await.unwrap().forget();
        }
    }

    async fn turn(&self) -> Result<(), QueryError> {
        self.turns.acquire().await.unwrap().forget();
        match self.failure.lock().unwrap().clone() {
            Some(reason) => Err(QueryError::Failed(reason)),
            None => Ok(()),
        }
    }
}

pub(crate) fn catalogs() -> Catalogs {
    fn walk(folder: &Path, name: &str, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                walk(&path, &name, files);
            } else {
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controls"), "controls", &mut files);
    let (catalogs, problems) = Catalogs::load(&files);
    assert_eq!(problems, []);
    catalogs
}

fn library() -> Vec<QueryDoc> {
    let parameter = |name: &str, kind: &str, default: Value| ParameterDoc {
        name: name.into(),
        kind: kind.into(),
        default,
        meaning: format!("What {name} is for."),
    };
    let kept = |name: &str, title: &str, sql: &str, parameters: Vec<ParameterDoc>| QueryDoc {
        name: name.to_owned(),
        title: title.to_owned(),
        meaning: "How to read it.".to_owned(),
        parameters,
        columns: vec![],
        sql: sql.to_owned(),
        ready: sql.to_owned(),
    };
    vec![
        kept("approved", "Who approved what", "SELECT 42", vec![]),
        kept("hostile", HOSTILE, "SELECT 2", vec![]),
        kept(
            "slow-ones",
            "What took long",
            "SELECT $start, $days, $names",
            vec![
                parameter("start", "timestamp", Value::Null),
                parameter("names", "text[]", json!(["a", "b"])),
                parameter("days", "integer", json!(30)),
            ],
        ),
    ]
}

/// The parameters of a statement; this double knows no texts and no remarks.
fn parameters(sql: &str) -> Vec<String> {
    let names = sql.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap().to_owned());
    names.collect::<std::collections::BTreeSet<String>>().into_iter().collect()
}

/// D01 finds one violation and one item that is in order; nothing else is written yet.
fn findings(frameworks: &[String], period: Period) -> Findings {
    let catalogs = catalogs();
    let control = |control: &privyseal_core::catalog::Control| {
        let mapped = control.mapping.iter().flat_map(|mapping| mapping.assertions.clone());
        let (tested, not_implemented): (Vec<String>, Vec<String>) = mapped.partition(|id| id == "D01");
        ControlFinding {
            control: control.id.clone(),
            title: control.title.clone(),
            group: control.group.clone(),
            strength: control.mapping.as_ref().map(|mapping| mapping.strength),
            state: (!tested.is_empty()).then_some(TestState::Exception),
            tested,
            not_implemented,
        }
    };
    let framework = |id: &String| {
        let framework = catalogs.framework(id).unwrap();
        FrameworkFinding {
            framework: id.clone(),
            name: framework.name.clone(),
            catalog_version: framework.version.clone(),
            catalog_digest: framework.digest,
            controls: framework.controls.iter().map(control).collect(),
        }
    };
    let item = |id: &str, event: &str, status, reason: &str| Item {
        item_id: id.to_owned(),
        event_id: event.to_owned(),
        as_of: period.start,
        status,
        reason: reason.to_owned(),
    };
    Findings {
        period,
        snapshot: Snapshot { size: 12_345, root: Digest::of(b"root") },
        engine: "double".into(),
        frameworks: frameworks.iter().map(framework).collect(),
        assertions: vec![AssertionFinding {
            assertion: "D01".into(),
            title: "No self-approval".into(),
            query: "SELECT 1 FROM reviews WHERE decided_at >= $start".into(),
            query_digest: Digest::of(b"query"),
            parameters: json!({"tolerance": 7}).as_object().unwrap().clone(),
            state: TestState::Exception,
            reason: String::new(),
            rows: 1_942,
            violations: 8,
            indeterminate: 3,
            result_digest: Digest::of(b"result"),
            items: vec![
                item(HOSTILE, EVENT, ItemStatus::Violation, HOSTILE),
                item("entry:17", OTHER_EVENT, ItemStatus::Indeterminate, "nobody is known"),
                item("elsewhere", "'; DROP TABLE events; --", ItemStatus::Ok, ""),
            ],
        }],
    }
}

/// What a statement answers; the look-up of events and the history are ours, the others are the tests'.
fn answer(question: &Question, max_rows: usize) -> Result<Answer, QueryError> {
    let sql = question.sql.as_str();
    let column = |name: &str, kind: &str| AnswerColumn { name: name.to_owned(), kind: kind.to_owned() };
    let full = |columns: Vec<AnswerColumn>, rows: Vec<Vec<Value>>, truncated| Answer {
        columns,
        rows,
        truncated,
        snapshot_size: 12_345,
        result_sha256: Digest::of(sql.as_bytes()),
    };
    if let Some(list) = sql.strip_prefix("SELECT id, seq, request_id FROM events WHERE id IN ") {
        assert_eq!(list, format!("('{OTHER_EVENT}', '{EVENT}')"), "only ids enter the statement");
        let rows = vec![vec![json!(EVENT), json!(3), json!(REQUEST)], vec![json!(OTHER_EVENT), json!(17), Value::Null]];
        return Ok(full(vec![column("id", "text"), column("seq", "bigint"), column("request_id", "text")], rows, false));
    }
    if sql.starts_with("SELECT DISTINCT person_of") {
        assert_eq!(sql.matches(&format!("IN ('{EVENT}')")).count(), 2, "only ids of violations enter the statement: {sql}");
        return Ok(full(vec![column("person", "text")], vec![vec![json!("p-dora")], vec![json!("p-ana")], vec![Value::Null]], false));
    }
    if sql.contains(" FROM queries ") {
        assert_eq!(question.parameters["actor"], json!(question.asker));
        let columns = ["seq", "run_at", "sql", "outcome", "error", "result_rows", "duration_ms", "snapshot_size"];
        let past = |seq: u64, sql: &str, error: Value| {
            let outcome = if error.is_null() { "ok" } else { "refused" };
            vec![json!(seq), json!("2026-07-01T09:00:00Z"), json!(sql), json!(outcome), error, json!(7), json!(12), json!(seq)]
        };
        let rows = vec![past(18, "SELECT 42", Value::Null), past(17, HOSTILE, json!(HOSTILE))];
        return Ok(full(columns.map(|name| column(name, "text")).to_vec(), rows, false));
    }
    if sql.contains('$') && !sql.contains("eventz") {
        let names = parameters(sql);
        let mut given: Vec<&String> = question.parameters.keys().collect();
        given.sort();
        assert!(given.into_iter().eq(names.iter()), "{:?}", question.parameters);
        let values = names.iter().map(|name| question.parameters[name].clone()).collect();
        return Ok(full(names.iter().map(|name| column(name, "text")).collect(), vec![values], false));
    }
    match sql {
        "SELECT chart" => Ok(full(
            vec![column("who", "text"), column("n", "bigint")],
            vec![vec![json!(HOSTILE), json!(40)], vec![json!("ben"), json!(10)]],
            false,
        )),
        "SELECT 42" => Ok(full(
            vec![column("number", "bigint"), column(HOSTILE, "text"), column("list", "text[]")],
            vec![vec![json!(42), json!(HOSTILE), json!(["a", "b"])], vec![json!(43), Value::Null, Value::Null]],
            false,
        )),
        "SELECT many" => Ok(full(vec![column("n", "bigint")], (0..600).map(|n| vec![json!(n)]).collect(), false)),
        "SELECT all" => Ok(full(vec![column("n", "bigint")], (0..max_rows).map(|n| vec![json!(n)]).collect(), true)),
        "SELECT nothing" => Ok(full(vec![column("n", "bigint")], Vec::new(), false)),
        "SELECT slow" => Err(QueryError::Limit("the statement ran longer than 30000 ms".into())),
        "SELECT broken" => Err(QueryError::Failed("a segment of the ledger cannot be read".into())),
        _ => Err(QueryError::Refused(format!("there is no table {HOSTILE} (line 2, column 6)"))),
    }
}

impl Analytics for Double {
    fn query<'a>(&'a self, question: &'a Question, limits: QueryLimits) -> BoxFuture<'a, Result<Answer, QueryError>> {
        Box::pin(async move {
            self.ask(question).await;
            answer(question, limits.max_rows)
        })
    }

    fn file<'a>(&'a self, question: &'a Question, form: FileForm, limits: QueryLimits) -> BoxFuture<'a, Result<RowFile, QueryError>> {
        Box::pin(async move {
            self.ask(question).await;
            let answer = answer(question, limits.max_rows)?;
            let told = RowsTold {
                rows: u64::try_from(answer.rows.len()).unwrap(),
                truncated: answer.truncated,
                snapshot_size: answer.snapshot_size,
                result_sha256: answer.result_sha256,
            };
            let bytes = format!("{form:?}").into_bytes();
            Ok(RowFile { told, length: u64::try_from(bytes.len()).unwrap(), content: Box::new(std::io::Cursor::new(bytes)) })
        })
    }

    fn describe<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Described, QueryError>> {
        Box::pin(async move {
            match question.sql.contains("eventz") {
                true => Err(QueryError::Refused("there is no table `eventz`".to_owned())),
                false => Ok(Described { columns: vec![], arrow: vec![], parameters: parameters(&question.sql) }),
            }
        })
    }

    fn functions(&self) -> &[FunctionDoc] {
        &self.functions
    }

    fn library(&self) -> &[QueryDoc] {
        &self.library
    }

    fn tables(&self) -> &[TableDoc] {
        &self.tables
    }

    fn assess<'a>(
        &'a self,
        frameworks: &'a [String],
        period: Period,
        _populations: Option<Arc<dyn Populations>>,
    ) -> BoxFuture<'a, Result<Findings, QueryError>> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { self.turn().await.map(|()| findings(frameworks, period)) })
    }
}

impl Packs for Double {
    fn build<'a>(&'a self, order: &'a PackOrder, progress: Arc<dyn PackProgress>) -> BoxFuture<'a, Result<PackFile, QueryError>> {
        Box::pin(async move {
            self.turn().await?;
            progress.written(1, 2);
            let bytes = b"a pack";
            std::fs::write(&order.file, bytes).map_err(|error| QueryError::Failed(error.to_string()))?;
            Ok(PackFile {
                name: "privyseal-soc2.zip".into(),
                pack_digest: Digest::of(b"content"),
                file_sha256: Digest::of(bytes),
                bytes: u64::try_from(bytes.len()).unwrap(),
                findings: findings(&order.frameworks, order.period),
            })
        })
    }
}
