//! Where sealed segments are kept for good: the data folder, or a store of objects that speaks S3. Put if absent, read, remove; no more.
//!
//! With a bucket, the folder `ledger/events/` holds copies that are fetched when they are needed and compared with their record, so that
//! every reader reads local files whichever it is.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, RetryConfig};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::SegmentSealed;

use crate::durable;
use crate::layout::Layout;

/// Tries after the first one when the store is out of order, and for how long after it another one begins: a few seconds in all. The
/// client's own ten tries in three minutes would keep whoever seals or reads waiting for a store that is simply not there.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(30);
/// How long one object may take: a segment of a million entries has some hundred megabytes. `AWS_TIMEOUT` sets another time.
const TIMEOUT: &str = "2 minutes";
/// Most of a store's own words in a message: some of them answer with pages.
const WORDS: usize = 400;

/// A store of objects: `s3://bucket/prefix`, with what else it takes to reach it. It may hold a secret key, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Bucket {
    name: String,
    prefix: String,
    options: Vec<(String, String)>,
}

impl Bucket {
    /// Reads an address. Options are those that Amazon's own tools read from the environment, as `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`; others are passed over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str, options: Vec<(String, String)>) -> Result<Self, String> {
        let rest = url.strip_prefix("s3://").ok_or_else(|| format!("`{url}` does not begin with s3://"))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if name.is_empty() || Path::parse(prefix).is_err() {
            return Err(format!("`{url}` is not of the form s3://bucket/prefix"));
        }
        let bucket = Self { name: name.to_owned(), prefix: prefix.to_owned(), options };
        bucket.store().map_err(|error| format!("`{url}` cannot be used: {error}"))?;
        Ok(bucket)
    }

    /// The address, without what it takes to reach it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("s3://{}/{}", self.name, self.prefix)
    }

    fn store(&self) -> object_store::Result<Arc<dyn ObjectStore>> {
        let known = self.options.iter().filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)));
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let builder = AmazonS3Builder::new().with_bucket_name(&self.name).with_retry(retry);
        let builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), TIMEOUT);
        let builder = known.fold(builder, |builder, (key, value)| builder.with_config(key, value.clone()));
        Ok(Arc::new(builder.build()?))
    }

    /// What went wrong, where, and what to do about it. One text: the client's errors repeat their causes already.
    fn failed(&self, error: &object_store::Error) -> io::Error {
        use object_store::Error as E;
        let advice = match error {
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                "refuses: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the clock, and that the key may put, get and delete there"
            }
            E::NotFound { .. } => "is not there: make the bucket, or correct segments.url and AWS_REGION",
            E::NotImplemented { .. } | E::NotSupported { .. } => {
                "cannot keep an object that is there from being replaced (`If-None-Match: *`): use a store that can"
            }
            _ => {
                "cannot be reached or is out of order: check AWS_ENDPOINT, AWS_REGION and the network (AWS_ALLOW_HTTP=true for an address \
                 with http), then try again"
            }
        };
        let words: String = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(WORDS).collect();
        io::Error::other(format!("{} {advice}; it says: {words}", Bucket::name(self)))
    }
}

/// Where segments are kept. Paths are those that `segment.sealed` records.
pub trait Place {
    /// What to call it in a message.
    fn name(&self) -> String;

    /// Keeps bytes under a path unless something is there already; durable on return. Returns whether it was free.
    ///
    /// # Errors
    /// When it cannot be written. It is not known then whether the bytes are there.
    fn put_if_absent(&self, path: &str, bytes: &Bytes) -> io::Result<bool>;

    /// Reads what is under a path; `None` for nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, path: &str) -> io::Result<Option<Bytes>>;

    /// Removes what is under a path, if anything is.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, path: &str) -> io::Result<()>;
}

/// The place that an instance is configured for.
#[must_use]
pub fn of(layout: &Layout) -> Box<dyn Place> {
    match layout.bucket() {
        Some(bucket) => Box::new(bucket.clone()),
        None => Box::new(Folder(layout.ledger())),
    }
}

/// The folder `ledger/`.
struct Folder(PathBuf);

impl Place for Folder {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn put_if_absent(&self, path: &str, bytes: &Bytes) -> io::Result<bool> {
        durable::write_if_absent(&self.0.join(path), bytes)
    }

    fn get(&self, path: &str) -> io::Result<Option<Bytes>> {
        match fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Bucket {
    /// Runs one operation on a thread and a runtime of its own: callers may be inside another runtime, and segments are few and large.
    fn run<T: Send>(
        &self,
        work: impl AsyncFnOnce(&dyn ObjectStore) -> object_store::Result<T> + Send,
    ) -> io::Result<object_store::Result<T>> {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let store = self.store().map_err(|error| self.failed(&error))?;
            Ok(runtime.block_on(work(store.as_ref())))
        };
        std::thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|_| Err(io::Error::other("the object store's client failed")))
    }

    fn path(&self, path: &str) -> Path {
        Path::from(if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) })
    }
}

