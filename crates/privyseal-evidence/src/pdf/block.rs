//! The blocks of a report, except tables, as strips.

use std::rc::Rc;

use privyseal_core::finding::TestState;
use privyseal_core::report::{Block, Inline};

use super::font::Style;
use super::layout::{Layout, baseline, stack, text_strips};
use super::paragraph::{self, Kind};
use super::strip::{Artifact, Draw, Strip, Tag};
use super::table;
use super::tag::{Attribute, NodeId, Tree};
use super::theme::{self, BODY_WIDTH, Color, LINE, Look, MEASURE, PAPER, TINT, WAX};
use crate::mark::Mark;
use crate::wording;

const DECORATION: Tag = Tag::Artifact(Artifact::Layout);

/// Lays out one block.
pub(crate) fn strips(layout: &mut Layout<'_>, block: &Block) -> Vec<Strip> {
    match block {
        Block::Heading { level, text, anchor } => heading(layout, *level, text, anchor),
        Block::Paragraph(inlines) => {
            let node = layout.tree.add(Tree::root(), "P");
            let lines = layout.inline_lines(inlines, theme::BODY, MEASURE, node);
            text_strips(&lines, theme::BODY, 0.0, 9.0, node)
        }
        Block::Items(items) => self::items(layout, items),
        Block::Facts(facts) => self::facts(layout, facts, theme::FACT_LABEL, theme::FACT),
        Block::Table(table) => table::strips(layout, table),
        Block::States { what, counts } => states(layout, what, counts),
        Block::Code(code) => self::code(layout, code),
        Block::Remark(remark) => self::remark(layout, remark),
        Block::PageBreak => vec![Strip { page_break: true, ..Strip::default() }],
    }
}

fn heading(layout: &mut Layout<'_>, level: u8, text: &str, anchor: &str) -> Vec<Strip> {
    let (role, gap) = match level {
        1 => ("H2", 34.0),
        2 => ("H3", 22.0),
        _ => ("H4", 16.0),
    };
    let look = theme::heading(level);
    let node = layout.tree.add(Tree::root(), role);
    let lines = layout.plain_lines(text, look, BODY_WIDTH);
    let mut first = Strip { gap, keep: true, draws: vec![Draw::Anchor { name: anchor.into() }], ..Strip::default() };
    if level == 1 {
        first.draws.push(Draw::Rect { x: 0.0, y: 0.0, width: 22.0, height: 2.4, color: WAX, tag: DECORATION });
        first.height = 13.0;
    }
    let mut strips = vec![first];
    strips.extend(text_strips(&lines, look, 0.0, 0.0, node));
    for strip in &mut strips {
        strip.keep = true;
    }
    strips
}

fn items(layout: &mut Layout<'_>, items: &[Vec<Inline>]) -> Vec<Strip> {
    const INDENT: f32 = 14.0;
    let look = theme::BODY;
    let list = layout.tree.add(Tree::root(), "L");
    let mut strips = Vec::new();
    let last = items.len().saturating_sub(1);
    for (index, item) in items.iter().enumerate() {
        let entry = layout.tree.add(list, "LI");
        let node = layout.tree.add(entry, "LBody");
        let lines = layout.inline_lines(item, look, MEASURE - INDENT, node);
        let mut item_strips = text_strips(&lines, look, INDENT, if index == 0 { 9.0 } else { 4.0 }, node);
        if let Some(first) = item_strips.first_mut() {
            let y = baseline(look) - look.size * 0.35 - 1.6;
            first.draws.insert(0, Draw::Rect { x: 1.0, y, width: 3.2, height: 3.2, color: WAX, tag: DECORATION });
        }
        // Neither the first nor the last item stands alone on a page.
        if let Some(end) = item_strips.last_mut().filter(|_| index < last && (index == 0 || index + 1 == last)) {
            end.keep = true;
        }
        strips.extend(item_strips);
    }
    strips
}

