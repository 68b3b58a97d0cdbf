//! `privyseal proof`: one entry with its proof as a file.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use privyseal_core::event::Event;
use privyseal_core::id::EventId;
use privyseal_ledger::log::{LogReader, StoredEntry};
use privyseal_ledger::proof;
use privyseal_ledger::reader::Reader;

use crate::cli;
use crate::context::Context;
use crate::output;

const STEP: usize = 4_096;

/// Runs `proof`.
///
/// # Errors
/// When the entry is not found, no published head covers it yet, or the file cannot be written.
pub(crate) fn run(context: &Context, options: &cli::Proof) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(context.layout())?;
    let Some(stored) = find(reader.log(), &options.event)? else {
        bail!(
            "there is no entry `{}` in {}: name an event's id, or its number in the log",
            options.event.escape_debug(),
            context.data.display()
        )
    };
    let made = proof::make(reader.layout(), &stored)?.to_string();
    std::fs::write(&options.out, &made).with_context(|| format!("cannot write {}", options.out.display()))?;
    output::note(&format!("wrote entry {} with its proof to {} ({} bytes)", stored.seq, options.out.display(), made.len()));
    Ok(ExitCode::SUCCESS)
}

fn find(log: &dyn LogReader, name: &str) -> anyhow::Result<Option<StoredEntry>> {
    if let Ok(seq) = name.parse::<u64>() {
        return Ok(log.entries(seq, 1)?.into_iter().find(|stored| stored.seq == seq));
    }
    let id: EventId = name.parse().with_context(|| format!("`{}` is neither an event's id nor a number", name.escape_debug()))?;
    // An entry's time is never before the moment in its id.
    let mut seq = first_at(log, i64::try_from(id.millis()).unwrap_or(i64::MAX))?;
    loop {
        let entries = log.entries(seq, STEP)?;
        for stored in &entries {
            if Event::from_entry(&stored.entry)?.id == id {
                return Ok(Some(stored.clone()));
            }
        }
        let Some(last) = entries.last() else { return Ok(None) };
        seq = last.seq + 1;
    }
}

/// The first entry from this moment on. Times never decrease along a log.
fn first_at(log: &dyn LogReader, ms: i64) -> anyhow::Result<u64> {
    let (mut earlier, mut later) = (0, log.head()?.map_or(0, |head| head.edge.size()));
    while earlier < later {
        let middle = earlier.midpoint(later);
        let stored = log.entries(middle, 1)?.into_iter().next().with_context(|| format!("entry {middle} is missing"))?;
        let time_ms = Event::from_entry(&stored.entry)?.time.micros() / 1_000;
        if time_ms < ms { earlier = middle + 1 } else { later = middle }
    }
    Ok(earlier)
}
