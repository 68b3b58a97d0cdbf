//! Two servers on one PostgreSQL and one object store: whoever is killed, the other goes on; whoever comes back, finds one log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::faults::{Answer, Client, DATA, Server};
use crate::s3::S3;
use crate::support::{Ran, agent, program, read, say, wait_for};

/// Folders `a` and `b` of two servers, and what they share.
struct Two {
    folder: TempDir,
    cluster: Cluster,
    store: S3,
}

impl Two {
    /// The first one makes the log.
    fn start() -> Self {
        let two = Self { folder: tempfile::tempdir().unwrap(), cluster: Cluster::start(), store: S3::start() };
        let url = two.cluster.database("two");
        for name in ["a", "b"] {
            let data = two.at(name).join(DATA);
            fs::create_dir_all(data.join("ledger")).unwrap();
            let config = format!("[database]\nurl = '{url}'\n[segments]\nurl = 's3://audit/two'\n[server]\nnode = '{name}'\n");
            fs::write(data.join("privyseal.toml"), config).unwrap();
        }
        two.ok("a", &["init"]);
        two
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The second server gets a file of the first one's keys.
    fn share(&self, file: &str) {
        let (from, to) = (self.at("a").join(DATA).join("keys"), self.at("b").join(DATA).join("keys"));
        fs::create_dir_all(&to).unwrap();
        fs::copy(from.join(file), to.join(file)).unwrap();
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        let output = program().current_dir(self.at(name)).envs(self.store.variables()).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn ok(&self, name: &str, arguments: &[&str]) -> Ran {
        let ran = self.run(name, arguments);
        assert_eq!(ran.code, 0, "{name} {arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
        ran
    }

    fn serve(&self, name: &str) -> Server {
        let variables: Vec<String> = self.store.variables().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wrapper: Vec<&str> = std::iter::once("env").chain(variables.iter().map(String::as_str)).collect();
        let server = Server::start(&self.at(name), &wrapper);
        if server.url.is_some() {
            wait_for("the server's file", || self.at(name).join(DATA).join("server.json").is_file().then_some(()));
        }
        server
    }

    /// Every request that was acknowledged is in the log, and no request and no key is there twice.
    fn in_the_log_once(&self, known: &BTreeMap<String, String>) {
        let sql = "SELECT request_id || ' ' || (convert_from(entry, 'UTF8')::json -> 'body' ->> 'idempotency_sha256')
            FROM privyseal.entry WHERE kind = 'request.submitted'";
        let submitted = self.cluster.run_sql("two", sql);
        let words: Vec<&str> = submitted.split_whitespace().collect();
        let different: BTreeSet<&str> = words.iter().copied().collect();
        assert_eq!(words.len(), different.len(), "a request or a key is there more than once");
        for (key, id) in known {
            assert!(different.contains(id.as_str()), "`{key}` was acknowledged as {id} and is not in the log");
        }
    }

    fn verified(&self) {
        for name in ["a", "b"] {
            let verified = self.run(name, &["verify"]);
            assert_eq!(verified.code, 0, "{name}: {}{}", verified.stdout, verified.stderr);
        }
    }
}

#[test]
fn two_servers_on_one_database_lose_nothing_when_either_is_killed() {
    const CLIENTS: usize = 6;
    let two = Two::start();
    ["node.key", "cli.key"].iter().for_each(|file| two.share(file));
    let mut servers = [two.serve("a"), two.serve("b")];
    let urls = Mutex::new([servers[0].url().to_owned(), servers[1].url().to_owned()]);
    let (acknowledged, others) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeSet::new()));
    let (over, counts) = (AtomicBool::new(false), [AtomicUsize::new(0), AtomicUsize::new(0)]);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (node, folder) = (number % 2, two.at("a"));
            let (urls, acknowledged, others, over, counts) = (&urls, &acknowledged, &others, &over, &counts);
            scope.spawn(move || {
                let client = Client::new(&folder);
                for round in 0.. {
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    let (url, key) = (urls.lock().unwrap()[node].clone(), format!("{number}-{round}"));
                    match client.ask(&url, &key) {
                        Answer::Acknowledged(id) => {
                            acknowledged.lock().unwrap().insert(key, id);
                            counts[node].fetch_add(1, Ordering::SeqCst);
                        }
                        // The database, or the server, is away for a moment.
                        Answer::Refused(_) | Answer::Unknown => drop(others.lock().unwrap().insert(key)),
                    }
                }
            });
        }
        let more = |node: usize, count: usize| {
            let target = counts[node].load(Ordering::SeqCst) + count;
            wait_for("the other server's answers", || (counts[node].load(Ordering::SeqCst) >= target).then_some(()));
        };
        let rounds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..6 {
                let (killed, name) = (round % 2, ["a", "b"][round % 2]);
                more(0, 15);
                more(1, 15);
                servers[killed].child.kill().unwrap();
                servers[killed].child.wait().unwrap();
                // Whatever the dead one had begun, the database has taken back by now or does it here.
                more(1 - killed, 15);
                servers[killed] = two.serve(name);
                urls.lock().unwrap()[killed] = servers[killed].url().to_owned();
                if round == 2 {
                    two.ok(name, &["seal"]);
                }
                if round == 4 {
                    two.cluster.kill();
                    two.cluster.control(&["start"]);
                }
            }
            more(0, 15);
            more(1, 15);
        }));
        // The clients end whatever happened, or nobody would hear of it.
        over.store(true, Ordering::SeqCst);
        rounds.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let (mut acknowledged, others) = (acknowledged.into_inner().unwrap(), others.into_inner().unwrap());
    let client = Client::new(&two.at("a"));
    // What nobody knows of is asked again, at the other server.
    for key in others.iter().take(50) {
        let Answer::Acknowledged(id) = client.ask(servers[1].url(), key) else { panic!("`{key}` cannot be asked again") };
        acknowledged.insert(key.clone(), id);
    }
    for (key, id) in acknowledged.iter().step_by(17) {
        let Answer::Acknowledged(again) = client.ask(servers[0].url(), key) else { panic!("`{key}` cannot be asked again") };
        assert_eq!(again, *id, "`{key}`");
    }
    two.ok("b", &["seal"]);
    for server in &mut servers {
        assert_eq!(server.stop(), Some(0));
    }
    two.in_the_log_once(&acknowledged);
    two.verified();
    let objects = Command::new("find").arg(two.store.object("two/events")).args(["-name", "*.parquet"]).output().unwrap();
    let objects = String::from_utf8(objects.stdout).unwrap().lines().count();
    assert!(objects >= 2, "the segments are in the object store");
    say(&format!("{} acknowledged, {} asked again or unknown, {objects} segments", acknowledged.len(), others.len()));
}

