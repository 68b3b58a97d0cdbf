//! A ledger of millions of events of the demonstration's mix: the demonstration's own, then copies of all that was asked, decided and run.
//!
//! It is a real ledger, which `privyseal verify` verifies: every copy has ids, moments, links, leaves and signatures of its own, those of the
//! passkeys included. Accounts, roles, keys and policies are not copied, so that the same people do the same work again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft, Event, Kind, leaf};
use privyseal_core::id::EventId;
use privyseal_core::note::NodeKey;
use privyseal_core::time::Timestamp;
use privyseal_core::webauthn::software::SoftwarePasskey;
use privyseal_ledger::chain::{Tip, sign};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Log, LogReader as _, StoredEntry};
use privyseal_ledger::private::SqlitePrivate;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::store::Store;
use privyseal_ledger::tiles::TileWriter;
use privyseal_ledger::{keys, seal};

use super::template::{Copy, Maker, Template, Unlinked, uuids};
use crate::command::bench::{ORIGIN, per_second};
use crate::output;

/// Entries written in one commit.
const STEP: usize = 8_192;
/// Entries that are left in the live tail, neither sealed nor pruned.
const TAIL: u64 = 5_000;
/// Copies are moved by whole weeks, so that working hours stay working hours.
const WEEK_MICROS: i64 = 7 * 86_400_000_000;

/// Kinds that begin so are written once: a company's people, keys and policies, and the log's own beginning.
const ONCE: [&str; 10] =
    ["ledger.", "segment.", "key.", "principal.", "role.", "credential.", "delegation.", "session.", "policy.", "catalog."];

