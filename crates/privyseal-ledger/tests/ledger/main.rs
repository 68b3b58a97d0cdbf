//! The one integration binary of the ledger: appending, sealing, reading, tampering.
//!
//! `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod append;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod http;
#[cfg(test)]
mod public;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod timestamp;
#[cfg(test)]
mod witness;
