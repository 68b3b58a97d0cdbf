//! Control catalogs: frameworks with their controls, which control tests speak to each, and what those tests are.
//!
//! Here lives the reading of `controls/`, from text that somebody else supplies; `controls/README.md` describes the files.
//! Not here: the SQL of the tests (`queries/`), running them (analytics), and what they found ([`crate::finding`]).

mod assertion;
mod framework;
mod table;
#[cfg(test)]
mod tests;

pub use assertion::{AssertionDef, AssertionGroup, Parameter};
pub use framework::{Control, Framework, Mapping};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use crate::port::ContentSource;

/// The folder, within the content, that catalogs live in.
const ROOT: &str = "controls/";
/// The folders that are no frameworks: the default policy, and those to begin with.
const POLICIES: [&str; 2] = ["policies", "policy"];

/// Something wrong in the content. The rest is usable: what is wrong was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as a path within the content.
    pub file: String,
    /// The line, from 1, when it is about one.
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Where problems go while reading.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, file: &str, line: Option<u64>, what: impl Into<String>) {
        self.0.push(Problem { file: file.to_owned(), line, what: what.into() });
    }
}

/// Every framework and every control test of the content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogs {
    frameworks: Vec<Framework>,
    assertions: Vec<AssertionDef>,
}

impl Catalogs {
    /// Reads everything under `controls/`.
    ///
    /// Whatever can be read is returned; every defect is named, in the order of files and lines. A framework whose `catalog.toml`
    /// cannot be read is missing from the result, and so is a profile whose catalog is.
    #[must_use]
    pub fn load(source: &dyn ContentSource) -> (Self, Vec<Problem>) {
        let mut problems = Problems::default();
        let assertions = assertion::load(source, &mut problems);
        let known: BTreeSet<&str> = assertions.iter().map(|assertion| assertion.id.as_str()).collect();

        let files = source.list(ROOT);
        let folders = files.iter().filter_map(|path| Some(path.strip_prefix(ROOT)?.split_once('/')?.0));
        let folders: BTreeSet<&str> = folders.filter(|folder| !POLICIES.contains(folder)).collect();
        let headers: Vec<framework::Header> =
            folders.iter().filter_map(|folder| framework::header(source, folder, &files, &mut problems)).collect();

        // Catalogs first: a profile takes its controls from one of them.
        let mut frameworks: BTreeMap<String, Framework> = BTreeMap::new();
        for header in headers.iter().filter(|header| header.profile_of.is_none()) {
            frameworks.insert(header.id.clone(), framework::catalog(source, header, &known, &mut problems));
        }
        for header in &headers {
            if let Some(base) = &header.profile_of {
                match frameworks.get(base).filter(|base| base.profile_of.is_none()) {
                    Some(base) => {
                        let profile = framework::profile(source, header, base, &mut problems);
                        frameworks.insert(header.id.clone(), profile);
                    }
                    None => problems.add(&header.file(), None, format!("it is a profile of `{base}`, which is not a catalog here")),
                }
            }
        }
        let frameworks: Vec<Framework> = frameworks.into_values().collect();
        check_urns(&frameworks, &mut problems);
        problems.0.sort();
        (Self { frameworks, assertions }, problems.0)
    }

    /// Every framework, by id.
    #[must_use]
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    /// The framework of an id, for example `soc2`.
    #[must_use]
    pub fn framework(&self, id: &str) -> Option<&Framework> {
        self.frameworks.iter().find(|framework| framework.id == id)
    }

    /// Every control test, in the order of the file.
    #[must_use]
    pub fn assertions(&self) -> &[AssertionDef] {
        &self.assertions
    }

    /// The control test of an id, for example `D01`.
    #[must_use]
    pub fn assertion(&self, id: &str) -> Option<&AssertionDef> {
        self.assertions.iter().find(|assertion| assertion.id == id)
    }

    /// What is wrong with the parameters that a policy sets: names that no control test has, values of another type.
    ///
    /// To be asked before a policy is published: afterwards a wrong parameter is passed over and its default holds.
    #[must_use]
    pub fn check_parameters(&self, policy: &Map<String, Value>) -> Vec<Problem> {
        let mut problems = Problems::default();
        // A JSON object's order is a build feature of the library; what people read must not depend on it.
        let policy: BTreeMap<&String, &Value> = policy.iter().collect();
        for (name, value) in policy {
            let found =
                name.split_once('.').and_then(|(id, rest)| self.assertion(id)?.parameters.iter().find(|parameter| parameter.name == rest));
            match found {
                None => problems.add("policy parameters", None, format!("no control test has a parameter `{}`", name.escape_debug())),
                Some(parameter) if !parameter.accepts(value) => {
                    let what = format!("`{name}` is {}: write for example {}", parameter.kind(), parameter.default);
                    problems.add("policy parameters", None, what);
                }
                Some(_) => {}
            }
        }
        problems.0
    }
}

fn check_urns(frameworks: &[Framework], problems: &mut Problems) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for framework in frameworks {
        if let Some(other) = seen.insert(&framework.urn, &framework.id) {
            let file = format!("{ROOT}{}/catalog.toml", framework.id);
            problems.add(&file, None, format!("the urn `{}` is that of `{other}` already", framework.urn));
        }
    }
}

/// The line, from 1, of a byte in a text.
fn line_at(text: &str, byte: usize) -> Option<u64> {
    let before = text.as_bytes().get(..byte)?;
    u64::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).ok()
}
