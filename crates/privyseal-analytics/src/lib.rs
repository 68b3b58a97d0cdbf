//! SQL over the ledger.
mod answer;
mod content;
mod engine;
mod functions;
mod guard;
mod header;
mod heads;
mod refuse;
mod run;
mod scan;
mod session;
mod store;

pub use content::{ContentFolder, ContentSource};
pub use engine::{Engine, OpenError, Options};
pub use functions::FunctionDoc;