/// Labels and values between hairlines.
pub(crate) fn facts(layout: &mut Layout<'_>, facts: &[(String, Vec<Inline>)], label_look: Look, value_look: Look) -> Vec<Strip> {
    const LABEL_WIDTH: f32 = 118.0;
    const GUTTER: f32 = 16.0;
    const PADDING: f32 = 5.0;
    let rule = |y: f32| Draw::Rect { x: 0.0, y, width: BODY_WIDTH, height: 0.5, color: LINE, tag: DECORATION };
    let list = layout.tree.add(Tree::root(), "L");
    let mut strips: Vec<Strip> = Vec::new();
    let last = facts.len().saturating_sub(1);
    for (index, (label, value)) in facts.iter().enumerate() {
        // Neither the first nor the last fact stands alone on a page.
        let together = index < last && (index == 0 || index + 1 == last);
        let entry = layout.tree.add(list, "LI");
        let label_node = layout.tree.add(entry, "Lbl");
        let value_node = layout.tree.add(entry, "LBody");
        let labels = layout.plain_lines(label, label_look, LABEL_WIDTH);
        let values = layout.inline_lines(value, value_look, BODY_WIDTH - LABEL_WIDTH - GUTTER, value_node);
        let rows = labels.len().max(values.len()).max(1);
        for row in 0..rows {
            let top = if row == 0 { PADDING } else { 0.0 };
            let bottom = if row + 1 == rows { PADDING } else { 0.0 };
            let keep = (row == 0 && rows > 1) || (together && row + 1 == rows);
            let mut strip = Strip { height: top + value_look.leading + bottom, keep, ..Strip::default() };
            if row == 0 && index == 0 {
                strip.gap = 10.0;
                strip.draws.push(rule(0.0));
            }
            if row + 1 == rows {
                strip.draws.push(rule(strip.height - 0.5));
            }
            if let Some(line) = labels.get(row) {
                line.draw(0.0, top + baseline(label_look), label_node, &mut strip.draws);
            }
            if let Some(line) = values.get(row) {
                line.draw(LABEL_WIDTH + GUTTER, top + baseline(value_look), value_node, &mut strip.draws);
            }
            strips.push(strip);
        }
    }
    strips
}

fn states(layout: &mut Layout<'_>, what: &str, counts: &[(TestState, u64)]) -> Vec<Strip> {
    const BAR: f32 = 17.0;
    let counted_node = layout.tree.add(Tree::root(), "P");
    let counted = layout.plain_lines(&wording::counted(what, counts), theme::COUNTED, BODY_WIDTH);
    let mut strips = text_strips(&counted, theme::COUNTED, 0.0, 14.0, counted_node);
    for strip in &mut strips {
        strip.keep = true;
    }

    let figure = layout.tree.add(Tree::root(), "Figure");
    layout.tree.describe(figure, Attribute::Alternative(crate::text::line(&wording::bar(what, counts))));
    strips.push(Strip { gap: 5.0, height: BAR, keep: true, draws: bar(counts, BAR, figure), ..Strip::default() });

    let list = layout.tree.add(Tree::root(), "L");
    let column = BODY_WIDTH / counts.len().clamp(1, 5) as f32;
    for (index, row) in counts.chunks(5).enumerate() {
        let mut strip = Strip { gap: if index == 0 { 9.0 } else { 4.0 }, keep: false, ..Strip::default() };
        for (place, (state, count)) in row.iter().enumerate() {
            let entry = layout.tree.add(list, "LI");
            let node = layout.tree.add(entry, "LBody");
            let x = place as f32 * column;
            let look = theme::COUNT_LABEL;
            let label = paragraph::fragments(state.label(), look.style, look.color, Kind::State(*state), None);
            let label = paragraph::lines(&mut layout.shaper, &label, look, column);
            // The space keeps the word and the number apart for whoever reads the text without seeing it.
            let number = layout.plain_lines(&format!("{} ", wording::grouped(*count)), theme::COUNT, column);
            let label_height = stack(&label, look, x, 0.0, node, &mut strip.draws);
            let space = vec![layout.shaper.shape(look.style, " ")];
            let tag = Tag::Content { node, block: node };
            let width = label.last().map_or(0.0, |line| line.width);
            strip.draws.push(Draw::Text { x: x + width, y: baseline(look), size: look.size, color: look.color, runs: space, tag });
            let height = label_height + stack(&number, theme::COUNT, x, label_height, node, &mut strip.draws);
            strip.height = strip.height.max(height);
        }
        strips.push(strip);
    }
    strips
}

