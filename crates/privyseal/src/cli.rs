//! The command line: names, options and their help. What the verbs do is in `command/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Privyseal holds privileged actions until the right people have sealed them, and proves it afterwards.
#[derive(Debug, Parser)]
#[command(name = "privyseal", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The data folder.
    #[arg(long, global = true, env = "PRIVYSEAL_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, global = true, env = "PRIVYSEAL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
}

/// How results are printed. Not every verb knows every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// A table for people.
    Table,
    /// JSON.
    Json,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// See it work: a small company's quarter, the portal open, a live agent asking.
    Demo(Demo),
    /// Make a new instance in the data folder.
    Init(Init),
    /// Run the server: portal, API, writer.
    Serve(Serve),
    /// Ask for a privileged action, wait for approval, run a command exactly once, report how it went.
    Exec(Exec),
    /// Ask for a privileged action and print the answer.
    Request(Request),
    /// Show a request.
    Status(Status),
    /// Open the page on which a person approves; people seal in the portal, with their passkey.
    Approve(Status),
    /// Open the page on which a person denies.
    Deny(Status),
    /// Ask a question of the audit data.
    Sql(Sql),
    /// Verify a data folder or an evidence pack: exit 0 verified, 1 tampered, 2 could not tell.
    Verify(Verify),
    /// Evidence packs.
    #[command(subcommand)]
    Evidence(Evidence),
    /// Control catalogs.
    #[command(subcommand)]
    Catalog(Catalog),
    /// Policy.
    #[command(subcommand)]
    Policy(Policy),
    /// Fold the whole log again and check that it gives the head and the answers on record.
    Replay,
    /// Move everything committed into Parquet segments.
    Seal,
    /// Print the newest signed head.
    Checkpoint,
    /// Signing keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Measure this machine beside its physical limits.
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Port of the portal.
    #[arg(long, default_value_t = 8420)]
    pub port: u16,
    /// Requests in the replayed quarter.
    #[arg(long, default_value_t = 3_000, value_name = "N")]
    pub requests: u32,
    /// The same seed makes the same company and the same quarter.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
    /// Make the data, seal it, and exit.
    #[arg(long)]
    pub no_serve: bool,
}

#[derive(Debug, Args)]
pub struct Init {
    /// Name of the log: a host name of yours, then a path of your choice.
    #[arg(long, default_value = "localhost/privyseal/main", value_name = "NAME")]
    pub origin: String,
    /// Account of the first administrator, who seals in the portal.
    #[arg(long, default_value = "admin", value_name = "ID")]
    pub admin: String,
    /// Account of the person whose key this machine's command line uses. Must be another person: nobody seals their own request.
    #[arg(long, default_value = "operator", value_name = "ID")]
    pub operator: String,
    /// Folder with `*.cedar` and `catalogue.toml`; the built-in policy when absent.
    #[arg(long, value_name = "DIR")]
    pub policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
}

/// What is asked for; shared by `exec` and `request`.
#[derive(Debug, Args)]
pub struct Ask {
    /// The verb from the action catalogue, for example db.schema.apply.
    #[arg(long)]
    pub action: Option<String>,
    /// What it acts on, as type:id, for example postgres:orders/prod.
    #[arg(long)]
    pub resource: Option<String>,
    /// Why. Approvers read it. A ticket at its beginning (ABC-123) counts as --ticket.
    #[arg(long)]
    pub reason: Option<String>,
    /// A parameter, as name=value; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Ticket reference.
    #[arg(long)]
    pub ticket: Option<String>,
    /// Account on whose behalf this is.
    #[arg(long, value_name = "ID")]
    pub on_behalf_of: Option<String>,
    /// Emergency: runs without approval, loudly, and is judged afterwards. Needs the role break-glass.
    #[arg(long)]
    pub break_glass: bool,
    /// File whose content decides what happens; approvers see it. May be repeated. Text files named in the command are found by themselves.
    #[arg(long = "input", value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub client: Client,
}

/// How the server is reached.
#[derive(Clone, Debug, Args)]
pub struct Client {
    /// Address of the server; found in the data folder when absent.
    #[arg(long, env = "PRIVYSEAL_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// File with the API key; the data folder's own when absent.
    #[arg(long, env = "PRIVYSEAL_KEY_FILE", value_name = "FILE")]
    pub key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Exec {
    /// Go on with this approved request instead of asking anew, for example after an interruption.
    #[arg(long, value_name = "ID", conflicts_with_all = ["action", "resource", "reason"])]
    pub request: Option<String>,
    #[command(flatten)]
    pub ask: Ask,
    /// The command to run, after `--`.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Request {
    #[command(flatten)]
    pub ask: Ask,
    /// Seconds to wait for a decision.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub wait: u64,
}

#[derive(Debug, Args)]
pub struct Status {
    /// The request.
    pub id: String,
    #[command(flatten)]
    pub client: Client,
}

#[derive(Debug, Args)]
pub struct Sql {
    /// The statement; `.schema` lists tables, `.schema requests` describes one.
    #[arg(required_unless_present = "file")]
    pub statement: Option<String>,
    /// Read the statement from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    pub file: Option<PathBuf>,
    /// Most rows printed.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub limit: usize,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// A data folder or an evidence pack; the data folder when absent.
    pub target: Option<PathBuf>,
    /// The log's first key, as you know it from elsewhere: text or a file with it.
    #[arg(long, value_name = "KEY")]
    pub trusted_key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Build a pack.
    Build(EvidenceBuild),
}

#[derive(Debug, Args)]
pub struct EvidenceBuild {
    /// Framework; may be repeated.
    #[arg(long = "framework", required = true, value_name = "ID")]
    pub frameworks: Vec<String>,
    /// First day or moment inside, UTC.
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// First day or moment after, UTC.
    #[arg(long, value_name = "TIME")]
    pub to: String,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// List the frameworks.
    List,
    /// Show the controls of a framework and how they are tested.
    Show {
        /// Framework id, for example soc2.
        framework: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Check a policy folder: every problem, with file and line.
    Check {
        /// Folder with `*.cedar` and `catalogue.toml`; the built-in policy when absent.
        folder: Option<PathBuf>,
    },
    /// Run a policy's table of tests.
    Test {
        /// Folder with the policy and `tests.toml`; the built-in policy when absent.
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List the keys that sign this log.
    List,
}

#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Durable, signed events per second, beside bare inserts of the same bytes and the disk's sync.
    Append {
        /// Seconds each measurement runs.
        #[arg(long, default_value_t = 3, value_name = "S")]
        seconds: u64,
    },
    /// Verified events per second, beside raw signature checks.
    Verify {
        /// Events in the measured ledger.
        #[arg(long, default_value_t = 100_000, value_name = "N")]
        events: u64,
    },
    /// Queries over a ledger of this size, beside reading its files.
    Sql {
        /// Events in the measured ledger.
        #[arg(long, default_value_t = 100_000, value_name = "N")]
        events: u64,
    },
}
