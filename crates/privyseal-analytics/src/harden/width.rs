//! How many bytes single values and rows of a batch have.

use arrow::array::{Array, AsArray as _, RecordBatch};
use arrow::datatypes::DataType;

/// Bytes of the widest row: the sum of the widest values of each column, so at least what any row has.
pub(super) fn widest_row(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| widest_value(column.as_ref())).fold(0, usize::saturating_add)
}

/// Bytes of the widest value of a column.
pub(super) fn widest_value(column: &dyn Array) -> usize {
    (0..column.len()).map(|row| value_bytes(column, row)).max().unwrap_or(0)
}

fn value_bytes(column: &dyn Array, row: usize) -> usize {
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).len(),
        DataType::Utf8View => column.as_string_view().value(row).len(),
        DataType::Binary => column.as_binary::<i32>().value(row).len(),
        DataType::LargeBinary => column.as_binary::<i64>().value(row).len(),
        DataType::BinaryView => column.as_binary_view().value(row).len(),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            items_bytes(items.as_ref())
        }
        DataType::Struct(_) => {
            column.as_struct().columns().iter().map(|member| value_bytes(member.as_ref(), row)).fold(0, usize::saturating_add)
        }
        other => other.primitive_width().unwrap_or(16),
    }
}

fn items_bytes(items: &dyn Array) -> usize {
    match items.data_type().primitive_width() {
        Some(width) => items.len().saturating_mul(width),
        None => (0..items.len()).map(|row| value_bytes(items, row).saturating_add(8)).fold(0, usize::saturating_add),
    }
}

/// Items of a list; one for anything else.
pub(super) fn list_length(list: &dyn Array, row: usize) -> usize {
    match list.data_type() {
        DataType::List(_) => usize::try_from(list.as_list::<i32>().value_length(row)).unwrap_or(0),
        DataType::LargeList(_) => usize::try_from(list.as_list::<i64>().value_length(row)).unwrap_or(0),
        DataType::FixedSizeList(_, length) => usize::try_from(*length).unwrap_or(0),
        _ => 1,
    }
}

/// Whether values of this type can be of any size.
pub(super) fn is_variable(data_type: &DataType) -> bool {
    data_type.primitive_width().is_none() && !matches!(data_type, DataType::Boolean | DataType::Null | DataType::FixedSizeBinary(_))
}
