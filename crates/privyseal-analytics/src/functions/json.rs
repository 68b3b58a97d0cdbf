//! JSON in SQL: `json_text` and its siblings for one member, `fields` for many members in one pass.
//!
//! The crate `datafusion-functions-json` was looked at and left: it returns a union type that neither CSV nor Parquet can hold,
//! parses the text once per member, and knows neither the ledger's times nor its hidden values.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int64Builder, ListBuilder, StringBuilder, StringViewBuilder, StructArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_datafusion_err, exec_err, plan_datafusion_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::args::{TextColumn, literal, time_type};
use super::path::{self, Plan};

/// What a member becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A string, number or truth value as text.
    Text,
    /// An integer.
    Int,
    /// A truth value.
    Bool,
    /// A moment.
    Time,
    /// A list of texts.
    List,
    /// JSON text of whatever is there.
    Json,
}

impl Kind {
    /// The functions that take one member out.
    pub(super) const FUNCTIONS: [(&'static str, Self); 6] = [
        ("json_text", Kind::Text),
        ("json_int", Kind::Int),
        ("json_bool", Kind::Bool),
        ("json_time", Kind::Time),
        ("json_list", Kind::List),
        ("json_value", Kind::Json),
    ];

    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "text" => Kind::Text,
            "int" => Kind::Int,
            "bool" => Kind::Bool,
            "time" => Kind::Time,
            "list" => Kind::List,
            "json" => Kind::Json,
            _ => return None,
        })
    }

    /// The kind of member that a function takes out.
    pub(super) fn of(function: &str) -> Option<Self> {
        Self::FUNCTIONS.iter().find(|(name, _)| *name == function).map(|(_, kind)| *kind)
    }

    /// The function that takes such a member out.
    fn function(self) -> &'static str {
        Self::FUNCTIONS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The column type.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Kind::Text | Kind::Json => DataType::Utf8View,
            Kind::Int => DataType::Int64,
            Kind::Bool => DataType::Boolean,
            Kind::Time => time_type(),
            Kind::List => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        }
    }
}

/// Builds a column of one kind from raw JSON texts.
enum Column {
    Text(StringViewBuilder),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    List(ListBuilder<StringBuilder>),
    Json(StringViewBuilder),
}

impl Column {
    fn new(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Text => Column::Text(StringViewBuilder::with_capacity(rows)),
            Kind::Int => Column::Int(Int64Builder::with_capacity(rows)),
            Kind::Bool => Column::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Time => Column::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")),
            Kind::List => Column::List(ListBuilder::new(StringBuilder::new())),
            Kind::Json => Column::Json(StringViewBuilder::with_capacity(rows)),
        }
    }

    /// `after` are the path steps behind the one list that a list's path leads through.
    fn push(&mut self, raw: Option<&str>, after: &[&str]) {
        let raw = raw.filter(|raw| *raw != "null");
        match self {
            Column::Text(column) => column.append_option(raw.and_then(path::scalar_text).as_deref()),
            Column::Int(column) => column.append_option(raw.and_then(|raw| raw.parse().ok())),
            Column::Bool(column) => column.append_option(raw.and_then(|raw| raw.parse().ok())),
            Column::Time(column) => column.append_option(raw.and_then(path::as_micros)),
            Column::Json(column) => column.append_option(raw),
            Column::List(column) => match raw.and_then(|raw| path::list(raw, after)) {
                Some(items) => {
                    for item in items {
                        column.values().append_value(item);
                    }
                    column.append(true);
                }
                None => column.append(false),
            },
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Column::Text(mut column) | Column::Json(mut column) => Arc::new(column.finish()),
            Column::Int(mut column) => Arc::new(column.finish()),
            Column::Bool(mut column) => Arc::new(column.finish()),
            Column::Time(mut column) => Arc::new(column.finish()),
            Column::List(mut column) => Arc::new(column.finish()),
        }
    }
}

