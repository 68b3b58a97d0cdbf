//! Verifying a data folder: every entry, every signed head, every segment cell by cell, every tile, every blob, and that nothing else
//! is there. Memory does not grow with the number of entries, except by the names of tile files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::note::{Checkpoint, Note, VerifierKey};
use privyseal_core::time::Timestamp;
use privyseal_core::tlog_policy::Policy;

use super::check::{Checker, Displaced};
use super::look::Copies;
use super::progress::{self, Kept};
use super::report::{Finding, Place, Report, Verdict};
use super::source::{Chunk, Source, Stopped};
use super::tile_check::TileCheck;
use crate::layout::Layout;
use crate::log::{KEPT, LogError, LogReader, StoredEntry, at_one_moment};
use crate::reader;
use crate::recorded::Recorded;
use crate::segment::Columns;
use crate::stamp;
use crate::store::Store;

/// Chunks that wait between the thread that reads and the one that checks.
const QUEUED: usize = 2;

/// Told how far verification is: entries done, entries in all.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What the caller knows and wants.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The log's first key, as the caller knows it from elsewhere.
    pub trusted: Option<VerifierKey>,
    /// Signed heads that the caller remembers, each with the name that it is reported under.
    pub remembered: Vec<(String, String)>,
    /// Whose cosignatures the published head must have. Entries below a head that has them are proven even by a key that was stolen later.
    pub policy: Option<Policy>,
    /// Where progress is kept, so that an interrupted verification goes on where it was.
    pub resume: Option<Resume>,
    /// Leaves signatures of events and passkeys out. Only to measure everything else.
    pub without_signatures: bool,
}

/// A file in which progress is kept. It is the verifier's own: whoever can write it can have entries passed over.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The file. It need not exist yet.
    pub file: PathBuf,
    /// Least number of entries between two writes of it.
    pub every: u64,
}

/// Verifies a data folder, beside a process that writes it or without one. Never writes.
///
/// Failing to read is not tampering: it is reported as something that could not be checked.
pub fn verify_folder(layout: &Layout, trusted: Option<VerifierKey>, progress: Progress<'_>) -> Report {
    verify(layout, &Options { trusted, ..Options::default() }, progress)
}

/// Verifies a data folder against everything that the caller knows. Writes nothing but the file of [`Options::resume`].
pub fn verify(layout: &Layout, options: &Options, progress: Progress<'_>) -> Report {
    let mut checker = Checker::new(options.trusted.clone());
    checker.policy.clone_from(&options.policy);
    if options.without_signatures {
        checker.without_signatures();
    }
    // Before the log: a writer beside us publishes after it has committed, so that what is listed here is in the log that is read below.
    let files = Files::list(layout, &mut checker.report);
    let log_name = layout.log().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let walked = Store::of(layout)
        .reader_alone()
        .and_then(|log| at_one_moment(log.as_ref(), |log| walk(log, layout, &files, options, &mut checker, progress)));
    match walked {
        Ok(true) => files.check_rest(layout, &mut checker),
        Ok(false) => {}
        Err(LogError::Damaged { detail, .. }) => checker.report.found(Place::file(log_name), Finding::Altered, detail),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            checker.report.unknown(Place::file(log_name), format!("the log cannot be read{cause}"));
        }
    }
    let (size, root) = (checker.size(), checker.root());
    checker.report.head = Some((size, root.hex()));
    if options.policy.as_ref().is_some_and(|policy| policy.log_keys().any(|key| key.to_string() == checker.report.key)) {
        checker.report.key_trusted = true;
    }
    checker.report
}

/// What is below `ledger/`.
struct Files {
    /// The newest published head.
    published: std::io::Result<String>,
    /// Paths below `ledger/tile/`.
    tiles: BTreeSet<String>,
    /// Every other path below `ledger/`.
    others: BTreeSet<String>,
}

/// Size that a note claims, before anything about it is proven.
fn claimed_size(note: &str) -> Option<u64> {
    Some(Checkpoint::from_text(&Note::parse(note).ok()?.text).ok()?.size)
}

impl Files {
    fn list(layout: &Layout, report: &mut Report) -> Self {
        let published = fs::read_to_string(layout.checkpoint());
        let (mut tiles, mut others) = (BTreeSet::new(), BTreeSet::new());
        list(&layout.ledger(), "", report, &mut |path| {
            let _new = match path.strip_prefix("tile/") {
                Some(tile) => tiles.insert(tile.to_owned()),
                None => others.insert(path),
            };
        });
        Self { published, tiles, others }
    }

