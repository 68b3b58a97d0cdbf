//! The one integration binary of the engine: durability, concurrency, restarts, time.
//!
//! `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod durability;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hidden;
#[cfg(test)]
mod journeys;
