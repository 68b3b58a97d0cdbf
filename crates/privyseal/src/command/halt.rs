//! `privyseal halt` and `privyseal resume`: the kill switch, by the operator at the machine.
//!
//! Through the server when one runs on the folder, by itself otherwise; both ways the engine decides and the log has it.

use std::process::ExitCode;

use privyseal_core::command::{Command, Halt, Reply};
use privyseal_core::event::execution::HaltScope;
use privyseal_core::id::PrincipalId;
use serde_json::{Value, json};

use crate::cli;
use crate::client::Client;
use crate::context::Context;
use crate::{local, output};

/// Stops agents.
///
/// # Errors
/// When the folder has no instance, nobody of that name is there, or the server cannot be reached.
pub(crate) fn halt(context: &Context, options: &cli::Halt) -> anyhow::Result<ExitCode> {
    let revoked = send(context, options, true)?;
    output::note(&format!("{} stopped; open grants taken back: {revoked}", whom(options)));
    Ok(ExitCode::SUCCESS)
}

/// Lets agents go on.
///
/// # Errors
/// As [`halt`], and when no such kill switch is engaged.
pub(crate) fn resume(context: &Context, options: &cli::Halt) -> anyhow::Result<ExitCode> {
    send(context, options, false)?;
    output::note(&format!("{} may go on; grants that were taken back stay so", whom(options)));
    Ok(ExitCode::SUCCESS)
}

fn whom(options: &cli::Halt) -> String {
    match (&options.agent, &options.owner) {
        (Some(agent), _) => format!("the agent {agent} and what it spawned"),
        (None, Some(owner)) => format!("the agents of {owner}"),
        (None, None) => "all agents".to_owned(),
    }
}

fn send(context: &Context, options: &cli::Halt, engage: bool) -> anyhow::Result<u64> {
    let (scope, named) = match (&options.agent, &options.owner) {
        (Some(agent), _) => (HaltScope::Agent, Some(agent)),
        (None, Some(owner)) => (HaltScope::Owner, Some(owner)),
        (None, None) => (HaltScope::All, None),
    };
    let principal: Option<PrincipalId> = named.map(|named| named.parse()).transpose()?;
    let Some((runtime, engine)) = local::engine(context)? else {
        let body = json!({"scope": scope, "principal": principal, "reason": options.reason});
        let path = if engage { "/v1/control/killswitch" } else { "/v1/control/killswitch/release" };
        let answer = Client::operator(&context.data)?.post(path, &body, None)?;
        return Ok(answer.get("grants_revoked").and_then(Value::as_u64).unwrap_or(0));
    };
    let halt = Halt { scope, principal, reason: options.reason.clone() };
    let command = if engage { Command::Halt(halt) } else { Command::Resume(halt) };
    let reply = runtime.block_on(async {
        let reply = engine.as_operator(command).await;
        engine.close().await;
        reply
    })?;
    Ok(if let Reply::Halted { grants } = reply { grants } else { 0 })
}
