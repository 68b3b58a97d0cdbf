//! Every function that SQL may use: our own, with their documentation, and the ones of DataFusion that cannot hurt.
//!
//! What is not listed here does not exist in a session. Left out on purpose, because they allocate far beyond any memory pool, run
//! without end, or are not a function of the log alone: `repeat`, `lpad`, `rpad`, `array_repeat`, `range`, `generate_series`,
//! `make_array`, `levenshtein`, `now`, `random`, `uuid`, `version` and every table function.

mod allowed;
mod args;
mod bounded;
mod crypto;
mod digest;
mod json;
mod own;
mod path;
mod person;
mod proofs;
mod rules;
mod time;
mod trunc;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, Expr, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, WindowUDF,
};
use privyseal_core::port::FunctionDoc;
use privyseal_ledger::layout::Layout;

pub(crate) use args::{step, time_type};
pub(crate) use json::{Extraction, members};
pub(crate) use person::{PersonIndex, PersonOf};

/// The function that takes many members out of a JSON text.
pub(crate) const FIELDS: &str = json::FieldsFunction::NAME;

/// A function of ours whose result type does not depend on its arguments.
struct Function {
    doc: &'static FunctionDoc,
    signature: Signature,
    returns: DataType,
    run: Box<Run>,
}

/// What a function does with its arguments and the number of rows.
type Run = dyn Fn(&[ColumnarValue], usize) -> Result<ColumnarValue> + Send + Sync;

impl Function {
    fn udf(
        doc: &'static FunctionDoc,
        signature: Signature,
        returns: DataType,
        run: impl Fn(&[ColumnarValue], usize) -> Result<ColumnarValue> + Send + Sync + 'static,
    ) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Self { doc, signature, returns, run: Box::new(run) }))
    }

    /// A function of exactly `count` arguments of whatever type; it converts them itself.
    fn fixed(
        doc: &'static FunctionDoc,
        count: usize,
        returns: DataType,
        run: impl Fn(&[ColumnarValue], usize) -> Result<ColumnarValue> + Send + Sync + 'static,
    ) -> Arc<ScalarUDF> {
        Self::udf(doc, Signature::any(count, Volatility::Immutable), returns, run)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.doc.name).finish_non_exhaustive()
    }
}

// Two functions of one name are one function: names are unique within a session.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.doc.name == other.doc.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.doc.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.doc.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some(function) = own::json(self.name()) else { return Ok(ExprSimplifyResult::Original(args)) };
        Ok(match json::shorten(args) {
            Ok(args) => ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction::new_udf(function, args))),
            Err(args) => ExprSimplifyResult::Original(args),
        })
    }

    // A value is taken out where its text is read: filters stay above, so that all values come from one pass, and serve the next statement
    // too. A whole object is not: it is large, and most often only asked for values in turn.
    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args.split_first() {
            Some((text, steps))
                if Extraction::takes_value(self.name())
                    && text.should_push_to_leaves()
                    && steps.iter().all(|step| *step == ExpressionPlacement::Literal) =>
            {
                ExpressionPlacement::MoveTowardsLeafNodes
            }
            _ => ExpressionPlacement::KeepInPlace,
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.run)(&args.args, args.number_rows)
    }
}

/// Everything a session may call.
pub(crate) struct Functions {
    pub(crate) scalar: Vec<Arc<ScalarUDF>>,
    pub(crate) aggregate: Vec<Arc<AggregateUDF>>,
    pub(crate) window: Vec<Arc<WindowUDF>>,
    /// Names in lower case, aliases included.
    pub(crate) names: BTreeSet<String>,
    pub(crate) docs: Vec<FunctionDoc>,
}

impl Functions {
    pub(crate) fn new(layout: &Layout) -> Self {
        let (ours, docs) = own::all(layout);
        let scalar: Vec<Arc<ScalarUDF>> = allowed::scalar().into_iter().chain(ours).collect();
        let (mut aggregate, window) = (allowed::aggregate(), allowed::window());
        aggregate.push(Arc::new(AggregateUDF::from(digest::DigestOfResult::new())));
        let mut names: BTreeSet<String> = allowed::SYNTAX.iter().map(|name| (*name).to_owned()).collect();
        for function in &scalar {
            names.extend([function.name()].into_iter().chain(function.aliases().iter().map(String::as_str)).map(str::to_owned));
        }
        for function in &aggregate {
            names.extend([function.name()].into_iter().chain(function.aliases().iter().map(String::as_str)).map(str::to_owned));
        }
        for function in &window {
            names.extend([function.name()].into_iter().chain(function.aliases().iter().map(String::as_str)).map(str::to_owned));
        }
        names.insert(PersonOf::NAME.to_owned());
        Self { scalar, aggregate, window, names, docs }
    }
}

/// What turns operators and special syntax into functions.
pub(crate) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    allowed::planners()
}
