//! What goes where: data to standard output, everything for people to standard error.

use std::io::{self, Write as _};

/// Writes data to standard output, with a newline.
pub(crate) fn data(text: &str) {
    if writeln!(io::stdout().lock(), "{}", text.strip_suffix('\n').unwrap_or(text)).is_err() {
        // A closed pipe (`| head`) is the reader's choice; there is nobody left to tell.
        std::process::exit(0);
    }
}

/// Tells people something on standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells people of a failure, on standard error.
pub(crate) fn error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "privyseal: {text}");
}
