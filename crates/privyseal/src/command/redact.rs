//! `privyseal redact`: erases hidden values for good, through the server when one runs on the folder, by itself otherwise.

use std::process::ExitCode;

use privyseal_core::hidden::Subject;
use privyseal_core::id::RequestId;
use privyseal_engine::{OpenError, Target};
use serde_json::{Value, json};

use crate::cli::{self, Format};
use crate::client::Client;
use crate::context::Context;
use crate::{local, output};

/// Runs `redact`.
///
/// # Errors
/// When nothing is hidden there, the folder has no instance, or the erasure cannot be made or recorded.
pub(crate) fn run(context: &Context, options: &cli::Redact) -> anyhow::Result<ExitCode> {
    let target = match (&options.subject, &options.event, &options.pointer) {
        (Some(subject), ..) => Target::Subject(subject.parse()?),
        (None, Some(event), Some(pointer)) => Target::Value { event_id: event.parse()?, pointer: pointer.clone() },
        _ => anyhow::bail!("say what is to be erased: --subject, or --event and --pointer"),
    };
    let change_request: Option<RequestId> = options.change_request.as_deref().map(str::parse).transpose()?;
    let runtime = local::runtime()?;
    let engine_options = local::engine_options(context)?;
    let erased = match runtime.block_on(async { privyseal_engine::open(&engine_options) }) {
        Ok(engine) => runtime.block_on(async {
            let erased = engine.erase_as_operator(target.clone(), &options.reason, change_request).await;
            engine.close().await;
            erased
        })?,
        Err(OpenError::Locked { .. }) => {
            let answer =
                Client::operator(&context.data)?.post("/v1/control/redactions", &body(&target, &options.reason, change_request), None)?;
            answer.get("erased").and_then(Value::as_u64).unwrap_or(0)
        }
        Err(error) => return Err(error.into()),
    };
    if context.global.format == Some(Format::Json) {
        output::data(&json!({"erased": erased}).to_string());
    }
    let values = if erased == 1 { "1 value is" } else { &format!("{erased} values are") };
    output::note(&format!("{values} erased and on record; entries, proofs and packs stay as they are"));
    if let Target::Subject(subject) = &target {
        output::note(&format!(
            "backups of {} made before still open what is about {subject}: destroy them",
            context.layout().private().display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn body(target: &Target, reason: &str, change_request: Option<RequestId>) -> Value {
    match target {
        Target::Subject(subject) => json!({"subject": Subject::to_string(subject), "reason": reason, "change_request": change_request}),
        Target::Value { event_id, pointer } => {
            json!({"event_id": event_id, "pointer": pointer, "reason": reason, "change_request": change_request})
        }
    }
}
