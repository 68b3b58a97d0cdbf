//! The command line: names, options and their help. What the verbs do is in `command/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use privyseal_core::id::RequestId;

/// Privyseal holds privileged actions until the right people have sealed them, and proves it afterwards.
#[derive(Debug, Parser)]
#[command(name = "privyseal", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The data folder.
    #[arg(long, global = true, env = "PRIVYSEAL_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, global = true, env = "PRIVYSEAL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}

/// How results are printed. Not every verb knows every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
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
    /// One page for a browser, without script.
    Html,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
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
    /// Accounts of people, and links with which they sign in.
    #[command(subcommand)]
    People(People),
    /// Stop agents at once: they ask and run nothing more, and their open grants are taken back.
    Halt(Halt),
    /// Let agents go on that were stopped.
    Resume(Halt),
    /// Grant tokens.
    #[command(subcommand)]
    Grant(Grant),
    /// Erase hidden values for good: everything about somebody, or one value. The log stays whole and says that it was done.
    Redact(Redact),
    /// Write one hidden value, with what proves it, to a file; `privyseal verify --disclosure` checks it.
    Disclose(Disclose),
    /// Decide everything in the log again, with the policy and the facts of its time, and name every difference.
    Replay,
    /// Move everything committed into Parquet segments, and merge small ones.
    Seal(Seal),
    /// Print the newest signed head; with `export`, write everything public as static files.
    Checkpoint(Checkpoint),
    /// Write one entry with its proof as a file that verifies offline.
    Proof(Proof),
    /// A witness for other people's logs.
    #[command(subcommand)]
    Witness(Witness),
    /// Signing keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Measure this machine beside its physical limits.
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Port of the portal.
    #[arg(long, default_value_t = 8420)]
    pub(crate) port: u16,
    /// Requests in the replayed quarter.
    #[arg(long, default_value_t = 3_000, value_name = "N")]
    pub(crate) requests: u32,
    /// The same seed makes the same company and the same quarter.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub(crate) seed: u64,
    /// Make the data, seal it, and exit.
    #[arg(long)]
    pub(crate) no_serve: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Name of the log: a host name of yours, then a path of your choice.
    #[arg(long, default_value = "localhost/privyseal/main", value_name = "NAME")]
    pub(crate) origin: String,
    /// Account of the first administrator, who seals in the portal.
    #[arg(long, default_value = "admin", value_name = "ID")]
    pub(crate) admin: String,
    /// Account of the person whose key this machine's command line uses. Must be another person: nobody seals their own request.
    #[arg(long, default_value = "operator", value_name = "ID")]
    pub(crate) operator: String,
    /// Folder with `*.cedar` and `catalogue.toml`; the built-in policy when absent.
    #[arg(long, value_name = "DIR")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
}

