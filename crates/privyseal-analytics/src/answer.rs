//! Rows as an answer: JSON cells that lose nothing, and a digest that depends on nothing else.

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryArray, BooleanArray, FixedSizeBinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use privyseal_core::canonical::{self, MAX_INTEGER};
use privyseal_core::digest::{self, Digest};
use privyseal_core::port::{Answer, AnswerColumn, QueryError, RowsTold};
use privyseal_core::time::Timestamp;
use serde_json::{Map, Number, Value, json};
use sha2::{Digest as _, Sha256};

use crate::session::type_name;

/// Most bytes of an answer in memory.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Collects batches into an answer.
pub(crate) struct AnswerBuilder {
    rows: Vec<Vec<Value>>,
    bytes: usize,
}

impl AnswerBuilder {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), bytes: 0 }
    }

    /// Adds a batch, which is given as columns and as the rows that they make.
    pub(crate) fn add(&mut self, batch: &RecordBatch, rows: Vec<Vec<Value>>) -> Result<(), QueryError> {
        let bytes: usize = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_ANSWER_BYTES {
            let text = format!("the answer has more than {} MiB: ask for fewer rows or columns", MAX_ANSWER_BYTES >> 20);
            return Err(QueryError::Limit(text));
        }
        self.rows.extend(rows);
        Ok(())
    }

    pub(crate) fn finish(self, columns: Vec<AnswerColumn>, told: &RowsTold) -> Answer {
        let RowsTold { truncated, snapshot_size, result_sha256, .. } = *told;
        Answer { columns, rows: self.rows, truncated, snapshot_size, result_sha256 }
    }
}

/// The columns of an answer.
pub(crate) fn columns(schema: &SchemaRef) -> Vec<AnswerColumn> {
    let columns = schema.fields().iter();
    columns.map(|field| AnswerColumn { name: field.name().clone(), kind: type_name(field.data_type()) }).collect()
}

/// SHA-256 over the canonical JSON `{"columns": …, "rows": …}`, row by row. Canonical JSON has no fractions, so they enter as the text
/// that JSON writes.
#[derive(Clone, Debug)]
pub(crate) struct ResultDigest {
    hasher: Sha256,
    rows: u64,
}

impl ResultDigest {
    pub(crate) fn new(columns: &[AnswerColumn]) -> Result<Self, QueryError> {
        let mut hasher = Sha256::new();
        hasher.update(b"{\"columns\":");
        hasher.update(canonical_bytes(&json!(columns))?);
        hasher.update(b",\"rows\":[");
        Ok(Self { hasher, rows: 0 })
    }

    pub(crate) fn add(&mut self, row: &[Value]) -> Result<(), QueryError> {
        let row = row_bytes(row)?;
        self.add_bytes(&row);
        Ok(())
    }

