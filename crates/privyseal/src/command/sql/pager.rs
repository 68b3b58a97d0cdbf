//! The pager: for tables that are larger than the terminal.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Shows a text through a command line; whether it could be started. Whoever leaves the pager early has seen enough.
pub(super) fn show(command: &str, text: &str) -> bool {
    // A shell, because `$PAGER` is a command line with options, as git and man take it.
    let started = Command::new("sh").arg("-c").arg(command).stdin(Stdio::piped()).spawn();
    let Ok(mut pager) = started else { return false };
    if let Some(mut stdin) = pager.stdin.take() {
        let _ = stdin.write_all(text.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
    }
    // 127 is the shell's word for a command that is not there.
    pager.wait().is_ok_and(|status| status.code() != Some(127))
}
