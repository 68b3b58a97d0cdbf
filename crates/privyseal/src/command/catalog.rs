//! `privyseal catalog`: which controls there are and how they are tested.

use std::process::ExitCode;

use anyhow::bail;
use privyseal_core::catalog::Catalogs;
use serde_json::json;

use crate::cli::{Catalog, Format};
use crate::content::Embedded;
use crate::context::Context;
use crate::output;

/// The embedded catalogs.
///
/// # Errors
/// When one of them has a problem; all are named.
pub(crate) fn load() -> anyhow::Result<Catalogs> {
    let (catalogs, problems) = Catalogs::load(&Embedded);
    if problems.is_empty() {
        return Ok(catalogs);
    }
    let listed: Vec<String> = problems.iter().map(ToString::to_string).collect();
    bail!("the control catalogs cannot be used:\n{}", listed.join("\n"))
}

/// Runs `catalog`.
///
/// # Errors
/// When there is no such framework.
pub(crate) fn run(context: &Context, verb: &Catalog) -> anyhow::Result<ExitCode> {
    let catalogs = load()?;
    let as_json = context.global.format == Some(Format::Json);
    match verb {
        Catalog::List => {
            let rows: Vec<_> = catalogs
                .frameworks()
                .iter()
                .map(|framework| {
                    let mapped = framework.controls.iter().filter(|control| control.mapping.is_some()).count();
                    (framework, mapped)
                })
                .collect();
            if as_json {
                let rows: Vec<_> = rows.iter().map(|(framework, mapped)| json!({
                    "id": framework.id, "name": framework.name, "version": framework.version, "controls": framework.controls.len(), "evidenced": mapped,
                })).collect();
                output::data(&serde_json::to_string_pretty(&rows)?);
            } else {
                for (framework, mapped) in rows {
                    output::data(&format!(
                        "{:<18} {:>5} controls, {:>3} evidenced by these events   {}",
                        framework.id,
                        framework.controls.len(),
                        mapped,
                        framework.name
                    ));
                }
            }
        }
        Catalog::Show { framework } => {
            let Some(found) = catalogs.framework(framework) else {
                let names: Vec<String> = catalogs.frameworks().iter().map(|framework| framework.id.to_string()).collect();
                bail!("there is no framework `{framework}`; there are {}", names.join(", "));
            };
            for control in &found.controls {
                let mapped = control.mapping.as_ref().map_or("not in scope of this evidence".to_owned(), |mapping| {
                    format!("{} {}", mapping.strength.as_str(), mapping.assertions.join(" "))
                });
                output::data(&format!("{:<12} {:<70} {mapped}", control.id, control.title));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
