//! The one integration binary of the engine: durability, concurrency, restarts, time.
//!
//! `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod bucket;
#[cfg(test)]
#[path = "../../../privyseal-ledger/tests/ledger/cluster.rs"]
mod cluster;
#[cfg(test)]
mod cut;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod forgetting;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod hidden;
#[cfg(test)]
mod journeys;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod object_store;
#[cfg(test)]
mod past;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod witness;
