//! The populations of control tests on their way into a pack: tables on disk, written while the tests run, so that none is ever in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use privyseal_core::finding::{Item, ItemStatus};
use privyseal_core::port::Populations;
use privyseal_core::text::inert;

/// Rows of one table; a longer population goes on in the next.
const ROWS: u64 = 250_000;
pub(super) const COLUMNS: [&str; 5] = ["item_id", "event_id", "as_of", "status", "reason"];

/// A folder of tables.
pub struct Spool {
    folder: PathBuf,
    tests: Mutex<BTreeMap<String, Tables>>,
}

/// The tables of one test.
#[derive(Default)]
struct Tables {
    population: Table,
    exceptions: Table,
    indeterminate: Table,
}

#[derive(Default)]
struct Table {
    writer: Option<csv::Writer<BufWriter<File>>>,
    rows: u64,
    files: Vec<PathBuf>,
}

impl Spool {
    /// A spool in an existing, empty folder, which is the caller's to remove.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, tests: Mutex::default() }
    }

    /// The files of a test: the name that each has in the test's folder, and where it stands now. A test without items has an empty
    /// population.
    ///
    /// # Errors
    /// When they cannot be finished.
    pub(super) fn files(&self, assertion: &str) -> io::Result<Vec<(String, PathBuf)>> {
        let mut tests = self.tests.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = tests.entry(assertion.to_owned()).or_default();
        if tables.population.files.is_empty() {
            tables.population.open(&self.folder, assertion, "population")?;
        }
        let mut files = Vec::new();
        for (name, table) in
            [("population", &mut tables.population), ("exceptions", &mut tables.exceptions), ("indeterminate", &mut tables.indeterminate)]
        {
            table.close()?;
            let named = |(part, file): (usize, &PathBuf)| (part_name(name, part), file.clone());
            files.extend(table.files.iter().enumerate().map(named));
        }
        Ok(files)
    }
}

/// `population.csv`, then `population-002.csv`.
fn part_name(name: &str, part: usize) -> String {
    if part == 0 { format!("{name}.csv") } else { format!("{name}-{:03}.csv", part + 1) }
}

impl Table {
    fn open(&mut self, folder: &std::path::Path, assertion: &str, name: &str) -> io::Result<()> {
        self.close()?;
        let file = folder.join(format!("{assertion}.{}", part_name(name, self.files.len())));
        let mut writer = csv::Writer::from_writer(BufWriter::new(File::create_new(&file)?));
        writer.write_record(COLUMNS)?;
        self.files.push(file);
        self.writer = Some(writer);
        Ok(())
    }

    fn row(&mut self, folder: &std::path::Path, assertion: &str, name: &str, item: &Item) -> io::Result<()> {
        if self.rows.is_multiple_of(ROWS) {
            self.open(folder, assertion, name)?;
        }
        self.rows += 1;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let as_of = item.as_of.to_string();
        Ok(writer.write_record([
            inert(&item.item_id).as_ref(),
            inert(&item.event_id).as_ref(),
            &as_of,
            item.status.as_str(),
            inert(&item.reason).as_ref(),
        ])?)
    }

    fn close(&mut self) -> io::Result<()> {
        match self.writer.take() {
            Some(mut writer) => writer.flush(),
            None => Ok(()),
        }
    }
}

impl Populations for Spool {
    fn take(&self, assertion: &str, items: &[Item]) -> Result<(), String> {
        let mut tests = self.tests.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = tests.entry(assertion.to_owned()).or_default();
        let folder = &self.folder;
        let written = items.iter().try_for_each(|item| {
            tables.population.row(folder, assertion, "population", item)?;
            match item.status {
                ItemStatus::Ok => Ok(()),
                ItemStatus::Violation => tables.exceptions.row(folder, assertion, "exceptions", item),
                ItemStatus::Indeterminate => tables.indeterminate.row(folder, assertion, "indeterminate", item),
            }
        });
        written.map_err(|error| format!("its population cannot be kept: {error}"))
    }
}
