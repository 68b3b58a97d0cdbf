//! Policy: a bundle of Cedar rules and an action catalogue, and what they say about one request.
//!
//! Three questions are answered at once: may it be asked, how risky is it, who must seal it. Everything is a function of the bundle
//! and the [`Ask`]: here live no clock, no files, no network, no state. Reading files is the binary's work, history is the engine's.

mod ask;
mod assess;
mod catalogue;
pub mod facts;
pub mod measure;
mod problem;
mod question;
mod rule;
mod satisfiable;
mod schema;
pub mod test;

use cedar_policy::{Authorizer, PolicySet};
use privyseal_core::canonical;
use privyseal_core::digest::Digest;
use privyseal_core::id::ActionId;
use serde::Serialize;

pub use ask::{Ask, Assessed, History, Requester};
pub use assess::EVALUATOR;
pub use catalogue::{Breakglass, Catalogue, CatalogueAction, ChangeClass, Freeze, Hours, ResourceRule, Reversibility};
pub use problem::{Problem, Problems};
pub use rule::{Fallback, Route, Rule, RuleKind};

use problem::Source;
use rule::Loaded;

/// The name of the catalogue within a bundle.
pub const CATALOGUE_FILE: &str = "catalogue.toml";

/// Longer policy files are refused.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// One file of a bundle: any number of `*.cedar`, and one `catalogue.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name without a folder.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A policy that can answer: loaded, checked, immutable. Cheap to share between threads behind an `Arc`.
#[derive(Clone, Debug)]
pub struct Policy {
    files: Vec<PolicyFile>,
    digest: Digest,
    catalogue: Catalogue,
    rules: Vec<Rule>,
    /// Rules with `@risk`, evaluated first. The Cedar id of a policy is the number of its rule.
    risk: PolicySet,
    /// Those of them that look at the class of a statement: asked again for each class when SQL cannot be read.
    risk_by_class: PolicySet,
    /// All other rules.
    routing: PolicySet,
    authorizer: Authorizer,
}

#[derive(Serialize)]
struct FileDigest<'a> {
    name: &'a str,
    sha256: Digest,
}

impl Policy {
    /// Loads a bundle.
    ///
    /// # Errors
    /// With every problem of every file, each with its place and what to do. A bundle with any problem does not load.
    pub fn load(mut files: Vec<PolicyFile>) -> Result<Self, Problems> {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let mut problems = Problems::default();
        check_files(&files, &mut problems);
        let sources: Vec<Source<'_>> = files.iter().map(|file| Source { name: &file.name, text: &file.text }).collect();

        let catalogue = match sources.iter().find(|source| source.name == CATALOGUE_FILE) {
            Some(source) => catalogue::read(*source, &mut problems),
            None => {
                problems.add_whole("", format!("the bundle has no {CATALOGUE_FILE}"), "add it: it lists the actions that may be requested");
                None
            }
        };
        let mut rules = Vec::new();
        for source in sources.iter().filter(|source| is_cedar(source.name)) {
            rule::read(*source, &mut rules, &mut problems);
        }
        rule::check_ids(&rules, &sources, &mut problems);
        // Without actions every name in every rule would look wrong.
        if let Some(catalogue) = catalogue.as_ref().filter(|catalogue| !catalogue.actions.is_empty()) {
            rule::check(&rules, catalogue, &sources, &mut problems);
        }
        let routes = rules.iter().any(|loaded| matches!(loaded.rule.kind, RuleKind::Route(_)));
        if !routes && problems.all().is_empty() {
            problems.add_whole(
                "",
                "no rule routes anything: every request would be refused",
                "add a permit rule with @approvals to a *.cedar file",
            );
        }
        let digest = digest(&files, &mut problems);
        let Sets { risk, risk_by_class, routing } = sets(&rules, &mut problems);
        problems.into_result()?;
        let catalogue = catalogue.unwrap_or_default();
        let rules = rules.into_iter().map(|loaded| loaded.rule).collect();
        Ok(Self { files, digest, catalogue, rules, risk, risk_by_class, routing, authorizer: Authorizer::new() })
    }

