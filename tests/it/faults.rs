//! Whatever fails, whenever: what was acknowledged is there, once; the ledger verifies; the program goes on, starts again by itself, or
//! stops with a line that says why.
//!
//! The faults are real ones, made by the kernel at the system calls of the running program: `strace` lets the N-th call of a sort fail, or
//! kills the program in it, and N runs over every durable step of a short scenario. After an `fsync` that is made to fail, what was written
//! before stands on the disk although its writer was told otherwise: that is "fails after persisting".
//! PRIVYSEAL_TEST_FAULTS=all tries every N; otherwise a few of each sort, spread evenly. PRIVYSEAL_TEST_KILLS sets the rounds of the load.
//! The table of what happened is printed, and kept as `faults.txt` in the test's folder below `target/`.

mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use privyseal_core::digest::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{PATIENCE, ok, program, run, say, setting};

pub(crate) const DATA: &str = "privyseal-data";

// ------------------------------------------------------------------------------------------------- the program, perhaps under a fault

/// A server that may end at any moment, and everything it said.
pub(crate) struct Server {
    pub(crate) child: Child,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
    pub(crate) url: Option<String>,
}

impl Server {
    /// Starts `serve` in a folder, behind the words of `wrapper` when there are any, and waits until it serves or has ended.
    pub(crate) fn start(folder: &Path, wrapper: &[&str]) -> Self {
        let ours = program();
        let mut command = match wrapper.split_first() {
            None => program(),
            Some((tool, rest)) => {
                let mut command = Command::new(tool);
                command.args(rest).arg(ours.get_program());
                for name in ["PRIVYSEAL_DATA", "PRIVYSEAL_CONFIG", "PRIVYSEAL_SERVER"] {
                    command.env_remove(name);
                }
                command
            }
        };
        let _ = fs::remove_file(folder.join(DATA).join("server.json"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child =
            spawned.unwrap_or_else(|error| panic!("{wrapper:?} does not run ({error}): on Debian or Ubuntu `sudo apt-get install strace`"));
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut server = Self { child, lines, said: Vec::new(), url: None };
        // "sign in as admin" is the last that a start says; a fault may end it before.
        while let Ok(line) = server.lines.recv_timeout(PATIENCE) {
            if line.contains("Privyseal serves") {
                server.url = line.rsplit(' ').next().map(str::to_owned);
            }
            let complete = line.contains("sign in as admin");
            server.said.push(line);
            if complete {
                break;
            }
        }
        server
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or_else(|| panic!("it does not start: {}", self.said.join("\n")))
    }

    /// Asks it to end, as a service manager does, and waits: its exit code, `None` when a signal ended it.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).stderr(Stdio::null()).status();
        self.ended()
    }

    fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.said.extend(self.lines.iter());
                return status.code();
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("it neither works nor ends: {}", self.said.join("\n"));
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came of one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The server said yes, with this request id.
    Acknowledged(String),
    /// The server said that it did not do it, and why.
    Refused(String),
    /// No answer: it may or may not be recorded.
    Unknown,
}

pub(crate) struct Client {
    agent: ureq::Agent,
    key: String,
}

impl Client {
    pub(crate) fn new(folder: &Path) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let key = fs::read_to_string(folder.join(DATA).join("keys/cli.key")).unwrap().trim().to_owned();
        Self { agent: config.build().into(), key }
    }

    /// Asks for a low-risk action under an idempotency key. The same key is the same request, however often it is sent.
    pub(crate) fn ask(&self, url: &str, key: &str) -> Answer {
        let body = json!({"action": "infra.restart", "resource": {"type": "k8s", "id": "web/dev"}, "justification": format!("fault test, request {key}")});
        let request = self.agent.post(format!("{url}/v1/requests")).header("authorization", format!("Bearer {}", self.key));
        let Ok(mut answer) = request.header("idempotency-key", key).send_json(&body) else { return Answer::Unknown };
        let status = answer.status().as_u16();
        let Ok(text) = answer.body_mut().read_to_string() else { return Answer::Unknown };
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        match (status, value["id"].as_str(), value["detail"].as_str()) {
            (200 | 201, Some(id), _) => Answer::Acknowledged(id.to_owned()),
            (503, _, Some(detail)) if !detail.is_empty() => Answer::Refused(detail.to_owned()),
            _ => panic!("an answer that is neither yes nor a reason: {status} {text}"),
        }
    }
}

