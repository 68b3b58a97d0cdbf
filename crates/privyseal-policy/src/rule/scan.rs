//! Splits a Cedar file into statements and finds their annotations, to know where things stand.
//!
//! Cedar itself parses each statement; this only needs to know strings, comments and semicolons. Should it ever cut wrongly,
//! Cedar refuses the piece, and the file does not load.

/// One statement, from its first character up to and with its semicolon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: usize,
    pub(crate) end: usize,
    marks: Vec<Mark>,
    brackets: usize,
    deepest: usize,
    operators: usize,
}

/// Heavier rules are not given to Cedar. Its parser and type checker recurse without a guard: in a thread with 2 MiB of stack
/// and without optimisation they end the whole process at a weight of about 145.
pub(crate) const MAX_WEIGHT: usize = 90;

/// An annotation: its name, where its `@` stands, and where its value starts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    name: String,
    at: usize,
    value_at: Option<usize>,
}

impl Piece {
    /// How deep the tree of this statement can become: brackets weigh four operators, because Cedar climbs through all levels of
    /// precedence in each.
    pub(crate) fn weight(&self) -> usize {
        self.deepest * 4 + self.operators
    }

    /// Where the `@` of an annotation stands, or where the statement starts when it has none of that name.
    pub(crate) fn annotation_at(&self, name: &str) -> usize {
        self.marks.iter().find(|mark| mark.name == name).map_or(self.start, |mark| mark.at)
    }

    /// Where the value of an annotation starts, inside its quotes.
    pub(crate) fn value_at(&self, name: &str) -> usize {
        self.marks.iter().find(|mark| mark.name == name).map_or(self.start, |mark| mark.value_at.unwrap_or(mark.at))
    }
}

/// The statements of a file. Text after the last semicolon is a statement too, so that Cedar says what is missing.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut current: Option<Piece> = None;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if c == '/' && rest.peek().is_some_and(|(_, next)| *next == '/') {
            while rest.next_if(|(_, c)| *c != '\n').is_some() {}
            continue;
        }
        if c.is_whitespace() {
            continue;
        }
        let piece = current.get_or_insert_with(|| Piece { start: at, end: at, marks: Vec::new(), brackets: 0, deepest: 0, operators: 0 });
        piece.end = at + c.len_utf8();
        match c {
            '(' | '[' | '{' => {
                piece.brackets += 1;
                piece.deepest = piece.deepest.max(piece.brackets);
            }
            ')' | ']' | '}' => piece.brackets = piece.brackets.saturating_sub(1),
            '+' | '-' | '*' | '.' | '!' => piece.operators += 1,
            '&' | '|' => {
                rest.next_if(|(_, next)| *next == c);
                piece.operators += 1;
            }
            c if c.is_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                while let Some((at, c)) = rest.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
                    piece.end = at + c.len_utf8();
                    word.push(c);
                }
                piece.operators += usize::from(matches!(word.as_str(), "if" | "when" | "unless"));
            }
            '"' => {
                if let Some(mark) = piece.marks.last_mut().filter(|mark| mark.value_at.is_none()) {
                    mark.value_at = Some(at + 1);
                }
                while let Some((at, c)) = rest.next() {
                    piece.end = at + c.len_utf8();
                    match c {
                        '\\' => {
                            rest.next();
                        }
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '@' => {
                let mut name = String::new();
                while let Some((_, c)) = rest.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                piece.end = at + 1 + name.len();
                piece.marks.push(Mark { name, at, value_at: None });
            }
            ';' => pieces.extend(current.take()),
            _ => {}
        }
    }
    pieces.extend(current);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_annotations() {
        let text = "// a; @comment\n@id(\"a;b\\\";\") // ;\n@because(\"x\")\npermit (principal, action, resource);\n\n@id(\"c\")forbid(principal,action,resource)";
        let pieces = pieces(text);
        let from = |at: usize| text.get(at..).unwrap();
        let texts: Vec<&str> = pieces.iter().map(|piece| text.get(piece.start..piece.end).unwrap()).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[0].starts_with("@id(\"a;b") && texts[0].ends_with("resource);"), "{}", texts[0]);
        assert_eq!(texts[1], "@id(\"c\")forbid(principal,action,resource)");
        assert!(from(pieces[0].value_at("id")).starts_with("a;b"));
        assert!(from(pieces[0].value_at("because")).starts_with("x\""));
        assert!(from(pieces[0].annotation_at("because")).starts_with("@because"));
        assert_eq!(pieces[1].annotation_at("risk"), pieces[1].start);
        assert!(super::pieces(" // only a comment").is_empty());
        assert_eq!(
            super::pieces("permit (principal) when { !(a && [\"(\", b.c]) || if x then y else z }; // ((").first().unwrap().weight(),
            4 * 3 + 6
        );
    }
}
