//! The events of a pack: every entry verbatim, in pieces, each also as Parquet; and what stands at both edges of the period, so that
//! whoever has only the entries between them can tell that none is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;

use privyseal_core::canonical;
use privyseal_core::digest::{Digest, base64url};
use privyseal_core::event::{Body, Entry, Event, Kind};
use privyseal_core::id::RequestId;
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::segment::SegmentWriter;
use serde_json::json;

use super::{LogSource, Nodes, Out, PackError, PackInput, Watch};
use crate::container::{self, Effort, Packed};

/// Where the pieces stand. Files before it in the alphabet are written before the log is read.
pub(super) const FOLDER: &str = "ledger/events/";
/// Where blobs stand that entries name.
pub(super) const BLOBS: &str = "ledger/files/";
/// The log's keys.
pub(super) const KEYS: &str = "ledger/keys.json";
/// Both edges of the period.
pub(super) const PERIOD: &str = "ledger/period.json";
/// Most entries of one piece, and most bytes of entries, whichever comes first.
const PIECE_ENTRIES: usize = 32_768;
const PIECE_BYTES: usize = 24 << 20;
const STEP: usize = 4_096;

/// What was seen while the log went by.
pub(super) struct Passed<'a> {
    /// The tree over the log, up to the head.
    pub(super) nodes: Nodes<'a>,
    /// The edge of the tree where the period begins, and where it ends.
    pub(super) edges: [Edge; 2],
    /// Blobs that entries name.
    pub(super) blobs: BTreeSet<Digest>,
    /// The log's keys with what became of them, in order.
    pub(super) keys: Vec<serde_json::Value>,
    /// The entries that were looked for, by event id: position and request.
    pub(super) found: BTreeMap<String, (u64, Option<RequestId>)>,
}

/// What one piece is, packed, and what was seen in it.
struct Piece {
    files: Vec<Packed>,
    blobs: BTreeSet<Digest>,
    keys: Vec<serde_json::Value>,
    found: Vec<(String, (u64, Option<RequestId>))>,
}

/// Event ids that open items of tests rest on.
pub(super) fn wanted(input: &PackInput<'_>) -> BTreeSet<String> {
    let tests = input.findings.assertions.iter();
    tests.flat_map(super::trace::open_items).map(|item| item.event_id.clone()).collect()
}

/// Writes every entry of the snapshot, two pieces at a time.
pub(super) fn write<'a, W: Write>(input: &PackInput<'a>, out: &mut Out<W>, watch: &dyn Watch) -> Result<Passed<'a>, PackError> {
    let wanted: HashMap<String, ()> = wanted(input).into_iter().map(|id| (id, ())).collect();
    let size = input.findings.snapshot.size;
    let mut passed = Passed {
        nodes: Nodes::new(input.source),
        edges: [Edge::new(), Edge::new()],
        blobs: BTreeSet::new(),
        keys: Vec::new(),
        found: BTreeMap::new(),
    };
    let mut edge = Edge::new();
    while passed.nodes.size() < size {
        let mut pieces: Vec<Vec<StoredEntry>> = Vec::new();
        while pieces.len() < 2 && passed.nodes.size() < size {
            let piece = read(input.source, passed.nodes.size(), size)?;
            for stored in &piece {
                let time = time_of(stored)?;
                for (kept, end) in passed.edges.iter_mut().zip([input.findings.period.start, input.findings.period.end]) {
                    // Times never decrease along a log, so what is before a moment is a prefix.
                    if time < end {
                        kept.push(stored.leaf);
                    }
                }
                edge.push(stored.leaf);
                passed.nodes.push(stored.leaf);
            }
            pieces.push(piece);
        }
        if watch.is_stopped() {
            return Err(PackError::Stopped);
        }
        let wanted = &wanted;
        let done: Vec<Result<Piece, PackError>> = std::thread::scope(|scope| {
            let running: Vec<_> = pieces.iter().map(|piece| scope.spawn(move || pack(piece, wanted))).collect();
            running.into_iter().map(|piece| piece.join().unwrap_or_else(|_| Err(broken()))).collect()
        });
        for piece in done {
            let piece = piece?;
            piece.files.iter().try_for_each(|file| out.put(file))?;
            passed.blobs.extend(piece.blobs);
            passed.keys.extend(piece.keys);
            passed.found.extend(piece.found);
        }
        watch.written(passed.nodes.size(), size);
    }
    if edge.root() != input.findings.snapshot.root {
        return Err(PackError::Other("the log is not the one that the tests ran on: its entries give another root".to_owned()));
    }
    // The rest up to the head, of which only the leaves matter.
    while passed.nodes.size() < input.head_size {
        let limit = usize::try_from(input.head_size - passed.nodes.size()).unwrap_or(STEP).min(STEP);
        let entries = input.source.entries(passed.nodes.size(), limit)?;
        if entries.is_empty() {
            return Err(PackError::Other(format!("entry {} is missing", passed.nodes.size())));
        }
        entries.into_iter().for_each(|stored| passed.nodes.push(stored.leaf));
    }
    Ok(passed)
}

fn broken() -> PackError {
    PackError::Other("a piece of the log could not be packed".to_owned())
}

fn time_of(stored: &StoredEntry) -> Result<Timestamp, PackError> {
    let entry = Entry::read(&stored.entry).map_err(|error| PackError::Other(format!("entry {} is not an event ({error})", stored.seq)))?;
    Ok(entry.time)
}