/// A folder with an instance in it that has served before: made once, copied for each fault.
fn instance() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["init"]);
    let mut server = Server::start(folder.path(), &[]);
    assert!(matches!(Client::new(folder.path()).ask(server.url(), "before"), Answer::Acknowledged(_)));
    assert_eq!(server.stop(), Some(0));
    folder
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").args(["-a", "--"]).arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

fn sqlite(folder: &Path, sql: &str) -> Vec<String> {
    let output = Command::new("sqlite3").arg(folder.join(DATA).join("log.sqlite")).arg(sql).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What must hold after every fault: the folder serves again by itself; what was acknowledged is found again under its key, what was not can
/// be asked again; everything is in the log once; the log seals; the ledger verifies.
fn all_is_well(folder: &Path, acknowledged: &BTreeMap<String, String>, others: &BTreeSet<String>) {
    let mut server = Server::start(folder, &[]);
    let client = Client::new(folder);
    let mut known = acknowledged.clone();
    for key in acknowledged.keys().chain(others) {
        let Answer::Acknowledged(id) = client.ask(server.url(), key) else { panic!("`{key}` cannot be asked again") };
        let first = known.entry(key.clone()).or_insert_with(|| id.clone());
        assert_eq!(*first, id, "`{key}` was acknowledged as one request and is another one now");
    }
    ok(folder, &["seal"]);
    assert_eq!(server.stop(), Some(0));
    in_the_log_once(folder, &known);
    let verified = run(folder, &["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

fn in_the_log_once(folder: &Path, known: &BTreeMap<String, String>) {
    let submitted =
        sqlite(folder, "SELECT request_id || ' ' || (entry ->> '$.body.idempotency_sha256') FROM entry WHERE kind = 'request.submitted'");
    let mut times = BTreeMap::<&str, u32>::new();
    for (id, key) in submitted.iter().filter_map(|line| line.split_once(' ')) {
        *times.entry(id).or_default() += 1;
        *times.entry(key).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "a request or a key is there more than once: {submitted:?}");
    for (key, id) in known {
        assert!(times.contains_key(id.as_str()), "`{key}` was acknowledged as {id} and is not in the log");
    }
}

// ------------------------------------------------------------------------------------------------- every step, failing or killed

/// A fault at the N-th call of a sort.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Error(&'static str),
    Kill,
}

#[derive(Debug)]
struct Row {
    step: String,
    fault: String,
    outcome: &'static str,
}

/// Durable steps by the file that the call was about; the first that fits. Stores and witnesses add theirs here.
const STEPS: &[(&str, &str)] = &[
    ("log.sqlite-wal", "append"),
    ("log.sqlite-shm", "append"),
    ("log.sqlite", "fold the write-ahead log"),
    ("ledger/events", "seal"),
    ("ledger/tile", "publish tiles"),
    ("ledger/checkpoint", "publish head"),
    ("ledger/blobs", "keep a blob"),
    ("ledger>", "publish head"),
    ("private.sqlite", "keep hidden values"),
    ("privyseal-data/cache", "snapshot of the state"),
    ("server.json", "start"),
];

fn step_of(line: &str) -> String {
    let found = STEPS.iter().find(|(words, _)| line.contains(words));
    found.map_or_else(|| format!("other: {line}"), |(_, step)| (*step).to_owned())
}

/// The scenario under a fault at call `number`: four requests, a seal, two requests, the end. `None` when there were fewer calls.
fn under_fault(base: &Path, call: &str, fault: Fault, number: usize) -> Option<Row> {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("here");
    copy(base, &folder);
    let log = scratch.path().join("strace.txt");
    let how = match fault {
        Fault::Error(error) => format!("error={error}"),
        Fault::Kill => "signal=KILL".to_owned(),
    };
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{how}:when={number}"));
    let wrapper = ["strace", "-D", "-f", "-qq", "-y", "-o", log.to_str().unwrap(), "-e", &trace, "-e", &inject, "--"];
    let mut server = Server::start(&folder, &wrapper);
    let client = Client::new(&folder);
    let (mut acknowledged, mut others, mut refused) = (BTreeMap::new(), BTreeSet::new(), 0);
    let mut ask = |key: &str, server: &Server| match server.url.as_deref().map_or(Answer::Unknown, |url| client.ask(url, key)) {
        Answer::Acknowledged(id) => drop(acknowledged.insert(key.to_owned(), id)),
        Answer::Refused(_) => {
            refused += 1;
            others.insert(key.to_owned());
        }
        Answer::Unknown => drop(others.insert(key.to_owned())),
    };
    for key in ["a", "b", "c", "d"] {
        ask(key, &server);
    }
    let sealed = if server.child.try_wait().unwrap().is_none() { run(&folder, &["seal"]).code } else { 0 };
    for key in ["e", "f"] {
        ask(key, &server);
    }
    let code = server.stop();
    let traced = fs::read_to_string(&log).unwrap_or_default();
    let hit = traced.lines().find(|line| line.contains("(INJECTED)")).or_else(|| {
        // A killed call has no result; it is the last of the thread that was in it.
        let killed = matches!(fault, Fault::Kill) && code.is_none();
        killed.then(|| traced.lines().rfind(|line| line.contains(&format!("{call}("))).unwrap_or_default())
    })?;
    let outcome = match code {
        None if matches!(fault, Fault::Kill) => "killed; started again by itself",
        None => "was ended before it served; started again by itself",
        Some(0) if refused > 0 || sealed != 0 => "said no to whoever asked, went on",
        Some(0) => "went on, nobody noticed",
        Some(_) => {
            let last = server.said.last().map(String::as_str).unwrap_or_default();
            assert!(last.starts_with("privyseal: ") && last.len() > 30, "it stopped without a reason: {:?}", server.said);
            "stopped with a reason; started again by itself"
        }
    };
    let row = Row { step: step_of(hit), fault: format!("{call} {fault:?}, call {number}"), outcome };
    say(&format!("{:26} {:34} {}", row.step, row.fault, row.outcome));
    all_is_well(&folder, &acknowledged, &others);
    Some(row)
}

/// Whether this machine lets a program be traced at all: some containers do not, and then no system call can be made to fail from outside.
/// Said aloud; the fault tables of the crates run everywhere.
fn may_trace() -> bool {
    let tried = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
    let tried = tried.unwrap_or_else(|error| panic!("strace does not run ({error}): on Debian or Ubuntu `sudo apt-get install strace`"));
    if !tried.status.success() {
        say(&format!("NOT TESTED HERE, tracing is not allowed: {}", String::from_utf8_lossy(&tried.stderr).trim()));
    }
    tried.status.success()
}

/// How many calls of a sort the scenario makes when nothing fails.
fn calls(base: &Path, call: &str) -> usize {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("here");
    copy(base, &folder);
    let log = scratch.path().join("strace.txt");
    let trace = format!("trace={call}");
    let mut server = Server::start(&folder, &["strace", "-D", "-f", "-qq", "-y", "-o", log.to_str().unwrap(), "-e", &trace, "--"]);
    let client = Client::new(&folder);
    for key in ["a", "b", "c", "d", "e", "f"] {
        assert!(matches!(client.ask(server.url(), key), Answer::Acknowledged(_)));
    }
    ok(&folder, &["seal"]);
    assert_eq!(server.stop(), Some(0));
    fs::read_to_string(log).unwrap().lines().filter(|line| line.contains(&format!("{call}("))).count()
}

/// Runs over the calls of a sort with each fault, two at a time.
fn sweep(call: &'static str, faults: &[Fault]) {
    if !may_trace() {
        return;
    }
    let base = instance();
    let total = calls(base.path(), call);
    assert!(total > 0, "the scenario makes no `{call}`");
    let tried = if setting("PRIVYSEAL_TEST_FAULTS").is_some_and(|what| what == "all") { total } else { 7.min(total) };
    let jobs: Vec<(Fault, usize)> =
        faults.iter().flat_map(|fault| (0..tried).map(move |position| (*fault, 1 + position * total / tried.max(1)))).collect();
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((fault, number)) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Some(row) = under_fault(base.path(), call, *fault, *number) {
                        rows.lock().unwrap().push(row);
                    }
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    assert!(
        rows.len() * 2 >= jobs.len(),
        "of {} faults only {} were met: the scenario no longer makes these calls",
        jobs.len(),
        rows.len()
    );
    record(call, &rows);
}

/// Keeps the table: one line for each (step, fault, outcome), with how often it was seen.
fn record(call: &str, rows: &[Row]) {
    let mut seen = BTreeMap::<(String, String, &str), usize>::new();
    for row in rows {
        let fault = row.fault.split(", ").next().unwrap_or_default().to_owned();
        *seen.entry((row.step.clone(), fault, row.outcome)).or_default() += 1;
    }
    let mut table = String::new();
    for ((step, fault, outcome), times) in seen {
        writeln!(table, "{step:26} {fault:24} {outcome} ({times})").unwrap();
    }
    say(&format!("\n{table}"));
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{call}.txt")), table).unwrap();
}

#[test]
fn a_sync_that_fails_or_is_the_last() {
    sweep("fsync", &[Fault::Error("EIO"), Fault::Kill]);
}

/// What SQLite syncs its files with, as `.cargo/config.toml` builds it.
#[test]
fn a_sync_of_a_database_that_fails_or_is_the_last() {
    sweep("fdatasync", &[Fault::Error("EIO"), Fault::Kill]);
}

#[test]
fn a_write_to_the_log_that_fails_or_is_the_last() {
    sweep("pwrite64", &[Fault::Error("EIO"), Fault::Error("ENOSPC"), Fault::Kill]);
}

#[test]
fn a_rename_that_fails_or_is_the_last() {
    sweep("rename", &[Fault::Error("EIO"), Fault::Kill]);
}

#[test]
fn a_file_that_cannot_be_opened() {
    // Only calls of the running server: opening the program's own libraries is not a durable step.
    sweep("mkdir", &[Fault::Error("ENOSPC"), Fault::Kill]);
}

// ------------------------------------------------------------------------------------------------- kill -9 under load

/// At least 10,000 events in several rounds, each ended by `kill -9` at a random moment, also while sealing.
#[test]
fn a_load_that_is_killed_at_random_points_loses_nothing_and_doubles_nothing() {
    const EVENTS: u64 = 10_000;
    const CLIENTS: usize = 8;
    let rounds: u64 = setting("PRIVYSEAL_TEST_KILLS").map_or(6, |text| text.parse().unwrap());
    let seed = setting("PRIVYSEAL_TEST_SEED").unwrap_or_else(|| "1".to_owned());
    let base = instance();
    let folder = base.path();
    let acknowledged = Mutex::new(BTreeMap::new());
    let unknown = Mutex::new(BTreeSet::new());
    let mut round = 0;
    loop {
        let events: u64 = sqlite(folder, "SELECT count(*) FROM entry")[0].parse().unwrap();
        if events >= EVENTS && round >= rounds {
            break;
        }
        round += 1;
        assert!(round < 1_000, "{events} events after {round} rounds");
        // Three events a request; the last rounds come as late as it takes to have enough of them.
        let share = usize::try_from(EVENTS / 3 / rounds).unwrap();
        let until = share / 2 + draw(&format!("{seed} {round}"), share + 1);
        let mut server = Server::start(folder, &[]);
        let (count, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for client_number in 0..CLIENTS {
                let (url, count, over, acknowledged, unknown) = (server.url().to_owned(), &count, &over, &acknowledged, &unknown);
                scope.spawn(move || {
                    let client = Client::new(folder);
                    for number in 0.. {
                        if over.load(Ordering::SeqCst) {
                            break;
                        }
                        let key = format!("{round}-{client_number}-{number}");
                        match client.ask(&url, &key) {
                            Answer::Acknowledged(id) => {
                                acknowledged.lock().unwrap().insert(key, id);
                                count.fetch_add(1, Ordering::SeqCst);
                            }
                            Answer::Refused(detail) => panic!("a healthy server said no: {detail}"),
                            Answer::Unknown => {
                                unknown.lock().unwrap().insert(key);
                                break;
                            }
                        }
                    }
                });
            }
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let _ = run(folder, &["seal"]);
                }
            });
            while count.load(Ordering::SeqCst) < until && server.child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            server.child.kill().unwrap();
            over.store(true, Ordering::SeqCst);
        });
        server.child.wait().unwrap();
        say(&format!("round {round}: killed after {} acknowledged requests", count.load(Ordering::SeqCst)));
        in_the_log_once(folder, &acknowledged.lock().unwrap());
    }
    // Every tenth is asked again; that all are there, once, the log has shown.
    let acknowledged = acknowledged.into_inner().unwrap();
    let some = acknowledged.iter().step_by(10).map(|(key, id)| (key.clone(), id.clone())).collect();
    all_is_well(folder, &some, &unknown.into_inner().unwrap());
    in_the_log_once(folder, &acknowledged);
    say(&format!("{round} rounds, {} requests acknowledged", acknowledged.len()));
}

