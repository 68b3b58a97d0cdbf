//! TLS of the doors, and the rule that a key never crosses a network in the clear.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// Where a door is, and what it shows to those who come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Address and port.
    pub listen: String,
    /// PEM file with the certificate and those that vouch for it; none for no TLS.
    pub tls_cert: Option<PathBuf>,
    /// PEM file with its private key.
    pub tls_key: Option<PathBuf>,
}

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address cannot be had.
    #[error("cannot listen on {listen}: {reason}")]
    Listen {
        /// Address and port.
        listen: String,
        /// What the system says.
        reason: String,
    },
    /// Keys would travel in the clear.
    #[error("{listen} is no address of this machine alone: name a certificate (tls_cert, tls_key), or listen on 127.0.0.1")]
    InTheClear {
        /// Address and port.
        listen: String,
    },
    /// The certificate or its key cannot be used.
    #[error("TLS: {file}: {reason}", file = file.display())]
    Tls {
        /// The PEM file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The catalogue cannot be made.
    #[error("the catalogue of tables cannot be made: {0}")]
    Catalogue(String),
}

impl Place {
    /// Takes the address, once it is known that nothing secret would pass in the clear. Needs a runtime.
    ///
    /// # Errors
    /// When it cannot be had, or is not of this machine alone and there is no certificate.
    pub(crate) fn bind(&self) -> Result<tokio::net::TcpListener, OpenError> {
        let failed = |error: std::io::Error| OpenError::Listen { listen: self.listen.clone(), reason: error.to_string() };
        let listener = std::net::TcpListener::bind(&self.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if self.tls_cert.is_none() && !is_own(address) {
            return Err(OpenError::InTheClear { listen: self.listen.clone() });
        }
        listener.set_nonblocking(true).map_err(failed)?;
        tokio::net::TcpListener::from_std(listener).map_err(failed)
    }

    /// The TLS side of it; none without a certificate.
    ///
    /// # Errors
    /// When the files cannot be read or do not fit together.
    pub(crate) fn tls(&self, protocols: &[&[u8]]) -> Result<Option<TlsAcceptor>, OpenError> {
        let (cert, key) = match (&self.tls_cert, &self.tls_key) {
            (None, None) => return Ok(None),
            (Some(cert), Some(key)) => (cert, key),
            (Some(file), None) | (None, Some(file)) => {
                return Err(wrong(file, "a certificate needs its key and a key its certificate: name both"));
            }
        };
        let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|error| wrong(cert, &error.to_string()))?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error.to_string()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
        let config = config.and_then(|config| config.with_no_client_auth().with_single_cert(chain, private));
        let mut config = config.map_err(|error| wrong(cert, &error.to_string()))?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

fn wrong(file: &Path, reason: &str) -> OpenError {
    OpenError::Tls { file: file.to_owned(), reason: reason.to_owned() }
}

fn is_own(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}
