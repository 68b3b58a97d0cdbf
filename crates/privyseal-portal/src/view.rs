//! What every page shows, as plain structs, and the templates that they fill.
//!
//! A page is a struct with a member `shell` and a template `templates/portal/<page>.html`; what a page fetches again when something changed is
//! a struct of its own with the template `<page>_partial.html`, which the page includes. Small things that recur (a risk, a moment, a party)
//! are structs too and write themselves wherever a template names them. Nothing here reads state, knows the time, or decides anything:
//! handlers fill the structs and render them.
//!
//! Three rules keep pages honest. Text that somebody else wrote is [`text::Untrusted`], or [`code::Code`] when it is source. Every page is
//! rendered from its samples in every state by the tests, which check its structure, its labels and its content policy. Colour only repeats
//! what a mark and a word say.

pub mod code;
pub mod controls;
pub mod environment;
pub mod error;
pub mod evidence;
pub mod halt;
pub mod history;
pub mod ledger;
pub mod link;
pub mod mark;
pub mod moment;
pub mod number;
pub mod party;
pub mod people;
pub mod policies;
pub mod queue;
pub mod request;
pub mod risk;
pub mod sample;
pub mod seal;
pub mod settings;
pub mod shell;
pub mod sign_in;
pub mod sql;
pub mod state;
pub mod text;

#[cfg(test)]
mod tests;