fn draw(what: &str, bound: usize) -> usize {
    let number = u64::from_be_bytes(Digest::of(what.as_bytes()).as_bytes()[..8].try_into().unwrap());
    usize::try_from(number % u64::try_from(bound).unwrap()).unwrap()
}

// ------------------------------------------------------------------------------------------------- full and read-only disks

/// A disk of its own, where we may mount one.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "none"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn remount(&self, option: &str) {
        let output = Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{option}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Asks until the server says no; what was acknowledged.
fn until_refused(server: &Server, client: &Client, acknowledged: &mut BTreeMap<String, String>, others: &mut BTreeSet<String>) -> String {
    for number in 0..100_000 {
        let key = format!("full-{number}");
        match client.ask(server.url(), &key) {
            Answer::Acknowledged(id) => drop(acknowledged.insert(key, id)),
            Answer::Refused(detail) => {
                others.insert(key);
                return detail;
            }
            Answer::Unknown => panic!("it ended: {:?}", server.said),
        }
    }
    panic!("100,000 requests fit on a disk that has no room for them")
}

#[test]
fn a_disk_that_is_full_and_then_is_not() {
    let base = instance();
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path().join("disk");
    let (mut acknowledged, mut others) = (BTreeMap::new(), BTreeSet::new());
    let Some(disk) = Disk::mount(&at, "3m") else {
        // Not root: no file of the program may grow beyond a size. The shell ignores the signal, so that the write fails instead.
        let folder = scratch.path().join("here");
        copy(base.path(), &folder);
        let mut server = Server::start(&folder, &["bash", "-c", "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\""]);
        let detail = until_refused(&server, &Client::new(&folder), &mut acknowledged, &mut others);
        assert!(detail.contains("check the disk"), "{detail}");
        server.stop();
        return all_is_well(&folder, &acknowledged, &others);
    };
    let folder = at.join("here");
    copy(base.path(), &folder);
    let mut server = Server::start(&folder, &[]);
    let client = Client::new(&folder);
    let detail = until_refused(&server, &client, &mut acknowledged, &mut others);
    assert!(detail.contains("check the disk"), "{detail}");
    let sealed = run(&folder, &["seal"]);
    assert!(sealed.code == 0 || sealed.stderr.contains("privyseal: "), "{}", sealed.stderr);
    // Somebody makes room; the running server goes on.
    disk.remount("size=64m");
    let Answer::Acknowledged(id) = client.ask(server.url(), "room again") else { panic!("there is room again") };
    acknowledged.insert("room again".to_owned(), id);
    assert_eq!(server.stop(), Some(0));
    all_is_well(&folder, &acknowledged, &others);
    say(&format!("disk full: {} acknowledged before, said no with: {detail}", acknowledged.len()));
}

