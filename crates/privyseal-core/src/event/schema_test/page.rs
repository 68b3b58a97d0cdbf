//! docs/EVENTS.md as data: sections, tables, and the paths written in them.

/// The page, cut at its headings.
pub(super) struct Page {
    sections: Vec<Section>,
}

/// One heading with what stands under it.
pub(super) struct Section {
    level: usize,
    parent: String,
    title: String,
    lines: Vec<String>,
    rows: Vec<Row>,
}

/// One row of a table; the first table of a section is the one that counts.
pub(super) struct Row(Vec<String>);

impl Row {
    pub(super) fn cell(&self, column: usize) -> &str {
        &self.0[column]
    }

    /// A cell that is one piece of code.
    pub(super) fn code(&self, column: usize) -> &str {
        let cell = self.cell(column);
        cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or_else(|| panic!("`{cell}` should be one code span"))
    }

    /// Every path in a cell, with braces written out.
    pub(super) fn paths(&self, column: usize) -> Vec<String> {
        let cell = self.cell(column);
        assert!(cell.matches('`').count().is_multiple_of(2), "unbalanced code spans in: {cell}");
        cell.split('`').skip(1).step_by(2).flat_map(expand).collect()
    }
}

fn expand(path: &str) -> Vec<String> {
    match path.split_once('{') {
        Some((stem, rest)) => {
            let inner = rest.strip_suffix('}').unwrap_or_else(|| panic!("braces end the path in `{path}`"));
            inner.split(',').map(|member| format!("{stem}{}", member.trim())).collect()
        }
        None => vec![path.to_owned()],
    }
}

impl Section {
    pub(super) fn first_line(&self) -> &str {
        &self.lines[0]
    }

    pub(super) fn members(&self) -> &[Row] {
        &self.rows
    }

    /// What stands after a label on the line of facts, up to the full stop; for a label that stands alone, the empty text.
    pub(super) fn fact(&self, label: &str) -> Option<&str> {
        let line = self.lines.iter().find(|line| line.starts_with("Object: "))?;
        line.trim_end_matches('.').split(". ").find_map(|part| part.strip_prefix(label))
    }
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        let mut parent = String::new();
        for line in text.lines() {
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            if level > 0 {
                let title = line.trim_start_matches('#').trim().to_owned();
                if level == 2 {
                    parent.clone_from(&title);
                }
                sections.push(Section { level, parent: parent.clone(), title, lines: Vec::new(), rows: Vec::new() });
            } else if let Some(section) = sections.last_mut().filter(|_| !line.is_empty()) {
                section.lines.push(line.to_owned());
            }
        }
        for section in &mut sections {
            let table: Vec<&String> =
                section.lines.iter().skip_while(|line| !is_header(line)).skip(2).take_while(|line| line.starts_with('|')).collect();
            section.rows = table.into_iter().map(|line| Row(cells(line))).collect();
        }
        Self { sections }
    }

    fn find(&self, level: usize, parent: &str, title: &str) -> &Section {
        let mut found = self.sections.iter().filter(|section| section.level == level && section.parent == parent && section.title == title);
        let section = found.next().unwrap_or_else(|| panic!("docs/EVENTS.md has no section `{title}` under `{parent}`"));
        assert!(found.next().is_none(), "docs/EVENTS.md has two sections `{title}`");
        section
    }

    fn under<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a str> {
        let inside = move |section: &&Section| section.level == 3 && section.parent == parent;
        self.sections.iter().filter(inside).map(|section| section.title.trim_matches('`'))
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.under("Kinds")
    }

    pub(super) fn kind(&self, name: &str) -> &Section {
        self.find(3, "Kinds", &format!("`{name}`"))
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        self.under("Shared objects")
    }

    pub(super) fn object(&self, name: &str) -> &[Row] {
        &self.find(3, "Shared objects", name).rows
    }

    pub(super) fn rows(&self, section: &str) -> &[Row] {
        &self.find(2, section, section).rows
    }
}

/// The tables that this reads begin with one of these columns; others on the page are for people only.
fn is_header(line: &str) -> bool {
    ["| Member |", "| Table |", "| Of |", "| Test |"].iter().any(|start| line.starts_with(start))
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')).unwrap_or_else(|| panic!("not a row: {line}"));
    inner.replace("\\|", "\u{0}").split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}
