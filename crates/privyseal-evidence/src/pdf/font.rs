//! The three faces of the PDF pages: their bytes, which glyphs were used, and what each used glyph says when text is copied out.
//!
//! Shaping is in `shape`; here is what shaping needs of a face, and how a face becomes an embedded subset at the end.

use std::collections::BTreeMap;

use printpdf::{FontMetrics, ParsedFont, PdfFont};
use rustybuzz::ttf_parser::GlyphId;
use subsetter::GlyphRemapper;

use super::Error;

/// How text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Style {
    /// Running text.
    Body,
    /// Stressed text and headings.
    Strong,
    /// Ids, digests, code.
    Mono,
}

/// One of the embedded faces, by its place in the list of faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FaceId(usize);

impl FaceId {
    /// The fixed-width face, which also spells out characters that have no glyph.
    pub(crate) const MONO: FaceId = FaceId(2);

    /// Name of the font among the resources of a page. Own names: those printpdf would make come from a counter of the process.
    pub(crate) fn resource(self) -> String {
        format!("Face{}", self.0)
    }
}

impl Style {
    /// The faces to look for a character in, best first.
    pub(crate) fn faces(self) -> &'static [FaceId] {
        match self {
            Style::Body => &[FaceId(0), FaceId(2)],
            Style::Strong => &[FaceId(1), FaceId(0), FaceId(2)],
            Style::Mono => &[FaceId(2), FaceId(0)],
        }
    }
}

/// Subset tag and PostScript name, and the font.
const FACES: [(&str, &[u8]); 3] = [
    ("PSEALA+IBMPlexSans", include_bytes!("../../fonts/IBMPlexSans-Regular.ttf")),
    ("PSEALB+IBMPlexSans-SmBld", include_bytes!("../../fonts/IBMPlexSans-SemiBold.ttf")),
    ("PSEALC+IBMPlexMono", include_bytes!("../../fonts/IBMPlexMono-Regular.ttf")),
];

/// A face while a report is laid out. Glyph numbers are those of the subset unless said otherwise.
pub(crate) struct Face {
    name: &'static str,
    data: &'static [u8],
    pub(crate) buzz: rustybuzz::Face<'static>,
    remapper: GlyphRemapper,
    /// What each used glyph says. First use wins; a later, different use is spelt out where it stands.
    texts: BTreeMap<u16, String>,
    /// Font units.
    widths: BTreeMap<u16, u16>,
    /// Characters that printpdf may turn into glyphs by itself.
    characters: BTreeMap<u32, u16>,
    /// Glyphs of the whole font to the first character that shows as them.
    reverse: BTreeMap<u16, char>,
}

impl Face {
    fn load(name: &'static str, data: &'static [u8]) -> Result<Self, Error> {
        let buzz = rustybuzz::Face::from_slice(data, 0).ok_or(Error::Font { name, what: "be read" })?;
        let mut reverse = BTreeMap::new();
        for table in buzz.tables().cmap.iter().flat_map(|cmap| cmap.subtables).filter(rustybuzz::ttf_parser::cmap::Subtable::is_unicode) {
            table.codepoints(|value| {
                if let (Some(c), Some(glyph)) = (char::from_u32(value), table.glyph_index(value)) {
                    let first = reverse.entry(glyph.0).or_insert(c);
                    *first = (*first).min(c);
                }
            });
        }
        Ok(Self {
            name,
            data,
            buzz,
            remapper: GlyphRemapper::new(),
            texts: BTreeMap::new(),
            widths: BTreeMap::new(),
            characters: BTreeMap::new(),
            reverse,
        })
    }

    /// Whether the face can draw a character.
    pub(crate) fn has(&self, c: char) -> bool {
        self.buzz.glyph_index(c).is_some_and(|glyph| glyph.0 != 0)
    }

    /// Marks a glyph of the whole font as used and answers with its number in the subset.
    pub(crate) fn keep(&mut self, glyph: u16) -> u16 {
        let kept = self.remapper.remap(glyph);
        self.widths.entry(kept).or_insert_with(|| self.buzz.glyph_hor_advance(GlyphId(glyph)).unwrap_or(0));
        kept
    }

