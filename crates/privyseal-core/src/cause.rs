//! Errors with their causes on one line: the one adapter through which logs, answers and the command line print them.

use std::error::Error;

/// The error's text followed by the text of each cause.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