/// Members to be taken out of one JSON text in one pass, each as a column.
#[derive(Debug, Default)]
pub(crate) struct Extraction {
    plan: Plan,
    outputs: Vec<Output>,
}

impl Extraction {
    /// Whether a function takes one member out of a JSON text.
    pub(crate) fn takes(function: &str) -> bool {
        Kind::of(function).is_some()
    }

    /// Whether what it takes out is a value, or a list of values, and not JSON.
    pub(crate) fn takes_value(function: &str) -> bool {
        Kind::of(function).is_some_and(|kind| kind != Kind::Json)
    }

    /// The place of what a function takes out under a path.
    pub(crate) fn find(&self, function: &str, steps: &[String]) -> Option<usize> {
        let wanted = Output::of("", Kind::of(function)?, steps);
        self.outputs.iter().position(|output| output.kind == wanted.kind && output.path == wanted.path && output.after == wanted.after)
    }

    /// Adds what a function takes out under a path.
    pub(crate) fn add(&mut self, function: &str, steps: &[String]) {
        let Some(kind) = Kind::of(function).filter(|_| self.find(function, steps).is_none()) else { return };
        self.push(Output::of(&format!("{function}({})", steps.join(", ")), kind, steps));
    }

    fn push(&mut self, output: Output) {
        let path: Vec<&str> = output.path.iter().map(String::as_str).collect();
        self.plan.add(&path, self.outputs.len());
        self.outputs.push(output);
    }

    /// The columns that it makes.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        self.outputs.iter().map(|output| Field::new(&output.name, output.kind.data_type(), true))
    }

    /// What is taken out, each in words that no other member has, with the type of its column.
    pub(crate) fn members(&self) -> impl Iterator<Item = (String, DataType)> {
        self.outputs.iter().map(|output| (format!("{:?} {:?} {:?}", output.kind, output.path, output.after), output.kind.data_type()))
    }

    /// The columns of so many rows; one row when the text is a scalar.
    pub(crate) fn run(&self, text: &ColumnarValue, rows: usize) -> Result<Vec<ArrayRef>> {
        self.run_over(&TextColumn::of(text, rows)?)
    }

    fn run_over(&self, texts: &TextColumn) -> Result<Vec<ArrayRef>> {
        let afters: Vec<Vec<&str>> = self.outputs.iter().map(|output| output.after.iter().map(String::as_str).collect()).collect();
        let mut columns: Vec<Column> = self.outputs.iter().map(|output| Column::new(output.kind, texts.len())).collect();
        let mut found = vec![None; self.outputs.len()];
        for row in 0..texts.len() {
            found.fill(None);
            if let Some(text) = texts.get(row) {
                self.plan.run(text, &mut found);
            }
            for ((column, raw), after) in columns.iter_mut().zip(&found).zip(&afters) {
                column.push(*raw, after);
            }
        }
        Ok(columns.into_iter().map(Column::finish).collect())
    }
}

/// One member: `json_text(text, 'step', …)` and the like. Path steps are literals.
pub(crate) fn member(kind: Kind, args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let Some((text, steps)) = args.split_first() else { return exec_err!("a JSON function needs a text") };
    let steps: Vec<String> = steps.iter().map(|step| literal(step, "a path step")).collect::<Result<_>>()?;
    let mut extraction = Extraction::default();
    extraction.push(Output::of("member", kind, &steps));
    let texts = TextColumn::of(text, rows)?;
    let column = extraction.run_over(&texts)?.into_iter().next();
    texts.result(column.ok_or_else(|| exec_datafusion_err!("a member has no column"))?)
}

/// A JSON function of what another one took out whole is that function over the longer path.
pub(crate) fn shorten(mut args: Vec<Expr>) -> std::result::Result<Vec<Expr>, Vec<Expr>> {
    match args.first_mut() {
        Some(Expr::ScalarFunction(inner)) if inner.func.name() == Kind::Json.function() => {
            let mut path = std::mem::take(&mut inner.args);
            path.extend(args.into_iter().skip(1));
            Ok(path)
        }
        _ => Err(args),
    }
}

