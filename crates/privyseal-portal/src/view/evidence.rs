//! `/evidence`: packs, built and to be built.

mod sample;

use askama::Template;

use super::mark;
use super::moment::Moment;
use super::number::{Bytes, Count, Hash};
use super::party::Party;
use super::shell::Shell;
use super::state::States;
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "evidence.html")]
pub struct EvidencePage {
    /// The frame.
    pub shell: Shell,
    /// The form; `None` for those who may only read.
    pub form: Option<PackForm>,
    /// Packs, newest first.
    pub packs: Vec<Pack>,
}

/// What is fetched while a pack is being built.
#[derive(Clone, Debug, Template)]
#[template(path = "evidence_partial.html")]
pub struct EvidencePartial {
    /// The frame, for the forms' token.
    pub shell: Shell,
    /// Packs, newest first.
    pub packs: Vec<Pack>,
}

/// The form that builds a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackForm {
    /// Frameworks: id, name, chosen.
    pub frameworks: Vec<(String, String, bool)>,
    /// First day, `YYYY-MM-DD`.
    pub from: Untrusted,
    /// First day after, `YYYY-MM-DD`.
    pub to: Untrusted,
    /// What is wrong with what was sent.
    pub problem: Option<String>,
}

/// One pack.
#[derive(Clone, Debug)]
pub struct Pack {
    /// The last characters of its report id.
    pub short: String,
    /// Names of its frameworks.
    pub frameworks: Vec<String>,
    /// First day.
    pub from: Moment,
    /// First day after.
    pub to: Moment,
    /// Who had it built.
    pub by: Party,
    /// When it was asked for.
    pub asked: Moment,
    /// How far it is.
    pub progress: PackProgress,
}

/// How far a pack is.
#[derive(Clone, Debug)]
pub enum PackProgress {
    /// It is being built.
    Building {
        /// What is being done.
        step: String,
        /// Steps done.
        done: u32,
        /// Steps in all.
        of: u32,
        /// Where its cancellation is posted.
        cancel: String,
    },
    /// It is there.
    Ready {
        /// Digest of its content outside `seal/`.
        digest: Hash,
        /// SHA-256 of the file.
        file: Hash,
        /// Its size.
        size: Bytes,
        /// Where it is downloaded; a download is an event.
        href: String,
        /// The file's name.
        name: String,
        /// Controls by state.
        states: States,
        /// How often it was downloaded.
        downloads: Count,
    },
    /// It could not be built.
    Failed {
        /// Why: what, where, what to do.
        reason: Untrusted,
    },
    /// Somebody cancelled it.
    Cancelled,
}
