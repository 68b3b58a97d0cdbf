//! `privyseal seal`: seals and merges, through the server when one runs on the folder, by itself otherwise.

use std::process::ExitCode;

use privyseal_core::event::ledger::SegmentSealed;
use privyseal_engine::{Engine, EngineError};
use privyseal_ledger::seal;
use privyseal_ledger::store::Store;
use serde_json::json;

use crate::cli::{self, Format};
use crate::client::Client;
use crate::context::Context;
use crate::{local, output};

/// Seals everything committed and merges small segments; prunes the log when asked to, beside a server that runs or without one.
///
/// # Errors
/// When a segment cannot be made or recorded.
pub(crate) fn run(context: &Context, options: &cli::Seal) -> anyhow::Result<ExitCode> {
    let recorded: Vec<SegmentSealed> = match local::engine(context)? {
        Some((runtime, engine)) => runtime.block_on(async {
            let recorded = seal_and_merge(&engine).await;
            engine.close().await;
            recorded
        })?,
        None => serde_json::from_value(Client::operator(&context.data)?.post("/v1/control/seal", &json!({}), None)?)?,
    };
    if context.global.format == Some(Format::Json) {
        output::data(&serde_json::to_string_pretty(&recorded)?);
    } else if recorded.is_empty() {
        output::note("nothing new to seal");
    } else {
        for segment in &recorded {
            let did = segment.replaces.map_or("sealed".to_owned(), |count| format!("merged {count} segments:"));
            output::note(&format!("{did} entries {} to {}: {} ({} bytes)", segment.first, segment.last, segment.path, segment.bytes));
        }
    }
    if options.prune {
        let layout = context.layout();
        let pruned = seal::prune(&layout, Store::of(&layout).open_alone()?.as_mut(), u64::MAX)?;
        output::note(&format!("{pruned} sealed entries have left the log; their segments were read back first"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn seal_and_merge(engine: &Engine) -> Result<Vec<SegmentSealed>, EngineError> {
    let mut recorded = engine.seal().await?;
    while let Some(merged) = engine.merge().await? {
        recorded.push(merged);
    }
    Ok(recorded)
}