fn bar(counts: &[(TestState, u64)], height: f32, figure: NodeId) -> Vec<Draw> {
    const MARK: f32 = 10.0;
    let tag = Tag::Content { node: figure, block: figure };
    let parts = crate::bar::parts(counts);
    if parts.is_empty() {
        return vec![Draw::Rect { x: 0.0, y: 0.0, width: BODY_WIDTH, height, color: LINE, tag }];
    }
    let mut draws = Vec::new();
    for part in parts {
        let scaled = |length: u32| length as f32 / crate::bar::WHOLE as f32 * BODY_WIDTH;
        let x = scaled(part.start);
        let end = part.start + part.length;
        let width = scaled(part.length) - if end == crate::bar::WHOLE { 0.0 } else { 1.2 };
        draws.push(Draw::Rect { x, y: 0.0, width, height, color: theme::state_color(part.state), tag });
        if part.length >= crate::bar::MARKED {
            let (x, y) = (x + (width - MARK) / 2.0, (height - MARK) / 2.0);
            draws.push(Draw::Mark { x, y, side: MARK, color: PAPER, mark: Rc::new(Mark::of(part.state)), tag });
        }
    }
    draws
}

/// Verbatim text on a tint; what is too long for a line continues with an indent.
fn code(layout: &mut Layout<'_>, code: &str) -> Vec<Strip> {
    const PADDING: f32 = 12.0;
    const INDENT: f32 = 19.2;
    let look = theme::CODE;
    let paragraph_node = layout.tree.add(Tree::root(), "P");
    let node = layout.tree.add(paragraph_node, "Code");
    let mut strips = vec![tinted(11.0, PADDING, TINT)];
    let width = BODY_WIDTH - 2.0 * PADDING;
    let mut rows = Vec::new();
    for source in code.trim_end_matches('\n').split('\n') {
        // The space at the end stands for the line feed; it is what keeps lines apart when the text is copied.
        let expanded = format!("{} ", expand_tabs(source));
        let fragments = paragraph::fragments(&expanded, Style::Mono, look.color, Kind::Verbatim, None);
        let mut lines = paragraph::verbatim_lines(&mut layout.shaper, &fragments, look, width, INDENT);
        rows.append(&mut lines);
    }
    let count = rows.len();
    for (index, (continued, line)) in rows.into_iter().enumerate() {
        let mut strip = tinted(0.0, look.leading, TINT);
        strip.keep = index == 0 || index + 2 >= count;
        line.draw(PADDING + if continued { INDENT } else { 0.0 }, baseline(look), node, &mut strip.draws);
        strips.push(strip);
    }
    let mut end = tinted(0.0, PADDING, TINT);
    end.keep = false;
    strips.push(end);
    strips
}

fn expand_tabs(line: &str) -> String {
    let mut expanded = String::with_capacity(line.len());
    for c in line.chars() {
        if c == '\t' {
            let column = expanded.chars().count();
            expanded.extend(std::iter::repeat_n(' ', 4 - column % 4));
        } else {
            expanded.push(c);
        }
    }
    expanded
}

fn tinted(gap: f32, height: f32, color: Color) -> Strip {
    // A little taller than the strip, so that no hairline shows between two of them.
    let tint = Draw::Rect { x: 0.0, y: 0.0, width: BODY_WIDTH, height: height + 0.3, color, tag: DECORATION };
    Strip { gap, height, keep: true, draws: vec![tint], ..Strip::default() }
}

fn remark(layout: &mut Layout<'_>, remark: &str) -> Vec<Strip> {
    const PADDING: f32 = 11.0;
    const INDENT: f32 = 16.0;
    let look = theme::BODY;
    let outer = layout.tree.add(Tree::root(), "Div");
    let node = layout.tree.add(outer, "P");
    let lines = layout.plain_lines(remark, look, MEASURE);
    let mut strips = vec![tinted(12.0, PADDING, TINT)];
    for line in &lines {
        let mut strip = tinted(0.0, look.leading, TINT);
        line.draw(INDENT, baseline(look), node, &mut strip.draws);
        strips.push(strip);
    }
    let mut end = tinted(0.0, PADDING, TINT);
    end.keep = false;
    strips.push(end);
    for strip in &mut strips {
        strip.draws.insert(1, Draw::Rect { x: 0.0, y: 0.0, width: 2.6, height: strip.height + 0.3, color: WAX, tag: DECORATION });
    }
    strips
}
