//! The one integration binary of this crate: everything here goes through the public surface.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails like a test")]

mod annotations;
mod assess;
mod corpus;
mod default_policy;
mod facts;
mod load;
mod property;
mod satisfiable;
mod statement;
mod terms;
mod world;
