//! `digest_of_result(a, b, …)`: the digest that the record of a statement has, computed again over rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
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
        let digest = ResultDigest::new(&answer::columns(&schema)).map_err(failed)?;
        Ok(Box::new(Rows { schema, digest }))
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(Vec::new())
    }
}

fn failed(error: QueryError) -> DataFusionError {
    DataFusionError::Execution(error.to_string())
}

#[derive(Debug)]
struct Rows {
    schema: SchemaRef,
    digest: ResultDigest,
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // Behind the arguments stand the columns that ORDER BY names.
        let columns = values.iter().take(self.schema.fields().len()).cloned().collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        for row in answer::rows(&batch).map_err(failed)? {
            self.digest.add(&row).map_err(failed)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8View(Some(self.digest.clone().finish().to_string())))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    // Rows have an order: what two of these have seen cannot be put together. Statements run in one partition, so nobody asks.
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        exec_err!("`digest_of_result` cannot be computed in parts")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        exec_err!("`digest_of_result` cannot be computed in parts")
    }
}
