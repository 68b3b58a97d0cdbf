//! A report as PDF: PDF/A-3a for the archive, PDF/UA-1 for everybody, the same bytes for the same report.
//!
//! The way of a report: `block`, `table` and `cover` turn it into strips, `flow` puts strips on pages, `paint` draws pages through the
//! `canvas` while `tag` grows the structure, and `post` completes what printpdf leaves out. printpdf is known to `canvas`, `font` and this file only.

mod attach;
mod block;
mod canvas;
mod cover;
mod flow;
mod font;
mod icc;
mod layout;
mod outline;
mod paint;
mod paragraph;
mod post;
mod shape;
mod strip;
mod structure;
mod table;
mod tag;
mod theme;
mod word;
mod xmp;

use lopdf::{Object, ObjectId};
use printpdf::{FontId, PdfDocument, PdfSaveOptions};
use privyseal_core::report::{Block, Document};
use privyseal_core::time::Timestamp;

use crate::document::{self, DocumentError};
use crate::text;
use canvas::PrintpdfCanvas;
use flow::{Flow, Places};
use layout::Layout;
use outline::Bookmark;
use post::{Extras, Facts};
use tag::NodeId;
use theme::PAGE_HEIGHT;

/// What a PDF needs to know beyond the report.
#[derive(Clone, Copy, Debug)]
pub struct PdfOptions<'a> {
    /// When the report was made; written into the file to the second.
    pub created: Timestamp,
    /// Files carried inside the PDF. Names are unique.
    pub attachments: &'a [Attachment<'a>],
}

/// A file carried inside the PDF.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its media type, for example `application/json`.
    pub media_type: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// What it is, in a few words.
    pub description: &'a str,
}

