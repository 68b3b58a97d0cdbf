//! What PDF/A-3a, PDF/UA-1 and we ourselves demand of every PDF, as far as a program can see it.

use std::collections::{BTreeMap, BTreeSet};

use lopdf::Object;
use privyseal_core::digest::Digest;
use privyseal_core::report::{Block, Document};
use privyseal_evidence::pdf::{self, Attachment, PdfOptions};
use privyseal_evidence::sample;

use crate::pdf_file::{Element, Kid, PdfFile, rendered, text};

/// Every rule, on one file.
pub(crate) fn check(file: &PdfFile) {
    check_content_and_tree(file);
    check_elements(file);
    check_fonts(file);
    check_annotations(file);
    check_metadata(file);
}

fn check_content_and_tree(file: &PdfFile) {
    let tree = file.dictionary(file.catalog().get(b"StructTreeRoot").unwrap());
    let numbers = file.dictionary(tree.get(b"ParentTree").unwrap()).get(b"Nums").unwrap().as_array().unwrap();
    let keys: Vec<i64> = numbers.iter().step_by(2).map(|key| key.as_i64().unwrap()).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "the parent tree is sorted");
    let parents: BTreeMap<i64, &Object> = keys.iter().copied().zip(numbers.iter().skip(1).step_by(2)).collect();
    assert!(tree.get(b"ParentTreeNextKey").unwrap().as_i64().unwrap() > keys.iter().copied().max().unwrap_or(0));

    let mut owned: BTreeMap<(usize, i64), &Element> = BTreeMap::new();
    for element in file.elements() {
        for kid in &element.kids {
            if let Kid::Content { page, mcid, .. } = kid {
                assert!(owned.insert((*page, *mcid), element).is_none(), "content {mcid} of page {page} has one element");
            }
        }
    }
    for (index, page) in file.pages.iter().enumerate() {
        assert_eq!(page.unmarked, Vec::<String>::new(), "page {index} draws nothing that is not marked");
        let numbers: BTreeSet<i64> = page.mcids.iter().copied().collect();
        assert_eq!(numbers.len(), page.mcids.len(), "content numbers of page {index} are used once");
        let dictionary = file.pdf.get_object(page.id).unwrap().as_dict().unwrap();
        assert_eq!(dictionary.get(b"Tabs").unwrap().as_name().unwrap(), b"S");
        let key = dictionary.get(b"StructParents").unwrap().as_i64().unwrap();
        let (_, parents) = file.pdf.dereference(parents[&key]).unwrap();
        let parents = parents.as_array().unwrap();
        assert_eq!(parents.len(), page.mcids.len(), "page {index} leads back from every content");
        for mcid in &page.mcids {
            let owner = owned.get(&(index, *mcid)).unwrap_or_else(|| panic!("content {mcid} of page {index} is in the tree"));
            assert_eq!(parents[usize::try_from(*mcid).unwrap()].as_reference().unwrap(), owner.id, "content {mcid} of page {index}");
        }
    }
}

fn check_elements(file: &PdfFile) {
    let mut level = 0;
    for element in file.elements() {
        match element.role.as_str() {
            "H1" | "H2" | "H3" | "H4" => {
                let next = i32::from(element.role.as_bytes()[1] - b'0');
                assert!(next <= level + 1, "heading levels do not skip: {next} after {level}");
                level = next;
            }
            "Figure" => assert!(element.alt.as_deref().is_some_and(|alt| !alt.is_empty()), "a figure says what it shows"),
            "TH" => assert!(matches!(element.scope.as_deref(), Some("Row" | "Column")), "a heading cell says what it heads"),
            "Table" => check_table(element),
            "LI" => assert!(element.elements().iter().all(|kid| matches!(kid.role.as_str(), "Lbl" | "LBody"))),
            "L" => assert!(element.elements().iter().all(|kid| kid.role == "LI")),
            "TOC" => assert!(element.elements().iter().all(|kid| kid.role == "TOCI")),
            "Link" => assert!(element.kids.iter().any(|kid| matches!(kid, Kid::Annotation(_))), "a link has its annotation"),
            _ => {}
        }
    }
}