/// A file that is a disk with ext4 on it, where we may mount one: unlike others, that can be told to give up writing beneath programs that
/// have files open, as it does by itself after an error of the device.
struct Image {
    file: PathBuf,
    at: PathBuf,
}

impl Image {
    fn make(scratch: &Path) -> Option<Self> {
        let image = Self { file: scratch.join("image"), at: scratch.join("disk") };
        fs::create_dir_all(&image.at).unwrap();
        fs::File::create(&image.file).unwrap().set_len(64 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image.file).output();
        (made.is_ok_and(|output| output.status.success()) && image.mount("loop")).then_some(image)
    }

    fn mount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command.args(["-o", options]);
        if !options.starts_with("remount") {
            command.arg(&self.file);
        }
        command.arg(&self.at).output().is_ok_and(|output| output.status.success())
    }

    fn unmount(&self) {
        let output = Command::new("umount").arg(&self.at).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Lazily: on the way out of a failed test somebody may still be in it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}

#[test]
fn a_disk_that_turns_read_only_under_a_running_server() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(image) = Image::make(scratch.path()) else {
        return say("NOT TESTED HERE, mounting a disk of our own is not allowed");
    };
    let (mut acknowledged, mut others) = (BTreeMap::new(), BTreeSet::new());
    let base = instance();
    let folder = image.at.join("here");
    copy(base.path(), &folder);
    // What was copied, nobody has synced yet; what the server writes from here on is its own affair.
    assert!(Command::new("sync").arg("-f").arg(&image.at).status().unwrap().success());
    let mut server = Server::start(&folder, &[]);
    let client = Client::new(&folder);
    for number in 0..30 {
        let Answer::Acknowledged(id) = client.ask(server.url(), &format!("before-{number}")) else { panic!("nothing is wrong yet") };
        acknowledged.insert(format!("before-{number}"), id);
    }
    assert!(image.mount("remount,abort"), "ext4 does not give up");
    let detail = until_refused(&server, &client, &mut acknowledged, &mut others);
    assert!(detail.contains("check the disk") || detail.contains("restart the server"), "{detail}");
    let again = until_refused(&server, &client, &mut acknowledged, &mut others);
    let sealed = run(&folder, &["seal"]);
    assert!(sealed.code != 0 && sealed.stderr.contains("privyseal: "), "{}", sealed.stderr);
    // What can be read is not accused of anything.
    let verified = run(&folder, &["verify"]);
    assert_ne!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
    assert!(server.stop().is_some(), "it ends when it is told to");
    let stopped = Server::start(&folder, &[]);
    let line = stopped.said.last().cloned().unwrap_or_default();
    assert!(stopped.url.is_none() && line.starts_with("privyseal: "), "{:?}", stopped.said);
    drop(stopped);
    image.unmount();
    assert!(image.mount("loop"));
    all_is_well(&folder, &acknowledged, &others);
    image.unmount();
    say(&format!(
        "disk read-only under a server: {} acknowledged; said no with: {detail}; then: {again}; a start says: {line}",
        acknowledged.len()
    ));
}

