//! Evidence for people: reports as HTML and PDF from one model, and packs that verify offline.
//!
//! `html` and `pdf` give a `privyseal_core::report::Document` its form, the same words in both; `pack` decides what stands in a pack's
//! report, seals the pack and verifies it. There is no clock here: whatever has a date takes it as an argument.

mod bar;
pub mod container;
mod document;
pub mod html;
pub mod invariant;
mod link;
mod mark;
pub mod pack;
pub mod pdf;
pub mod sample;
mod text;
mod wording;

pub use document::DocumentError;
