//! The one integration binary of this crate: SQL, attacks, control tests, all over ledgers made by hand in temporary folders.

mod assertions;
mod attacks;
mod fixture;
mod sql;
mod world;
