//! The Flight SQL door: columns instead of rows, for data frames and warehouses. Who may come in, how many, and for how long; what they
//! may ask is in `service.rs`.

mod service;
mod shelf;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use privyseal_core::event::Channel;
use privyseal_engine::Desk;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::service::{Service, Shared};
use crate::entry::Entry;
use crate::tls::{OpenError, Place};

/// Connections at once, calls at once on each.
const MOST_CONNECTIONS: usize = 128;
const MOST_CALLS: u32 = 16;

/// How long a connection may go without a call of somebody who is known.
const SIGN_IN: Duration = Duration::from_secs(10);

/// Longest message that is taken: a statement and its parameters.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// The Flight SQL door, open and not yet served.
pub struct Flight {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
}

impl Flight {
    /// Opens the door. Call it inside a runtime.
    ///
    /// # Errors
    /// When the address cannot be had, keys would travel in the clear, or the certificate cannot be used.
    pub fn open(place: &Place, desk: Desk) -> Result<Self, OpenError> {
        let tls = place.tls(&[b"h2"])?;
        let listener = place.bind()?;
        let entry = Entry::new(desk.engine().clone(), Channel::Flight);
        Ok(Self { listener, tls, shared: Arc::new(Shared::new(desk, entry)) })
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
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                // Ended ones are let go of as they end.
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
                        if self.tls.is_some() || peer.ip().is_loopback() {
                            connections.spawn(attend(Arc::clone(&self.shared), self.tls.clone(), stream, place));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(door.error = %error, "a connection to the Flight SQL door could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    }
}

async fn attend(shared: Arc<Shared>, tls: Option<TlsAcceptor>, stream: TcpStream, _place: OwnedSemaphorePermit) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => talk(shared, stream).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(SIGN_IN, tls.accept(stream)).await {
                talk(shared, stream).await;
            }
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(shared: Arc<Shared>, stream: S) {
    let service = Service::new(shared);
    let known = service.known();
    let server = FlightServiceServer::new(service).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(60))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(MOST_CALLS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(server));
    tokio::pin!(connection);
    let signed_in = tokio::select! {
        // How a connection ends is its client's affair.
        _ = &mut connection => return,
        signed_in = tokio::time::timeout(SIGN_IN, known.notified()) => signed_in.is_ok(),
    };
    if signed_in {
        let _ = connection.await;
    }
}
