//! `privyseal request`, `status`, `approve`, `deny`: the API from the command line.

use std::process::ExitCode;

use privyseal_core::action::ResourceRef;
use privyseal_core::digest::{Digest, base64url};
use serde_json::{Value, json};

use super::exec::parse_params;
use crate::cli;
use crate::client::{CallError, Client};
use crate::context::Context;
use crate::output;

/// Asks and prints the answer as JSON.
///
/// # Errors
/// When nothing could be asked.
pub fn request(context: &Context, options: &cli::Request) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.ask.client, &context.data)?;
    let ask = &options.ask;
    let resource: ResourceRef = ask.resource.parse()?;
    let mut inputs = Vec::new();
    for path in &ask.inputs {
        let bytes = std::fs::read(path).map_err(|error| anyhow::anyhow!("cannot read the input {}: {error}", path.display()))?;
        let (sha256, length) = (Digest::of(&bytes), bytes.len());
        inputs
            .push(json!({"kind": "file", "name": path.to_string_lossy(), "sha256": sha256, "bytes": length, "content": base64url(&bytes)}));
    }
    let body = json!({
        "action": ask.action, "resource": {"type": resource.kind(), "id": resource.id()}, "parameters": parse_params(&ask.params)?,
        "inputs": inputs, "justification": ask.reason, "ticket": ask.ticket, "on_behalf_of": ask.on_behalf_of, "breakglass": ask.break_glass,
    });
    let mut answer = match client.post("/v1/requests", &body, None) {
        Ok(answer) => answer,
        Err(error) => return print_refusal(&error),
    };
    let mut left = options.wait;
    while left > 0 && answer.get("state").and_then(Value::as_str) == Some("pending") {
        let step = left.min(25);
        left -= step;
        let id = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        answer = match client.get(&format!("/v1/requests/{id}?wait={step}")) {
            Ok(answer) => answer,
            Err(error) => return print_refusal(&error),
        };
    }
    output::data(&serde_json::to_string_pretty(&answer)?);
    Ok(ExitCode::SUCCESS)
}

/// Prints a request as JSON.
///
/// # Errors
/// When no server or key can be found.
pub fn status(context: &Context, options: &cli::Status) -> anyhow::Result<ExitCode> {
    match Client::new(&options.client, &context.data)?.get(&format!("/v1/requests/{}", options.id)) {
        Ok(answer) => {
            output::data(&serde_json::to_string_pretty(&answer)?);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => print_refusal(&error),
    }
}

/// People seal in the portal, where they see the whole action and sign with their passkey; the command line only shows the way.
///
/// # Errors
/// When no server or key can be found.
pub fn point_to_portal(context: &Context, options: &cli::Status) -> anyhow::Result<ExitCode> {
    match Client::new(&options.client, &context.data)?.get(&format!("/v1/requests/{}", options.id)) {
        Ok(answer) => {
            output::note("people decide in the portal, where the whole action is shown and signed:");
            output::data(answer.get("url").and_then(Value::as_str).unwrap_or_default());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => print_refusal(&error),
    }
}

fn print_refusal(error: &CallError) -> anyhow::Result<ExitCode> {
    let code = match error {
        CallError::Refused { problem, .. } => format!(" ({})", problem.code),
        CallError::Unreachable { .. } => String::new(),
    };
    output::error(&format!("{error}{code}"));
    Ok(ExitCode::FAILURE)
}
