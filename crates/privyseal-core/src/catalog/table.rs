//! Reading a comma-separated file with a fixed header. Every cell must be there, filled, and free of white space at its ends.

use super::Problems;

/// One line of a table: its number and its cells.
pub(super) struct Line<const N: usize> {
    pub(super) number: u64,
    pub(super) cells: [String; N],
}

/// The usable lines of a table.
pub(super) fn read<const N: usize>(file: &str, text: &str, header: [&str; N], problems: &mut Problems) -> Vec<Line<N>> {
    let wanted = header.join(",");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut lines = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.add(file, error.position().map(csv::Position::line), format!("not a line of a table: {error}"));
                continue;
            }
        };
        let number = record.position().map_or(0, csv::Position::line);
        if index == 0 {
            if !record.iter().eq(header) {
                problems.add(file, Some(number), format!("the first line must be `{wanted}`"));
                return Vec::new();
            }
            continue;
        }
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        let Ok(cells) = <[String; N]>::try_from(cells) else {
            problems.add(file, Some(number), format!("{} cells, wanted {N}: `{wanted}`", record.len()));
            continue;
        };
        match header.iter().zip(&cells).find(|(_, cell)| cell.is_empty() || cell.trim() != *cell) {
            Some((name, _)) => problems.add(file, Some(number), format!("the cell `{name}` is empty or has white space around it")),
            None => lines.push(Line { number, cells }),
        }
    }
    if text.is_empty() {
        problems.add(file, None, format!("the file is empty: its first line must be `{wanted}`"));
    }
    lines
}