    /// SHA-256 of the canonical JSON of `[{name, sha256}]`, sorted by name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The files, sorted by name.
    #[must_use]
    pub fn files(&self) -> &[PolicyFile] {
        &self.files
    }

    /// The rules, by file and place.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The action catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// SHA-256 of `catalogue.toml`.
    #[must_use]
    pub fn catalogue_digest(&self) -> Digest {
        let text = self.files.iter().find(|file| file.name == CATALOGUE_FILE).map(|file| file.text.as_bytes());
        Digest::of(text.unwrap_or_default())
    }

    /// An action of the catalogue. Asking for one that is not in it is a bad request.
    #[must_use]
    pub fn action(&self, id: &ActionId) -> Option<&CatalogueAction> {
        self.catalogue.actions.get(id)
    }

    /// The action that was probably meant, for "did you mean".
    #[must_use]
    pub fn nearest(&self, text: &str) -> Option<&ActionId> {
        let near = problem::nearest(text, self.catalogue.actions.keys().map(ActionId::as_str))?;
        self.catalogue.actions.keys().find(|id| id.as_str() == near)
    }
}

/// Whether a file of this name is part of a bundle. What else lies in the folder, such as `tests.toml`, is not, and does not load.
#[must_use]
pub fn is_policy_file(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) && !name.starts_with('.');
    plain && (is_cedar(name) || name == CATALOGUE_FILE)
}

fn is_cedar(name: &str) -> bool {
    name.strip_suffix(".cedar").is_some_and(|stem| !stem.is_empty())
}

fn check_files(files: &[PolicyFile], problems: &mut Problems) {
    for pair in files.windows(2) {
        if let [first, second] = pair
            && first.name == second.name
        {
            problems.add_whole(&first.name, "the file is in the bundle twice", "remove one");
        }
    }
    for file in files {
        if !is_policy_file(&file.name) {
            let shown: String = file.name.chars().take(80).flat_map(char::escape_debug).collect();
            problems.add_whole(
                "",
                format!("`{shown}` is not a policy file"),
                format!("a bundle holds *.cedar files and one {CATALOGUE_FILE}, named without folders"),
            );
        }
        if file.text.len() > MAX_FILE_BYTES {
            problems.add_whole(&file.name, format!("the file is longer than {MAX_FILE_BYTES} bytes"), "split it");
        }
        let source = Source { name: &file.name, text: &file.text };
        // Whoever approves a change of policy reads it; nothing in it may hide.
        let hidden = |c: char| privyseal_core::text::is_deceptive(c) || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        for (at, c) in file.text.char_indices().filter(|(_, c)| hidden(*c)).take(10) {
            problems.add(source.problem(at, format!("character U+{:04X} hides or reorders text", u32::from(c)), "remove it"));
        }
    }
    if !files.iter().any(|file| is_cedar(&file.name)) {
        problems.add_whole("", "the bundle has no *.cedar file: every request would be refused", "add one with at least one permit rule");
    }
}

fn digest(files: &[PolicyFile], problems: &mut Problems) -> Digest {
    let list: Vec<FileDigest<'_>> =
        files.iter().map(|file| FileDigest { name: &file.name, sha256: Digest::of(file.text.as_bytes()) }).collect();
    match canonical::serialize(&list) {
        Ok(bytes) => Digest::of(&bytes),
        Err(error) => {
            problems.add_whole("", format!("the bundle has no digest: {error}"), "");
            Digest::of(&[])
        }
    }
}

#[derive(Default)]
struct Sets {
    risk: PolicySet,
    risk_by_class: PolicySet,
    routing: PolicySet,
}

fn sets(rules: &[Loaded], problems: &mut Problems) -> Sets {
    let mut sets = Sets::default();
    for loaded in rules {
        let mut wanted = Vec::new();
        if !matches!(loaded.rule.kind, RuleKind::Risk { .. }) {
            wanted.push(&mut sets.routing);
        } else {
            wanted.push(&mut sets.risk);
            if rule::depends_on(&loaded.policy, "statement_class") {
                wanted.push(&mut sets.risk_by_class);
            }
        }
        for set in wanted {
            if let Err(error) = set.add(loaded.policy.clone()) {
                problems.add_whole(&loaded.rule.file, error.to_string(), "");
            }
        }
    }
    sets
}
