//! Repository checks that no lint knows: `cargo xtask tidy` and `cargo xtask fence`.

mod fence;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let verb = std::env::args().nth(1).unwrap_or_default();
    let problems = match verb.as_str() {
        "tidy" => tidy::check(root),
        "fence" => fence::check(root),
        _ => Ok(vec!["say `cargo xtask tidy` or `cargo xtask fence`".to_owned()]),
    };
    let problems = problems.unwrap_or_else(|error| vec![format!("{error:#}")]);
    for problem in &problems {
        report(problem);
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stderr, reason = "telling people is all this program does")]
fn report(problem: &str) {
    eprintln!("{problem}");
}
