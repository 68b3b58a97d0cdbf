//! What layout produces: strips of content, each a list of things to draw relative to its upper left corner.
//!
//! A strip is the smallest piece that moves to the next page as a whole. Which page it ends up on is decided in `flow`.

use std::rc::Rc;

use super::font::Style;
use super::shape::Run;
use super::tag::NodeId;
use super::theme::Color;
use crate::mark::Mark;

/// What a drawn thing means to somebody who cannot see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Nothing: decoration, or a repetition.
    Artifact(Artifact),
    /// Content of a structure element.
    Content {
        /// The element.
        node: NodeId,
        /// The block it belongs to; content of one block is kept together in reading order.
        block: NodeId,
    },
}

/// Kinds of decoration, as PDF tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Artifact {
    /// Tints, rules, marks.
    Layout,
    /// The line at the top of a page, and repeated heads of tables.
    Header,
    /// The line at the foot of a page.
    Footer,
}

/// One thing to draw; `y` grows downwards.
#[derive(Clone, Debug)]
pub(crate) enum Draw {
    /// Text on a baseline at `y`.
    Text { x: f32, y: f32, size: f32, color: Color, runs: Vec<Rc<Run>>, tag: Tag },
    /// A filled rectangle.
    Rect { x: f32, y: f32, width: f32, height: f32, color: Color, tag: Tag },
    /// A mark with sides of `side`.
    Mark { x: f32, y: f32, side: f32, color: Color, mark: Rc<Mark>, tag: Tag },
    /// An area that leads somewhere.
    Link { x: f32, y: f32, width: f32, height: f32, link: LinkRef },
    /// A place that can be led to.
    Anchor { name: Rc<str> },
}

/// A link and the structure element of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkRef {
    /// Its element.
    pub(crate) node: NodeId,
    /// Its place in the list of links.
    pub(crate) index: usize,
}

/// A piece of content that is never cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strip {
    /// Space above, left out at the top of a page.
    pub(crate) gap: f32,
    /// Its own height.
    pub(crate) height: f32,
    /// Stays on the page of the strip that follows.
    pub(crate) keep: bool,
    /// Space below the repeated head when it opens a page, for what brings no space of its own.
    pub(crate) below_head: f32,
    /// Starts a new page.
    pub(crate) page_break: bool,
    /// What it draws.
    pub(crate) draws: Vec<Draw>,
    /// What is repeated above it when it opens a page: the head of its table.
    pub(crate) head: Option<Rc<Head>>,
}

/// The head of a table as it is repeated.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) height: f32,
    pub(crate) draws: Vec<Draw>,
}

impl Strip {
    /// Empty space that is kept at the top of a page too.
    pub(crate) fn space(height: f32) -> Self {
        Self { height, ..Self::default() }
    }
}

impl Draw {
    /// The same thing elsewhere.
    pub(crate) fn moved(mut self, dx: f32, dy: f32) -> Self {
        match &mut self {
            Draw::Text { x, y, .. } | Draw::Rect { x, y, .. } | Draw::Mark { x, y, .. } | Draw::Link { x, y, .. } => {
                *x += dx;
                *y += dy;
            }
            Draw::Anchor { .. } => {}
        }
        self
    }

    /// The same thing as a repetition that readers skip; none for what a repetition must not have.
    pub(crate) fn repeated(&self) -> Option<Self> {
        let mut copy = self.clone();
        match &mut copy {
            Draw::Text { tag, .. } => *tag = Tag::Artifact(Artifact::Header),
            Draw::Rect { tag, .. } | Draw::Mark { tag, .. } => *tag = Tag::Artifact(Artifact::Layout),
            Draw::Link { .. } | Draw::Anchor { .. } => return None,
        }
        Some(copy)
    }
}

/// The size of text in a style that stands in text of another size.
pub(crate) fn size_in(style: Style, around: Style, size: f32) -> f32 {
    if style == Style::Mono && around != Style::Mono { size * super::theme::MONO_SCALE } else { size }
}
