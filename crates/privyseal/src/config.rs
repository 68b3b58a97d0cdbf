//! Configuration: one TOML file, every key also as an environment variable, unknown keys refused. Read once, passed down, never global.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use privyseal_core::hidden::HidePolicy;
use privyseal_doors::Place;
use privyseal_ledger::place::Bucket;
use privyseal_ledger::postgres::Database;
use serde::Deserialize;

/// The folder used when nothing says otherwise.
pub(crate) const DEFAULT_DATA: &str = "./privyseal-data";

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// `[server]`
    pub(crate) server: Server,
    /// `[seal]`
    pub(crate) seal: Seal,
    /// `[sql]`
    pub(crate) sql: Sql,
    /// `[ledger]`
    pub(crate) ledger: Ledger,
    /// `[witness]`
    pub(crate) witness: Witness,
    /// `[timestamp]`
    pub(crate) timestamp: Timestamp,
    /// `[hide]`
    pub(crate) hide: Hide,
    /// `[database]`
    pub(crate) database: DatabaseSection,
    /// `[segments]`
    pub(crate) segments: Segments,
    /// `[advisor]`
    pub(crate) advisor: Advisor,
    /// `[postgres]`
    pub(crate) postgres: Door,
    /// `[flight]`
    pub(crate) flight: Door,
}

/// A door for SQL tools. The same keys everywhere; the variables carry the section's name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Door {
    /// Address to listen on, for example 127.0.0.1:5433; the door stays shut when empty. `PRIVYSEAL_POSTGRES_LISTEN`
    /// `PRIVYSEAL_FLIGHT_LISTEN`
    pub(crate) listen: String,
    /// PEM file with the certificate and those that vouch for it. Without one only addresses of this machine are accepted.
    /// `PRIVYSEAL_POSTGRES_TLS_CERT` `PRIVYSEAL_FLIGHT_TLS_CERT`
    pub(crate) tls_cert: String,
    /// PEM file with its private key. `PRIVYSEAL_POSTGRES_TLS_KEY` `PRIVYSEAL_FLIGHT_TLS_KEY`
    pub(crate) tls_key: String,
}

impl Door {
    /// Where it is; none while it stays shut.
    #[must_use]
    pub(crate) fn place(&self) -> Option<Place> {
        let file = |name: &String| (!name.is_empty()).then(|| PathBuf::from(name));
        let (listen, tls_cert, tls_key) = (self.listen.clone(), file(&self.tls_cert), file(&self.tls_key));
        (!listen.is_empty()).then_some(Place { listen, tls_cert, tls_key })
    }
}

/// Who is asked about the risk of each request, outside of policy. It can only raise it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Advisor {
    /// Address to which each request is posted; nobody is asked when empty. `PRIVYSEAL_ADVISOR_URL`
    pub(crate) url: String,
    /// Longest wait for an answer in milliseconds, 50 to 5000. `PRIVYSEAL_ADVISOR_TIMEOUT_MS`
    pub(crate) timeout_ms: u64,
    /// File with the key that it is sent as `Authorization: Bearer`; none when empty. `PRIVYSEAL_ADVISOR_KEY_FILE`
    pub(crate) key_file: String,
}

impl Default for Advisor {
    fn default() -> Self {
        Self { url: String::new(), timeout_ms: 500, key_file: String::new() }
    }
}

/// Who stamps published heads with the time (RFC 3161).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Timestamp {
    /// Address of the timestamping authority; nobody is asked when empty. `PRIVYSEAL_TIMESTAMP_URL`
    pub(crate) url: String,
    /// PEM file with the certificates that the authority's must chain to. `PRIVYSEAL_TIMESTAMP_CA`
    pub(crate) ca: String,
    /// Minutes between two timestamps, 1 to 10080. `PRIVYSEAL_TIMESTAMP_EVERY_MINUTES`
    pub(crate) every_minutes: u32,
}

impl Default for Timestamp {
    fn default() -> Self {
        Self { url: String::new(), ca: String::new(), every_minutes: 60 }
    }
}

/// Who may read the log itself.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ledger {
    /// Whether everybody may read all entries, as `/tile/entries/…`; otherwise auditors and administrators.
    /// `PRIVYSEAL_LEDGER_PUBLIC_ENTRIES`
    pub(crate) public_entries: bool,
}

