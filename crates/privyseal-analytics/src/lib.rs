//! SQL over the ledger.
mod answer;
mod assertion;
mod assess;
mod bind;
mod engine;
mod export;
mod functions;
mod guard;
mod harden;
mod header;
mod heads;
mod joins;
mod library;
mod refuse;
mod run;
mod scan;
mod session;
mod spread;
mod store;
mod turns;

pub use engine::{Engine, OpenError, Options};