#[test]
fn two_servers_with_keys_of_their_own_share_a_log_until_one_key_is_retired() {
    let two = Two::start();
    // A key of the same log's name, made where it will be used, for the second server.
    let scratch = two.at("scratch");
    fs::create_dir_all(&scratch).unwrap();
    let made = program().current_dir(&scratch).arg("init").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    two.share("cli.key");
    fs::copy(scratch.join(DATA).join("keys/node.key"), two.at("b").join(DATA).join("keys/node.key")).unwrap();
    let listed = program().current_dir(&scratch).args(["keys", "list"]).output().unwrap();
    let second_key = String::from_utf8(listed.stdout).unwrap().trim().to_owned();
    let first_key = two.ok("a", &["keys", "list"]).stdout.trim().to_owned();
    let mut a = two.serve("a");
    let refused = two.serve("b");
    assert!(refused.url.is_none() && refused.said.last().is_some_and(|line| line.contains("never enrolled")), "{:?}", refused.said);
    drop(refused);
    two.ok("a", &["keys", "enroll", &second_key, "--signs", "heads", "--signs", "events"]);
    let mut b = two.serve("b");
    let (client, mut known) = (Client::new(&two.at("a")), BTreeMap::new());
    for round in 0..10 {
        for (name, server) in [("a", &a), ("b", &b)] {
            let Answer::Acknowledged(id) = client.ask(server.url(), &format!("{name}-{round}")) else { panic!("{name} said no") };
            known.insert(format!("{name}-{round}"), id);
        }
    }
    let id = first_key.split('+').nth(1).unwrap();
    let own = two.run("a", &["keys", "retire", id, "--reason", "mine"]);
    assert!(own.code != 0 && own.stderr.contains("keys rotate"), "{}", own.stderr);
    two.ok("b", &["keys", "retire", id, "--reason", "the machine is given away"]);
    let Answer::Refused(words) = client.ask(a.url(), "late") else { panic!("it signs with a key that has ended") };
    assert!(words.contains("ended by another"), "{words}");
    for round in 0..10 {
        let Answer::Acknowledged(id) = client.ask(b.url(), &format!("after-{round}")) else { panic!("b said no") };
        known.insert(format!("after-{round}"), id);
    }
    two.ok("b", &["seal"]);
    a.stop();
    let stopped = two.serve("a");
    assert!(stopped.url.is_none() && stopped.said.last().is_some_and(|line| line.contains("retired")), "{:?}", stopped.said);
    drop(stopped);
    assert_eq!(b.stop(), Some(0));
    two.in_the_log_once(&known);
    two.verified();
    two.ok("b", &["verify", "--trusted-key", &first_key]);
    say(&format!("a stopped with: {words}"));
    assert!(Path::new(&two.store.object("two/events")).is_dir());
}

