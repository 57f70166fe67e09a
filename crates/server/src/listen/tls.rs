//! TLS from two PEM files, which are read again when they change: certificates are renewed while the gateway runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config::Server;

/// The certificate or its key cannot be used; the text names the setting.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("`{setting}`: {path} cannot be used: {reason}")]
    File {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key are each right and do not belong together, or are of a kind that is not supported.
    #[error("`server.tls_cert` and `server.tls_key` cannot be used together: {0}")]
    Pair(rustls::Error),
    /// The library refuses its own defaults; not seen in practice.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// The certificate in use, and the files that it comes from. Clones share it.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
    files: Arc<Files>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// TLS as the settings have it; `None` where they have none.
    ///
    /// # Errors
    /// [`TlsError`], naming the setting to mend.
    pub fn from_settings(server: &Server) -> Result<Option<Self>, TlsError> {
        match (&server.tls_cert, &server.tls_key) {
            (Some(cert), Some(key)) => Self::from_files(cert, key).map(Some),
            // One without the other does not get past the settings' own check.
            (Some(_) | None, None) | (None, Some(_)) => Ok(None),
        }
    }

    /// Reads the certificate chain and its private key.
    ///
    /// # Errors
    /// [`TlsError`], naming the setting to mend.
    pub fn from_files(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let files = Files {
            cert: cert.to_owned(),
            key: key.to_owned(),
            provider: Arc::clone(&provider),
            seen: Mutex::default(),
        };
        *files.seen() = files.stamp();
        let certificate = Arc::new(Certificate(ArcSwap::from_pointee(files.read()?)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Tls { acceptor, certificate, files: Arc::new(files) })
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Takes the files' new contents for new connections; while they cannot be used, the old ones stay.
    pub(super) fn reload_if_changed(&self) {
        let now = self.files.stamp();
        if std::mem::replace(&mut *self.files.seen(), now) == now {
            return;
        }
        match self.files.read() {
            Ok(fresh) => {
                self.certificate.0.store(Arc::new(fresh));
                tracing::info!("TLS certificate read again");
            }
            Err(error) => {
                tracing::error!(%error, "the changed TLS files cannot be used; the old ones stay in use")
            }
        }
    }
}

/// When the two files were last written.
type Stamp = (SystemTime, SystemTime);

#[derive(Debug)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    /// When they were last written, as of the last reading.
    seen: Mutex<Option<Stamp>>,
}

impl Files {
    fn seen(&self) -> MutexGuard<'_, Option<Stamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stamp(&self) -> Option<Stamp> {
        let written = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        Some((written(&self.cert)?, written(&self.key)?))
    }

    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let wrong = |setting, path: &Path, error: &pem::Error| TlsError::File {
            setting,
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect)
            .and_then(
                |chain: Vec<_>| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) },
            )
            .map_err(|error| wrong("server.tls_cert", &self.cert, &error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| wrong("server.tls_key", &self.key, &error))?;
        CertifiedKey::from_der(chain, key, &self.provider).map_err(TlsError::Pair)
    }
}

/// The one certificate that every client gets.
#[derive(Debug)]
struct Certificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}
