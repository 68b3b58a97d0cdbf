//! Traces: for an item that a test could not pass, everything about the event that it rests on, in one file that is proven by itself.

use privyseal_core::canonical;
use privyseal_core::digest::base64url;
use privyseal_core::event::Entry;
use privyseal_core::finding::{AssertionFinding, Item, ItemStatus};
use privyseal_core::tree;
use privyseal_ledger::log::StoredEntry;
use serde_json::{Value, json};

use super::events::{KEYS, Passed};
use super::{Content, PackError, PackInput, Waiting};

/// Most items of a test that are traced in the pack; `privyseal evidence sample` traces any other from the pack alone.
const MOST: usize = 100;
/// Most entries of one request in a trace.
const MOST_OF_REQUEST: usize = 200;

/// The items of a test that are traced: those in violation and those that could not be judged.
pub(super) fn open_items(finding: &AssertionFinding) -> impl Iterator<Item = &Item> {
    finding.items.iter().filter(|item| item.status != ItemStatus::Ok && !item.event_id.is_empty()).take(MOST)
}

/// Where the trace of an event stands.
pub(crate) fn path(event_id: &str) -> String {
    format!("trace/{event_id}.json")
}

/// Adds the traces, and what else became known while the log went by.
pub(super) fn files(input: &PackInput<'_>, passed: &Passed<'_>, files: &mut Waiting) -> Result<(), PackError> {
    for (event_id, (seq, request)) in &passed.found {
        let stored = input.source.entries(*seq, 1)?.into_iter().next().filter(|stored| stored.seq == *seq);
        let stored = stored.ok_or_else(|| PackError::Other(format!("entry {seq} is missing")))?;
        let size = input.findings.snapshot.size;
        let chain = match request {
            Some(request) => input.source.of_request(request)?.into_iter().filter(|entry| entry.seq < size).collect(),
            None => vec![stored.clone()],
        };
        let left_out = chain.len().saturating_sub(MOST_OF_REQUEST);
        let chain: Vec<Value> =
            chain.iter().take(MOST_OF_REQUEST).map(|entry| proven(entry, input, passed)).collect::<Result<_, PackError>>()?;
        let trace = json!({
            "event_id": event_id, "seq": seq, "log": input.log, "snapshot": input.findings.snapshot,
            "entry": proven(&stored, input, passed)?, "request": request, "chain": chain, "chain_left_out": left_out,
        });
        files.insert(path(event_id), Content::Bytes(canonical::to_bytes(&trace)?));
    }
    files.insert(KEYS.to_owned(), Content::Bytes(canonical::to_bytes(&Value::from(passed.keys.clone()))?));
    Ok(())
}

/// An entry with its leaf, its signature, and the proof that it is in the snapshot (RFC 6962 section 2.1.1).
fn proven(stored: &StoredEntry, input: &PackInput<'_>, passed: &Passed<'_>) -> Result<Value, PackError> {
    let malformed = |error: String| PackError::Other(format!("entry {} is not an event ({error})", stored.seq));
    let entry = Entry::read(&stored.entry).map_err(|error| malformed(error.to_string()))?;
    let text = std::str::from_utf8(&stored.entry).map_err(|error| malformed(error.to_string()))?;
    let proof = tree::inclusion_proof(&passed.nodes, stored.seq, input.findings.snapshot.size)?;
    let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
    let signature = stored.signature.as_ref().map(|(signature, key)| json!({"key_id": key.to_string(), "signature": base64url(signature)}));
    Ok(json!({
        "seq": stored.seq, "kind": entry.kind.name(), "time": entry.time, "entry": text, "leaf": stored.leaf, "signature": signature,
        "proof": proof,
    }))
}
