//! Command lines of database clients: which SQL and which script files they are told to run.
//!
//! A command line that is not understood completely is unknown: an option passed over could be the one that matters.

use super::statement::SqlDialect;

/// One thing that a client is told to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// SQL on the command line.
    Sql(&'a str),
    /// A script file.
    Script(&'a str),
    /// Something that only reads, by a command of the client.
    Reads,
    /// Standard input, another program, an option or command we do not know.
    Unknown,
}

/// What a command line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program<'a> {
    /// A client whose command line we can read.
    Client(SqlDialect, Vec<Command<'a>>),
    /// Something that runs, or may run, a database client in a way we cannot read.
    Opaque,
    /// Nothing that looks like a database client.
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Value,
    /// A value only when it is attached: `-psecret`.
    AttachedValue,
    /// `-v name=value` of psql: variables become part of scripts, so only known harmless names pass.
    Variable,
    Sql,
    Script,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Positional {
    /// Names of databases and users.
    Names,
    /// A database, then SQL or dot commands.
    DatabaseThenCommands,
}

struct Client {
    programs: &'static [&'static str],
    dialect: SqlDialect,
    /// Options are whole words after one hyphen or two, never clusters of letters.
    words: bool,
    positional: Positional,
    options: &'static [(&'static str, Kind)],
}

const CLIENTS: [Client; 4] = [
    Client {
        programs: &["psql"],
        dialect: SqlDialect::PostgreSql,
        words: false,
        positional: Positional::Names,
        options: &[
            ("c", Kind::Sql),
            ("command", Kind::Sql),
            ("f", Kind::Script),
            ("file", Kind::Script),
            ("v", Kind::Variable),
            ("set", Kind::Variable),
            ("variable", Kind::Variable),
            ("d", Kind::Value),
            ("dbname", Kind::Value),
            ("h", Kind::Value),
            ("host", Kind::Value),
            ("p", Kind::Value),
            ("port", Kind::Value),
            ("U", Kind::Value),
            ("username", Kind::Value),
            ("X", Kind::Flag),
            ("no-psqlrc", Kind::Flag),
            ("q", Kind::Flag),
            ("quiet", Kind::Flag),
            ("A", Kind::Flag),
            ("no-align", Kind::Flag),
            ("t", Kind::Flag),
            ("tuples-only", Kind::Flag),
            ("1", Kind::Flag),
            ("single-transaction", Kind::Flag),
            ("w", Kind::Flag),
            ("no-password", Kind::Flag),
            ("a", Kind::Flag),
            ("echo-all", Kind::Flag),
            ("e", Kind::Flag),
            ("echo-queries", Kind::Flag),
            ("b", Kind::Flag),
            ("echo-errors", Kind::Flag),
            ("csv", Kind::Flag),
        ],
    },
    Client {
        programs: &["mysql", "mariadb"],
        dialect: SqlDialect::MySql,
        words: false,
        positional: Positional::Names,
        options: &[
            ("e", Kind::Sql),
            ("execute", Kind::Sql),
            ("h", Kind::Value),
            ("host", Kind::Value),
            ("P", Kind::Value),
            ("port", Kind::Value),
            ("u", Kind::Value),
            ("user", Kind::Value),
            ("p", Kind::AttachedValue),
            ("password", Kind::AttachedValue),
            ("D", Kind::Value),
            ("database", Kind::Value),
            ("S", Kind::Value),
            ("socket", Kind::Value),
            ("protocol", Kind::Value),
            ("default-character-set", Kind::Value),
            ("B", Kind::Flag),
            ("batch", Kind::Flag),
            ("N", Kind::Flag),
            ("skip-column-names", Kind::Flag),
            ("s", Kind::Flag),
            ("silent", Kind::Flag),
            ("t", Kind::Flag),
            ("table", Kind::Flag),
            ("U", Kind::Flag),
            ("safe-updates", Kind::Flag),
        ],
    },
    Client {
        programs: &["sqlite3", "sqlite"],
        dialect: SqlDialect::Sqlite,
        words: true,
        positional: Positional::DatabaseThenCommands,
        options: &[
            ("cmd", Kind::Sql),
            ("init", Kind::Script),
            ("separator", Kind::Value),
            ("newline", Kind::Value),
            ("nullvalue", Kind::Value),
            ("batch", Kind::Flag),
            ("bail", Kind::Flag),
            ("readonly", Kind::Flag),
            ("safe", Kind::Flag),
            ("header", Kind::Flag),
            ("noheader", Kind::Flag),
            ("csv", Kind::Flag),
            ("json", Kind::Flag),
            ("line", Kind::Flag),
            ("list", Kind::Flag),
            ("column", Kind::Flag),
            ("table", Kind::Flag),
            ("box", Kind::Flag),
            ("markdown", Kind::Flag),
            ("echo", Kind::Flag),
        ],
    },
    Client {
        programs: &["sqlcmd"],
        dialect: SqlDialect::MsSql,
        words: false,
        positional: Positional::Names,
        options: &[
            ("Q", Kind::Sql),
            ("q", Kind::Sql),
            ("i", Kind::Script),
            ("S", Kind::Value),
            ("U", Kind::Value),
            ("P", Kind::Value),
            ("d", Kind::Value),
            ("E", Kind::Flag),
            ("b", Kind::Flag),
            ("C", Kind::Flag),
            ("I", Kind::Flag),
        ],
    },
];

