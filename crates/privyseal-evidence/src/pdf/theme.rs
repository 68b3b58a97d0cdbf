//! Measures and colours of the PDF pages, all in points and sRGB.

use privyseal_core::finding::TestState;

use super::font::Style;

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

pub(crate) const INK: Color = Color(0x1C, 0x1A, 0x18);
pub(crate) const SOFT: Color = Color(0x5F, 0x59, 0x52);
pub(crate) const LINE: Color = Color(0xDD, 0xD7, 0xCE);
pub(crate) const TINT: Color = Color(0xF5, 0xF2, 0xEC);
pub(crate) const WAX: Color = Color(0x8B, 0x1E, 0x2D);
pub(crate) const PAPER: Color = Color(0xFF, 0xFF, 0xFF);

/// The colour of a state; never the only thing that tells it.
pub(crate) fn state_color(state: TestState) -> Color {
    match state {
        TestState::Pass => Color(0x2E, 0x6A, 0x4E),
        TestState::Exception => WAX,
        TestState::Error => INK,
        TestState::NoEvidence => Color(0x8A, 0x5A, 0x0B),
        TestState::NoPopulation => Color(0x76, 0x70, 0x6A),
    }
}

/// A4.
pub(crate) const PAGE_WIDTH: f32 = 595.28;
pub(crate) const PAGE_HEIGHT: f32 = 841.89;
pub(crate) const MARGIN: f32 = 60.0;
/// Where content begins and ends on a page, from the top.
pub(crate) const BODY_TOP: f32 = 78.0;
pub(crate) const BODY_BOTTOM: f32 = 766.0;
pub(crate) const BODY_WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
pub(crate) const BODY_HEIGHT: f32 = BODY_BOTTOM - BODY_TOP;
/// Running text stays narrower than tables, or lines get too long to follow.
pub(crate) const MEASURE: f32 = 420.0;

/// How a stretch of text looks before its inlines have their say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) style: Style,
    pub(crate) size: f32,
    pub(crate) leading: f32,
    pub(crate) color: Color,
}

const fn look(style: Style, size: f32, leading: f32, color: Color) -> Look {
    Look { style, size, leading, color }
}

pub(crate) const BODY: Look = look(Style::Body, 9.8, 15.0, INK);
pub(crate) const TITLE: Look = look(Style::Strong, 31.0, 36.0, INK);
pub(crate) const SUBTITLE: Look = look(Style::Body, 13.5, 19.5, SOFT);
pub(crate) const FACT_LABEL: Look = look(Style::Body, 9.4, 13.6, SOFT);
pub(crate) const FACT: Look = look(Style::Body, 9.4, 13.6, INK);
pub(crate) const CAPTION: Look = look(Style::Strong, 9.4, 13.0, INK);
pub(crate) const HEAD_CELL: Look = look(Style::Strong, 8.0, 11.0, SOFT);
pub(crate) const CELL: Look = look(Style::Body, 8.5, 12.2, INK);
pub(crate) const NOTE: Look = look(Style::Body, 8.5, 12.2, SOFT);
pub(crate) const CODE: Look = look(Style::Mono, 8.0, 12.0, INK);
pub(crate) const COUNT: Look = look(Style::Strong, 16.0, 20.0, INK);
pub(crate) const COUNT_LABEL: Look = look(Style::Body, 8.8, 12.5, SOFT);
pub(crate) const COUNTED: Look = look(Style::Strong, 9.8, 14.0, INK);
pub(crate) const FURNITURE: Look = look(Style::Body, 7.8, 10.0, SOFT);

/// Headings by level, 1 to 3.
pub(crate) fn heading(level: u8) -> Look {
    match level {
        1 => look(Style::Strong, 18.5, 23.0, INK),
        2 => look(Style::Strong, 12.5, 17.0, INK),
        _ => look(Style::Strong, 10.4, 15.0, INK),
    }
}

/// Entries of the contents page by level.
pub(crate) fn contents(level: u8) -> Look {
    if level == 1 { look(Style::Strong, 10.2, 15.0, INK) } else { look(Style::Body, 9.6, 14.5, INK) }
}

/// Fixed-width letters look larger than others of the same size.
pub(crate) const MONO_SCALE: f32 = 0.92;
