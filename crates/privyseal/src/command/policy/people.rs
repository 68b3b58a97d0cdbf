//! Who could seal what a policy asks for: the people of the instance in the data folder, read from its log beside whatever runs there.

use anyhow::Context as _;
use privyseal_core::event::Event;
use privyseal_core::port::Clock as _;
use privyseal_core::requirement::Candidate;
use privyseal_core::state::State;
use privyseal_engine::SystemClock;
use privyseal_ledger::reader::Reader;
use privyseal_ledger::store::Store;

use crate::context::Context;

const STEP: usize = 8_192;

/// Everybody who could review anything now; none when the data folder has no instance.
///
/// # Errors
/// When the log cannot be read or followed.
pub(super) fn of_instance(context: &Context) -> anyhow::Result<Option<Vec<Candidate>>> {
    if !Store::of(&context.layout()).exists()? {
        return Ok(None);
    }
    let reader = Reader::open(context.layout())?;
    let mut state = State::default();
    loop {
        let entries = reader.log().entries(state.next_seq, STEP)?;
        if entries.is_empty() {
            break;
        }
        for stored in entries {
            state.apply(&Event::from_entry(&stored.entry).with_context(|| format!("entry {} cannot be followed", stored.seq))?);
        }
    }
    let now = SystemClock::default().now();
    Ok(Some(state.principals.keys().filter_map(|principal| state.candidate(principal, now)).collect()))
}
