//! A PDF read back: pages, what each stretch of marked content says, and the structure tree.
//!
//! Written against the file format, not against our writer, so that a mistake in the writer is seen here.

use std::collections::BTreeMap;

use lopdf::content::Content;
use lopdf::{Dictionary, Document, Object, ObjectId};
use privyseal_core::report;
use privyseal_evidence::pdf::{self, PdfOptions};

/// A PDF as read back.
pub(crate) struct PdfFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) pdf: Document,
    pub(crate) pages: Vec<Page>,
    pub(crate) root: Element,
}

/// A page.
pub(crate) struct Page {
    pub(crate) id: ObjectId,
    /// What each content number says.
    pub(crate) content: BTreeMap<i64, String>,
    /// What decoration says.
    pub(crate) artifacts: String,
    /// Operators that draw outside of any marked content.
    pub(crate) unmarked: Vec<String>,
    /// Content numbers in the order of the page, repetitions included.
    pub(crate) mcids: Vec<i64>,
}

/// A structure element.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) id: ObjectId,
    pub(crate) role: String,
    pub(crate) alt: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) kids: Vec<Kid>,
}

#[derive(Debug)]
pub(crate) enum Kid {
    Element(Element),
    Content { page: usize, mcid: i64, text: String },
    Annotation(ObjectId),
}

/// Renders a report with a fixed date and no attachments.
pub(crate) fn rendered(document: &report::Document) -> Vec<u8> {
    let options = PdfOptions { created: "2026-10-05T06:00:00Z".parse().unwrap(), attachments: &[] };
    pdf::render(document, &options).unwrap()
}

impl PdfFile {
    pub(crate) fn of(document: &report::Document) -> Self {
        Self::read(rendered(document))
    }

    pub(crate) fn read(bytes: Vec<u8>) -> Self {
        let pdf = Document::load_mem(&bytes).expect("the file can be read");
        let pages: Vec<Page> = pdf.get_pages().into_values().map(|id| Page::read(&pdf, id)).collect();
        let catalog = pdf.catalog().unwrap();
        let tree = dictionary(&pdf, catalog.get(b"StructTreeRoot").unwrap());
        let kids = tree.get(b"K").unwrap().as_array().unwrap();
        assert_eq!(kids.len(), 1, "one document at the root");
        let root = Element::read(&pdf, &pages, kids[0].as_reference().unwrap());
        Self { bytes, pdf, pages, root }
    }

    /// Every element, in reading order.
    pub(crate) fn elements(&self) -> Vec<&Element> {
        let mut all = Vec::new();
        self.root.visit(&mut |element| all.push(element));
        all
    }

    /// Every annotation with its page.
    pub(crate) fn annotations(&self) -> Vec<(usize, ObjectId, &Dictionary)> {
        let mut annotations = Vec::new();
        for (index, page) in self.pages.iter().enumerate() {
            let Ok(list) = dictionary_of(&self.pdf, page.id).get(b"Annots") else { continue };
            for annotation in list.as_array().unwrap() {
                let id = annotation.as_reference().expect("annotations are indirect objects");
                annotations.push((index, id, dictionary_of(&self.pdf, id)));
            }
        }
        annotations
    }

    pub(crate) fn catalog(&self) -> &Dictionary {
        self.pdf.catalog().unwrap()
    }

    pub(crate) fn info(&self) -> &Dictionary {
        dictionary(&self.pdf, self.pdf.trailer.get(b"Info").unwrap())
    }

    pub(crate) fn dictionary<'a>(&'a self, object: &'a Object) -> &'a Dictionary {
        dictionary(&self.pdf, object)
    }

    /// The content of a stream that is referred to.
    pub(crate) fn stream(&self, object: &Object) -> Vec<u8> {
        stream(&self.pdf, object)
    }
}

