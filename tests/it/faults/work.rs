//! Pruning and merging, failing or killed at every step.

use super::*;

/// A command that works on segments, and what has come of it when it was run to its end.
struct Work {
    name: &'static str,
    command: &'static [&'static str],
    base: TempDir,
    known: BTreeMap<String, String>,
    done: (&'static str, &'static str),
}

/// The command under a fault at call `number`; afterwards the same command goes on from whatever was left. `None` when there were fewer
/// calls.
fn work_under_fault(work: &Work, call: &str, fault: Fault, number: usize) -> Option<Row> {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("here");
    copy(work.base.path(), &folder);
    let log = scratch.path().join("strace.txt");
    let how = match fault {
        Fault::Error(error) => format!("error={error}"),
        Fault::Kill => "signal=KILL".to_owned(),
    };
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-o", log.to_str().unwrap(), "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{how}:when={number}"), "--"]).arg(program().get_program());
    let ended = command.args(work.command).current_dir(&folder).output().unwrap();
    let traced = fs::read_to_string(&log).unwrap_or_default();
    let hit = traced.lines().find(|line| line.contains("(INJECTED)")).or_else(|| {
        let killed = matches!(fault, Fault::Kill) && !ended.status.success();
        killed.then(|| traced.lines().rfind(|line| line.contains(&format!("{call}("))).unwrap_or_default())
    })?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let outcome = match ended.status.code() {
        Some(0) => "went on, nobody noticed",
        Some(_) => {
            assert!(said.lines().last().is_some_and(|line| line.starts_with("privyseal: ")), "it stopped without a reason: {said}");
            "stopped with a reason; the same command went on"
        }
        None => "killed; the same command went on",
    };
    let row = Row { step: format!("{}: {}", work.name, step_of(hit)), fault: format!("{call} {fault:?}, call {number}"), outcome };
    say(&format!("{:34} {:34} {}", row.step, row.fault, row.outcome));
    // Nothing is wrong before it is gone on with. A segment that was put and not recorded is a doubt until the next run takes it away.
    let verified = run(&folder, &["verify"]);
    let doubted = verified.code == 2 && verified.stdout.contains("no record names this file");
    assert!(verified.code == 0 || doubted, "{row:?}: {}{}", verified.stdout, verified.stderr);
    ok(&folder, work.command);
    let (question, answer) = work.done;
    assert_eq!(sqlite(&folder, question), [answer], "{row:?}: {question}");
    let mut server = Server::start(&folder, &[]);
    let client = Client::new(&folder);
    for (key, id) in &work.known {
        let Answer::Acknowledged(again) = client.ask(server.url(), key) else { panic!("`{key}` cannot be asked again") };
        assert_eq!(again, *id, "`{key}` was acknowledged as one request and is another one now");
    }
    assert_eq!(server.stop(), Some(0));
    let verified = run(&folder, &["verify"]);
    assert_eq!(verified.code, 0, "{row:?}: {}{}", verified.stdout, verified.stderr);
    Some(row)
}

fn work_that_fails_or_is_killed(work: &Work) {
    let mut rows = Vec::new();
    for (call, faults) in [
        ("pwrite64", &[Fault::Error("EIO"), Fault::Error("ENOSPC"), Fault::Kill][..]),
        ("fsync", &[Fault::Error("EIO"), Fault::Kill]),
        ("fdatasync", &[Fault::Error("EIO"), Fault::Kill]),
    ] {
        for fault in faults {
            let step = if setting("PRIVYSEAL_TEST_FAULTS").is_some_and(|what| what == "all") { 1 } else { 5 };
            rows.extend((1..).step_by(step).map_while(|number| work_under_fault(work, call, *fault, number)));
        }
    }
    assert!(rows.len() >= 6, "only {} faults were met", rows.len());
    record(work.name, &rows);
}

/// An instance that was asked some things, with a command of the operator's after each.
fn asked(keys: &[&str], after_each: Option<&[&str]>) -> (TempDir, BTreeMap<String, String>) {
    let base = instance();
    let mut known = BTreeMap::new();
    let mut server = Server::start(base.path(), &[]);
    for key in keys {
        let Answer::Acknowledged(id) = Client::new(base.path()).ask(server.url(), key) else { panic!("nothing is wrong yet") };
        known.insert((*key).to_owned(), id);
        if let Some(command) = after_each {
            ok(base.path(), command);
        }
    }
    assert_eq!(server.stop(), Some(0));
    (base, known)
}

#[test]
fn a_prune_that_fails_or_is_killed_is_gone_on_with() {
    if !may_trace() {
        return;
    }
    let (base, known) = asked(&["a", "b", "c", "d"], None);
    let done = ("SELECT count(*) FROM entry WHERE kind = 'request.submitted'", "0");
    work_that_fails_or_is_killed(&Work { name: "prune", command: &["seal", "--prune"], base, known, done });
}

#[test]
fn a_merge_that_fails_or_is_killed_is_gone_on_with() {
    if !may_trace() {
        return;
    }
    // The eighth small segment of a month is the one that they are merged after.
    let (base, known) = asked(&["a", "b", "c", "d", "e", "f", "g"], Some(&["seal"]));
    let merged = "SELECT count(*) > 0 FROM entry WHERE kind = 'segment.sealed' AND entry ->> '$.body.replaces' > 1";
    assert_eq!(sqlite(base.path(), merged), ["0"], "it was merged before the fault");
    work_that_fails_or_is_killed(&Work { name: "merge", command: &["seal"], base, known, done: (merged, "1") });
}
