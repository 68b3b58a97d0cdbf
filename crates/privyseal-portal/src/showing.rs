//! What of an action a page can show: the canonical bytes over which its digest is taken, and the contents of its inputs.
//!
//! INVARIANT: whoever approves here has had the whole action before their eyes. What this portal cannot show whole it does not approve;
//! pages and the API ask the same function.

use std::sync::Arc;

use privyseal_core::action::{Action, InputKind};
use privyseal_core::canonical;
use privyseal_core::digest::Digest;
use privyseal_core::event::request::Submitted;
use privyseal_ledger::blob;
use privyseal_ledger::layout::Layout;
use serde_json::Value;

use crate::app::App;
use crate::log;
use crate::problem::Problem;

/// Most bytes of contents that one page shows; the API takes less than twice as much in one call.
const MAX_SHOWN_BYTES: usize = 1_000_000;

/// An action as it can be shown.
pub(crate) struct Shown {
    /// The canonical JSON, hidden values as commitments: the bytes of the digest. Empty when there is none.
    pub(crate) canonical: String,
    /// The action with its hidden values opened; one that cannot be opened says why, in brackets.
    pub(crate) opened: Action,
    /// The content of each input, in their order.
    pub(crate) contents: Vec<Content>,
    /// What cannot be shown: one sentence. None when everything can.
    pub(crate) unshown: Option<String>,
}

/// The content of an input.
pub(crate) enum Content {
    /// Text, whole.
    Text(String),
    /// Kept, and no text.
    Binary,
    /// Never handed over.
    Withheld,
    /// Kept, but not to be shown: one sentence.
    Unshown(String),
}

/// Reads what there is to show of an action.
pub(crate) async fn load(app: &App, submitted: &Arc<Submitted>) -> Result<Shown, Problem> {
    let (app, submitted) = (app.clone(), Arc::clone(submitted));
    log::blocking(move || {
        let recorded = serde_json::to_value(&submitted.action).unwrap_or_default();
        let (mut opened, closed) = app.engine().view(|view| view.open(&recorded));
        for (pointer, why) in &closed {
            if let Some(place) = opened.pointer_mut(pointer) {
                *place = Value::String(why.clone());
            }
        }
        let opened = serde_json::from_value(opened).unwrap_or_else(|_| submitted.action.clone());
        let lost = closed
            .first()
            .map(|(pointer, why)| format!("The value at {pointer} is not there any more {why}, so nobody could see what they approve."));
        Ok(show(app.engine().layout(), &submitted, opened, lost))
    })
    .await
}

fn show(layout: &Layout, submitted: &Submitted, opened: Action, lost: Option<String>) -> Shown {
    let bytes = canonical::serialize(&submitted.action).unwrap_or_default();
    let mut unshown = (Digest::of(&bytes) != submitted.action_digest)
        .then(|| "The recorded digest is not the digest of the recorded action: run `privyseal verify`.".to_owned());
    unshown = unshown.or(lost);
    let mut left = MAX_SHOWN_BYTES;
    let mut contents = Vec::new();
    for input in &submitted.action.inputs {
        let name = &input.name;
        let content = content(layout, name, &input.sha256, &mut left);
        let reason = match (&content, input.kind) {
            (Content::Text(_) | Content::Binary, _) => None,
            // Programs and environments are fixed by their digest; nobody reads their bytes.
            (Content::Withheld, InputKind::Tool | InputKind::Environment) => None,
            (Content::Withheld, _) => Some(format!("The bytes of {name} were not handed over, so nobody could see what they approve.")),
            (Content::Unshown(why), _) => Some(why.clone()),
        };
        unshown = unshown.or(reason);
        contents.push(content);
    }
    Shown { canonical: String::from_utf8(bytes).unwrap_or_default(), opened, contents, unshown }
}

fn content(layout: &Layout, name: &str, sha256: &Digest, left: &mut usize) -> Content {
    match blob::get(layout, sha256) {
        Ok(None) => Content::Withheld,
        Err(_) => Content::Unshown(format!("The kept bytes of {name} cannot be read or are damaged: run `privyseal verify`.")),
        Ok(Some(bytes)) => match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => {
                if text.len() > *left {
                    return Content::Unshown(format!(
                        "The contents are more than the {MAX_SHOWN_BYTES} bytes that a page can show whole; {name} does not fit any more."
                    ));
                }
                *left -= text.len();
                Content::Text(text)
            }
            Ok(_) | Err(_) => Content::Binary,
        },
    }
}
