//! Two verifiers that share no line, `privyseal verify` and `tests/verify/verify.py`, come to the same verdict on every ledger and pack:
//! the golden one, new ones, and whatever an attacker makes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use privyseal_core::digest::Digest;
use tempfile::TempDir;

use crate::python::{self, FOLDER};
use crate::support::{Instance, ok, program, run, say, setting, wait_for};
use crate::witness::OwnWitness;

/// Runs a script of the second verifier's folder: exit code and what it printed.
pub(crate) fn script(name: &str, arguments: &[&str]) -> (i32, String) {
    python::script("verify", name, arguments)
}

/// What both say about a target.
fn verdicts(target: &Path, options: &[&str]) -> ((i32, String), (i32, String)) {
    let target = target.to_str().unwrap();
    let ours = program().arg("verify").arg(target).args(options).output().unwrap();
    let theirs = script("verify.py", &[&[target][..], options].concat());
    ((ours.status.code().unwrap_or(-1), String::from_utf8_lossy(&ours.stdout).into_owned()), theirs)
}

/// Cases that both verifiers judge; those in which one says something else than the other, or than expected, are told by name at the end.
#[derive(Default)]
struct Cases {
    count: usize,
    disagreements: Vec<String>,
}

impl Cases {
    fn agree(&mut self, what: &str, target: &Path, options: &[&str], expected: i32) {
        let ((ours, said), (theirs, other)) = verdicts(target, options);
        self.count += 1;
        if (ours, theirs) == (expected, expected) {
            say(&format!("{expected}  {what}\n     {}\n     {}", second_line(&said), second_line(&other)));
        } else {
            self.disagreements
                .push(format!("{what}: expected {expected}, ours says {ours}, the second verifier {theirs}\n{said}\n{other}"));
        }
    }

    fn end(self) {
        let Self { count, disagreements } = self;
        assert!(disagreements.is_empty(), "{} of {count} cases:\n{}", disagreements.len(), disagreements.join("\n"));
    }
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
    // Of one second the log keeps only the newest head: what follows is signed in another second than the first entries.
    let began = Instant::now();
    wait_for("another second", || (began.elapsed() >= Duration::from_secs(1)).then_some(()));
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
    let mut cases = Cases::default();
    cases.agree("the golden ledger", &golden, &[], 0);
    let (code, text) = script("verify.py", &[golden.join("ledger").to_str().unwrap(), "--sealed"]);
    assert_eq!(code, 0, "the public part alone: {text}");
    let (code, text) = script("verify.py", &[golden.join("ledger").to_str().unwrap()]);
    assert_eq!(code, 2, "the public part does not hold the newest entries: {text}");
    // The head that is published now, kept by somebody: it is extended, or else the log was rewritten.
    let kept = scratch.path().join("kept");
    fs::copy(golden.join("ledger/checkpoint"), &kept).unwrap();
    cases.agree("a remembered head", &golden, &["--head", kept.to_str().unwrap()], 0);
    attack("log-line-flipped", &kept);
    cases.agree("a remembered head with a wrong signature", &golden, &["--head", kept.to_str().unwrap()], 1);
    fs::write(&kept, "somebody's notes\n").unwrap();
    cases.agree("a remembered head that is none", &golden, &["--head", kept.to_str().unwrap()], 2);
    cases.end();
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
        ("the newest entry signed again with the stolen key", 0, &|data| attack("body-unchanged", data)),
        ("a member that nobody knows, signed with the stolen key", 0, &|data| attack("body-with-more", data)),
        ("a member of a body missing, signed with the stolen key", 1, &|data| attack("body-with-less", data)),
        ("a member of a body of another type, signed with the stolen key", 1, &|data| attack("body-of-another-type", data)),
        ("an entry of a kind that there is not, signed with the stolen key", 1, &|data| attack("body-of-another-kind", data)),
        ("a request where none belongs, signed with the stolen key", 1, &|data| attack("request-where-none-belongs", data)),
        ("a member of the actor missing, signed with the stolen key", 1, &|data| attack("actor-of-no-kind", data)),
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
    let mut judged = Cases::default();
    for (what, expected, change) in cases {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        copy(&instance.data(), &data);
        change(&data);
        judged.agree(what, &data, &[], *expected);
    }
    judged.agree("the right key trusted", &instance.data(), &["--trusted-key", &key], 0);
    judged.agree("another log in its place, every signature good by its own key", &other.data(), &["--trusted-key", &key], 1);
    judged.end();
}

