//! A signed-in session: its messages one after the other, its prepared statements and its settings.

mod answer;
mod prepared;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use privyseal_core::port::{FileForm, Question};
use privyseal_engine::Identity;
use serde_json::{Map, Value};
use tokio::sync::watch;

use self::answer::{Answer, Cursor};
use self::prepared::{Portal, Prepared};
use super::Shared;
use super::catalogue::{About, Table};
use super::connection::{Connection, End};
use super::fault::{CANCELLED, Fault};
use super::message::{MAX_MESSAGE_BYTES, Message};
use super::settings::{REPORTED, Settings};
use super::statement::{self, Asked};
use crate::entry::Guest;

/// How long a session may say nothing.
const IDLE: Duration = Duration::from_secs(8 * 60 * 60);

/// Where a transaction stands, as clients are told. Nothing is ever changed here, so it says only what they expect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    Failed,
}

impl Transaction {
    fn code(self) -> u8 {
        match self {
            Transaction::None => b'I',
            Transaction::Open => b'T',
            Transaction::Failed => b'E',
        }
    }
}

/// What came of a statement.
enum Outcome {
    /// Nothing was asked.
    Nothing,
    /// Done; the words that clients expect.
    Done(String),
    Rows(Answer),
}

/// One session.
pub(super) struct Session<'a> {
    shared: &'a Arc<Shared>,
    connection: Connection,
    guest: Guest,
    /// Changes when somebody asks to stop the statement.
    asked_to_stop: watch::Receiver<u64>,
    process: i32,
    settings: Settings,
    transaction: Transaction,
    statements: BTreeMap<String, Arc<Prepared>>,
    portals: BTreeMap<String, Portal>,
    /// After an error messages are passed over up to the next Sync.
    is_passing_over: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        connection: Connection,
        guest: Guest,
        asked_to_stop: watch::Receiver<u64>,
        process: i32,
    ) -> Self {
        let settings = Settings::new(guest.account.as_str());
        let (statements, portals) = (BTreeMap::new(), BTreeMap::new());
        let transaction = Transaction::None;
        Self { shared, connection, guest, asked_to_stop, process, settings, transaction, statements, portals, is_passing_over: false }
    }

    /// From the greeting to the end.
    pub(super) async fn run(mut self, secret: i32, parameters: &[(String, String)]) {
        let ended = match self.greet(secret, parameters).await {
            Ok(()) => self.talk().await,
            Err(end) => Err(end),
        };
        if let Err(End::Fault(fault)) = ended {
            self.connection.say_and_end(&Fault { is_fatal: true, ..fault }).await;
        }
    }

    async fn greet(&mut self, secret: i32, parameters: &[(String, String)]) -> Result<(), End> {
        for (name, value) in parameters {
            match name.as_str() {
                "user" | "database" | "replication" => {}
                "options" => self.take_options(value)?,
                // Drivers send what they would like, the machine's time zone for one; what holds is reported below.
                name => drop(self.settings.set(name, Some(value))),
            }
        }
        self.connection.out.authentication(0);
        for (shown, name) in REPORTED {
            let value = self.settings.show(name)?;
            self.connection.out.parameter_status(shown, &value);
        }
        self.connection.out.key_data(self.process, secret);
        self.connection.out.ready(self.transaction.code());
        self.connection.flush().await
    }

    /// `-c name=value` and `--name=value`, as the environment variable PGOPTIONS has them.
    fn take_options(&mut self, options: &str) -> Result<(), Fault> {
        let mut words = options.split_whitespace();
        while let Some(word) = words.next() {
            let assigned = match word {
                "-c" => words.next().unwrap_or_default(),
                word => word.strip_prefix("-c").or_else(|| word.strip_prefix("--")).unwrap_or(word),
            };
            let (name, value) = assigned.split_once('=').ok_or_else(|| Fault::fatal("22023", "an option is `-c name=value`"))?;
            self.settings.set(&name.replace('-', "_"), Some(value))?;
        }
        Ok(())
    }

    async fn talk(&mut self) -> Result<(), End> {
        loop {
            let message = tokio::time::timeout(IDLE, self.connection.message(MAX_MESSAGE_BYTES)).await;
            let message = match message.map_err(|_| Fault::fatal("57P05", "the session said nothing for eight hours"))? {
                // What the message says is wrong, but its end is known.
                Err(End::Fault(fault)) if !fault.is_fatal => {
                    self.fail(&fault);
                    self.is_passing_over = true;
                    continue;
                }
                other => other?,
            };
            match message {
                Message::Terminate => return Ok(()),
                Message::Sync => {
                    self.is_passing_over = false;
                    if self.transaction == Transaction::None {
                        self.portals.clear();
                    }
                    self.ready().await?;
                }
                _ if self.is_passing_over => {}
                Message::Flush => self.connection.flush().await?,
                Message::Query(text) => self.simple(&text).await?,
                Message::Password(_) => return Err(Fault::fatal("08P01", "nobody asked for a password").into()),
                Message::Copy => {}
                other => match self.extended(other).await {
                    Err(End::Fault(fault)) if !fault.is_fatal => {
                        self.fail(&fault);
                        self.is_passing_over = true;
                    }
                    other => other?,
                },
            }
            self.connection.flush_if_full().await?;
        }
    }

    async fn ready(&mut self) -> Result<(), End> {
        self.connection.out.ready(self.transaction.code());
        self.connection.flush().await
    }

    fn fail(&mut self, fault: &Fault) {
        self.connection.out.fault(fault);
        if self.transaction == Transaction::Open {
            self.transaction = Transaction::Failed;
        }
    }

    /// A text of statements, answered in text.
    async fn simple(&mut self, text: &str) -> Result<(), End> {
        for (asked, sql) in statement::asked(text) {
            match self.answer(&asked, &sql, Vec::new()).await {
                Ok(Outcome::Nothing) => self.connection.out.empty(b'I'),
                Ok(Outcome::Done(tag)) => self.connection.out.complete(&tag),
                Ok(Outcome::Rows(answer)) => {
                    let formats = vec![false; answer.columns.len()];
                    self.connection.out.columns(&answer::described(&answer.columns, &formats));
                    let mut cursor = Cursor::new(answer);
                    match self.send(&mut cursor, &formats, None).await {
                        Err(End::Fault(fault)) if !fault.is_fatal => {
                            self.fail(&fault);
                            break;
                        }
                        other => other?,
                    }
                }
                Err(End::Fault(fault)) if !fault.is_fatal => {
                    self.fail(&fault);
                    break;
                }
                Err(end) => return Err(end),
            }
        }
        self.ready().await
    }

    /// Who asks now; the key may have ended since they came in.
    fn identity(&self) -> Result<Identity, Fault> {
        let ended = || Fault::fatal("28000", "the API key has ended: sign in with another");
        self.shared.entry.identity(&self.guest).ok_or_else(ended)
    }

    /// Runs one statement with the values of its parameters.
    async fn answer(&mut self, asked: &Asked, sql: &str, values: Vec<Value>) -> Result<Outcome, End> {
        let ends_it = matches!(asked, Asked::Commit | Asked::Rollback | Asked::Nothing | Asked::Reset { everything: true });
        if self.transaction == Transaction::Failed && !ends_it {
            return Err(Fault::error("25P02", "the transaction has failed: end it with ROLLBACK").into());
        }
        let identity = self.identity()?;
        let done = |tag: &str| Ok(Outcome::Done(tag.to_owned()));
        match asked {
            Asked::Nothing => Ok(Outcome::Nothing),
            Asked::Begin { is_read_write: true } => {
                Err(Fault::error("25006", "the data are read-only: begin a transaction that reads").into())
            }
            Asked::Begin { .. } => {
                self.transaction = Transaction::Open;
                done("BEGIN")
            }
            Asked::Commit | Asked::Rollback => {
                let has_failed = self.transaction == Transaction::Failed;
                self.transaction = Transaction::None;
                done(if has_failed || *asked == Asked::Rollback { "ROLLBACK" } else { "COMMIT" })
            }
            Asked::Set(name, value) => {
                self.settings.set(name, value.as_deref())?;
                if let Some((shown, name)) = REPORTED.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
                    let value = self.settings.show(name)?;
                    self.connection.out.parameter_status(shown, &value);
                }
                done(if sql.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("reset")) { "RESET" } else { "SET" })
            }
            Asked::Show(name) => {
                let value = self.settings.show(name)?;
                Ok(Outcome::Rows(Answer::of_table("SHOW", &Table::of_texts(&[name], vec![vec![value]]))?))
            }
            Asked::ShowAll => {
                let rows = self.settings.all().into_iter().map(|(name, value)| vec![name.to_owned(), value, String::new()]).collect();
                Ok(Outcome::Rows(Answer::of_table("SHOW", &Table::of_texts(&["name", "setting", "description"], rows))?))
            }
            Asked::Reset { everything } => {
                self.settings.reset();
                if *everything {
                    self.statements.clear();
                    self.portals.clear();
                    self.transaction = Transaction::None;
                }
                done(if *everything { "DISCARD ALL" } else { "RESET" })
            }
            Asked::Deallocate(name) => {
                match name {
                    Some(name) => drop(self.statements.remove(name)),
                    None => self.statements.clear(),
                }
                done(if name.is_some() { "DEALLOCATE" } else { "DEALLOCATE ALL" })
            }
            Asked::Ignored(tag) => done(tag),
            Asked::Catalogue(query) => {
                self.admit(&identity)?;
                let query = query.clone();
                let table = self.catalogue(query, values).await?;
                Ok(Outcome::Rows(Answer::of_table("SELECT", &table)?))
            }
            Asked::Question => self.question(&identity, sql, values).await.map(Outcome::Rows),
        }
    }

    /// The catalogue is for those who may ask, as everything else; the desk has the words for it.
    fn admit(&self, identity: &Identity) -> Result<(), Fault> {
        match self.shared.desk.admits(&identity.principal) {
            true => Ok(()),
            false => Err(Fault::of_desk(&privyseal_engine::DeskError::Forbidden { principal: identity.principal.clone() })),
        }
    }

    async fn catalogue(&mut self, query: Box<sqlparser::ast::Query>, values: Vec<Value>) -> Result<Table, Fault> {
        let (catalogue, account, process) = (Arc::clone(&self.shared.catalogue), self.guest.account.to_string(), self.process);
        let mut settings = Settings::new(&account);
        for (name, value) in self.settings.all() {
            // What cannot be set has one value anyway.
            let _ = settings.set(name, Some(&value));
        }
        let work = move || catalogue.run(&query, &values, &About { account: &account, process, settings: &settings });
        let failed = |error: tokio::task::JoinError| Fault::error("XX000", format!("the catalogue broke off: {error}"));
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }

    /// Asks the desk, and stops when somebody wants it stopped or nobody waits any more.
    async fn question(&mut self, identity: &Identity, sql: &str, values: Vec<Value>) -> Result<Answer, End> {
        let parameters: Map<String, Value> = (1..).zip(values).map(|(number, value): (usize, Value)| (number.to_string(), value)).collect();
        let question = Question { sql: sql.to_owned(), parameters, as_of_seq: self.settings.as_of_seq(), asker: String::new() };
        let work = self.shared.desk.file(identity, question, FileForm::Arrow);
        let limits = self.shared.desk.limits();
        let timeout = self.settings.statement_timeout_ms().filter(|timeout| *timeout < limits.timeout_ms);
        // What was asked before this statement began is no wish to stop it.
        self.asked_to_stop.mark_unchanged();
        let recorded = tokio::select! {
            recorded = work => recorded.map_err(|error| Fault::of_desk(&error))?,
            Ok(()) = self.asked_to_stop.changed() => return Err(Fault::error(CANCELLED, "the statement was stopped, as asked").into()),
            () = self.connection.gone() => return Err(End::Gone),
            () = within(timeout) => return Err(Fault::error(CANCELLED, "the statement ran longer than statement_timeout").into()),
        };
        let file = recorded.result.map_err(|error| Fault::of_query(&error, sql))?;
        if file.told.truncated {
            let text = format!("the answer was cut after {} rows: ask for fewer", file.told.rows);
            self.connection.out.warning(&Fault::error("01004", text));
        }
        Ok(Answer::of_file(file).await?)
    }

    /// Sends up to so many rows, and what stands behind them.
    async fn send(&mut self, cursor: &mut Cursor, formats: &[bool], most: Option<u64>) -> Result<(), End> {
        let mut sent = 0;
        loop {
            if most == Some(sent) {
                self.connection.out.empty(b's');
                return Ok(());
            }
            if !cursor.write_next(formats, &mut self.connection.out).await? {
                break;
            }
            sent += 1;
            if self.connection.out.0.len() >= 64 * 1024 {
                self.connection.flush().await?;
                if self.asked_to_stop.has_changed().unwrap_or(false) {
                    self.asked_to_stop.mark_unchanged();
                    return Err(Fault::error(CANCELLED, "the answer was stopped, as asked").into());
                }
            }
        }
        let tag = cursor.tag(sent);
        self.connection.out.complete(&tag);
        Ok(())
    }
}

/// Ends after so many milliseconds; never when there is no such number.
async fn within(milliseconds: Option<u64>) {
    match milliseconds {
        Some(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        None => std::future::pending().await,
    }
}
