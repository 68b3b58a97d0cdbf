//! Tables as strips: a caption, a head that is repeated on every page, and one strip per row.
//!
//! A row that would fill more than half a page is cut between its lines; every other row moves as a whole.

use std::rc::Rc;

use privyseal_core::report::{Inline, Table};

use super::layout::{Layout, baseline, stack, text_strips};
use super::paragraph::{self, Line};
use super::strip::{Artifact, Draw, Head, Strip, Tag};
use super::tag::{Attribute, NodeId, Tree};
use super::theme::{self, BODY_HEIGHT, BODY_WIDTH, INK, LINE, Look};
use crate::wording;

const GUTTER: f32 = 13.0;
const PADDING: f32 = 5.2;
/// How many rows are measured to find out how narrow a column may get.
const MEASURED_ROWS: usize = 200;

const DECORATION: Tag = Tag::Artifact(Artifact::Layout);

/// Lays out a table. Every row has as many cells as there are columns; `document` has checked it.
pub(crate) fn strips(layout: &mut Layout<'_>, table: &Table) -> Vec<Strip> {
    let node = layout.tree.add(Tree::root(), "Table");
    let caption_node = layout.tree.add(node, "Caption");
    let caption = layout.plain_lines(&table.caption, theme::CAPTION, BODY_WIDTH);
    let mut strips = text_strips(&caption, theme::CAPTION, 0.0, 16.0, caption_node);
    for strip in &mut strips {
        strip.keep = true;
    }

    let looks = Looks::of(table);
    let columns = columns(layout, table, looks);
    let head = head(layout, table, node, &columns, looks.head);
    let repeated: Vec<Draw> = head.draws.iter().filter_map(Draw::repeated).collect();
    let repeat = Rc::new(Head { height: head.height, draws: repeated });
    strips.push(head);

    let body = layout.tree.add(node, "TBody");
    for row in &table.rows {
        strips.extend(self::row(layout, row, body, &columns, &repeat, looks.cell));
    }
    if let Some(last) = strips.last_mut() {
        // The head of an empty table has nothing to stay with but the note below it, which keeps itself close.
        last.keep = table.rows.is_empty();
    }
    strips.extend(note(layout, table));
    strips
}

/// Where a column stands.
struct Place {
    x: f32,
    width: f32,
    numeric: bool,
}

/// How head and cells are set: smaller where there are many columns.
#[derive(Clone, Copy)]
struct Looks {
    head: Look,
    cell: Look,
}

impl Looks {
    fn of(table: &Table) -> Self {
        let scale = match table.columns.len() {
            0..=7 => 1.0,
            8 => 0.93,
            _ => 0.86,
        };
        let scaled = |look: Look| Look { size: look.size * scale, leading: look.leading * scale, ..look };
        Self { head: scaled(theme::HEAD_CELL), cell: scaled(theme::CELL) }
    }
}

/// Columns by weight, widened where a word would not fit at the cost of those that have room.
fn columns(layout: &mut Layout<'_>, table: &Table, looks: Looks) -> Vec<Place> {
    let gutters = GUTTER * table.columns.len().saturating_sub(1) as f32;
    let room = (BODY_WIDTH - gutters).max(1.0);
    let sum: f32 = table.columns.iter().map(|column| f32::from(column.weight)).sum();
    let mut widths = Vec::with_capacity(table.columns.len());
    let mut needs = Vec::with_capacity(table.columns.len());
    for (index, column) in table.columns.iter().enumerate() {
        let look = looks.head;
        let title = paragraph::fragments(&column.title, look.style, look.color, paragraph::Kind::Flow, None);
        let mut need = paragraph::widest_word(&mut layout.shaper, &title, look);
        for cell in table.rows.iter().take(MEASURED_ROWS).filter_map(|row| row.get(index)) {
            let fragments = layout.measured(cell, looks.cell);
            need = need.max(paragraph::widest_word(&mut layout.shaper, &fragments, looks.cell));
        }
        widths.push(f32::from(column.weight) / sum.max(1.0) * room);
        // A little more than the word itself, or rounding tears it.
        needs.push((need + 0.5).min(room * 0.4));
    }
    widen(&mut widths, &needs, room);

    let mut x = 0.0;
    let mut places = Vec::with_capacity(widths.len());
    for (width, column) in widths.into_iter().zip(&table.columns) {
        places.push(Place { x, width, numeric: column.numeric });
        x += width + GUTTER;
    }
    places
}

