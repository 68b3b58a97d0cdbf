//! `privyseal exec`: resolve what will run, ask, wait, resolve again, redeem, run once, report.
//!
//! What stays open: between the last look at a file and the moment the command reads it, the file can still change. The window is
//! milliseconds and the digest that ran is on record; closing it needs the command to read from sealed copies.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use privyseal_core::action::{Action, Input, InputKind, Limits, Resource, ResourceRef};
use privyseal_core::digest::{Digest, base64url};
use privyseal_core::hidden::{self, Salt};
use serde_json::{Map, Value, json};
use sha2::Digest as _;

use crate::cli;
use crate::client::{CallError, Client};
use crate::context::Context;
use crate::output;

/// Exit code when the request was denied, expired or withdrawn (sysexits: no permission).
const NOT_APPROVED: u8 = 77;
/// Exit code when it may work later (sysexits: temporary failure).
const TRY_AGAIN: u8 = 75;
/// Largest text input that is found by itself.
const MAX_FOUND_BYTES: u64 = 256 * 1024;
const WAIT_SECONDS: u64 = 25;

/// What will run, resolved at one moment.
pub(crate) struct Resolved {
    /// The action, inputs included.
    pub(crate) action: Action,
    /// Contents of text inputs, for approvers to read.
    pub(crate) contents: Vec<(String, Vec<u8>)>,
}

/// Runs `exec`.
///
/// # Errors
/// When nothing could be run; refusals have exit codes of their own.
pub(crate) fn run(context: &Context, options: &cli::Exec) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.ask.client, &context.data)?;
    let directory = current_directory()?;
    let request = match &options.request {
        Some(id) => match client.get(&format!("/v1/requests/{id}")) {
            Ok(request) => request,
            Err(error) => return refused(&error),
        },
        None => {
            let resolved = resolve(&options.ask, &options.command, &directory)?;
            match ask(&client, &options.ask, &resolved) {
                Ok(request) => request,
                Err(error) => return refused(&error),
            }
        }
    };
    announce(&request);
    let mut request = match wait(&client, request) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    while let Some(successor) = request.get("successor").and_then(Value::as_str) {
        let narrower = match client.get(&format!("/v1/requests/{successor}")) {
            Ok(narrower) => narrower,
            Err(error) => return refused(&error),
        };
        if let Some(code) = tell_of_narrowing(&request, &narrower, options) {
            return Ok(code);
        }
        announce(&narrower);
        request = match wait(&client, narrower) {
            Ok(request) => request,
            Err(error) => return refused(&error),
        };
    }
    let state = text(&request, "state");
    if state != "approved" {
        output::note(&format!("{state}: {}", explain(state)));
        for review in request.get("reviews").and_then(Value::as_array).into_iter().flatten() {
            if text(review, "verdict") == "deny" {
                let (who, why) = (text(review, "reviewer"), text(review, "comment"));
                output::note(&format!("{} said: {}", who.escape_debug(), if why.is_empty() { "nothing" } else { why }.escape_debug()));
            }
        }
        return Ok(ExitCode::from(NOT_APPROVED));
    }
    execute(&client, options, &request, &directory)
}

/// A reviewer put a narrower request in the place of ours. Tighter limits are none of the command's business, so we go on; other
/// parameters are another command, which only whoever asked can write.
fn tell_of_narrowing(ours: &Value, narrower: &Value, options: &cli::Exec) -> Option<ExitCode> {
    let (id, by) = (text(narrower, "id"), text(narrower, "narrowed_by"));
    output::note(&format!("{} put a narrower request in its place: {id}", by.escape_debug()));
    let changed = changed_parameters(ours, narrower);
    // With `--request` the parameters are those of the request already, whatever they are.
    if changed.is_empty() || options.request.is_some() {
        return None;
    }
    output::note(&format!("it allows other parameters than this command was asked with:\n{}", changed.join("\n")));
    output::note(&format!("nothing was run. Once it is approved, run what it allows: privyseal exec --request {id} -- CMD"));
    Some(ExitCode::from(NOT_APPROVED))
}