    /// Blobs are hashed; anything that no record names does not belong here. A replaced segment whose file is still there has been named,
    /// and nobody reads it any more.
    fn check_rest(&self, layout: &Layout, checker: &mut Checker) {
        let segments: BTreeSet<&str> = checker.summary.segments.iter().map(|segment| segment.path.as_str()).collect();
        // Timestamps are for `stamp::check_kept`, which needs to know whom to trust.
        let elsewhere = |path: &str| path == "checkpoint" || stamp::is_kept(path) || segments.contains(path);
        for path in self.others.iter().filter(|path| !elsewhere(path)) {
            let place = Place::file(format!("ledger/{path}"));
            match path.strip_prefix("blobs/sha256/") {
                Some(hex) => check_blob(layout, path, &hex.replace('/', ""), &mut checker.report),
                None => checker.report.unknown(place, "no record names this file: it is a leftover, or was put here"),
            }
        }
        for (seq, digest) in std::mem::take(&mut checker.summary.blobs) {
            if !layout.blob(&digest).is_file() {
                checker.report.found(Place::Entry(seq), Finding::Blob, format!("the blob {} that it names is missing", digest.hex()));
            }
        }
    }
}

fn list(folder: &Path, prefix: &str, report: &mut Report, found: &mut dyn FnMut(String)) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return report.unknown(Place::file(format!("ledger/{prefix}")), error.to_string()),
    };
    for entry in entries.flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), &format!("{path}/"), report, found),
            _ => found(path),
        }
    }
}

fn check_blob(layout: &Layout, path: &str, hex: &str, report: &mut Report) {
    report.files += 1;
    let place = Place::file(format!("ledger/{path}"));
    match fs::File::open(layout.below_ledger(path)).and_then(|mut file| Digest::of_reader(&mut file)) {
        Ok(digest) if digest.hex() == hex => {}
        Ok(_) => report.found(place, Finding::Blob, "the blob's bytes do not have the digest that is its name"),
        Err(error) => report.unknown(place, error.to_string()),
    }
}

/// Walks the log once; returns whether there was anything to walk.
fn walk(
    log: &dyn LogReader,
    layout: &Layout,
    files: &Files,
    options: &Options,
    checker: &mut Checker,
    told: Progress<'_>,
) -> Result<bool, LogError> {
    let log_file = || Place::file(layout.log().file_name().unwrap_or_default().to_string_lossy());
    let head = log.head()?;
    let total = head.as_ref().map_or(0, |head| head.edge.size());
    let segments = reader::segments(log).unwrap_or_else(|error| {
        // Without a list that lines up nothing says which files to read; the log alone is walked.
        checker.report.found(log_file(), Finding::TypedColumn, format!("its segments cannot be listed: {error}"));
        Vec::new()
    });
    let published = files.published.as_ref().ok().and_then(|note| claimed_size(note));
    let wanted = published.into_iter().chain(options.remembered.iter().filter_map(|(_, note)| claimed_size(note)));
    wanted.for_each(|size| checker.want_root(size));
    let mut tiles = TileCheck::new(layout, files.tiles.clone(), published.unwrap_or(0));
    if let Some(Resume { file, .. }) = &options.resume {
        match progress::load(file, log, checker, &mut tiles, total) {
            Kept::Nothing | Kept::Continues => {}
            Kept::Refused(problem) => {
                checker.report.add(problem);
                return Ok(false);
            }
        }
    }
    let start = checker.size();
    let left = Left::behind(log)?;
    let mut source = Source::new(layout, log, start);
    let (sender, receiver) = sync_channel(QUEUED);
    let sent = std::thread::scope(|scope| {
        let (checker, tiles) = (&mut *checker, &mut tiles);
        let consumer = std::thread::Builder::new()
            .name("verify".to_owned())
            .spawn_scoped(scope, move || consume(&receiver, checker, tiles, &left, options.resume.as_ref()));
        if let Err(error) = consumer {
            return Err(Stopped::Log(LogError::Unavailable { path: layout.log(), doing: "verified", source: Box::new(error) }));
        }
        let sent = source.send(start, &segments, &sender, &mut |done| told(done, total.max(done)));
        drop(sender);
        sent
    });
    if let Err(Stopped::Log(error)) = sent {
        return Err(error);
    }
    let end = checker.size();
    let head_of = |size| log.checkpoints(size, 1).map(|heads| heads.first().map(|(size, _)| *size));
    if head_of(0)? == Some(0) {
        checker.report.found(Place::Head, Finding::Malformed, "a signed head over 0 entries was kept");
    }
    if let Some(size) = head_of(end + 1)? {
        let what = format!("a signed head over {size} entries was kept, there are {end}: the log's end was cut off");
        checker.report.found(Place::Head, Finding::TailCut, what);
    }
    match head {
        None => checker.report.found(log_file(), Finding::RolledBack, "the log is empty"),
        Some(head) => {
            if head.edge.size() != end || head.edge.root() != checker.root() {
                let what = format!("the stored tree is over {} entries, there are {end}, or of another root", head.edge.size());
                checker.report.found(Place::Head, if head.edge.size() > end { Finding::TailCut } else { Finding::Forked }, what);
            }
            checker.head(&head.checkpoint, &Place::Head);
        }
    }
    for displaced in std::mem::take(&mut checker.displaced) {
        name_displaced(&displaced, &source, &mut checker.report);
    }
    check_records(&segments, checker);
    known_heads(files, options, checker);
    tiles.finish(&mut checker.report);
    checker.judge_doubts();
    if let Some(resume) = options.resume.as_ref().filter(|_| checker.report.verdict == Verdict::Verified) {
        // The next verification is a whole one again.
        let _gone = fs::remove_file(&resume.file);
    }
    Ok(true)
}