/// Further programs that change databases, whose command lines we do not read.
const OTHERS: [&str; 20] = [
    "alembic",
    "bq",
    "clickhouse",
    "clickhouse-client",
    "cockroach",
    "cqlsh",
    "dbmate",
    "duckdb",
    "flyway",
    "goose",
    "liquibase",
    "mongosh",
    "mysqladmin",
    "mysqlimport",
    "pg_restore",
    "pgcli",
    "redis-cli",
    "snowsql",
    "sqlplus",
    "sqlx",
];

/// Dot commands of sqlite3 that only read or set how output looks.
const QUIET_DOTS: [&str; 16] = [
    ".bail",
    ".changes",
    ".databases",
    ".dump",
    ".echo",
    ".header",
    ".headers",
    ".indexes",
    ".mode",
    ".nullvalue",
    ".schema",
    ".separator",
    ".stats",
    ".tables",
    ".timer",
    ".width",
];

/// Reads a command line.
pub(crate) fn program<'a>(argv: &[&'a str]) -> Program<'a> {
    let Some((first, arguments)) = argv.split_first() else { return Program::Other };
    let name = base_name(first);
    if let Some(client) = CLIENTS.iter().find(|client| client.programs.contains(&name)) {
        return Program::Client(client.dialect, client.read(arguments));
    }
    // A shell, a container runtime, a wrapper: we see that a client is named, not what it is told.
    let known = |word: &str| OTHERS.contains(&word) || CLIENTS.iter().any(|client| client.programs.contains(&word));
    let mut words = argv.iter().flat_map(|argument| argument.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')));
    if words.any(known) { Program::Opaque } else { Program::Other }
}

fn base_name(program: &str) -> &str {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    name.strip_suffix(".exe").unwrap_or(name)
}

impl Client {
    fn kind(&self, option: &str) -> Option<Kind> {
        self.options.iter().find(|(name, _)| *name == option).map(|(_, kind)| *kind)
    }