#[test]
fn a_disk_that_turns_read_only() {
    let base = instance();
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path().join("disk");
    let (mut acknowledged, mut others) = (BTreeMap::new(), BTreeSet::new());
    let Some(disk) = Disk::mount(&at, "64m") else {
        // Not root: a folder in which nothing can be made or written.
        let folder = scratch.path().join("here");
        copy(base.path(), &folder);
        let mode = |mode: &str| assert!(Command::new("chmod").args(["-R", mode]).arg(folder.join(DATA)).status().unwrap().success());
        mode("a-w");
        let server = Server::start(&folder, &[]);
        let line = server.said.last().unwrap();
        assert!(server.url.is_none() && line.starts_with("privyseal: "), "{line}");
        mode("u+w");
        return all_is_well(&folder, &acknowledged, &others);
    };
    let folder = at.join("here");
    copy(base.path(), &folder);
    let mut server = Server::start(&folder, &[]);
    let client = Client::new(&folder);
    let Answer::Acknowledged(id) = client.ask(server.url(), "before") else { panic!("nothing is wrong yet") };
    acknowledged.insert("before".to_owned(), id);
    // What is open for writing keeps the kernel from it, so a server that runs is cut off by a read-only view of the same disk below it.
    assert_eq!(server.stop(), Some(0));
    disk.remount("ro");
    let stopped = Server::start(&folder, &[]);
    let line = stopped.said.last().cloned().unwrap_or_default();
    assert!(stopped.url.is_none() && line.starts_with("privyseal: ") && line.contains("Read-only"), "{:?}", stopped.said);
    assert_eq!(run(&folder, &["verify"]).code, 0, "reading needs no writing");
    disk.remount("rw");
    others.insert("after".to_owned());
    all_is_well(&folder, &acknowledged, &others);
    say(&format!("disk read-only: {line}"));
}

