//! `digest_of_result(a, b, …)`: the digest that the record of a statement has, computed again over rows.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use privyseal_core::port::QueryError;

use crate::answer::{self, ResultDigest};

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DigestOfResult {
    signature: Signature,
}

impl DigestOfResult {
    pub(super) const NAME: &'static str = "digest_of_result";

    pub(super) fn new() -> Self {
        Self { signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for DigestOfResult {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let fields = args.expr_fields.iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        let order = args.order_bys.iter().map(|by| Ok(SortField::new_with_options(by.expr.data_type(args.schema)?, by.options)));
        let order = RowConverter::new(order.collect::<Result<Vec<SortField>>>()?)?;
        Ok(Box::new(Rows { schema, order, rows: Vec::new(), bytes: 0 }))
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let list = |name| Arc::new(Field::new_list(name, Field::new_list_field(DataType::Binary, true), true));
        Ok(vec![list("keys"), list("rows")])
    }
}

fn failed(error: QueryError) -> DataFusionError {
    DataFusionError::Execution(error.to_string())
}

/// Most bytes of rows in canonical form that are kept until the digest is computed.
const MAX_BYTES: usize = 64 << 20;

/// Rows in canonical form, each with the bytes that ORDER BY compares.
///
/// The branches of a UNION are aggregated apart from each other, so that only here all rows are in sight.
#[derive(Debug)]
struct Rows {
    schema: SchemaRef,
    order: RowConverter,
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Rows {
    fn add(&mut self, key: &[u8], row: Vec<u8>) -> Result<()> {
        self.bytes = self.bytes.saturating_add(key.len()).saturating_add(row.len());
        if self.bytes > MAX_BYTES {
            return exec_err!("the rows under `digest_of_result` have more than {} MiB: take fewer", MAX_BYTES >> 20);
        }
        self.rows.push((key.to_vec(), row));
        Ok(())
    }
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // Behind the arguments stand the columns that ORDER BY names.
        let Some((arguments, order)) = values.split_at_checked(self.schema.fields().len()) else {
            return exec_err!("`digest_of_result` misses a column");
        };
        let keys = if order.is_empty() { None } else { Some(self.order.convert_columns(order)?) };
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arguments.to_vec())?;
        for (index, row) in answer::rows(&batch).map_err(failed)?.iter().enumerate() {
            let key = keys.as_ref().map(|keys| keys.row(index));
            self.add(key.as_ref().map_or(&[], |key| key.data()), answer::row_bytes(row).map_err(failed)?)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // Stable: rows that ORDER BY does not tell apart stay as they came.
        self.rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut digest = ResultDigest::new(&answer::columns(&self.schema)).map_err(failed)?;
        for (_, row) in &self.rows {
            digest.add_bytes(row);
        }
        Ok(ScalarValue::Utf8View(Some(digest.finish().to_string())))
    }

    fn size(&self) -> usize {
        size_of_val(self).saturating_add(self.bytes).saturating_add(self.rows.capacity().saturating_mul(size_of::<(Vec<u8>, Vec<u8>)>()))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows = std::mem::take(&mut self.rows).into_iter();
        let (keys, rows): (Vec<_>, Vec<_>) =
            rows.map(|(key, row)| (ScalarValue::Binary(Some(key)), ScalarValue::Binary(Some(row)))).unzip();
        let list = |values: &[ScalarValue]| ScalarValue::List(ScalarValue::new_list_nullable(values, &DataType::Binary));
        Ok(vec![list(&keys), list(&rows)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [keys, rows] = states else { return exec_err!("`digest_of_result` has two lists as its state") };
        for (keys, rows) in keys.as_list::<i32>().iter().zip(rows.as_list::<i32>().iter()) {
            let (Some(keys), Some(rows)) = (keys, rows) else { continue };
            for (key, row) in keys.as_binary::<i32>().iter().zip(rows.as_binary::<i32>().iter()) {
                self.add(key.unwrap_or_default(), row.unwrap_or_default().to_vec())?;
            }
        }
        Ok(())
    }
}
