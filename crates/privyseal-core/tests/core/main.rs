//! The one integration binary of the domain: what other implementations and published test vectors say about the same bytes.
//!
//! `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod ed25519;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tlog;
#[cfg(test)]
mod tree;
