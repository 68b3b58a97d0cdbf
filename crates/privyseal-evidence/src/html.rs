//! A report as one HTML page that opens from a file, offline, without any script.
//!
//! The look is in `templates/evidence/`; here the report is turned into what the templates loop over.
//! Markup is written by the templates only, which escape everything except the style sheet.

use std::collections::BTreeSet;

use askama::Template;
use privyseal_core::digest::Digest;
use privyseal_core::finding::TestState;
use privyseal_core::report::{Block, Document, Inline, Table};
use privyseal_core::text::Span;

use crate::document::{self, DocumentError};
use crate::link::{self, Target};
use crate::mark::Mark;
use crate::{bar, text, wording};

/// Why a report could not be rendered as HTML.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report contradicts itself.
    #[error("the report cannot be rendered as HTML")]
    Document(#[from] DocumentError),
    /// A template failed.
    #[error("a template of the HTML report failed")]
    Template(#[from] askama::Error),
}

/// Renders a report as one self-contained page. The same report gives the same bytes.
///
/// The page is also well-formed XML, and its content policy allows the page's own style sheet and nothing else,
/// so that no text of the report can load or run anything even if escaping had a hole.
///
/// # Errors
/// When the report breaks a promise of `privyseal_core::report`.
pub fn render(report: &Document) -> Result<String, Error> {
    let anchors = document::anchors(report)?;
    let mut widths = BTreeSet::new();
    let mut tables = 0;
    let blocks: Vec<Part<'_>> = report.blocks.iter().filter_map(|block| Part::of(block, &anchors, &mut tables, &mut widths)).collect();
    let style = Style { widths: widths.into_iter().collect() }.render()?;
    let mut marks: Vec<(&'static str, String)> = TestState::ALL.iter().map(|state| (state.as_str(), Mark::of(*state).svg_path())).collect();
    marks.push(("seal", Mark::seal().svg_path()));
    let page = Page {
        language: &report.language,
        // The policy wants standard base64 with padding; a digest of 32 bytes always ends in exactly one `=`.
        style_digest: format!("sha256-{}=", Digest::of(style.as_bytes())),
        style,
        window_title: text::line(&report.title),
        marks,
        title: text::spans(&report.title),
        subtitle: if text::line(&report.subtitle).is_empty() { Vec::new() } else { text::spans(&report.subtitle) },
        facts: report.facts.iter().map(|(label, value)| (text::spans(label), text::spans(value))).collect(),
        contents_title: wording::CONTENTS,
        contents: contents(report),
        blocks,
        footer: text::spans(&report.footer),
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "style.css", escape = "none")]
struct Style {
    widths: Vec<u16>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    language: &'a str,
    style_digest: String,
    style: String,
    window_title: String,
    marks: Vec<(&'static str, String)>,
    title: Vec<Span>,
    subtitle: Vec<Span>,
    facts: Vec<(Vec<Span>, Vec<Span>)>,
    contents_title: &'static str,
    contents: Vec<Entry<'a>>,
    blocks: Vec<Part<'a>>,
    footer: Vec<Span>,
}

/// A line of the list of headings.
struct Entry<'a> {
    level: u8,
    anchor: &'a str,
    text: Vec<Span>,
}

/// A block, ready for the template.
enum Part<'a> {
    Heading { level: u8, text: Vec<Span>, anchor: &'a str },
    Paragraph(Vec<Stretch>),
    Items(Vec<Vec<Stretch>>),
    Facts(Vec<(Vec<Span>, Vec<Stretch>)>),
    Table(Grid),
    States { counted: Vec<Span>, bar: String, segments: Vec<Segment>, counts: Vec<(TestState, String)> },
    Code(Vec<Span>),
    Remark(Vec<Span>),
}

/// Text within a block, ready for the template.
enum Stretch {
    Text(Vec<Span>),
    Strong(Vec<Span>),
    Code(Vec<Span>),
    Link { text: Vec<Span>, href: String },
    State(TestState),
}

struct Grid {
    number: usize,
    caption: Vec<Span>,
    /// Has too many columns for a phone and is scrolled there.
    wide: bool,
    /// Holds a word that would push every other column off the page.
    endless: bool,
    columns: Vec<Head>,
    rows: Vec<Vec<Cell>>,
    note: Vec<Stretch>,
}

struct Head {
    title: Vec<Span>,
    percent: u16,
    numeric: bool,
}

struct Cell {
    text: Vec<Stretch>,
    heads_row: bool,
    numeric: bool,
}

/// A part of a bar, in percent of its length.
struct Segment {
    state: TestState,
    start: String,
    width: String,
    middle: String,
    /// Wide enough for its mark, on a phone too.
    marked: bool,
}

fn contents(report: &Document) -> Vec<Entry<'_>> {
    let headings = report.blocks.iter().filter_map(|block| match block {
        Block::Heading { level, text, anchor } if *level <= 2 => Some(Entry { level: *level, anchor, text: text::spans(text) }),
        _ => None,
    });
    headings.collect()
}

impl<'a> Part<'a> {
    fn of(block: &'a Block, anchors: &BTreeSet<String>, tables: &mut usize, widths: &mut BTreeSet<u16>) -> Option<Self> {
        Some(match block {
            Block::Heading { level, text, anchor } => Part::Heading { level: *level, text: text::spans(text), anchor },
            Block::Paragraph(inlines) => Part::Paragraph(stretches(inlines, anchors)),
            Block::Items(items) => Part::Items(items.iter().map(|item| stretches(item, anchors)).collect()),
            Block::Facts(facts) => {
                Part::Facts(facts.iter().map(|(label, value)| (text::spans(label), stretches(value, anchors))).collect())
            }
            Block::Table(table) => {
                *tables += 1;
                let grid = grid(table, *tables, anchors);
                widths.extend(grid.columns.iter().map(|column| column.percent));
                Part::Table(grid)
            }
            Block::States { what, counts } => Part::States {
                counted: text::spans(&wording::counted(what, counts)),
                bar: text::line(&wording::bar(what, counts)),
                segments: segments(counts),
                counts: counts.iter().map(|(state, count)| (*state, wording::grouped(*count))).collect(),
            },
            Block::Code(code) => Part::Code(text::spans(code.trim_end_matches('\n'))),
            Block::Remark(remark) => Part::Remark(text::spans(remark)),
            Block::PageBreak => return None,
        })
    }
}

fn stretches(inlines: &[Inline], anchors: &BTreeSet<String>) -> Vec<Stretch> {
    let stretch = |inline: &Inline| match inline {
        Inline::Text(text) => Stretch::Text(text::spans(text)),
        Inline::Strong(text) => Stretch::Strong(text::spans(text)),
        Inline::Code(text) => Stretch::Code(text::spans(text)),
        Inline::Link { text, href } => match link::target(href, anchors) {
            Some(Target::Anchor(anchor)) => Stretch::Link { text: text::spans(text), href: format!("#{anchor}") },
            Some(Target::Address(href)) => Stretch::Link { text: text::spans(text), href },
            None => Stretch::Text(text::spans(text)),
        },
        Inline::State(state) => Stretch::State(*state),
    };
    inlines.iter().map(stretch).collect()
}

fn grid(table: &Table, number: usize, anchors: &BTreeSet<String>) -> Grid {
    let sum: u32 = table.columns.iter().map(|column| u32::from(column.weight)).sum();
    let head = |column: &privyseal_core::report::Column| Head {
        title: text::spans(&column.title),
        percent: u16::try_from(u32::from(column.weight) * 100 / sum.max(1)).unwrap_or(100).max(1),
        numeric: column.numeric,
    };
    let cell = |(index, text): (usize, &Vec<Inline>)| {
        let numeric = table.columns.get(index).is_some_and(|column| column.numeric);
        Cell { text: stretches(text, anchors), heads_row: index == 0 && !numeric, numeric }
    };
    let mut note = Vec::new();
    if table.rows.is_empty() {
        note.push(Stretch::Text(text::spans(wording::NO_ROWS)));
    } else if let Some((total, file)) = &table.cut {
        note.push(Stretch::Text(text::spans(&wording::cut(table.rows.len(), *total))));
        note.extend(stretches(&[Inline::Link { text: file.clone(), href: file.clone() }], anchors));
    }
    Grid {
        number,
        caption: text::spans(&table.caption),
        wide: table.columns.len() > 3,
        endless: table.rows.iter().flatten().flatten().any(is_endless),
        columns: table.columns.iter().map(head).collect(),
        rows: table.rows.iter().map(|row| row.iter().enumerate().map(cell).collect()).collect(),
        note,
    }
}

/// Code and links may be torn anyway; a state is short.
fn is_endless(inline: &Inline) -> bool {
    match inline {
        Inline::Text(text) | Inline::Strong(text) => text.split_whitespace().any(|word| word.chars().count() > 32),
        Inline::Code(_) | Inline::Link { .. } | Inline::State(_) => false,
    }
}

fn segments(counts: &[(TestState, u64)]) -> Vec<Segment> {
    // Thousandths of a percent in whole numbers: no float formatting, so the same bytes everywhere.
    let percent = |part: u32| format!("{}.{:03}", part / 1000, part % 1000);
    let segment = |part: bar::Part| Segment {
        state: part.state,
        start: percent(part.start),
        width: percent(part.length),
        middle: percent(part.start + part.length / 2),
        marked: part.length >= bar::MARKED,
    };
    bar::parts(counts).into_iter().map(segment).collect()
}
