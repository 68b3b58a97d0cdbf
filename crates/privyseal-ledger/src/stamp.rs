//! Keeping timestamps of published heads: asked for when due, checked before they are kept, found again for verification.
//!
//! `ledger/timestamps/<size>.checkpoint` holds the three lines that were stamped, `<size>.tsr` the authority's answer; `<size>` has 12 digits.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use privyseal_core::cosignature::CosignedHead;
use privyseal_core::note::Checkpoint;
use privyseal_core::port::Post;
use privyseal_core::time::Timestamp;
use privyseal_core::tree;

use crate::durable;
use crate::layout::Layout;
use crate::tiles::TileNodes;
use crate::timestamp::{self, Authority, QUERY_TYPE, Stamped, TimestampError};
use crate::verify::{Place, Report};

/// Why no timestamp was kept. Another try later may do better.
#[derive(Debug, thiserror::Error)]
pub enum StampError {
    /// The authority did not answer, or not with a timestamp.
    #[error("the timestamping authority did not answer: {0}")]
    NoAnswer(String),
    /// Its answer does not hold.
    #[error(transparent)]
    Refused(#[from] TimestampError),
    /// The disk refuses.
    #[error("cannot keep a timestamp in {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Asks an authority for timestamps.
pub struct Stamper {
    /// Where things stand.
    pub layout: Layout,
    /// Address of the authority.
    pub url: String,
    /// What its certificates must chain to.
    pub authority: Authority,
    /// Seconds between two timestamps.
    pub every_seconds: i64,
    /// How it is reached.
    pub post: Arc<dyn Post>,
}

impl Stamper {
    /// Asks for a timestamp over the published head when one is due: the head has grown since the last, which is old enough. `nonce` must
    /// not have been used before. Blocks on the network and the disk.
    ///
    /// # Errors
    /// When the authority does not answer as it should, or the answer cannot be kept.
    pub fn round(&self, now: Timestamp, nonce: u64) -> Result<Option<(u64, Stamped)>, StampError> {
        let note = fs::read_to_string(self.layout.checkpoint()).unwrap_or_default();
        let Ok(head) = CosignedHead::parse(&note) else { return Ok(None) };
        let (size, text) = (head.checkpoint.size, head.checkpoint.text());
        if let Some(last) = sizes(&self.layout).map_err(|source| self.io(folder(&self.layout), source))?.last().copied() {
            let kept = read(&self.layout, last).map_err(|source| self.io(folder(&self.layout), source))?;
            let stamped = timestamp::verify(&kept.answer, kept.text.as_bytes(), None, &self.authority);
            // A last one that does not hold (another authority by now) is no reason to wait.
            let recent = stamped.is_ok_and(|stamped| now.seconds_since(stamped.time) < self.every_seconds);
            if last >= size || recent {
                return Ok(None);
            }
        }
        let reply = self.post.post(&self.url, QUERY_TYPE, &timestamp::request(text.as_bytes(), nonce)).map_err(StampError::NoAnswer)?;
        if reply.status != 200 {
            return Err(StampError::NoAnswer(format!("status {}", reply.status)));
        }
        let stamped = timestamp::verify(&reply.body, text.as_bytes(), Some(nonce), &self.authority)?;
        // The text first: a crash between the two leaves a text without an answer, which the next round replaces or nobody reads.
        for (ending, bytes) in [("checkpoint", text.as_bytes()), ("tsr", &reply.body)] {
            let path = file(&self.layout, size, ending);
            durable::write(&path, bytes).map_err(|source| self.io(path.clone(), source))?;
        }
        Ok(Some((size, stamped)))
    }

    fn io(&self, path: PathBuf, source: io::Error) -> StampError {
        StampError::Io { path, source }
    }
}

/// One kept timestamp.
pub struct Kept {
    /// What was stamped.
    pub text: String,
    /// The authority's answer.
    pub answer: Vec<u8>,
}

fn folder(layout: &Layout) -> PathBuf {
    layout.below_ledger("timestamps")
}

fn file(layout: &Layout, size: u64, ending: &str) -> PathBuf {
    folder(layout).join(format!("{size:012}.{ending}"))
}

/// Whether a path below `ledger/` is one of a kept timestamp.
#[must_use]
pub(crate) fn is_kept(path: &str) -> bool {
    let name = path.strip_prefix("timestamps/").and_then(|name| name.strip_suffix(".tsr").or_else(|| name.strip_suffix(".checkpoint")));
    name.is_some_and(|digits| digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Sizes of the heads that have a timestamp, smallest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn sizes(layout: &Layout) -> io::Result<Vec<u64>> {
    let names = match fs::read_dir(folder(layout)) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut sizes = Vec::new();
    for name in names {
        let name = name?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".tsr")).filter(|digits| digits.len() == 12);
        sizes.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    sizes.sort_unstable();
    Ok(sizes)
}

/// Reads a timestamp and what it stamped.
///
/// # Errors
/// When one of the two files cannot be read.
pub fn read(layout: &Layout, size: u64) -> io::Result<Kept> {
    Ok(Kept { text: fs::read_to_string(file(layout, size, "checkpoint"))?, answer: fs::read(file(layout, size, "tsr"))? })
}

/// Checks every kept timestamp: its text is a head that the tiles of this log give, and the authority's answer over it holds; without an
/// authority, all but whose answer it is. Tiles are checked against the entries elsewhere.
pub fn check_kept(layout: &Layout, origin: &str, authority: Option<&Authority>, report: &mut Report) {
    let sizes = match sizes(layout) {
        Ok(sizes) => sizes,
        Err(error) => return report.unknown(Place::file("ledger/timestamps"), error.to_string()),
    };
    let published = fs::read_to_string(layout.checkpoint()).ok().and_then(|note| CosignedHead::parse(&note).ok());
    let published = published.map_or(0, |head| head.checkpoint.size);
    let nodes = TileNodes::new(layout.tiles(), published);
    for size in sizes {
        report.files += 2;
        let place = || Place::file(format!("ledger/timestamps/{size:012}.tsr"));
        let kept = match read(layout, size) {
            Ok(kept) => kept,
            Err(error) => {
                report.unknown(place(), error.to_string());
                continue;
            }
        };
        if size > published {
            report
                .wrong(place(), format!("it stamps a head of {size} entries, the published one has {published}: the log was rolled back"));
        } else {
            let root = tree::root(&nodes, size).ok();
            let expected = root.map(|root| Checkpoint { origin: origin.to_owned(), size, root }.text());
            if expected.as_deref() != Some(kept.text.as_str()) {
                report.wrong(place(), "it stamps a head of another history");
            }
        }
        let held = match authority {
            Some(authority) => timestamp::verify(&kept.answer, kept.text.as_bytes(), None, authority),
            None => timestamp::verify_without_authority(&kept.answer, kept.text.as_bytes()),
        };
        if let Err(error) = held {
            report.wrong(place(), error.to_string());
        }
    }
}
