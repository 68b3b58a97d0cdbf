//! Evidence packs: the one place that knows findings, the log and the renderers, and joins them.

use std::sync::Arc;

use privyseal_core::cause::chain;
use privyseal_core::digest::Digest;
use privyseal_core::finding::Findings;
use privyseal_core::note::Checkpoint;
use privyseal_core::port::{Analytics, BoxFuture, Clock, ContentSource, PackFile, Packs, QueryError};
use privyseal_core::time::Period;
use privyseal_core::tree;
use privyseal_evidence::pack::{self, PackInput};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::at_one_moment;
use privyseal_ledger::reader::Reader;
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

impl Packs for PackBuilder {
    fn build<'a>(&'a self, frameworks: &'a [String], period: Period) -> BoxFuture<'a, Result<PackFile, QueryError>> {
        Box::pin(async move {
            let findings = self.analytics.assess(frameworks, period).await?;
            let (layout, built_at) = (self.layout.clone(), self.clock.now());
            // Rendering and compressing take seconds of processor time, which the runtime's own threads must not give.
            let built = tokio::task::spawn_blocking(move || assemble(&layout, &findings, built_at).map(|pack| (pack, findings))).await;
            let (pack, findings) = built.map_err(|error| QueryError::Failed(error.to_string()))?.map_err(QueryError::Failed)?;
            let name = format!("privyseal-{}-{}-{}.zip", frameworks.join("-"), period.start.date(), period.end.date());
            let file_sha256 = Digest::of(&pack.bytes);
            Ok(PackFile { name, bytes: pack.bytes, pack_digest: pack.digest, file_sha256, findings })
        })
    }
}

fn assemble(layout: &Layout, findings: &Findings, built_at: privyseal_core::time::Timestamp) -> Result<pack::Pack, String> {
    let reader = Reader::open(layout.clone()).map_err(|error| chain(&error))?;
    let key = keys::load(&layout.key()).map_err(|error| chain(&error))?;
    let (head, entries) =
        at_one_moment(reader.log(), |log| Ok((log.head()?, log.entries(0, usize::MAX)?))).map_err(|error| chain(&error))?;
    let head = head.ok_or("the log is empty")?;
    let leaves: Vec<Digest> = entries.iter().map(|entry| entry.leaf).collect();
    let size = findings.snapshot.size;
    let prefix = usize::try_from(size).ok().and_then(|size| entries.get(..size)).ok_or("the log is shorter than what the tests ran on")?;
    let consistency = tree::consistency_proof(leaves.as_slice(), size, head.edge.size()).map_err(|error| error.to_string())?;
    let origin = privyseal_core::note::Note::parse(&head.checkpoint)
        .and_then(|note| Checkpoint::from_text(&note.text))
        .map_err(|error| error.to_string())?
        .origin;
    let mut blobs = Vec::new();
    for digest in pack::named_blobs(prefix) {
        let bytes = blob::get(layout, &digest).map_err(|error| error.to_string())?;
        blobs.push((digest, bytes.ok_or_else(|| format!("the blob {} is missing: run `privyseal verify`", digest.hex()))?));
    }
    let input = PackInput {
        findings,
        entries: prefix,
        log: &origin,
        checkpoint: &head.checkpoint,
        consistency: &consistency,
        material: material(findings),
        blobs,
        built_at,
        software: concat!("privyseal ", env!("CARGO_PKG_VERSION")),
        key: &key,
    };
    pack::build(&input).map_err(|error| chain(&error))
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
