//! The state of laying out one report, and the pieces every block is built from.

use std::collections::BTreeSet;

use privyseal_core::report::Inline;

use super::Error;
use super::font::Style;
use super::paragraph::{self, Fragment, Kind, Line};
use super::shape::Shaper;
use super::strip::{Draw, LinkRef, Strip};
use super::tag::{NodeId, Tree};
use super::theme::Look;
use crate::link::{self, Target};

/// A link of the report.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Where it leads.
    pub(crate) target: Target,
    /// Its text, said by a screen reader instead of the address.
    pub(crate) text: String,
}

/// Everything that grows while a report is laid out.
pub(crate) struct Layout<'a> {
    pub(crate) shaper: Shaper,
    pub(crate) tree: Tree,
    pub(crate) links: Vec<Link>,
    anchors: &'a BTreeSet<String>,
}

impl<'a> Layout<'a> {
    /// A layout of nothing yet.
    pub(crate) fn new(anchors: &'a BTreeSet<String>) -> Result<Self, Error> {
        Ok(Self { shaper: Shaper::new()?, tree: Tree::new(), links: Vec::new(), anchors })
    }

    /// A link whose element goes under `parent`.
    pub(crate) fn link(&mut self, parent: NodeId, target: Target, text: &str) -> LinkRef {
        let link = LinkRef { node: self.tree.add_inline(parent, "Link"), index: self.links.len() };
        self.links.push(Link { target, text: crate::text::line(text) });
        link
    }

    /// The stretches of a text that stands in the element `parent`.
    pub(crate) fn fragments(&mut self, inlines: &[Inline], look: Look, parent: NodeId) -> Vec<Fragment> {
        let plain = |text: &str, style: Style, kind: Kind| paragraph::fragments(text, style, look.color, kind, None);
        let mut fragments = Vec::new();
        for inline in inlines {
            fragments.extend(match inline {
                Inline::Text(text) => plain(text, look.style, Kind::Flow),
                Inline::Strong(text) => plain(text, Style::Strong, Kind::Flow),
                Inline::Code(text) => plain(text, Style::Mono, Kind::Verbatim),
                Inline::State(state) => plain(state.label(), look.style, Kind::State(*state)),
                Inline::Link { text, href } => {
                    let link = link::target(href, self.anchors).map(|target| self.link(parent, target, text));
                    paragraph::fragments(text, look.style, look.color, Kind::Flow, link)
                }
            });
        }
        fragments
    }

    /// The stretches of a text that is only measured: its links lead nowhere and have no element.
    pub(crate) fn measured(&self, inlines: &[Inline], look: Look) -> Vec<Fragment> {
        let measured = |inline: &Inline| match inline {
            Inline::Text(text) | Inline::Link { text, .. } => paragraph::fragments(text, look.style, look.color, Kind::Flow, None),
            Inline::Strong(text) => paragraph::fragments(text, Style::Strong, look.color, Kind::Flow, None),
            Inline::Code(text) => paragraph::fragments(text, Style::Mono, look.color, Kind::Verbatim, None),
            Inline::State(state) => paragraph::fragments(state.label(), look.style, look.color, Kind::State(*state), None),
        };
        inlines.iter().flat_map(measured).collect()
    }

    /// Plain text broken into lines.
    pub(crate) fn plain_lines(&mut self, text: &str, look: Look, width: f32) -> Vec<Line> {
        let fragments = paragraph::fragments(text, look.style, look.color, Kind::Flow, None);
        paragraph::lines(&mut self.shaper, &fragments, look, width)
    }

    /// Text with stresses, code, links and states broken into lines.
    pub(crate) fn inline_lines(&mut self, inlines: &[Inline], look: Look, width: f32, parent: NodeId) -> Vec<Line> {
        let fragments = self.fragments(inlines, look, parent);
        paragraph::lines(&mut self.shaper, &fragments, look, width)
    }
}

/// The baseline of a line of text within its strip.
pub(crate) fn baseline(look: Look) -> f32 {
    // The capitals of the faces are 0.7 of the size high; this centres them in the line.
    (look.leading + look.size * 0.7) / 2.0
}

/// Lines as strips, one each, with neither the first nor the last left alone on a page.
pub(crate) fn text_strips(lines: &[Line], look: Look, x: f32, gap: f32, node: NodeId) -> Vec<Strip> {
    let last = lines.len().saturating_sub(1);
    let strip = |(index, line): (usize, &Line)| {
        let mut draws = Vec::new();
        line.draw(x, baseline(look), node, &mut draws);
        let keep = index < last && (index == 0 || index + 2 > last);
        Strip { gap: if index == 0 { gap } else { 0.0 }, height: look.leading, keep, draws, ..Strip::default() }
    };
    lines.iter().enumerate().map(strip).collect()
}

/// Draws lines below each other, from a top edge down, and answers with their height.
pub(crate) fn stack(lines: &[Line], look: Look, x: f32, top: f32, node: NodeId, draws: &mut Vec<Draw>) -> f32 {
    let mut height = 0.0;
    for line in lines {
        line.draw(x, top + height + baseline(look), node, draws);
        height += look.leading;
    }
    height
}
