//! Who has to vouch for a server that is reached by TLS: the service, and relays.
//!
//! What this computer trusts counts: a company that signs its own services has put its root there (or named it in `SSL_CERT_FILE`), and a root that its
//! owner has thrown out is not brought back. The roots that browsers ship stand in on a computer that has no list of its own.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};

/// Read once for all lines of a process.
static CONFIG: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(read);

/// What a TLS connection is made with; `None` when the chosen cryptography has no version of TLS in common with us.
pub(crate) async fn config() -> Option<Arc<ClientConfig>> {
    // It reads files the first time.
    tokio::task::spawn_blocking(|| CONFIG.clone()).await.ok().flatten()
}

fn read() -> Option<Arc<ClientConfig>> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "a trusted root cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (taken, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(taken, ignored, "trusted roots are read");
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    // An embedder that has chosen its cryptography keeps it.
    let provider = CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()));
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(config) => Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth())),
        Err(error) => {
            tracing::error!(%error, "no TLS");
            None
        }
    }
}
