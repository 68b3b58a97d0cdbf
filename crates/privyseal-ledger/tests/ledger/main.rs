//! The one integration binary of the ledger: appending, sealing, reading, tampering, and one suite over every log store.
//!
//! `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod append;
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod http;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod public;
#[cfg(test)]
mod s3;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod timestamp;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod witness;