/// The entries of the piece that begins at `from`. Where a piece ends depends on nothing but the entries.
fn read(source: &dyn LogSource, from: u64, size: u64) -> Result<Vec<StoredEntry>, PackError> {
    let (mut piece, mut bytes, mut next): (Vec<StoredEntry>, usize, u64) = (Vec::new(), 0, from);
    while next < size {
        let limit = usize::try_from(size - next).unwrap_or(STEP).min(STEP);
        let entries = source.entries(next, limit)?;
        if entries.is_empty() {
            return Err(PackError::Other(format!("entry {next} is missing")));
        }
        for stored in entries {
            if piece.len() >= PIECE_ENTRIES || (bytes >= PIECE_BYTES && !piece.is_empty()) {
                return Ok(piece);
            }
            if stored.seq != next {
                return Err(PackError::Other(format!("entry {next} is missing")));
            }
            bytes += stored.entry.len();
            next += 1;
            piece.push(stored);
        }
    }
    Ok(piece)
}

fn pack(piece: &[StoredEntry], wanted: &HashMap<String, ()>) -> Result<Piece, PackError> {
    let (mut lines, mut signatures) = (Vec::with_capacity(PIECE_BYTES), Vec::new());
    let mut seen = Piece { files: Vec::new(), blobs: BTreeSet::new(), keys: Vec::new(), found: Vec::new() };
    for stored in piece {
        lines.extend_from_slice(&stored.entry);
        lines.push(b'\n');
        if let Some((signature, key_id)) = &stored.signature {
            let line = json!({"seq": stored.seq, "key_id": key_id.to_string(), "signature": base64url(signature)});
            signatures.extend(canonical::to_bytes(&line)?);
            signatures.push(b'\n');
        }
        look(stored, wanted, &mut seen)?;
    }
    let mut parquet = SegmentWriter::new()?;
    piece.chunks(STEP).try_for_each(|entries| parquet.write(entries))?;
    let first = piece.first().map_or(0, |stored| stored.seq);
    let name = |ending: &str| format!("{FOLDER}{first:012}.{ending}");
    seen.files = vec![
        container::pack(&name("jsonl"), lines, Effort::Fast),
        container::pack(&name("parquet"), parquet.finish()?, Effort::None),
        container::pack(&name("signatures.jsonl"), signatures, Effort::Fast),
    ];
    Ok(seen)
}

/// What the rest of the pack needs to know of an entry.
fn look(stored: &StoredEntry, wanted: &HashMap<String, ()>, seen: &mut Piece) -> Result<(), PackError> {
    let malformed = |error: String| PackError::Other(format!("entry {} is not an event ({error})", stored.seq));
    let entry = Entry::read(&stored.entry).map_err(|error| malformed(error.to_string()))?;
    if wanted.contains_key(entry.id) {
        seen.found.push((entry.id.to_owned(), (stored.seq, entry.request_id.and_then(|id| id.parse().ok()))));
    }
    let matters =
        [Kind::LedgerOpened, Kind::KeyEnrolled, Kind::KeyRetired, Kind::KeyRevoked, Kind::PolicyPublished, Kind::CatalogPublished];
    if !matters.contains(&entry.kind) {
        return Ok(());
    }
    let event = Event::from_entry(&stored.entry).map_err(|error| malformed(error.to_string()))?;
    match &event.body {
        Body::PolicyPublished(policy) => seen.blobs.extend(policy.files.iter().map(|file| file.sha256)),
        Body::CatalogPublished(catalog) => seen.blobs.extend(catalog.files.iter().map(|file| file.sha256)),
        _ => {
            let body = serde_json::from_str::<serde_json::Value>(entry.body).map_err(|error| malformed(error.to_string()))?;
            seen.keys.push(json!({"seq": stored.seq, "time": event.time, "kind": entry.kind.name(), "body": body}));
        }
    }
    Ok(())
}

/// Entries between two heads that are kept in a pack.
const HEAD_STEP: u64 = 1_024;

/// Signed heads over the period, with the cosignatures of witnesses that they have by now: the last one before it, one for every 1,024
/// entries, and the first one after it, as far as the snapshot goes.
pub(super) fn heads(input: &PackInput<'_>, edges: &[Edge; 2]) -> Result<Vec<u8>, PackError> {
    let [start, end] = edges;
    let (mut lines, mut last, mut from, mut due) = (Vec::new(), None, 0, start.size());
    'all: loop {
        let heads = input.source.checkpoints(from, STEP)?;
        let Some((size, _)) = heads.last() else { break };
        from = size + 1;
        for (size, note) in heads {
            if size > input.findings.snapshot.size {
                break 'all;
            }
            if size >= due {
                // What came just before the first one is the head at the edge.
                let before = last.take().filter(|_| lines.is_empty());
                lines.extend(before.into_iter().chain([(size, note)]));
                due = size.saturating_add(HEAD_STEP).min(end.size().max(size + 1));
                if size >= end.size() {
                    break 'all;
                }
            } else {
                last = Some((size, note));
            }
        }
    }
    lines.extend(last);
    let mut text = Vec::new();
    for (size, note) in lines {
        text.extend(canonical::to_bytes(&json!({"size": size, "note": note}))?);
        text.push(b'\n');
    }
    Ok(text)
}

/// Both edges: how many entries are before each, the root over them, and the roots of the perfect subtrees that they consist of. Whoever
/// begins with those of the first edge and adds the leaves of the entries of the period arrives at the root of the second.
pub(super) fn period(input: &PackInput<'_>, passed: &Passed<'_>) -> Result<Vec<u8>, PackError> {
    let period = input.findings.period;
    let edge = |edge: &Edge, time: Timestamp| {
        let peaks: Vec<String> = edge.peaks().iter().map(ToString::to_string).collect();
        json!({"time": time, "size": edge.size(), "root": edge.root(), "peaks": peaks})
    };
    let [start, end] = &passed.edges;
    Ok(canonical::to_bytes(
        &json!({"start": edge(start, period.start), "end": edge(end, period.end), "snapshot": input.findings.snapshot}),
    )?)
}
