//! The one integration test binary of this crate; every module is a subject.
//!
//! `pdf_file` reads a PDF back the way a strict reader would and `html_page` does the same for HTML; the other modules hold the claims.
//! `cfg(test)` is always true here; it is written out because clippy looks for it before it lets helpers unwrap.

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod html_page;
#[cfg(test)]
mod html_rules;
#[cfg(test)]
mod long_table;
#[cfg(test)]
mod other_readers;
#[cfg(test)]
mod pack;
#[cfg(test)]
mod pdf_file;
#[cfg(test)]
mod pdf_rules;
#[cfg(test)]
mod same_text;
