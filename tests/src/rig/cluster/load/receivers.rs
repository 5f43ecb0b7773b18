//! What the companies' own systems do when a webhook tells them of a call, and a push service with a push: they take it, and now and then a system is too busy.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Of so many deliveries one is not taken at first.
const ONE_BUSY_IN: u32 = 12;

/// Takes deliveries on this machine for as long as the program runs.
#[derive(Debug)]
pub(super) struct Receiver {
    listening: SocketAddr,
}

impl Receiver {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let listening = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // What cannot be read is sent again.
                tokio::spawn(async move { answer(stream).await.ok() });
            }
        });
        Ok(Self { listening })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.listening)
    }
}

/// Answers one delivery.
async fn answer(stream: TcpStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line).await?;
    let is_push = line.starts_with("POST /push ");
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("a length")?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let is_busy = !is_push && rand::random_ratio(1, ONE_BUSY_IN);
    let status = if is_busy { "503 Service Unavailable" } else { "201 Created" };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    Ok(stream.write_all(answer.as_bytes()).await?)
}
