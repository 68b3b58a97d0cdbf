//! Packs that were asked for since the server started: being built, ready on disk, failed, cancelled. What was built is also on the
//! ledger, and [`crate::api`] finds it there after a restart; the files are only a shelf.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use privyseal_core::id::{PrincipalId, ReportId};
use privyseal_core::time::{Period, Timestamp};
use tokio::sync::{Notify, watch};

/// Jobs that are remembered; older ones that ended are found in the log.
const MOST: usize = 200;

/// One pack.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) frameworks: Vec<String>,
    pub(crate) period: Period,
    pub(crate) by: PrincipalId,
    pub(crate) at: Timestamp,
    pub(crate) status: Status,
    /// Told when somebody cancels it.
    pub(crate) cancelled: Arc<Notify>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    Building(Step),
    Ready(Ready),
    Failed(String),
    Cancelled,
}

/// A pack's file and what it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) name: String,
    /// Length of the file; none when it is gone from the shelf.
    pub(crate) bytes: Option<u64>,
    pub(crate) file_sha256: privyseal_core::digest::Digest,
    pub(crate) pack_digest: privyseal_core::digest::Digest,
    /// How many controls are in which state, by framework.
    pub(crate) states: BTreeMap<String, BTreeMap<String, u64>>,
    pub(crate) downloads: u64,
}

/// What is being done for a pack, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Test,
    /// How much of the log is in the pack, in percent.
    Write(u8),
    Record,
}

impl Step {
    /// In words.
    pub(crate) fn words(self) -> String {
        match self {
            Step::Test => "Running the control tests".to_owned(),
            Step::Write(percent) => format!("Writing the pack, {percent} % of the log"),
            Step::Record => "Recording the pack in the ledger".to_owned(),
        }
    }

    /// Its number, from 1, of 3.
    pub(crate) fn number(self) -> u32 {
        match self {
            Step::Test => 1,
            Step::Write(_) => 2,
            Step::Record => 3,
        }
    }
}

pub(crate) struct Shelf {
    folder: PathBuf,
    jobs: Mutex<BTreeMap<ReportId, Job>>,
    changed: watch::Sender<u64>,
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, jobs: Mutex::default(), changed: watch::Sender::new(0) }
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, BTreeMap<ReportId, Job>> {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts changes of any job; wakes whoever waits on it.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn begin(&self, id: ReportId, job: Job) {
        let mut jobs = self.jobs();
        if jobs.len() >= MOST {
            let ended = jobs.iter().find(|(_, job)| !matches!(job.status, Status::Building(_))).map(|(id, _)| *id);
            ended.and_then(|id| jobs.remove(&id));
        }
        jobs.insert(id, job);
        drop(jobs);
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn set(&self, id: &ReportId, status: Status) {
        if let Some(job) = self.jobs().get_mut(id) {
            job.status = status;
        }
        self.changed.send_modify(|count| *count += 1);
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
        self.jobs().values().filter(|job| matches!(job.status, Status::Building(_))).count()
    }

    /// Where the file of a pack stands, or is to stand.
    pub(crate) fn path(&self, id: &ReportId) -> PathBuf {
        self.folder.join(format!("{id}.zip"))
    }

    /// Makes sure that there is a folder for the files.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)
    }

    /// Length of a pack's file; none when it is not on the shelf.
    pub(crate) fn length(&self, id: &ReportId) -> Option<u64> {
        std::fs::metadata(self.path(id)).ok().map(|metadata| metadata.len())
    }
}
