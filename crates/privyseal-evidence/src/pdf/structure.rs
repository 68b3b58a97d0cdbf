//! The structure tree into the file: elements, the way back from content to element, and the link annotations that take part in it.

use std::collections::BTreeMap;

use lopdf::{Dictionary, Document, Object, ObjectId, dictionary};

use super::flow::Area;
use super::layout::Link;
use super::post::text_string;
use super::tag::{Attribute, Kid, Node, NodeId, Tree};
use super::theme::PAGE_HEIGHT;
use super::{Error, Pages};
use crate::link::Target;

/// Writes tree and annotations; answers with the root of the tree.
///
/// INVARIANT `parent-tree`: key of a page is its place in the file, key of annotation `n` is the number of pages plus `n`.
pub(crate) fn write(pdf: &mut Document, tree: &mut Tree, pages: &Pages<'_>, areas: &[Area], links: &[Link]) -> Result<ObjectId, Error> {
    let annotations: Vec<(ObjectId, Area)> = areas.iter().map(|area| (pdf.new_object_id(), *area)).collect();
    for (index, area) in areas.iter().enumerate() {
        tree.hold(area.link.node, Kid::Annotation(index));
    }
    let ids: BTreeMap<NodeId, ObjectId> =
        tree.nodes().map(|(node, _)| node).collect::<Vec<_>>().into_iter().map(|node| (node, pdf.new_object_id())).collect();
    let root = pdf.new_object_id();
    for (id, node) in tree.nodes() {
        let parent = node.parent.and_then(|parent| ids.get(&parent)).copied().unwrap_or(root);
        let element = element(node, parent, &ids, pages, &annotations);
        if let Some(object) = ids.get(&id) {
            pdf.set_object(*object, element);
        }
    }
    let parent_tree = parent_tree(pdf, &ids, pages, &annotations);
    let next = i64::try_from(pages.ids.len() + annotations.len()).unwrap_or(i64::MAX);
    let document = ids.get(&Tree::root()).copied().unwrap_or(root);
    pdf.set_object(
        root,
        dictionary! { "Type" => "StructTreeRoot", "K" => vec![document.into()], "ParentTree" => parent_tree, "ParentTreeNextKey" => next },
    );
    write_annotations(pdf, pages, &annotations, links)?;
    Ok(root)
}

fn element(
    node: &Node,
    parent: ObjectId,
    ids: &BTreeMap<NodeId, ObjectId>,
    pages: &Pages<'_>,
    annotations: &[(ObjectId, Area)],
) -> Dictionary {
    let mut element = dictionary! { "Type" => "StructElem", "S" => node.role, "P" => parent };
    let home = node.kids.iter().find_map(|kid| match kid {
        Kid::Content { page, .. } => pages.id(*page),
        _ => None,
    });
    if let Some(home) = home {
        element.set("Pg", home);
    }
    let kid = |kid: &Kid| -> Option<Object> {
        Some(match kid {
            Kid::Node(node) => (*ids.get(node)?).into(),
            Kid::Content { page, mcid } => {
                let (page, mcid) = (pages.id(*page)?, i64::try_from(*mcid).ok()?);
                if Some(page) == home { mcid.into() } else { dictionary! { "Type" => "MCR", "Pg" => page, "MCID" => mcid }.into() }
            }
            Kid::Annotation(index) => {
                let (object, area) = annotations.get(*index)?;
                dictionary! { "Type" => "OBJR", "Obj" => *object, "Pg" => pages.id(area.page)? }.into()
            }
        })
    };
    let mut kids: Vec<Object> = node.kids.iter().filter_map(kid).collect();
    if kids.len() == 1 {
        element.set("K", kids.remove(0));
    } else if !kids.is_empty() {
        element.set("K", kids);
    }
    match &node.attribute {
        Some(Attribute::Alternative(text)) => element.set("Alt", text_string(text)),
        Some(Attribute::ColumnScope) => element.set("A", dictionary! { "O" => "Table", "Scope" => "Column" }),
        Some(Attribute::RowScope) => element.set("A", dictionary! { "O" => "Table", "Scope" => "Row" }),
        None => {}
    }
    if let Some((_, bounds)) = node.bounds {
        let bounds: Vec<Object> = bounds.iter().map(|edge| Object::Real(*edge)).collect();
        element.set("A", dictionary! { "O" => "Layout", "Placement" => "Block", "BBox" => bounds });
    }
    element
}

fn parent_tree(pdf: &mut Document, ids: &BTreeMap<NodeId, ObjectId>, pages: &Pages<'_>, annotations: &[(ObjectId, Area)]) -> ObjectId {
    let reference = |node: &NodeId| ids.get(node).map_or(Object::Null, |id| Object::Reference(*id));
    let mut numbers: Vec<Object> = Vec::new();
    for (key, drawn) in pages.order.iter().enumerate() {
        let owners: Vec<Object> = pages.owners.get(*drawn).into_iter().flatten().map(reference).collect();
        let owners = pdf.add_object(owners);
        numbers.extend([Object::Integer(i64::try_from(key).unwrap_or(i64::MAX)), owners.into()]);
    }
    for (index, (_, area)) in annotations.iter().enumerate() {
        let key = i64::try_from(pages.ids.len() + index).unwrap_or(i64::MAX);
        numbers.extend([Object::Integer(key), reference(&area.link.node)]);
    }
    pdf.add_object(dictionary! { "Nums" => numbers })
}

fn write_annotations(pdf: &mut Document, pages: &Pages<'_>, annotations: &[(ObjectId, Area)], links: &[Link]) -> Result<(), Error> {
    let mut of_page: BTreeMap<usize, Vec<Object>> = BTreeMap::new();
    for (index, (id, area)) in annotations.iter().enumerate() {
        let Some(link) = links.get(area.link.index) else { continue };
        let [left, top, right, bottom] = area.edges;
        let rect: Vec<Object> =
            [left, PAGE_HEIGHT - bottom, right, PAGE_HEIGHT - top].map(|edge| Object::Real((edge * 100.0).round() / 100.0)).to_vec();
        let mut annotation = dictionary! {
            "Type" => "Annot",
            "Subtype" => "Link",
            "Rect" => rect,
            "F" => 4,
            "Border" => vec![0.into(), 0.into(), 0.into()],
            "StructParent" => i64::try_from(pages.ids.len() + index).unwrap_or(i64::MAX),
        };
        match &link.target {
            Target::Anchor(anchor) => {
                annotation.set("Contents", text_string(&link.text));
                if let Some(destination) = pages.destination(anchor) {
                    annotation.set("Dest", destination);
                }
            }
            Target::Address(address) => {
                annotation.set("Contents", text_string(&format!("{} ({address})", link.text)));
                annotation.set("A", dictionary! { "S" => "URI", "URI" => Object::string_literal(address.as_str()) });
            }
        }
        pdf.set_object(*id, annotation);
        of_page.entry(area.page).or_default().push((*id).into());
    }
    for (key, drawn) in pages.order.iter().enumerate() {
        let Some(id) = pages.id(*drawn) else { continue };
        let page = pdf.get_object_mut(id)?.as_dict_mut()?;
        page.set("StructParents", i64::try_from(key).unwrap_or(i64::MAX));
        page.set("Tabs", "S");
        match of_page.remove(drawn) {
            Some(annotations) => page.set("Annots", annotations),
            None => {
                page.remove(b"Annots");
            }
        }
    }
    Ok(())
}
