//! The title page, the contents page, and the lines at the top and foot of pages.

use std::rc::Rc;

use privyseal_core::report::{Block, Document, Inline};

use super::block;
use super::flow::{Flow, Places, Sheet};
use super::layout::{Layout, baseline, text_strips};
use super::strip::{Artifact, Draw, Strip, Tag};
use super::tag::{NodeId, Tree};
use super::theme::{self, BODY_BOTTOM, BODY_WIDTH, LINE, Look, MARGIN, SOFT, WAX};
use crate::link::Target;
use crate::mark::Mark;
use crate::wording;

const DECORATION: Tag = Tag::Artifact(Artifact::Layout);

/// The title page.
pub(crate) fn strips(layout: &mut Layout<'_>, document: &Document) -> Vec<Strip> {
    let side = 46.0;
    let mark = Rc::new(Mark::seal());
    let seal = Draw::Mark { x: 0.0, y: 0.0, side, color: WAX, mark, tag: DECORATION };
    let mut strips = vec![Strip { height: 150.0, draws: vec![seal], keep: true, ..Strip::default() }];

    let title_node = layout.tree.add(Tree::root(), "H1");
    let title = layout.plain_lines(&document.title, theme::TITLE, BODY_WIDTH);
    strips.extend(text_strips(&title, theme::TITLE, 0.0, 0.0, title_node));
    if !crate::text::line(&document.subtitle).is_empty() {
        let subtitle_node = layout.tree.add(Tree::root(), "P");
        let subtitle = layout.plain_lines(&document.subtitle, theme::SUBTITLE, 400.0);
        strips.extend(text_strips(&subtitle, theme::SUBTITLE, 0.0, 10.0, subtitle_node));
    }
    if !document.facts.is_empty() {
        strips.push(Strip::space(44.0));
        let facts: Vec<(String, Vec<Inline>)> =
            document.facts.iter().map(|(label, value)| (label.clone(), vec![Inline::text(value.as_str())])).collect();
        strips.extend(block::facts(layout, &facts, theme::FACT_LABEL, theme::FACT));
    }
    strips
}

/// The contents page before its page numbers are known.
pub(crate) struct Contents {
    strips: Vec<Strip>,
    entries: Vec<Entry>,
}

struct Entry {
    /// The strip that gets the page number.
    strip: usize,
    anchor: String,
    item: NodeId,
    link: NodeId,
    look: Look,
    /// Where the text of that strip ends.
    text_end: f32,
}

const NUMBER_ROOM: f32 = 34.0;

/// Lays out the contents page; none when there are no headings.
pub(crate) fn contents(layout: &mut Layout<'_>, document: &Document) -> Option<Contents> {
    let headings: Vec<(u8, &str, &str)> = document
        .blocks
        .iter()
        .filter_map(|block| match block {
            Block::Heading { level, text, anchor } if *level <= 2 => Some((*level, text.as_str(), anchor.as_str())),
            _ => None,
        })
        .collect();
    if headings.is_empty() {
        return None;
    }
    let title_node = layout.tree.add(Tree::root(), "H2");
    let title = layout.plain_lines(wording::CONTENTS, theme::heading(1), BODY_WIDTH);
    let mut strips = text_strips(&title, theme::heading(1), 0.0, 0.0, title_node);
    strips.push(Strip::space(12.0));
    let list = layout.tree.add(Tree::root(), "TOC");
    let mut entries = Vec::new();
    for (level, text, anchor) in headings {
        let look = theme::contents(level);
        let item = layout.tree.add(list, "TOCI");
        let reference = layout.tree.add(item, "Reference");
        let link = layout.link(reference, Target::Anchor(anchor.to_owned()), text);
        let x = if level == 1 { 0.0 } else { 16.0 };
        let lines = layout.plain_lines(text, look, BODY_WIDTH - x - NUMBER_ROOM);
        let last = lines.len().saturating_sub(1);
        for (index, line) in lines.iter().enumerate() {
            let gap = if index == 0 { if level == 1 { 9.0 } else { 2.5 } } else { 0.0 };
            let mut strip = Strip { gap, height: look.leading, keep: index < last, ..Strip::default() };
            line.draw(x, baseline(look), item, &mut strip.draws);
            for draw in &mut strip.draws {
                if let Draw::Text { tag, .. } = draw {
                    *tag = Tag::Content { node: link.node, block: item };
                }
            }
            strip.draws.push(Draw::Link { x, y: 0.0, width: BODY_WIDTH - x, height: look.leading, link });
            if index == last {
                let text_end = x + line.width;
                entries.push(Entry { strip: strips.len(), anchor: anchor.to_owned(), item, link: link.node, look, text_end });
            }
            strips.push(strip);
        }
    }
    Some(Contents { strips, entries })
}

