//! Stretches of text to lines of a given width.
//!
//! Lines break between words (see `word`), and anywhere in what is wider than a line.
//! At every soft line end a real space stays behind, so that copied text has its words apart; a cut digest gets none.

use std::rc::Rc;

use super::font::Style;
use super::shape::{BOX_ROOM, Cluster, Run, Shaper};
use super::strip::{Artifact, Draw, LinkRef, Tag, size_in};
use super::tag::NodeId;
use super::theme::{self, Color, LINE, Look, WAX};
use super::word::{MARK_ROOM, Piece, Word, points, words};
use crate::mark::Mark;
use crate::text;
use privyseal_core::finding::TestState;
use privyseal_core::text::Span;

/// A stretch of text with one look.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) text: String,
    pub(crate) style: Style,
    pub(crate) color: Color,
    pub(crate) link: Option<LinkRef>,
    pub(crate) kind: Kind,
}

/// How a stretch behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Running text: white space collapses.
    Flow,
    /// Code: white space and line feeds stay.
    Verbatim,
    /// The code point of a hidden character.
    Marked,
    /// The word of a state, which has its mark before it and stays in one piece.
    State(TestState),
}

/// A line, with positions from its left end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    stretches: Vec<Stretch>,
    /// Without the space at its end.
    pub(crate) width: f32,
}

/// A part of a line that is drawn in one go.
#[derive(Clone, Debug)]
struct Stretch {
    x: f32,
    width: f32,
    size: f32,
    style: Style,
    color: Color,
    link: Option<LinkRef>,
    state: Option<TestState>,
    runs: Vec<Rc<Run>>,
}

/// Splits text into what is shown as it is and what is shown by code point.
pub(crate) fn fragments(text: &str, style: Style, color: Color, kind: Kind, link: Option<LinkRef>) -> Vec<Fragment> {
    let fragment = |text: String, kind: Kind| Fragment { text, style, color, link, kind };
    let shown = text::spans(text).into_iter().map(|span| match span {
        Span::Plain(plain) => fragment(plain, kind),
        Span::Marked(mark) => fragment(mark, Kind::Marked),
    });
    shown.collect()
}

/// Breaks fragments into lines of at most `width`.
pub(crate) fn lines(shaper: &mut Shaper, fragments: &[Fragment], look: Look, width: f32) -> Vec<Line> {
    let words = words(shaper, fragments, look);
    let mut setter = Setter { fragments, look, width, lines: Vec::new(), line: Line::default(), pen: 0.0 };
    for word in &words {
        setter.place(shaper, word);
    }
    setter.finish()
}

/// The width of the widest word that is not code; narrower columns would tear words apart.
pub(crate) fn widest_word(shaper: &mut Shaper, fragments: &[Fragment], look: Look) -> f32 {
    let is_code = |piece: &Piece| fragments.get(piece.fragment).is_some_and(|fragment| fragment.kind == Kind::Verbatim);
    let words = words(shaper, fragments, look);
    words.iter().filter(|word| !word.pieces.iter().any(is_code)).fold(0.0, |widest, word| word.width.max(widest))
}

/// Breaks one line of code into lines of at most `width`, each with whether it continues the one before, which leaves `indent` less room.
/// Every space stays where it was written.
pub(crate) fn verbatim_lines(shaper: &mut Shaper, fragments: &[Fragment], look: Look, width: f32, indent: f32) -> Vec<(bool, Line)> {
    let mut setter = Setter { fragments, look, width, lines: Vec::new(), line: Line::default(), pen: 0.0 };
    for (index, fragment) in fragments.iter().enumerate() {
        let run = match fragment.kind {
            Kind::Marked => shaper.shape_marked(fragment.style, &fragment.text),
            _ => shaper.shape(fragment.style, &fragment.text),
        };
        let mut rest: &[Cluster] = &run.clusters;
        while !rest.is_empty() {
            let full = if setter.lines.is_empty() { width } else { width - indent };
            let count = fitting(rest, look.size, full - setter.pen, setter.pen == 0.0, full);
            let (now, later) = rest.split_at(count.min(rest.len()));
            if !now.is_empty() {
                let run = Rc::new(Run { clusters: now.to_vec() });
                let advance = points(run.advance(), look.size);
                setter.put(index, run, 0.0, advance);
            }
            rest = later;
            if !rest.is_empty() {
                setter.end_line();
            }
        }
    }
    setter.finish().into_iter().enumerate().map(|(index, line)| (index > 0, line)).collect()
}

struct Setter<'a> {
    fragments: &'a [Fragment],
    look: Look,
    width: f32,
    lines: Vec<Line>,
    line: Line,
    pen: f32,
}

