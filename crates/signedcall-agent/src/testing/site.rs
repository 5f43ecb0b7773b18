//! A web server on this machine, over HTTPS, whose answers a test chooses.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use image::{ImageFormat, RgbaImage};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::Certificate;

/// What the server says at a path. Elsewhere it says 404.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Picture(Vec<u8>),
    Redirect(Option<String>),
    /// A body without an end.
    Endless,
}

impl Answer {
    pub(crate) fn picture(bytes: Vec<u8>) -> Self {
        Self::Picture(bytes)
    }

    pub(crate) fn elsewhere(location: &str) -> Self {
        Self::Redirect(Some(location.to_owned()))
    }
}

/// A running server. Its thread ends with the test program.
#[derive(Debug)]
pub(crate) struct Site {
    port: u16,
    certificate: Vec<u8>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Site {
    pub(crate) fn start(answers: impl IntoIterator<Item = (&'static str, Answer)>) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names of this machine");
        let certificate = made.cert.der().to_vec();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key that was just made");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key))
            .expect("the certificate fits its key");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let shared = Arc::new(Shared::default());
        let site = Self { port, certificate, shared: Arc::clone(&shared) };
        answers.into_iter().for_each(|(path, answer)| site.answer(path, answer));
        let config = Arc::new(config);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, shared) = (Arc::clone(&config), Arc::clone(&shared));
                shared.connections.fetch_add(1, Ordering::SeqCst);
                // A client that goes away in the middle is what some tests are about.
                thread::spawn(move || drop(serve(stream, config, &shared)));
            }
        });
        site
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), answer);
    }

    pub(crate) fn forget_everything(&self) {
        self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// What a client has to trust.
    pub(crate) fn root(&self) -> Certificate<'static> {
        Certificate::from_der(&self.certificate).to_owned()
    }

    /// The paths that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often anybody has connected.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut header = String::new();
    while stream.read_line(&mut header)? > 2 {
        header.clear();
    }
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    let answer = shared.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
    let mut stream = stream.into_inner();
    match answer {
        Some(Answer::Picture(bytes)) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes)?;
        }
        Some(Answer::Redirect(location)) => {
            let location = location.map(|location| format!("location: {location}\r\n")).unwrap_or_default();
            write!(stream, "HTTP/1.1 302 Found\r\n{location}connection: close\r\ncontent-length: 0\r\n\r\n")?;
        }
        Some(Answer::Endless) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            std::io::copy(&mut std::io::repeat(0), &mut stream)?;
        }
        None => write!(stream, "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?,
    }
    stream.conn.send_close_notify();
    stream.flush()?;
    // Until the client has read it and hung up.
    drop(stream.sock.read(&mut [0; 1]));
    Ok(())
}

/// Writes a picture as a web server would send it.
pub(crate) fn png(image: &RgbaImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).expect("memory");
    bytes.into_inner()
}
