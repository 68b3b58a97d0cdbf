//! What is wrong with a policy file, where, and what to do about it. Loading lists every problem, never only the first.

use std::fmt;
use std::ops::Range;

/// One thing wrong in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Name of the file; empty when the bundle as a whole is at fault.
    pub file: String,
    /// Line, from 1; 0 when the file as a whole is at fault.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file as a whole is at fault.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}", self.file)?;
            if self.line > 0 {
                write!(f, ":{}:{}", self.line, self.column)?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.what)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "; {}", self.fix) }
    }
}

/// Everything wrong with a bundle, by file and place; one problem per line when displayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, sorted by file, line and column.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }

    /// `Ok` when there is none.
    pub(crate) fn into_result(mut self) -> Result<(), Self> {
        self.0.sort();
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// A problem of a file as a whole, or of the bundle when `file` is empty.
    pub(crate) fn add_whole(&mut self, file: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.add(Problem { file: file.to_owned(), line: 0, column: 0, what: what.into(), fix: fix.into() });
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// A file under inspection: turns byte offsets into places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// Line and column, both from 1, of a byte offset. An offset past the end or inside a character is moved back.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// A problem at a byte offset.
    pub(crate) fn problem(&self, offset: usize, what: impl Into<String>, fix: impl Into<String>) -> Problem {
        let (line, column) = self.place(offset);
        Problem { file: self.name.to_owned(), line, column, what: what.into(), fix: fix.into() }
    }

    /// The text of a byte range; empty when the range does not fit.
    pub(crate) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

/// The candidate that was probably meant: the closest by edit distance, when it is close at all.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (text.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?" when something is near, else the list of what there is.
pub(crate) fn suggest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(text, candidates.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<String> = candidates.into_iter().map(|candidate| format!("`{candidate}`")).collect();
    if all.is_empty() { String::new() } else { format!("write one of {}", all.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let source = Source { name: "x", text: "ab\nśśx\n" };
        for (offset, expected) in [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (5, (2, 2)), (4, (2, 1)), (7, (2, 3)), (9, (3, 1)), (99, (3, 1))]
        {
            assert_eq!(source.place(offset), expected, "offset {offset}");
        }
    }

    #[test]
    fn suggestions_are_near_or_a_list() {
        let candidates = ["approvals", "expires", "grant"];
        assert_eq!(suggest("aprovals", candidates), "did you mean `approvals`?");
        assert_eq!(suggest("zebra", candidates), "write one of `approvals`, `expires`, `grant`");
        assert_eq!(nearest("db.schema.aply", ["db.schema.apply", "db.schema.drop"]), Some("db.schema.apply"));
    }
}