/// Rows that pruning has left behind in the log. The server reads keys, policies and segments from them, so that they are compared with
/// the segments like all others; they are few.
struct Left {
    /// Position of the first entry that was not pruned.
    first: u64,
    rows: BTreeMap<u64, StoredEntry>,
}

impl Left {
    fn behind(log: &dyn LogReader) -> Result<Self, LogError> {
        let first = log.first()?;
        let mut rows = BTreeMap::new();
        if first > 0 {
            for kind in KEPT {
                rows.extend(log.entries_of(kind)?.into_iter().filter(|stored| stored.seq < first).map(|stored| (stored.seq, stored)));
            }
        }
        Ok(Self { first, rows })
    }

    /// What is wrong with the log's row at the place of a segment's row.
    fn wrong(&self, seq: u64, columns: &Columns<'_>, row: usize) -> Option<(Finding, &'static str)> {
        match self.rows.get(&seq) {
            _ if seq >= self.first => None,
            Some(stored) if !columns.holds(row, stored) => Some((Finding::Altered, "the log and the segment hold different entries here")),
            None if columns.is_of(row, &KEPT) => {
                Some((Finding::Removed, "the entry is missing from the log, where pruning leaves those of its kind: it was removed"))
            }
            _ => None,
        }
    }
}

fn consume(chunks: &Receiver<Chunk>, checker: &mut Checker, tiles: &mut TileCheck, left: &Left, resume: Option<&Resume>) {
    let mut segment: Option<(Finding, String)> = None;
    let (mut missing, mut kept) = (false, checker.size());
    for chunk in chunks {
        let columns = chunk.batch.as_ref().map(Columns::of).transpose();
        let columns = columns.unwrap_or_else(|error| {
            segment.get_or_insert((Finding::SegmentDamaged, error.to_string()));
            None
        });
        let copies: Vec<Copies<'_>> = chunk
            .log
            .iter()
            .enumerate()
            .map(|(row, held)| Copies {
                log: held.as_ref().map(|(stored, _)| stored),
                column: held.as_ref().map(|(_, column)| column),
                sealed: columns.as_ref().filter(|columns| row < columns.rows()).map(|columns| (columns, row)),
                intact: chunk.intact,
            })
            .collect();
        for (place, copies) in copies.iter().enumerate() {
            let gone = copies.log.is_none() && chunk.in_log;
            if gone && !missing {
                let seq = chunk.first + u64::try_from(place).unwrap_or(0);
                checker.report.found(Place::Entry(seq), Finding::Removed, "the entry is missing from the log: it was removed");
            }
            missing = gone;
        }
        if let Some(columns) = columns.as_ref().filter(|_| chunk.first < left.first) {
            for (row, seq) in (0..columns.rows()).zip(chunk.first..) {
                if let Some((finding, what)) = left.wrong(seq, columns, row) {
                    checker.report.found(Place::Entry(seq), finding, what);
                }
            }
        }
        let mut heads = chunk.heads.into_iter().peekable();
        let found = checker.take(&copies, Some(tiles), &mut heads);
        for (size, _) in heads {
            // Every head in a chunk is over an entry of it. One that was passed over unread must not pass for checked.
            checker.report.found(Place::Head, Finding::Forked, format!("a kept head over {size} entries belongs to none of them"));
        }
        segment = segment.or(found);
        if let Some(end) = chunk.ends {
            checker.report.files += 1;
            let place = Place::file(format!("ledger/{}", end.path));
            if let Some((finding, what)) = segment.take().or(end.problem) {
                checker.report.found(place, finding, what);
            } else if let Some(what) = end.unread {
                checker.report.unknown(place, what);
            }
        }
        if let Some(Resume { file: path, every }) = resume
            && checker.size() - kept >= *every
            && checker.report.verdict == Verdict::Verified
        {
            kept = checker.size();
            if let Err(error) = progress::save(path, checker, tiles) {
                checker.report.unknown(Place::file(path.display().to_string()), format!("progress cannot be kept: {error}"));
            }
        }
    }
}