/// What is asked for; shared by `exec` and `request`.
#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The verb from the action catalogue, for example db.schema.apply.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// What it acts on, as type:id, for example postgres:orders/prod.
    #[arg(long)]
    pub(crate) resource: Option<String>,
    /// Why. Approvers read it. A ticket at its beginning (ABC-123) counts as --ticket.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// A parameter, as name=value; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Ticket reference.
    #[arg(long)]
    pub(crate) ticket: Option<String>,
    /// Account on whose behalf this is.
    #[arg(long, value_name = "ID")]
    pub(crate) on_behalf_of: Option<String>,
    /// Account that will run it, when it is not the one that asks.
    #[arg(long, value_name = "ID")]
    pub(crate) executor: Option<String>,
    /// The system that the grant is for; it is refused everywhere else.
    #[arg(long, value_name = "NAME")]
    pub(crate) audience: Option<String>,
    /// Most seconds that the grant may live.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) limit_seconds: Option<i64>,
    /// Most uses of the grant.
    #[arg(long, value_name = "N")]
    pub(crate) limit_uses: Option<u64>,
    /// Emergency: runs without approval, loudly, and is judged afterwards. Needs the role break-glass.
    #[arg(long)]
    pub(crate) break_glass: bool,
    /// File whose content decides what happens; approvers see it. May be repeated. Text files named in the command are found by themselves.
    #[arg(long = "input", value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Environment variable whose value decides what happens: with another value the command does not run. Only its digest is sent; do not
    /// name secrets that can be guessed. May be repeated.
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) variables: Vec<String>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// How the server is reached.
#[derive(Clone, Debug, Args)]
pub(crate) struct Client {
    /// Address of the server; found in the data folder when absent.
    #[arg(long, env = "PRIVYSEAL_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the API key; the data folder's own when absent.
    #[arg(long, env = "PRIVYSEAL_KEY_FILE", value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Go on with this approved request instead of asking anew, for example after an interruption.
    #[arg(long, value_name = "ID", conflicts_with_all = ["action", "resource", "reason"])]
    pub(crate) request: Option<RequestId>,
    #[command(flatten)]
    pub(crate) ask: Ask,
    /// The command to run, after `--`.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Request {
    #[command(flatten)]
    pub(crate) ask: Ask,
    /// Seconds to wait for a decision.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(crate) wait: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The request.
    pub(crate) id: RequestId,
    #[command(flatten)]
    pub(crate) client: Client,
}

#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The statement, or `.schema`, `.schema TABLE`, `.functions`, `.library`, `.library NAME`. Without one it is read from standard
    /// input; on a terminal there is a prompt.
    pub(crate) statement: Option<String>,
    /// Read the statement from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    pub(crate) file: Option<PathBuf>,
    /// Run a question that comes with the program; `.library` lists them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["statement", "file"])]
    pub(crate) library: Option<String>,
    /// The value of a parameter `$NAME`: an integer, `true`, `false`, `null`, or else a text; of the declared type for a question of the
    /// library. `NAME:=JSON` says exactly what it is, a list for example. Can be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// Print whole values, also beyond the width of the terminal.
    #[arg(long)]
    pub(crate) wide: bool,
    /// Print long tables straight to the terminal.
    #[arg(long)]
    pub(crate) no_pager: bool,
    /// What shows long tables on a terminal.
    #[arg(long, env = "PAGER", default_value = "less -SRFX", value_name = "COMMAND", hide_env_values = true)]
    pub(crate) pager: String,
    /// Most rows printed.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(crate) limit: usize,
    /// Ask the log as it was when this entry was the newest; `AS OF SEQ n` at the end of the statement means the same.
    #[arg(long, value_name = "SEQ")]
    pub(crate) as_of_seq: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Seal {
    /// Afterwards remove from the log what segments hold, after reading each of them back. Nothing is lost, but old entries are then
    /// read from segments, which is slower.
    #[arg(long)]
    pub(crate) prune: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A data folder or an evidence pack; the data folder when absent.
    pub(crate) target: Option<PathBuf>,
    /// The log's first key, as you know it from elsewhere: text or a file with it.
    #[arg(long, value_name = "KEY")]
    pub(crate) trusted_key: Option<String>,
    /// Witness policy (C2SP tlog-policy): the head must be cosigned by its quorum.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "event"])]
    pub(crate) policy: Option<PathBuf>,
    /// PEM file of a timestamping authority: every timestamp kept in a data folder must be its own. Without, each is checked but for whose it
    /// is.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "event"])]
    pub(crate) timestamp_ca: Option<PathBuf>,
    /// First entry of a range of a data folder, proven against the tree without reading the rest.
    #[arg(long, value_name = "SEQ", requires = "to", conflicts_with = "event")]
    pub(crate) from: Option<u64>,
    /// Last entry of the range.
    #[arg(long, value_name = "SEQ", requires = "from")]
    pub(crate) to: Option<u64>,
    /// One event of a data folder, by its id.
    #[arg(long, value_name = "ID", conflicts_with_all = ["head", "resume"])]
    pub(crate) event: Option<String>,
    /// A file with a signed head that you remember; may be repeated. Finds a cut tail, a folder that was rolled back, and a fork.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub(crate) head: Vec<PathBuf>,
    /// Keep progress in this file and go on from it. Keep it where only you can write: it says what need not be read again.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub(crate) resume: Option<PathBuf>,
    /// Check a disclosed value against the entry that it names, in the data folder or pack, and nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "event", "head", "resume"])]
    pub(crate) disclosure: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["all", "agent", "owner"]))]
