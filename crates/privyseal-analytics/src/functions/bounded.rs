//! Functions whose result can be much larger than their arguments, held to a limit before they run.
//!
//! DataFusion's memory pool counts what operators hold, not what one function call makes. Doubling a text thirty times, or replacing
//! every letter by a page, would take the process down with the pool half empty; so the worst case is computed first.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::StringBuilder;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::args::TextColumn;

/// Most bytes that one call may make for one batch of rows.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Longest text that one call may make: an entry of the ledger has 64 KiB at most.
const MAX_VALUE_BYTES: usize = 128 * 1024;

/// What the worst case may be: it is far above what happens, and replacing a letter in pages of text should still work.
const WORST_BYTES: usize = 8 * MAX_BYTES;

/// How large a result can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// At most all arguments together.
    Sum,
    /// Every byte of the first argument, and the place before it, may become the third argument.
    Replace,
    /// All arguments together, with the first one between each.
    Join,
    /// The second argument between any two items of the first.
    Separate,
    /// The second argument is a format, and each of its letters may become a word.
    Format,
}

/// A function with a limit in front.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl Bounded {
    pub(super) fn wrap(inner: Arc<ScalarUDF>, growth: Growth) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Self { inner, growth }))
    }
}

/// Bytes of an argument over all rows.
fn total(value: &ColumnarValue, rows: usize) -> usize {
    match value {
        ColumnarValue::Scalar(_) => longest(value).saturating_mul(rows),
        // Slices share their buffers: what counts is what the rows themselves hold.
        ColumnarValue::Array(array) => array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()),
    }
}

/// Bytes of the longest text in an argument.
fn longest(value: &ColumnarValue) -> usize {
    match TextColumn::of(value, 1) {
        Ok(texts) => (0..texts.len()).filter_map(|row| texts.get(row)).map(str::len).max().unwrap_or(0),
        Err(_) => 64,
    }
}

fn worst_case(growth: Growth, args: &[ColumnarValue], rows: usize) -> usize {
    let sum = args.iter().fold(0_usize, |sum, arg| sum.saturating_add(total(arg, rows)));
    let first = args.first().map_or(0, |arg| total(arg, rows));
    let longest_of = |place: usize| args.get(place).map_or(0, longest);
    let extra = match growth {
        Growth::Sum => 0,
        Growth::Replace => first.saturating_add(rows).saturating_mul(longest_of(2)),
        Growth::Join => rows.saturating_mul(args.len()).saturating_mul(longest_of(0)),
        Growth::Separate => first.saturating_mul(longest_of(1)),
        Growth::Format => rows.saturating_mul(longest_of(1)).saturating_mul(16),
    };
    sum.saturating_add(extra)
}

fn check(name: &str, growth: Growth, args: &[ColumnarValue], rows: usize) -> Result<()> {
    if worst_case(growth, args, rows) > WORST_BYTES { exec_err!("{}", too_large(name)) } else { Ok(()) }
}

fn too_large(name: &str) -> String {
    let (value, batch) = (MAX_VALUE_BYTES >> 10, MAX_BYTES >> 20);
    format!("`{name}` could make a text of more than {value} KiB, or {batch} MiB for one batch of rows: work on shorter texts")
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    // The inner function's own rewriting is not used: it could put the unbounded function back into the plan.
    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(self.name(), self.growth, &args.args, args.number_rows)?;
        let name = self.name().to_owned();
        let result = self.inner.invoke_with_args(args)?;
        let bytes = match &result {
            ColumnarValue::Array(array) => array.to_data().get_slice_memory_size().unwrap_or(0),
            ColumnarValue::Scalar(scalar) => scalar.size(),
        };
        if bytes > MAX_BYTES || longest(&result) > MAX_VALUE_BYTES { Err(DataFusionError::Execution(too_large(&name))) } else { Ok(result) }
    }
}

/// `a || b`: NULL when either is.
#[derive(Debug)]
struct TextConcat {
    signature: Signature,
}

impl PartialEq for TextConcat {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for TextConcat {}

impl Hash for TextConcat {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "text_concat".hash(state);
    }
}

pub(super) fn text_concat() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(TextConcat { signature: Signature::user_defined(Volatility::Immutable) }))
}

impl ScalarUDFImpl for TextConcat {
    fn name(&self) -> &str {
        "text_concat"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    // Numbers and moments are joined by their text, as everywhere in SQL.
    fn coerce_types(&self, _: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; 2])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check("||", Growth::Sum, &args.args, args.number_rows)?;
        let [left, right] = args.args.as_slice() else { return exec_err!("`||` joins two texts") };
        let scalar = matches!((left, right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let (left, right) = (TextColumn::of(left, rows)?, TextColumn::of(right, rows)?);
        let mut column = StringBuilder::with_capacity(rows, rows * 32);
        for row in 0..rows {
            match (left.get(row), right.get(row)) {
                (Some(left), Some(right)) if left.len() + right.len() > MAX_VALUE_BYTES => return exec_err!("{}", too_large("||")),
                (Some(left), Some(right)) => column.append_value(format!("{left}{right}")),
                _ => column.append_null(),
            }
        }
        let array: arrow::array::ArrayRef = Arc::new(column.finish());
        if scalar { left.result(array) } else { Ok(ColumnarValue::Array(array)) }
    }
}
