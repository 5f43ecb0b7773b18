//! What answers at the service's address.

use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Error};
use url::Url;

use super::ServiceFact;

/// How long the service may take to say that it works: as long as signing in may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where the service says that it works.
const HEALTH: &str = "/healthz";

/// Asks whether the service works. Blocks.
pub(super) fn ask(service_url: &str) -> ServiceFact {
    if service_url.is_empty() {
        return ServiceFact::NoAddress;
    }
    let Some(url) = health_of(service_url) else { return ServiceFact::InvalidAddress };
    let agent = Agent::config_builder()
        // The roots that the SDK's own connection trusts.
        .tls_config(TlsConfig::builder().root_certs(RootCerts::WebPki).build())
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .new_agent();
    match agent.get(url.as_str()).call() {
        Ok(answer) if answer.status().is_success() => ServiceFact::Answers,
        Ok(_) => ServiceFact::SomethingElse,
        Err(error) => of_error(&error),
    }
}

/// The address of the service's health, from the one of its web socket.
fn health_of(service_url: &str) -> Option<Url> {
    let url = Url::parse(service_url).ok()?;
    let scheme = match url.scheme() {
        "ws" => "http",
        "wss" => "https",
        _ => return None,
    };
    let address = url.as_str().split_once(':')?.1;
    Url::parse(&format!("{scheme}:{address}")).ok()?.join(HEALTH).ok()
}

fn of_error(error: &Error) -> ServiceFact {
    if matches!(error, Error::HostNotFound) {
        ServiceFact::NoSuchName
    } else if matches!(error, Error::Tls(_) | Error::Rustls(_)) || is_certificate_refused(error) {
        ServiceFact::NotTrusted
    } else if is_name_unknown(error) {
        ServiceFact::NoSuchName
    } else if matches!(error, Error::Io(_) | Error::Timeout(_) | Error::ConnectionFailed) {
        ServiceFact::Silent
    } else {
        ServiceFact::SomethingElse
    }
}

/// The TLS library's errors arrive wrapped in those of reading and writing.
fn is_certificate_refused(error: &Error) -> bool {
    matches!(error, Error::Io(inner) if inner.kind() == std::io::ErrorKind::InvalidData)
}

/// The resolver's errors have no kind of their own.
fn is_name_unknown(error: &Error) -> bool {
    matches!(error, Error::Io(inner) if inner.to_string().contains("failed to lookup address"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::testing::Site;

    /// An address at which the first who asks gets this answer.
    fn answering(status: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let asked = stream.read(&mut [0; 1024]).expect("it is asked");
            assert!(asked > 0, "it is asked");
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("it is listened to");
        });
        format!("ws://{address}")
    }

    #[test]
    fn the_service_is_asked_whether_it_works() {
        assert_eq!(health_of("wss://calls.example").map(String::from).as_deref(), Some("https://calls.example/healthz"));
        assert_eq!(health_of("ws://[::1]:7443/").map(String::from).as_deref(), Some("http://[::1]:7443/healthz"));
        assert_eq!(ask(&answering("200 OK")), ServiceFact::Answers);
        assert_eq!(ask(&answering("404 Not Found")), ServiceFact::SomethingElse);
    }

    #[test]
    fn each_way_not_to_answer_is_told_apart() {
        assert_eq!(ask(""), ServiceFact::NoAddress);
        for url in ["https://calls.example", "calls.example", "ws://"] {
            assert_eq!(ask(url), ServiceFact::InvalidAddress, "{url}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        assert_eq!(ask(&format!("ws://{closed}")), ServiceFact::Silent);
        assert_eq!(ask("ws://no-such-name.invalid"), ServiceFact::NoSuchName);
        assert_eq!(ask(&Site::start([]).url("").replace("https:", "wss:")), ServiceFact::NotTrusted);
    }
}