/// Who cosigns published heads.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Witness {
    /// File with witnesses, their URLs and the quorum (C2SP tlog-policy); nobody is asked when empty. `PRIVYSEAL_WITNESS_POLICY`
    pub(crate) policy: String,
    /// Whether a head without quorum stays unpublished. `PRIVYSEAL_WITNESS_REQUIRED`
    pub(crate) required: bool,
}

/// Where sealed segments are kept.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Segments {
    /// `s3://bucket/prefix` of any store that speaks S3; how to reach it is read from the variables of Amazon's own tools (`AWS_REGION`,
    /// `AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ALLOW_HTTP`). They stay in the data folder when empty.
    /// `PRIVYSEAL_SEGMENTS_URL`
    pub(crate) url: String,
}

impl Segments {
    /// The bucket, when one is configured.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub(crate) fn bucket(&self) -> anyhow::Result<Option<Bucket>> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let options = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let options = options.filter(|(name, _)| name.starts_with("AWS_")).collect();
        Bucket::parse(&self.url, options).map(Some).map_err(|reason| anyhow::anyhow!("segments.url: {reason}"))
    }
}

/// Where the log is.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseSection {
    /// Address of a PostgreSQL database (15 or newer) that holds the log, `postgres://user:password@host/database`. Several servers may
    /// share it. The log is a SQLite file in the data folder when empty. `PRIVYSEAL_DATABASE_URL`
    pub(crate) url: String,
}

/// Without the address, which may hold a password.
impl std::fmt::Debug for DatabaseSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseSection").finish_non_exhaustive()
    }
}

impl DatabaseSection {
    /// The database, when one is configured.
    ///
    /// # Errors
    /// When the address cannot be used; it is not repeated.
    pub(crate) fn database(&self) -> anyhow::Result<Option<Database>> {
        if self.url.is_empty() {
            return Ok(None);
        }
        Database::parse(&self.url).map(Some).map_err(|reason| anyhow::anyhow!("database.url: {reason}"))
    }
}

/// How the server is reached.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Address to listen on. `PRIVYSEAL_SERVER_LISTEN`
    pub(crate) listen: String,
    /// Address that people and agents use, without a trailing slash; its host is the passkeys' relying party.
    /// Built from `listen` on localhost when empty. `PRIVYSEAL_SERVER_URL`
    pub(crate) url: String,
    /// Longest life of a session in minutes, 5 to 1440. `PRIVYSEAL_SERVER_SESSION_MINUTES`
    pub(crate) session_minutes: u32,
    /// Seconds between heartbeats in the log, 10 to 86400. `PRIVYSEAL_SERVER_HEARTBEAT_SECONDS`
    pub(crate) heartbeat_seconds: u64,
    /// Name of this server in heartbeats and counts; servers that share a database each have their own. `PRIVYSEAL_SERVER_NODE`
    pub(crate) node: String,
}

/// When the log is sealed by itself.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Seal {
    /// Seal when this many entries are not sealed yet; at least 100. `PRIVYSEAL_SEAL_ENTRIES`
    pub(crate) entries: u64,
}

/// Limits on SQL.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sql {
    /// Memory for all statements together, in MiB; at least 64. `PRIVYSEAL_SQL_MEMORY_MIB`
    pub(crate) memory_mib: u64,
    /// Longest running time of a statement in seconds, 1 to 3600. `PRIVYSEAL_SQL_TIMEOUT_SECONDS`
    pub(crate) timeout_seconds: u64,
    /// Most rows of an answer. `PRIVYSEAL_SQL_MAX_ROWS`
    pub(crate) max_rows: usize,
    /// Most rows of a file that is downloaded. `PRIVYSEAL_SQL_MAX_FILE_ROWS`
    pub(crate) max_file_rows: usize,
    /// Most MiB of a file that is downloaded. `PRIVYSEAL_SQL_MAX_MIB`
    pub(crate) max_mib: u64,
    /// Disk for sorts, groups and joins of all statements together when their memory is short, in MiB; 0 for none.
    /// `PRIVYSEAL_SQL_SPILL_MIB`
    pub(crate) spill_mib: u64,
}

