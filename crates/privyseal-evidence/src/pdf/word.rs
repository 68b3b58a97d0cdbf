//! Stretches of text to words: where Unicode lets a line end, and where we do not.
//!
//! Code breaks only at white space and states never; what is still too wide for a line is torn in `paragraph`.

use std::rc::Rc;

use unicode_linebreak::{BreakOpportunity, linebreaks};

use super::paragraph::{Fragment, Kind};
use super::shape::{Run, Shaper};
use super::strip::size_in;
use super::theme::Look;
use crate::text;

/// What never breaks unless it must: a word, or several stretches without a break between them.
#[derive(Default)]
pub(crate) struct Word {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) width: f32,
    /// How many spaces follow.
    pub(crate) spaces: usize,
    /// The fragment that they stand in; its look is theirs.
    pub(crate) space_owner: usize,
    /// A line ends here in any case.
    pub(crate) hard: bool,
}

/// A part of a word in one look.
pub(crate) struct Piece {
    pub(crate) fragment: usize,
    pub(crate) run: Rc<Run>,
    /// Room before it, for the mark of a state.
    pub(crate) lead: f32,
    /// With that room.
    pub(crate) width: f32,
}

/// Room for the mark of a state before its word, relative to the size of the text.
pub(crate) const MARK_ROOM: f32 = 1.35;

/// The words of a text, shaped. White space between them is counted, not shaped.
pub(crate) fn words(shaper: &mut Shaper, fragments: &[Fragment], look: Look) -> Vec<Word> {
    let (text, owners) = joined(fragments);
    let kind_at = |at: usize| owners.iter().rfind(|(start, _)| *start <= at).and_then(|(_, owner)| fragments.get(*owner)).map(|f| f.kind);
    let mut words = Vec::new();
    let mut start = 0;
    for (end, opportunity) in linebreaks(&text) {
        let Some(stretch) = text.get(start..end) else { continue };
        let after_space = stretch.ends_with(text::is_space);
        let inside = (end < text.len()).then(|| (kind_at(end.saturating_sub(1)), kind_at(end)));
        let may_break = match inside {
            Some((Some(Kind::State(before)), Some(Kind::State(after)))) if before == after => false,
            Some((Some(Kind::Verbatim), Some(Kind::Verbatim))) => after_space,
            _ => true,
        };
        let hard = opportunity == BreakOpportunity::Mandatory && end < text.len();
        if may_break || hard {
            words.push(word(shaper, fragments, look, &text, &owners, start..end, hard));
            start = end;
        }
    }
    words.retain(|word| !word.pieces.is_empty() || word.hard || word.spaces > 1);
    words
}

/// All text in a row with running white space collapsed, and where each fragment starts in it.
fn joined(fragments: &[Fragment]) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut owners = Vec::new();
    for (index, fragment) in fragments.iter().enumerate() {
        owners.push((text.len(), index));
        if fragment.kind == Kind::Flow {
            for c in fragment.text.chars() {
                if !text::is_space(c) {
                    text.push(c);
                } else if !text.is_empty() && !text.ends_with(text::is_space) {
                    text.push(' ');
                }
            }
        } else {
            text.push_str(&fragment.text.replace('\t', "    "));
        }
    }
    text.truncate(text.trim_end_matches(text::is_space).len());
    (text, owners)
}

fn word(
    shaper: &mut Shaper,
    fragments: &[Fragment],
    look: Look,
    text: &str,
    owners: &[(usize, usize)],
    range: std::ops::Range<usize>,
    hard: bool,
) -> Word {
    let whole = text.get(range.clone()).unwrap_or_default();
    let solid = whole.trim_end_matches(text::is_space);
    let solid_end = range.start + solid.len();
    // Running text has one space here at most; code has as many as were written.
    let space_owner = owners.iter().rfind(|(start, _)| *start <= solid_end).map_or(0, |(_, owner)| *owner);
    let mut word = Word { spaces: whole.len() - solid.len(), space_owner, hard, ..Word::default() };
    for (position, (start, owner)) in owners.iter().enumerate() {
        let end = owners.get(position + 1).map_or(text.len(), |(next, _)| *next);
        let (from, to) = ((*start).max(range.start), end.min(solid_end));
        let Some((fragment, said)) = fragments.get(*owner).zip(text.get(from..to).filter(|said| !said.is_empty())) else { continue };
        let size = size_in(fragment.style, look.style, look.size);
        let run =
            if fragment.kind == Kind::Marked { shaper.shape_marked(fragment.style, said) } else { shaper.shape(fragment.style, said) };
        let opens_state = matches!(fragment.kind, Kind::State(_)) && from == *start;
        let lead = if opens_state { size * MARK_ROOM } else { 0.0 };
        let width = lead + points(run.advance(), size);
        word.width += width;
        word.pieces.push(Piece { fragment: *owner, run, lead, width });
    }
    word
}

/// Thousandths of a size in points.
pub(crate) fn points(thousandths: i32, size: f32) -> f32 {
    thousandths as f32 * size / 1000.0
}
