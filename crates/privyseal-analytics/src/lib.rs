//! SQL over the ledger.
mod answer;
mod assertion;
mod assess;
mod bind;
mod content;
mod engine;
mod export;
mod functions;
mod guard;
mod harden;
mod header;
mod heads;
mod refuse;
mod run;
mod scan;
mod session;
mod store;

pub use assess::{Controls, MappedControl, MappedFramework};
pub use content::{ContentFolder, ContentSource};
pub use engine::{Engine, OpenError, Options};
pub use export::{ExportError, Exported, Format};
pub use functions::FunctionDoc;
