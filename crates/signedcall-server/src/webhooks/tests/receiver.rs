//! A receiver on this machine, whose answers a test chooses.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// What is answered to each delivery.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// This text, as it is.
    Text(String),
    /// Nothing, until the sender goes away.
    Nothing,
    /// This text, and then more of it without an end.
    Endless(&'static str),
    /// Yes, once somebody has permitted one more answer.
    When(Arc<Semaphore>),
}

impl Answer {
    pub(super) fn status(status: u16) -> Self {
        Self::Text(format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n"))
    }
}

/// What was received.
#[derive(Debug)]
pub(super) struct Received {
    /// The first line and the headers, in lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("there is no {name} in {}", self.head))
    }
}

pub(super) struct Receiver {
    port: u16,
    pub(super) certificate: Option<CertificateDer<'static>>,
    pub(super) received: UnboundedReceiver<Received>,
    pub(super) answer: watch::Sender<Answer>,
}

impl Receiver {
    pub(super) async fn start(answer: Answer) -> Self {
        Self::start_with(answer, None).await
    }

    /// One that is reached by TLS, by the name `localhost`.
    pub(super) async fn encrypted(answer: Answer) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name of this machine");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key that was just made");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key))
            .expect("the certificate fits its key");
        Self::start_with(answer, Some((TlsAcceptor::from(Arc::new(config)), made.cert.der().clone()))).await
    }

    async fn start_with(answer: Answer, tls: Option<(TlsAcceptor, CertificateDer<'static>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let (told, received) = unbounded_channel();
        let (answer, answers) = watch::channel(answer);
        let (acceptor, certificate) = tls.unzip();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (told, answers, acceptor) = (told.clone(), answers.clone(), acceptor.clone());
                // A sender that goes away in the middle is what some tests are about.
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, answers, told).await,
                        Some(acceptor) => serve(acceptor.accept(stream).await?, answers, told).await,
                    }
                });
            }
        });
        Self { port, certificate, received, answer }
    }

    pub(super) fn url(&self) -> String {
        if self.certificate.is_some() {
            format!("https://localhost:{}/hook?of=acme", self.port)
        } else {
            format!("http://127.0.0.1:{}/hook?of=acme", self.port)
        }
    }

    pub(super) async fn next(&mut self) -> Received {
        let received = tokio::time::timeout(std::time::Duration::from_secs(30), self.received.recv()).await;
        received.expect("a delivery").expect("the receiver runs")
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: watch::Receiver<Answer>,
    told: UnboundedSender<Received>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while stream.read_line(&mut head).await? > 2 {}
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let _ = told.send(Received { head, body: String::from_utf8_lossy(&body).into_owned() });
    let answer = answers.borrow().clone();
    match answer {
        Answer::Text(text) => stream.write_all(text.as_bytes()).await?,
        Answer::Nothing => drop(stream.read(&mut [0]).await),
        Answer::Endless(text) => loop {
            stream.write_all(text.as_bytes()).await?;
        },
        Answer::When(permitted) => {
            permitted.acquire().await.map_err(std::io::Error::other)?.forget();
            stream.write_all(b"HTTP/1.1 204 So\r\n\r\n").await?;
        }
    }
    stream.flush().await?;
    stream.shutdown().await
}
