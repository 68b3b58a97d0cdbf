//! `count(DISTINCT text)` over the whole log, formed of each part and put together.
//!
//! A text column comes out of its dictionary: the same text in one batch is the same view, and telling two views apart needs neither
//! their bytes nor a hash of them. What is left is compared by hash and, where that is the same, by its bytes; no text is copied.

use std::fmt;
use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{HashSet, Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// The function in place of this one, when it counts distinct texts.
pub(super) fn instead(function: &Arc<AggregateFunctionExpr>, input: &SchemaRef) -> Result<Option<Arc<AggregateFunctionExpr>>> {
    let arguments = function.expressions();
    let [argument] = arguments.as_slice() else { return Ok(None) };
    if function.fun().name() != "count" || !function.is_distinct() || argument.data_type(input)? != DataType::Utf8View {
        return Ok(None);
    }
    let own = CountTexts { signature: Signature::any(1, Volatility::Immutable) };
    let own = AggregateExprBuilder::new(Arc::new(AggregateUDF::from(own)), arguments).schema(Arc::clone(input)).alias(function.name());
    Ok(Some(Arc::new(own.build()?)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountTexts {
    signature: Signature,
}

impl AggregateUDFImpl for CountTexts {
    fn name(&self) -> &'static str {
        "count_texts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new_list("texts", Field::new_list_field(DataType::Utf8View, true), true))])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Texts::default()))
    }
}

/// Distinct texts.
#[derive(Default)]
struct Texts {
    /// By hash, which stands beside the place in `order`.
    table: HashTable<(u64, u32)>,
    /// The texts in the order in which they came: places in `arrays` and in those.
    order: Vec<(u32, u32)>,
    arrays: Vec<StringViewArray>,
    /// Bytes of the texts themselves.
    bytes: usize,
    /// Views of one batch and hashes of what it is thinned to; kept for their room.
    seen: HashSet<u128>,
    hashes: Vec<u64>,
}

impl Texts {
    /// Adds texts, none of them NULL.
    fn add(&mut self, texts: StringViewArray) -> Result<()> {
        // The seed is fixed: what is counted does not depend on it.
        self.hashes.clear();
        self.hashes.resize(texts.len(), 0);
        create_hashes([&texts as &dyn Array], &RandomState::default(), &mut self.hashes)?;
        let (Ok(newest), Ok(_)) = (u32::try_from(self.arrays.len()), u32::try_from(self.order.len().saturating_add(texts.len()))) else {
            return exec_err!("more than four billion texts cannot be told apart");
        };
        self.arrays.push(texts);
        let Self { table, order, arrays, bytes, hashes, .. } = self;
        let text = |(array, row): (u32, u32)| value(arrays, array, row);
        for (row, hash) in (0..).zip(&*hashes) {
            let new = text((newest, row));
            let known = |(other, place): &(u64, u32)| other == hash && order.get(index(*place)).copied().map(text) == Some(new);
            if let Entry::Vacant(vacant) = table.entry(*hash, known, |(hash, _)| *hash) {
                // It fits: that was checked above.
                vacant.insert((*hash, u32::try_from(order.len()).unwrap_or(u32::MAX)));
                order.push((newest, row));
                *bytes = bytes.saturating_add(new.map_or(0, str::len));
            }
        }
        Ok(())
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn value(arrays: &[StringViewArray], array: u32, row: u32) -> Option<&str> {
    let array = arrays.get(index(array))?;
    (index(row) < array.len()).then(|| array.value(index(row)))
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("count", &self.order.len()).finish_non_exhaustive()
    }
}

impl Accumulator for Texts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [texts] = values else { return exec_err!("texts are counted one column at a time") };
        let texts = texts.as_string_view();
        self.seen.clear();
        // What stands behind a NULL is no text.
        let is_text = |row: u32| texts.nulls().is_none_or(|nulls| nulls.is_valid(index(row)));
        let firsts = (0_u32..).zip(texts.views()).filter(|(row, view)| is_text(*row) && self.seen.insert(**view));
        let firsts: UInt32Array = firsts.map(|(row, _)| Some(row)).collect();
        self.add(take(texts, &firsts, None)?.as_string_view().clone())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(i64::try_from(self.order.len()).unwrap_or(i64::MAX))))
    }

    fn size(&self) -> usize {
        let views: usize = self.arrays.iter().map(|array| array.len().saturating_mul(size_of::<u128>())).sum();
        let slots = self.table.capacity().saturating_add(self.order.capacity()).saturating_mul(size_of::<(u64, u32)>());
        self.bytes.saturating_add(views).saturating_add(slots)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut texts = StringViewBuilder::with_capacity(self.order.len());
        texts.extend(self.order.iter().map(|(array, row)| value(&self.arrays, *array, *row)));
        let state = SingleRowListArrayBuilder::new(Arc::new(texts.finish())).build_list_scalar();
        *self = Self::default();
        Ok(vec![state])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [states] = states else { return exec_err!("counted texts have one list as their state") };
        for texts in states.as_list::<i32>().iter().flatten() {
            let texts = texts.as_string_view();
            self.table.reserve(texts.len(), |(hash, _)| *hash);
            self.add(texts.clone())?;
        }
        Ok(())
    }
}