fn changed_parameters(ours: &Value, narrower: &Value) -> Vec<String> {
    let parameters = |request: &Value| request.pointer("/action/parameters").and_then(Value::as_object).cloned().unwrap_or_default();
    let (was, is) = (parameters(ours), parameters(narrower));
    let changed = is.iter().filter(|(name, value)| was.get(*name) != Some(value));
    changed.map(|(name, value)| format!("  {}={value} (asked: {})", name.escape_debug(), was.get(name).unwrap_or(&Value::Null))).collect()
}

fn explain(state: &str) -> &'static str {
    match state {
        "denied" => "it was not run",
        "expired" => "nobody decided in time; nobody denied it either, so you can ask again",
        "cancelled" => "it was withdrawn",
        _ => "it was not run",
    }
}

fn refused(error: &CallError) -> anyhow::Result<ExitCode> {
    output::error(&error.to_string());
    Ok(ExitCode::from(match error {
        CallError::Refused { .. } => NOT_APPROVED,
        CallError::Unreachable { .. } => TRY_AGAIN,
    }))
}

/// The executor resolves everything anew, so that a file changed while people were deciding is noticed, and the server compares.
fn execute(client: &Client, options: &cli::Exec, request: &Value, directory: &Path) -> anyhow::Result<ExitCode> {
    let Some(grant) = request.get("grant").and_then(|grant| grant.get("id")).and_then(Value::as_str) else {
        let subject = request.pointer("/grant/subject").and_then(Value::as_str).unwrap_or("someone else");
        let id = text(request, "id");
        bail!("the request is approved, but its grant belongs to `{subject}`, who can run it: privyseal exec --request {id} -- CMD");
    };
    let approved = request.get("action").cloned().unwrap_or_default();
    let mut resolved = match &options.request {
        None => resolve(&options.ask, &options.command, directory)?,
        Some(_) => resolve_like(&approved, options, directory)?,
    };
    // A reviewer may have tightened them. They bound the grant and say nothing about what runs.
    resolved.action.limits = serde_json::from_value(approved.get("limits").cloned().unwrap_or_default())?;
    let run_digest = run_digest(&resolved.action, request)?;
    let artefacts: Vec<Value> = resolved.action.inputs.iter().map(|input| json!({"name": input.name, "sha256": input.sha256})).collect();
    let redeem = json!({
        "grant": grant, "action_digest": run_digest, "artefacts": artefacts,
        "tool": concat!("privyseal-exec/", env!("CARGO_PKG_VERSION")), "host": host_name(),
        "audience": options.ask.audience,
    });
    let execution = match client.post("/v1/grants/redeem", &redeem, None) {
        Ok(answer) => text(&answer, "execution").to_owned(),
        Err(error) => return refused(&error),
    };
    output::note(&format!("approved; running once as execution {execution}"));
    let ran = run_command(&options.command);
    let (report, code) = match &ran {
        Ok(ran) => {
            let outcome = if ran.code == Some(0) { "succeeded" } else { "failed" };
            let report = json!({"outcome": outcome, "exit_code": ran.code, "output_sha256": ran.output, "output_bytes": ran.bytes});
            (report, ran.code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        }
        Err(error) => {
            output::error(&format!("{error:#}"));
            (json!({"outcome": "failed"}), 127)
        }
    };
    deliver(client, &execution, &report);
    Ok(ExitCode::from(code))
}

/// The digest of what is about to run. Where the request hides a value, what we hold is committed to with the same salt: the digests are
/// equal exactly when the values are.
fn run_digest(action: &Action, request: &Value) -> anyhow::Result<Digest> {
    let mut entry = json!({"body": action});
    for hidden in request.get("hidden").and_then(Value::as_array).into_iter().flatten() {
        let pointer = text(hidden, "pointer");
        let Some(place) = entry.pointer_mut(pointer) else { continue };
        let salt: Salt = match hidden.get("salt").and_then(Value::as_str) {
            Some(salt) => salt.parse().context("the server's answer has an unusable salt")?,
            None => bail!("the value at {pointer} of the request was erased, so nobody can tell whether the same would run: ask again"),
        };
        *place = hidden::form(&hidden::commit(&salt, place)?);
    }
    let action: Action = serde_json::from_value(entry.get("body").cloned().unwrap_or_default())?;
    Ok(action.digest()?)
}

/// The outcome is worth some patience: without it the run ends as `unknown`.
fn deliver(client: &Client, execution: &str, report: &Value) {
    let path = format!("/v1/executions/{execution}/finish");
    for pause in [0, 1, 2, 4, 8, 16] {
        pause_for(Duration::from_secs(pause));
        match client.post(&path, report, None) {
            Ok(_) => return,
            Err(CallError::Refused { problem, .. }) => {
                output::error(&format!("the outcome was not accepted: {}", problem.detail));
                return;
            }
            Err(CallError::Unreachable { .. }) => {}
        }
    }
    output::error(&format!(
        "the outcome of execution {execution} could not be reported; it will stand as unknown: tell an administrator\n  {report}"
    ));
}

fn pause_for(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a command-line client between two attempts has nothing else to wait on")]
    thread::sleep(duration);
}

fn ask(client: &Client, options: &cli::Ask, resolved: &Resolved) -> Result<Value, CallError> {
    client.post("/v1/requests", &submission(options, &resolved.action, &resolved.contents), None)
}

/// Body of `POST /v1/requests` for these options and what was resolved.
pub(crate) fn submission(options: &cli::Ask, action: &Action, contents: &[(String, Vec<u8>)]) -> Value {
    let input = |input: &Input| {
        let content = contents.iter().find(|(name, bytes)| *name == input.name && Digest::of(bytes) == input.sha256);
        let content = content.map(|(_, bytes)| base64url(bytes));
        json!({"kind": input.kind, "name": input.name, "sha256": input.sha256, "bytes": input.bytes, "content": content})
    };
    let reason = options.reason.as_deref().unwrap_or_default();
    json!({
        "action": action.verb, "resource": action.resource, "parameters": action.parameters,
        "inputs": action.inputs.iter().map(input).collect::<Vec<_>>(), "justification": reason,
        "ticket": options.ticket.as_deref().or_else(|| ticket_in(reason)), "on_behalf_of": options.on_behalf_of, "breakglass": options.break_glass,
        "executor": options.executor, "audience": options.audience, "limits": action.limits,
    })
}

/// A ticket at the beginning of a reason: capital letters, a hyphen, digits.
fn ticket_in(reason: &str) -> Option<&str> {
    let first = reason.split_whitespace().next()?.trim_end_matches(':');
    let (project, number) = first.split_once('-')?;
    let fits = (2..=10).contains(&project.len())
        && project.bytes().all(|b| b.is_ascii_uppercase())
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    fits.then_some(first)
}

/// The action that the options name, without command and inputs.
///
/// # Errors
/// When one of the three is missing or unusable.
pub(crate) fn named_action(options: &cli::Ask) -> anyhow::Result<Action> {
    let (Some(verb), Some(resource), Some(_)) = (&options.action, &options.resource, &options.reason) else {
        bail!("say what, on what and why: --action, --resource and --reason");
    };
    let resource: ResourceRef = resource.parse().context("--resource")?;
    let resource = Resource { name: resource, attributes: Map::new() };
    let limits = Limits { seconds: options.limit_seconds, uses: options.limit_uses };
    Ok(Action {
        verb: verb.parse().context("--action")?,
        resource,
        parameters: parse_params(&options.params)?,
        inputs: Vec::new(),
        limits: (limits != Limits::default()).then_some(limits),
    })
}

pub(super) fn announce(request: &Value) {
    let risk = request.get("risk");
    let score = risk.and_then(|risk| risk.get("score")).and_then(Value::as_u64).unwrap_or(0);
    let tier = risk.and_then(|risk| risk.get("tier")).and_then(Value::as_str).unwrap_or("");
    output::note(&format!("request {} · risk {score} ({tier}) · {}", text(request, "id"), text(request, "state")));
    if text(request, "state") == "pending" {
        output::note(&format!("waiting for {} until {}", text(request, "requirement_text"), text(request, "expires_at")));
        output::note(&format!("a person decides at {}", text(request, "url")));
    }
}

pub(super) fn wait(client: &Client, mut request: Value) -> Result<Value, CallError> {
    let id = text(&request, "id").to_owned();
    let mut failures = 0;
    while text(&request, "state") == "pending" {
        match client.get(&format!("/v1/requests/{id}?wait={WAIT_SECONDS}")) {
            Ok(answer) => {
                request = answer;
                failures = 0;
            }
            // A server that restarts is no reason to give up: the request is on its disk.
            Err(CallError::Unreachable { .. }) if failures < 60 => {
                failures += 1;
                pause_for(Duration::from_secs(2));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(request)
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Everything that decides what will happen: command, working folder, the program's own bytes, and text files named in the command.
fn resolve(options: &cli::Ask, command: &[String], directory: &Path) -> anyhow::Result<Resolved> {
    let mut action = named_action(options)?;
    describe_command(&mut action.parameters, command, directory)?;
    resolve_inputs(action, command, &options.inputs, &options.variables, directory)
}

/// For `--request`: verb, resource and given parameters come from the approved request; what the machine holds is resolved anew.
fn resolve_like(approved: &Value, options: &cli::Exec, directory: &Path) -> anyhow::Result<Resolved> {
    let mut action: Action = serde_json::from_value(approved.clone()).context("the server's answer has no action")?;
    action.parameters.remove("argv");
    action.parameters.remove("cwd");
    describe_command(&mut action.parameters, &options.command, directory)?;
    let approved = action.inputs.drain(..).filter(|input| input.kind == InputKind::Environment).map(|input| input.name);
    let variables: Vec<String> = approved.chain(options.ask.variables.iter().cloned()).collect();
    resolve_inputs(action, &options.command, &options.ask.inputs, &variables, directory)
}

/// Parameters given as name=value; all of them are text.
fn parse_params(params: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut parameters = Map::new();
    for param in params {
        let (name, value) = param.split_once('=').with_context(|| format!("`--param {param}` has no `=`: write --param name=value"))?;
        if parameters.insert(name.to_owned(), Value::String(value.to_owned())).is_some() {
            bail!("`--param {name}` is given twice");
        }
    }
    Ok(parameters)
}

fn describe_command(parameters: &mut Map<String, Value>, command: &[String], directory: &Path) -> anyhow::Result<()> {
    let cwd = directory.to_str().with_context(|| format!("the working folder {} is not UTF-8", directory.display()))?;
    for (name, value) in [("argv", json!(command)), ("cwd", json!(cwd))] {
        if parameters.insert(name.to_owned(), value).is_some() {
            bail!("`--param {name}` is taken: it describes the command");
        }
    }
    Ok(())
}

/// Adds the program, the named inputs and environment variables, and the text files that the command names.
///
/// # Errors
/// When a named input cannot be read, or a variable is not set.
pub(crate) fn resolve_inputs(
    mut action: Action,
    command: &[String],
    extra: &[PathBuf],
    variables: &[String],
    directory: &Path,
) -> anyhow::Result<Resolved> {
    let mut contents: Vec<(String, Vec<u8>)> = Vec::new();
    if let Some(program) = command.first().and_then(|program| find_program(program, directory)) {
        let bytes = std::fs::read(&program).with_context(|| format!("cannot read the program {}", program.display()))?;
        push(&mut action, InputKind::Tool, &program.to_string_lossy(), &bytes);
    }
    for path in extra {
        let bytes = std::fs::read(directory.join(path)).with_context(|| format!("cannot read the input {}", path.display()))?;
        let name = path.to_string_lossy().into_owned();
        push(&mut action, InputKind::File, &name, &bytes);
        if std::str::from_utf8(&bytes).is_ok() {
            contents.push((name, bytes));
        }
    }
    for (name, bytes) in found_files(command.get(1..).unwrap_or_default(), directory) {
        if !action.inputs.iter().any(|input| input.name == name) {
            push(&mut action, InputKind::File, &name, &bytes);
            contents.push((name, bytes));
        }
    }
    // In one order and once each, however they were named: going on with a request must come to the same digest.
    for name in BTreeSet::from_iter(variables) {
        let value = std::env::var_os(name).with_context(|| format!("--env {name}: this variable is not set"))?;
        // The name stands before the value, so that two variables cannot change places.
        let bytes = [name.as_bytes(), b"=", std::os::unix::ffi::OsStrExt::as_bytes(value.as_os_str())].concat();
        push(&mut action, InputKind::Environment, name, &bytes);
    }
    Ok(Resolved { action, contents })
}

fn push(action: &mut Action, kind: InputKind, name: &str, bytes: &[u8]) {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    action.inputs.push(Input { kind, name: name.to_owned(), sha256: Digest::of(bytes), bytes: length });
}

fn find_program(program: &str, directory: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(directory.join(program)).filter(|path| path.is_file());
    }
    #[expect(clippy::disallowed_methods, reason = "PATH is where the operating system will look for the program")]
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Text files that the command names: whole arguments, words within them, and what follows a `=`.
fn found_files(arguments: &[String], directory: &Path) -> Vec<(String, Vec<u8>)> {
    let words = arguments.iter().flat_map(|argument| {
        let pieces = argument.split(|c: char| c.is_whitespace() || c == '=' || c == ';').map(|word| word.trim_matches(['\'', '"']));
        std::iter::once(argument.as_str()).chain(pieces)
    });
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let path = directory.join(word);
        let readable = std::fs::metadata(&path).is_ok_and(|about| about.is_file() && about.len() <= MAX_FOUND_BYTES);
        if !readable || found.iter().any(|(name, _)| name == word) {
            continue;
        }
        if let Some(bytes) = std::fs::read(&path).ok().filter(|bytes| std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'))) {
            found.push((word.to_owned(), bytes));
        }
    }
    found
}

/// The working folder.
///
/// # Errors
/// When it is gone.
pub(crate) fn current_directory() -> anyhow::Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the command runs here, so this is part of what is approved")]
    let directory = std::env::current_dir().context("the working folder cannot be read")?;
    Ok(directory)
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

struct Ran {
    code: Option<i32>,
    output: Digest,
    bytes: u64,
}

/// Runs the command with our standard input, passing its output on while hashing it.
fn run_command(command: &[String]) -> anyhow::Result<Ran> {
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{program}`"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let copies = [
        thread::spawn(move || stdout.map_or(Ok(Copied::default()), |from| copy(from, io::stdout()))),
        thread::spawn(move || stderr.map_or(Ok(Copied::default()), |from| copy(from, io::stderr()))),
    ];
    let [out, err] = copies.map(|copy| copy.join().unwrap_or_else(|_| Err(io::Error::other("a copying thread failed"))));
    let status = child.wait().context("the command's end cannot be seen")?;
    let (out, err) = (out.context("its output cannot be passed on")?, err.context("its error output cannot be passed on")?);
    let output = Digest::of_parts(&[out.hash.finalize().as_slice(), err.hash.finalize().as_slice()]);
    Ok(Ran { code: status.code(), output, bytes: out.bytes + err.bytes })
}

#[derive(Default)]
struct Copied {
    hash: sha2::Sha256,
    bytes: u64,
}

fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<Copied> {
    let (mut copied, mut buffer) = (Copied::default(), vec![0; 16 * 1024]);
    loop {
        let count = from.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { return Ok(copied) };
        copied.hash.update(piece);
        copied.bytes += u64::try_from(count).unwrap_or(0);
        // A reader of ours that went away must not make the command's record incomplete.
        let _ = to.write_all(piece).and_then(|()| to.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tighter_limits_change_no_parameter() {
        let request = |parameters: Value, limits: Value| json!({"action": {"parameters": parameters, "limits": limits}});
        let ours = request(json!({"rows": 100, "schema": "a"}), Value::Null);
        assert!(changed_parameters(&ours, &request(json!({"schema": "a", "rows": 100}), json!({"seconds": 60}))).is_empty());
        let changed = changed_parameters(&ours, &request(json!({"rows": 10, "schema": "a"}), Value::Null));
        assert_eq!(changed, ["  rows=10 (asked: 100)"]);
    }
}
