//! The PostgreSQL door: who may come in, how many, and for how long.
//!
//! The protocol is written here and not taken from the crate `pgwire`, whose server allocates as many rows as a client says it wants,
//! indexes format codes that a client left out, and takes messages of a gigabyte from anybody.

mod catalogue;
mod connection;
mod fault;
mod message;
mod parameter;
mod session;
mod settings;
mod statement;
mod value;

pub(crate) mod parameters {
    //! Types of parameters, for the other door.

    use arrow::datatypes::{DataType, Field, TimeUnit};
    use privyseal_core::port::TableDoc;

    use super::parameter::oid;

    /// Types of the parameters `$1`, `$2` … of a statement, as far as it tells; the rest are texts.
    pub(crate) fn kinds(sql: &str, names: &[String], tables: &[TableDoc]) -> Vec<DataType> {
        let columns = super::column_types(tables);
        let types = super::statement::parameter_types(sql, names.len(), |name| columns.get(name).copied().flatten());
        types
            .into_iter()
            .map(|kind| match kind {
                oid::INT8 | oid::INT4 | oid::INT2 => DataType::Int64,
                oid::BOOL => DataType::Boolean,
                oid::TIMESTAMP | oid::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                oid::DATE => DataType::Date32,
                oid::TEXTS => DataType::List(Field::new_list_field(DataType::Utf8, true).into()),
                _ => DataType::Utf8,
            })
            .collect()
    }
}

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use privyseal_core::event::Channel;
use privyseal_core::port::TableDoc;
use privyseal_engine::Desk;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::entry::Entry;
use crate::tls::{OpenError, Place};
use catalogue::Catalogue;

/// Connections of people who have signed in, and of those who have not yet.
const MOST_CONNECTIONS: usize = 256;
const MOST_STRANGERS: usize = 128;

/// How long a stranger may take to sign in.
const SIGN_IN: Duration = Duration::from_secs(10);

/// What all connections share.
struct Shared {
    desk: Desk,
    entry: Entry,
    catalogue: Arc<Catalogue>,
    /// Type of a parameter beside a column of this name, where all tables that have it agree.
    columns: BTreeMap<String, Option<u32>>,
    tls: Option<TlsAcceptor>,
    running: Mutex<BTreeMap<i32, Stop>>,
    processes: AtomicI32,
    room: Arc<Semaphore>,
}

/// How a connection's statement is stopped from another connection.
struct Stop {
    secret: i32,
    ask: watch::Sender<u64>,
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, BTreeMap<i32, Stop>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops what a connection runs, for whoever knows its secret.
    fn stop(&self, process: i32, secret: i32) {
        if let Some(stop) = self.running().get(&process).filter(|stop| stop.secret == secret) {
            stop.ask.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// Types of columns by their name, where all tables that have one agree.
fn column_types(tables: &[TableDoc]) -> BTreeMap<String, Option<u32>> {
    let mut columns: BTreeMap<String, Option<u32>> = BTreeMap::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        let kind = Some(catalogue::type_of(&column.kind).oid());
        columns.entry(column.name.clone()).and_modify(|known| *known = known.filter(|_| *known == kind)).or_insert(kind);
    }
    columns
}

/// The PostgreSQL door, open and not yet served.
pub struct Postgres {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Postgres {
    /// Opens the door. Call it inside a runtime.
    ///
    /// # Errors
    /// When the address cannot be had, keys would travel in the clear, or the certificate cannot be used.
    pub fn open(place: &Place, desk: Desk) -> Result<Self, OpenError> {
        let tls = place.tls(&[b"postgresql"])?;
        let listener = place.bind()?;
        let catalogue = Arc::new(Catalogue::new(desk.analytics().tables()).map_err(OpenError::Catalogue)?);
        let columns = column_types(desk.analytics().tables());
        let entry = Entry::new(desk.engine().clone(), Channel::Postgres);
        let (running, processes, room) = (Mutex::default(), AtomicI32::new(1), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
        Ok(Self { listener, shared: Arc::new(Shared { desk, entry, catalogue, columns, tls, running, processes, room }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` ends; connections end with it.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let strangers = Arc::new(Semaphore::new(MOST_STRANGERS));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                // Ended ones are let go of as they end.
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // Without room nothing is answered: an answer costs what an attacker wants to cost.
                        let Ok(place) = Arc::clone(&strangers).try_acquire_owned() else { continue };
                        connections.spawn(attend(Arc::clone(&self.shared), stream, place));
                    }
                    Err(error) => {
                        tracing::warn!(door.error = %error, "a connection to the PostgreSQL door could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    }
}

/// One connection from its first byte to its end.
async fn attend(shared: Arc<Shared>, stream: TcpStream, stranger: tokio::sync::OwnedSemaphorePermit) {
    let _ = stream.set_nodelay(true);
    let Ok(Some((connection, guest, parameters))) = tokio::time::timeout(SIGN_IN, connection::open(&shared, stream)).await else { return };
    drop(stranger);
    let mut connection = connection;
    let Ok(_room) = Arc::clone(&shared.room).try_acquire_owned() else {
        let fault = fault::Fault::fatal("53300", format!("{MOST_CONNECTIONS} connections are open: close some"));
        connection.say_and_end(&fault).await;
        return;
    };
    let process = shared.processes.fetch_add(1, Ordering::Relaxed) & i32::MAX;
    let secret = shared.desk.engine().random().map(|[a, b, c, d, ..]| i32::from_be_bytes([a, b, c, d]));
    let Ok(secret) = secret else { return };
    let (ask, asked) = watch::channel(0);
    shared.running().insert(process, Stop { secret, ask });
    let _registered = Registered { shared: &shared, process };
    session::Session::new(&shared, connection, guest, asked, process).run(secret, &parameters).await;
}

/// Takes a connection's entry away when it ends, however it ends.
struct Registered<'a> {
    shared: &'a Shared,
    process: i32,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.shared.running().remove(&self.process);
    }
}
