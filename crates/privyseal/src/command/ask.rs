//! `privyseal request`, `status`, `approve`, `deny`: the API from the command line.

use std::process::ExitCode;

use serde_json::Value;

use super::exec::{current_directory, named_action, resolve_inputs, submission};
use crate::cli;
use crate::client::{CallError, Client};
use crate::context::Context;
use crate::output;

/// Asks and prints the answer as JSON.
///
/// # Errors
/// When nothing could be asked.
pub(crate) fn request(context: &Context, options: &cli::Request) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.ask.client, &context.data)?;
    let resolved = resolve_inputs(named_action(&options.ask)?, &[], &options.ask.inputs, &options.ask.variables, &current_directory()?)?;
    let body = submission(&options.ask, &resolved.action, &resolved.contents);
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
pub(crate) fn status(context: &Context, options: &cli::Status) -> anyhow::Result<ExitCode> {
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
pub(crate) fn point_to_portal(context: &Context, options: &cli::Status) -> anyhow::Result<ExitCode> {
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