pub(crate) struct Halt {
    /// Every agent.
    #[arg(long)]
    pub(crate) all: bool,
    /// One agent, and those that it spawned.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Every agent that this person answers for.
    #[arg(long, value_name = "ID")]
    pub(crate) owner: Option<String>,
    /// Why. It stays in the log.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Grant {
    /// Check a grant token without asking anybody: exit 0 good, 1 not. Whether a use is left, only redeeming it says.
    Verify(GrantVerify),
}

#[derive(Debug, Args)]
pub(crate) struct GrantVerify {
    /// The log's key, as you know it from elsewhere: text or a file with it. May be repeated.
    #[arg(long = "trusted-key", required = true, value_name = "KEY")]
    pub(crate) trusted_keys: Vec<String>,
    /// Account that executes.
    #[arg(long, value_name = "ID")]
    pub(crate) subject: String,
    /// The name that this system gives itself.
    #[arg(long, value_name = "NAME")]
    pub(crate) audience: Option<String>,
    /// Digest of what is about to run.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) action_digest: String,
    /// By how many seconds this machine's clock may be wrong.
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=60))]
    pub(crate) tolerance: i64,
    /// The token; read from standard input when `-` or absent.
    pub(crate) token: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["subject", "event"]))]
pub(crate) struct Redact {
    /// Whose values: a person's id, or principal:<id> for an agent.
    #[arg(long, value_name = "ID")]
    pub(crate) subject: Option<String>,
    /// The event that holds the value.
    #[arg(long, value_name = "EVENT_ID", requires = "pointer")]
    pub(crate) event: Option<String>,
    /// Where in the entry, as JSON pointer, for example /body/justification.
    #[arg(long, value_name = "POINTER", requires = "event")]
    pub(crate) pointer: Option<String>,
    /// Why. It stays in the log: write no personal data.
    #[arg(long)]
    pub(crate) reason: String,
    /// The approved request behind it; control test I09 looks for one.
    #[arg(long, value_name = "REQUEST_ID")]
    pub(crate) change_request: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Disclose {
    /// The event that holds the value.
    #[arg(value_name = "EVENT_ID")]
    pub(crate) event: String,
    /// Where in the entry, as JSON pointer, for example /body/justification.
    pub(crate) pointer: String,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Checkpoint {
    #[command(subcommand)]
    pub(crate) verb: Option<CheckpointVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointVerb {
    /// Write the published head and the hash tiles into a folder that any web server can serve (C2SP tlog-tiles).
    Export {
        /// Folder to write; made if absent, brought up to date if not.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Also write the entries themselves. Whoever reads the folder then reads everything.
        #[arg(long)]
        entries: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Proof {
    /// The event's id, or its number in the log.
    pub(crate) event: String,
    /// File to write, for example event.tlog-proof.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Cosign heads of the named logs as long as each continues the one before.
    Serve(WitnessServe),
}

#[derive(Debug, Args)]
pub(crate) struct WitnessServe {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: String,
    /// Folder for the key and the heads cosigned last. Never restore it from a backup while logs go on: it would forget.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Name of the witness on its cosignatures: a host name of yours, then a path of your choice. Counts on the first start.
    #[arg(long, default_value = "localhost/witness", value_name = "NAME")]
    pub(crate) name: String,
    /// Verifier key of a log to follow; may be repeated.
    #[arg(long = "log", value_name = "VKEY", required_unless_present = "policy")]
    pub(crate) logs: Vec<String>,
    /// Policy whose logs are followed.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Build a pack.
    Build(EvidenceBuild),
}

#[derive(Debug, Args)]
pub(crate) struct EvidenceBuild {
    /// Framework; may be repeated.
    #[arg(long = "framework", required = true, value_name = "ID")]
    pub(crate) frameworks: Vec<String>,
    /// First day or moment inside, UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: String,
    /// First day or moment after, UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: String,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// List the frameworks.
    List,
    /// Show the controls of a framework and how they are tested.
    Show {
        /// Framework id, for example soc2.
        framework: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check a policy folder: every problem, with file and line, and rules that nobody in the data folder's instance can satisfy.
    Check {
        /// Folder with `*.cedar` and `catalogue.toml`; the built-in policy when absent.
        folder: Option<PathBuf>,
    },
    /// Run a policy's table of tests.
    Test {
        /// Folder with the policy and `tests.toml`; the built-in policy when absent.
        folder: Option<PathBuf>,
    },
    /// Ask another policy about the requests of a period: which would have been routed differently, and by which rules.
    Simulate(Simulate),
    /// Put a policy in force: ask for the change, wait until other people have sealed it, publish it.
    Publish(PolicyPublish),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyPublish {
    /// Folder with `*.cedar` and `catalogue.toml`.
    pub(crate) folder: PathBuf,
    /// Why. Approvers read it.
    #[arg(long)]
    pub(crate) reason: String,
    /// Ticket reference.
    #[arg(long)]
    pub(crate) ticket: Option<String>,
    /// Go on with this request instead of asking anew, for example after an interruption.
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<RequestId>,
    #[command(flatten)]
    pub(crate) client: Client,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Folder of the other policy.
    pub(crate) candidate: PathBuf,
    /// First day or moment inside, UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: String,
    /// First day or moment after, UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: String,
    /// File to write instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum People {
    /// Register a person with roles.
    Add(PeopleAdd),
    /// Print a link that signs a person in once.
    Link(PeopleLink),
    /// Print a new API key with which programs ask in a person's name: SQL tools, scripts. Nothing can be sealed with it.
    Key(PeopleKey),
    /// End an API key, a link or a passkey at once.
    Revoke(PeopleRevoke),
}

#[derive(Debug, Args)]
pub(crate) struct PeopleAdd {
    /// Account to make, for example ana.
    pub(crate) id: String,
    /// Name for people.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Role or group, for example approver or group:sre; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleLink {
    /// Account of a person.
    pub(crate) id: String,
    /// How long the link is good for.
    #[arg(long, default_value_t = 60, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub(crate) minutes: u32,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleKey {
    /// Account of a person.
    pub(crate) id: String,
    /// What it is for, so that it can be told from others.
    #[arg(long, value_name = "TEXT", default_value = "SQL tools")]
    pub(crate) label: String,
    /// How long the key is good for.
    #[arg(long, default_value_t = 90, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleRevoke {
    /// The credential, as it is named when it is made, and in the table `credentials`.
    pub(crate) credential: String,
    /// Why. It stays in the log.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List the keys that sign this log, and those that did.
    List,
    /// Put a new key in the place of this machine's. The old private key is destroyed.
    Rotate(KeyEnd),
    /// Let a key that is kept elsewhere sign this log too.
    Enroll {
        /// Its public half, as `privyseal keys list` prints it there.
        #[arg(value_name = "VERIFIER-KEY")]
        key: String,
        /// What it may sign.
        #[arg(long, value_enum, value_delimiter = ',', default_values = ["heads", "events"])]
        signs: Vec<Signs>,
    },
    /// End a key that others can replace.
    Retire {
        /// Its id, 8 hex digits.
        key: String,
        #[command(flatten)]
        end: KeyEnd,
    },
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signs {
    /// Heads of the log.
    Heads,
    /// Events.
    Events,
}

/// How a key ends.
#[derive(Debug, Args)]
pub(crate) struct KeyEnd {
    /// Why. Auditors read it.
    #[arg(long)]
    pub(crate) reason: String,
    /// The key was compromised: the first entry that somebody else may have signed.
    #[arg(long, value_name = "SEQ")]
    pub(crate) compromised_since: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Durable, signed events per second, beside bare inserts of the same bytes and the disk's sync.
    Append {
        /// Seconds each measurement runs.
        #[arg(long, default_value_t = 3, value_name = "S")]
        seconds: u64,
    },
    /// The rules alone, a request from the call to the durable answer, and a queue of many that wait.
    Approve {
        /// Seconds each measurement runs.
        #[arg(long, default_value_t = 3, value_name = "S")]
        seconds: u64,
        /// Requests that wait for people while the queue is looked at.
        #[arg(long, default_value_t = 100_000, value_name = "N")]
        pending: u64,
    },
    /// The same as `append` over two processes that share a log in PostgreSQL, beside the same inserts without a ledger.
    Postgres {
        /// Seconds each measurement runs.
        #[arg(long, default_value_t = 5, value_name = "S")]
        seconds: u64,
        /// Address of an empty database; a log is made in it and left there.
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Be the second process, on this data folder.
        #[arg(long, value_name = "DIR", hide = true)]
        join: Option<PathBuf>,
    },
    /// Assessments with policies of 10, 100 and 1,000 rules, beside Cedar alone on the same question.
    Policy {
        /// Seconds each measurement runs.
        #[arg(long, default_value_t = 2, value_name = "S")]
        seconds: u64,
    },
    /// How long it takes to open a ledger of this size: from a snapshot, from one with a tail to fold, and from the beginning.
    Open {
        /// Events in the measured ledger.
        #[arg(long, default_value_t = 1_000_000, value_name = "N")]
        events: u64,
        /// Open this data folder once and print how long it took, instead of making one.
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Verified events per second, with and without signatures, and memory, beside raw signature checks.
    Verify {
        /// Events in the measured ledger.
        #[arg(long, default_value_t = 100_000, value_name = "N")]
        events: u64,
    },
    /// Sealed events per second and bytes per sealed event, beside hashing and compressing the same bytes.
    Seal {
        /// Events in the measured ledger.
        #[arg(long, default_value_t = 100_000, value_name = "N")]
        events: u64,
    },
    /// Twelve questions over a large ledger, beside DuckDB on the same files. Without a folder: how soon an answer is visible in SQL, and
    /// what hostile statements cost a queue at work.
    Sql(BenchSql),
}

#[derive(Debug, Args)]
pub(crate) struct BenchSql {
    /// Make a ledger in this new folder, of copies of a demonstration's.
    #[arg(long, value_name = "DIR", requires = "from", conflicts_with = "folder")]
    pub(crate) make: Option<PathBuf>,
    /// The data folder that `privyseal demo --no-serve` made, from which --make copies.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Events in the ledger that is made.
    #[arg(long, default_value_t = 5_000_000, value_name = "N")]
    pub(crate) events: u64,
    /// Ask the questions of the ledger in this data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// A Python that has the package `duckdb`: the same questions are then asked of DuckDB over the same files.
    #[arg(long, value_name = "PYTHON", requires = "folder")]
    pub(crate) duckdb: Option<PathBuf>,
    /// Memory that the statements of either engine may use together.
    #[arg(long, default_value_t = 4_096, value_name = "MIB")]
    pub(crate) memory_mib: u64,
    /// How often each question is asked, after two times that do not count.
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) times: u32,
    /// Only questions whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Seconds that the queue is at work, with and without hostile statements.
    #[arg(long, default_value_t = 10, value_name = "S")]
    pub(crate) seconds: u64,
    /// Also write to the ledger in --folder, to measure how soon that is visible in SQL, and SQL beside a queue at work.
    #[arg(long, requires = "folder")]
    pub(crate) write: bool,
    /// Be the process that answers the questions.
    #[arg(long, requires = "folder", hide = true)]
    pub(crate) worker: bool,
}
