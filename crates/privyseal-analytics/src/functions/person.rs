//! `person_of(principal, at)`: who stood behind an account at a moment.
//!
//! The answer comes from the view `persons`. A function cannot read a view, so the view is read once before a statement that uses
//! `person_of` runs, and the function gets its rows.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::args::{TextColumn, array, column, downcast, time_type};
use privyseal_core::port::FunctionDoc;

pub(super) const DOC: FunctionDoc = FunctionDoc {
    name: PersonOf::NAME,
    usage: "person_of(principal text, at timestamp) -> text",
    meaning: "The natural person behind an account at a moment: its own for people, the owner's for agents; NULL when nobody is known. For joins over many rows use the view `persons`.",
    example: "SELECT person_of('nobody', utc('2026-07-01'))",
    result: "null",
};

/// The rows of `persons` by account, each from, to (exclusive) and person.
#[derive(Debug, Default)]
pub(crate) struct PersonIndex {
    intervals: BTreeMap<String, Vec<(i64, i64, String)>>,
}

impl PersonIndex {
    /// What to read it from.
    pub(crate) const QUERY: &'static str = "SELECT principal, valid_from, valid_to, person FROM persons ORDER BY principal, from_seq";

    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let text = |place: usize| -> Result<StringArray> {
            let array = batch.columns().get(place).ok_or_else(|| exec_datafusion_err!("`persons` lacks a column"))?;
            downcast(&cast(array, &DataType::Utf8)?)
        };
        let time = |place: usize| -> Result<TimestampMicrosecondArray> {
            let array = batch.columns().get(place).ok_or_else(|| exec_datafusion_err!("`persons` lacks a column"))?;
            downcast(&cast(array, &time_type())?)
        };
        let (principals, from, to, persons) = (text(0)?, time(1)?, time(2)?, text(3)?);
        for row in 0..batch.num_rows() {
            let interval = (from.value(row), to.value(row), persons.value(row).to_owned());
            self.intervals.entry(principals.value(row).to_owned()).or_default().push(interval);
        }
        Ok(())
    }

    fn find(&self, principal: &str, at: i64) -> Option<&str> {
        let intervals = self.intervals.get(principal)?;
        intervals.iter().find(|(from, to, _)| *from <= at && at < *to).map(|(_, _, person)| person.as_str())
    }
}

/// The function over one snapshot.
#[derive(Debug)]
pub(crate) struct PersonOf {
    index: Arc<PersonIndex>,
    signature: Signature,
}

impl PersonOf {
    pub(crate) const NAME: &'static str = "person_of";

    pub(crate) fn new(index: Arc<PersonIndex>) -> Self {
        Self { index, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl PartialEq for PersonOf {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.index, &other.index)
    }
}

impl Eq for PersonOf {}

impl Hash for PersonOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Self::NAME.hash(state);
    }
}

impl ScalarUDFImpl for PersonOf {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [principal, at] = args.args.as_slice() else { return exec_err!("`person_of` takes a principal and a time") };
        let principals = TextColumn::of(principal, args.number_rows)?;
        let times: TimestampMicrosecondArray = column(at, args.number_rows, &time_type())?;
        let mut persons = StringBuilder::with_capacity(args.number_rows, args.number_rows * 16);
        for row in 0..args.number_rows {
            let at = times.is_valid(row).then(|| times.value(row));
            persons.append_option(principals.get(row).zip(at).and_then(|(principal, at)| self.index.find(principal, at)));
        }
        Ok(array(persons.finish()))
    }
}
