//! A push service on this machine that speaks the real protocols over TLS: HTTP/1.1 as a Web Push service does, and HTTP/2 as Apple's. It decrypts nothing; what it
//! is given, it hands on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::support::PATIENCE;

/// What was given to it.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) version: Version,
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The certificate that the sender has shown.
    pub(crate) certificate: Option<CertificateDer<'static>>,
    /// On which of its connections, counted from 1.
    pub(crate) connection: usize,
}

impl Given {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut all = self.headers.iter().filter(|(known, _)| known == name);
        match (all.next(), all.next()) {
            (Some((_, value)), None) => value,
            (one, other) => panic!("{name} is there once: {one:?} {other:?}"),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }
}

/// A status, the header `Retry-After`, and words.
pub(crate) type Answer = (u16, Option<u64>, &'static str);

/// The service. Whatever is not answered by a test is answered as if all was well.
pub(crate) struct StandIn {
    port: u16,
    certificate: String,
    given: UnboundedReceiver<Given>,
    answers: Arc<Mutex<VecDeque<Option<Answer>>>>,
    /// Changes when connections are to be given up, and says when one of them is over.
    goes_away: watch::Sender<()>,
    gone: UnboundedReceiver<()>,
}

impl StandIn {
    /// A Web Push service.
    pub(crate) async fn web() -> Self {
        Self::start(b"http/1.1", None).await
    }

    /// Apple's service, which asks for a certificate that one of these vouches for, where there are any.
    pub(crate) async fn apple(clients: Option<CertificateDer<'static>>) -> Self {
        Self::start(b"h2", clients).await
    }

    async fn start(protocol: &'static [u8], clients: Option<CertificateDer<'static>>) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name of this machine");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key that was just made");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().expect("its own");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                roots.add(client).expect("a certificate");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("there is a root"))
            }
        };
        let mut config = builder.with_single_cert(vec![made.cert.der().clone()], key).expect("the certificate fits its key");
        config.alpn_protocols = vec![protocol.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let (tell, given) = unbounded_channel();
        let answers = Arc::<Mutex<VecDeque<Option<Answer>>>>::default();
        let to_give = Arc::clone(&answers);
        let ((goes_away, leave), (over, gone)) = (watch::channel(()), unbounded_channel());
        tokio::spawn(async move {
            let mut connections = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connections += 1;
                let (acceptor, tell, answers) = (acceptor.clone(), tell.clone(), Arc::clone(&to_give));
                let (mut leave, over) = (leave.clone(), over.clone());
                leave.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let shown =
                        stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|first| first.clone().into_owned());
                    let service = service_fn(move |request| take(request, shown.clone(), connections, tell.clone(), Arc::clone(&answers)));
                    // One that goes away in the middle is what some tests are about.
                    if protocol == b"h2" {
                        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
                        let went_away = tokio::select! {
                            _ = connection.as_mut() => false,
                            changed = leave.changed() => changed.is_ok(),
                        };
                        if went_away {
                            connection.as_mut().graceful_shutdown();
                            let _ = connection.await;
                            let _ = over.send(());
                        }
                    } else {
                        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                    }
                });
            }
        });
        Self { port, certificate: made.cert.pem(), given, answers, goes_away, gone }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Writes the certificate down that vouches for it.
    pub(crate) fn certificate_in(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.pem", self.port));
        std::fs::write(&path, &self.certificate).expect("a file");
        path
    }

    /// Answers the next pushes so, one after the other.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().expect("nobody panics").extend(answers.into_iter().map(Some));
    }

    /// Never answers the next push.
    pub(crate) fn leave_one_unanswered(&self) {
        self.answers.lock().expect("nobody panics").push_back(None);
    }

    /// Takes nothing more on the connection that there is (RFC 9113, section 6.8), and waits until whoever sends has heard of that.
    pub(crate) async fn go_away(&mut self) {
        self.goes_away.send_replace(());
        timeout(PATIENCE, self.gone.recv()).await.expect("the connection is over").expect("the stand-in runs");
    }

    pub(crate) async fn next(&mut self) -> Given {
        timeout(PATIENCE, self.given.recv()).await.expect("a push").expect("the stand-in runs")
    }

    /// Whether nothing more was given to it.
    pub(crate) fn is_left_alone(&mut self) -> bool {
        self.given.try_recv().is_err()
    }
}

async fn take(
    request: Request<Incoming>,
    certificate: Option<CertificateDer<'static>>,
    connection: usize,
    tell: UnboundedSender<Given>,
    answers: Arc<Mutex<VecDeque<Option<Answer>>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().expect("ASCII").to_owned())
    };
    let headers = head.headers.iter().map(header).collect();
    let body = body.collect().await.expect("a body").to_bytes();
    let (version, method) = (head.version, head.method.as_str().to_owned());
    let path = head.uri.path_and_query().expect("a path").as_str().to_owned();
    let answer = {
        // What is given first is answered with what is there first.
        let mut answers = answers.lock().expect("nobody panics");
        // The test may be over.
        let _ = tell.send(Given { version, method, path, headers, body, certificate, connection });
        answers.pop_front().unwrap_or(Some((201, None, "")))
    };
    let Some((status, rest, words)) = answer else { return pending().await };
    let mut response = Response::builder().status(status);
    if let Some(seconds) = rest {
        response = response.header("retry-after", seconds);
    }
    Ok(response.body(Full::new(Bytes::from(words))).expect("an answer"))
}
