//! A private PostgreSQL server in a temporary folder, reached through a socket file. Gone when it is dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    as_postgres: bool,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        // The server refuses to run as root; the package made a user for it.
        let as_postgres = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        if as_postgres {
            succeeded(&Command::new("chown").arg("postgres").arg(folder.path()).output().unwrap());
        }
        let cluster = Self { folder, programs: programs(), as_postgres };
        let (data, encoding) = (cluster.data(), "--encoding=UTF8");
        succeeded(&cluster.command("initdb").args(["--auth=trust", "-U", "postgres", "-N", encoding, "-D"]).arg(data).output().unwrap());
        cluster.control(&["start"]);
        cluster
    }

    /// `pg_ctl` with these words, waiting for its end.
    pub(crate) fn control(&self, words: &[&str]) {
        // After a crash the server makes sure of every file of its folder: with one call instead of thousands.
        let options =
            format!("-k {} -c listen_addresses= -c shared_buffers=32MB -c recovery_init_sync_method=syncfs", self.folder.path().display());
        let log = self.folder.path().join("log");
        // Its output goes to a file: the server would otherwise keep a pipe open that somebody waits for.
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.data()).arg("-l").arg(&log).args(["-w", "-t", "120", "-o", &options]).args(words);
        let status = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status().unwrap();
        assert!(status.success(), "pg_ctl {words:?}: {status}\n{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// Kills the whole server, as a machine that loses its power does, and waits until nothing of it is left. `control(&["start"])` brings
    /// it back.
    pub(crate) fn kill(&self) {
        let process = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap().lines().next().unwrap().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
        let all: Vec<&str> = std::iter::once(process.as_str()).chain(children.split_whitespace()).collect();
        // One that has gone by itself in between is no failure.
        let _ = Command::new("kill").arg("-KILL").args(&all).stderr(std::process::Stdio::null()).status().unwrap();
        let gone = |process: &&str| {
            let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // Whoever adopted it may not have looked at its end yet.
            state.is_empty() || state.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
        };
        while !all.iter().all(gone) {
            std::thread::yield_now();
        }
        // Where nobody looks at the ends of processes, a new server takes the old one for alive.
        let locks = [self.data().join("postmaster.pid"), self.folder.path().join(".s.PGSQL.5432.lock")];
        locks.iter().for_each(|file| drop(std::fs::remove_file(file)));
    }

    /// Address of a new, empty database.
    pub(crate) fn database(&self, name: &str) -> String {
        self.run_sql("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres://postgres@/{name}?host={}", self.folder.path().display())
    }

    pub(crate) fn run_sql(&self, database: &str, sql: &str) -> String {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql, "-h"]);
        let output = command.arg(self.folder.path()).output().unwrap();
        succeeded(&output);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "stop"]).output();
    }
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// Where Debian keeps the programs of its newest PostgreSQL, or wherever `initdb` is on the path.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, bin)| *version >= 15 && bin.join("initdb").is_file())
        .collect();
    versions.sort();
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| Path::new(folder).join("initdb").is_file());
    versions.pop().map(|(_, bin)| bin).or_else(on_path).expect(
        "PostgreSQL 15 or newer is not installed, and these tests run a server of their own: on Debian or Ubuntu, `apt-get install postgresql`",
    )
}
