//! Journeys through the real program, as a newcomer, an approver, an auditor and an attacker would take them.
//!
//! One binary, many subjects. `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod advice;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod browser;
#[cfg(test)]
#[path = "../../crates/privyseal-ledger/tests/ledger/cluster.rs"]
mod cluster;
#[cfg(test)]
mod console;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod duckdb;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod grant_token;
#[cfg(test)]
mod halt;
#[cfg(test)]
mod held_command;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod policy_life;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod python;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod replay;
#[cfg(test)]
#[path = "../../crates/privyseal-ledger/tests/ledger/s3.rs"]
mod s3;
#[cfg(test)]
mod second_verifier;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod sql_verb;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod witness;
