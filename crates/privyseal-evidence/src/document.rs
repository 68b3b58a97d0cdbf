//! Whether a report keeps the promises of `privyseal_core::report`, checked once before anything is rendered.
//!
//! A report that breaks one is refused, not repaired: repairing would make the page say something its author did not.

use std::collections::BTreeSet;

use privyseal_core::report::{Block, Document, Table};

use crate::text;

/// A report that cannot be rendered because it contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// There is nothing to call it.
    #[error("the report has no title")]
    NoTitle,
    /// The language is not a language tag.
    #[error("`{language}` is not a BCP 47 language tag; use one such as `en` or `de-CH`")]
    Language {
        /// What was given.
        language: String,
    },
    /// A heading without text, or with a level that skips one.
    #[error("heading `{text}` has level {level} after level {after}; levels are 1 to 3, go down one at a time, and a heading has text")]
    Heading {
        /// Its text.
        text: String,
        /// Its level.
        level: u8,
        /// The level of the heading before; 0 when there is none.
        after: u8,
    },
    /// An anchor that is empty, holds white space, or is used twice.
    #[error("anchor `{anchor}` cannot be linked to: an anchor is unique and made of ASCII letters, digits and `-_.:,/()`")]
    Anchor {
        /// What was given.
        anchor: String,
    },
    /// A table without columns, or a column without a usable weight.
    #[error("table `{caption}` needs at least one column, and every column a weight of 1 to 100")]
    Columns {
        /// Its caption.
        caption: String,
    },
    /// A row that does not fit its table.
    #[error("row {row} of table `{caption}` has {cells} cells, but there are {columns} columns")]
    Row {
        /// Its caption.
        caption: String,
        /// The row, counted from 1.
        row: usize,
        /// How many cells it has.
        cells: usize,
        /// How many it should have.
        columns: usize,
    },
}

/// Checks a report and answers with the anchors of its headings.
///
/// # Errors
/// The first promise it breaks.
pub(crate) fn anchors(document: &Document) -> Result<BTreeSet<String>, DocumentError> {
    if text::line(&document.title).is_empty() {
        return Err(DocumentError::NoTitle);
    }
    if !is_language(&document.language) {
        return Err(DocumentError::Language { language: document.language.clone() });
    }
    let mut anchors = BTreeSet::new();
    let mut after = 0;
    for block in &document.blocks {
        match block {
            Block::Heading { level, text, anchor } => {
                if !(1..=3).contains(level) || *level > after + 1 || text::line(text).is_empty() {
                    return Err(DocumentError::Heading { text: text.clone(), level: *level, after });
                }
                if !is_anchor(anchor) || !anchors.insert(anchor.clone()) {
                    return Err(DocumentError::Anchor { anchor: anchor.clone() });
                }
                after = *level;
            }
            Block::Table(table) => check_table(table)?,
            _ => {}
        }
    }
    Ok(anchors)
}

fn check_table(table: &Table) -> Result<(), DocumentError> {
    if table.columns.is_empty() || table.columns.iter().any(|column| !(1..=100).contains(&column.weight)) {
        return Err(DocumentError::Columns { caption: table.caption.clone() });
    }
    for (index, row) in table.rows.iter().enumerate() {
        if row.len() != table.columns.len() {
            let (cells, columns) = (row.len(), table.columns.len());
            return Err(DocumentError::Row { caption: table.caption.clone(), row: index + 1, cells, columns });
        }
    }
    Ok(())
}

fn is_language(language: &str) -> bool {
    language.split('-').enumerate().all(|(index, subtag)| {
        (1..=8).contains(&subtag.len())
            && subtag.chars().all(|c| if index == 0 { c.is_ascii_alphabetic() } else { c.is_ascii_alphanumeric() })
    })
}

fn is_anchor(anchor: &str) -> bool {
    !anchor.is_empty() && anchor.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:,/()".contains(c))
}
