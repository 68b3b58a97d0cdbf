//! Files inside the PDF, tied to the report as PDF/A-3 wants them.

use lopdf::{Document, Object, Stream, StringFormat, dictionary};
use md5::{Digest as _, Md5};

use super::post::{Facts, pdf_date, text_string};
use super::{Attachment, Error};
use crate::text;

/// Embeds the files; answers with the name tree for the catalog and the list of associated files, or none.
pub(crate) fn write(pdf: &mut Document, attachments: &[Attachment<'_>], facts: &Facts) -> Result<Option<(Object, Vec<Object>)>, Error> {
    let mut named: Vec<(Vec<u8>, Object, Object)> = Vec::new();
    for attachment in attachments {
        let name = text::line(attachment.name);
        let refused = |what: &'static str| Error::Attachment { name: name.clone(), what };
        if name.is_empty() {
            return Err(refused("it has no name"));
        }
        if !is_media_type(attachment.media_type) {
            return Err(refused("its media type is not one, such as `text/csv`"));
        }
        // The format asks for MD5 here; it guards against accidents only. The pack's manifest has the digests that count.
        let checksum = Md5::digest(attachment.bytes).to_vec();
        let file = dictionary! {
            "Type" => "EmbeddedFile",
            "Subtype" => Object::Name(attachment.media_type.as_bytes().to_vec()),
            "Params" => dictionary! {
                "Size" => i64::try_from(attachment.bytes.len()).unwrap_or(i64::MAX),
                "CreationDate" => pdf_date(facts.created),
                "ModDate" => pdf_date(facts.created),
                "CheckSum" => Object::String(checksum, StringFormat::Hexadecimal),
            },
        };
        let file = pdf.add_object(Stream::new(file, attachment.bytes.to_vec()));
        let specification = pdf.add_object(dictionary! {
            "Type" => "Filespec",
            "F" => text_string(&name),
            "UF" => text_string(&name),
            "Desc" => text_string(&text::line(attachment.description)),
            "AFRelationship" => "Data",
            "EF" => dictionary! { "F" => file, "UF" => file },
        });
        let key = text_string(&name);
        let order = key.as_str()?.to_vec();
        if named.iter().any(|(other, _, _)| *other == order) {
            return Err(refused("there is another with this name"));
        }
        named.push((order, key, specification.into()));
    }
    if named.is_empty() {
        return Ok(None);
    }
    named.sort_by(|one, other| one.0.cmp(&other.0));
    let associated = named.iter().map(|(_, _, specification)| specification.clone()).collect();
    let names: Vec<Object> = named.into_iter().flat_map(|(_, key, specification)| [key, specification]).collect();
    Ok(Some((dictionary! { "EmbeddedFiles" => dictionary! { "Names" => names } }.into(), associated)))
}

fn is_media_type(text: &str) -> bool {
    let token = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
    text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}
