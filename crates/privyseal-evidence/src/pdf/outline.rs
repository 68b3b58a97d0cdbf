//! The bookmarks: all headings, nested by level, in the order of the report.

use lopdf::{Dictionary, Document, Object, ObjectId, dictionary};

use super::post::text_string;

/// A heading and the place its bookmark leads to.
pub(crate) struct Bookmark {
    pub(crate) level: u8,
    pub(crate) title: String,
    pub(crate) destination: Object,
}

/// A bookmark with its place among the others.
struct Entry {
    id: ObjectId,
    parent: Option<usize>,
    kids: Vec<usize>,
}

/// Writes the bookmarks and answers with the root to hang into the catalog; none when there are none.
pub(crate) fn write(pdf: &mut Document, bookmarks: Vec<Bookmark>) -> Option<ObjectId> {
    if bookmarks.is_empty() {
        return None;
    }
    let root = pdf.new_object_id();
    let mut entries: Vec<Entry> = Vec::with_capacity(bookmarks.len());
    let mut top: Vec<usize> = Vec::new();
    // The bookmarks above the current one, outermost first, with their levels.
    let mut above: Vec<(u8, usize)> = Vec::new();
    for (index, bookmark) in bookmarks.iter().enumerate() {
        above.retain(|(level, _)| *level < bookmark.level);
        let parent = above.last().map(|(_, parent)| *parent);
        match parent.and_then(|parent| entries.get_mut(parent)) {
            Some(parent) => parent.kids.push(index),
            None => top.push(index),
        }
        entries.push(Entry { id: pdf.new_object_id(), parent, kids: Vec::new() });
        above.push((bookmark.level, index));
    }
    for (index, bookmark) in bookmarks.into_iter().enumerate() {
        let Some(entry) = entries.get(index) else { continue };
        let siblings = entry.parent.and_then(|parent| entries.get(parent)).map_or(&top, |parent| &parent.kids);
        let place = siblings.iter().position(|sibling| *sibling == index).unwrap_or(0);
        let id_of = |at: Option<&usize>| at.and_then(|at| entries.get(*at)).map(|entry| entry.id);
        let mut dictionary = dictionary! {
            "Title" => text_string(&bookmark.title),
            "Dest" => bookmark.destination,
            "Parent" => entry.parent.and_then(|parent| id_of(Some(&parent))).unwrap_or(root),
        };
        link(&mut dictionary, "Prev", place.checked_sub(1).and_then(|before| id_of(siblings.get(before))));
        link(&mut dictionary, "Next", id_of(siblings.get(place + 1)));
        link(&mut dictionary, "First", id_of(entry.kids.first()));
        link(&mut dictionary, "Last", id_of(entry.kids.last()));
        if !entry.kids.is_empty() {
            // The top level opens to show its sections; everything below stays closed (a negative count).
            let visible = i64::try_from(entry.kids.len()).unwrap_or(i64::MAX);
            dictionary.set("Count", if entry.parent.is_none() { visible } else { -visible });
        }
        pdf.set_object(entry.id, dictionary);
    }
    let visible: usize = top.iter().filter_map(|at| entries.get(*at)).map(|entry| 1 + entry.kids.len()).sum();
    let mut dictionary = dictionary! { "Type" => "Outlines", "Count" => i64::try_from(visible).unwrap_or(i64::MAX) };
    let ends = (top.first(), top.last());
    link(&mut dictionary, "First", ends.0.and_then(|at| entries.get(*at)).map(|entry| entry.id));
    link(&mut dictionary, "Last", ends.1.and_then(|at| entries.get(*at)).map(|entry| entry.id));
    pdf.set_object(root, dictionary);
    Some(root)
}

fn link(dictionary: &mut Dictionary, key: &str, to: Option<ObjectId>) {
    if let Some(to) = to {
        dictionary.set(key, to);
    }
}