fn check_table(table: &Element) {
    let parts = table.elements();
    let roles: Vec<&str> = parts.iter().map(|part| part.role.as_str()).collect();
    assert_eq!(roles, ["Caption", "THead", "TBody"]);
    let rows: Vec<usize> = parts.iter().skip(1).flat_map(|part| part.elements()).map(|row| row.elements().len()).collect();
    assert!(rows.windows(2).all(|pair| pair[0] == pair[1]), "every row has as many cells: {rows:?}");
}

fn check_fonts(file: &PdfFile) {
    let mut seen = 0;
    for object in file.pdf.objects.values() {
        let Ok(font) = object.as_dict() else { continue };
        if font.get(b"Subtype").and_then(Object::as_name).ok() != Some(b"Type0") {
            continue;
        }
        seen += 1;
        let name = String::from_utf8(font.get(b"BaseFont").unwrap().as_name().unwrap().to_vec()).unwrap();
        let (tag, _) = name.split_once('+').expect("a subset says so in its name");
        assert!(tag.len() == 6 && tag.chars().all(|c| c.is_ascii_uppercase()), "{name}");
        let descendant = file.dictionary(&font.get(b"DescendantFonts").unwrap().as_array().unwrap()[0]);
        assert_eq!(descendant.get(b"CIDToGIDMap").unwrap().as_name().unwrap(), b"Identity");
        let descriptor = file.dictionary(descendant.get(b"FontDescriptor").unwrap());
        let program = file.stream(descriptor.get(b"FontFile2").expect("the font is embedded"));
        assert!(program.len() > 500, "{name} is embedded");
        for said in file.stream(font.get(b"ToUnicode").unwrap()).split(|byte| *byte == b'\n') {
            for bad in [&b"<FFFE>"[..], b"<FEFF>", b"<0000> <0000>", b"<>"] {
                assert!(!said.windows(bad.len()).any(|window| window == bad), "{name} maps a glyph to nothing");
            }
        }
    }
    assert!(seen > 0, "there is a font");
}

fn check_annotations(file: &PdfFile) {
    let tree = file.dictionary(file.catalog().get(b"StructTreeRoot").unwrap());
    let numbers = file.dictionary(tree.get(b"ParentTree").unwrap()).get(b"Nums").unwrap().as_array().unwrap();
    let mut held: BTreeMap<_, &Element> = BTreeMap::new();
    for element in file.elements() {
        for kid in &element.kids {
            if let Kid::Annotation(id) = kid {
                assert!(held.insert(*id, element).is_none(), "an annotation has one element");
            }
        }
    }
    let annotations = file.annotations();
    assert_eq!(annotations.len(), held.len());
    for (_, id, annotation) in annotations {
        assert_eq!(annotation.get(b"F").unwrap().as_i64().unwrap(), 4, "it is printed");
        assert!(!text(annotation.get(b"Contents").unwrap()).is_empty(), "it says where it leads");
        let key = annotation.get(b"StructParent").unwrap().as_i64().unwrap();
        let at = numbers.iter().step_by(2).position(|candidate| candidate.as_i64().unwrap() == key).expect("the parent tree knows it");
        assert_eq!(numbers[at * 2 + 1].as_reference().unwrap(), held[&id].id);
        assert_eq!(held[&id].role, "Link");
        match (annotation.get(b"Dest"), annotation.get(b"A")) {
            (Ok(destination), Err(_)) => {
                let page = destination.as_array().unwrap()[0].as_reference().unwrap();
                assert!(file.pages.iter().any(|candidate| candidate.id == page), "it leads to a page of this file");
            }
            (Err(_), Ok(action)) => {
                let action = file.dictionary(action);
                assert_eq!(action.get(b"S").unwrap().as_name().unwrap(), b"URI");
                assert!(action.get(b"URI").unwrap().as_str().unwrap().is_ascii());
            }
            _ => panic!("a link has exactly one destination"),
        }
    }
}

