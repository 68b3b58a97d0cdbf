//! The one integration test binary of this crate; every module is a subject.
//!
//! `pdf_file` reads a PDF back the way a strict reader would and `html_page` does the same for HTML; the other modules hold the claims.

mod arbitrary;
mod html_page;
mod html_rules;
mod long_table;
mod pdf_file;
mod pdf_rules;
mod same_text;
