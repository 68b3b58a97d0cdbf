//! `privyseal checkpoint`: the newest signed head, and everything public as static files.

use std::process::ExitCode;

use anyhow::Context as _;
use privyseal_ledger::export::export;
use privyseal_ledger::reader::Reader;
use serde_json::json;

use crate::cli::{self, CheckpointVerb, Format};
use crate::context::Context;
use crate::output;

/// Runs `checkpoint`.
///
/// # Errors
/// When the log cannot be read, or the folder cannot be written.
pub(crate) fn run(context: &Context, options: &cli::Checkpoint) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(context.layout())?;
    let Some(CheckpointVerb::Export { out, entries }) = &options.verb else {
        let head = reader.log().head()?.context("the log is empty")?;
        output::data(&head.checkpoint);
        return Ok(ExitCode::SUCCESS);
    };
    let done = export(reader.layout(), reader.log(), out, *entries)?;
    match context.global.format {
        Some(Format::Json) => {
            output::data(&json!({"size": done.size, "bundles": done.bundles, "folder": out.display().to_string()}).to_string())
        }
        _ => output::note(&format!("exported the head over {} entries to {}", done.size, out.display())),
    }
    Ok(ExitCode::SUCCESS)
}
