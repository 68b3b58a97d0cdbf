//! A server that speaks S3, on a free port of this machine and a folder of its own: s3s-fs, which checks signatures, keeps objects as
//! files, and refuses a put with `If-None-Match: *` onto an object that is there. It looks for that object before it writes, so of two puts
//! at the same moment both may succeed; that such a store is no danger is the reading back in `seal.rs`, not this server's doing.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) const KEY: &str = "auditor";
pub(crate) const SECRET: &str = "not-a-secret-that-opens-anything";
pub(crate) const BUCKET: &str = "audit";

pub(crate) struct S3 {
    folder: TempDir,
    server: Option<Child>,
    port: u16,
}

impl S3 {
    /// A server with one empty bucket.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut server = Self { folder, server: None, port: 0 };
        server.come_back();
        server
    }

    /// Starts again, on the port that it had.
    pub(crate) fn come_back(&mut self) {
        let mut command = Command::new(program());
        command.args(["--host", "127.0.0.1", "--port", &self.port.to_string(), "--access-key", KEY, "--secret-key", SECRET]);
        command.arg(self.folder.path()).env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said = lines.find_map(|line| line.split_once("running at http://127.0.0.1:").map(|(_, rest)| rest.to_owned()));
        let said = said.expect("the S3 server ended before it served");
        self.port = said.split(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap();
        // Whatever it says later has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        self.server = Some(child);
    }

    /// Ends it hard; its objects stay.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// The variables of Amazon's tools that reach it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let variables = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "eu-1"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// The file of an object.
    pub(crate) fn object(&self, path: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(path)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where `tests/run` installs it, where the environment says that it is, or on the path.
fn program() -> PathBuf {
    let installed = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/s3s-fs/bin/s3s-fs")).to_owned();
    let given = std::env::var_os("PRIVYSEAL_TEST_S3").map(PathBuf::from);
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let candidates = given.into_iter().chain([installed]).chain(on_path.map(|folder| folder.join("s3s-fs")));
    candidates.into_iter().find(|file| file.is_file()).expect(
        "no S3 server: `cargo install --locked --version 0.14.1 --features binary --root target/s3s-fs s3s-fs` in the repository's top \
         folder (tests/run does that), or set PRIVYSEAL_TEST_S3 to the program s3s-fs",
    )
}
