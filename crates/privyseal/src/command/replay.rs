//! `privyseal replay`: fold the log again, and compare what follows from it with what it says.

use std::process::ExitCode;

use anyhow::Context as _;
use privyseal_core::event::{Body, Event};
use privyseal_core::state::State;
use privyseal_ledger::reader::Reader;
use serde_json::json;

use crate::cli::Format;
use crate::context::Context;
use crate::output;

const STEP: usize = 8_192;

/// Folds the whole log twice: once straight, once checking for every approval by quorum that its slots are filled by what the
/// log said at that moment. Exit 1 when an approval does not follow from the reviews before it.
///
/// # Errors
/// When the log cannot be read or followed.
pub(crate) fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(context.layout())?;
    let (mut state, mut approvals, mut wrong) = (State::default(), 0_u64, Vec::new());
    loop {
        let entries = reader.log().entries(state.next_seq, STEP)?;
        if entries.is_empty() {
            break;
        }
        for stored in entries {
            let event = Event::from_entry(&stored.entry).with_context(|| format!("entry {} cannot be followed", stored.seq))?;
            if let (Body::RequestApproved(approved), Some(id)) = (&event.body, event.request_id)
                && approved.mechanism == privyseal_core::event::request::Mechanism::Quorum
            {
                approvals += 1;
                let again = state.requests.get(&id).and_then(|request| privyseal_core::decide::filled_slots(&state, request, event.time));
                if again.as_ref() != Some(&approved.slots) {
                    wrong.push(event.seq);
                }
            }
            state.apply(&event);
        }
    }
    let counts = json!({
        "entries": state.next_seq, "requests": state.requests.len(), "grants": state.grants.len(), "executions": state.executions.len(),
        "principals": state.principals.len(), "approvals_by_people": approvals, "approvals_that_do_not_follow": wrong,
    });
    match context.global.format {
        Some(Format::Json) => output::data(&counts.to_string()),
        _ => {
            output::data(&format!(
                "folded {} entries: {} requests, {} grants, {} runs",
                state.next_seq,
                state.requests.len(),
                state.grants.len(),
                state.executions.len()
            ));
            output::data(&format!("{approvals} approvals by people, {} of them do not follow from the reviews before them", wrong.len()));
        }
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
