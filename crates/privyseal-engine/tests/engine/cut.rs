//! A connection to PostgreSQL that is cut in the middle of a commit: a relay between client and server that knows the word `COMMIT`.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

/// How the message ends with which a client of PostgreSQL ends its transaction, alone or after other statements.
const COMMIT: &[u8] = b"COMMIT\0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never sees the commit.
    Before,
    /// The server gets the commit, and nobody waits for what it makes of it.
    During,
    /// The server has committed, and its answer is lost.
    After,
}

/// The relay. It ends with the process.
pub(crate) struct Relay {
    folder: TempDir,
    next: Arc<Mutex<Option<Cut>>>,
}

impl Relay {
    /// Stands before the server of this address.
    pub(crate) fn start(url: &str) -> Self {
        let server = PathBuf::from(url.split_once("host=").unwrap().1);
        let folder = tempfile::Builder::new().prefix("relay").tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let (next, server) = (Arc::<Mutex<Option<Cut>>>::default(), server.join(".s.PGSQL.5432"));
        let cuts = Arc::clone(&next);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (cuts, server) = (Arc::clone(&cuts), server.clone());
                std::thread::spawn(move || drop(relay(&client, &server, &cuts)));
            }
        });
        Self { folder, next }
    }

    /// The same database, through here.
    pub(crate) fn through(&self, url: &str) -> String {
        let (before, _) = url.split_once("host=").unwrap();
        format!("{before}host={}", self.folder.path().display())
    }

    /// Cuts the connection at the next commit.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.next.lock().unwrap() = Some(cut);
    }

    /// Whether the cut was made.
    pub(crate) fn is_cut(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }
}

fn relay(client: &UnixStream, server: &Path, cuts: &Mutex<Option<Cut>>) -> io::Result<()> {
    let server = UnixStream::connect(server)?;
    // Once it is set, what the server says is read and thrown away.
    let lost = Mutex::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = vec![0; 65_536];
            while let Ok(count @ 1..) = (&server).read(&mut bytes) {
                if *lost.lock().unwrap() || (&*client).write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
            let _ = client.shutdown(Shutdown::Both);
        });
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = (&*client).read(&mut bytes) {
            let said = &bytes[..count];
            let cut = if said.ends_with(COMMIT) { cuts.lock().unwrap().take() } else { None };
            if cut.is_some() {
                *lost.lock().unwrap() = true;
            }
            if cut != Some(Cut::Before) && (&server).write_all(said).is_err() {
                break;
            }
            match cut {
                // The other thread reads the answer, and ends the client's connection.
                Some(Cut::After) | None => {}
                Some(Cut::Before | Cut::During) => break,
            }
        }
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    });
    Ok(())
}