fn check_metadata(file: &PdfFile) {
    let catalog = file.catalog();
    let metadata = file.dictionary(catalog.get(b"Metadata").unwrap());
    assert!(!metadata.has(b"Filter"), "the packet is readable without knowing PDF");
    let packet = String::from_utf8(file.stream(catalog.get(b"Metadata").unwrap())).unwrap();
    let xml = roxmltree::Document::parse(&packet).expect("the packet is XML");
    let value = |name: &str| {
        let node = xml.descendants().find(|node| node.tag_name().name() == name).unwrap_or_else(|| panic!("the packet has {name}"));
        node.descendants()
            .filter(roxmltree::Node::is_text)
            .filter_map(|node| node.text())
            .map(|text| text.trim_matches([' ', '\n']))
            .collect::<String>()
    };
    let info = file.info();
    assert_eq!(value("title"), text(info.get(b"Title").unwrap()));
    assert_eq!(value("Producer"), text(info.get(b"Producer").unwrap()));
    assert_eq!(value("CreatorTool"), text(info.get(b"Creator").unwrap()));
    assert_eq!(value("language"), text(catalog.get(b"Lang").unwrap()));
    if let Ok(subject) = info.get(b"Subject") {
        assert_eq!(value("description"), text(subject));
    }
    for (xmp, key) in [("CreateDate", &b"CreationDate"[..]), ("ModifyDate", b"ModDate")] {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        assert_eq!(digits(&value(xmp)), digits(&text(info.get(key).unwrap())));
    }
    let parts: Vec<_> = xml.descendants().filter(|node| node.tag_name().name() == "part").filter_map(|node| node.text()).collect();
    assert_eq!(parts, ["3", "1"], "PDF/A-3 and PDF/UA-1");
    assert_eq!(value("conformance"), "A");

    let intent = file.dictionary(&catalog.get(b"OutputIntents").unwrap().as_array().unwrap()[0]);
    assert_eq!(intent.get(b"S").unwrap().as_name().unwrap(), b"GTS_PDFA1");
    assert_eq!(&file.stream(intent.get(b"DestOutputProfile").unwrap())[36..40], b"acsp");
    assert!(file.dictionary(catalog.get(b"MarkInfo").unwrap()).get(b"Marked").unwrap().as_bool().unwrap());
    assert!(file.dictionary(catalog.get(b"ViewerPreferences").unwrap()).get(b"DisplayDocTitle").unwrap().as_bool().unwrap());
    assert!(file.bytes.starts_with(b"%PDF-1.7"));
    assert!(file.pdf.trailer.get(b"ID").unwrap().as_array().unwrap()[0].as_str().unwrap().len() == 16);
}

#[test]
fn the_sample_keeps_every_rule() {
    check(&PdfFile::of(&sample::document()));
}

#[test]
fn the_smallest_report_keeps_every_rule() {
    let mut report = sample::document();
    (report.subtitle, report.footer) = (String::new(), String::new());
    (report.facts, report.blocks) = (Vec::new(), Vec::new());
    let file = PdfFile::of(&report);
    check(&file);
    assert_eq!(file.pages.len(), 1);
    assert!(!file.catalog().has(b"Outlines"));
}

#[test]
fn the_same_report_gives_the_same_bytes_and_another_one_another_id() {
    let report = sample::document();
    let digest = |report: &Document| Digest::of(&rendered(report));
    assert_eq!(digest(&report), digest(&report));
    let id = |report: &Document| PdfFile::of(report).pdf.trailer.get(b"ID").unwrap().clone();
    let mut other = report.clone();
    other.footer.push('.');
    assert_ne!(id(&report), id(&other));
}

#[test]
fn titles_are_escaped_and_hidden_characters_are_named() {
    let mut report = sample::document();
    report.title = "A & B <c> \"d\"\u{202e}\u{fffe} — 東京".into();
    let file = PdfFile::of(&report);
    check(&file);
    assert_eq!(text(file.info().get(b"Title").unwrap()), "A & B <c> \"d\"[U+202E][U+FFFE] — 東京");
}

#[test]
fn pages_are_numbered_and_carry_the_footer() {
    let report = sample::document();
    let file = PdfFile::of(&report);
    let total = file.pages.len();
    assert!(total >= 6);
    for (index, page) in file.pages.iter().enumerate() {
        assert!(page.artifacts.contains(&format!("Page {} of {total}", index + 1)), "{}", page.artifacts);
        assert!(page.artifacts.contains(&report.footer), "{}", page.artifacts);
        assert_eq!(page.artifacts.contains(&report.title), index > 0, "the title page does not repeat its title");
    }
}