/// The members that a call of `fields` names: each with its name, the function that takes it out, and its path.
pub(crate) fn members(spec: &str) -> Result<Vec<(String, &'static str, Vec<String>)>> {
    let outputs = parse_outputs(spec)?.into_iter();
    Ok(outputs.map(|output| (output.name, output.kind.function(), [output.path, output.after].concat())).collect())
}

/// `fields(text, 'name kind path, …')`: many members in one pass, as a struct.
#[derive(Debug)]
pub(crate) struct FieldsFunction {
    signature: Signature,
}

impl FieldsFunction {
    pub(crate) const NAME: &'static str = "fields";

    pub(crate) fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl PartialEq for FieldsFunction {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for FieldsFunction {}

impl Hash for FieldsFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Self::NAME.hash(state);
    }
}

/// One output of `fields`.
#[derive(Debug, PartialEq, Eq)]
struct Output {
    name: String,
    kind: Kind,
    /// Steps up to the value, or up to the list that `*` goes through.
    path: Vec<String>,
    /// From `*` on.
    after: Vec<String>,
}

impl Output {
    /// What stands under these steps. The way to a list may lead through the items of another one, with a step `*`.
    fn of(name: &str, kind: Kind, steps: &[String]) -> Self {
        let mut path = steps.to_vec();
        let after = match path.iter().position(|step| step == "*") {
            Some(star) if kind == Kind::List => path.split_off(star),
            _ => Vec::new(),
        };
        Self { name: name.to_owned(), kind, path, after }
    }
}

fn parse_outputs(spec: &str) -> Result<Vec<Output>> {
    let outputs: Vec<Output> = spec.split(',').map(parse_output).collect::<Result<_>>()?;
    let mut names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return plan_err!("`fields` names one of its outputs twice");
    }
    Ok(outputs)
}

fn parse_output(text: &str) -> Result<Output> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (name, kind, path) = match words.as_slice() {
        [name, kind] => (*name, *kind, *name),
        [name, kind, path] => (*name, *kind, *path),
        _ => return plan_err!("`fields` reads `name kind path` between commas, not `{}`", text.trim()),
    };
    let kind =
        Kind::parse(kind).ok_or_else(|| plan_datafusion_err!("`{kind}` is not a kind of `fields`: text, int, bool, time, list or json"))?;
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    if kind != Kind::List && path.iter().any(|step| step == "*") {
        return plan_err!("`*` in a path of `fields` gives a list, and `{name}` is not one");
    }
    Ok(Output::of(name, kind, &path))
}

fn struct_type(outputs: &[Output]) -> Fields {
    outputs.iter().map(|output| Field::new(&output.name, output.kind.data_type(), true)).collect()
}

impl ScalarUDFImpl for FieldsFunction {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("the type of `fields` depends on its second argument".to_owned()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let spec = match args.scalar_arguments.get(1) {
            Some(Some(ScalarValue::Utf8(Some(spec)) | ScalarValue::Utf8View(Some(spec)) | ScalarValue::LargeUtf8(Some(spec)))) => spec,
            _ => return plan_err!("the second argument of `fields` is a text literal"),
        };
        Ok(Arc::new(Field::new(Self::NAME, DataType::Struct(struct_type(&parse_outputs(spec)?)), false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text, spec] = args.args.as_slice() else { return exec_err!("`fields` takes a text and a list of members") };
        let outputs = parse_outputs(&literal(spec, "the second argument of `fields`")?)?;
        let fields = struct_type(&outputs);
        let mut extraction = Extraction::default();
        outputs.into_iter().for_each(|output| extraction.push(output));
        let texts = TextColumn::of(text, args.number_rows)?;
        let arrays = extraction.run_over(&texts)?;
        let array = StructArray::try_new(fields, arrays, None)?;
        texts.result(Arc::new(array))
    }
}
