//! Verification from bytes alone: every hash, signature, link, root, head, column and file, with the place of whatever is wrong.
//!
//! The checker is fed entries in order from wherever they come (segments, log, pack) and knows nothing of the engine's state:
//! what it trusts is the first key, given by the caller or, with a warning, taken from the first entry.
//! What can be said of an entry alone (`look`) is said on all cores; what needs its neighbours (`check`) is said in order.

mod check;
mod folder;
mod keyring;
mod look;
mod progress;
mod range;
mod report;
mod source;
mod tile_check;

pub use check::{Checker, Summary};
pub use folder::{Options, Progress, Resume, verify, verify_folder};
pub use range::{Range, verify_range};
pub use report::{Finding, Place, Problem, Report, Verdict};
