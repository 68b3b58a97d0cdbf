//! `privyseal keys list`: what others need to verify this log.

use std::process::ExitCode;

use anyhow::Context as _;
use privyseal_core::event::{Body, Event, Kind};
use privyseal_ledger::log::Log as _;
use privyseal_ledger::reader::Reader;
use serde_json::json;

use crate::cli::Format;
use crate::context::Context;
use crate::output;

/// Lists the keys that sign or signed this log.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn list(context: &Context) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(context.layout())?;
    let mut entries = reader.log().entries_of(Kind::LedgerOpened)?;
    entries.extend(reader.log().entries_of(Kind::KeyEnrolled)?);
    for stored in entries {
        let event = Event::from_entry(&stored.entry).with_context(|| format!("entry {}", stored.seq))?;
        let (key, purpose) = match event.body {
            Body::LedgerOpened(opened) => (opened.key, "log and node"),
            Body::KeyEnrolled(enrolled) => (enrolled.key, "enrolled"),
            _ => continue,
        };
        match context.global.format {
            Some(Format::Json) => {
                output::data(&json!({"key": key, "purpose": purpose, "since": event.seq, "time": event.time}).to_string())
            }
            _ => output::data(&key),
        }
    }
    Ok(ExitCode::SUCCESS)
}
