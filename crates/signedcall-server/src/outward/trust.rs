//! Whose certificates are believed.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

/// How connections are encrypted, or why they cannot be.
pub(crate) type Connector = Result<TlsConnector, String>;

/// Whom to believe that a server is who it says.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    provider: Arc<CryptoProvider>,
    verifier: Result<Arc<dyn ServerCertVerifier>, String>,
}

impl Trust {
    /// Whoever this computer believes, and these besides. Reads files.
    pub(crate) fn of_this_computer(besides: Vec<CertificateDer<'static>>) -> Self {
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(besides, Arc::clone(&provider));
        Self { provider, verifier: verifier.map(|verifier| Arc::new(verifier) as _).map_err(|error| error.to_string()) }
    }

    /// These alone.
    #[cfg(test)]
    pub(crate) fn of(roots: rustls::RootCertStore) -> Self {
        let provider = Arc::new(ring::default_provider());
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        Self { provider, verifier: verifier.map(|verifier| verifier as _).map_err(|error| error.to_string()) }
    }

    /// Encrypts connections on which one of these protocols is spoken, and shows a certificate where there is one to show.
    pub(crate) fn connector(
        &self,
        protocols: &[&[u8]],
        shown: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Connector {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let builder = builder.dangerous().with_custom_certificate_verifier(self.verifier.clone()?);
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?,
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
