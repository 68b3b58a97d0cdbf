//! A connection's bytes in both directions, and what comes before anybody is known: TLS, requests to stop a statement, the password.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Shared;
use super::fault::Fault;
use super::message::{self, MAX_MESSAGE_BYTES, MAX_STARTUP_BYTES, Message, Opening, Out};
use crate::entry::Guest;

/// How long somebody may take to accept what is sent to them.
const TAKE: Duration = Duration::from_secs(120);

/// How much is put together before it is sent.
const FLUSH_BYTES: usize = 64 * 1024;

/// What a client may send ahead while a statement runs.
const AHEAD_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The other side is gone, or does not read any more.
    Gone,
    /// This has to be said first.
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        End::Fault(fault)
    }
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        End::Gone
    }
}

/// The bytes of one connection.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    input: BytesMut,
    pub(super) out: Out,
}

/// Goes as far as a signed-in guest; none when it ended before. The parameters of the start come with it.
pub(super) async fn open(shared: &Shared, stream: TcpStream) -> Option<(Connection, Guest, Vec<(String, String)>)> {
    let is_own = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    let mut connection = Connection { stream: Box::new(stream), input: BytesMut::new(), out: Out::default() };
    match begin(shared, &mut connection, is_own).await {
        Ok(Some((guest, parameters))) => Some((connection, guest, parameters)),
        Ok(None) | Err(End::Gone) => None,
        Err(End::Fault(fault)) => {
            connection.say_and_end(&fault).await;
            None
        }
    }
}

async fn begin(shared: &Shared, connection: &mut Connection, is_own: bool) -> Result<Option<(Guest, Vec<(String, String)>)>, End> {
    let mut is_secret = false;
    // Each of the two requests for encryption, then the start.
    for _ in 0..4 {
        match connection.opening().await? {
            Opening::Ssl => {
                let Some(tls) = shared.tls.as_ref().filter(|_| !is_secret) else {
                    connection.raw(b"N").await?;
                    continue;
                };
                if !connection.input.is_empty() {
                    // Whatever came in the clear before the keys were agreed on is nobody's word.
                    return Err(Fault::fatal("08P01", "nothing may follow a request for TLS before it is answered").into());
                }
                connection.raw(b"S").await?;
                let plain = std::mem::replace(&mut connection.stream, Box::new(tokio::io::empty()));
                connection.stream = Box::new(tls.accept(plain).await?);
                is_secret = true;
            }
            Opening::Gss => connection.raw(b"N").await?,
            Opening::Cancel { process, secret } => {
                shared.stop(process, secret);
                return Ok(None);
            }
            Opening::Startup { minor, parameters } => {
                if !is_secret && (shared.tls.is_some() || !is_own) {
                    return Err(Fault::fatal("28000", "this server is reached with TLS: use sslmode=require or verify-full").into());
                }
                return start(shared, connection, minor, parameters).await.map(Some);
            }
        }
    }
    Err(Fault::fatal("08P01", "the connection was never begun").into())
}

async fn start(
    shared: &Shared,
    connection: &mut Connection,
    minor: u16,
    parameters: Vec<(String, String)>,
) -> Result<(Guest, Vec<(String, String)>), End> {
    let unknown: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("_pq_.")).collect();
    if minor > 0 || !unknown.is_empty() {
        connection.out.negotiate(&unknown);
    }
    let named = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if named("replication").is_some_and(|value| !matches!(value, "false" | "off" | "no" | "0")) {
        return Err(Fault::fatal("0A000", "there is no replication here").into());
    }
    let Some(user) = named("user").map(str::to_owned) else {
        return Err(Fault::fatal("28000", "the connection names no user: it is the name of your account").into());
    };
    // A key's digest is all that is kept, so there is nothing that a challenge could be answered with: the key itself has to come.
    connection.out.authentication(3);
    connection.flush().await?;
    let Message::Password(password) = connection.message(MAX_STARTUP_BYTES).await? else {
        return Err(Fault::fatal("08P01", "a password was expected").into());
    };
    let password = password.strip_suffix(b"\0").unwrap_or(&password);
    let Some(guest) = shared.entry.admit(&user, password).await else {
        let text = format!("`{}` is not let in: the password is an API key of that account (`privyseal people key`)", user.escape_debug());
        return Err(Fault::fatal("28P01", text).into());
    };
    Ok((guest, parameters))
}

impl Connection {
    async fn opening(&mut self) -> Result<Opening, End> {
        loop {
            if let Some(opening) = message::opening(&mut self.input)? {
                return Ok(opening);
            }
            self.more().await?;
        }
    }

    /// The next message of at most so many bytes.
    pub(super) async fn message(&mut self, max: usize) -> Result<Message, End> {
        loop {
            if let Some(message) = message::message(&mut self.input, max)? {
                return Ok(message);
            }
            self.more().await?;
        }
    }

    /// Reads what has come. Cancel safe.
    async fn more(&mut self) -> Result<(), End> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(End::Gone),
            _ => Ok(()),
        }
    }

    /// Ends when the other side has gone; what it sends ahead is kept for later.
    pub(super) async fn gone(&mut self) {
        while self.input.len() < AHEAD_BYTES {
            if self.more().await.is_err() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn raw(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Sends what has been put together.
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        let sent = async {
            self.stream.write_all(&self.out.0).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(TAKE, sent).await.map_err(|_| End::Gone)??;
        // A large answer leaves no large buffer behind.
        if self.out.0.capacity() > 4 * FLUSH_BYTES {
            self.out.0 = BytesMut::new()
        } else {
            self.out.0.clear()
        }
        Ok(())
    }

    /// Sends what has been put together once it is worth it.
    pub(super) async fn flush_if_full(&mut self) -> Result<(), End> {
        if self.out.0.len() >= FLUSH_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Last words.
    pub(super) async fn say_and_end(&mut self, fault: &Fault) {
        self.out.fault(fault);
        // Nobody may be there to hear it.
        if self.flush().await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(1), self.stream.shutdown()).await;
        }
    }
}
