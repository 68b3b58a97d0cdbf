//! The seam between what is on a page and how it gets into a file: the few things a page needs drawn, and their printpdf form.
//!
//! Everything above this file speaks of points from the upper left corner; printpdf measures from the lower left.

use std::collections::BTreeMap;
use std::rc::Rc;

use printpdf::{
    Codepoint, Color as PdfColor, DictItem, FontId, LinePoint, Op, PaintMode, PdfFontHandle, PdfPage, Point, Polygon, PolygonRing, Pt,
    Rect, Rgb, TextItem, TextMatrix, WindingOrder,
};

use super::font::{Face, Faces};
use super::shape::{BOX_ROOM, Cluster, Glyph, Run, SPELT_SIZE};
use super::strip::Artifact;
use super::theme::{Color, PAGE_HEIGHT, PAGE_WIDTH};
use crate::mark::{Mark, SIDE, Step};

/// What a page needs drawn. Marked content never nests: every `begin` is followed by an `end` before the next.
pub(crate) trait Canvas {
    /// What follows, up to `end`, is content number `mcid` of this page.
    fn begin_content(&mut self, role: &'static str, mcid: usize);
    /// What follows, up to `end`, is decoration.
    fn begin_artifact(&mut self, kind: Artifact);
    /// Ends what was begun.
    fn end(&mut self);
    /// Fills a rectangle.
    fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, color: Color);
    /// Fills a mark.
    fn mark(&mut self, x: f32, y: f32, side: f32, color: Color, mark: &Mark);
    /// Draws runs of text one after another from a point on the baseline.
    fn text(&mut self, x: f32, y: f32, size: f32, color: Color, runs: &[Rc<Run>]);
}

/// One page as printpdf operations.
pub(crate) struct PrintpdfCanvas<'a> {
    faces: &'a Faces,
    ops: Vec<Op>,
    fill: Option<Color>,
}

impl<'a> PrintpdfCanvas<'a> {
    /// An empty page.
    pub(crate) fn new(faces: &'a Faces) -> Self {
        Self { faces, ops: Vec::new(), fill: None }
    }

    /// The finished page.
    pub(crate) fn into_page(self) -> PdfPage {
        let paper = || Rect::from_wh(Pt(PAGE_WIDTH), Pt(PAGE_HEIGHT));
        PdfPage { media_box: paper(), trim_box: paper(), crop_box: paper(), ops: self.ops }
    }

    fn fill(&mut self, color: Color) {
        if self.fill != Some(color) {
            self.fill = Some(color);
            let part = |value: u8| round(f32::from(value) / 255.0, 1000.0);
            let rgb = Rgb { r: part(color.0), g: part(color.1), b: part(color.2), icc_profile: None };
            self.ops.push(Op::SetFillColor { col: PdfColor::Rgb(rgb) });
        }
    }

    /// Clusters that one font at one size draws in a row.
    fn show(&mut self, x: f32, y: f32, size: f32, clusters: &[&Cluster]) {
        let Some((first, face)) = clusters.first().and_then(|first| Some((first, self.faces.get(first.face)?))) else { return };
        self.ops.push(Op::SetTextMatrix { matrix: TextMatrix::Raw([1.0, 0.0, 0.0, 1.0, tidy(x), tidy(PAGE_HEIGHT - y)]) });
        let font = PdfFontHandle::External(FontId(first.face.resource()));
        self.ops.push(Op::SetFont { font, size: Pt(round(size, 1000.0)) });
        let mut line = Line::default();
        for cluster in clusters {
            if cluster.spelt {
                line.flush(&mut self.ops);
                self.ops.push(spelling(&cluster.text));
            }
            for glyph in &cluster.glyphs {
                line.glyph(face, glyph, size, &mut self.ops);
            }
            if cluster.spelt {
                line.flush(&mut self.ops);
                self.ops.push(Op::EndMarkedContentWithProperties);
            }
        }
        line.flush(&mut self.ops);
    }
}

