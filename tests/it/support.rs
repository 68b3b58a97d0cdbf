//! The program under test, a server on a folder of its own, and a person with a session.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longest wait for anything; conditions are waited on, this only ends a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A setting of the tests, from the environment.
#[expect(clippy::disallowed_methods, reason = "how the tests run is told to them, not to the program")]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Tells whoever runs the tests what happened: shown with `--no-capture`, and when a test fails.
#[expect(clippy::print_stdout, reason = "tests speak on standard output")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// What a run of the program left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privyseal"));
    command.env_remove("PRIVYSEAL_DATA").env_remove("PRIVYSEAL_CONFIG").env_remove("PRIVYSEAL_SERVER").stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let output: Output = program().current_dir(folder).args(arguments).output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs what must succeed.
pub(crate) fn ok(folder: &Path, arguments: &[&str]) -> Ran {
    let ran = run(folder, arguments);
    assert_eq!(ran.code, 0, "{arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
    ran
}

/// A program that goes on, with its lines of standard error.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = program().current_dir(folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for a line that holds these words.
    pub(crate) fn line_with(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.seen.iter().find(|line| line.contains(words)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(error) => panic!("no line with `{words}` ({error}); there were:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ran {
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        std::io::Read::read_to_string(&mut pipe, &mut stdout).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        self.seen.extend(self.lines.iter());
        Ran { code, stdout, stderr: self.seen.join("\n") }
    }
}

/// An instance in a folder of its own, with a server on a free port.
pub(crate) struct Instance {
    pub(crate) folder: TempDir,
    pub(crate) url: String,
    pub(crate) link: String,
    server: Option<Running>,
}

impl Instance {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// As [`Instance::start`], with options of `init`.
    pub(crate) fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        ok(folder.path(), &[&["init"], options].concat());
        let mut instance = Self { folder, url: String::new(), link: String::new(), server: None };
        instance.serve();
        instance
    }

    pub(crate) fn serve(&mut self) {
        let mut server = Running::start(self.folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        let line = server.line_with("Privyseal serves");
        self.url = line.rsplit(' ').next().unwrap().to_owned();
        let line = server.line_with("sign in as admin");
        self.link = line.rsplit(' ').next().unwrap().to_owned();
        self.server = Some(server);
        wait_for("the server's file", || self.folder.path().join("privyseal-data/server.json").is_file().then_some(()));
    }

    /// A line that the server said.
    pub(crate) fn told(&mut self, words: &str) -> String {
        self.server.as_mut().map(|server| server.line_with(words)).unwrap_or_default()
    }

    /// Stops the server as a service manager does.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let id = server.child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            assert_eq!(server.child.wait().unwrap().code(), Some(0), "a stopped server ends well");
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("privyseal-data")
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> Ran {
        ok(self.path(), arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.path(), arguments)
    }

    /// The administrator, signed in by the one-time link.
    pub(crate) fn admin(&self) -> Person {
        Person::by_link(&self.url, &self.link)
    }

    /// Adds a person with roles; their sign-in link.
    pub(crate) fn invite(&self, id: &str, roles: &[&str]) -> String {
        let mut arguments = vec!["people", "add", id, "--name", id];
        for role in roles {
            arguments.extend(["--role", role]);
        }
        self.ok(&arguments);
        self.ok(&["people", "link", id]).stdout.trim().to_owned()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(server) = self.server.as_mut() {
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
    }
}

/// Waits until something is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        // Not a busy wait: what is waited for needs the processor more.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A person with a session, as the portal's pages would act for them.
pub(crate) struct Person {
    agent: ureq::Agent,
    url: String,
    token: String,
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(PATIENCE));
    // By default a body is sent after a second without an answer to `Expect`, into a socket that a busy server may have closed by then.
    config.timeout_await_100(Some(PATIENCE)).build().into()
}

impl Person {
    pub(crate) fn by_link(url: &str, link: &str) -> Self {
        let secret = link.split_once("token=").unwrap_or_else(|| panic!("no token in {link}")).1;
        let agent = agent();
        let mut shown = agent.get(format!("{url}/sign-in/link?token={secret}")).call().unwrap();
        let visit = cookie(&shown, "privyseal-visit");
        let csrf = csrf_of(&shown.body_mut().read_to_string().unwrap());
        let request = agent.post(format!("{url}/sign-in/link")).header("cookie", format!("privyseal-visit={visit}"));
        let answer = request.send_form([("csrf", csrf.as_str()), ("token", secret)]).unwrap();
        let token = cookie(&answer, "privyseal");
        Self { agent, url: url.to_owned(), token }
    }

    fn csrf(&self) -> String {
        let page = self.agent.get(format!("{}/settings/passkey", self.url)).header("cookie", format!("privyseal={}", self.token)).call();
        csrf_of(&page.unwrap().body_mut().read_to_string().unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.agent.get(format!("{}{path}", self.url)).header("cookie", format!("privyseal={}", self.token)).call();
        read(answer.unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.url)).header("cookie", format!("privyseal={}", self.token));
        read(request.header("x-csrf-token", self.csrf()).send_json(body).unwrap())
    }

    /// The only request that waits.
    pub(crate) fn pending(&self) -> Value {
        wait_for("a pending request", || {
            let (_, list) = self.get("/v1/requests?state=pending");
            list["requests"].as_array().and_then(|requests| requests.first().cloned())
        })
    }

    /// Approves or denies what is shown, in the session, without a passkey.
    pub(crate) fn review(&self, request: &Value, verdict: &str) -> (u16, Value) {
        let id = request["id"].as_str().unwrap();
        let body = serde_json::json!({
            "verdict": verdict, "comment": "seen", "shown_digest": request["action_digest"], "shown_at": request["submitted_at"],
            "policy_digest": request["policy"]["digest"],
        });
        self.post(&format!("/v1/requests/{id}/reviews"), &body)
    }
}

/// The value of a cookie that an answer sets.
fn cookie(answer: &ureq::http::Response<ureq::Body>, name: &str) -> String {
    let set = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
    let found = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).next();
    found.unwrap_or_else(|| panic!("no cookie `{name}`: {}", answer.status()))
}

/// The token that a page sends back with every change.
fn csrf_of(page: &str) -> String {
    let (_, rest) = page.split_once("<meta name=\"csrf\" content=\"").unwrap_or_else(|| panic!("no token in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

pub(crate) fn read(mut answer: ureq::http::Response<ureq::Body>) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
