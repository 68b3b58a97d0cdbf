//! Control tests: SQL files that give one row per item of a population, and what becomes of the rows.
//!
//! The contract of a row is `item_id, event_id, as_of, status, reason`. A status that is NULL is indeterminate, never ok.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;
use privyseal_core::canonical;
use privyseal_core::digest::Digest;
use privyseal_core::finding::{Item, ItemStatus};
use privyseal_core::port::ContentSource;
use privyseal_core::time::{Period, Timestamp};
use serde_json::{Map, Value};

use crate::bind;
use crate::functions::time_type;
use crate::guard;
use crate::harden::Interrupt;
use crate::header::{self, AssertionHeader, HeaderError, Parameter, ParameterKind};
use crate::run::Runner;
use crate::store::Snapshot;

/// Where control tests are among the content.
const FOLDER: &str = "queries/assertions/";

const COLUMNS: [&str; 5] = ["item_id", "event_id", "as_of", "status", "reason"];

/// Name of the parameter that every test has beside its own: how many violations are tolerated.
const TOLERANCE: &str = "tolerance";

/// Parameters by name.
pub(crate) type Parameters = BTreeMap<String, Value>;

/// One control test as it came with the program.
pub(crate) struct Assertion {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) header: AssertionHeader,
    statement: Statement,
    calls: BTreeSet<String>,
}

impl Assertion {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// The value of each parameter: what policy says, otherwise the file's own default. A value of another type is passed over, as
    /// `Catalogs::check_parameters` announces before a policy is published; the second result says which.
    pub(crate) fn parameters(&self, policy: &Parameters) -> (Parameters, Vec<String>) {
        let (mut values, mut passed_over) = (Parameters::new(), Vec::new());
        let tolerance = Parameter {
            name: TOLERANCE.to_owned(),
            kind: ParameterKind::Integer,
            default: Value::from(0),
            meaning: "How many violations are tolerated.".to_owned(),
        };
        for parameter in self.header.parameters.iter().chain([&tolerance]) {
            let named = format!("{}.{}", self.id, parameter.name);
            let set = policy.get(&named);
            if let Some(value) = set.filter(|value| !parameter.kind.accepts(value)) {
                passed_over.push(format!("policy sets {named} to {value}, which is not {}: the default holds", parameter.kind.as_str()));
            }
            let value = set.filter(|value| parameter.kind.accepts(value)).unwrap_or(&parameter.default);
            if parameter.name != TOLERANCE || set.is_some() {
                values.insert(parameter.name.clone(), value.clone());
            }
        }
        (values, passed_over)
    }
}

/// How many violations are tolerated.
pub(crate) fn tolerance(parameters: &Parameters) -> u64 {
    parameters.get(TOLERANCE).and_then(Value::as_u64).unwrap_or(0)
}

