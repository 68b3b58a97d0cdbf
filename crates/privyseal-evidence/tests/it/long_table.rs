//! Tables that do not fit a page: heads come again, no row is lost, and a row taller than a page is cut.

use privyseal_core::report::{Block, Column, Document, Inline, Table};
use privyseal_evidence::sample;

use crate::pdf_file::{Kid, PdfFile};
use crate::{pdf_rules, same_text};

fn report(rows: Vec<Vec<Vec<Inline>>>, cut: Option<(u64, String)>) -> Document {
    let column = |title: &str, weight, numeric| Column { title: title.into(), weight, numeric };
    let columns = vec![column("Entry", 10, true), column("Digest", 40, false), column("Reason", 50, false)];
    let mut report = sample::document();
    report.blocks = vec![
        Block::Heading { level: 1, text: "Everything".into(), anchor: "everything".into() },
        Block::Table(Table { caption: "All rows".into(), columns, rows, cut }),
        Block::Paragraph(vec![Inline::text("The end.")]),
    ];
    report
}

fn row(index: usize, reason: &str) -> Vec<Vec<Inline>> {
    vec![vec![Inline::text(index.to_string())], vec![Inline::code(format!("{index:064x}"))], vec![Inline::text(reason)]]
}

#[test]
fn three_hundred_rows_repeat_their_head_on_every_page() {
    let rows: Vec<_> = (0..300).map(|index| row(index, "The reviewer is the owner of the agent that asked for the action.")).collect();
    let report = report(rows, Some((51_234, "population/rows.csv".into())));
    let file = PdfFile::of(&report);
    pdf_rules::check(&file);
    same_text::check(&report, &file);

    let table = file.elements().into_iter().find(|element| element.role == "Table").unwrap();
    let body = table.elements().into_iter().find(|element| element.role == "TBody").unwrap();
    assert_eq!(body.elements().len(), 300);
    let pages = file.pages.len();
    assert!(pages > 10, "{pages} pages");
    // The first page of the table has the real head, every other a repetition that readers skip.
    let repeated =
        file.pages.iter().filter(|page| page.artifacts.contains("EntryDigestReason") || page.artifacts.contains("Entry Digest Reason"));
    assert_eq!(repeated.count(), pages - 3, "title, contents and the first page of the table have none");
    assert!(file.root.text().contains("Shown: the first 300 of 51,234 rows. All of them: population/rows.csv"));
}

#[test]
fn a_row_taller_than_a_page_is_cut_and_read_cell_by_cell() {
    let long = "The quick brown fox jumps over the lazy dog, and the auditor writes it down. ".repeat(120);
    let report = report(vec![row(0, "short"), row(1, &long), row(2, "short")], None);
    let file = PdfFile::of(&report);
    pdf_rules::check(&file);
    same_text::check(&report, &file);
    let split = file.elements().into_iter().any(|element| {
        let pages: Vec<usize> =
            element.kids.iter().filter_map(|kid| if let Kid::Content { page, .. } = kid { Some(*page) } else { None }).collect();
        element.role == "TD" && pages.first() != pages.last()
    });
    assert!(split, "a cell goes over the end of a page");
}

#[test]
fn a_table_without_rows_says_so() {
    let report = report(Vec::new(), None);
    let file = PdfFile::of(&report);
    pdf_rules::check(&file);
    same_text::check(&report, &file);
    assert!(file.root.text().contains("This table has no rows."));
}