/// Which values stand in the log as commitments only, so that they can be erased. What was recorded before a change stays as it is.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hide {
    /// Names of people. `PRIVYSEAL_HIDE_NAMES`
    pub(crate) names: bool,
    /// Mail addresses of people. `PRIVYSEAL_HIDE_EMAILS`
    pub(crate) emails: bool,
    /// Free text that people and agents write: justifications, comments. `PRIVYSEAL_HIDE_TEXTS`
    pub(crate) texts: bool,
    /// Parameters whose names say that they are secret. `PRIVYSEAL_HIDE_SECRETS`
    pub(crate) secrets: bool,
    /// Further names of parameters that are hidden, in the file only.
    pub(crate) parameters: Vec<String>,
}

impl Default for Hide {
    fn default() -> Self {
        let HidePolicy { names, emails, texts, secrets, parameters } = HidePolicy::default();
        Self { names, emails, texts, secrets, parameters }
    }
}

impl Hide {
    /// As the engine wants it.
    #[must_use]
    pub(crate) fn policy(&self) -> HidePolicy {
        let Self { names, emails, texts, secrets, parameters } = self.clone();
        HidePolicy { names, emails, texts, secrets, parameters }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8420".to_owned(),
            url: String::new(),
            session_minutes: 480,
            heartbeat_seconds: 60,
            node: "node-1".to_owned(),
        }
    }
}

impl Default for Seal {
    fn default() -> Self {
        Self { entries: 20_000 }
    }
}

impl Default for Sql {
    fn default() -> Self {
        Self { memory_mib: 512, timeout_seconds: 30, max_rows: 10_000, max_file_rows: 10_000_000, max_mib: 1_024, spill_mib: 4_096 }
    }
}

/// Every environment variable that sets a key, with the section and key it sets.
const VARIABLES: &[(&str, &str, &str)] = &[
    ("PRIVYSEAL_SERVER_LISTEN", "server", "listen"),
    ("PRIVYSEAL_SERVER_URL", "server", "url"),
    ("PRIVYSEAL_SERVER_SESSION_MINUTES", "server", "session_minutes"),
    ("PRIVYSEAL_SERVER_HEARTBEAT_SECONDS", "server", "heartbeat_seconds"),
    ("PRIVYSEAL_SERVER_NODE", "server", "node"),
    ("PRIVYSEAL_SEAL_ENTRIES", "seal", "entries"),
    ("PRIVYSEAL_SQL_MEMORY_MIB", "sql", "memory_mib"),
    ("PRIVYSEAL_SQL_TIMEOUT_SECONDS", "sql", "timeout_seconds"),
    ("PRIVYSEAL_SQL_MAX_ROWS", "sql", "max_rows"),
    ("PRIVYSEAL_SQL_MAX_FILE_ROWS", "sql", "max_file_rows"),
    ("PRIVYSEAL_SQL_MAX_MIB", "sql", "max_mib"),
    ("PRIVYSEAL_SQL_SPILL_MIB", "sql", "spill_mib"),
    ("PRIVYSEAL_LEDGER_PUBLIC_ENTRIES", "ledger", "public_entries"),
    ("PRIVYSEAL_WITNESS_POLICY", "witness", "policy"),
    ("PRIVYSEAL_WITNESS_REQUIRED", "witness", "required"),
    ("PRIVYSEAL_TIMESTAMP_URL", "timestamp", "url"),
    ("PRIVYSEAL_TIMESTAMP_CA", "timestamp", "ca"),
    ("PRIVYSEAL_TIMESTAMP_EVERY_MINUTES", "timestamp", "every_minutes"),
    ("PRIVYSEAL_HIDE_NAMES", "hide", "names"),
    ("PRIVYSEAL_HIDE_EMAILS", "hide", "emails"),
    ("PRIVYSEAL_HIDE_TEXTS", "hide", "texts"),
    ("PRIVYSEAL_HIDE_SECRETS", "hide", "secrets"),
    ("PRIVYSEAL_DATABASE_URL", "database", "url"),
    ("PRIVYSEAL_SEGMENTS_URL", "segments", "url"),
    ("PRIVYSEAL_ADVISOR_URL", "advisor", "url"),
    ("PRIVYSEAL_ADVISOR_TIMEOUT_MS", "advisor", "timeout_ms"),
    ("PRIVYSEAL_ADVISOR_KEY_FILE", "advisor", "key_file"),
    ("PRIVYSEAL_POSTGRES_LISTEN", "postgres", "listen"),
    ("PRIVYSEAL_POSTGRES_TLS_CERT", "postgres", "tls_cert"),
    ("PRIVYSEAL_POSTGRES_TLS_KEY", "postgres", "tls_key"),
    ("PRIVYSEAL_FLIGHT_LISTEN", "flight", "listen"),
    ("PRIVYSEAL_FLIGHT_TLS_CERT", "flight", "tls_cert"),
    ("PRIVYSEAL_FLIGHT_TLS_KEY", "flight", "tls_key"),
];