impl Canvas for PrintpdfCanvas<'_> {
    fn begin_content(&mut self, role: &'static str, mcid: usize) {
        let number = DictItem::Int(i64::try_from(mcid).unwrap_or(i64::MAX));
        let properties = DictItem::Dict { map: BTreeMap::from([("MCID".to_owned(), number)]) };
        self.ops.push(Op::BeginMarkedContentWithProperties { tag: role.to_owned(), properties });
    }

    fn begin_artifact(&mut self, kind: Artifact) {
        let name = |name: &str| DictItem::Name(name.as_bytes().to_vec());
        let map = match kind {
            Artifact::Layout => BTreeMap::from([("Type".to_owned(), name("Layout"))]),
            Artifact::Header => BTreeMap::from([("Type".to_owned(), name("Pagination")), ("Subtype".to_owned(), name("Header"))]),
            Artifact::Footer => BTreeMap::from([("Type".to_owned(), name("Pagination")), ("Subtype".to_owned(), name("Footer"))]),
        };
        self.ops.push(Op::BeginMarkedContentWithProperties { tag: "Artifact".to_owned(), properties: DictItem::Dict { map } });
    }

    fn end(&mut self) {
        self.ops.push(Op::EndMarkedContentWithProperties);
    }

    fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, color: Color) {
        self.fill(color);
        let (x, y) = (Pt(tidy(x)), Pt(tidy(PAGE_HEIGHT - y - height)));
        let (width, height) = (Pt(tidy(width)), Pt(tidy(height)));
        let rectangle = Rect { x, y, width, height, mode: Some(PaintMode::Fill), winding_order: Some(WindingOrder::NonZero) };
        self.ops.push(Op::DrawRectangle { rectangle });
    }

    fn mark(&mut self, x: f32, y: f32, side: f32, color: Color, mark: &Mark) {
        self.fill(color);
        let scale = side / SIDE;
        let point = |px: f32, py: f32, bezier: bool| LinePoint {
            p: Point { x: Pt(tidy(x + px * scale)), y: Pt(tidy(PAGE_HEIGHT - y - py * scale)) },
            bezier,
        };
        let ring = |steps: &Vec<Step>| {
            let points = steps.iter().flat_map(|step| match *step {
                Step::Move(x, y) | Step::Line(x, y) => vec![point(x, y, false)],
                Step::Curve(a, b, c, d, x, y) => vec![point(a, b, true), point(c, d, true), point(x, y, false)],
            });
            PolygonRing { points: points.collect() }
        };
        let rings = mark.contours.iter().map(ring).collect();
        self.ops.push(Op::DrawPolygon { polygon: Polygon { rings, mode: PaintMode::Fill, winding_order: WindingOrder::EvenOdd } });
    }

    fn text(&mut self, x: f32, y: f32, size: f32, color: Color, runs: &[Rc<Run>]) {
        self.ops.push(Op::StartTextSection);
        self.fill(color);
        let mut pen = 0;
        let mut start = 0;
        let mut row: Vec<&Cluster> = Vec::new();
        let at = |pen: i32| x + pen as f32 * size / 1000.0;
        for cluster in runs.iter().flat_map(|run| &run.clusters) {
            let joins = row.last().is_some_and(|last| last.face == cluster.face && !last.boxed && !cluster.boxed);
            if !joins && !row.is_empty() {
                self.row(at(start), y, size, &std::mem::take(&mut row));
            }
            if row.is_empty() {
                start = pen;
            }
            row.push(cluster);
            pen += cluster.advance;
        }
        self.row(at(start), y, size, &row);
        self.ops.push(Op::EndTextSection);
    }
}

impl PrintpdfCanvas<'_> {
    fn row(&mut self, x: f32, y: f32, size: f32, clusters: &[&Cluster]) {
        if clusters.first().is_some_and(|cluster| cluster.boxed) {
            self.show(x + BOX_ROOM as f32 * size / 1000.0, y - size * 0.07, size * SPELT_SIZE, clusters);
        } else {
            self.show(x, y, size, clusters);
        }
    }
}

/// Glyphs gathered for one operator: plain characters as text, others by number, both with the moves between them.
#[derive(Default)]
struct Line {
    items: Vec<TextItem>,
    rise: i32,
}

impl Line {
    fn glyph(&mut self, face: &Face, glyph: &Glyph, size: f32, ops: &mut Vec<Op>) {
        if glyph.y_offset != self.rise {
            self.flush(ops);
            self.rise = glyph.y_offset;
            ops.push(Op::SetLineOffset { multiplier: tidy(glyph.y_offset as f32 * size / 1000.0) });
        }
        self.shift(-glyph.x_offset);
        if let Some(c) = face.plain(glyph.id) {
            match self.items.last_mut() {
                Some(TextItem::Text(text)) => text.push(c),
                _ => self.items.push(TextItem::Text(c.to_string())),
            }
        } else {
            let codepoint = Codepoint { gid: glyph.id, offset: 0.0, cid: Some(face.text(glyph.id).to_owned()) };
            match self.items.last_mut() {
                Some(TextItem::GlyphIds(glyphs)) => glyphs.push(codepoint),
                _ => self.items.push(TextItem::GlyphIds(vec![codepoint])),
            }
        }
        self.shift(face.width(glyph.id) - glyph.advance + glyph.x_offset);
    }

    /// Moves the pen left by thousandths of the size.
    fn shift(&mut self, left: i32) {
        if left != 0 {
            match self.items.last_mut() {
                Some(TextItem::Offset(sum)) => *sum += left as f32,
                _ => self.items.push(TextItem::Offset(left as f32)),
            }
        }
    }

    fn flush(&mut self, ops: &mut Vec<Op>) {
        if !self.items.is_empty() {
            ops.push(Op::ShowText { items: std::mem::take(&mut self.items) });
        }
        if self.rise != 0 {
            self.rise = 0;
            ops.push(Op::SetLineOffset { multiplier: 0.0 });
        }
    }
}

/// Says what the glyphs that follow stand for, because by themselves they would say something else.
fn spelling(text: &str) -> Op {
    let map = BTreeMap::from([("ActualText".to_owned(), DictItem::Bytes(super::utf16(text)))]);
    Op::BeginMarkedContentWithProperties { tag: "Span".to_owned(), properties: DictItem::Dict { map } }
}

/// Two digits are finer than any printer, and keep files small and comparable.
fn tidy(value: f32) -> f32 {
    round(value, 100.0)
}

fn round(value: f32, steps: f32) -> f32 {
    (value * steps).round() / steps
}
