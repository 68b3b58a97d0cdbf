//! Two verifiers that share no line, `privyseal verify` and `tests/verify/verify.py`, come to the same verdict on every ledger and pack:
//! the golden one, new ones, and whatever an attacker makes of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use privyseal_core::digest::Digest;
use tempfile::TempDir;

use crate::support::{Instance, program, run, say, setting};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");

/// An interpreter with what the second verifier needs, in a virtual environment that is made once.
fn python() -> PathBuf {
    if let Some(given) = std::env::var_os("PRIVYSEAL_TEST_PYTHON") {
        return given.into();
    }
    let requirements = format!("{FOLDER}/verify/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verify-venv");
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (interpreter, ready) = (folder.join("bin/python"), folder.join("ready"));
    let wanted = fs::read_to_string(&requirements).unwrap();
    if fs::read_to_string(&ready).is_ok_and(|found| found == wanted) {
        return interpreter;
    }
    let _ = fs::remove_dir_all(&folder);
    let advice = "the second verifier needs Python 3.11 or newer with venv and the packages in tests/verify/requirements.txt:\n\
        on Debian or Ubuntu `sudo apt-get install python3-venv`, and a reachable package index for pip;\n\
        or set PRIVYSEAL_TEST_PYTHON to an interpreter that has them";
    let steps: [(&Path, &[&str]); 2] = [
        (Path::new("python3"), &["-m", "venv", folder.to_str().unwrap()]),
        (&interpreter, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", &requirements]),
    ];
    for (tool, arguments) in steps {
        let output = Command::new(tool).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{} does not run: {error}\n{advice}", tool.display()));
        assert!(output.status.success(), "{} failed: {}\n{advice}", tool.display(), String::from_utf8_lossy(&output.stderr));
    }
    fs::write(ready, wanted).unwrap();
    interpreter
}

/// Runs a script of the second verifier's folder: exit code and what it printed.
fn script(name: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(python());
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(format!("{FOLDER}/verify/{name}")).args(arguments);
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

/// What both say about a target.
fn verdicts(target: &Path, options: &[&str]) -> ((i32, String), (i32, String)) {
    let target = target.to_str().unwrap();
    let ours = program().arg("verify").arg(target).args(options).output().unwrap();
    let theirs = script("verify.py", &[&[target][..], options].concat());
    ((ours.status.code().unwrap_or(-1), String::from_utf8_lossy(&ours.stdout).into_owned()), theirs)
}

fn agree(what: &str, target: &Path, options: &[&str], expected: i32) {
    let ((ours, said), (theirs, other)) = verdicts(target, options);
    assert_eq!((ours, theirs), (expected, expected), "{what}: ours, then the second verifier's\n{said}\n{other}");
    say(&format!("{expected}  {what}\n     {}\n     {}", second_line(&said), second_line(&other)));
}

fn second_line(text: &str) -> &str {
    text.lines().nth(1).unwrap_or_default().trim()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The only file below `ledger/` whose path holds these words.
fn one(data: &Path, words: &str) -> PathBuf {
    files(&data.join("ledger")).into_iter().find(|file| file.to_str().unwrap().contains(words)).unwrap()
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn sql(data: &Path, text: &str) {
    let done = Command::new("sqlite3").arg(data.join("log.sqlite")).arg(text).output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{text}: {done:?}");
}

fn attack(how: &str, target: &Path) {
    let (code, text) = script("tamper.py", &[how, target.to_str().unwrap()]);
    assert_eq!(code, 0, "{how}: {text}");
}

/// An instance with something in it, sealed and stopped, its folder in one piece, and a pack of it.
fn sealed() -> Instance {
    let mut instance = Instance::start();
    for number in 0..3 {
        let reason = format!("restart number {number}");
        instance.ok(&["exec", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", &reason, "--", "true"]);
    }
    instance.ok(&["seal"]);
    instance.stop();
    sql(&instance.data(), "PRAGMA wal_checkpoint(TRUNCATE)");
    instance.ok(&["evidence", "build", "--framework", "soc2", "--from", "2026-01-01", "--to", "2036-01-01", "--out", "pack.zip"]);
    instance
}

#[test]
fn the_second_verifier_agrees_with_the_vectors_of_others() {
    let (code, text) = script("test_verify.py", &[]);
    say(&text);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn both_verify_the_golden_ledger() {
    let scratch = tempfile::tempdir().unwrap();
    let golden = scratch.path().join("golden");
    copy(Path::new(&format!("{FOLDER}/vectors/ledger-v1")), &golden);
    agree("the golden ledger", &golden, &[], 0);
    let (code, text) = script("verify.py", &[golden.join("ledger").to_str().unwrap(), "--sealed"]);
    assert_eq!(code, 0, "the public part alone: {text}");
    let (code, text) = script("verify.py", &[golden.join("ledger").to_str().unwrap()]);
    assert_eq!(code, 2, "the public part does not hold the newest entries: {text}");
    // The head that is published now, kept by somebody: it is extended, or else the log was rewritten.
    let kept = scratch.path().join("kept");
    fs::copy(golden.join("ledger/checkpoint"), &kept).unwrap();
    let options = ["--remembered", kept.to_str().unwrap()];
    assert_eq!(script("verify.py", &[&[golden.to_str().unwrap()][..], &options].concat()).0, 0);
}

#[test]
fn both_find_what_was_done_to_a_folder() {
    let instance = sealed();
    let key = instance.ok(&["keys", "list"]).stdout.trim().to_owned();
    let other = sealed();
    type Attack<'a> = (&'a str, i32, &'a dyn Fn(&Path));
    let cases: &[Attack<'_>] = &[
        ("nothing", 0, &|_| {}),
        ("a byte of a segment flipped", 1, &|data| flip(&one(data, "events/"))),
        ("a byte of a tile flipped", 1, &|data| flip(&one(data, "tile/"))),
        ("a byte of the published head flipped", 1, &|data| flip(&one(data, "checkpoint"))),
        ("a byte of a blob flipped", 1, &|data| flip(&one(data, "blobs/"))),
        ("a tile removed", 1, &|data| fs::remove_file(one(data, "tile/")).unwrap()),
        ("a segment removed", 1, &|data| fs::remove_file(one(data, "events/")).unwrap()),
        ("a blob removed", 1, &|data| fs::remove_file(one(data, "blobs/")).unwrap()),
        ("the published head removed", 2, &|data| fs::remove_file(one(data, "checkpoint")).unwrap()),
        ("a tile emptied", 1, &|data| fs::write(one(data, "tile/"), b"").unwrap()),
        ("a file put there", 2, &|data| fs::write(data.join("ledger/notes.txt"), b"hello").unwrap()),
        ("the log removed", 2, &|data| fs::remove_file(data.join("log.sqlite")).unwrap()),
        ("the log replaced by noise", 1, &|data| fs::write(data.join("log.sqlite"), [7; 5_000]).unwrap()),
        ("a segment replaced by another log's", 1, &|data| {
            fs::copy(one(&other.data(), "events/"), one(data, "events/")).unwrap();
        }),
        ("a segment replaced by the same rows in other bytes", 1, &|data| attack("same-rows-again", data)),
        ("a typed column edited, recorded and signed with the stolen key", 1, &|data| attack("typed-column", data)),
        ("a segment encoded again, recorded and signed with the stolen key", 0, &|data| attack("recorded-again", data)),
        ("the tail cut back to an older signed head", 1, &|data| attack("cut-tail", data)),
        ("the last entry cut", 1, &|data| sql(data, "DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)")),
        ("an entry removed", 1, &|data| sql(data, "DELETE FROM entry WHERE seq = 5")),
        ("an entry edited", 1, &|data| {
            // Not the reason: that is hidden, so that the entry holds a commitment to it only.
            let first = "seq = (SELECT min(seq) FROM entry WHERE kind = 'request.submitted')";
            sql(data, &format!("UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), 'web/dev', 'web/pro') AS BLOB) WHERE {first}"))
        }),
        ("two entries swapped", 1, &|data| {
            sql(
                data,
                "UPDATE entry SET seq = -1 WHERE seq = 8; UPDATE entry SET seq = 8 WHERE seq = 9; UPDATE entry SET seq = 9 WHERE seq = -1",
            )
        }),
        ("an entry there twice", 1, &|data| {
            sql(
                data,
                "INSERT INTO entry SELECT (SELECT max(seq) FROM entry) + 1, kind, request_id, entry, leaf, signature, key_id FROM entry WHERE seq = 9",
            )
        }),
        ("a signature removed", 1, &|data| sql(data, "UPDATE entry SET signature = NULL, key_id = NULL WHERE kind = 'grant.issued'")),
        ("a signature of another entry", 1, &|data| {
            sql(
                data,
                "UPDATE entry SET signature = (SELECT signature FROM entry WHERE kind = 'grant.issued') WHERE kind = 'grant.redeemed'",
            )
        }),
        ("a signature where none belongs", 1, &|data| {
            let given = "(SELECT signature FROM entry WHERE kind = 'grant.issued' LIMIT 1), key_id = (SELECT key_id FROM entry WHERE kind = 'grant.issued' LIMIT 1)";
            sql(data, &format!("UPDATE entry SET signature = {given} WHERE kind = 'segment.sealed'"));
        }),
        ("a column of the log edited", 1, &|data| sql(data, "UPDATE entry SET kind = 'heartbeat' WHERE kind = 'segment.sealed'")),
        ("a kept head edited", 1, &|data| {
            sql(data, "UPDATE checkpoint SET note = 'x' || note WHERE size = (SELECT min(size) FROM checkpoint)")
        }),
        ("the newest head taken from before", 1, &|data| {
            sql(data, "UPDATE head SET checkpoint = (SELECT note FROM checkpoint ORDER BY size LIMIT 1)")
        }),
    ];
    for (what, expected, change) in cases {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        copy(&instance.data(), &data);
        change(&data);
        agree(what, &data, &[], *expected);
    }
    agree("the right key trusted", &instance.data(), &["--trusted-key", &key], 0);
    agree("another log in its place, every signature good by its own key", &other.data(), &["--trusted-key", &key], 1);
}

#[test]
fn both_find_what_was_done_to_a_pack() {
    let instance = sealed();
    let key = instance.ok(&["keys", "list"]).stdout.trim().to_owned();
    let pack = instance.path().join("pack.zip");
    let whole = fs::read(&pack).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let target = scratch.path().join("copy.zip");
    for (how, expected) in
        [("pack-as-it-was", 0), ("pack-without-file", 1), ("pack-without-entries", 1), ("pack-with-file", 1), ("pack-with-seal-file", 1)]
    {
        fs::write(&target, &whole).unwrap();
        attack(how, &target);
        agree(how, &target, &[], expected);
    }
    for position in (0..whole.len()).step_by(whole.len() / 12) {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        fs::write(&target, bytes).unwrap();
        agree(&format!("byte {position} of the pack flipped"), &target, &[], 1);
    }
    fs::write(&target, &whole[..whole.len() - 1]).unwrap();
    agree("the pack's last byte cut", &target, &[], 1);
    fs::write(&target, [whole.as_slice(), b"x"].concat()).unwrap();
    agree("a byte after the pack", &target, &[], 1);
    agree("the pack with the right key trusted", &pack, &["--trusted-key", &key], 0);
    let stranger = Instance::start().ok(&["keys", "list"]).stdout.trim().to_owned();
    agree("a stranger's key trusted", &pack, &["--trusted-key", &stranger], 1);
    // A key that is none proves nothing about the pack; whatever is said, it is not `verified`.
    let ((ours, _), (theirs, _)) = verdicts(&pack, &["--trusted-key", "nonsense"]);
    assert!(ours != 0 && theirs == 2, "a key that is none: {ours}, {theirs}");
    assert_eq!(run(scratch.path(), &["verify", "missing.zip"]).code, 2);
    assert_eq!(script("verify.py", &[scratch.path().join("missing.zip").to_str().unwrap()]).0, 2);
}

/// Random damage to random files; the seed is printed, and PRIVYSEAL_TEST_SEED and PRIVYSEAL_TEST_ROUNDS change what is tried.
#[test]
fn neither_is_ever_content_with_random_damage() {
    let number = |name: &str, otherwise: u64| setting(name).map_or(otherwise, |text| text.parse().unwrap());
    let (seed, rounds) = (number("PRIVYSEAL_TEST_SEED", 1), number("PRIVYSEAL_TEST_ROUNDS", 20));
    let instance = sealed();
    let mut drawn = Draw { seed, count: 0 };
    for round in 0..rounds {
        let scratch: TempDir = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        copy(&instance.data(), &data);
        let victims = files(&data.join("ledger"));
        let victim = &victims[drawn.below(victims.len())];
        let mut bytes = fs::read(victim).unwrap();
        let at = drawn.below(bytes.len());
        let how = match drawn.below(4) {
            0 => {
                bytes[at] ^= 1 << drawn.below(8);
                "a bit flipped"
            }
            1 => {
                bytes.truncate(at);
                "cut"
            }
            2 => {
                let added = u8::try_from(drawn.below(256)).unwrap();
                bytes.insert(at, added);
                "a byte put in"
            }
            _ => {
                bytes.remove(at);
                "a byte taken out"
            }
        };
        fs::write(victim, bytes).unwrap();
        let place = victim.strip_prefix(&data).unwrap().display().to_string();
        agree(&format!("seed {seed}, round {round}: {place}, byte {at}, {how}"), &data, &[], 1);
    }
}

/// Numbers from a seed: the same on every machine.
struct Draw {
    seed: u64,
    count: u64,
}

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.count += 1;
        let digest = Digest::of(format!("{} {}", self.seed, self.count).as_bytes());
        let number = u64::from_be_bytes(digest.as_bytes()[..8].try_into().unwrap());
        usize::try_from(number % u64::try_from(bound).unwrap()).unwrap()
    }
}
