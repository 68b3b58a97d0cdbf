//! Packs that were asked for: being built, ready on disk, or failed. What was built is also on the ledger; the files are only a shelf.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use privyseal_core::id::{PrincipalId, ReportId};
use privyseal_core::time::{Period, Timestamp};

/// One pack.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) frameworks: Vec<String>,
    pub(crate) period: Period,
    pub(crate) by: PrincipalId,
    pub(crate) at: Timestamp,
    pub(crate) status: Status,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    Building,
    Ready { name: String, bytes: u64, file_sha256: String, pack_digest: String },
    Failed(String),
}

pub(crate) struct Shelf {
    folder: PathBuf,
    jobs: Mutex<BTreeMap<ReportId, Job>>,
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, jobs: Mutex::default() }
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, BTreeMap<ReportId, Job>> {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, id: ReportId, job: Job) {
        self.jobs().insert(id, job);
    }

    pub(crate) fn finish(&self, id: &ReportId, status: Status) {
        if let Some(job) = self.jobs().get_mut(id) {
            job.status = status;
        }
    }

    pub(crate) fn get(&self, id: &ReportId) -> Option<Job> {
        self.jobs().get(id).cloned()
    }

    /// Newest first.
    pub(crate) fn all(&self) -> Vec<(ReportId, Job)> {
        self.jobs().iter().rev().map(|(id, job)| (*id, job.clone())).collect()
    }

    /// How many are being built.
    pub(crate) fn building(&self) -> usize {
        self.jobs().values().filter(|job| job.status == Status::Building).count()
    }

    pub(crate) fn put(&self, id: &ReportId, bytes: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let part = self.folder.join(format!("{id}.part"));
        std::fs::write(&part, bytes)?;
        std::fs::rename(part, self.folder.join(format!("{id}.zip")))
    }

    pub(crate) fn read(&self, id: &ReportId) -> io::Result<Vec<u8>> {
        std::fs::read(self.folder.join(format!("{id}.zip")))
    }
}