/// Makes the ledger in `folder`, of about `events` entries, from the demonstration in `source`.
///
/// # Errors
/// When the source cannot be read or the new folder not be written.
pub(super) fn make(folder: &Path, source: &Path, events: u64) -> anyhow::Result<()> {
    let layout = Layout::new(folder);
    anyhow::ensure!(!Store::of(&layout).exists()?, "there is a ledger in {} already: name another folder", folder.display());
    let started = Instant::now();
    let source = Source::read(source)?;
    output::note(&format!("read {} entries in {:.1} s", source.templates.len(), started.elapsed().as_secs_f64()));
    std::fs::create_dir_all(layout.ledger())?;
    copy_folder(&source.layout.ledger().join("blobs"), &layout.ledger().join("blobs"))?;
    let key = keys::create(&layout.key(), ORIGIN, Digest::of(b"bench sql").as_bytes())?;
    drop(SqlitePrivate::open(&layout.private())?);
    let log = SqliteLog::create(&layout.log())?;
    let mut writer = Writing { layout, key, log, tip: Tip::empty(ORIGIN), tiles: TileWriter::new(), sealed: 0, started };
    let copied: Vec<usize> = (0..source.templates.len()).filter(|at| source.is_copied(*at)).collect();
    let original = u64::try_from(source.templates.len())?;
    let copies = events.saturating_sub(original).div_ceil(u64::try_from(copied.len())?.max(1));
    let span = source.span();
    // The last copy ends when the demonstration did, the others lie before it; no moment may lie before 1970, where ids have no form.
    let base = span.saturating_mul(-i64::try_from(copies)?).max(-(source.first.micros() / WEEK_MICROS * WEEK_MICROS));
    let everything: Vec<usize> = (0..source.templates.len()).collect();
    for number in 0..=copies {
        let copy = Copy::new(number, base.saturating_add(span.saturating_mul(i64::try_from(number)?)), base);
        for step in (if number == 0 { &everything } else { &copied }).chunks(STEP) {
            let room = usize::try_from(events.saturating_sub(writer.tip.edge.size()))?;
            let step = step.get(..room.min(step.len())).unwrap_or_default();
            writer.append(source.write(step, &copy, writer.tip.edge.size())?)?;
            if writer.tip.edge.size() >= writer.sealed + seal::MAX_ROWS {
                writer.seal(writer.sealed + seal::MAX_ROWS)?;
            }
        }
    }
    writer.finish()
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The ledger that is copied, taken apart.
struct Source {
    layout: Layout,
    templates: Vec<Template>,
    signers: Vec<SoftwarePasskey>,
    first: Timestamp,
    last: Timestamp,
}

impl Source {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let layout = Layout::new(folder);
        let log = Store::of(&layout).reader()?;
        let (mut entries, mut signers, mut passkeys) = (Vec::new(), Vec::new(), BTreeMap::new());
        let (mut first, mut last) = (None, Timestamp::default());
        loop {
            let step = log.entries(u64::try_from(entries.len())?, STEP)?;
            if step.is_empty() {
                break;
            }
            for stored in step {
                let head = privyseal_core::event::Entry::read(&stored.entry).with_context(|| format!("entry {}", stored.seq))?;
                let (kind, time) = (head.kind, head.time);
                first.get_or_insert(time);
                last = time;
                let entry = match kind {
                    Kind::LedgerOpened | Kind::CredentialEnrolled => of_new_keys(&stored.entry, &mut signers, &mut passkeys)?,
                    // Records of segments are made anew; their places are taken by others.
                    _ => stored.entry,
                };
                entries.push((kind, entry));
            }
        }
        entries.retain(|(kind, _)| *kind != Kind::SegmentSealed);
        let shared = shared_ids(&entries);
        let maker = Maker { origin: ORIGIN, passkeys: &passkeys, signers: &signers, shared: &shared };
        let templates = entries.into_iter().map(|(kind, entry)| maker.template(kind, entry)).collect();
        let first = first.with_context(|| format!("the ledger in {} is empty", folder.display()))?;
        Ok(Self { layout, templates, signers, first, last })
    }

    fn is_copied(&self, at: usize) -> bool {
        self.templates.get(at).is_some_and(|template| is_copied(template.kind))
    }

    /// By how much one copy comes after the other: the whole weeks that everything took.
    fn span(&self) -> i64 {
        (self.last.micros() - self.first.micros()) / WEEK_MICROS * WEEK_MICROS + WEEK_MICROS
    }

    /// Writes a step of a copy on all cores.
    fn write(&self, step: &[usize], copy: &Copy, first: u64) -> anyhow::Result<Vec<Unlinked>> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = step.len().div_ceil(cores).max(1);
        let write = |part: &[usize], first: u64| -> anyhow::Result<Vec<Unlinked>> {
            let templates = part.iter().filter_map(|at| self.templates.get(*at));
            templates.zip(first..).map(|(template, seq)| template.write(copy, seq, &self.signers)).collect()
        };
        std::thread::scope(|scope| {
            let parts = step.chunks(share).zip((first..).step_by(share));
            let threads: Vec<_> = parts.map(|(part, first)| scope.spawn(move || write(part, first))).collect();
            let mut all = Vec::with_capacity(step.len());
            for thread in threads {
                all.append(&mut thread.join().map_err(|_| anyhow::anyhow!("a thread that wrote entries died"))??);
            }
            Ok(all)
        })
    }
}

fn is_copied(kind: Kind) -> bool {
    !ONCE.iter().any(|prefix| kind.name().starts_with(prefix))
}

/// Ids of what is written once: they first appear in an entry that is not copied.
fn shared_ids(entries: &[(Kind, Vec<u8>)]) -> BTreeSet<[u8; 16]> {
    let (mut shared, mut own) = (BTreeSet::new(), BTreeSet::new());
    let last_once = entries.iter().rposition(|(kind, _)| !is_copied(*kind)).unwrap_or(0);
    for (kind, entry) in entries.iter().take(last_once + 1) {
        for uuid in uuids(entry) {
            if is_copied(*kind) {
                own.insert(uuid);
            } else if !own.contains(&uuid) {
                shared.insert(uuid);
            }
        }
    }
    shared
}

