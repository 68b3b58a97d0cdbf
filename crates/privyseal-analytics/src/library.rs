//! The questions that come with the program: `queries/library/*.sql`, each checked against its own header when the engine opens.

use std::borrow::Cow;
use std::collections::BTreeSet;

use privyseal_core::port::{ContentSource, ParameterDoc, QueryDoc};

use crate::bind;
use crate::guard::{self, Names};
use crate::header::{self, HeaderError};
use crate::session::{Sessions, type_name};

/// Where questions are among the content.
const FOLDER: &str = "queries/library/";

/// Loads every question, by name. One that does not fit its own header is an error: questions come with the program.
///
/// A question is held to what anybody's statement is held to: it passes the same gate, and is planned in the same session.
pub(crate) async fn load(content: &dyn ContentSource, sessions: &Sessions) -> Result<Vec<QueryDoc>, HeaderError> {
    let names = Names { tables: sessions.docs.iter().map(|doc| doc.name.clone()).collect(), functions: sessions.functions.names.clone() };
    let mut library = Vec::new();
    for path in content.list(FOLDER) {
        let Some(name) = path.strip_prefix(FOLDER).and_then(|file| file.strip_suffix(".sql")) else { continue };
        let Some(text) = content.read(&path).map(Cow::into_owned) else { continue };
        library.push(read(name, &text, &names, sessions).await.map_err(|reason| HeaderError { file: path.clone(), reason })?);
    }
    library.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(library)
}

async fn read(name: &str, text: &str, names: &Names, sessions: &Sessions) -> Result<QueryDoc, String> {
    let header = header::library(name, text).map_err(|error| error.reason)?;
    let body: Vec<&str> = text.lines().skip_while(|line| line.starts_with("--")).collect();
    let sql = body.join("\n");
    let mut statement = guard::parse(&sql).map_err(|refused| refused.to_string())?;
    let used = bind::parameters(&statement);
    let declared: BTreeSet<String> = header.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    if used != declared {
        let odd: Vec<&String> = used.symmetric_difference(&declared).collect();
        return Err(format!("parameters that are either not declared or not used: {odd:?}"));
    }
    // As a door does it: a default that a door could not give would be none.
    let defaults = header.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.default.clone())).collect();
    bind::bind_question(&mut statement, &defaults).map_err(|refused| refused.to_string())?;
    let statement = guard::check(statement, names).map_err(|refused| refused.to_string())?.statement;
    let plan = sessions.public.statement_to_plan(statement).await.map_err(|error| error.strip_backtrace())?;
    let found: Vec<(String, String)> =
        plan.schema().fields().iter().map(|field| (field.name().clone(), type_name(field.data_type()))).collect();
    let columns: Vec<(String, String)> = header.columns.iter().map(|column| (column.name.clone(), column.kind.clone())).collect();
    if found != columns {
        let pairs =
            |columns: &[(String, String)]| columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect::<Vec<_>>().join(", ");
        return Err(format!("it declares the columns ({}), its SQL gives ({})", pairs(&columns), pairs(&found)));
    }
    let ready = format!("-- {}\n{}", header.title, bind::with_defaults(&sql, &header.parameters)?);
    let parameters = header.parameters.into_iter().map(|parameter| ParameterDoc {
        name: parameter.name,
        kind: parameter.kind.as_str().to_owned(),
        default: parameter.default,
        meaning: parameter.meaning,
    });
    Ok(QueryDoc {
        name: name.to_owned(),
        title: header.title,
        meaning: header.meaning,
        parameters: parameters.collect(),
        columns: header.columns,
        sql,
        ready,
    })
}
