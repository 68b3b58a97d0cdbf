//! A report as content, before it is a page: what HTML and PDF are both rendered from, so that they cannot say different things.

use crate::finding::TestState;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// One line under it.
    pub subtitle: String,
    /// BCP 47 language of the text, for example `en`.
    pub language: String,
    /// Facts for the title block: label and value.
    pub facts: Vec<(String, String)>,
    /// Text at the foot of every page.
    pub footer: String,
    /// The content.
    pub blocks: Vec<Block>,
}

/// One piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading; levels 1 to 3, never skipping one downwards.
    Heading {
        /// 1 to 3.
        level: u8,
        /// The text.
        text: String,
        /// Target of links within the report; unique.
        anchor: String,
    },
    /// Running text.
    Paragraph(Vec<Inline>),
    /// Short lines, each with a mark.
    Items(Vec<Vec<Inline>>),
    /// Labels and values.
    Facts(Vec<(String, Vec<Inline>)>),
    /// A table.
    Table(Table),
    /// How many of something are in which state, drawn as a bar and said in words.
    States {
        /// What is counted, for example `controls`.
        what: String,
        /// Counts; states with zero are shown too.
        counts: Vec<(TestState, u64)>,
    },
    /// Verbatim text such as SQL.
    Code(String),
    /// A remark set apart.
    Remark(String),
    /// A new page in PDF, nothing in HTML.
    PageBreak,
}

/// A table. Every row has as many cells as there are columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it shows; read out first by screen readers.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Vec<Vec<Inline>>>,
    /// How many rows there are in all, when only the first are shown, and in which file of the pack they all are.
    pub cut: Option<(u64, String)>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Its share of the width, relative to the others; 1 to 100.
    pub weight: u16,
    /// Whether its cells are numbers, set flush right.
    pub numeric: bool,
}

/// A stretch of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inline {
    /// Plain.
    Text(String),
    /// Stressed.
    Strong(String),
    /// Fixed width: ids, digests, file names.
    Code(String),
    /// A link: `#anchor` within the report, a relative path within the pack, or a URL.
    Link {
        /// What is shown.
        text: String,
        /// Where it leads.
        href: String,
    },
    /// A state, as mark and word.
    State(TestState),
}

impl Inline {
    /// Plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Inline::Text(text.into())
    }

    /// Fixed-width text.
    #[must_use]
    pub fn code(text: impl Into<String>) -> Self {
        Inline::Code(text.into())
    }
}