    /// What a used glyph says, given that it now stands for `text`; the caller spells out the text where the two differ.
    pub(crate) fn says(&mut self, kept: u16, glyph: u16, text: &str) -> &str {
        let face_has = |c: char| self.buzz.glyph_index(c) == Some(GlyphId(glyph));
        let character = single(text).filter(|c| face_has(*c) && !self.texts.contains_key(&kept));
        if let Some(c) = character {
            self.characters.insert(u32::from(c), kept);
        }
        self.texts.entry(kept).or_insert_with(|| text.to_owned())
    }

    /// What a glyph says that is only a part of what stands for a text, such as an accent set apart from its letter.
    pub(crate) fn says_in_part(&mut self, kept: u16, glyph: u16) -> &str {
        let reverse = &self.reverse;
        self.texts.entry(kept).or_insert_with(|| reverse.get(&glyph).copied().unwrap_or(char::REPLACEMENT_CHARACTER).to_string())
    }

    /// The glyph's text, when printpdf maps the character to this very glyph.
    pub(crate) fn plain(&self, kept: u16) -> Option<char> {
        let c = single(self.texts.get(&kept)?)?;
        (self.characters.get(&u32::from(c)) == Some(&kept)).then_some(c)
    }

    /// What copying the glyph out of the page gives.
    pub(crate) fn text(&self, kept: u16) -> &str {
        self.texts.get(&kept).map_or("\u{FFFD}", String::as_str)
    }

    /// The width of a used glyph in thousandths of its size, truncated exactly as printpdf writes it, or right-aligned columns drift.
    pub(crate) fn width(&self, kept: u16) -> i32 {
        self.thousandths(self.widths.get(&kept).copied().unwrap_or(0).into())
    }

    /// Font units in thousandths of the font's size.
    #[expect(clippy::cast_possible_truncation, reason = "truncation is the point; font units fit")]
    pub(crate) fn thousandths(&self, units: i32) -> i32 {
        (units as f32 * 1000.0 / self.buzz.units_per_em().max(1) as f32) as i32
    }

    fn embedded(&self) -> Result<PdfFont, Error> {
        let bytes = subsetter::subset(self.data, 0, &self.remapper).map_err(|_| Error::Font { name: self.name, what: "be subset" })?;
        let upem = u16::try_from(self.buzz.units_per_em()).map_err(|_| Error::Font { name: self.name, what: "be measured" })?;
        let metrics = FontMetrics { ascent: self.buzz.ascender(), descent: self.buzz.descender() };
        let mut font =
            ParsedFont::with_glyph_data(bytes, 0, Some(self.name.to_owned()), self.characters.clone(), self.widths.clone(), upem, metrics);
        let bounds = self.buzz.global_bounding_box();
        let described = &mut font.pdf_font_metrics;
        (described.x_min, described.y_min, described.x_max, described.y_max) = (bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max);
        described.us_weight_class = self.buzz.weight().to_number();
        Ok(PdfFont::new(font))
    }
}

fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// All faces of one report.
pub(crate) struct Faces(Vec<Face>);

impl Faces {
    /// Reads the faces; fails only when the binary was built with broken fonts.
    pub(crate) fn load() -> Result<Self, Error> {
        FACES.iter().map(|(name, data)| Face::load(name, data)).collect::<Result<_, _>>().map(Self)
    }

    /// A face.
    pub(crate) fn get(&self, id: FaceId) -> Option<&Face> {
        self.0.get(id.0)
    }

    /// A face, to note what is used of it.
    pub(crate) fn get_mut(&mut self, id: FaceId) -> Option<&mut Face> {
        self.0.get_mut(id.0)
    }

    /// The subsets to embed, by resource name. Faces that were not used are left out.
    pub(crate) fn embedded(&self) -> Result<Vec<(String, PdfFont)>, Error> {
        let used = self.0.iter().enumerate().filter(|(_, face)| !face.texts.is_empty());
        used.map(|(index, face)| Ok((FaceId(index).resource(), face.embedded()?))).collect()
    }
}
