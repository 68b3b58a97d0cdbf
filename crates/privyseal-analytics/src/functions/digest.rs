//! `digest_of_result(a, b, …)`: the digest that the record of a statement has, computed again over rows.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, ColumnarValue, Signature, Volatility};
use privyseal_core::port::QueryError;

use super::args::bytes;
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
        Ok(Box::new(Rows { schema, text: Vec::new() }))
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("rows", DataType::Binary, true))])
    }
}

fn failed(error: QueryError) -> DataFusionError {
    DataFusionError::Execution(error.to_string())
}

/// Most bytes of rows in canonical form that are kept until the digest is computed.
const MAX_BYTES: usize = 64 << 20;

/// Rows in canonical form, with commas between them, in the order in which they came.
#[derive(Debug)]
struct Rows {
    schema: SchemaRef,
    text: Vec<u8>,
}

impl Rows {
    fn add(&mut self, rows: &[u8]) -> Result<()> {
        if !self.text.is_empty() && !rows.is_empty() {
            self.text.push(b',');
        }
        self.text.extend_from_slice(rows);
        if self.text.len() > MAX_BYTES {
            return exec_err!("the rows under `digest_of_result` have more than {} MiB: take fewer", MAX_BYTES >> 20);
        }
        Ok(())
    }
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // Behind the arguments stand the columns that ORDER BY names.
        let columns = values.iter().take(self.schema.fields().len()).cloned().collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        for row in answer::rows(&batch).map_err(failed)? {
            let row = answer::row_bytes(&row).map_err(failed)?;
            self.add(&row)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut digest = ResultDigest::new(&answer::columns(&self.schema)).map_err(failed)?;
        if !self.text.is_empty() {
            digest.add_bytes(&self.text);
        }
        Ok(ScalarValue::Utf8View(Some(digest.finish().to_string())))
    }

    fn size(&self) -> usize {
        size_of_val(self).saturating_add(self.text.capacity())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(std::mem::take(&mut self.text)))])
    }

    // Statements run in one partition: there is one state, and it holds the rows in their order.
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [state] = states else { return exec_err!("`digest_of_result` has one state") };
        let rows = bytes(&ColumnarValue::Array(Arc::clone(state)), state.len())?;
        for rows in rows.iter().flatten() {
            self.add(rows)?;
        }
        Ok(())
    }
}
