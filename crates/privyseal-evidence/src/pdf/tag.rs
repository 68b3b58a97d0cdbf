//! The structure of a report for screen readers and text extraction: a tree of elements that is grown while pages are laid out and drawn.
//!
//! How the tree is written into the file is in `structure`.

/// An element, by its place in the tree's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(usize);

/// What an element holds, in reading order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kid {
    /// Another element.
    Node(NodeId),
    /// A stretch of marked content, by drawn page and number on it.
    Content { page: usize, mcid: usize },
    /// A link annotation, by its place in the list of annotations.
    Annotation(usize),
}

/// What an element says about itself beyond its role.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    /// Said instead of a figure.
    Alternative(String),
    /// A heading cell of a column.
    ColumnScope,
    /// A heading cell of a row.
    RowScope,
}

/// An element.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) role: &'static str,
    pub(crate) parent: Option<NodeId>,
    pub(crate) kids: Vec<Kid>,
    pub(crate) attribute: Option<Attribute>,
    /// Where a figure stands: drawn page, left, bottom, right, top.
    pub(crate) bounds: Option<(usize, [f32; 4])>,
    /// Whether it has a place among its parent's kids yet.
    attached: bool,
}

/// The tree; its first node is the root.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// A tree with nothing but the document.
    pub(crate) fn new() -> Self {
        let root = Node { role: "Document", parent: None, kids: Vec::new(), attribute: None, bounds: None, attached: true };
        Self { nodes: vec![root] }
    }

    /// The document itself.
    pub(crate) fn root() -> NodeId {
        NodeId(0)
    }

    /// Adds an element after the kids its parent has so far.
    pub(crate) fn add(&mut self, parent: NodeId, role: &'static str) -> NodeId {
        let node = self.add_inline(parent, role);
        self.attach(node);
        node
    }

    /// Adds an element that takes its place when its first content is drawn, so that text before it comes before it.
    pub(crate) fn add_inline(&mut self, parent: NodeId, role: &'static str) -> NodeId {
        let node = NodeId(self.nodes.len());
        self.nodes.push(Node { role, parent: Some(parent), kids: Vec::new(), attribute: None, bounds: None, attached: false });
        node
    }

    fn attach(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(id.0) else { return };
        if std::mem::replace(&mut node.attached, true) {
            return;
        }
        if let Some(parent) = node.parent {
            self.attach(parent);
            self.push(parent, Kid::Node(id));
        }
    }

    /// Says something about an element.
    pub(crate) fn describe(&mut self, id: NodeId, attribute: Attribute) {
        if let Some(node) = self.nodes.get_mut(id.0) {
            node.attribute = Some(attribute);
        }
    }

    /// Gives an element content or an annotation.
    pub(crate) fn hold(&mut self, id: NodeId, kid: Kid) {
        self.attach(id);
        self.push(id, kid);
    }

    /// Widens the bounds of a figure.
    pub(crate) fn cover(&mut self, id: NodeId, page: usize, area: [f32; 4]) {
        if let Some(node) = self.nodes.get_mut(id.0).filter(|node| node.role == "Figure") {
            let [left, bottom, right, top] = area;
            node.bounds = Some(match node.bounds {
                Some((at, [l, b, r, t])) if at == page => (page, [l.min(left), b.min(bottom), r.max(right), t.max(top)]),
                _ => (page, area),
            });
        }
    }

    fn push(&mut self, id: NodeId, kid: Kid) {
        if let Some(node) = self.nodes.get_mut(id.0) {
            node.kids.push(kid);
        }
    }

    /// The role of an element.
    pub(crate) fn role(&self, id: NodeId) -> &'static str {
        self.nodes.get(id.0).map_or("NonStruct", |node| node.role)
    }

    /// Every element that has a place in the tree, in the order they were made; a parent comes before its kids.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.attached).map(|(index, node)| (NodeId(index), node))
    }
}
