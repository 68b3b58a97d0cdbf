//! An answer on its way to a client: its columns, and its rows one after the other.

use arrow::error::ArrowError;
use privyseal_core::port::RowFile;

use crate::postgres::catalogue::Table;
use crate::postgres::fault::Fault;
use crate::postgres::message::{Described, Out};
use crate::postgres::value::{self, Kind, Rows};
use crate::rows::Batches;

/// An answer before its first row.
pub(super) struct Answer {
    pub(super) columns: Vec<(String, Kind)>,
    batches: Batches,
    word: &'static str,
}

pub(super) fn unreadable(error: &ArrowError) -> Fault {
    Fault::error("58030", format!("the answer cannot be read back: {error}"))
}

impl Answer {
    pub(super) fn of_table(word: &'static str, table: &Table) -> Result<Self, Fault> {
        let kinds: Vec<Kind> = table.columns.iter().map(|(_, kind)| *kind).collect();
        let batch = table.batch(&kinds)?;
        Ok(Self { columns: table.columns.clone(), batches: Batches::Memory(vec![batch].into_iter()), word })
    }

    pub(super) async fn of_file(file: RowFile) -> Result<Self, Fault> {
        let (batches, schema) = Batches::open(file.content).await.map_err(|error| unreadable(&error))?;
        let names = schema.fields().iter().map(|field| field.name().clone());
        Ok(Self { columns: names.zip(value::kinds(&schema)).collect(), batches, word: "SELECT" })
    }

    /// The same answer with the columns that its client was told of before it was run.
    pub(super) fn told_as(mut self, columns: &[(String, Kind)]) -> Result<Self, Fault> {
        if self.columns.len() != columns.len() {
            return Err(Fault::error("0A000", "the statement has other columns than when it was prepared: prepare it again"));
        }
        self.columns = columns.to_vec();
        Ok(self)
    }
}

/// Columns in the form in which clients are told of them.
pub(super) fn described(columns: &[(String, Kind)], formats: &[bool]) -> Vec<Described> {
    let format = |place: usize| i16::from(formats.get(place).copied().unwrap_or(false));
    let column = |(place, (name, kind)): (usize, &(String, Kind))| Described {
        name: name.clone(),
        oid: kind.oid(),
        size: kind.size(),
        format: format(place),
    };
    columns.iter().enumerate().map(column).collect()
}

/// Where an answer stands.
pub(super) struct Cursor {
    kinds: Vec<Kind>,
    batches: Batches,
    current: Option<(Rows, usize)>,
    word: &'static str,
}

impl Cursor {
    pub(super) fn new(answer: Answer) -> Self {
        let kinds = answer.columns.iter().map(|(_, kind)| *kind).collect();
        Self { kinds, batches: answer.batches, current: None, word: answer.word }
    }

    /// Writes the next row; false when there is none.
    pub(super) async fn write_next(&mut self, formats: &[bool], out: &mut Out) -> Result<bool, Fault> {
        loop {
            if let Some((rows, at)) = &mut self.current
                && *at < rows.count()
            {
                let before = out.0.len();
                let mut written = Ok(());
                out.put(b'D', |body| written = rows.write(*at, formats, body));
                if written.is_err() {
                    out.0.truncate(before);
                }
                *at += 1;
                return written.map(|()| true);
            }
            match self.batches.next().await.map_err(|error| unreadable(&error))? {
                Some(batch) => self.current = Some((Rows::new(&batch, &self.kinds)?, 0)),
                None => return Ok(false),
            }
        }
    }

    /// The words that end it.
    pub(super) fn tag(&self, rows: u64) -> String {
        if self.word == "SHOW" { self.word.to_owned() } else { format!("{} {rows}", self.word) }
    }
}