/// A folder whose heads two witnesses cosigned, and what is trusted about it.
struct Witnessed {
    folder: TempDir,
    log: String,
}

impl Witnessed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        ok(path, &["init"]);
        let log = ok(path, &["keys", "list"]).stdout.lines().next().unwrap().to_owned();
        let witnesses = ["w1", "w2"].map(|name| OwnWitness::start(path, name, &log, "127.0.0.1:0"));
        let [one, two] = &witnesses;
        let (first, second) = (&one.key, &two.key);
        let named = format!("witness w1 {first} {}\nwitness w2 {second} {}\n", one.url, two.url);
        // The witness `w9` is one that nobody asked.
        let stranger = "stranger.example+ef9e5686+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
        let other = "log localhost/privyseal/other+a38c9c1b+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n";
        for (name, text) in [
            ("both", format!("log {log}\n{named}group both all w1 w2\nquorum both\n")),
            ("any", format!("log {log}\n{named}group any-of any w1 w2\nquorum any-of\n")),
            ("without-log", format!("{named}group both 2 w1 w2\nquorum both\n")),
            ("none", format!("log {log}\nquorum none\n")),
            ("stranger", format!("log {log}\nwitness w9 {stranger}\nquorum w9\n")),
            ("other-log", format!("{other}{named}quorum w1\n")),
            ("malformed", format!("{named}quorum w3\n")),
        ] {
            fs::write(path.join(name), text).unwrap();
        }
        fs::write(path.join("privyseal-data/privyseal.toml"), "[witness]\npolicy = 'both'\nrequired = true\n").unwrap();
        ok(path, &["seal"]);
        fs::copy(path.join("privyseal-data/ledger/checkpoint"), path.join("privyseal-data/older-head")).unwrap();
        ok(path, &["people", "add", "eve", "--name", "Eve"]);
        ok(path, &["seal"]);
        witnesses.into_iter().for_each(OwnWitness::kill);
        sql(&path.join("privyseal-data"), "PRAGMA wal_checkpoint(TRUNCATE)");
        Self { folder, log }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn policy(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn both_find_what_was_done_to_cosignatures() {
    let witnessed = Witnessed::new();
    let mut cases = Cases::default();
    for (what, how, policy, expected) in [
        ("cosigned by both", "", "both", 0),
        ("cosigned, nobody asks", "", "", 0),
        ("cosigned by both, one is enough", "", "any", 0),
        ("a policy that names no log", "", "without-log", 0),
        ("a policy without witnesses", "", "none", 0),
        ("a policy of another witness", "", "stranger", 2),
        ("a policy of another log", "", "other-log", 2),
        ("a policy that is none", "", "malformed", 2),
        ("cosigned by a stranger as well", "cosignature-of-stranger", "both", 0),
        ("cosigned by a stranger, whom the policy names", "cosignature-of-stranger", "stranger", 0),
        ("one cosignature removed, both asked for", "cosignature-removed", "both", 2),
        ("one cosignature removed, one is enough", "cosignature-removed", "any", 0),
        ("a bit of a cosignature flipped", "cosignature-flipped", "both", 1),
        ("a bit of a cosignature flipped, the other one is enough", "cosignature-flipped", "any", 1),
        ("a bit of a cosignature flipped, nobody asks", "cosignature-flipped", "", 0),
        ("a cosignature's time changed", "cosignature-time", "both", 1),
        ("a cosignature cut", "cosignature-short", "both", 1),
        ("a cosignature under another key's id", "cosignature-of-another-key", "both", 2),
        ("cosignatures of an older head", "cosignature-of-older-head", "both", 1),
        ("cosignatures of an older head, nobody asks", "cosignature-of-older-head", "", 0),
        ("the log's own line flipped, both witnesses there", "log-line-flipped", "both", 1),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        copy(&witnessed.path().join("privyseal-data"), &data);
        if !how.is_empty() {
            attack(how, &data);
        }
        let file = witnessed.policy(policy);
        let options: &[&str] = if policy.is_empty() { &[] } else { &["--policy", &file] };
        cases.agree(what, &data, options, expected);
    }
    cases.end();
}

#[test]
fn both_judge_proof_files_alike() {
    let witnessed = Witnessed::new();
    let file = witnessed.path().join("entry.tlog-proof");
    ok(witnessed.path(), &["proof", "3", "--out", file.to_str().unwrap()]);
    let other = fs::read_to_string(witnessed.policy("other-log")).unwrap();
    let other = other.lines().next().unwrap().strip_prefix("log ").unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    let node = whole.lines().nth(3).unwrap();
    let mut cases = Cases::default();
    let mut judge = |what: &str, text: &str, policy: &str, key: &str, expected: i32| {
        fs::write(&file, text).unwrap();
        let policy = witnessed.policy(policy);
        let mut options = Vec::new();
        if !policy.ends_with('/') {
            options.extend(["--policy", policy.as_str()]);
        }
        if !key.is_empty() {
            options.extend(["--trusted-key", key]);
        }
        cases.agree(what, &file, &options, expected);
    };
    judge("a proof, by policy", &whole, "both", "", 0);
    judge("a proof, by key", &whole, "", &witnessed.log, 0);
    judge("a proof, by both", &whole, "both", &witnessed.log, 0);
    judge("a proof, by nothing", &whole, "", "", 2);
    judge("a proof, by another key", &whole, "", other, 2);
    judge("a proof, by a policy of another log", &whole, "other-log", "", 2);
    judge("a proof, by a policy that names no log", &whole, "without-log", "", 2);
    judge("a proof, by a policy that names no log, and the key", &whole, "without-log", &witnessed.log, 0);
    judge("a proof, by a policy of another witness", &whole, "stranger", "", 2);
    judge("another index", &whole.replace("index 3\n", "index 4\n"), "both", "", 1);
    judge("an index with a zero before it", &whole.replace("index 3\n", "index 03\n"), "both", "", 1);
    judge("a node of the proof removed", &whole.replace(&format!("{node}\n"), ""), "both", "", 1);
    judge("a node of the proof twice", &whole.replace(node, &format!("{node}\n{node}")), "both", "", 1);
    judge(
        "no entry",
        &whole.lines().filter(|line| !line.starts_with("extra ")).map(|line| format!("{line}\n")).collect::<String>(),
        "both",
        "",
        2,
    );
    judge("cut", whole.strip_suffix('\n').unwrap(), "both", "", 1);
    judge("lines end as on Windows", &whole.replace('\n', "\r\n"), "both", "", 1);
    for (what, how, policy, expected) in [
        ("the entry edited", "proof-entry", "both", 1),
        ("a cosignature flipped", "cosignature-flipped", "both", 1),
        ("a cosignature flipped, by key alone", "cosignature-flipped", "", 0),
        ("a cosignature removed", "cosignature-removed", "both", 2),
        ("a stranger's cosignature", "cosignature-of-stranger", "both", 0),
    ] {
        fs::write(&file, &whole).unwrap();
        attack(how, &file);
        let changed = fs::read_to_string(&file).unwrap();
        judge(what, &changed, policy, if policy.is_empty() { &witnessed.log } else { "" }, expected);
    }
    cases.end();
}

#[test]
fn both_find_what_was_done_to_timestamps() {
    let instance = sealed();
    let stamped = instance.path().join("stamped");
    copy(&instance.data(), &stamped);
    attack("stamp", &stamped);
    type Attack<'a> = (&'a str, i32, &'a dyn Fn(&Path));
    let last = |data: &Path, ending: &str| {
        files(&data.join("ledger/timestamps")).into_iter().rfind(|file| file.extension().is_some_and(|found| found == ending)).unwrap()
    };
    let attacks: &[Attack<'_>] = &[
        ("timestamps of two heads", 0, &|_| {}),
        ("two timestamps swapped", 1, &|data| attack("stamps-swapped", data)),
        ("a timestamp under the size of another head", 1, &|data| attack("stamp-under-another-size", data)),
        ("a timestamp of a head that the log never had", 1, &|data| attack("stamp-beyond", data)),
        ("a timestamp's signature flipped", 1, &|data| {
            let file = last(data, "tsr");
            let mut bytes = fs::read(&file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file, bytes).unwrap();
        }),
        ("a timestamp cut", 1, &|data| {
            let file = last(data, "tsr");
            let bytes = fs::read(&file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("a timestamp emptied", 1, &|data| fs::write(last(data, "tsr"), b"").unwrap()),
        ("a stamped text edited", 1, &|data| {
            let file = last(data, "checkpoint");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(file, text.replace("localhost", "localhosT")).unwrap();
        }),
        ("a stamped text removed", 2, &|data| fs::remove_file(last(data, "checkpoint")).unwrap()),
        ("a timestamp removed", 0, &|data| fs::remove_file(last(data, "tsr")).unwrap()),
    ];
    let ca = stamped.join("ca.pem").to_str().unwrap().to_owned();
    let mut cases = Cases::default();
    for (what, expected, change) in attacks {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        copy(&stamped, &data);
        change(&data);
        cases.agree(what, &data, &["--timestamp-ca", &ca], *expected);
        cases.agree(&format!("{what}, no authority trusted"), &data, &[], *expected);
    }
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    copy(&stamped, &data);
    attack("stamp-by-another", &data);
    cases.agree("a timestamp by another authority", &data, &["--timestamp-ca", &ca], 1);
    cases.agree("a timestamp by another authority, no authority trusted", &data, &[], 0);
    cases.end();
}

#[test]
fn both_judge_disclosures_alike() {
    let instance = sealed();
    let event = instance.ok(&["sql", "--format", "json", "SELECT id FROM events WHERE kind = 'request.submitted' LIMIT 1"]).stdout;
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    let event = event[0]["id"].as_str().unwrap();
    let file = instance.path().join("disclosure");
    instance.ok(&["disclose", event, "/body/justification", "--out", file.to_str().unwrap()]);
    let whole = fs::read(&file).unwrap();
    let given = file.to_str().unwrap();
    let pack = instance.path().join("pack.zip");
    let mut cases = Cases::default();
    for (what, how, expected) in [
        ("a disclosure", "", 0),
        ("the value edited", "disclosure-value", 1),
        ("the salt edited", "disclosure-salt", 1),
        ("of another field", "disclosure-of-another-field", 1),
        ("of a field that is not there", "disclosure-of-no-field", 1),
        ("of another log", "disclosure-of-another-log", 1),
        ("of an event that is not there", "disclosure-of-no-event", 2),
        ("with a member too many", "disclosure-with-more", 1),
    ] {
        fs::write(&file, &whole).unwrap();
        if !how.is_empty() {
            attack(how, &file);
        }
        cases.agree(what, &instance.data(), &["--disclosure", given], expected);
        cases.agree(&format!("{what}, by a pack"), &pack, &["--disclosure", given], expected);
    }
    fs::write(&file, [whole.as_slice(), b"\n"].concat()).unwrap();
    cases.agree("a line feed at its end", &instance.data(), &["--disclosure", given], 0);
    fs::write(&file, [whole.as_slice(), b"\n\n"].concat()).unwrap();
    cases.agree("two line feeds at its end", &instance.data(), &["--disclosure", given], 1);
    fs::write(&file, [b" ", whole.as_slice()].concat()).unwrap();
    cases.agree("a space before it", &instance.data(), &["--disclosure", given], 1);
    fs::remove_file(&file).unwrap();
    cases.agree("no disclosure at all", &instance.data(), &["--disclosure", given], 2);
    cases.end();
}

#[test]
fn both_follow_keys_and_pruning() {
    let witnessed = Witnessed::new();
    let (path, data) = (witnessed.path(), witnessed.path().join("privyseal-data"));
    fs::remove_file(data.join("privyseal.toml")).unwrap();
    let trusted = ["--trusted-key", witnessed.log.as_str()];
    let mut cases = Cases::default();
    ok(path, &["seal", "--prune"]);
    cases.agree("a pruned log", &data, &trusted, 0);
    let scratch = tempfile::tempdir().unwrap();
    let taken = scratch.path().join("data");
    copy(&data, &taken);
    sql(&taken, "DELETE FROM entry WHERE kind = 'policy.published'");
    cases.agree("an entry gone that pruning leaves", &taken, &trusted, 1);
    ok(path, &["keys", "rotate", "--reason", "a new machine"]);
    cases.agree("a key replaced", &data, &trusted, 0);
    ok(path, &["people", "add", "ana", "--name", "Ana"]);
    ok(path, &["keys", "rotate", "--reason", "stolen", "--compromised-since", "25"]);
    cases.agree("a key that was stolen", &data, &trusted, 2);
    // A policy that asks nobody proves nothing about when a head was there.
    let newest = ok(path, &["keys", "list"]).stdout.lines().rfind(|line| line.contains('+')).unwrap().to_owned();
    fs::write(path.join("newest"), format!("log {newest}\nquorum none\n")).unwrap();
    cases.agree("a key that was stolen, a policy that asks for no witness", &data, &["--policy", &witnessed.policy("newest")], 2);
    attack("cosignature-of-stranger", &data);
    let stranger = fs::read_to_string(witnessed.policy("stranger")).unwrap();
    let (_, witness) = stranger.split_once('\n').unwrap();
    fs::write(path.join("newest"), format!("log {newest}\n{witness}")).unwrap();
    cases.agree("a key that was stolen, a witness cosigned the head", &data, &["--policy", &witnessed.policy("newest")], 0);
    cases.end();
}

/// Small segments become one: heads, proofs and packs from before hold as before, and what a record claims to replace it replaces.
#[test]
fn both_follow_merged_segments() {
    let instance = sealed();
    let (path, data) = (instance.path(), instance.data());
    let key = instance.ok(&["keys", "list"]).stdout.trim().to_owned();
    let (proof, head) = (path.join("before.tlog-proof"), path.join("before.checkpoint"));
    instance.ok(&["proof", "3", "--out", proof.to_str().unwrap()]);
    fs::copy(data.join("ledger/checkpoint"), &head).unwrap();
    let old = files(&data.join("ledger/events"));
    let told: Vec<String> = (0..7).map(|_| instance.ok(&["seal"]).stderr).collect();
    assert!(told[6].contains("merged 8 segments") && told[..6].iter().all(|told| !told.contains("merged")), "{told:?}");
    sql(&data, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut cases = Cases::default();
    let options = ["--trusted-key", key.as_str(), "--head", head.to_str().unwrap()];
    cases.agree("merged, the old files are there", &data, &options, 0);
    cases.agree("the pack from before", &path.join("pack.zip"), &options[..2], 0);
    cases.agree("the proof from before", &proof, &options[..2], 0);
    let (code, text) = script("verify.py", &[data.join("ledger").to_str().unwrap(), "--sealed"]);
    assert_eq!(code, 0, "the public part, which does not hold the record yet: {text}");
    let scratch = tempfile::tempdir().unwrap();
    let taken = scratch.path().join("data");
    for how in ["replaces-one-more", "replaces-one-less", "replaces-nothing", "replaces-with-gap", "replaces-with-overlap"] {
        copy(&data, &taken);
        attack(how, &taken);
        cases.agree(how, &taken, &[], 1);
        fs::remove_dir_all(&taken).unwrap();
    }
    copy(&data, &taken);
    attack("typed-column", &taken);
    cases.agree("a typed column of the merged segment edited, recorded and signed with the stolen key", &taken, &[], 1);
    instance.ok(&["seal", "--prune"]);
    sql(&data, "PRAGMA wal_checkpoint(TRUNCATE)");
    cases.agree("merged and pruned", &data, &options, 0);
    old.iter().for_each(|file| fs::remove_file(file).unwrap());
    cases.agree("merged and pruned, the first of the old files gone", &data, &options, 0);
    let (code, text) = script("verify.py", &[data.join("ledger").to_str().unwrap(), "--sealed"]);
    assert_eq!(code, 0, "the public part without it: {text}");
    let merged = files(&data.join("ledger/events")).into_iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    fs::remove_file(merged).unwrap();
    cases.agree("the merged segment gone", &data, &options, 1);
    cases.end();
}

/// What is served to everybody: the second verifier reads it; ours does not, and says so instead of guessing.
#[test]
fn the_second_verifier_reads_static_exports() {
    let witnessed = Witnessed::new();
    let path = witnessed.path();
    ok(path, &["checkpoint", "export", "--out", "public", "--entries"]);
    ok(path, &["checkpoint", "export", "--out", "tiles"]);
    let (policy, public) = (witnessed.policy("both"), path.join("public"));
    let trusted = ["--trusted-key", witnessed.log.as_str()];
    for (what, target, options, expected) in [
        ("with entries", "public", &trusted[..], 0),
        ("with entries, by policy", "public", &["--policy", &policy], 0),
        ("with entries, by nothing", "public", &[], 0),
        ("tiles alone", "tiles", &trusted, 0),
        ("tiles alone, by policy", "tiles", &["--policy", &policy], 0),
        ("tiles alone, by nothing", "tiles", &[], 2),
    ] {
        let (code, text) = script("verify.py", &[&[path.join(target).to_str().unwrap()][..], options].concat());
        assert_eq!(code, expected, "{what}: {text}");
        assert_eq!(run(path, &[&["verify", target], options].concat()).code, 2, "{what}");
    }
    for how in ["bundle-entry-edited", "bundle-entry-removed", "bundle-entries-swapped", "bundle-entry-added"] {
        let scratch = tempfile::tempdir().unwrap();
        let target = scratch.path().join("public");
        copy(&public, &target);
        attack(how, &target);
        let (code, text) = script("verify.py", &[target.to_str().unwrap()]);
        assert_eq!(code, 1, "{how}: {text}");
        assert_ne!(run(path, &["verify", target.to_str().unwrap()]).code, 0, "{how}");
    }
    // Bundles do not belong into a data folder; both say that nothing names the file.
    let mut cases = Cases::default();
    copy(&public.join("tile/entries"), &path.join("privyseal-data/ledger/tile/entries"));
    cases.agree("an entry bundle in a data folder", &path.join("privyseal-data"), &[], 2);
    cases.end();
}

#[test]
fn both_find_what_was_done_to_a_pack() {
    let instance = sealed();
    let key = instance.ok(&["keys", "list"]).stdout.trim().to_owned();
    let pack = instance.path().join("pack.zip");
    let whole = fs::read(&pack).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let target = scratch.path().join("copy.zip");
    let mut cases = Cases::default();
    for (how, expected) in [
        ("pack-as-it-was", 0),
        ("pack-without-file", 1),
        ("pack-without-entries", 1),
        ("pack-without-piece", 1),
        ("pack-without-period", 1),
        ("pack-without-heads", 1),
        ("pack-without-envelope", 1),
        ("pack-with-file", 1),
        ("pack-with-seal-file", 1),
        ("pack-entry", 1),
        ("pack-entry-removed", 1),
        ("pack-signature", 1),
        ("pack-period", 1),
        ("pack-population", 1),
        ("pack-run", 1),
        ("pack-head", 1),
        // Heads are not under the seal, because witnesses may cosign one later: without them less is proven, and nothing is wrong.
        ("pack-heads-none", 0),
        ("pack-envelope", 1),
        ("pack-consistency", 1),
    ] {
        fs::write(&target, &whole).unwrap();
        attack(how, &target);
        cases.agree(how, &target, &[], expected);
    }
    for position in (0..whole.len()).step_by(whole.len() / 12) {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        fs::write(&target, bytes).unwrap();
        cases.agree(&format!("byte {position} of the pack flipped"), &target, &[], 1);
    }
    fs::write(&target, &whole[..whole.len() - 1]).unwrap();
    cases.agree("the pack's last byte cut", &target, &[], 1);
    fs::write(&target, [whole.as_slice(), b"x"].concat()).unwrap();
    cases.agree("a byte after the pack", &target, &[], 1);
    cases.agree("the pack with the right key trusted", &pack, &["--trusted-key", &key], 0);
    let stranger = Instance::start().ok(&["keys", "list"]).stdout.trim().to_owned();
    cases.agree("a stranger's key trusted", &pack, &["--trusted-key", &stranger], 1);
    cases.end();
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
    let mut cases = Cases::default();
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
        cases.agree(&format!("seed {seed}, round {round}: {place}, byte {at}, {how}"), &data, &[], 1);
    }
    cases.end();
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