/// 5,000 grants, each redeemed through two server processes at once: 10,000 attempts, 5,000 runs.
#[test]
fn two_processes_racing_for_every_grant_release_each_once() {
    const GRANTS: usize = 5_000;
    const BATCH: usize = 100;
    const CLIENTS: usize = 12;
    let two = Two::start();
    ["node.key", "cli.key"].iter().for_each(|file| two.share(file));
    let servers = [two.serve("a"), two.serve("b")];
    let key = fs::read_to_string(two.at("a").join(DATA).join("keys/cli.key")).unwrap();
    let post = |agent: &ureq::Agent, url: &str, path: &str, body: &Value| {
        read(agent.post(format!("{url}{path}")).header("authorization", format!("Bearer {}", key.trim())).send_json(body).unwrap())
    };
    let ask = json!({"action": "infra.restart", "resource": {"type": "k8s", "id": "web/dev"}, "justification": "OPS-7 restart it once, whoever is first"});
    let batch = json!({"requests": vec![ask; BATCH]});
    let asking = agent();
    let grants: Vec<Value> = (0..GRANTS / BATCH)
        .flat_map(|_| {
            let (status, answer) = post(&asking, servers[0].url(), "/v1/requests/batch", &batch);
            assert_eq!(status, 200, "{answer}");
            let requests = answer["requests"].as_array().unwrap().clone();
            requests
                .into_iter()
                .map(|item| json!({"grant": item["request"]["grant"]["id"], "action_digest": item["request"]["action_digest"]}))
        })
        .collect();
    assert!(grants.iter().all(|grant| grant["grant"].is_string()), "{}", grants[0]);
    let released: [Mutex<BTreeMap<String, usize>>; 2] = Default::default();
    let next = [AtomicUsize::new(0), AtomicUsize::new(0)];
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, url) = (client % 2, servers[client % 2].url());
            let (grants, released, next, post) = (&grants, &released, &next, &post);
            scope.spawn(move || {
                let agent = agent();
                loop {
                    let number = next[server].fetch_add(1, Ordering::SeqCst);
                    let Some(grant) = grants.get(number) else { return };
                    match post(&agent, url, "/v1/grants/redeem", grant) {
                        (200, _) => *released[server].lock().unwrap().entry(grant["grant"].to_string()).or_default() += 1,
                        (status, answer) => assert_eq!((status, answer["code"].as_str()), (409, Some("grant_used")), "{answer}"),
                    }
                }
            });
        }
    });
    let [one, other] = released.map(|released| released.into_inner().unwrap());
    assert!(!one.is_empty() && !other.is_empty(), "it was a race: {} and {}", one.len(), other.len());
    assert!(one.values().chain(other.values()).all(|times| *times == 1));
    assert!(one.keys().all(|grant| !other.contains_key(grant)), "no grant was released by both");
    assert_eq!(one.len() + other.len(), GRANTS, "and every grant by one of them");
    let started = two.cluster.run_sql("two", "SELECT count(*) FROM privyseal.entry WHERE kind = 'execution.started'");
    assert_eq!(started.split_whitespace().find_map(|word| word.parse::<usize>().ok()), Some(GRANTS));
}
