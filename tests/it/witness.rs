//! A log and two witnesses as three programs: cosigned heads, a fork that no witness follows, a witness killed hard, proof files.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::support::{Instance, Running, ok, run, wait_for};

pub(crate) struct OwnWitness {
    server: Running,
    pub(crate) key: String,
    pub(crate) url: String,
}

impl OwnWitness {
    pub(crate) fn start(folder: &Path, name: &str, log: &str, listen: &str) -> Self {
        let state = folder.join(name);
        let arguments = [
            "witness",
            "serve",
            "--listen",
            listen,
            "--state",
            state.to_str().unwrap(),
            "--name",
            &format!("{name}.example"),
            "--log",
            log,
        ];
        let mut server = Running::start(folder, &arguments);
        let line = server.line_with("listens on http://");
        let url = line.rsplit(' ').next().unwrap().to_owned();
        let key = String::from_utf8(http(&url, "/")).unwrap().trim().to_owned();
        Self { server, key, url }
    }

    pub(crate) fn kill(mut self) {
        self.server.child.kill().unwrap();
        self.server.child.wait().unwrap();
    }
}

fn http(url: &str, path: &str) -> Vec<u8> {
    let host = url.strip_prefix("http://").unwrap().replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(&host).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    answer.split_off(end + 4)
}

fn lines(head: &Path) -> usize {
    fs::read_to_string(head).unwrap_or_default().lines().filter(|line| line.starts_with('\u{2014}')).count()
}

#[test]
fn heads_are_cosigned_and_proofs_verify_by_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ok(path, &["init"]);
    let log = ok(path, &["keys", "list"]).stdout.lines().next().unwrap().to_owned();
    let one = OwnWitness::start(path, "w1", &log, "127.0.0.1:0");
    let two = OwnWitness::start(path, "w2", &log, "127.0.0.1:0");
    let policy =
        format!("log {log}\nwitness w1 {} {}\nwitness w2 {} {}\ngroup both all w1 w2\nquorum both\n", one.key, one.url, two.key, two.url);
    fs::write(path.join("policy"), &policy).unwrap();
    fs::write(path.join("privyseal-data/privyseal.toml"), "[witness]\npolicy = 'policy'\nrequired = true\n").unwrap();
    let head = path.join("privyseal-data/ledger/checkpoint");
    assert_eq!(lines(&head), 1, "what `init` published nobody could cosign yet");
    ok(path, &["seal"]);
    assert_eq!(lines(&head), 3);
    ok(path, &["verify", "--trusted-key", &log, "--policy", "policy"]);

    ok(path, &["proof", "0", "--out", "first.tlog-proof"]);
    assert!(fs::metadata(path.join("first.tlog-proof")).unwrap().len() < 8 * 1024);
    ok(path, &["verify", "first.tlog-proof", "--trusted-key", &log]);
    ok(path, &["verify", "first.tlog-proof", "--policy", "policy"]);
    let changed = fs::read_to_string(path.join("first.tlog-proof")).unwrap().replace("index 0", "index 1");
    fs::write(path.join("changed"), changed).unwrap();
    assert_eq!(run(path, &["verify", "changed", "--policy", "policy"]).code, 1);

    ok(path, &["checkpoint", "export", "--out", "public", "--entries"]);
    assert_eq!(fs::read(path.join("public/checkpoint")).unwrap(), fs::read(&head).unwrap());
    assert!(path.join("public/tile/entries").is_dir());

    // One witness dies: with the requirement, the head stays where it was, and says so.
    let before = fs::read(&head).unwrap();
    let url = two.url.clone();
    two.kill();
    let added = ok(path, &["people", "add", "eve", "--name", "Eve"]);
    assert!(added.stderr.contains("no quorum of witnesses"), "{}", added.stderr);
    assert_eq!(fs::read(&head).unwrap(), before);
    // It comes back on the same port with what it remembers; the log catches up.
    let two = OwnWitness::start(path, "w2", &log, url.strip_prefix("http://").unwrap());
    ok(path, &["seal"]);
    assert_eq!(lines(&head), 3);
    assert_ne!(fs::read(&head).unwrap(), before);

    // A copy of the folder is taken back in time and goes another way: no witness cosigns the fork.
    let copied = std::process::Command::new("cp").args(["-a", "privyseal-data", "fork"]).current_dir(path).status().unwrap();
    assert!(copied.success());
    ok(path, &["people", "add", "ana", "--name", "Ana"]);
    let ours = fs::read(&head).unwrap();
    assert_eq!(lines(&head), 3);
    let forked =
        ok(path, &["people", "add", "mallory", "--name", "Mallory", "--data", "fork", "--config", "privyseal-data/privyseal.toml"]);
    assert!(forked.stderr.contains("compare histories at once"), "{}", forked.stderr);
    assert_ne!(fs::read(path.join("fork/ledger/checkpoint")).unwrap(), ours);
    let fork = ok(path, &["keys", "list", "--data", "fork"]).stdout;
    assert_eq!(fork.lines().next().unwrap(), log);
    assert_eq!(lines(&path.join("fork/ledger/checkpoint")), 3, "still the head from before the fork");
    one.kill();
    two.kill();
}

#[test]
fn a_server_shows_its_witnesses_and_serves_bundles_to_whom_it_may() {
    let instance = Instance::start();
    let url = instance.url.clone();
    wait_for("a published head", || instance.data().join("ledger/checkpoint").is_file().then_some(()));
    assert_eq!(http(&url, "/checkpoint"), fs::read(instance.data().join("ledger/checkpoint")).unwrap());
    assert_eq!(String::from_utf8(http(&url, "/readyz")).unwrap(), "ready\n");
    assert!(String::from_utf8(http(&url, "/tile/entries/000.p/1")).unwrap().contains("unauthenticated"));
}