/// Parameters as they stand in a finding.
pub(crate) fn as_members(parameters: &Parameters) -> Map<String, Value> {
    parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Loads every test. One that does not fit its own header is an error: tests come with the program.
pub(crate) fn load(content: &dyn ContentSource) -> Result<BTreeMap<String, Arc<Assertion>>, HeaderError> {
    let mut assertions = BTreeMap::new();
    for path in content.list(FOLDER) {
        let Some(id) = path.strip_prefix(FOLDER).and_then(|file| file.strip_suffix(".sql")) else { continue };
        let Some(text) = content.read(&path).map(Cow::into_owned) else { continue };
        let error = |reason: String| HeaderError { file: path.clone(), reason };
        let header = header::assertion(id, &text)?;
        let statement = guard::parse(&text).map_err(|refused| error(refused.to_string()))?;
        let used = bind::parameters(&statement);
        let declared: BTreeSet<String> =
            header.parameters.iter().map(|parameter| parameter.name.clone()).chain(bind::PERIOD.map(str::to_owned)).collect();
        if used != declared {
            let odd: Vec<&String> = used.symmetric_difference(&declared).collect();
            return Err(error(format!("parameters that are either not declared or not used: {odd:?}")));
        }
        let calls = bind::calls(&statement);
        assertions.insert(id.to_owned(), Arc::new(Assertion { id: id.to_owned(), text, header, statement, calls }));
    }
    Ok(assertions)
}

/// Runs a test over a snapshot: all its items, violations first, then indeterminate, then ok, each by id.
pub(crate) async fn run(
    assertion: &Assertion,
    parameters: &Parameters,
    period: Period,
    runner: &Runner,
    snapshot: &Arc<Snapshot>,
    interrupt: &Arc<Interrupt>,
) -> Result<Vec<Item>, String> {
    let mut statement = assertion.statement.clone();
    bind::bind(&mut statement, period, parameters)?;
    let mut running = runner.start_statement(statement, &assertion.calls, snapshot, interrupt).await.map_err(|error| error.to_string())?;
    let names: Vec<&str> = running.schema.fields().iter().map(|field| field.name().as_str()).collect();
    if names != COLUMNS {
        return Err(format!("it gives the columns {names:?} instead of {COLUMNS:?}"));
    }
    let mut items = Vec::new();
    while let Some(batch) = running.stream.next().await {
        let batch = batch.map_err(|error| runner.explain(&error, snapshot).to_string())?;
        read(&batch, &mut items)?;
    }
    let distinct: BTreeSet<&str> = items.iter().map(|item| item.item_id.as_str()).collect();
    if distinct.len() != items.len() {
        let (mut seen, mut twice) = (BTreeSet::new(), items.iter().filter(|item| !item.item_id.is_empty()));
        let example = twice.find(|item| !seen.insert(item.item_id.as_str())).map_or("", |item| item.item_id.as_str());
        return Err(format!("{} rows for {} items, for example `{example}`: a join multiplied them", items.len(), distinct.len()));
    }
    items.sort_by(|a, b| (a.status, &a.item_id).cmp(&(b.status, &b.item_id)));
    Ok(items)
}

fn read(batch: &RecordBatch, items: &mut Vec<Item>) -> Result<(), String> {
    let text = |name: &str| -> Result<StringArray, String> {
        let column = batch.column_by_name(name).ok_or_else(|| format!("it has no column `{name}`"))?;
        let column = cast(column, &DataType::Utf8).map_err(|error| format!("its column `{name}` is not a text: {error}"))?;
        column.as_any().downcast_ref::<StringArray>().cloned().ok_or_else(|| format!("its column `{name}` is not a text"))
    };
    let (ids, events, statuses, reasons) = (text("item_id")?, text("event_id")?, text("status")?, text("reason")?);
    let times = batch.column_by_name("as_of").and_then(|column| cast(column, &time_type()).ok());
    let times = times.and_then(|times| times.as_any().downcast_ref::<TimestampMicrosecondArray>().cloned());
    let times = times.ok_or("its column `as_of` is not a time")?;
    let given = |array: &StringArray, row: usize| array.is_valid(row).then(|| array.value(row).to_owned());
    for row in 0..batch.num_rows() {
        let item_id = given(&ids, row).ok_or("it gives an item without an id")?;
        if times.is_null(row) {
            return Err(format!("it gives no time for the item `{item_id}`"));
        }
        let (status, fallback) = match given(&statuses, row).as_deref() {
            Some("ok") => (ItemStatus::Ok, ""),
            Some("violation") => (ItemStatus::Violation, "violates the assertion"),
            Some("indeterminate") => (ItemStatus::Indeterminate, "cannot be judged"),
            None => (ItemStatus::Indeterminate, "cannot be judged: a value is missing"),
            Some(other) => return Err(format!("it gives the status `{other}` for the item `{item_id}`")),
        };
        let reason = given(&reasons, row).filter(|reason| !reason.is_empty());
        let reason = if status == ItemStatus::Ok { String::new() } else { reason.unwrap_or_else(|| fallback.to_owned()) };
        let event_id = given(&events, row).unwrap_or_default();
        items.push(Item { item_id, event_id, as_of: Timestamp::from_micros(times.value(row)), status, reason });
    }
    Ok(())
}

/// SHA-256 over the canonical JSON of all items in order.
pub(crate) fn result_digest(items: &[Item]) -> Result<Digest, String> {
    let mut bytes = Vec::with_capacity(items.len() * 200);
    bytes.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            bytes.push(b',');
        }
        bytes.extend(canonical::serialize(item).map_err(|error| error.to_string())?);
    }
    bytes.push(b']');
    Ok(Digest::of(&bytes))
}
