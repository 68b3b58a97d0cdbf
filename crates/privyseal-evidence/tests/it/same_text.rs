//! HTML and PDF say the same: the same blocks in the same order with the same words.

use privyseal_core::report::Document;
use privyseal_evidence::sample;

use crate::html_page::{blocks, collapsed, with_page};
use crate::pdf_file::PdfFile;

/// Holds the text of both renderings of a report against each other.
pub(crate) fn check(report: &Document, file: &PdfFile) {
    let mut page = with_page(report, |_, xml| blocks(xml));
    let (role, footer) = page.pop().expect("the page ends with its footer");
    assert_eq!(role, "P");
    // The foot of a PDF page holds three lines; what is longer ends there in an ellipsis.
    if footer.chars().count() < 60 {
        let solid = |text: &str| text.split([' ', '\n', '\t']).collect::<String>();
        for page in &file.pages {
            assert!(solid(&page.artifacts).contains(&solid(&footer)), "{footer:?} is at the foot of every page: {:?}", page.artifacts);
        }
    }
    assert_eq!(of_pdf(file, page.len()), page);
}

fn of_pdf(file: &PdfFile, expected: usize) -> Vec<(String, String)> {
    let mut blocks = Vec::with_capacity(expected);
    for element in file.elements() {
        let mut said = collapsed(&element.text());
        match element.role.as_str() {
            "H1" | "H2" | "H3" | "H4" | "P" | "Lbl" | "LBody" | "Caption" | "TH" | "TD" => {}
            "TOCI" => said = said.rsplit_once(' ').expect("an entry ends with its page").0.to_owned(),
            _ => continue,
        }
        blocks.push((element.role.clone(), said));
    }
    blocks
}

#[test]
fn the_sample_says_the_same_in_both() {
    let report = sample::document();
    let file = PdfFile::of(&report);
    check(&report, &file);
    let all = file.root.text();
    for said in ["Małgorzata Świątek", "Νίκος Παπαδόπουλος", "Ольга Дмитриева", "Nguyễn Thị Hương", "田中 美咲", "Zoë Brontë-Łukasiewicz"]
    {
        assert!(all.contains(said), "{said} can be searched for");
    }
}
