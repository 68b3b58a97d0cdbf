//! The one integration binary of the ledger: appending, sealing, reading, tampering.

mod append;
mod fixture;
mod tamper;
