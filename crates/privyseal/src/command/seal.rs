//! `privyseal seal`: through the server when one runs on the folder, by itself otherwise.

use std::process::ExitCode;

use privyseal_core::event::ledger::SegmentSealed;
use privyseal_engine::OpenError;
use serde_json::json;

use crate::cli::Format;
use crate::client::Client;
use crate::context::Context;
use crate::{local, output};

/// Seals everything committed.
///
/// # Errors
/// When a segment cannot be made or recorded.
pub(crate) fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let runtime = local::runtime()?;
    let engine_options = local::engine_options(context)?;
    let opened = runtime.block_on(async { privyseal_engine::open(&engine_options) });
    let sealed: Vec<SegmentSealed> = match opened {
        Ok(engine) => runtime.block_on(async {
            let sealed = engine.seal().await;
            engine.close().await;
            sealed
        })?,
        Err(OpenError::Locked { .. }) => {
            serde_json::from_value(Client::operator(&context.data)?.post("/v1/control/seal", &json!({}), None)?)?
        }
        Err(error) => return Err(error.into()),
    };
    if context.global.format == Some(Format::Json) {
        output::data(&serde_json::to_string_pretty(&sealed)?);
    } else if sealed.is_empty() {
        output::note("nothing new to seal");
    } else {
        for segment in &sealed {
            output::note(&format!("sealed entries {} to {}: {} ({} bytes)", segment.first, segment.last, segment.path, segment.bytes));
        }
    }
    Ok(ExitCode::SUCCESS)
}
