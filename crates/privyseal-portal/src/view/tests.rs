//! Every page in every state is rendered and checked: structure, labels, content policy, hostile text, contrast, spelling of classes.
//!
//! A new page joins by `Sampled`; nothing here has to be told about it.

mod contrast;
mod html;
mod pages;
mod style;
