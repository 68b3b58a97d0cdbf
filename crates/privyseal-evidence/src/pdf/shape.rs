//! Characters to glyphs: one stretch of text in one style becomes a run of clusters with known widths.
//!
//! A character that no face can draw becomes its code point in small fixed-width letters on a tint, and still copies out as itself.
//! Where lines break is decided in `paragraph`.

use std::collections::HashMap;
use std::rc::Rc;

use rustybuzz::ttf_parser::Tag;
use rustybuzz::{Direction, Feature, UnicodeBuffer};

use super::Error;
use super::font::{Face, FaceId, Faces, Style};
use crate::text;

/// Size of the letters that spell out a character without a glyph, relative to the text around them.
pub(crate) const SPELT_SIZE: f32 = 0.74;

/// Characters that are drawn together. All widths are in thousandths of the text's size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cluster {
    /// The face it is drawn with.
    pub(crate) face: FaceId,
    /// What it says.
    pub(crate) text: String,
    /// Its glyphs.
    pub(crate) glyphs: Vec<Glyph>,
    /// How far it moves the pen.
    pub(crate) advance: i32,
    /// The glyphs by themselves would copy out as something else, so the text is written beside them.
    pub(crate) spelt: bool,
    /// A code point on a tint, in letters of `SPELT_SIZE`.
    pub(crate) boxed: bool,
}

/// A glyph of the embedded subset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyph {
    pub(crate) id: u16,
    /// Moved right by this much before it is drawn, without moving the pen.
    pub(crate) x_offset: i32,
    /// Moved up by this much.
    pub(crate) y_offset: i32,
    /// How far it moves the pen, kerning included.
    pub(crate) advance: i32,
}

/// A shaped stretch of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Run {
    pub(crate) clusters: Vec<Cluster>,
}

impl Run {
    /// Width in thousandths of the size.
    pub(crate) fn advance(&self) -> i32 {
        self.clusters.iter().fold(0, |sum, cluster| sum.saturating_add(cluster.advance))
    }
}

/// Shapes text and remembers what it has shaped: words repeat a great deal in tables.
pub(crate) struct Shaper {
    pub(crate) faces: Faces,
    known: HashMap<(Style, bool, String), Rc<Run>>,
}

impl Shaper {
    /// A shaper with nothing shaped yet.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { faces: Faces::load()?, known: HashMap::new() })
    }

    /// Shapes a stretch of text.
    pub(crate) fn shape(&mut self, style: Style, text: &str) -> Rc<Run> {
        self.remembered(style, false, text)
    }

    /// Shapes a code point that stands for a hidden character: drawn like a character without a glyph, but it says what it shows.
    pub(crate) fn shape_marked(&mut self, style: Style, code_point: &str) -> Rc<Run> {
        self.remembered(style, true, code_point)
    }

    fn remembered(&mut self, style: Style, marked: bool, text: &str) -> Rc<Run> {
        if let Some(run) = self.known.get(&(style, marked, text.to_owned())) {
            return Rc::clone(run);
        }
        let clusters = if marked { vec![self.boxed(text, text)] } else { self.clusters(style, text) };
        let run = Rc::new(Run { clusters });
        self.known.insert((style, marked, text.to_owned()), Rc::clone(&run));
        run
    }

    fn clusters(&mut self, style: Style, text: &str) -> Vec<Cluster> {
        let mut clusters = Vec::new();
        for (face, stretch) in self.split_by_face(style, text) {
            match face {
                Some(face) => clusters.extend(self.shape_in(face, style, &stretch)),
                None => clusters.extend(stretch.chars().map(|c| self.boxed(&text::code_point(c), &c.to_string())).collect::<Vec<_>>()),
            }
        }
        clusters
    }

    /// Stretches that one face can draw; no face where none can.
    fn split_by_face(&self, style: Style, text: &str) -> Vec<(Option<FaceId>, String)> {
        let mut stretches: Vec<(Option<FaceId>, String)> = Vec::new();
        for c in text.chars() {
            let can = |id: &FaceId| self.faces.get(*id).is_some_and(|face| face.has(c));
            // An accent stays with its letter where that letter's face has it too.
            let here = stretches.last().and_then(|(face, _)| *face).filter(|id| is_combining(c) && can(id));
            let face = here.or_else(|| style.faces().iter().copied().find(|id| can(id)));
            match stretches.last_mut() {
                Some((last, stretch)) if *last == face => stretch.push(c),
                _ => stretches.push((face, c.to_string())),
            }
        }
        stretches
    }

    fn shape_in(&mut self, id: FaceId, style: Style, text: &str) -> Vec<Cluster> {
        let Some(face) = self.faces.get_mut(id) else { return Vec::new() };
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        // No face has a script that runs from right to left, so whatever is left over reads in the order it was written.
        buffer.set_direction(Direction::LeftToRight);
        let no_ligatures = [Feature::new(Tag::from_bytes(b"liga"), 0, ..), Feature::new(Tag::from_bytes(b"calt"), 0, ..)];
        let features: &[Feature] = if style == Style::Mono { &no_ligatures } else { &[] };
        let shaped = rustybuzz::shape(&face.buzz, features, buffer);

        let mut groups: Vec<(usize, Vec<(u16, Glyph)>)> = Vec::new();
        for (info, position) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()) {
            let start = usize::try_from(info.cluster).unwrap_or(0);
            let whole_font_id = u16::try_from(info.glyph_id).unwrap_or(0);
            let glyph = Glyph {
                id: if whole_font_id == 0 { 0 } else { face.keep(whole_font_id) },
                x_offset: face.thousandths(position.x_offset),
                y_offset: face.thousandths(position.y_offset),
                advance: face.thousandths(position.x_advance),
            };
            match groups.last_mut() {
                Some((last, glyphs)) if *last == start => glyphs.push((whole_font_id, glyph)),
                _ => groups.push((start, vec![(whole_font_id, glyph)])),
            }
        }
        let ends: Vec<usize> = groups.iter().skip(1).map(|(start, _)| *start).chain([text.len()]).collect();
        let mut clusters = Vec::with_capacity(groups.len());
        for ((start, glyphs), end) in groups.into_iter().zip(ends) {
            let said = text.get(start..end).unwrap_or_default();
            if glyphs.iter().any(|(whole_font_id, _)| *whole_font_id == 0) {
                clusters.extend(said.chars().map(|c| self.boxed(&text::code_point(c), &c.to_string())).collect::<Vec<_>>());
            } else if let Some(face) = self.faces.get_mut(id) {
                clusters.push(cluster(id, face, said, &glyphs));
            }
        }
        clusters
    }

    /// `shown` in small fixed-width letters, saying `said`.
    fn boxed(&mut self, shown: &str, said: &str) -> Cluster {
        let id = FaceId::MONO;
        let mut glyphs = Vec::new();
        let mut copied = String::new();
        if let Some(face) = self.faces.get_mut(id) {
            for c in shown.chars() {
                let Some(whole_font_id) = face.buzz.glyph_index(c).map(|glyph| glyph.0) else { continue };
                let kept = face.keep(whole_font_id);
                copied.push_str(face.says(kept, whole_font_id, &c.to_string()));
                glyphs.push(Glyph { id: kept, x_offset: 0, y_offset: 0, advance: face.width(kept) });
            }
        }
        let width: i32 = glyphs.iter().map(|glyph| glyph.advance).sum();
        Cluster { face: id, text: said.to_owned(), glyphs, advance: boxed_advance(width), spelt: copied != said, boxed: true }
    }
}