impl Setter<'_> {
    fn place(&mut self, shaper: &mut Shaper, word: &Word) {
        if self.pen > 0.0 && self.pen + word.width > self.width {
            self.end_line();
        }
        if word.width > self.width {
            self.place_torn(word);
        } else {
            for piece in &word.pieces {
                self.put(piece.fragment, Rc::clone(&piece.run), piece.lead, piece.width);
            }
        }
        for _ in 0..word.spaces {
            self.space(shaper, word.space_owner);
        }
        if word.hard {
            self.end_line();
        }
    }

    /// Puts what is wider than a line, cut where it reads best: after a separator in the second half of a line, else anywhere.
    fn place_torn(&mut self, word: &Word) {
        for piece in &word.pieces {
            let size = self.size(piece.fragment);
            let mut lead = piece.lead;
            let mut rest: &[Cluster] = &piece.run.clusters;
            while !rest.is_empty() {
                let count = fitting(rest, size, self.width - self.pen - lead, self.pen == 0.0, self.width);
                if count == 0 {
                    self.end_line();
                    continue;
                }
                let (now, later) = rest.split_at(count.min(rest.len()));
                let run = Rc::new(Run { clusters: now.to_vec() });
                let width = lead + points(run.advance(), size);
                self.put(piece.fragment, run, lead, width);
                lead = 0.0;
                rest = later;
                if !rest.is_empty() {
                    self.end_line();
                }
            }
        }
    }

    fn size(&self, fragment: usize) -> f32 {
        self.fragments.get(fragment).map_or(self.look.size, |fragment| size_in(fragment.style, self.look.style, self.look.size))
    }

    fn put(&mut self, index: usize, run: Rc<Run>, lead: f32, width: f32) {
        let Some(fragment) = self.fragments.get(index) else { return };
        let state = match fragment.kind {
            Kind::State(state) if lead > 0.0 => Some(state),
            _ => None,
        };
        let size = self.size(index);
        let joins = |last: &Stretch| {
            state.is_none()
                && last.style == fragment.style
                && last.color == fragment.color
                && last.link == fragment.link
                && last.size == size
        };
        match self.line.stretches.last_mut() {
            Some(last) if joins(last) => {
                last.width = self.pen + width - last.x;
                last.runs.push(run);
            }
            _ => {
                let (style, color, link) = (fragment.style, fragment.color, fragment.link);
                let x = self.pen + lead;
                self.line.stretches.push(Stretch { x, width: width - lead, size, style, color, link, state, runs: vec![run] });
            }
        }
        self.pen += width;
        self.line.width = self.pen;
    }

    /// White space after a word: drawn, but not part of the line's width.
    fn space(&mut self, shaper: &mut Shaper, owner: usize) {
        if self.line.stretches.is_empty() {
            return;
        }
        let style = self.fragments.get(owner).map_or(self.look.style, |fragment| fragment.style);
        let run = shaper.shape(style, " ");
        let advance = points(run.advance(), self.size(owner));
        let (width, drawn) = (self.line.width, self.line.stretches.last().map_or(0.0, |last| last.width));
        let before = self.line.stretches.len();
        self.put(owner, run, 0.0, advance);
        self.line.width = width;
        let joined = before == self.line.stretches.len();
        if let Some(last) = self.line.stretches.last_mut().filter(|_| joined) {
            last.width = drawn;
        }
    }

    fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
        self.pen = 0.0;
    }

    fn finish(mut self) -> Vec<Line> {
        if !self.line.stretches.is_empty() {
            self.end_line();
        }
        self.lines
    }
}

/// How many clusters fit; at least one on an empty line, or nothing would ever be set.
fn fitting(clusters: &[Cluster], size: f32, room: f32, empty_line: bool, full_width: f32) -> usize {
    let mut used = 0.0;
    let mut count = 0;
    let mut good = 0;
    for cluster in clusters {
        used += points(cluster.advance, size);
        if used > room {
            break;
        }
        count += 1;
        if cluster.text.ends_with(['/', '_', '-', '.', ':', '=', ',', ';', '&', '?', '@', ' ']) && used > full_width / 2.0 {
            good = count;
        }
    }
    if count == clusters.len() {
        count
    } else if good > 0 {
        good
    } else if count == 0 && empty_line {
        1
    } else {
        count
    }
}

impl Line {
    /// Draws the line from `x` with its baseline at `y`, as content of `node`; links go to their own elements.
    pub(crate) fn draw(&self, x: f32, y: f32, node: NodeId, draws: &mut Vec<Draw>) {
        for stretch in &self.stretches {
            let tag = Tag::Content { node: stretch.link.map_or(node, |link| link.node), block: node };
            stretch.draw(x, y, tag, draws);
        }
    }

    /// Draws the line as decoration.
    pub(crate) fn draw_artifact(&self, x: f32, y: f32, kind: Artifact, draws: &mut Vec<Draw>) {
        for stretch in &self.stretches {
            stretch.draw(x, y, Tag::Artifact(kind), draws);
        }
    }
}

impl Stretch {
    fn draw(&self, x: f32, y: f32, tag: Tag, draws: &mut Vec<Draw>) {
        let decoration = Tag::Artifact(Artifact::Layout);
        let left = x + self.x;
        if let Some(state) = self.state {
            let side = self.size * 0.92;
            let (x, y) = (left - self.size * MARK_ROOM, y - self.size * 0.80);
            draws.push(Draw::Mark { x, y, side, color: theme::state_color(state), mark: Rc::new(Mark::of(state)), tag: decoration });
        }
        let mut pen = left;
        for cluster in self.runs.iter().flat_map(|run| &run.clusters) {
            let advance = points(cluster.advance, self.size);
            if cluster.boxed {
                let room = points(BOX_ROOM, self.size) / 2.0;
                let (x, width) = (pen + room, advance - 2.0 * room);
                draws.push(Draw::Rect { x, y: y - self.size * 0.78, width, height: self.size, color: LINE, tag: decoration });
            }
            pen += advance;
        }
        if let (Some(link), Tag::Content { .. }) = (self.link, tag) {
            draws.push(Draw::Rect { x: left, y: y + self.size * 0.17, width: self.width, height: 0.5, color: WAX, tag: decoration });
            let (top, height) = (y - self.size * 0.85, self.size * 1.15);
            draws.push(Draw::Link { x: left, y: top, width: self.width, height, link });
        }
        draws.push(Draw::Text { x: left, y, size: self.size, color: self.color, runs: self.runs.clone(), tag });
    }
}
