//! A page onto a canvas: decoration first, then content block by block, each stretch marked with the element it belongs to.

use super::canvas::Canvas;
use super::flow::Sheet;
use super::strip::{Artifact, Draw, Tag};
use super::tag::{Kid, NodeId, Tree};
use super::theme::PAGE_HEIGHT;

/// Draws a page and enters what it drew into the tree; answers with the element of every content number.
///
/// Content of one block is brought together even where a row was cut between its lines and its cells were laid out in turns,
/// so that reading order is the order of the blocks.
pub(crate) fn paint(sheet: &Sheet, page: usize, tree: &mut Tree, canvas: &mut dyn Canvas) -> Vec<NodeId> {
    for kind in [Artifact::Layout, Artifact::Header, Artifact::Footer] {
        let mut draws = sheet.draws.iter().filter(|draw| tag(draw) == Some(Tag::Artifact(kind))).peekable();
        if draws.peek().is_some() {
            canvas.begin_artifact(kind);
            draws.for_each(|draw| put(draw, canvas));
            canvas.end();
        }
    }
    let mut content: Vec<(NodeId, NodeId, &Draw)> = Vec::new();
    for draw in &sheet.draws {
        if let Some(Tag::Content { node, block }) = tag(draw) {
            content.push((block, node, draw));
        }
    }
    content.sort_by_key(|(block, _, _)| *block);
    let mut owners: Vec<NodeId> = Vec::new();
    let mut open: Option<NodeId> = None;
    for (_, node, draw) in content {
        if open != Some(node) {
            if open.is_some() {
                canvas.end();
            }
            let mcid = owners.len();
            canvas.begin_content(tree.role(node), mcid);
            tree.hold(node, Kid::Content { page, mcid });
            owners.push(node);
            open = Some(node);
        }
        if let Draw::Rect { x, y, width, height, .. } = draw {
            tree.cover(node, page, [*x, PAGE_HEIGHT - y - height, x + width, PAGE_HEIGHT - y]);
        }
        put(draw, canvas);
    }
    if open.is_some() {
        canvas.end();
    }
    owners
}

fn tag(draw: &Draw) -> Option<Tag> {
    match draw {
        Draw::Text { tag, .. } | Draw::Rect { tag, .. } | Draw::Mark { tag, .. } => Some(*tag),
        Draw::Link { .. } | Draw::Anchor { .. } => None,
    }
}

fn put(draw: &Draw, canvas: &mut dyn Canvas) {
    match draw {
        Draw::Text { x, y, size, color, runs, .. } => canvas.text(*x, *y, *size, *color, runs),
        Draw::Rect { x, y, width, height, color, .. } => canvas.rect(*x, *y, *width, *height, *color),
        Draw::Mark { x, y, side, color, mark, .. } => canvas.mark(*x, *y, *side, *color, mark),
        Draw::Link { .. } | Draw::Anchor { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::mark::Mark;
    use crate::pdf::shape::Run;
    use crate::pdf::theme::{Color, INK};

    /// A canvas that writes down what it is told.
    #[derive(Default)]
    struct Record(String);

    impl Canvas for Record {
        fn begin_content(&mut self, role: &'static str, mcid: usize) {
            self.0 += &format!("<{role} {mcid}>");
        }
        fn begin_artifact(&mut self, kind: Artifact) {
            self.0 += &format!("<{kind:?}>");
        }
        fn end(&mut self) {
            self.0 += "</>";
        }
        fn rect(&mut self, x: f32, _: f32, _: f32, _: f32, _: Color) {
            self.0 += &format!("rect{x} ");
        }
        fn mark(&mut self, x: f32, _: f32, _: f32, _: Color, _: &Mark) {
            self.0 += &format!("mark{x} ");
        }
        fn text(&mut self, x: f32, _: f32, _: f32, _: Color, _: &[Rc<Run>]) {
            self.0 += &format!("text{x} ");
        }
    }

    #[test]
    fn decoration_comes_first_and_blocks_stay_together() {
        let mut tree = Tree::new();
        let left = tree.add(Tree::root(), "TD");
        let right = tree.add(Tree::root(), "TD");
        let link = tree.add_inline(left, "Link");
        let text = |x: f32, tag: Tag| Draw::Text { x, y: 0.0, size: 1.0, color: INK, runs: Vec::new(), tag };
        let of = |node: NodeId, block: NodeId| Tag::Content { node, block };
        let sheet = Sheet {
            draws: vec![
                text(1.0, of(left, left)),
                text(2.0, of(right, right)),
                text(3.0, of(link, left)),
                Draw::Rect { x: 4.0, y: 0.0, width: 1.0, height: 1.0, color: INK, tag: Tag::Artifact(Artifact::Layout) },
                text(5.0, of(right, right)),
                text(6.0, of(left, left)),
                text(7.0, Tag::Artifact(Artifact::Footer)),
            ],
        };
        let mut canvas = Record::default();
        let owners = paint(&sheet, 0, &mut tree, &mut canvas);
        assert_eq!(canvas.0, "<Layout>rect4 </><Footer>text7 </><TD 0>text1 </><Link 1>text3 </><TD 2>text6 </><TD 3>text2 text5 </>");
        assert_eq!(owners, [left, link, left, right]);
        let kids = |id: NodeId| tree.nodes().find(|(node, _)| *node == id).map(|(_, node)| node.kids.clone()).unwrap_or_default();
        let content = |mcid: usize| Kid::Content { page: 0, mcid };
        assert_eq!(kids(left), [content(0), Kid::Node(link), content(2)]);
        assert_eq!(kids(link), [content(1)]);
    }
}
