//! The one integration binary of this crate: SQL, attacks, control tests, all over ledgers made by hand in temporary folders.

#[cfg(test)]
mod again;
#[cfg(test)]
mod assertions;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod duckdb;
#[cfg(test)]
mod eventful;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod intervals;
#[cfg(test)]
mod library;
#[cfg(test)]
#[path = "../../../../tests/it/python.rs"]
mod python;
#[cfg(test)]
mod slt;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod world;
