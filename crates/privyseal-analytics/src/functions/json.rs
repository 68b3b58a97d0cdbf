//! JSON in SQL: `json_text` and its siblings for one member, `fields` for many members in one pass.
//!
//! The crate `datafusion-functions-json` was looked at and left: it returns a union type that neither CSV nor Parquet can hold,
//! parses the text once per member, and knows neither the ledger's times nor its hidden values.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Int64Builder, ListBuilder, StringBuilder, StructArray, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_datafusion_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

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

    /// The column type.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Kind::Text | Kind::Json => DataType::Utf8,
            Kind::Int => DataType::Int64,
            Kind::Bool => DataType::Boolean,
            Kind::Time => time_type(),
            Kind::List => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        }
    }
}

/// Builds a column of one kind from raw JSON texts.
enum Column {
    Text(StringBuilder),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    List(ListBuilder<StringBuilder>),
    Json(StringBuilder),
}

impl Column {
    fn new(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Text => Column::Text(StringBuilder::with_capacity(rows, rows * 16)),
            Kind::Int => Column::Int(Int64Builder::with_capacity(rows)),
            Kind::Bool => Column::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Time => Column::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")),
            Kind::List => Column::List(ListBuilder::new(StringBuilder::new())),
            Kind::Json => Column::Json(StringBuilder::with_capacity(rows, rows * 64)),
        }
    }

    /// `after` are the path steps behind the one list that a list's path leads through.
    fn push(&mut self, raw: Option<&str>, after: &[&str]) {
        let raw = raw.filter(|raw| *raw != "null");
        match self {
            Column::Text(column) => column.append_option(raw.and_then(path::scalar_text)),
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

/// One member: `json_text(text, 'step', …)` and the like. Path steps are literals.
pub(crate) fn member(kind: Kind, args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let Some((text, steps)) = args.split_first() else { return exec_err!("a JSON function needs a text") };
    let steps: Vec<String> = steps.iter().map(|step| literal(step, "a path step")).collect::<Result<_>>()?;
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let texts = TextColumn::of(text, rows)?;
    let mut column = Column::new(kind, rows);
    for row in 0..texts.len() {
        let text = texts.get(row);
        match kind {
            // The whole path, because it may lead through a list.
            Kind::List => column.push(text, &steps),
            _ => column.push(text.and_then(|text| path::find(text, &steps)), &[]),
        }
    }
    texts.result(column.finish())
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
    let mut path: Vec<String> = path.split('.').map(str::to_owned).collect();
    let after = match path.iter().position(|step| step == "*") {
        Some(star) if kind == Kind::List => path.split_off(star),
        Some(_) => return plan_err!("`*` in a path of `fields` gives a list, and `{name}` is not one"),
        None => Vec::new(),
    };
    Ok(Output { name: name.to_owned(), kind, path, after })
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
        let mut plan = Plan::default();
        for (place, output) in outputs.iter().enumerate() {
            let path: Vec<&str> = output.path.iter().map(String::as_str).collect();
            plan.add(&path, place);
        }
        let afters: Vec<Vec<&str>> = outputs.iter().map(|output| output.after.iter().map(String::as_str).collect()).collect();
        let texts = TextColumn::of(text, args.number_rows)?;
        let mut columns: Vec<Column> = outputs.iter().map(|output| Column::new(output.kind, texts.len())).collect();
        let mut found = vec![None; outputs.len()];
        for row in 0..texts.len() {
            found.fill(None);
            if let Some(text) = texts.get(row) {
                plan.run(text, &mut found);
            }
            for ((column, raw), after) in columns.iter_mut().zip(&found).zip(&afters) {
                column.push(*raw, after);
            }
        }
        let arrays = columns.into_iter().map(Column::finish).collect();
        let array = StructArray::try_new(struct_type(&outputs), arrays, None)?;
        texts.result(Arc::new(array))
    }
}
