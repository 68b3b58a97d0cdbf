//! `/policies`: the rules in force, as they are written.

mod sample;

use askama::Template;

use super::code::Code;
use super::mark;
use super::moment::Moment;
use super::number::{Bytes, Count, Hash};
use super::party::Party;
use super::shell::Shell;
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "policies.html")]
pub struct PoliciesPage {
    /// The frame.
    pub shell: Shell,
    /// The version that is shown; `None` before the first.
    pub version: Option<PolicyVersion>,
    /// Every version, newest first.
    pub versions: Vec<VersionRow>,
}

/// One version of the policy.
#[derive(Clone, Debug)]
pub struct PolicyVersion {
    /// Its number.
    pub number: u64,
    /// It is the one in force.
    pub in_force: bool,
    /// Digest over its files.
    pub digest: Hash,
    /// When it was published.
    pub published: Moment,
    /// Who wrote it.
    pub author: Party,
    /// Who approved it; empty only for the first.
    pub approved_by: Vec<Party>,
    /// The request that changed it.
    pub request: Option<String>,
    /// What changed and why.
    pub note: Untrusted,
    /// Its files.
    pub files: Vec<PolicyFile>,
    /// Rules that nobody could satisfy, by `@id`: now, for the version in force; when it was published, for others.
    pub unsatisfiable: Vec<String>,
}

/// One file of a policy.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Its name, also the target of links into the page.
    pub name: String,
    /// Its SHA-256.
    pub digest: Hash,
    /// Its size.
    pub size: Bytes,
    /// How many rules are in it.
    pub rules: Count,
    /// Its text.
    pub code: Code,
}

/// A version in the list.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// Its number.
    pub number: u64,
    /// When it was published.
    pub published: Moment,
    /// Who wrote it.
    pub author: Party,
    /// What changed.
    pub note: Untrusted,
    /// Where it is shown.
    pub href: String,
    /// It is the one that is shown.
    pub current: bool,
}
