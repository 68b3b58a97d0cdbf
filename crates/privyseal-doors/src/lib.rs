//! Doors for other people's tools: the PostgreSQL wire protocol and Arrow Flight SQL.
//!
//! Both end at the engine's desk, which knows who may ask, runs the statement and records it. Nothing here plans SQL or reads the ledger.

mod entry;
mod flight;
mod postgres;
mod rows;
mod tls;

pub use flight::Flight;
pub use postgres::Postgres;
pub use tls::{OpenError, Place};