impl Contents {
    /// How many pages it takes.
    pub(crate) fn pages(&self) -> usize {
        Flow::default().place(&self.strips).len()
    }

    /// The strips with page numbers, given where the headings are and the printed number of each drawn page.
    pub(crate) fn numbered(mut self, layout: &mut Layout<'_>, places: &Places, number_of: &dyn Fn(usize) -> usize) -> Vec<Strip> {
        for entry in &self.entries {
            let (Some((page, _)), Some(strip)) = (places.get(&entry.anchor), self.strips.get_mut(entry.strip)) else { continue };
            let look = entry.look;
            // The space before the number keeps it apart from the text when copied.
            let runs = vec![layout.shaper.shape(look.style, " "), layout.shaper.shape(look.style, &number_of(*page).to_string())];
            let width = runs.iter().map(|run| run.advance()).sum::<i32>() as f32 * look.size / 1000.0;
            let (x, y) = (BODY_WIDTH - width, baseline(look));
            let tag = Tag::Content { node: entry.link, block: entry.item };
            let mut dot = (entry.text_end / 5.0).ceil() * 5.0 + 5.0;
            while dot < x - 4.0 {
                strip.draws.push(Draw::Rect { x: dot, y: y - 0.7, width: 0.7, height: 0.7, color: SOFT, tag: DECORATION });
                dot += 5.0;
            }
            strip.draws.push(Draw::Text { x, y, size: look.size, color: look.color, runs, tag });
        }
        self.strips
    }
}

/// The foot of a page.
pub(crate) fn footer(layout: &mut Layout<'_>, sheet: &mut Sheet, text: &str, number: usize, total: usize) {
    const NUMBER_WIDTH: f32 = 90.0;
    let look = theme::FURNITURE;
    let top = BODY_BOTTOM + 22.0;
    sheet.draws.push(Draw::Rect { x: MARGIN, y: top - 6.0, width: BODY_WIDTH, height: 0.5, color: LINE, tag: DECORATION });
    // Three lines is what the margin holds; a footer is meant to be one. What is longer ends in an ellipsis.
    let lines = layout.plain_lines(text, look, BODY_WIDTH - NUMBER_WIDTH);
    for (index, line) in lines.iter().enumerate().take(3) {
        let y = top + index as f32 * look.leading + baseline(look);
        line.draw_artifact(MARGIN, y, Artifact::Footer, &mut sheet.draws);
        if index == 2 && lines.len() > 3 {
            let runs = vec![layout.shaper.shape(look.style, "…")];
            let (x, tag) = (MARGIN + line.width, Tag::Artifact(Artifact::Footer));
            sheet.draws.push(Draw::Text { x, y, size: look.size, color: look.color, runs, tag });
        }
    }
    for line in layout.plain_lines(&format!("Page {number} of {total}"), look, NUMBER_WIDTH) {
        line.draw_artifact(MARGIN + BODY_WIDTH - line.width, top + baseline(look), Artifact::Footer, &mut sheet.draws);
    }
}

/// The line at the top of a page: what is being read.
pub(crate) fn header(layout: &mut Layout<'_>, sheet: &mut Sheet, title: &str) {
    let look = theme::FURNITURE;
    if let Some(line) = layout.plain_lines(title, look, BODY_WIDTH).first() {
        line.draw_artifact(MARGIN, 40.0 + baseline(look), Artifact::Header, &mut sheet.draws);
    }
}
