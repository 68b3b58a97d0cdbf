//! Strips to pages: what fits stays, what must stay together moves together, and tables get their head again.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::strip::{Draw, Head, LinkRef, Strip};
use super::theme::{BODY_BOTTOM, BODY_TOP, MARGIN};

/// A page with everything in its place, measured from its upper left corner.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) draws: Vec<Draw>,
}

/// Where an anchor stands: drawn page, and how far down.
pub(crate) type Places = BTreeMap<String, (usize, f32)>;

/// An area of a drawn page that leads somewhere: left, top, right, bottom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) page: usize,
    pub(crate) edges: [f32; 4],
    pub(crate) link: LinkRef,
}

/// Pages in the order they were filled.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) sheets: Vec<Sheet>,
    pub(crate) places: Places,
    pub(crate) areas: Vec<Area>,
    y: f32,
}

impl Flow {
    /// Places strips, starting on a new page, and answers with the range of pages they took.
    pub(crate) fn place(&mut self, strips: &[Strip]) -> std::ops::Range<usize> {
        let first = self.sheets.len();
        let mut rest = strips;
        self.turn();
        while let Some(strip) = rest.first() {
            if strip.page_break {
                if self.y > BODY_TOP {
                    self.turn();
                }
                rest = rest.split_first().map_or(&[], |(_, rest)| rest);
                continue;
            }
            let kept = rest.iter().take_while(|strip| strip.keep && !strip.page_break).count();
            let (chunk, later) = rest.split_at((kept + 1).min(rest.len()));
            let height: f32 = chunk.iter().map(|strip| strip.gap + strip.height).sum();
            if self.y > BODY_TOP && self.y + height > BODY_BOTTOM {
                self.turn_for(chunk.first());
            }
            for strip in chunk {
                if strip.page_break {
                    self.turn();
                } else {
                    self.put(strip);
                }
            }
            rest = later;
        }
        first..self.sheets.len()
    }

    /// A new page, with the head of the table that the strip continues.
    fn turn_for(&mut self, strip: Option<&Strip>) {
        self.turn();
        if let Some((strip, head)) = strip.and_then(|strip| Some((strip, strip.head.as_ref()?))) {
            self.put_head(head);
            self.y += strip.below_head;
        }
    }

    fn turn(&mut self) {
        self.sheets.push(Sheet::default());
        self.y = BODY_TOP;
    }

    fn put_head(&mut self, head: &Rc<Head>) {
        let y = self.y;
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.draws.extend(head.draws.iter().map(|draw| draw.clone().moved(MARGIN, y)));
        }
        self.y += head.height;
    }

    fn put(&mut self, strip: &Strip) {
        // A strip among those that are kept together can still be one too many for a page.
        if self.y > BODY_TOP && self.y + strip.gap + strip.height > BODY_BOTTOM {
            self.turn_for(Some(strip));
        }
        if self.y > BODY_TOP {
            self.y += strip.gap;
        }
        let page = self.sheets.len().saturating_sub(1);
        for draw in &strip.draws {
            match draw.clone().moved(MARGIN, self.y) {
                Draw::Anchor { name } => {
                    self.places.insert(name.to_string(), (page, self.y));
                }
                Draw::Link { x, y, width, height, link } => {
                    self.areas.push(Area { page, edges: [x, y, x + width, y + height], link });
                }
                draw => {
                    if let Some(sheet) = self.sheets.last_mut() {
                        sheet.draws.push(draw);
                    }
                }
            }
        }
        self.y += strip.height;
    }
}
