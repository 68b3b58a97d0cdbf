//! From printpdf's document to the file: everything that PDF/A-3a and PDF/UA-1 ask for and printpdf does not write.

use lopdf::{Dictionary, Document, Object, SaveOptions, Stream, StringFormat, dictionary};
use privyseal_core::digest::Digest;
use privyseal_core::time::Timestamp;

use super::flow::Area;
use super::layout::Link;
use super::outline::{self, Bookmark};
use super::tag::Tree;
use super::{Attachment, Error, Pages, attach, icc, structure, xmp};

/// What the file says about itself, in Info and in XMP.
pub(crate) struct Facts {
    pub(crate) title: String,
    pub(crate) subject: String,
    pub(crate) language: String,
    pub(crate) created: Timestamp,
    pub(crate) maker: &'static str,
}

/// What goes into the file beside the pages.
pub(crate) struct Extras<'a> {
    pub(crate) facts: Facts,
    pub(crate) tree: &'a mut Tree,
    pub(crate) areas: &'a [Area],
    pub(crate) links: &'a [Link],
    pub(crate) bookmarks: Vec<Bookmark>,
    pub(crate) attachments: &'a [Attachment<'a>],
}

/// Completes the document and writes it.
pub(crate) fn finish(mut pdf: Document, pages: &Pages<'_>, extras: Extras<'_>) -> Result<Vec<u8>, Error> {
    let facts = &extras.facts;
    pdf.version = "1.7".to_owned();

    let info = info(facts);
    let info_id = pdf.trailer.get(b"Info")?.as_reference()?;
    pdf.set_object(info_id, info);

    // Readers that do not know PDF look for the packet in the plain bytes, so it is not compressed.
    let packet = dictionary! { "Type" => "Metadata", "Subtype" => "XML" };
    let metadata = pdf.add_object(Stream::new(packet, xmp::packet(facts).into_bytes()).with_compression(false));
    let profile = pdf.add_object(Stream::new(dictionary! { "N" => 3 }, icc::srgb()));
    let intent = dictionary! {
        "Type" => "OutputIntent",
        "S" => "GTS_PDFA1",
        "OutputConditionIdentifier" => Object::string_literal("sRGB IEC61966-2.1"),
        "Info" => Object::string_literal("sRGB IEC61966-2.1"),
        "DestOutputProfile" => profile,
    };
    let structure = structure::write(&mut pdf, extras.tree, pages, extras.areas, extras.links)?;
    let outline = outline::write(&mut pdf, extras.bookmarks);
    let attached = attach::write(&mut pdf, extras.attachments, facts)?;

    let catalog_id = pdf.trailer.get(b"Root")?.as_reference()?;
    let catalog = pdf.get_object_mut(catalog_id)?.as_dict_mut()?;
    catalog.set("Lang", text_string(&facts.language));
    catalog.set("MarkInfo", dictionary! { "Marked" => true });
    catalog.set("Metadata", metadata);
    catalog.set("OutputIntents", vec![intent.into()]);
    catalog.set("StructTreeRoot", structure);
    catalog.set("ViewerPreferences", dictionary! { "DisplayDocTitle" => true });
    if let Some(outline) = outline {
        catalog.set("Outlines", outline);
        catalog.set("PageMode", "UseOutlines");
    }
    if let Some((names, associated)) = attached {
        catalog.set("Names", names);
        catalog.set("AF", associated);
    }
    write(pdf)
}

/// Writes the bytes; the file's id is a digest of its content, so the same report gives the same file.
fn write(mut pdf: Document) -> Result<Vec<u8>, Error> {
    pdf.trailer.remove(b"ID");
    let mut draft = Vec::new();
    pdf.save_to(&mut draft).map_err(Error::Write)?;
    let digest = Digest::of(&draft);
    let id = Object::String(digest.as_bytes().iter().take(16).copied().collect(), StringFormat::Hexadecimal);
    pdf.trailer.set("ID", vec![id.clone(), id]);
    pdf.compress();
    // Without its own level here lopdf stores object streams raw, which more than doubles the file.
    let options = SaveOptions::builder().use_object_streams(true).use_xref_streams(true).compression_level(6).build();
    let mut bytes = Vec::new();
    pdf.save_with_options(&mut bytes, options).map_err(Error::Write)?;
    Ok(bytes)
}

fn info(facts: &Facts) -> Dictionary {
    let mut info = dictionary! {
        "Title" => text_string(&facts.title),
        "Creator" => text_string(facts.maker),
        "Producer" => text_string(facts.maker),
        "CreationDate" => pdf_date(facts.created),
        "ModDate" => pdf_date(facts.created),
    };
    if !facts.subject.is_empty() {
        info.set("Subject", text_string(&facts.subject));
    }
    info
}

/// A text as a PDF string: ASCII as it is, anything else in UTF-16.
pub(crate) fn text_string(text: &str) -> Object {
    if text.is_ascii() { Object::string_literal(text) } else { Object::String(super::utf16(text), StringFormat::Hexadecimal) }
}

/// A moment as PDF writes it, to the second.
pub(crate) fn pdf_date(moment: Timestamp) -> Object {
    Object::string_literal(moment.to_chrono().format("D:%Y%m%d%H%M%SZ").to_string())
}
