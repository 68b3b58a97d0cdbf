//! `privyseal keys` and `privyseal checkpoint`: what others need to verify this log, and who may sign it.

use std::process::ExitCode;

use anyhow::Context as _;
use privyseal_core::command::{Command, KeyCommand};
use privyseal_core::event::ledger::KeyPurpose;
use privyseal_core::event::{Event, Kind};
use privyseal_core::state::{KeyState, State};
use privyseal_ledger::reader::Reader;
use serde_json::{Value, json};

use crate::cli::{Format, KeyEnd, Keys, Signs};
use crate::client::Client;
use crate::context::Context;
use crate::{local, output};

/// Runs `keys`.
///
/// # Errors
/// When the log cannot be read, or the change is refused or cannot be recorded.
pub(crate) fn run(context: &Context, verb: &Keys) -> anyhow::Result<ExitCode> {
    match verb {
        Keys::List => list(context),
        Keys::Rotate(end) => rotate(context, end),
        Keys::Enroll { key, signs } => enroll(context, key, signs),
        Keys::Retire { key, end } => retire(context, key, end),
    }
}

fn list(context: &Context) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(context.layout())?;
    let mut entries = Vec::new();
    for kind in [Kind::LedgerOpened, Kind::KeyEnrolled, Kind::KeyRetired, Kind::KeyRevoked] {
        entries.extend(reader.log().entries_of(kind)?);
    }
    entries.sort_by_key(|stored| stored.seq);
    let mut state = State::default();
    for stored in entries {
        state.apply(&Event::from_entry(&stored.entry).with_context(|| format!("entry {}", stored.seq))?);
    }
    let mut keys: Vec<&KeyState> = state.keys.iter().map(|(_, key)| key).collect();
    keys.sort_by_key(|key| (key.heads_from.min(key.events_from), key.ended));
    for key in keys {
        if context.global.format == Some(Format::Json) {
            let line = json!({
                "key": key.key.to_string(), "key_id": key.key.id().to_string(),
                "heads_from": key.heads_from, "events_from": key.events_from, "ended": key.ended,
            });
            output::data(&line.to_string());
        } else {
            output::data(&key.key.to_string());
            output::note(&format!("  {}", in_words(key)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(key: &KeyState) -> String {
    let signs = match (key.heads_from, key.events_from) {
        (Some(heads), Some(events)) => format!("signs heads from entry {heads} and events from entry {events} on"),
        (Some(heads), None) => format!("signs heads from entry {heads} on"),
        (None, Some(events)) => format!("signs events from entry {events} on"),
        (None, None) => "signs nothing".to_owned(),
    };
    key.ended.map_or(signs.clone(), |ended| format!("{signs}; ended before entry {ended}"))
}

fn rotate(context: &Context, end: &KeyEnd) -> anyhow::Result<ExitCode> {
    let asked = json!({"do": "rotate", "reason": end.reason, "compromised_since": end.compromised_since});
    let key = match local::engine(context)? {
        Some((runtime, engine)) => runtime
            .block_on(async {
                let key = engine.rotate_key(&end.reason, end.compromised_since).await;
                engine.close().await;
                key
            })?
            .to_string(),
        None => {
            let answer = Client::operator(&context.data)?.post("/v1/control/keys", &asked, None)?;
            answer
                .get("key")
                .and_then(Value::as_str)
                .context("the server rotated no key: restart it, it may be another version")?
                .to_owned()
        }
    };
    output::note("the old key has ended and is destroyed; give this one to whoever verifies your ledger:");
    output::data(&key);
    Ok(ExitCode::SUCCESS)
}

fn enroll(context: &Context, key: &str, signs: &[Signs]) -> anyhow::Result<ExitCode> {
    let purpose = |signs: &Signs| match signs {
        Signs::Heads => KeyPurpose::Log,
        Signs::Events => KeyPurpose::Node,
    };
    let purposes: Vec<KeyPurpose> = signs.iter().map(purpose).collect();
    let asked = json!({"do": "enroll", "key": key, "purposes": purposes});
    change(context, KeyCommand::Enroll { key: key.to_owned(), purposes, protection: "kept elsewhere".to_owned() }, &asked)?;
    output::note("the key may sign from the next entry on");
    Ok(ExitCode::SUCCESS)
}

fn retire(context: &Context, key: &str, end: &KeyEnd) -> anyhow::Result<ExitCode> {
    let id = key.parse().context("a key id has 8 hex digits; `privyseal keys list` shows them before the second `+`")?;
    let reason = end.reason.clone();
    let (command, asked) = match end.compromised_since {
        None => (KeyCommand::Retire { key: id, reason }, json!({"do": "retire", "key": key, "reason": end.reason})),
        since_seq => {
            let asked = json!({"do": "revoke", "key": key, "reason": end.reason, "compromised_since": since_seq});
            (KeyCommand::Revoke { key: id, since_seq, reason }, asked)
        }
    };
    change(context, command, &asked)?;
    output::note(&format!("key {key} signs no more"));
    Ok(ExitCode::SUCCESS)
}

/// Through the server when one runs on the folder, by itself otherwise.
fn change(context: &Context, command: KeyCommand, asked: &Value) -> anyhow::Result<()> {
    match local::engine(context)? {
        Some((runtime, engine)) => {
            runtime.block_on(async {
                let done = engine.as_operator(Command::Keys(command)).await;
                engine.close().await;
                done
            })?;
        }
        None => {
            Client::operator(&context.data)?.post("/v1/control/keys", asked, None)?;
        }
    }
    Ok(())
}

/// Prints the newest signed head.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn checkpoint(context: &Context) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(context.layout())?;
    let head = reader.log().head()?.context("the log is empty")?;
    output::data(&head.checkpoint);
    Ok(ExitCode::SUCCESS)
}