    /// The commands in order, ending in [`Command::Unknown`] when something is not understood or standard input is read.
    fn read<'a>(&self, arguments: &[&'a str]) -> Vec<Command<'a>> {
        let mut commands = Vec::new();
        if self.understand(arguments, &mut commands).is_none() {
            commands.push(Command::Unknown);
        }
        commands
    }

    fn understand<'a>(&self, arguments: &[&'a str], commands: &mut Vec<Command<'a>>) -> Option<()> {
        let mut names = 0_usize;
        let mut after_database = false;
        let mut rest = arguments.iter().copied();
        while let Some(argument) = rest.next() {
            if argument == "--" || argument == "-" {
                return None;
            }
            if let Some(long) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-').filter(|_| self.words)) {
                let (name, attached) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                let kind = self.kind(name).filter(|_| self.words || name.len() > 1)?;
                self.apply(kind, attached, &mut rest, commands)?;
            } else if let Some(cluster) = argument.strip_prefix('-') {
                self.cluster(cluster, &mut rest, commands)?;
            } else if self.positional == Positional::Names || names == 0 {
                names += 1;
            } else {
                after_database = true;
                commands.push(dot_or_sql(argument));
            }
        }
        // Without a command these programs read standard input; sqlite3 does so even after -cmd and -init.
        let ends = if self.positional == Positional::Names { !commands.is_empty() } else { after_database };
        ends.then_some(())
    }

    fn cluster<'a>(&self, cluster: &'a str, rest: &mut impl Iterator<Item = &'a str>, commands: &mut Vec<Command<'a>>) -> Option<()> {
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            let kind = self.kind(letter.encode_utf8(&mut [0; 4]))?;
            if kind != Kind::Flag {
                let attached = Some(letters.as_str()).filter(|text| !text.is_empty());
                return self.apply(kind, attached, rest, commands);
            }
        }
        Some(())
    }

    fn apply<'a>(
        &self,
        kind: Kind,
        attached: Option<&'a str>,
        rest: &mut impl Iterator<Item = &'a str>,
        commands: &mut Vec<Command<'a>>,
    ) -> Option<()> {
        match kind {
            Kind::Flag => return attached.is_none().then_some(()),
            Kind::AttachedValue => return Some(()),
            _ => {}
        }
        let value = attached.or_else(|| rest.next())?;
        match kind {
            Kind::Sql if self.positional == Positional::DatabaseThenCommands => commands.push(dot_or_sql(value)),
            Kind::Sql => commands.push(Command::Sql(value)),
            Kind::Script => commands.push(Command::Script(value)),
            Kind::Variable => return value.starts_with("ON_ERROR_STOP=").then_some(()),
            Kind::Value | Kind::Flag | Kind::AttachedValue => {}
        }
        Some(())
    }
}

fn dot_or_sql(text: &str) -> Command<'_> {
    let trimmed = text.trim_start();
    if !trimmed.starts_with('.') {
        return Command::Sql(text);
    }
    let (name, argument) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
    let argument = argument.trim().trim_matches(['"', '\'']);
    match name {
        ".read" if !argument.is_empty() && !argument.starts_with('|') => Command::Script(argument),
        name if QUIET_DOTS.contains(&name) => Command::Reads,
        _ => Command::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        use Command::{Reads, Script, Sql, Unknown};
        let client = |dialect, commands: &[Command<'static>]| Program::Client(dialect, commands.to_vec());
        let (pg, my, lite) = (SqlDialect::PostgreSql, SqlDialect::MySql, SqlDialect::Sqlite);
        for (line, expected) in [
            (&["sqlite3", "orders.db", ".read migration.sql"][..], client(lite, &[Script("migration.sql")])),
            (&["sqlite3", "-batch", "-bail", "orders.db", "select 1"], client(lite, &[Sql("select 1")])),
            (&["sqlite3", "orders.db", ".mode csv", "select 1"], client(lite, &[Reads, Sql("select 1")])),
            (&["sqlite3", "orders.db"], client(lite, &[Unknown])),
            (&["sqlite3", "-cmd", ".read a.sql", "orders.db"], client(lite, &[Script("a.sql"), Unknown])),
            (&["sqlite3", "orders.db", ".read |curl x"], client(lite, &[Unknown])),
            (&["sqlite3", "orders.db", ".shell rm -rf /"], client(lite, &[Unknown])),
            (&["/usr/bin/psql", "-Xqc", "drop table t", "orders"], client(pg, &[Sql("drop table t")])),
            (&["psql", "--file=a.sql", "-v", "ON_ERROR_STOP=1"], client(pg, &[Script("a.sql")])),
            (&["psql", "-f", "a.sql", "-v", "cond=1; drop table t"], client(pg, &[Script("a.sql"), Unknown])),
            (&["psql", "-o", "|sh", "-c", "select 1"], client(pg, &[Unknown])),
            (&["psql", "orders"], client(pg, &[Unknown])),
            (&["mysql", "-uroot", "-psecret", "-e", "select 1", "shop"], client(my, &[Sql("select 1")])),
            (&["mysql", "--init-command=drop table t", "-e", "select 1"], client(my, &[Unknown])),
            (&["sh", "-c", "psql -c 'drop table t'"], Program::Opaque),
            (&["kubectl", "exec", "db-0", "--", "/usr/bin/psql", "-c", "x"], Program::Opaque),
            (&["flyway", "migrate"], Program::Opaque),
            (&["terraform", "apply"], Program::Other),
            (&[], Program::Other),
        ] {
            assert_eq!(program(line), expected, "{line:?}");
        }
    }
}
