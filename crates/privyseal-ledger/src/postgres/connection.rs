//! One connection on a thread of its own: the client waits inside a runtime, which callers may themselves be running in.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, NoTls, Row, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database::Database;

/// Settings of every session. A process that hangs in the middle of its turn loses it after half a minute; one that waits for its turn
/// gives up after ten seconds, and its callers are told that nothing was recorded.
const SESSION: &str = "SET synchronous_commit TO on; SET lock_timeout TO '10s'; SET idle_in_transaction_session_timeout TO '30s';
SET standard_conforming_strings TO on; SET client_min_messages TO warning";

/// PostgreSQL 15.
const OLDEST: i32 = 150_000;

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The client or the server says so.
    #[error("PostgreSQL: {}", described(.0))]
    Postgres(#[from] postgres::Error),
    /// The server is not one that keeps what it acknowledged.
    #[error("{0}")]
    Other(String),
    /// The connection was lost in the middle.
    #[error("the connection to PostgreSQL was lost")]
    Lost,
}

/// The client prints the kind of an error and hides what the server said in its cause; people need the cause.
fn described(error: &postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => said.message().to_owned(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

impl Error {
    pub(super) fn code(&self) -> Option<&SqlState> {
        match self {
            Error::Postgres(error) => error.code(),
            Error::Other(_) | Error::Lost => None,
        }
    }

    pub(super) fn detail(&self) -> String {
        self.to_string()
    }
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A thread with a connection. Ends when it is dropped.
pub(super) struct Worker {
    jobs: Sender<Job>,
}

impl Worker {
    pub(super) fn start(database: &Database) -> io::Result<Self> {
        let (jobs, queue): (Sender<Job>, Receiver<Job>) = channel();
        let mut connection = Connection { database: database.clone(), client: None, statements: Vec::new(), in_transaction: false };
        std::thread::Builder::new().name("privyseal-postgres".to_owned()).spawn(move || {
            for job in queue {
                job(&mut connection);
            }
        })?;
        Ok(Self { jobs })
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = channel();
        let job: Job = Box::new(move |connection| {
            // Whoever asked is waiting for it.
            let _ = answer.send(job(connection));
        });
        self.jobs.send(job).map_err(|_| Error::Lost)?;
        answered.recv().map_err(|_| Error::Lost)?
    }
}

/// A connection that is made when it is needed, and made again after it was lost, but never in the middle of a transaction.
pub(super) struct Connection {
    database: Database,
    client: Option<Client>,
    statements: Vec<(String, postgres::Statement)>,
    in_transaction: bool,
}

impl Connection {
    pub(super) fn ready(&mut self) -> Result<&mut Client, Error> {
        if self.client.as_ref().is_some_and(Client::is_closed) {
            self.drop_client();
            if self.in_transaction {
                return Err(Error::Lost);
            }
        }
        if self.client.is_none() {
            if self.in_transaction {
                return Err(Error::Lost);
            }
            self.client = Some(connect(&self.database)?);
        }
        self.client.as_mut().ok_or(Error::Lost)
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    pub(super) fn script(&mut self, script: &str) -> Result<(), Error> {
        let done = self.ready()?.batch_execute(script);
        if done.is_err() {
            // A script that failed in the middle leaves its transaction open.
            self.in_transaction = true;
            self.roll_back()?;
        }
        Ok(done?)
    }

    /// Begins a transaction with a script of several statements, in one round trip.
    pub(super) fn begin_with(&mut self, script: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        let client = self.ready()?;
        let answered = client.simple_query(script);
        self.in_transaction = true;
        if answered.is_err() {
            self.roll_back()?;
        }
        Ok(answered?)
    }

    /// Ends a transaction without keeping anything of it; nothing to do outside one.
    pub(super) fn roll_back(&mut self) -> Result<(), Error> {
        if !self.in_transaction {
            return Ok(());
        }
        self.in_transaction = false;
        if self.client.as_mut().is_some_and(|client| client.batch_execute("ROLLBACK").is_err()) {
            // Nobody knows what state it is in. PostgreSQL rolls back when the connection is gone.
            self.drop_client();
        }
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), Error> {
        let done = self.ready().and_then(|client| Ok(client.batch_execute("COMMIT")?));
        self.in_transaction = false;
        if done.is_err() {
            self.drop_client();
        }
        done
    }

    pub(super) fn rows(&mut self, sql: &str, arguments: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let statement = self.prepared(sql)?;
        Ok(self.ready()?.query(&statement, arguments)?)
    }

    pub(super) fn execute(&mut self, sql: &str, arguments: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let statement = self.prepared(sql)?;
        Ok(self.ready()?.execute(&statement, arguments)?)
    }

    /// The store has a dozen statements, so all of them stay prepared for as long as the connection lives.
    fn prepared(&mut self, sql: &str) -> Result<postgres::Statement, Error> {
        self.ready()?;
        if let Some((_, statement)) = self.statements.iter().find(|(known, _)| known == sql) {
            return Ok(statement.clone());
        }
        let statement = self.ready()?.prepare(sql)?;
        self.statements.push((sql.to_owned(), statement.clone()));
        Ok(statement)
    }

    fn drop_client(&mut self) {
        self.client = None;
        self.statements.clear();
    }
}

fn connect(database: &Database) -> Result<Client, Error> {
    let mut config = database.config().ok_or_else(|| Error::Other("the database address cannot be used".to_owned()))?;
    // A machine that vanished is noticed within half a minute, not after the two hours of TCP's own patience.
    config.connect_timeout(Duration::from_secs(10)).keepalives_idle(Duration::from_secs(10)).tcp_user_timeout(Duration::from_secs(30));
    if config.get_application_name().is_none() {
        config.application_name("privyseal");
    }
    let local = config.get_hosts().iter().all(|host| matches!(host, postgres::config::Host::Unix(_)));
    let mut client = if local || config.get_ssl_mode() == SslMode::Disable {
        config.connect(NoTls)?
    } else {
        let (tls, _) = MakeRustlsConnect::with_native_certs()
            .map_err(|errors| Error::Other(format!("no certificate authorities are installed: {errors:?}")))?;
        config.connect(tls)?
    };
    client.batch_execute(SESSION)?;
    let row = client.query_one(
        "SELECT current_setting('server_version_num')::int, current_setting('fsync')::bool, current_setting('full_page_writes')::bool",
        &[],
    )?;
    let (version, fsync, full_pages): (i32, bool, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if version < OLDEST {
        return Err(Error::Other(format!("the server is PostgreSQL {}, at least 15 is needed", version / 10_000)));
    }
    for (setting, on) in [("fsync", fsync), ("full_page_writes", full_pages)] {
        if !on {
            return Err(Error::Other(format!(
                "the server runs with {setting}=off and may lose what it acknowledged: set {setting}=on and restart it"
            )));
        }
    }
    Ok(client)
}
