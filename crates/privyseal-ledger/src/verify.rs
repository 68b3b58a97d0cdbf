//! Verification from bytes alone: every hash, signature, link, root, head, column and file, with the place of whatever is wrong.
//!
//! The checker is fed entries in order from wherever they come (segments, log, pack) and knows nothing of the engine's state:
//! what it trusts is the first key, given by the caller or, with a warning, taken from the first entry.

mod check;
mod folder;
mod report;

pub use check::{Checker, Summary};
pub(crate) use folder::parse_tile;
pub use folder::{Progress, verify_folder};
pub use report::{Place, Problem, Report, Verdict};