impl Element {
    fn read(pdf: &Document, pages: &[Page], id: ObjectId) -> Self {
        let element = dictionary_of(pdf, id);
        assert_eq!(element.get(b"Type").unwrap().as_name().unwrap(), b"StructElem");
        let home = element.get(b"Pg").ok().map(|page| page.as_reference().unwrap());
        let kids = match element.get(b"K") {
            Err(_) => Vec::new(),
            Ok(Object::Array(kids)) => kids.iter().collect(),
            Ok(kid) => vec![kid],
        };
        let kids = kids.into_iter().map(|kid| Kid::read(pdf, pages, id, home, kid)).collect();
        let attributes = element.get(b"A").ok().map(|attributes| dictionary(pdf, attributes));
        let name = |value: &Object| String::from_utf8(value.as_name().unwrap().to_vec()).unwrap();
        Self {
            id,
            role: name(element.get(b"S").unwrap()),
            alt: element.get(b"Alt").ok().map(text),
            scope: attributes.and_then(|attributes| attributes.get(b"Scope").ok()).map(name),
            kids,
        }
    }

    fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Element)) {
        see(self);
        for kid in &self.kids {
            if let Kid::Element(element) = kid {
                element.visit(see);
            }
        }
    }

    /// All it says, in reading order.
    pub(crate) fn text(&self) -> String {
        let mut said = String::new();
        for kid in &self.kids {
            match kid {
                Kid::Element(element) => said.push_str(&element.text()),
                Kid::Content { text, .. } => said.push_str(text),
                Kid::Annotation(_) => {}
            }
        }
        said
    }

    /// Its elements.
    pub(crate) fn elements(&self) -> Vec<&Element> {
        let elements = self.kids.iter().filter_map(|kid| match kid {
            Kid::Element(element) => Some(element),
            _ => None,
        });
        elements.collect()
    }
}

impl Kid {
    fn read(pdf: &Document, pages: &[Page], parent: ObjectId, home: Option<ObjectId>, kid: &Object) -> Self {
        let content = |page: ObjectId, mcid: i64| {
            let page = pages.iter().position(|candidate| candidate.id == page).expect("content is on a page of this file");
            let text = pages[page].content.get(&mcid).unwrap_or_else(|| panic!("content {mcid} of page {page} exists")).clone();
            Kid::Content { page, mcid, text }
        };
        match kid {
            Object::Integer(mcid) => content(home.expect("an element with content has a page"), *mcid),
            Object::Reference(id) => {
                let element = Element::read(pdf, pages, *id);
                assert_eq!(dictionary_of(pdf, *id).get(b"P").unwrap().as_reference().unwrap(), parent, "a kid knows its parent");
                Kid::Element(element)
            }
            Object::Dictionary(reference) => match reference.get(b"Type").unwrap().as_name().unwrap() {
                b"MCR" => {
                    let page = reference.get(b"Pg").unwrap().as_reference().unwrap();
                    content(page, reference.get(b"MCID").unwrap().as_i64().unwrap())
                }
                b"OBJR" => Kid::Annotation(reference.get(b"Obj").unwrap().as_reference().unwrap()),
                other => panic!("unknown kid {other:?}"),
            },
            other => panic!("unknown kid {other:?}"),
        }
    }
}

/// Marked content that is open while a page is read.
struct Open {
    artifact: bool,
    mcid: Option<i64>,
    spelt: bool,
}

impl Page {
    fn read(pdf: &Document, id: ObjectId) -> Self {
        let fonts = fonts(pdf, id);
        let content = Content::decode(&pdf.get_page_content(id)).unwrap();
        let mut page = Page { id, content: BTreeMap::new(), artifacts: String::new(), unmarked: Vec::new(), mcids: Vec::new() };
        let mut open: Vec<Open> = Vec::new();
        let mut font: Option<&BTreeMap<u16, String>> = None;
        for operation in content.operations {
            let operands = &operation.operands;
            match operation.operator.as_str() {
                "BMC" => panic!("every decoration says of what kind it is"),
                "BDC" => {
                    let properties = operands[1].as_dict().unwrap();
                    let mcid = properties.get(b"MCID").ok().map(|mcid| mcid.as_i64().unwrap());
                    let spelt = properties.get(b"ActualText").ok().map(text);
                    if let Some(mcid) = mcid {
                        page.mcids.push(mcid);
                        page.content.entry(mcid).or_default();
                    }
                    if let Some(spelt) = &spelt {
                        page.say(&open, spelt);
                    }
                    open.push(Open { artifact: operands[0].as_name().unwrap() == b"Artifact", mcid, spelt: spelt.is_some() });
                }
                "EMC" => {
                    open.pop().expect("what ends has begun");
                }
                "Tf" => font = Some(fonts.get(operands[0].as_name().unwrap()).expect("the font is among the resources")),
                "Tj" | "TJ" => {
                    let parts = match &operands[0] {
                        Object::Array(parts) => parts.clone(),
                        part => vec![part.clone()],
                    };
                    for part in parts {
                        let Object::String(codes, _) = part else { continue };
                        for code in codes.chunks(2) {
                            let code = u16::from_be_bytes(code.try_into().expect("codes have two bytes"));
                            assert_ne!(code, 0, "no missing glyph is drawn");
                            let said = font.unwrap().get(&code).unwrap_or_else(|| panic!("glyph {code} says what it is"));
                            if !open.iter().any(|open| open.spelt) {
                                page.say(&open, said);
                            }
                        }
                    }
                    page.mark(&open, &operation.operator);
                }
                "f" | "f*" | "S" | "s" | "B" | "b" | "Do" | "sh" => page.mark(&open, &operation.operator),
                _ => {}
            }
        }
        assert!(open.is_empty(), "all marked content is ended");
        page
    }

