//! Control tests: SQL files that give one row per item of a population, and what becomes of the rows.
//!
//! The contract of a row is `item_id, event_id, as_of, status, reason`. A status that is NULL is indeterminate, never ok.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;
use privyseal_core::canonical;
use privyseal_core::digest::{Digest, Hasher};
use privyseal_core::finding::{ITEMS_KEPT, Item, ItemStatus};
use privyseal_core::port::{ContentSource, Populations};
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
        let statement = guard::parse(&ordered(&text)).map_err(|refused| error(refused.to_string()))?;
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

/// A test as it runs: populations are handed on in the order of their ids, so that nobody has to hold one to sort it. Adding nothing to a
/// text copies it: a short one that was cut out of an entry would keep the whole of the entry in memory while it is sorted.
fn ordered(text: &str) -> String {
    let copied = |name: &str| if name == "as_of" { name.to_owned() } else { format!("{name} || '' AS {name}") };
    format!("SELECT {} FROM ({text}\n) ORDER BY item_id", COLUMNS.map(copied).join(", "))
}

/// What came of the items of a test.
pub(crate) struct Population {
    /// The first items, worst first.
    pub(crate) items: Vec<Item>,
    /// How many there are, by status.
    counts: BTreeMap<ItemStatus, u64>,
    /// SHA-256 over the canonical JSON of the list of all of them, by id.
    pub(crate) result_digest: Digest,
}

impl Population {
    /// How many items have a status.
    pub(crate) fn count(&self, status: ItemStatus) -> u64 {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    /// How many items there are.
    pub(crate) fn rows(&self) -> u64 {
        self.counts.values().sum()
    }

    /// None.
    pub(crate) fn empty() -> Self {
        Self { items: Vec::new(), counts: BTreeMap::new(), result_digest: Digest::of(b"[]") }
    }
}

/// An item by how bad it is, then by id.
#[derive(PartialEq, Eq)]
struct ByStatus(Item);

impl Ord for ByStatus {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.status, &self.0.item_id).cmp(&(other.0.status, &other.0.item_id))
    }
}

impl PartialOrd for ByStatus {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Takes items as they come, by id, and holds no more of them than a finding carries.
struct Collector<'a> {
    assertion: &'a str,
    populations: Option<&'a dyn Populations>,
    worst: BinaryHeap<ByStatus>,
    counts: BTreeMap<ItemStatus, u64>,
    hasher: Hasher,
    last: Option<String>,
}

impl Collector<'_> {
    fn take(&mut self, items: Vec<Item>) -> Result<(), String> {
        if let Some(populations) = self.populations {
            populations.take(self.assertion, &items)?;
        }
        for item in items {
            match self.last.as_deref().map(|last| last.cmp(&item.item_id)) {
                Some(Ordering::Equal) => return Err(format!("several rows for the item `{}`: a join multiplied them", item.item_id)),
                Some(Ordering::Greater) => return Err(format!("the item `{}` is out of order", item.item_id)),
                Some(Ordering::Less) => self.hasher.update(b","),
                None => self.hasher.update(b"["),
            }
            self.hasher.update(&canonical::serialize(&item).map_err(|error| error.to_string())?);
            *self.counts.entry(item.status).or_default() += 1;
            self.last = Some(item.item_id.clone());
            self.worst.push(ByStatus(item));
            if self.worst.len() > ITEMS_KEPT {
                self.worst.pop();
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Population {
        if self.last.is_none() {
            return Population::empty();
        }
        self.hasher.update(b"]");
        let items = self.worst.into_sorted_vec().into_iter().map(|ByStatus(item)| item).collect();
        Population { items, counts: self.counts, result_digest: self.hasher.finish() }
    }
}

/// Runs a test over a snapshot. Its items go on to `populations` as they come, in the order of their ids.
pub(crate) async fn run(
    assertion: &Assertion,
    parameters: &Parameters,
    period: Period,
    runner: &Runner,
    snapshot: &Arc<Snapshot>,
    populations: Option<&dyn Populations>,
    interrupt: &Arc<Interrupt>,
) -> Result<Population, String> {
    let mut statement = assertion.statement.clone();
    bind::bind(&mut statement, period, parameters)?;
    let mut running = runner.start_statement(statement, &assertion.calls, snapshot, interrupt).await.map_err(|error| error.to_string())?;
    let names: Vec<&str> = running.schema.fields().iter().map(|field| field.name().as_str()).collect();
    if names != COLUMNS {
        return Err(format!("it gives the columns {names:?} instead of {COLUMNS:?}"));
    }
    let mut collector = Collector {
        assertion: &assertion.id,
        populations,
        worst: BinaryHeap::new(),
        counts: BTreeMap::new(),
        hasher: Hasher::new(),
        last: None,
    };
    while let Some(batch) = running.stream.next().await {
        let batch = batch.map_err(|error| runner.explain(&error, snapshot).to_string())?;
        collector.take(read(&batch)?)?;
    }
    Ok(collector.finish())
}

fn read(batch: &RecordBatch) -> Result<Vec<Item>, String> {
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
    let mut items = Vec::with_capacity(batch.num_rows());
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
    Ok(items)
}