/// The letters at their smaller size, with a little room at both sides.
#[expect(clippy::cast_possible_truncation, reason = "a handful of glyphs of at most a few em")]
fn boxed_advance(width: i32) -> i32 {
    (width as f32 * SPELT_SIZE) as i32 + 2 * BOX_ROOM
}

/// Room left and right of a spelt-out character, in thousandths of the text's size.
pub(crate) const BOX_ROOM: i32 = 140;

fn cluster(id: FaceId, face: &mut Face, said: &str, glyphs: &[(u16, Glyph)]) -> Cluster {
    let mut copied = String::new();
    match glyphs {
        [(whole_font_id, glyph)] => copied.push_str(face.says(glyph.id, *whole_font_id, said)),
        _ => {
            for (whole_font_id, glyph) in glyphs {
                copied.push_str(face.says_in_part(glyph.id, *whole_font_id));
            }
        }
    }
    let glyphs: Vec<Glyph> = glyphs.iter().map(|(_, glyph)| *glyph).collect();
    let advance = glyphs.iter().map(|glyph| glyph.advance).sum();
    Cluster { face: id, text: said.to_owned(), glyphs, advance, spelt: copied != said, boxed: false }
}

/// Combining diacritical marks of the scripts that the faces cover.
fn is_combining(c: char) -> bool {
    matches!(u32::from(c), 0x0300..=0x036F | 0x0483..=0x0489 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, said: &[&str], boxed: &[bool]) {
        let mut shaper = Shaper::new().unwrap();
        let run = shaper.shape(Style::Body, text);
        assert_eq!(run.clusters.iter().map(|cluster| cluster.text.as_str()).collect::<Vec<_>>(), said, "{text}");
        assert_eq!(run.clusters.iter().map(|cluster| cluster.boxed).collect::<Vec<_>>(), boxed, "{text}");
        assert!(run.clusters.iter().flat_map(|cluster| &cluster.glyphs).all(|glyph| glyph.id != 0), "{text} has a missing glyph");
    }

    #[test]
    fn every_character_is_drawn_and_still_says_what_it_is() {
        check("Ab", &["A", "b"], &[false, false]);
        check("fi", &["fi"], &[false]);
        check("Żω", &["Ż", "ω"], &[false, false]);
        check("田中", &["田", "中"], &[true, true]);
        check("a田", &["a", "田"], &[false, true]);
        check("e\u{301}", &["e\u{301}"], &[false]);
        check("│", &["│"], &[false]);
        check("", &[], &[]);
    }

    #[test]
    fn a_glyph_that_stands_for_two_characters_is_spelt_out_the_second_time() {
        let mut shaper = Shaper::new().unwrap();
        let plain = shaper.shape(Style::Body, " ");
        let no_break = shaper.shape(Style::Body, "\u{a0}");
        let glyph = |run: &Run| run.clusters[0].glyphs[0].id;
        assert!(!plain.clusters[0].spelt);
        assert_eq!(no_break.clusters[0].spelt, glyph(&plain) == glyph(&no_break));
    }
}