/// Why a report could not be rendered as PDF.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report contradicts itself.
    #[error("the report cannot be rendered as PDF")]
    Document(#[from] DocumentError),
    /// An attachment cannot be embedded.
    #[error("attachment `{name}` cannot be embedded: {what}")]
    Attachment {
        /// Its name.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A font of this build is broken.
    #[error("font `{name}` of this build could not {what}")]
    Font {
        /// Its name.
        name: &'static str,
        /// What could not be done with it.
        what: &'static str,
    },
    /// The pages could not be turned into a file.
    #[error("the pages of the report could not be drawn: {message}")]
    Draw {
        /// What the PDF library said.
        message: String,
    },
    /// The file could not be put together.
    #[error("the PDF of the report could not be put together")]
    Assemble(#[from] lopdf::Error),
    /// The bytes could not be written.
    #[error("the PDF of the report could not be written")]
    Write(#[source] std::io::Error),
}

/// Renders a report. The same report and options give the same bytes, in any process.
///
/// Characters without a glyph are shown by code point on a tint and still copy out as themselves.
///
/// # Errors
/// When the report breaks a promise of `privyseal_core::report`, or an attachment has no usable name or media type.
pub fn render(report: &Document, options: &PdfOptions<'_>) -> Result<Vec<u8>, Error> {
    let anchors = document::anchors(report)?;
    let mut layout = Layout::new(&anchors)?;

    // Elements are made in reading order; pages of the contents are laid out last, when page numbers are known.
    let cover_strips = cover::strips(&mut layout, report);
    let contents = cover::contents(&mut layout, report);
    let content_strips: Vec<_> = report.blocks.iter().flat_map(|block| block::strips(&mut layout, block)).collect();
    let mut flow = Flow::default();
    let cover = flow.place(&cover_strips);
    let content = if content_strips.is_empty() { flow.sheets.len()..flow.sheets.len() } else { flow.place(&content_strips) };
    let contents_count = contents.as_ref().map_or(0, cover::Contents::pages);
    let mut order: Vec<usize> = cover.clone().collect();
    let contents_start = content.end;
    order.extend(contents_start..contents_start + contents_count);
    order.extend(content);
    if let Some(contents) = contents {
        let number_of = |drawn: usize| order.iter().position(|page| *page == drawn).map_or(0, |at| at + 1);
        let places = flow.places.clone();
        let strips = contents.numbered(&mut layout, &places, &number_of);
        flow.place(&strips);
    }

    let title = text::line(&report.title);
    for (place, drawn) in order.iter().enumerate() {
        let Some(sheet) = flow.sheets.get_mut(*drawn) else { continue };
        if !cover.contains(drawn) {
            cover::header(&mut layout, sheet, &title);
        }
        cover::footer(&mut layout, sheet, &report.footer, place + 1, order.len());
    }
    assemble(report, options, layout, &flow, &order)
}

/// Draws the pages and completes the file.
fn assemble(report: &Document, options: &PdfOptions<'_>, layout: Layout<'_>, flow: &Flow, order: &[usize]) -> Result<Vec<u8>, Error> {
    let Layout { shaper, mut tree, links, .. } = layout;
    let mut owners = Vec::with_capacity(flow.sheets.len());
    let mut drawn = Vec::with_capacity(flow.sheets.len());
    for (page, sheet) in flow.sheets.iter().enumerate() {
        let mut canvas = PrintpdfCanvas::new(&shaper.faces);
        owners.push(paint::paint(sheet, page, &mut tree, &mut canvas));
        drawn.push(Some(canvas.into_page()));
    }
    let mut document = PdfDocument::new("");
    document.pages = order.iter().filter_map(|page| drawn.get_mut(*page).and_then(Option::take)).collect();
    for (resource, font) in shaper.faces.embedded()? {
        document.resources.fonts.map.insert(FontId(resource), font);
    }
    let mut warnings = Vec::new();
    let pdf = document.to_lopdf_document(&PdfSaveOptions { image_optimization: None, ..PdfSaveOptions::default() }, &mut warnings);
    if let Some(warning) = warnings.into_iter().next() {
        // This document gives printpdf nothing to warn about, so any warning means that something would be missing from a page.
        return Err(Error::Draw { message: warning.msg });
    }

    let ids = pdf.get_pages().into_values().collect();
    let pages = Pages { order, ids, owners, places: &flow.places };
    let bookmarks = report.blocks.iter().filter_map(|block| match block {
        Block::Heading { level, text, anchor } => {
            Some(Bookmark { level: *level, title: text::line(text), destination: pages.destination(anchor)? })
        }
        _ => None,
    });
    let bookmarks = bookmarks.collect();
    let facts = Facts {
        title: text::line(&report.title),
        subject: text::line(&report.subtitle),
        language: report.language.clone(),
        created: options.created,
        maker: concat!("Privyseal ", env!("CARGO_PKG_VERSION")),
    };
    let extras = Extras { facts, tree: &mut tree, areas: &flow.areas, links: &links, bookmarks, attachments: options.attachments };
    post::finish(pdf, &pages, extras)
}

/// The pages as they are in the file.
pub(crate) struct Pages<'a> {
    /// Drawn pages in the order of the file.
    order: &'a [usize],
    /// Their objects, in the same order.
    ids: Vec<ObjectId>,
    /// By drawn page: the element of every content number.
    owners: Vec<Vec<NodeId>>,
    places: &'a Places,
}

impl Pages<'_> {
    /// The object of a drawn page.
    fn id(&self, drawn: usize) -> Option<ObjectId> {
        let place = self.order.iter().position(|page| *page == drawn)?;
        self.ids.get(place).copied()
    }

    /// Where an anchor is.
    fn destination(&self, anchor: &str) -> Option<Object> {
        let (drawn, y) = self.places.get(anchor)?;
        let top = (PAGE_HEIGHT - y + 8.0).round();
        Some(vec![self.id(*drawn)?.into(), "XYZ".into(), Object::Null, Object::Real(top), Object::Null].into())
    }
}

/// A text in UTF-16 with its byte order mark, as PDF strings have it.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
}