#[test]
fn bookmarks_are_nested_like_the_headings_and_lead_to_them() {
    let report = sample::document();
    let file = PdfFile::of(&report);
    let mut found = Vec::new();
    let outline = file.dictionary(file.catalog().get(b"Outlines").unwrap());
    walk_bookmarks(&file, outline, 1, &mut found);
    let expected: Vec<(u8, String)> = report
        .blocks
        .iter()
        .filter_map(|block| match block {
            Block::Heading { level, text, .. } => Some((*level, text.clone())),
            _ => None,
        })
        .collect();
    let said: Vec<(u8, String)> = found.iter().map(|(level, title, _)| (*level, title.clone())).collect();
    assert_eq!(said, expected);
    for (_, title, page) in found {
        let content: String = file.pages[page].content.values().map(String::as_str).collect();
        assert!(content.contains(&title), "{title} is on page {}", page + 1);
    }
}

fn walk_bookmarks(file: &PdfFile, parent: &lopdf::Dictionary, level: u8, found: &mut Vec<(u8, String, usize)>) {
    let mut next = parent.get(b"First").ok();
    while let Some(entry) = next {
        let entry = file.dictionary(entry);
        let destination = entry.get(b"Dest").unwrap().as_array().unwrap()[0].as_reference().unwrap();
        let page = file.pages.iter().position(|page| page.id == destination).expect("a bookmark leads to a page");
        found.push((level, text(entry.get(b"Title").unwrap()), page));
        walk_bookmarks(file, entry, level + 1, found);
        next = entry.get(b"Next").ok();
    }
}

#[test]
fn the_contents_page_gives_the_pages_of_the_headings() {
    let file = PdfFile::of(&sample::document());
    let entries: Vec<&Element> = file.elements().into_iter().filter(|element| element.role == "TOCI").collect();
    assert_eq!(entries.len(), 10);
    for entry in entries {
        let said = entry.text();
        let (title, number) = said.trim_end().rsplit_once(' ').unwrap();
        let page = &file.pages[number.parse::<usize>().unwrap() - 1];
        let content: String = page.content.values().map(String::as_str).collect();
        assert!(content.contains(title.trim_end()), "{title} is on page {number}");
    }
}

#[test]
fn attachments_come_out_as_they_went_in() {
    let attachments = [
        Attachment { name: "żółć/queries.sql", media_type: "application/sql", bytes: b"SELECT 1;", description: "The queries" },
        Attachment { name: "empty.json", media_type: "application/json", bytes: b"", description: "" },
    ];
    let options = PdfOptions { created: "2026-10-05T06:00:00Z".parse().unwrap(), attachments: &attachments };
    let file = PdfFile::read(pdf::render(&sample::document(), &options).unwrap());
    check(&file);
    let names = file.dictionary(file.dictionary(file.catalog().get(b"Names").unwrap()).get(b"EmbeddedFiles").unwrap());
    let names = names.get(b"Names").unwrap().as_array().unwrap();
    assert_eq!(names.len(), 4);
    assert_eq!(file.catalog().get(b"AF").unwrap().as_array().unwrap().len(), 2);
    for attachment in &attachments {
        let at = names.iter().step_by(2).position(|name| text(name) == attachment.name).expect("the attachment is listed");
        let specification = file.dictionary(&names[at * 2 + 1]);
        assert_eq!(specification.get(b"AFRelationship").unwrap().as_name().unwrap(), b"Data");
        let stream = file.dictionary(specification.get(b"EF").unwrap()).get(b"F").unwrap();
        assert_eq!(file.stream(stream), attachment.bytes);
        let embedded = file.dictionary(stream);
        assert_eq!(embedded.get(b"Subtype").unwrap().as_name().unwrap(), attachment.media_type.as_bytes());
        let parameters = file.dictionary(embedded.get(b"Params").unwrap());
        let checksum: [u8; 16] = <md5::Md5 as md5::Digest>::digest(attachment.bytes).into();
        assert_eq!(parameters.get(b"CheckSum").unwrap().as_str().unwrap(), checksum);
        assert_eq!(parameters.get(b"Size").unwrap().as_i64().unwrap(), i64::try_from(attachment.bytes.len()).unwrap());
    }
}

#[test]
fn attachments_that_cannot_be_told_apart_are_refused() {
    let good = Attachment { name: "a.csv", media_type: "text/csv", bytes: b"", description: "" };
    for bad in [[good, good], [good, Attachment { name: " ", ..good }], [good, Attachment { name: "b", media_type: "csv", ..good }]] {
        let options = PdfOptions { created: "2026-10-05T06:00:00Z".parse().unwrap(), attachments: &bad };
        assert!(matches!(pdf::render(&sample::document(), &options), Err(pdf::Error::Attachment { .. })), "{bad:?}");
    }
}
