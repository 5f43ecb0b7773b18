//! HTTP by hand: a request as it is written here, and whatever comes back.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::PATIENCE;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// All headers of a name, which may be there several times.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Makes sure that this is a problem, and gives its code and the field that is wrong.
    pub(crate) fn problem(&self) -> (u16, String, Option<String>) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let text = |name: &str| problem[name].as_str().map(str::to_owned);
        assert!(text("detail").is_some_and(|detail| !detail.is_empty()), "{self:?}");
        (self.status, text("code").expect("a code"), text("field"))
    }
}

/// Asks as a program does that knows what it does.
pub(crate) async fn ask(address: SocketAddr, method: &str, path: &str, key: Option<&str>, body: Option<&str>) -> Answer {
    ask_with(address, method, path, key, &[], body).await
}

/// The same with more headers.
pub(crate) async fn ask_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Answer {
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let authorization = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let length = body.map(|body| format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}{more}{length}Connection: close\r\n\r\n");
    say(address, format!("{head}{}", body.unwrap_or_default()).as_bytes()).await
}

/// Says anything, and reads until the service closes the connection.
pub(crate) async fn say(address: SocketAddr, request: &[u8]) -> Answer {
    say_on(TcpStream::connect(address).await.expect("the service listens"), request).await
}

/// Asks for something from an address of this machine's.
pub(crate) async fn get_from(from: Ipv4Addr, address: SocketAddr, path: &str, key: &str) -> Answer {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((from, 0))).expect("an address of this machine");
    let stream = socket.connect(address).await.expect("the service listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n");
    say_on(stream, request.as_bytes()).await
}

async fn say_on(mut stream: TcpStream, request: &[u8]) -> Answer {
    // A service that has heard enough may close the connection meanwhile.
    let _ = stream.write_all(request).await;
    let mut heard = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match timeout(PATIENCE, stream.read(&mut chunk)).await.expect("an answer in time") {
            Ok(0) | Err(_) => break,
            Ok(length) => heard.extend_from_slice(&chunk[..length]),
        }
    }
    read(&String::from_utf8(heard).expect("an answer is text"))
}

fn read(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = join(body);
    }
    answer
}

/// Joins the chunks of a body, the last of which is empty.
fn join(mut chunked: &str) -> String {
    let mut body = String::new();
    loop {
        let (length, rest) = chunked.split_once("\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(length, 16).expect("a chunk's length");
        if length == 0 {
            return body;
        }
        body.push_str(&rest[..length]);
        chunked = &rest[length + 2..];
    }
}
