//! What stands in the console's form: a statement, the values of its parameters, the entry that shall be the newest.

use std::collections::BTreeMap;

use privyseal_core::parameter;
use privyseal_core::port::{ParameterDoc, QueryDoc, Question};
use serde_json::{Map, Value};

use crate::app::App;
use crate::body::Fields;
use crate::page::frame::Visitor;
use crate::problem::Problem;
use crate::view::sql::Field;

/// The type of a value of which nothing is known.
const LOOK: &str = "look";

/// A form before it was looked at.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) statement: String,
    /// The name of the kept query that it was taken from.
    pub(super) kept: Option<String>,
    /// Values by parameter: the type that was chosen, and the text.
    pub(super) values: BTreeMap<String, (String, String)>,
    pub(super) as_of: String,
}

impl Draft {
    /// What a form or an address says.
    pub(super) fn of(fields: &Fields) -> Self {
        let values = fields.names().filter_map(|field| {
            let name = field.strip_prefix("p.")?;
            let kind = fields.given(&format!("k.{name}")).unwrap_or(LOOK);
            Some((name.to_owned(), (kind.to_owned(), fields.one(field).to_owned())))
        });
        Self {
            // Browsers send lines with a carriage return in front of the line feed; what is recorded is what was typed.
            statement: fields.one("q").replace("\r\n", "\n"),
            kept: fields.given("kept").map(str::to_owned),
            values: values.collect(),
            as_of: fields.one("as_of").trim().to_owned(),
        }
    }

    /// Values that a statement was run with.
    pub(super) fn with(mut self, parameters: &Map<String, Value>) -> Self {
        let kind = |value: &Value| match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::Array(_) => "text[]",
            Value::String(_) | Value::Object(_) => "text",
        };
        let values = parameters.iter().map(|(name, value)| (name.clone(), (kind(value).to_owned(), parameter::written(value))));
        self.values.extend(values);
        self
    }
}

/// A form that was looked at.
pub(super) struct Form {
    pub(super) statement: String,
    pub(super) kept: Option<QueryDoc>,
    pub(super) fields: Vec<Field>,
    pub(super) as_of: String,
    pub(super) as_of_problem: Option<String>,
    /// What it asks; `None` when values are missing or wrong.
    pub(super) question: Option<Question>,
}

impl Form {
    /// Looks at a draft. Only one that is to be run is told what is wrong with it.
    pub(super) async fn of(app: &App, visitor: &Visitor, draft: Draft, to_run: bool) -> Self {
        let kept = draft.kept.as_deref().and_then(|name| app.analytics().library().iter().find(|doc| doc.name == name));
        let (mut fields, mut parameters) = (Vec::new(), Map::new());
        for name in names(app, visitor, &draft, kept).await {
            let doc = kept.and_then(|doc| doc.parameters.iter().find(|parameter| parameter.name == name));
            let mut field = field(&name, doc, draft.values.get(&name));
            match value(&field, draft.values.contains_key(&name) || doc.is_some()) {
                Ok(value) => drop(parameters.insert(name, value)),
                Err(problem) if to_run => field.problem = Some(problem.into()),
                Err(_) => {}
            }
            fields.push(field);
        }
        let as_of_seq = match draft.as_of.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("`{}` is no position of the log: an integer from 0", text.escape_debug())),
        };
        let is_whole = fields.iter().all(|field| field.problem.is_none());
        let question = match &as_of_seq {
            Ok(as_of_seq) if is_whole => {
                Some(Question { sql: draft.statement.clone(), parameters, as_of_seq: *as_of_seq, ..Question::default() })
            }
            _ => None,
        };
        let as_of_problem = as_of_seq.err().filter(|_| to_run);
        Self { statement: draft.statement, kept: kept.cloned(), fields, as_of: draft.as_of, as_of_problem, question }
    }

    /// The question whose parameters come as one JSON object, exactly as an answer on a page was asked for.
    ///
    /// # Errors
    /// When they are no object.
    pub(super) fn exact(mut self, parameters: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = parameters else { return Ok(self) };
        let parameters = serde_json::from_str(text).map_err(|_| Problem::bad("`parameters` is a JSON object"))?;
        self.question = self.question.map(|question| Question { parameters, ..question });
        Ok(self)
    }
}

/// The parameters of a statement: in the order of the kept query, then by name.
async fn names(app: &App, visitor: &Visitor, draft: &Draft, kept: Option<&QueryDoc>) -> Vec<String> {
    if !draft.statement.contains('$') {
        return Vec::new();
    }
    let described = app.desk().describe(&visitor.caller.identity, Question::new(draft.statement.clone())).await;
    let mut names = match described {
        Ok(Ok(described)) => described.parameters,
        // It will be refused, and says why; until then nothing that was typed is lost.
        _ => draft.values.keys().filter(|name| draft.statement.contains(&format!("${name}"))).cloned().collect(),
    };
    let place = |name: &String| kept.and_then(|doc| doc.parameters.iter().position(|parameter| parameter.name == *name));
    names.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
    names
}

fn field(name: &str, doc: Option<&ParameterDoc>, given: Option<&(String, String)>) -> Field {
    let default = doc.map(|doc| parameter::written(&doc.default)).unwrap_or_default();
    Field {
        name: name.into(),
        kind: doc.map(|doc| doc.kind.clone()).or_else(|| given.map(|(kind, _)| kind.clone())).unwrap_or_else(|| LOOK.to_owned()),
        declared: doc.is_some(),
        value: given.map_or(default, |(_, text)| text.clone()).into(),
        meaning: doc.map(|doc| doc.meaning.as_str().into()).unwrap_or_default(),
        problem: None,
    }
}

/// The value of a field, or what is wrong with it.
fn value(field: &Field, is_given: bool) -> Result<Value, String> {
    let text = field.value.verbatim();
    if !is_given {
        return Err("a new parameter: give it a value".to_owned());
    }
    match field.kind.as_str() {
        LOOK if text.is_empty() => Err("give it a value, or choose `text` for the empty text".to_owned()),
        LOOK => Ok(parameter::by_look(text)),
        kind => parameter::of_kind(kind, text).map_err(|wanted| format!("it takes {wanted}")),
    }
}
