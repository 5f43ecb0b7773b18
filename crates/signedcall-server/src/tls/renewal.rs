//! Certificates are renewed while the service runs: files that have changed are taken over for new connections.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use tokio::sync::watch;

use super::{TlsError, TlsFiles, read};

/// How often the files are looked at: whoever renews a certificate does so days before it expires.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What new connections are accepted with.
pub(crate) type Current = watch::Receiver<Arc<ServerConfig>>;

/// What a certificate's files looked like when they were last read. One that is not there looks like nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen([Option<(SystemTime, u64, u64)>; 2]);

impl Seen {
    fn of(files: &TlsFiles) -> Self {
        let look = |path: &Path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len(), file.ino()))
        };
        Self([look(&files.certificate), look(&files.key)])
    }
}

/// Takes files over that have changed.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    files: Arc<TlsFiles>,
    state: Arc<Mutex<(Seen, watch::Sender<Arc<ServerConfig>>)>>,
}

impl Renewal {
    /// Reads the files.
    pub(crate) fn start(files: TlsFiles) -> Result<(Self, Current), TlsError> {
        // Before they are read: what changes meanwhile is read again.
        let seen = Seen::of(&files);
        let (sender, current) = watch::channel(read(&files)?);
        Ok((Self { files: Arc::new(files), state: Arc::new(Mutex::new((seen, sender))) }, current))
    }

    /// Looks at the files again and again.
    pub(crate) async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // What came of it is logged; the next look is another chance.
            let _ = self.off_thread(Self::look).await;
        }
    }

    /// Reads the files now, whether or not they look as before.
    pub(crate) async fn renew(&self) -> Result<(), TlsError> {
        self.off_thread(Self::take_over).await
    }

    async fn off_thread(&self, act: fn(&Self) -> Result<(), TlsError>) -> Result<(), TlsError> {
        let renewal = self.clone();
        // It panics where there is a bug in it, and is gone where the service is.
        tokio::task::spawn_blocking(move || act(&renewal)).await.unwrap_or(Ok(()))
    }

    fn look(&self) -> Result<(), TlsError> {
        let is_same = self.state.lock().unwrap_or_else(PoisonError::into_inner).0 == Seen::of(&self.files);
        if is_same { Ok(()) } else { self.take_over() }
    }

    /// Takes the files over, or goes on with what was read before; either is said once for each change.
    fn take_over(&self) -> Result<(), TlsError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = Seen::of(&self.files);
        match read(&self.files) {
            Ok(pair) => {
                state.1.send_replace(pair);
                tracing::info!("the TLS certificate and key were read again, and are used for new connections");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "the TLS certificate and key have changed and cannot be used; those that were read before go on");
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn write_pair(files: &TlsFiles) {
        let key = KeyPair::generate().expect("randomness");
        let certificate = CertificateParams::new(["localhost".to_owned()]).expect("a name").self_signed(&key).expect("its own key");
        std::fs::write(&files.key, key.serialize_pem()).expect("a file");
        std::fs::write(&files.certificate, certificate.pem()).expect("a file");
    }

    #[test]
    fn files_are_taken_over_when_they_have_changed_and_belong_together() {
        let folder = tempfile::tempdir().expect("a directory");
        let files = TlsFiles { certificate: folder.path().join("service.pem"), key: folder.path().join("service.key") };
        write_pair(&files);
        let (renewal, mut current) = Renewal::start(files.clone()).expect("a pair");
        let mut is_new = || {
            let changed = current.has_changed().expect("it is there");
            current.mark_unchanged();
            changed
        };
        renewal.look().expect("nothing to do");
        assert!(!is_new(), "they are as before");

        let earlier = std::fs::read(&files.certificate).expect("a file");
        write_pair(&files);
        let later = std::fs::read(&files.certificate).expect("a file");
        std::fs::write(&files.certificate, &earlier).expect("a file");
        assert!(matches!(renewal.look(), Err(TlsError::Pair { .. })), "the key is of another certificate");
        renewal.look().expect("it was said once");
        std::fs::remove_file(&files.certificate).expect("a file");
        assert!(matches!(renewal.look(), Err(TlsError::File { .. })));
        assert!(!is_new());

        std::fs::write(&files.certificate, &later).expect("a file");
        renewal.look().expect("a pair");
        assert!(is_new());
    }
}
