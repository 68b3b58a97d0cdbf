//! `privyseal disclose` and `privyseal verify --disclosure`: one hidden value, shown and proven alone.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use privyseal_core::event::{Event, Kind};
use privyseal_core::hidden::Disclosure;
use privyseal_core::id::EventId;
use privyseal_evidence::{container, pack};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::private::{Found, PrivateStore as _, SqlitePrivate};
use privyseal_ledger::reader::Reader;
use serde_json::json;

use crate::cli::{self, Format};
use crate::context::Context;
use crate::output;

/// Entries read at a time.
const STEP: usize = 8_192;

/// Runs `disclose`: reads the folder, beside a server or without one, and never writes to it.
///
/// # Errors
/// When nothing is hidden there, the value was erased, or the file cannot be written.
pub(crate) fn run(context: &Context, options: &cli::Disclose) -> anyhow::Result<ExitCode> {
    let event_id: EventId = options.event.parse()?;
    let layout = context.layout();
    let store = SqlitePrivate::open_read_only(&layout.private())?;
    let (salt, value) = match store.find_at(&event_id, &options.pointer)? {
        Some((_, Found::Clear(salt, value))) => (salt, value),
        Some((_, Found::Erased(at))) => bail!("the value at {} of event {event_id} was erased at {at}", options.pointer),
        Some((_, Found::Unknown)) | None => bail!("nothing is hidden at {} of event {event_id}", options.pointer),
    };
    let reader = Reader::open(layout)?;
    let opened = reader.log().entries_of(Kind::LedgerOpened)?;
    let opened = opened.first().context("the log is empty")?;
    let log = Event::from_entry(&opened.entry)?.log;
    let disclosure = Disclosure::new(&log, event_id, &options.pointer, salt, value);
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&options.out)?;
        file.write_all(&disclosure.to_bytes().map_err(std::io::Error::other)?)?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", options.out.display()))?;
    output::note(&format!("wrote {}; hand it out with the entry, a segment or a pack that holds event {event_id}", options.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Checks a disclosure. Exit 0 it is what was hidden, 1 it is not, 2 could not tell.
///
/// # Errors
/// When ledger or pack cannot be read.
pub(crate) fn verify(context: &Context, file: &Path, target: Option<&Path>) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read the disclosure {}", file.display()))?;
    let target = target.unwrap_or(&context.data);
    let (verdict, detail, code) = match Disclosure::from_bytes(&bytes) {
        Err(error) => ("refuted", error.to_string(), 1),
        Ok(disclosure) => match find(target, &disclosure.event_id)? {
            None => ("unknown", format!("event {} is not in {}", disclosure.event_id, target.display()), 2),
            Some(entry) => match disclosure.check(&entry) {
                Ok(()) => ("shown", format!("{} of event {} is what was hidden there", disclosure.pointer, disclosure.event_id), 0),
                Err(error) => ("refuted", error.to_string(), 1),
            },
        },
    };
    match context.global.format {
        Some(Format::Json) => output::data(&json!({"verdict": verdict, "detail": detail}).to_string()),
        _ => output::data(&format!("{verdict}: {detail}")),
    }
    if code == 0 {
        output::note(&format!("the entry itself is proven by `privyseal verify {}`", target.display()));
    }
    Ok(ExitCode::from(code))
}

/// The entry of an event, in a data folder or a pack.
fn find(target: &Path, event_id: &EventId) -> anyhow::Result<Option<Vec<u8>>> {
    // An id stands in an entry as it is written here; parsing millions of entries to compare it would take minutes instead of seconds.
    let needle = format!("\"id\":\"{event_id}\"");
    let names_it = |entry: &[u8]| {
        entry.windows(needle.len()).any(|window| window == needle.as_bytes())
            && Event::from_entry(entry).is_ok_and(|event| event.id == *event_id)
    };
    if !target.is_dir() {
        let file = std::fs::File::open(target).with_context(|| format!("cannot read {}", target.display()))?;
        let no_pack = |error: container::ContainerError| anyhow::anyhow!("{} is not a pack: {error}", target.display());
        let mut container = container::Reader::open(std::io::BufReader::new(file)).map_err(no_pack)?;
        let pieces: Vec<String> = container.paths().filter(|path| pack::is_events(path)).map(str::to_owned).collect();
        for piece in pieces {
            let content = container.read(&piece).map_err(no_pack)?.map(|entry| entry.content).unwrap_or_default();
            if let Some(entry) = content.split(|byte| *byte == b'\n').find(|entry| names_it(entry)) {
                return Ok(Some(entry.to_vec()));
            }
        }
        return Ok(None);
    }
    let reader = Reader::open(Layout::new(target))?;
    let mut from = 0;
    loop {
        let stored = reader.log().entries(from, STEP)?;
        let Some(last) = stored.last() else { return Ok(None) };
        from = last.seq + 1;
        if let Some(found) = stored.into_iter().find(|stored| names_it(&stored.entry)) {
            return Ok(Some(found.entry));
        }
    }
}
