//! The one integration binary of the ledger: appending, sealing, reading, tampering, and one suite over every log store.
//!
//! `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod append;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tamper;
