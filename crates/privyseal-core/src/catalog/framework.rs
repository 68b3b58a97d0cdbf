//! One framework: its header, its controls, and the map from controls to control tests.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Problems, ROOT, line_at, table};
use crate::digest::Digest;
use crate::event::policy::FileRef;
use crate::finding::Strength;
use crate::port::ContentSource;

/// A framework with all its controls.
#[derive(Clone, Debug, PartialEq)]
pub struct Framework {
    /// Its id: the name of its folder, for example `soc2`.
    pub id: String,
    /// Its name for machines elsewhere; unique.
    pub urn: String,
    /// Its full name.
    pub name: String,
    /// Version of our catalog: edition, hyphen, our own count.
    pub version: String,
    /// Day of that version, `YYYY-MM-DD`.
    pub date: String,
    /// Whose framework it is.
    pub provider: String,
    /// Where ids and titles come from and what is not here.
    pub note: String,
    /// The catalog it selects from, when it is a profile.
    pub profile_of: Option<String>,
    /// SHA-256 over what `sha256sum` prints for `files` in their order: `<hex>`, two spaces, path, line feed, for each.
    pub digest: Digest,
    /// The files it was read from, by path within the content; for a profile also those of its catalog.
    pub files: Vec<FileRef>,
    /// Every control, in the framework's own order.
    pub controls: Vec<Control>,
}

impl Framework {
    /// The control of an id.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.id == id)
    }
}

/// One numbered item of a framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Official id, for example `CC6.3`.
    pub id: String,
    /// Short title.
    pub title: String,
    /// Group within the framework.
    pub group: String,
    /// What speaks to it; none when these events cannot evidence it.
    pub mapping: Option<Mapping>,
}

/// Which control tests speak to a control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// How much they say.
    pub strength: Strength,
    /// Their ids, most telling first; never empty.
    pub assertions: Vec<String>,
}

/// What `catalog.toml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) id: String,
    urn: String,
    name: String,
    version: String,
    date: String,
    provider: String,
    pub(super) profile_of: Option<String>,
    /// How many controls there must be: a lost line is then noticed.
    controls: usize,
    /// How many of them the map speaks to; absent for a catalog without a map, and for profiles, whose map is another's.
    #[serde(default)]
    mapped: usize,
    note: String,
}

impl Header {
    pub(super) fn file(&self) -> String {
        self.path("catalog.toml")
    }

    fn path(&self, name: &str) -> String {
        format!("{ROOT}{}/{name}", self.id)
    }

    fn framework(&self, files: Vec<FileRef>, controls: Vec<Control>, problems: &mut Problems) -> Framework {
        if controls.len() != self.controls {
            problems.add(&self.file(), None, format!("{} controls were read, {} are announced", controls.len(), self.controls));
        }
        let mapped = controls.iter().filter(|control| control.mapping.is_some()).count();
        if self.profile_of.is_none() && mapped != self.mapped {
            problems.add(&self.file(), None, format!("the map speaks to {mapped} controls, {} are announced", self.mapped));
        }
        let list: String = files.iter().map(|file| format!("{}  {}\n", file.sha256.hex(), file.name)).collect();
        Framework {
            id: self.id.clone(),
            urn: self.urn.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            date: self.date.clone(),
            provider: self.provider.clone(),
            note: self.note.clone(),
            profile_of: self.profile_of.clone(),
            digest: Digest::of(list.as_bytes()),
            files,
            controls,
        }
    }
}

/// Reads `catalog.toml` of a folder, and looks at which files stand beside it.
pub(super) fn header(source: &dyn ContentSource, folder: &str, files: &[String], problems: &mut Problems) -> Option<Header> {
    let path = format!("{ROOT}{folder}/catalog.toml");
    let Some(text) = source.read(&path) else {
        problems.add(&path, None, "the file is missing or cannot be read: every folder here is a framework and needs one");
        return None;
    };
    let header: Header = match toml::from_str(&text) {
        Ok(header) => header,
        Err(error) => {
            let line = error.span().and_then(|span| line_at(&text, span.start));
            problems.add(&path, line, error.message());
            return None;
        }
    };
    if header.id != folder {
        problems.add(&path, None, format!("the id is `{}`, the folder `{folder}`: they must be the same", header.id));
        return None;
    }
    let is_date = header.date.len() == 10 && crate::time::Timestamp::parse_lenient(&header.date).is_ok();
    if !is_date {
        problems.add(&path, None, format!("the date `{}` is not written YYYY-MM-DD", header.date));
    }
    let expected: &[&str] =
        if header.profile_of.is_some() { &["catalog.toml", "members.csv"] } else { &["catalog.toml", "controls.csv", "map.csv"] };
    for file in files {
        let name = file.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix(folder)).and_then(|rest| rest.strip_prefix('/'));
        if name.is_some_and(|name| !expected.contains(&name)) {
            problems.add(file, None, format!("nothing reads this file: a folder like this has {}", expected.join(", ")));
        }
    }
    Some(header)
}

