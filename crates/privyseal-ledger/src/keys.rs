//! The node's signing key on disk: a 32-byte seed in base64url, readable by its owner only.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use privyseal_core::digest::{base64url, from_base64url};
use privyseal_core::event::{Event, Kind};
use privyseal_core::note::{NodeKey, NoteError};
use privyseal_core::state::{Keys, State};

use crate::durable;
use crate::layout::Layout;
use crate::log::{LogError, LogReader};

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot use the signing key {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others can read it.
    #[error("the signing key {path} can be read by others (mode {mode:o}): run `chmod 600 {path}` and consider it compromised")]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds something else.
    #[error("the signing key {path} is damaged: expected one line with its origin and a base64url seed")]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// The origin cannot name a key.
    #[error("cannot use the log's origin as a key name")]
    Name(#[source] NoteError),
}

/// Writes a new key for `origin`; refuses to overwrite one.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn create(path: &Path, origin: &str, seed: &[u8; 32]) -> Result<NodeKey, KeyError> {
    let key = NodeKey::from_seed(origin, seed).map_err(KeyError::Name)?;
    write_seed(path, origin, seed)?;
    Ok(key)
}

/// Writes a name and a seed to a file that only its owner reads; refuses to overwrite one.
pub(crate) fn write_seed(path: &Path, name: &str, seed: &[u8; 32]) -> Result<(), KeyError> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        durable::create_folders(folder)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(format!("{name} {}\n", base64url(seed)).as_bytes())?;
        file.sync_all()?;
        durable::sync_folder(folder)
    };
    write().map_err(|source| KeyError::Io { path: path.to_owned(), source })
}

/// Puts the staged key in the place of the node's key, which is destroyed by it; durable on return.
///
/// # Errors
/// When the disk refuses; the same call can be made again.
pub fn promote(layout: &Layout) -> Result<(), KeyError> {
    let (staged, current) = (layout.next_key(), layout.key());
    let moved = std::fs::rename(&staged, &current).and_then(|()| durable::sync_folder(current.parent().unwrap_or(Path::new("."))));
    moved.map_err(|source| KeyError::Io { path: staged, source })
}

/// Forgets a staged key that the log never heard of.
///
/// # Errors
/// When the disk refuses.
pub fn discard(layout: &Layout) -> Result<(), KeyError> {
    let staged = layout.next_key();
    match std::fs::remove_file(&staged) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(KeyError::Io { path: staged, source }),
        _ => Ok(()),
    }
}

/// Every key that a log ever had, from the entries that tell of them.
///
/// # Errors
/// When the log cannot be read, or one of these entries is malformed.
pub fn of_log(log: &dyn LogReader) -> Result<Keys, LogError> {
    let mut entries = Vec::new();
    for kind in [Kind::LedgerOpened, Kind::KeyEnrolled, Kind::KeyRetired, Kind::KeyRevoked] {
        entries.extend(log.entries_of(kind)?);
    }
    entries.sort_by_key(|stored| stored.seq);
    let mut state = State::default();
    for stored in entries {
        let event = Event::from_entry(&stored.entry);
        let damaged = |error| LogError::Damaged { path: PathBuf::new(), detail: format!("entry {}: {error}", stored.seq) };
        state.apply(&event.map_err(damaged)?);
    }
    Ok(state.keys)
}

/// Reads the key; refuses one that others can read.
///
/// # Errors
/// When it is missing, exposed or damaged.
pub fn load(path: &Path) -> Result<NodeKey, KeyError> {
    let (origin, seed) = read_seed(path)?;
    NodeKey::from_seed(&origin, &seed).map_err(KeyError::Name)
}

/// Reads a name and a seed; refuses a file that others can read.
pub(crate) fn read_seed(path: &Path) -> Result<(String, [u8; 32]), KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(io)?;
    let damaged = || KeyError::Damaged { path: path.to_owned() };
    let (origin, seed) = text.trim_end().split_once(' ').ok_or_else(damaged)?;
    let seed: [u8; 32] = from_base64url(seed).and_then(|seed| seed.try_into().ok()).ok_or_else(damaged)?;
    Ok((origin.to_owned(), seed))
}