/// The entry with the key of the new log, or with a passkey that we can sign with.
fn of_new_keys(entry: &[u8], signers: &mut Vec<SoftwarePasskey>, passkeys: &mut BTreeMap<String, usize>) -> anyhow::Result<Vec<u8>> {
    let mut event = Event::from_entry(entry)?;
    match &mut event.body {
        Body::LedgerOpened(opened) => {
            opened.key = NodeKey::from_seed(ORIGIN, Digest::of(b"bench sql").as_bytes())?.verifier().to_string();
        }
        Body::CredentialEnrolled(enrolled) => {
            if let CredentialKey::Passkey { rp_id, .. } = &enrolled.key {
                let seed = Digest::of(format!("bench sql passkey of {}", enrolled.principal).as_bytes());
                let origin = if rp_id == "localhost" { "http://localhost:8420".to_owned() } else { format!("https://{rp_id}") };
                let signer = SoftwarePasskey::from_seed(seed.as_bytes(), rp_id, &origin).context("a passkey cannot be made")?;
                passkeys.insert(enrolled.credential.to_string(), signers.len());
                enrolled.credential = signer.credential().parse()?;
                enrolled.key = signer.public();
                signers.push(signer);
            }
        }
        _ => {}
    }
    Ok(event.to_entry()?)
}

/// The ledger that is being made.
struct Writing {
    layout: Layout,
    key: NodeKey,
    log: SqliteLog,
    tip: Tip,
    tiles: TileWriter,
    /// Entries below this one are in segments.
    sealed: u64,
    started: Instant,
}

impl Writing {
    fn append(&mut self, unlinked: Vec<Unlinked>) -> anyhow::Result<()> {
        let mut entries = Vec::with_capacity(unlinked.len());
        for Unlinked { kind, mut entry, link, time } in unlinked {
            if let Some(prev) = self.tip.prev {
                let text = prev.to_string();
                let place = entry.get_mut(link + 1..link + 1 + text.len()).context("an entry has no place for its link")?;
                place.copy_from_slice(text.as_bytes());
            }
            let leaf = leaf(&entry);
            let stored = StoredEntry { seq: self.tip.edge.size(), entry, leaf, signature: None };
            self.tip.edge.push(leaf);
            self.tip.prev = Some(leaf);
            self.tip.time = self.tip.time.max(time);
            self.tiles.push(leaf);
            entries.push((stored, kind));
        }
        if entries.is_empty() {
            return Ok(());
        }
        sign(&mut entries, &self.key);
        Ok(self.log.append(&self.tip.batch(entries, &self.key))?)
    }

    /// Seals and prunes everything before `end`, and publishes what grew.
    fn seal(&mut self, end: u64) -> anyhow::Result<()> {
        while let Some(segment) = seal::make_segment(&self.layout, &self.log, end)? {
            self.sealed = segment.last + 1;
            let auth = Auth { method: AuthMethod::Engine, amr: vec![], auth_time: None, session: None, credential: None };
            let actor = Actor { id: "system".parse()?, kind: ActorKind::System, channel: Channel::Engine, auth };
            let random = *Digest::of(&self.tip.edge.size().to_be_bytes()).as_bytes();
            let id = EventId::new(self.tip.time, random.first_chunk().copied().unwrap_or_default());
            let draft = Draft { actor, request_id: None, body: Body::SegmentSealed(segment) };
            let (event, stored) = self.tip.place(draft, id, self.tip.time, &self.key)?;
            self.tiles.push(stored.leaf);
            self.log.append(&self.tip.batch(vec![(stored, event.kind())], &self.key))?;
            seal::prune(&self.layout, &mut self.log, self.sealed)?;
            self.tiles.publish(&self.layout.tiles())?;
        }
        let size = self.tip.edge.size();
        output::note(&format!("{size} entries, {:.0} a second", per_second(size, self.started.elapsed())));
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.seal(self.tip.edge.size().saturating_sub(TAIL))?;
        self.tiles.publish(&self.layout.tiles())?;
        let note = self.log.head()?.map(|head| head.checkpoint).unwrap_or_default();
        Ok(privyseal_ledger::publish_checkpoint(&self.layout, &note)?)
    }
}
