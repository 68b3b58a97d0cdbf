//! Files of the repository that tests make and compare: rendered documentation, expected answers.

use std::path::PathBuf;

/// Where a file of the repository is.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Whether such files are to be written anew: `PRIVYSEAL_BLESS=1`. Read the difference before you commit it.
#[expect(clippy::disallowed_methods, reason = "how the tests run is told to them, not to the program")]
pub(crate) fn blessing() -> bool {
    std::env::var("PRIVYSEAL_BLESS").is_ok_and(|value| value == "1")
}

/// Compares a file with what it should hold.
pub(crate) fn compare(name: &str, made: &str) {
    let path = path(name);
    if blessing() {
        return std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let (mut kept_lines, mut made_lines) = (kept.lines(), made.lines());
    for number in 1.. {
        match (kept_lines.next(), made_lines.next()) {
            (None, None) => break,
            (kept, made) if kept == made => {}
            (kept, made) => panic!(
                "{name}, line {number}:\n  kept: {}\n  made: {}\nWhen the change is meant, run the tests with PRIVYSEAL_BLESS=1 and read the difference.",
                kept.unwrap_or("(the end)"),
                made.unwrap_or("(the end)")
            ),
        }
    }
    assert_eq!(kept, made, "{name} differs in its line ends");
}
