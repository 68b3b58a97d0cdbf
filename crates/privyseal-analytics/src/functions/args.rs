//! Arguments of our SQL functions as Rust values, and results back into columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayAccessor, ArrayRef, BinaryArray, BinaryViewArray, StringArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::logical_expr::ColumnarValue;

/// The type of every moment in our tables.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A column of texts, or one text for all rows. Bytes are read as UTF-8; what is not UTF-8 is NULL.
pub(crate) struct TextColumn {
    array: TextArray,
    scalar: bool,
}

enum TextArray {
    Text(StringArray),
    TextView(StringViewArray),
    Bytes(BinaryArray),
    BytesView(BinaryViewArray),
}

impl TextColumn {
    /// The argument as texts. A scalar gives a column of one row, so that it is worked on once.
    pub(crate) fn of(value: &ColumnarValue, rows: usize) -> Result<Self> {
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = value.to_array(if scalar { 1 } else { rows })?;
        let array = match array.data_type() {
            DataType::Utf8View => TextArray::TextView(downcast(&array)?),
            DataType::BinaryView => TextArray::BytesView(downcast(&array)?),
            DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
                TextArray::Bytes(downcast(&cast(&array, &DataType::Binary)?)?)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Dictionary(..) | DataType::Null => {
                TextArray::Text(downcast(&cast(&array, &DataType::Utf8)?)?)
            }
            other => return exec_err!("expected a text, found {other}"),
        };
        Ok(Self { array, scalar })
    }

    /// Rows held: one for a scalar.
    pub(crate) fn len(&self) -> usize {
        match &self.array {
            TextArray::Text(array) => array.len(),
            TextArray::TextView(array) => array.len(),
            TextArray::Bytes(array) => array.len(),
            TextArray::BytesView(array) => array.len(),
        }
    }

    /// The text of a row; for a scalar every row is the same.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let row = if self.scalar { 0 } else { row };
        fn at<A: ArrayAccessor>(array: A, row: usize) -> Option<A::Item> {
            (row < array.len() && array.is_valid(row)).then(|| array.value(row))
        }
        match &self.array {
            TextArray::Text(array) => at(array, row),
            TextArray::TextView(array) => at(array, row),
            TextArray::Bytes(array) => at(array, row).and_then(|bytes| std::str::from_utf8(bytes).ok()),
            TextArray::BytesView(array) => at(array, row).and_then(|bytes| std::str::from_utf8(bytes).ok()),
        }
    }

    /// A result computed row by row from this column: a scalar when this was one.
    pub(crate) fn result(&self, array: ArrayRef) -> Result<ColumnarValue> {
        if self.scalar { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)) } else { Ok(ColumnarValue::Array(array)) }
    }
}

/// A column of bytes; texts give their UTF-8.
pub(crate) fn bytes(value: &ColumnarValue, rows: usize) -> Result<BinaryArray> {
    let array = value.to_array(rows)?;
    match array.data_type() {
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Null => downcast(&cast(&array, &DataType::Binary)?),
        other => exec_err!("expected bytes, found {other}"),
    }
}

/// A column of another type, by the usual casts.
pub(crate) fn column<T: Array + Clone + 'static>(value: &ColumnarValue, rows: usize, data_type: &DataType) -> Result<T> {
    downcast(&cast(&value.to_array(rows)?, data_type)?)
}

/// An argument that must be a text literal.
pub(crate) fn literal(value: &ColumnarValue, what: &str) -> Result<String> {
    match value {
        ColumnarValue::Scalar(value) => step(value).ok_or_else(|| exec_datafusion_err!("{what} is a text literal")),
        ColumnarValue::Array(_) => exec_err!("{what} is a text literal"),
    }
}

/// A literal as a text, or as a step of a path.
pub(crate) fn step(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => Some(text.clone()),
        // `text['0']` and `text[0]` should not differ, so a number is taken as its digits.
        ScalarValue::Int64(Some(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// An array of a known type.
pub(crate) fn downcast<T: Array + Clone + 'static>(array: &ArrayRef) -> Result<T> {
    array.as_any().downcast_ref::<T>().cloned().ok_or_else(|| exec_datafusion_err!("unexpected column type {}", array.data_type()))
}

/// An array as the result of a function.
pub(crate) fn array(array: impl Array + 'static) -> ColumnarValue {
    ColumnarValue::Array(Arc::new(array))
}