impl Place for Bucket {
    fn name(&self) -> String {
        Bucket::name(self)
    }

    fn put_if_absent(&self, path: &str, bytes: &Bytes) -> io::Result<bool> {
        let (path, payload) = (self.path(path), PutPayload::from(bytes.clone()));
        let put = self.run(async move |store| {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            store.put_opts(&path, payload, options).await
        })?;
        match put {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn get(&self, path: &str) -> io::Result<Option<Bytes>> {
        let path = self.path(path);
        let got = self.run(async move |store| store.get(&path).await?.bytes().await)?;
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        match self.run(async move |store| store.delete(&path).await)? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

/// The bytes of a recorded segment as they are kept for good, found to be those that were recorded.
///
/// # Errors
/// `NotFound` when it is not there, `InvalidData` when something else is, others when it cannot be read.
pub(crate) fn get_recorded(place: &dyn Place, segment: &SegmentSealed) -> io::Result<Bytes> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "the recorded segment is not there");
    let bytes = place.get(&segment.path)?.ok_or_else(missing)?;
    if u64::try_from(bytes.len()).ok() == Some(segment.bytes) && Digest::of(&bytes) == segment.sha256 {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it is not the segment that was recorded; run `privyseal verify`"))
}

/// Makes sure that the local copy of a recorded segment is there, fetching it from the bucket when it is not. A copy of another length
/// is fetched again; its content is compared by whoever reads it.
///
/// # Errors
/// When the bucket cannot be read, or has something else under that path than was recorded.
pub fn fetch(layout: &Layout, segment: &SegmentSealed) -> io::Result<()> {
    let Some(bucket) = layout.bucket() else { return Ok(()) };
    fetch_from(bucket, layout, segment)
}

pub(crate) fn fetch_from(place: &dyn Place, layout: &Layout, segment: &SegmentSealed) -> io::Result<()> {
    let file = layout.below_ledger(&segment.path);
    if fs::metadata(&file).is_ok_and(|metadata| metadata.len() == segment.bytes) {
        return Ok(());
    }
    let bytes = place.get(&segment.path)?;
    let bytes = bytes.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{} is not in {}", segment.path, place.name())))?;
    if Digest::of(&bytes) != segment.sha256 {
        let damaged = format!("{} in {} is not the segment that was recorded", segment.path, place.name());
        return Err(io::Error::new(io::ErrorKind::InvalidData, damaged));
    }
    durable::write(&file, &bytes)
}

/// The bytes of a recorded segment where they are at hand: the local file, or the bucket's object when there is no copy of it here.
/// Nothing is written and nothing compared.
///
/// # Errors
/// `NotFound` when the segment is in neither place; others when it cannot be read.
pub(crate) fn open(layout: &Layout, segment: &SegmentSealed) -> io::Result<Kept> {
    let opened = File::open(layout.below_ledger(&segment.path));
    match (opened, layout.bucket()) {
        (Err(error), Some(bucket)) if error.kind() == io::ErrorKind::NotFound => bucket.get(&segment.path)?.map(Kept::Fetched).ok_or(error),
        (opened, _) => opened.map(Kept::Local),
    }
}

/// A segment to be read; see [`open`].
pub(crate) enum Kept {
    /// The file below `ledger/`.
    Local(File),
    /// The object, which has no copy here.
    Fetched(Bytes),
}

impl Kept {
    /// Whether length and SHA-256 are the recorded ones.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn is(&mut self, segment: &SegmentSealed) -> io::Result<bool> {
        let digest = match self {
            Kept::Local(file) => {
                let digest = Digest::of_reader(file)?;
                file.rewind()?;
                digest
            }
            Kept::Fetched(bytes) => Digest::of(bytes),
        };
        Ok(Length::len(self) == segment.bytes && digest == segment.sha256)
    }
}

impl Length for Kept {
    fn len(&self) -> u64 {
        match self {
            Kept::Local(file) => Length::len(file),
            Kept::Fetched(bytes) => Length::len(bytes),
        }
    }
}

impl ChunkReader for Kept {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(match self {
            Kept::Local(file) => Box::new(file.get_read(start)?),
            Kept::Fetched(bytes) => Box::new(bytes.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Kept::Local(file) => file.get_bytes(start, length),
            Kept::Fetched(bytes) => bytes.get_bytes(start, length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;

    #[test]
    fn addresses_are_read_and_named_without_keys() {
        let known = [("AWS_ACCESS_KEY_ID", "auditor"), ("AWS_SECRET_ACCESS_KEY", "geheim"), ("AWS_REGION", "eu-1")];
        let options = known.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let bucket = Bucket::parse("s3://audit/a/b/", options).ok().unwrap();
        assert_eq!((bucket.name(), bucket.path("events/x").as_ref()), ("s3://audit/a/b".to_owned(), "a/b/events/x"));
        for url in ["http://audit", "s3://", "s3:///x"] {
            assert!(Bucket::parse(url, Vec::new()).is_err(), "{url}");
        }
    }
}
