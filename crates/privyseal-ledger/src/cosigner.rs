//! A small witness: it remembers the newest head of every log that it knows and cosigns only what continues it (C2SP tlog-witness).
//!
//! The folder of a witness holds `witness.key`, a `lock`, and one file a log, `<SHA-256 of the origin>.head`, with the checkpoint text that
//! was cosigned last. The check, the writing and the signing of one log happen under one lock, so that no two requests can roll it back.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use privyseal_core::cosignature::{WitnessKey, WitnessSigner};
use privyseal_core::digest::Digest;
use privyseal_core::note::{Checkpoint, VerifierKey};
use privyseal_core::witness::{AddCheckpoint, Refusal, SIZE_TYPE, Seen, judge};

use crate::durable;
use crate::keys::{self, KeyError};

/// Why a witness cannot run.
#[derive(Debug, thiserror::Error)]
pub enum CosignerError {
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its folder cannot be used.
    #[error("cannot use the witness's folder {path}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process uses it.
    #[error("another witness runs on {path}: stop it, or give this one a folder of its own")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// What it remembers cannot be read, and guessing could make it cosign a fork.
    #[error("{path} is damaged: restore it from a backup that is not older than the last answer of this witness")]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
}

/// A reply to `add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Reply {
    fn text(status: u16, body: String) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body }
    }
}

/// One log that the witness knows.
struct Followed {
    keys: Vec<VerifierKey>,
    file: PathBuf,
    seen: Mutex<Seen>,
}

/// A witness.
pub struct Cosigner {
    signer: WitnessSigner,
    logs: BTreeMap<String, Followed>,
    _lock: File,
}

/// Path of a witness's key in its folder.
#[must_use]
pub fn key_file(folder: &Path) -> PathBuf {
    folder.join("witness.key")
}

impl Cosigner {
    /// Opens the folder of a witness that follows the logs with these keys; several keys of one name are of one log. On the first start
    /// its own key is made from `seed`, under `name`; later the file is what counts.
    ///
    /// # Errors
    /// When the folder is in use or cannot be written, or the key or a remembered head is damaged.
    pub fn open(folder: &Path, name: &str, seed: &[u8; 32], keys: &[VerifierKey]) -> Result<Self, CosignerError> {
        let io = |path: &Path, source| CosignerError::Io { path: path.to_owned(), source };
        durable::create_folders(folder).map_err(|source| io(folder, source))?;
        let lock_file = folder.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_file).map_err(|source| io(&lock_file, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CosignerError::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(&lock_file, source)),
        }
        let key_file = key_file(folder);
        if !key_file.exists() {
            WitnessSigner::from_seed(name, seed).map_err(KeyError::Name)?;
            keys::write_seed(&key_file, name, seed)?;
        }
        let (name, seed) = keys::read_seed(&key_file)?;
        let signer = WitnessSigner::from_seed(&name, &seed).map_err(KeyError::Name)?;
        let mut logs: BTreeMap<String, Followed> = BTreeMap::new();
        for key in keys {
            let origin = key.name();
            if let Some(log) = logs.get_mut(origin) {
                log.keys.push(key.clone());
                continue;
            }
            let file = folder.join(format!("{}.head", Digest::of(origin.as_bytes()).hex()));
            let seen = remembered(&file, origin)?;
            logs.insert(origin.to_owned(), Followed { keys: vec![key.clone()], file, seen: Mutex::new(seen) });
        }
        Ok(Self { signer, logs, _lock: lock })
    }

    /// The witness's public key, as policies name it.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        self.signer.public()
    }

    /// Answers one `add-checkpoint` at `now_s`, POSIX seconds. Blocks on the disk.
    ///
    /// 1. Judge by what was cosigned last. 2. Persist the new head; a crash here leaves a head that was never answered for, and the log is
    ///    told its size when it asks again. 3. Sign and answer.
    #[must_use]
    pub fn add(&self, body: &str, now_s: u64) -> Reply {
        let request: AddCheckpoint = match body.parse() {
            Ok(request) => request,
            Err(error) => return Reply::text(400, format!("{error}\n")),
        };
        let origin = &request.head.checkpoint.origin;
        let Some(log) = self.logs.get(origin) else { return refused(Refusal::UnknownLog) };
        let Ok(mut seen) = log.seen.lock() else { return Reply::text(500, "an earlier request failed: restart the witness\n".to_owned()) };
        let now = match judge(&request, &log.keys, &seen) {
            Ok(now) => now,
            Err(refusal) => return refused(refusal),
        };
        if now != *seen {
            let text = Checkpoint { origin: origin.clone(), size: now.size, root: now.root }.text();
            if let Err(error) = durable::write(&log.file, text.as_bytes()) {
                // Whether the file changed is not known. Neither head is lost by that: the new one was not answered for, so nobody holds
                // a cosignature that an extension of the older one could contradict.
                tracing::error!(witness.file = %log.file.display(), witness.error = %error, "a head could not be remembered and is not cosigned");
                return Reply::text(500, "the head could not be remembered, so it is not cosigned\n".to_owned());
            }
            *seen = now;
        }
        Reply::text(200, format!("{}\n", self.signer.cosign(&request.head.note.text, now_s)))
    }
}

fn refused(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::Conflict { size } => Reply { status: 409, content_type: SIZE_TYPE, body: format!("{size}\n") },
        other => Reply::text(other.status(), format!("{other}\n")),
    }
}

fn remembered(file: &Path, origin: &str) -> Result<Seen, CosignerError> {
    let damaged = || CosignerError::Damaged { path: file.to_owned() };
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let head = Checkpoint::from_text(&text).ok().filter(|head| head.origin == origin && head.text() == text).ok_or_else(damaged)?;
            Ok(Seen { size: head.size, root: head.root })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::default()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged()),
        Err(source) => Err(CosignerError::Io { path: file.to_owned(), source }),
    }
}
