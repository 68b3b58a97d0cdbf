//! The questions of `queries/library/` over the demonstration: each runs as it stands, and finds something.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use privyseal_analytics::{Engine, Options};
use privyseal_core::port::{Analytics as _, QueryLimits, Question};
use privyseal_ledger::layout::Layout;

use crate::support::ok;

/// Questions to which a demonstration has no answer, each with why. A question that finds something there leaves this list.
const SILENT: &[(&str, &str)] = &[
    ("audit-access", "nobody asks the audit data while a demonstration is made"),
    ("failed-sign-ins", "nobody fails to sign in"),
    ("fresh-passkeys", "everybody's passkey is there from the first moment, more than 90 days before the last"),
    ("narrowed-requests", "reviewers approve and deny; nobody narrows"),
    ("open-exceptions", "no control test has been run and recorded yet"),
    ("ownerless-agents", "every agent's owner stays"),
    ("split-requests", "with so few requests nobody asks for three different things on one resource within an hour"),
    ("statements-by-actor", "nobody asks the audit data while a demonstration is made"),
];

/// The files of `queries/`, by path.
fn queries() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for folder in ["queries/views", "queries/library"] {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            files.insert(name, std::fs::read_to_string(path).unwrap());
        }
    }
    files
}

#[test]
fn every_question_is_answered_by_the_demonstration() {
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["demo", "--no-serve", "--requests", "800", "--seed", "3"]);
    let layout = Layout::new(folder.path().join("privyseal-demo"));
    let scratch = folder.path().to_owned();
    let options = Options { layout, content: Arc::new(queries()), memory_bytes: 256 << 20, spill_bytes: 0, scratch, threads: 2 };
    let engine = Engine::open(options).unwrap_or_else(|error| panic!("{error}"));
    assert!(engine.library().len() >= 30);
    for (name, _) in SILENT {
        assert!(engine.library().iter().any(|query| query.name == *name), "{name} is no question");
    }
    let limits = QueryLimits { timeout_ms: 60_000, ..QueryLimits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut wrong = Vec::new();
    for query in engine.library() {
        let silent = SILENT.iter().any(|(name, _)| *name == query.name);
        match runtime.block_on(engine.query(&Question::new(&query.ready), limits)) {
            Ok(answer) if answer.rows.is_empty() == silent => {}
            Ok(answer) => wrong.push(format!(
                "{}: {} rows, and it {} listed as silent",
                query.name,
                answer.rows.len(),
                if silent { "is" } else { "is not" }
            )),
            Err(error) => wrong.push(format!("{}: {error}", query.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
