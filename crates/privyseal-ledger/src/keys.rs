//! The node's signing key on disk: a 32-byte seed in base64url, readable by its owner only.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use privyseal_core::digest::{base64url, from_base64url};
use privyseal_core::note::{NodeKey, NoteError};

use crate::durable;
use crate::layout::Layout;

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
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        durable::create_folders(folder)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(format!("{origin} {}\n", base64url(seed)).as_bytes())?;
        file.sync_all()?;
        durable::sync_folder(folder)
    };
    write().map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    Ok(key)
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

/// Reads the key; refuses one that others can read.
///
/// # Errors
/// When it is missing, exposed or damaged.
pub fn load(path: &Path) -> Result<NodeKey, KeyError> {
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
    NodeKey::from_seed(origin, &seed).map_err(KeyError::Name)
}
