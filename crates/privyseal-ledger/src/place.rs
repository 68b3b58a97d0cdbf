//! Where sealed segments are kept for good: the data folder, or a store of objects that speaks S3. Put if absent, read, remove; no more.
//!
//! With a bucket, the folder `ledger/events/` holds copies that are fetched when they are needed and compared with their record, so that
//! every reader reads local files whichever it is.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::SegmentSealed;

use crate::durable;
use crate::layout::Layout;

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
        let builder = known
            .fold(AmazonS3Builder::new().with_bucket_name(&self.name), |builder, (key, value)| builder.with_config(key, value.clone()));
        Ok(Arc::new(builder.build()?))
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
            let store = self.store().map_err(io::Error::other)?;
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
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn get(&self, path: &str) -> io::Result<Option<Bytes>> {
        let path = self.path(path);
        let got = self.run(async move |store| store.get(&path).await?.bytes().await)?;
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        match self.run(async move |store| store.delete(&path).await)? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    }
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
