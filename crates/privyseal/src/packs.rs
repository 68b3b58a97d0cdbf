//! Evidence packs: the one place that knows findings, the log and the renderers, and joins them.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use privyseal_core::cause::chain;
use privyseal_core::digest::Digest;
use privyseal_core::finding::Findings;
use privyseal_core::id::RequestId;
use privyseal_core::note::{Checkpoint, Note};
use privyseal_core::port::{Analytics, BoxFuture, Clock, ContentSource, PackFile, PackOrder, PackProgress, Packs, QueryError};
use privyseal_core::time::Timestamp;
use privyseal_evidence::pack::{self, LogSource, PackInput, Spool, Watch};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{LogError, LogReader, StoredEntry};
use privyseal_ledger::store::Store;
use privyseal_ledger::{blob, keys};

use crate::content::Embedded;

/// Builds packs from a data folder. Reads it, never writes it.
pub(crate) struct PackBuilder {
    layout: Layout,
    analytics: Arc<dyn Analytics>,
    clock: Arc<dyn Clock>,
}

impl PackBuilder {
    /// A builder for this data folder.
    #[must_use]
    pub(crate) fn new(layout: Layout, analytics: Arc<dyn Analytics>, clock: Arc<dyn Clock>) -> Self {
        Self { layout, analytics, clock }
    }
}

/// Set when whoever wants the pack has gone away: work on other threads sees it and ends.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Watched {
    progress: Arc<dyn PackProgress>,
    stopped: Arc<AtomicBool>,
}

impl Watch for Watched {
    fn written(&self, entries: u64, of: u64) {
        self.progress.written(entries, of);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// A folder beside the pack for what becomes part of it; gone with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(file: &Path) -> io::Result<Self> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let folder = file.with_file_name(name);
        // What a process that died left behind under this very number.
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder of a pack could not be removed");
        }
    }
}

impl Packs for PackBuilder {
    fn build<'a>(&'a self, order: &'a PackOrder, progress: Arc<dyn PackProgress>) -> BoxFuture<'a, Result<PackFile, QueryError>> {
        Box::pin(async move {
            let failed = |error: io::Error| QueryError::Failed(format!("{}: {error}", order.file.display()));
            let scratch = Scratch::beside(&order.file).map_err(failed)?;
            let spool = Arc::new(Spool::new(scratch.0.clone()));
            let findings = self.analytics.assess(&order.frameworks, order.period, Some(spool.clone())).await?;
            let stop = Stop(Arc::default());
            let watched = Watched { progress, stopped: Arc::clone(&stop.0) };
            let (layout, file, built_at) = (self.layout.clone(), order.file.clone(), self.clock.now());
            // Rendering and compressing take seconds of processor time, which the runtime's own threads must not give.
            let built = tokio::task::spawn_blocking(move || {
                let pack = assemble(&layout, &findings, &spool, &scratch, &file, built_at, &watched)?;
                Ok((pack, findings))
            })
            .await;
            let (pack, findings) = built.map_err(|error| QueryError::Failed(error.to_string()))?.map_err(QueryError::Failed)?;
            let name = format!("privyseal-{}-{}-{}.zip", order.frameworks.join("-"), order.period.start.date(), order.period.end.date());
            Ok(PackFile { name, bytes: pack.bytes, pack_digest: pack.digest, file_sha256: pack.file_sha256, findings })
        })
    }
}

/// The log of a data folder. Every read is of entries that never change again, so no transaction is held meanwhile.
struct Entries {
    layout: Layout,
    log: std::sync::Mutex<Box<dyn LogReader>>,
}

impl Entries {
    fn log(&self) -> std::sync::MutexGuard<'_, Box<dyn LogReader>> {
        self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl LogSource for Entries {
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        self.log().entries(from, limit)
    }

    fn of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError> {
        self.log().entries_of_request(request)
    }

    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, LogError> {
        self.log().checkpoints(from, limit)
    }

    fn blob(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        blob::get(&self.layout, digest).map_err(|error| io::Error::other(error.to_string()))
    }
}

fn assemble(
    layout: &Layout,
    findings: &Findings,
    populations: &Spool,
    scratch: &Scratch,
    file: &Path,
    built_at: Timestamp,
    watch: &dyn Watch,
) -> Result<pack::Pack, String> {
    let log = Store::of(layout).reader().map_err(|error| chain(&error))?;
    let key = keys::load(&layout.key()).map_err(|error| chain(&error))?;
    let head = log.head().map_err(|error| chain(&error))?.ok_or("the log is empty")?;
    let note = Note::parse(&head.checkpoint).and_then(|note| Checkpoint::from_text(&note.text)).map_err(|error| error.to_string())?;
    let source = Entries { layout: layout.clone(), log: std::sync::Mutex::new(log) };
    let input = PackInput {
        findings,
        populations,
        source: &source,
        log: &note.origin,
        checkpoint: &head.checkpoint,
        head_size: head.edge.size(),
        material: material(findings),
        built_at,
        software: concat!("privyseal ", env!("CARGO_PKG_VERSION")),
        key: &key,
    };
    let named = |error: io::Error| format!("{}: {error}", file.display());
    let part = scratch.0.join("pack");
    let to = File::create_new(&part).map_err(named)?;
    let pack = pack::build(&input, BufWriter::with_capacity(1 << 20, &to), watch).map_err(|error| chain(&error))?;
    to.sync_all().and_then(|()| fs::rename(&part, file)).map_err(named)?;
    Ok(pack)
}

/// What is needed to compute every number again: the SQL of all views, and the catalogs of the frameworks.
fn material(findings: &Findings) -> Vec<(String, Vec<u8>)> {
    let mut wanted = Embedded.list("queries/views/");
    wanted.push("controls/assertions.toml".to_owned());
    for framework in &findings.frameworks {
        wanted.extend(Embedded.list(&format!("controls/{}/", framework.framework)));
    }
    wanted.into_iter().filter_map(|path| Some((format!("material/{path}"), Embedded.read(&path)?.into_owned().into_bytes()))).collect()
}
