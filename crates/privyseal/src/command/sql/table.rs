//! Rows as a table for people: a header, a rule, numbers flush right, cut where the terminal ends.

use privyseal_core::port::Answer;
use serde_json::Value;

/// How NULL is written. A text that reads the same stands in quotes.
const NULL: &str = "NULL";
/// What stands between columns.
const GAP: &str = "  ";
/// No column is cut below this.
const LEAST: usize = 6;

/// The lines of the table, at most `width` wide where that is possible.
pub(super) fn lines(answer: &Answer, width: Option<usize>) -> Vec<String> {
    let rows: Vec<Vec<String>> = answer.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let names: Vec<String> = answer.columns.iter().map(|column| printable(&column.name)).collect();
    let is_number = |column: usize| {
        let mut values = answer.rows.iter().filter_map(|row| row.get(column)).filter(|value| !value.is_null()).peekable();
        values.peek().is_some() && values.all(Value::is_number)
    };
    let numeric: Vec<bool> = (0..names.len()).map(is_number).collect();
    let mut widths: Vec<usize> = names.iter().map(|name| console::measure_text_width(name)).collect();
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(console::measure_text_width(text));
        }
    }
    if let Some(width) = width {
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        fit(&mut widths, width.saturating_sub(gaps));
    }
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(&numeric).map(|((text, width), numeric)| {
            let text = console::truncate_str(text, *width, "…");
            let fill = " ".repeat(width.saturating_sub(console::measure_text_width(&text)));
            if *numeric { format!("{fill}{text}") } else { format!("{text}{fill}") }
        });
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join(GAP);
    [line(&names), rule].into_iter().chain(rows.iter().map(|row| line(row))).collect()
}

/// Makes the widest columns narrower until all fit into `room`, so that narrow ones stay whole.
fn fit(widths: &mut [usize], room: usize) {
    let total = |widths: &[usize], most: usize| widths.iter().map(|width| (*width).min(most)).sum::<usize>();
    let widest = widths.iter().copied().max().unwrap_or(0);
    let most = (LEAST..=widest).rev().find(|most| total(widths, *most) <= room).unwrap_or(LEAST);
    // What the last step gave away goes to the columns that were cut, from the left.
    let mut spare = room.saturating_sub(total(widths, most));
    for width in widths.iter_mut().filter(|width| **width > most) {
        let more = usize::from(spare > 0);
        (*width, spare) = ((*width).min(most + more), spare - more);
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => NULL.to_owned(),
        Value::String(text) if text == NULL => format!("'{NULL}'"),
        Value::String(text) => printable(text),
        other => other.to_string(),
    }
}

/// A text on one line, without what would command the terminal or deceive the eye.
pub(super) fn printable(text: &str) -> String {
    let escaped = |c: char| c.is_control() || privyseal_core::text::is_deceptive(c);
    text.chars().flat_map(|c| if escaped(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use privyseal_core::digest::Digest;
    use privyseal_core::port::AnswerColumn;
    use serde_json::json;

    use super::*;

    fn answer(columns: &[&str], rows: Value) -> Answer {
        let column = |name: &&str| AnswerColumn { name: (*name).to_owned(), kind: "text".to_owned() };
        Answer {
            columns: columns.iter().map(column).collect(),
            rows: serde_json::from_value(rows).unwrap(),
            truncated: false,
            snapshot_size: 1,
            result_sha256: Digest::of(b""),
        }
    }

    #[test]
    fn nothing_looks_like_something_else() {
        let answer = answer(&["n", "text"], json!([[7, "a\nb\u{1b}[31m"], [null, null], [12, "NULL"], [3, "x\u{202e}y"]]));
        let expected = [" n  text", "────  ─────────────────", "   7  a\\nb\\u{1b}[31m", "NULL  NULL", "  12  'NULL'", "   3  x\\u{202e}y"];
        let lines = lines(&answer, None);
        assert_eq!(lines[2..], expected[2..]);
        assert_eq!(lines[0].trim(), "n  text");
    }

    #[test]
    fn the_widest_columns_are_cut_first() {
        let answer = answer(&["id", "short", "long"], json!([["a", "bcd", "x".repeat(100)], ["a", "bcd", "日本語".repeat(20)]]));
        for width in [30, 31, 80] {
            let lines = lines(&answer, Some(width));
            assert!(lines.iter().all(|line| console::measure_text_width(line) <= width), "{width}: {lines:?}");
            assert!(lines[2].starts_with("a   bcd    x") && lines[2].ends_with("x…"), "{}", lines[2]);
        }
        assert!(lines(&answer, None)[2].ends_with(&"x".repeat(100)));
        // Where nothing helps, nothing is lost but the fit.
        assert!(lines(&answer, Some(3))[2].starts_with("a   bcd    xxxxx…"));
    }
}
