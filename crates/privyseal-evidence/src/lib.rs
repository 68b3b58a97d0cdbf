//! Evidence for people: a report of `privyseal_core::report` as HTML and as PDF.
//!
//! One model, two renderers, the same words in both. What stands in a report is decided by whoever builds the `Document`;
//! here it only gets its form. There is no clock here: whatever has a date takes it as an argument.

mod document;
pub mod html;
mod link;
mod mark;
pub mod pdf;
pub mod sample;
mod text;
mod wording;

pub use document::DocumentError;