impl Config {
    /// Reads the file, if one is named or lies in the data folder as `privyseal.toml`, then the environment.
    ///
    /// # Errors
    /// When the file cannot be read, holds an unknown key, or a value is out of range.
    pub(crate) fn load(file: Option<&Path>, data: &Path) -> anyhow::Result<Self> {
        let beside = data.join("privyseal.toml");
        let file: Option<PathBuf> = file.map(Path::to_owned).or_else(|| beside.is_file().then_some(beside));
        let text = match &file {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))?,
            None => String::new(),
        };
        let name = file.as_ref().map_or("the configuration".to_owned(), |path| path.display().to_string());
        Self::from_parts(&name, &text, environment)
    }

    fn from_parts(name: &str, text: &str, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let mut table: toml::Table = text.parse().with_context(|| format!("{name} is not TOML"))?;
        for (variable_name, section, key) in VARIABLES {
            let Some(value) = variable(variable_name) else { continue };
            let value = match (value.parse::<i64>(), value.parse::<bool>()) {
                (Ok(number), _) => toml::Value::Integer(number),
                (_, Ok(flag)) => toml::Value::Boolean(flag),
                _ => toml::Value::String(value),
            };
            let section = table.entry((*section).to_owned()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let Some(section) = section.as_table_mut() else { bail!("{name}: a section has the wrong type") };
            section.insert((*key).to_owned(), value);
        }
        let config: Config = table.try_into().with_context(|| format!("{name} cannot be used"))?;
        config.validate().with_context(|| format!("{name} cannot be used"))?;
        Ok(config)
    }

    fn validate(&self) -> anyhow::Result<()> {
        let url = self.server.url.as_str();
        if !(url.is_empty() || url.starts_with("http://") || url.starts_with("https://")) {
            bail!("server.url `{}` does not begin with http:// or https://", self.server.url);
        }
        if self.server.url.ends_with('/') {
            bail!("server.url `{}` ends in a slash: leave it out", self.server.url);
        }
        let node = self.server.node.as_str();
        if node.is_empty() || node.len() > 64 || !node.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            bail!("server.node `{node}` is not a name: use 1 to 64 letters, digits, `-`, `.` and `_`");
        }
        self.database.database()?;
        self.segments.bucket()?;
        let in_range = |name: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(anyhow::anyhow!("{name} is {value}, it may be {low} to {high}")) }
        };
        if self.witness.required && self.witness.policy.is_empty() {
            bail!("witness.required is true, but witness.policy names no file: no head would ever be published");
        }
        if !self.timestamp.url.is_empty() && self.timestamp.ca.is_empty() {
            bail!("timestamp.url is set, but timestamp.ca names no file: an answer that nobody can check is worth nothing");
        }
        let advisor = self.advisor.url.as_str();
        if !(advisor.is_empty() || advisor.starts_with("http://") || advisor.starts_with("https://")) {
            bail!("advisor.url does not begin with http:// or https://");
        }
        for (name, door) in [("postgres", &self.postgres), ("flight", &self.flight)] {
            if door.tls_cert.is_empty() != door.tls_key.is_empty() {
                bail!("{name}.tls_cert and {name}.tls_key belong together: name both files, or neither");
            }
        }
        in_range("advisor.timeout_ms", self.advisor.timeout_ms, 50, 5_000)?;
        in_range("timestamp.every_minutes", self.timestamp.every_minutes.into(), 1, 10_080)?;
        in_range("server.session_minutes", self.server.session_minutes.into(), 5, 1_440)?;
        in_range("server.heartbeat_seconds", self.server.heartbeat_seconds, 10, 86_400)?;
        in_range("seal.entries", self.seal.entries, 100, 1_000_000)?;
        in_range("sql.memory_mib", self.sql.memory_mib, 64, 1_048_576)?;
        in_range("sql.timeout_seconds", self.sql.timeout_seconds, 1, 3_600)?;
        in_range("sql.max_mib", self.sql.max_mib, 1, 1_048_576)?;
        in_range("sql.spill_mib", self.sql.spill_mib, 0, 1_048_576)?;
        let rows = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        in_range("sql.max_file_rows", rows(self.sql.max_file_rows), 1, 1_000_000_000)?;
        in_range("sql.max_rows", rows(self.sql.max_rows), 1, 10_000_000)
    }
}

fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::from_parts("test.toml", text, |name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn environment_wins_over_the_file_and_the_file_over_defaults() {
        let config = load("[server]\nlisten = '0.0.0.0:80'\nsession_minutes = 10", &[("PRIVYSEAL_SERVER_SESSION_MINUTES", "20")]).unwrap();
        assert_eq!((config.server.listen.as_str(), config.server.session_minutes), ("0.0.0.0:80", 20));
        assert_eq!(load("", &[]).unwrap(), Config::default());
        assert_eq!(Config::default().hide.policy(), HidePolicy::default(), "everything personal is hidden unless somebody says otherwise");
        let config = load("[hide]\nnames = false\nparameters = ['iban']", &[("PRIVYSEAL_HIDE_TEXTS", "false")]).unwrap();
        let expected = HidePolicy { names: false, texts: false, parameters: vec!["iban".to_owned()], ..HidePolicy::default() };
        assert_eq!(config.hide.policy(), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (text, words) in [
            ("[server]\nport = 1", "unknown field `port`"),
            ("[serve]\n", "unknown field `serve`"),
            ("[server]\nsession_minutes = 1", "session_minutes is 1, it may be 5 to 1440"),
            ("[server]\nurl = 'localhost'", "does not begin with http"),
            ("[advisor]\nurl = 'advisor.example'", "advisor.url does not begin with http"),
            ("[advisor]\ntimeout_ms = 49", "advisor.timeout_ms is 49, it may be 50 to 5000"),
            ("[advisor]\nkey = 'x'", "unknown field `key`"),
            ("[postgres]\nlisten = '0.0.0.0:5433'\ntls_cert = 'a.pem'", "postgres.tls_cert and postgres.tls_key belong together"),
            ("[server\n", "is not TOML"),
            ("[witness]\nrequired = true", "names no file"),
            ("[timestamp]\nurl = 'http://tsa'", "names no file"),
            ("[segments]\nurl = 'ftp://x'", "segments.url: `ftp://x` does not begin with s3://"),
            ("[database]\nurl = 'mysql://ana:geheim@host/d'", "database.url: a database address begins with postgres://"),
        ] {
            let error = format!("{:#}", load(text, &[]).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn every_key_has_its_variable() {
        let keys = [
            "listen",
            "url",
            "session_minutes",
            "heartbeat_seconds",
            "node",
            "entries",
            "memory_mib",
            "timeout_seconds",
            "max_rows",
            "max_file_rows",
            "max_mib",
            "spill_mib",
            "public_entries",
            "policy",
            "required",
            "url",
            "ca",
            "every_minutes",
            "names",
            "emails",
            "texts",
            "secrets",
            "url",
            "url",
            "url",
            "timeout_ms",
            "key_file",
            "listen",
            "tls_cert",
            "tls_key",
            "listen",
            "tls_cert",
            "tls_key",
        ];
        assert_eq!(VARIABLES.iter().map(|(_, _, key)| *key).collect::<Vec<_>>(), keys);
        for (name, section, key) in VARIABLES {
            assert_eq!(*name, format!("PRIVYSEAL_{}_{}", section, key).to_uppercase());
        }
    }
}