    fn say(&mut self, open: &[Open], said: &str) {
        if open.iter().any(|open| open.artifact) {
            self.artifacts.push_str(said);
        } else if let Some(mcid) = open.iter().find_map(|open| open.mcid) {
            self.content.entry(mcid).or_default().push_str(said);
        }
    }

    fn mark(&mut self, open: &[Open], operator: &str) {
        let marked = open.iter().filter(|open| open.artifact || open.mcid.is_some()).count();
        if marked != 1 {
            self.unmarked.push(operator.to_owned());
        }
    }
}

/// By resource name: what every code of the font says.
fn fonts(pdf: &Document, page: ObjectId) -> BTreeMap<Vec<u8>, BTreeMap<u16, String>> {
    let resources = dictionary(pdf, dictionary_of(pdf, page).get(b"Resources").unwrap());
    let fonts = dictionary(pdf, resources.get(b"Font").unwrap());
    fonts.iter().map(|(name, font)| (name.clone(), to_unicode(pdf, dictionary(pdf, font)))).collect()
}

fn to_unicode(pdf: &Document, font: &Dictionary) -> BTreeMap<u16, String> {
    let map = String::from_utf8(stream(pdf, font.get(b"ToUnicode").expect("every font says what its glyphs are"))).unwrap();
    let mut said = BTreeMap::new();
    for line in map.lines().filter(|line| line.starts_with('<')) {
        let parts: Vec<&str> = line.split(['<', '>', ' ']).filter(|part| !part.is_empty()).collect();
        let [code, units] = parts[..] else { panic!("unexpected line {line}") };
        if code == "0000" && units == "FFFF" {
            continue;
        }
        let units: Vec<u16> =
            units.as_bytes().chunks(4).map(|unit| u16::from_str_radix(str::from_utf8(unit).unwrap(), 16).unwrap()).collect();
        said.insert(u16::from_str_radix(code, 16).unwrap(), String::from_utf16(&units).unwrap());
    }
    said
}

/// The text of a PDF string.
pub(crate) fn text(object: &Object) -> String {
    let bytes = object.as_str().unwrap();
    match bytes.strip_prefix(&[0xFE, 0xFF]) {
        Some(units) => {
            let units: Vec<u16> = units.chunks(2).map(|unit| u16::from_be_bytes(unit.try_into().unwrap())).collect();
            String::from_utf16(&units).unwrap()
        }
        None => String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

fn dictionary<'a>(pdf: &'a Document, object: &'a Object) -> &'a Dictionary {
    match pdf.dereference(object).unwrap().1 {
        Object::Stream(stream) => &stream.dict,
        object => object.as_dict().unwrap(),
    }
}

fn dictionary_of(pdf: &Document, id: ObjectId) -> &Dictionary {
    pdf.get_object(id).unwrap().as_dict().unwrap()
}

fn stream(pdf: &Document, object: &Object) -> Vec<u8> {
    let stream = pdf.dereference(object).unwrap().1.as_stream().unwrap();
    if stream.dict.has(b"Filter") { stream.decompressed_content().unwrap() } else { stream.content.clone() }
}
