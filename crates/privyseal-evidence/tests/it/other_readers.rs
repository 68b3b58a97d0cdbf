//! What programs of other people make of our files. Each test says nothing where its program is not installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use privyseal_evidence::sample;

use crate::pdf_file::rendered;

/// Runs a program on a file given on its standard input; none when it is not installed.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<(bool, String)> {
    let spawned = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{program} is there but does not start: {error}"),
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn poppler_copies_out_the_same_words() {
    let Some((success, text)) = run("pdftotext", &["-raw", "-", "-"], &rendered(&sample::document())) else { return };
    assert!(success);
    // Poppler puts single spaces where code is aligned.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["Małgorzata Świątek", "Νίκος Παπαδόπουλος", "Ольга Дмитриева", "Nguyễn Thị", "Page 1 of", "WHERE r.verdict = 'approve'"]
    {
        assert!(words.contains(said), "{said} is missing: {words}");
    }
}

#[test]
fn poppler_finds_the_structure() {
    let Some((success, text)) = run("pdfinfo", &["-struct", "-"], &rendered(&sample::document())) else { return };
    assert!(success);
    for role in ["Document", "H1", "H2", "TOC", "Table", "TH", "Figure", "Link", "LBody"] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(role)), "{role} is missing: {text}");
    }
}
