//! Any report at all: both renderers answer, keep their rules, and say the same.

use privyseal_core::finding::TestState;
use privyseal_core::report::{Block, Column, Document, Inline, Table};
use proptest::prelude::*;

use crate::pdf_file::PdfFile;
use crate::{html_rules, pdf_rules, same_text};

/// Text with everything that has ever gone wrong: accents apart, ligatures, other scripts, emoji, hidden characters, long digests.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "fi",
        "ffl",
        "é",
        "e\u{301}",
        "\u{301}",
        "\u{a0}",
        " ",
        "  ",
        "\n",
        "\t",
        "-",
        "/",
        "\u{ad}",
        "\u{200b}",
        "\u{200d}",
        "\u{202e}",
        "\u{feff}",
        "\u{fffe}",
        "\u{e000}",
        "\u{0}",
        "\r\n",
        "東京",
        "שלום",
        "مرحبا",
        "हिन्दी",
        "👩‍👧",
        "Ω",
        "\u{2126}",
        "µ",
        "μ",
        "&<>\"'",
        "]]>",
        "%()\\",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "Wort",
        "x",
        "\u{10fffd}",
        "\u{1f3fb}",
        "│",
        "№",
    ]);
    let piece = prop_oneof![4 => odd.prop_map(str::to_owned), 2 => "[a-zA-Z0-9,.]{1,12}", 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn state() -> impl Strategy<Value = TestState> {
    prop::sample::select(TestState::ALL.to_vec())
}

fn inlines() -> impl Strategy<Value = Vec<Inline>> {
    let href = prop_oneof![Just("#a1".to_owned()), Just("a/b.csv".to_owned()), Just("https://example.org/ż".to_owned()), text()];
    let inline = prop_oneof![
        4 => text().prop_map(Inline::Text),
        1 => text().prop_map(Inline::Strong),
        2 => text().prop_map(Inline::Code),
        1 => (text(), href).prop_map(|(text, href)| Inline::Link { text, href }),
        1 => state().prop_map(Inline::State),
    ];
    prop::collection::vec(inline, 0..5)
}

fn table() -> impl Strategy<Value = Table> {
    (1_usize..9, 0_usize..6).prop_flat_map(|(columns, rows)| {
        let column = (text(), 1_u16..=100, any::<bool>()).prop_map(|(title, weight, numeric)| Column { title, weight, numeric });
        let row = prop::collection::vec(inlines(), columns);
        let cut = prop::option::of((any::<u64>(), text()));
        (text(), prop::collection::vec(column, columns), prop::collection::vec(row, rows), cut)
            .prop_map(|(caption, columns, rows, cut)| Table { caption, columns, rows, cut })
    })
}

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        (1_u8..=3, text()).prop_map(|(level, text)| Block::Heading { level, text, anchor: String::new() }),
        inlines().prop_map(Block::Paragraph),
        prop::collection::vec(inlines(), 0..4).prop_map(Block::Items),
        prop::collection::vec((text(), inlines()), 0..4).prop_map(Block::Facts),
        table().prop_map(Block::Table),
        (text(), prop::collection::vec((state(), prop_oneof![0_u64..50, any::<u64>()]), 0..7))
            .prop_map(|(what, counts)| Block::States { what, counts }),
        text().prop_map(Block::Code),
        text().prop_map(Block::Remark),
        Just(Block::PageBreak),
    ]
}

fn report() -> impl Strategy<Value = Document> {
    let facts = prop::collection::vec((text(), text()), 0..4);
    (text(), text(), facts, text(), prop::collection::vec(block(), 0..10)).prop_map(|(title, subtitle, facts, footer, mut blocks)| {
        let (mut level_before, mut count) = (0, 0);
        for block in &mut blocks {
            if let Block::Heading { level, text, anchor } = block {
                *level = (*level).min(level_before + 1);
                level_before = *level;
                count += 1;
                *anchor = format!("a{count}");
                text.push('h');
            }
        }
        Document { title: format!("T{title}"), subtitle, language: "en".into(), facts, footer, blocks }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_report_is_rendered_and_says_the_same(report in report()) {
        html_rules::check(&report);
        let file = PdfFile::of(&report);
        pdf_rules::check(&file);
        same_text::check(&report, &file);
    }
}