/// Reads a catalog: `controls.csv`, and `map.csv` where there is one.
pub(super) fn catalog(source: &dyn ContentSource, header: &Header, known: &BTreeSet<&str>, problems: &mut Problems) -> Framework {
    let path = header.path("controls.csv");
    let mut files = Files::default();
    files.read(source, &header.file());
    let mut controls: Vec<Control> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    match files.read(source, &path) {
        None => problems.add(&path, None, "the file is missing or cannot be read"),
        Some(text) => {
            for line in table::read(&path, &text, ["id", "title", "group"], problems) {
                let [id, title, group] = line.cells;
                if index.contains_key(&id) {
                    problems.add(&path, Some(line.number), format!("control `{id}` stands twice"));
                } else {
                    index.insert(id.clone(), controls.len());
                    controls.push(Control { id, title, group, mapping: None });
                }
            }
        }
    }
    // A catalog that was only imported has no map, and announces none: then nothing speaks to its controls yet.
    let path = header.path("map.csv");
    if let Some(text) = files.read(source, &path) {
        for line in table::read(&path, &text, ["control_id", "strength", "assertions"], problems) {
            let [id, strength, assertions] = line.cells;
            let Some(control) = index.get(&id).and_then(|index| controls.get_mut(*index)) else {
                problems.add(&path, Some(line.number), format!("control `{id}` is not in controls.csv"));
                continue;
            };
            if control.mapping.is_some() {
                problems.add(&path, Some(line.number), format!("control `{id}` stands twice"));
                continue;
            }
            control.mapping = mapping(&path, line.number, &strength, &assertions, known, problems);
        }
    }
    header.framework(files.0, controls, problems)
}

fn mapping(path: &str, line: u64, strength: &str, assertions: &str, known: &BTreeSet<&str>, problems: &mut Problems) -> Option<Mapping> {
    let all = [Strength::Direct, Strength::Partial, Strength::Supporting];
    let Some(strength) = all.into_iter().find(|known| known.as_str() == strength) else {
        problems.add(path, Some(line), format!("strength `{strength}` is none of direct, partial, supporting"));
        return None;
    };
    let mut found: Vec<String> = Vec::new();
    for id in assertions.split(' ') {
        if !known.contains(id) {
            problems.add(path, Some(line), format!("assertion `{id}` is not in assertions.toml"));
        } else if found.iter().any(|other| other == id) {
            problems.add(path, Some(line), format!("assertion `{id}` stands twice"));
        } else {
            found.push(id.to_owned());
        }
    }
    (!found.is_empty()).then_some(Mapping { strength, assertions: found })
}

/// Reads a profile: `members.csv` selects controls of its catalog, with their titles and map.
pub(super) fn profile(source: &dyn ContentSource, header: &Header, base: &Framework, problems: &mut Problems) -> Framework {
    let path = header.path("members.csv");
    let mut files = Files::default();
    files.read(source, &header.file());
    let mut controls: Vec<Control> = Vec::new();
    let known: BTreeMap<&str, &Control> = base.controls.iter().map(|control| (control.id.as_str(), control)).collect();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    match files.read(source, &path) {
        None => problems.add(&path, None, "the file is missing or cannot be read"),
        Some(text) => {
            for line in table::read(&path, &text, ["id"], problems) {
                let [id] = line.cells;
                match known.get(id.as_str()) {
                    None => problems.add(&path, Some(line.number), format!("control `{id}` is not in the catalog `{}`", base.id)),
                    Some(_) if seen.contains(&id) => problems.add(&path, Some(line.number), format!("control `{id}` stands twice")),
                    Some(control) => {
                        controls.push((*control).clone());
                        seen.insert(id);
                    }
                }
            }
        }
    }
    files.0.extend(base.files.iter().cloned());
    files.0.sort_by(|a, b| a.name.cmp(&b.name));
    header.framework(files.0, controls, problems)
}

/// The files that were read, each with its digest.
#[derive(Default)]
struct Files(Vec<FileRef>);

impl Files {
    fn read(&mut self, source: &dyn ContentSource, path: &str) -> Option<String> {
        let text = source.read(path)?.into_owned();
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.0.push(FileRef { name: path.to_owned(), sha256: Digest::of(text.as_bytes()), bytes });
        Some(text)
    }
}