fn widen(widths: &mut [f32], needs: &[f32], room: f32) {
    let needed: f32 = needs.iter().sum();
    if needed >= room {
        // Some words will be torn; each column bears its part of it.
        for (width, need) in widths.iter_mut().zip(needs) {
            *width = need / needed * room;
        }
        return;
    }
    let missing: f32 = widths.iter().zip(needs).map(|(width, need)| (need - width).max(0.0)).sum();
    let spare: f32 = widths.iter().zip(needs).map(|(width, need)| (width - need).max(0.0)).sum();
    if missing <= 0.0 || spare <= 0.0 {
        return;
    }
    for (width, need) in widths.iter_mut().zip(needs) {
        *width = if *width < *need { *need } else { *width - (*width - *need) * missing / spare };
    }
}

fn head(layout: &mut Layout<'_>, table: &Table, node: NodeId, columns: &[Place], look: Look) -> Strip {
    let group = layout.tree.add(node, "THead");
    let row = layout.tree.add(group, "TR");
    let mut cells = Vec::new();
    for (column, place) in table.columns.iter().zip(columns) {
        let cell = layout.tree.add(row, "TH");
        layout.tree.describe(cell, Attribute::ColumnScope);
        cells.push((cell, place, layout.plain_lines(&column.title, look, place.width)));
    }
    let text_height = cells.iter().map(|(_, _, lines)| lines.len()).max().unwrap_or(0) as f32 * look.leading;
    let height = text_height + 9.5;
    let mut strip = Strip { gap: 6.0, height, keep: true, ..Strip::default() };
    for (cell, place, lines) in &cells {
        let top = text_height - lines.len() as f32 * look.leading + 3.0;
        set(lines, look, place, top, *cell, &mut strip.draws);
    }
    strip.draws.push(Draw::Rect { x: 0.0, y: height - 1.0, width: BODY_WIDTH, height: 1.0, color: INK, tag: DECORATION });
    strip
}

fn row(layout: &mut Layout<'_>, row: &[Vec<Inline>], body: NodeId, columns: &[Place], head: &Rc<Head>, look: Look) -> Vec<Strip> {
    let row_node = layout.tree.add(body, "TR");
    let mut cells = Vec::new();
    for (index, (cell, place)) in row.iter().zip(columns).enumerate() {
        let heads_row = index == 0 && !place.numeric;
        let node = layout.tree.add(row_node, if heads_row { "TH" } else { "TD" });
        if heads_row {
            layout.tree.describe(node, Attribute::RowScope);
        }
        cells.push((node, place, layout.inline_lines(cell, look, place.width, node)));
    }
    let count = cells.iter().map(|(_, _, lines)| lines.len()).max().unwrap_or(0).max(1);
    let height = count as f32 * look.leading + 2.0 * PADDING;
    let rule = |y: f32| Draw::Rect { x: 0.0, y, width: BODY_WIDTH, height: 0.5, color: LINE, tag: DECORATION };
    if height <= BODY_HEIGHT / 2.0 {
        let mut strip = Strip { height, head: Some(Rc::clone(head)), ..Strip::default() };
        for (node, place, lines) in &cells {
            set(lines, look, place, PADDING, *node, &mut strip.draws);
        }
        strip.draws.push(rule(height - 0.5));
        return vec![strip];
    }
    let mut strips = Vec::with_capacity(count);
    for index in 0..count {
        let top = if index == 0 { PADDING } else { 0.0 };
        let bottom = if index + 1 == count { PADDING } else { 0.0 };
        let height = top + look.leading + bottom;
        let keep = index < 2 || index + 2 == count;
        let below_head = PADDING - top;
        let mut strip = Strip { height, keep, below_head, head: Some(Rc::clone(head)), ..Strip::default() };
        for (node, place, lines) in &cells {
            if let Some(line) = lines.get(index..=index) {
                set(line, look, place, top, *node, &mut strip.draws);
            }
        }
        if index + 1 == count {
            strip.draws.push(rule(height - 0.5));
        }
        strips.push(strip);
    }
    strips
}

/// Draws the lines of a cell, numbers flush right.
fn set(lines: &[Line], look: Look, place: &Place, top: f32, node: NodeId, draws: &mut Vec<Draw>) {
    if !place.numeric {
        stack(lines, look, place.x, top, node, draws);
        return;
    }
    for (index, line) in lines.iter().enumerate() {
        let x = place.x + (place.width - line.width).max(0.0);
        line.draw(x, top + index as f32 * look.leading + baseline(look), node, draws);
    }
}

fn note(layout: &mut Layout<'_>, table: &Table) -> Vec<Strip> {
    let inlines = if table.rows.is_empty() {
        vec![Inline::text(wording::NO_ROWS)]
    } else if let Some((total, file)) = &table.cut {
        vec![Inline::Text(wording::cut(table.rows.len(), *total)), Inline::Link { text: file.clone(), href: file.clone() }]
    } else {
        return Vec::new();
    };
    let node = layout.tree.add(Tree::root(), "P");
    let lines = layout.inline_lines(&inlines, theme::NOTE, theme::MEASURE, node);
    text_strips(&lines, theme::NOTE, 0.0, 6.0, node)
}
