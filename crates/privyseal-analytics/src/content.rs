//! Where SQL files come from: built into the binary, or a folder. This crate only asks for them by name.

use std::fs;
use std::path::PathBuf;

/// The files of `queries/`, by path below it, for example `views/requests.sql`.
pub trait ContentSource: Send + Sync {
    /// Names of the files in a folder, without the folder, in order.
    fn list(&self, folder: &str) -> Vec<String>;

    /// The text of a file; none when there is no such file.
    fn read(&self, path: &str) -> Option<String>;
}

/// A folder on disk. For tests, and for people who change a query without building.
#[derive(Clone, Debug)]
pub struct ContentFolder {
    root: PathBuf,
}

impl ContentFolder {
    /// The folder that holds `views` and `assertions`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl ContentSource for ContentFolder {
    fn list(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }
}