// ------------------------------------------------------------------------------------------------- proof of the sync

/// Between a write to the log and the answer that acknowledges it stands a sync of that file, for every answer.
#[test]
fn every_acknowledged_commit_was_synced_before_its_answer() {
    if !may_trace() {
        return;
    }
    let base = instance();
    let log = base.path().join("strace.txt");
    let calls = "trace=pwrite64,fsync,fdatasync,sendto,sendmsg,write,writev";
    let wrapper = ["strace", "-D", "-f", "-qq", "-y", "-s", "12", "-o", log.to_str().unwrap(), "-e", calls, "--"];
    let mut server = Server::start(base.path(), &wrapper);
    let client = Client::new(base.path());
    let before = fs::read_to_string(&log).unwrap().lines().count();
    for number in 0..20 {
        assert!(matches!(client.ask(server.url(), &format!("sync-{number}")), Answer::Acknowledged(_)));
    }
    server.stop();
    let traced = fs::read_to_string(&log).unwrap();
    let (mut dirty, mut syncing, mut answers, mut syncs) = (false, BTreeSet::new(), 0, 0);
    for line in traced.lines().skip(before) {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        let is_sync = call.starts_with("fsync(") || call.starts_with("fdatasync(");
        if call.starts_with("pwrite64(") && call.contains("log.sqlite-wal>") {
            dirty = true;
        } else if is_sync && call.contains("log.sqlite-wal>") && call.contains("<unfinished") {
            syncing.insert(thread.to_owned());
        } else if (is_sync && call.contains("log.sqlite-wal>") && call.ends_with("= 0"))
            || (call.contains("sync resumed>") && call.ends_with("= 0") && syncing.remove(thread))
        {
            (dirty, syncs) = (false, syncs + 1);
        } else if call.contains("\"HTTP/1.1 201") {
            assert!(!dirty, "an answer left before the log was on the disk: {line}");
            answers += 1;
        }
    }
    assert_eq!(answers, 20, "every answer was seen");
    assert!(syncs >= 20, "{syncs} syncs for 20 answers, one after the other");
}
