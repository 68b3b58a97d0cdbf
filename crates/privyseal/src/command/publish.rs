//! `privyseal policy publish`: ask for the change, wait for the people who have to seal it, put it in force.

use std::process::ExitCode;

use privyseal_core::digest::{Digest, base64url};
use privyseal_policy::Policy;
use serde_json::{Value, json};

use super::exec::{announce, text, wait};
use super::init::read_policy;
use crate::cli;
use crate::client::{CallError, Client};
use crate::context::Context;
use crate::output;

/// Runs `policy publish`. Exit 1 when the policy is unsound or the change was not approved.
///
/// # Errors
/// When the folder cannot be read, or no server can be found.
pub(crate) fn run(context: &Context, options: &cli::PolicyPublish) -> anyhow::Result<ExitCode> {
    let files = read_policy(&options.folder)?;
    let policy = match Policy::load(files) {
        Ok(policy) => policy,
        Err(problems) => {
            output::data(&problems.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    let client = Client::new(&options.client, &context.data)?;
    match publish(&client, &policy, options) {
        Ok(published) => {
            output::data(&serde_json::to_string_pretty(&published)?);
            for rule in published.get("unsatisfiable").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                output::note(&format!("nobody can satisfy the rule `{rule}` as groups are filled now: what it routes will expire"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Unpublished::NotApproved(request)) => {
            output::error(&format!("the change was not approved: request {} is {}", text(&request, "id"), text(&request, "state")));
            Ok(ExitCode::FAILURE)
        }
        Err(Unpublished::Call(CallError::Refused { problem, .. })) => {
            output::error(&format!("{} ({})", problem.detail, problem.code));
            Ok(ExitCode::FAILURE)
        }
        Err(Unpublished::Call(error @ CallError::Unreachable { .. })) => Err(error.into()),
    }
}

enum Unpublished {
    NotApproved(Value),
    Call(CallError),
}

impl From<CallError> for Unpublished {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

fn publish(client: &Client, policy: &Policy, options: &cli::PolicyPublish) -> Result<Value, Unpublished> {
    let request = match &options.request {
        Some(id) => client.get(&format!("/v1/requests/{id}"))?,
        None => client.post("/v1/requests", &change(policy, options), None)?,
    };
    announce(&request);
    let request = wait(client, request)?;
    if text(&request, "state") != "approved" {
        return Err(Unpublished::NotApproved(request));
    }
    let files: Vec<Value> = policy.files().iter().map(|file| json!({"name": file.name, "text": file.text})).collect();
    let body = json!({"files": files, "change_request": text(&request, "id"), "note": options.reason});
    Ok(client.post("/v1/policies", &body, None)?)
}

/// The request: the digest is what is approved, the files are what approvers read.
fn change(policy: &Policy, options: &cli::PolicyPublish) -> Value {
    let inputs: Vec<Value> = policy
        .files()
        .iter()
        .map(|file| {
            let bytes = file.text.as_bytes();
            json!({
                "kind": "file", "name": file.name, "sha256": Digest::of(bytes), "bytes": bytes.len(), "content": base64url(bytes),
            })
        })
        .collect();
    let mut body = json!({
        "action": "policy.publish", "resource": {"type": "policy", "id": "main"},
        "parameters": {"policy_digest": policy.digest().to_string()}, "inputs": inputs, "justification": options.reason,
        "significant_change": true,
    });
    if let (Some(ticket), Some(members)) = (&options.ticket, body.as_object_mut()) {
        members.insert("ticket".to_owned(), json!(ticket));
    }
    body
}