    /// Adds a row in canonical form.
    pub(crate) fn add_bytes(&mut self, row: &[u8]) {
        if self.rows > 0 {
            self.hasher.update(b",");
        }
        self.rows += 1;
        self.hasher.update(row);
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn finish(mut self) -> Digest {
        self.hasher.update(b"]}");
        Digest::from_bytes(self.hasher.finalize().into())
    }
}

/// A row in canonical form.
pub(crate) fn row_bytes(row: &[Value]) -> Result<Vec<u8>, QueryError> {
    canonical_bytes(&row.iter().map(without_fractions).collect())
}

fn canonical_bytes(value: &Value) -> Result<Vec<u8>, QueryError> {
    canonical::to_bytes(value).map_err(|error| QueryError::Failed(format!("the answer has no canonical form: {error}")))
}

fn without_fractions(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => Value::String(number.to_string()),
        Value::Array(items) => items.iter().map(without_fractions).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), without_fractions(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// The rows of a batch as JSON.
pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<Vec<Value>>, QueryError> {
    let columns: Vec<Vec<Value>> = batch.columns().iter().map(values).collect::<Result<_, _>>()?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    Ok((0..batch.num_rows()).map(|_| columns.iter_mut().map(|column| column.next().unwrap_or(Value::Null)).collect()).collect())
}

fn failed(error: &arrow::error::ArrowError) -> QueryError {
    QueryError::Failed(format!("a column of the answer cannot be shown: {error}"))
}

fn as_type<T: Array + Clone + 'static>(array: &ArrayRef, data_type: &DataType) -> Result<T, QueryError> {
    let array = cast(array, data_type).map_err(|error| failed(&error))?;
    let typed = array.as_any().downcast_ref::<T>().cloned();
    typed.ok_or_else(|| QueryError::Failed(format!("a column of type {data_type} cannot be shown")))
}

/// A column as JSON values.
fn values(array: &ArrayRef) -> Result<Vec<Value>, QueryError> {
    let rows = 0..array.len();
    Ok(match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => {
            let array: BooleanArray = as_type(array, &DataType::Boolean)?;
            array.iter().map(Value::from).collect()
        }
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
            let array = cast(array, &DataType::Int64).map_err(|error| failed(&error))?;
            array.as_primitive::<Int64Type>().iter().map(|number| number.map_or(Value::Null, integer)).collect()
        }
        DataType::UInt64 => {
            let array: UInt64Array = as_type(array, &DataType::UInt64)?;
            let value = |number: u64| i64::try_from(number).map_or_else(|_| Value::from(number.to_string()), integer);
            array.iter().map(|number| number.map_or(Value::Null, value)).collect()
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let array = cast(array, &DataType::Float64).map_err(|error| failed(&error))?;
            array.as_primitive::<Float64Type>().iter().map(|number| number.map_or(Value::Null, fraction)).collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let array: StringArray = as_type(array, &DataType::Utf8)?;
            array.iter().map(Value::from).collect()
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let array: BinaryArray = as_type(array, &DataType::Binary)?;
            array.iter().map(|bytes| bytes.map(digest::hex).into()).collect()
        }
        DataType::FixedSizeBinary(size) => {
            let array: FixedSizeBinaryArray = as_type(array, &DataType::FixedSizeBinary(*size))?;
            array.iter().map(|bytes| bytes.map(digest::hex).into()).collect()
        }
        DataType::Timestamp(..) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            let array: TimestampMicrosecondArray = as_type(array, &micros)?;
            array.iter().map(|micros| micros.map_or(Value::Null, moment)).collect()
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            let item = match array.data_type() {
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => item.clone(),
                _ => return Err(QueryError::Failed("a list is not a list".to_owned())),
            };
            let lists = cast(array, &DataType::List(item)).map_err(|error| failed(&error))?;
            let lists = lists.as_list::<i32>();
            lists.iter().map(|list| list.map_or(Ok(Value::Null), |list| Ok(Value::Array(values(&list)?)))).collect::<Result<_, _>>()?
        }
        DataType::Struct(_) => structs(array)?,
        _ => {
            let formatter = ArrayFormatter::try_new(array, &FormatOptions::default()).map_err(|error| failed(&error))?;
            rows.map(|row| if array.is_null(row) { Value::Null } else { formatter.value(row).to_string().into() }).collect()
        }
    })
}

fn structs(array: &ArrayRef) -> Result<Vec<Value>, QueryError> {
    let array = array.as_struct();
    let mut members: Vec<_> = Vec::new();
    for (name, column) in array.column_names().into_iter().zip(array.columns()) {
        members.push((name.to_owned(), values(column)?.into_iter()));
    }
    let object = |row: usize, members: &mut Vec<(String, std::vec::IntoIter<Value>)>| {
        let object: Map<String, Value> =
            members.iter_mut().map(|(name, values)| (name.clone(), values.next().unwrap_or(Value::Null))).collect();
        if array.is_null(row) { Value::Null } else { Value::Object(object) }
    };
    Ok((0..array.len()).map(|row| object(row, &mut members)).collect())
}

fn integer(number: i64) -> Value {
    if (-MAX_INTEGER..=MAX_INTEGER).contains(&number) { number.into() } else { number.to_string().into() }
}

fn fraction(number: f64) -> Value {
    // What JSON cannot write is written out: NaN, inf, -inf.
    Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

fn moment(micros: i64) -> Value {
    let time = Timestamp::from_micros(micros);
    // Outside years 1 to 9999 a moment has no text form; the number is better than a wrong date.
    if time.micros() == micros { time.to_string().into() } else { micros.to_string().into() }
}