/// Says what became of an entry that stands where another belongs.
fn name_displaced(displaced: &Displaced, source: &Source<'_>, report: &mut Report) {
    let Displaced { at, claims, leaf, persists, forward } = *displaced;
    let there = source.entry_at(claims);
    let there_claims = there.as_ref().and_then(|stored| Some(privyseal_core::event::Entry::read(&stored.entry).ok()?.seq));
    let copied = there.as_ref().is_some_and(|stored| privyseal_core::event::leaf(&stored.entry) == leaf);
    let (finding, what) = if copied && there_claims == Some(claims) {
        (Finding::Duplicated, format!("entry {claims} stands here again: it was duplicated"))
    } else if there_claims == Some(at) {
        (Finding::Reordered, format!("entry {claims} stands here, and entry {at} where that belongs: they were reordered"))
    } else if forward && persists {
        (Finding::Removed, format!("entry {claims} stands here: entries before it were removed"))
    } else if persists {
        (Finding::Inserted, format!("entry {claims} stands here: entries before it were inserted or duplicated"))
    } else {
        (Finding::Reordered, format!("entry {claims} stands here: entries were moved"))
    };
    report.name(Place::Entry(at), finding, what);
}

/// Whether the list of segments that was read is the one that the entries give.
fn check_records(read: &[SegmentSealed], checker: &mut Checker) {
    let mut recorded = Recorded::default();
    for segment in &checker.summary.segments {
        // When they were recorded matters to those only who take files away.
        if let Err(what) = recorded.add(segment.clone(), 0, Timestamp::default()) {
            let place = Place::file(format!("ledger/{}", segment.path));
            return checker.report.found(place, Finding::Malformed, format!("its record does not follow those before it: {what}"));
        }
    }
    let given = recorded.standing();
    let missed = given.iter().find(|segment| !read.contains(segment));
    let (path, what) = match missed.or_else(|| read.iter().find(|segment| !given.contains(segment))) {
        Some(segment) if missed.is_some() => (&segment.path, "it is recorded, and the log does not find the record"),
        Some(segment) => (&segment.path, "the log names it as a segment, and no entry records it"),
        None => return,
    };
    checker.report.found(Place::file(format!("ledger/{path}")), Finding::TypedColumn, what);
}

/// Heads that are known beside the log: the published one, and those that the caller remembers.
fn known_heads(files: &Files, options: &Options, checker: &mut Checker) {
    let place = Place::file("ledger/checkpoint");
    match &files.published {
        Ok(note) => {
            checker.report.files += 1;
            known_head(note, place.clone(), "was published", checker);
            match checker.quorum(note, &place) {
                Ok(witnesses) => checker.report.witnesses = witnesses,
                Err(problem) => checker.report.add(problem),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => checker.report.unknown(place, "no head was ever published here"),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            checker.report.found(place, Finding::Malformed, "it is not text");
        }
        Err(error) => checker.report.unknown(place, error.to_string()),
    }
    for (name, note) in &options.remembered {
        known_head(note, Place::file(name), "is remembered", checker);
    }
}

fn known_head(note: &str, place: Place, how: &str, checker: &mut Checker) {
    checker.report.heads += 1;
    let checkpoint = match checker.read_head(note) {
        Ok((checkpoint, _)) => checkpoint,
        Err((finding, what)) => return checker.report.found(place, finding, what),
    };
    let end = checker.size();
    if checkpoint.size > end {
        let finding = if checker.report.has(Finding::TailCut) { Finding::TailCut } else { Finding::RolledBack };
        let what = format!("a head over {} entries {how}, there are {end}: the log was rolled back or cut", checkpoint.size);
        return checker.report.found(place, finding, what);
    }
    match checker.root_at(checkpoint.size) {
        Some(root) if root == checkpoint.root => checker.vouch(note),
        Some(_) => {
            let what = format!("the head over {} entries that {how} is of another history: the log was forked", checkpoint.size);
            checker.report.found(place, Finding::Forked, what);
        }
        None => {
            let what = format!("the head is over {} entries, which an earlier run has passed: verify without --resume", checkpoint.size);
            checker.report.unknown(place, what);
        }
    }
}
