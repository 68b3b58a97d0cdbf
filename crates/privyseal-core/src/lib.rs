//! The domain of Privyseal, without I/O.
//!
//! Here live identifiers, canonical bytes, the tree and its proofs, event schema v1, requests with their states, the one function
//! that decides and the one that applies, catalogs, findings, and the traits through which the world is reached.
//! Here do not live: clocks, randomness, files, sockets, databases, threads. `xtask fence` proves it.

pub mod action;
pub mod assessment;
pub mod canonical;
pub mod catalog;
pub mod cause;
pub mod command;
pub mod cosignature;
pub mod decide;
pub mod digest;
pub mod duration;
pub mod event;
pub mod finding;
pub mod grant_token;
pub mod hidden;
pub mod id;
pub mod invariant;
pub mod note;
pub mod parameter;
pub mod port;
pub mod refusal;
pub mod reperform;
pub mod report;
pub mod request;
pub mod requirement;
pub mod simulation;
pub mod state;
pub mod text;
pub mod time;
pub mod tlog_policy;
pub mod tlog_proof;
pub mod tree;
pub mod webauthn;
pub mod witness;
