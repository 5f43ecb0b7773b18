//! One connection to a relay.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::framing::{self, LONGEST, PREFIX};
use super::{DATAGRAM, Way};
use crate::tls;

/// How long a connection may take to open, with everything that belongs to it.
const OPENING_PATIENCE: Duration = Duration::from_secs(5);
/// How long each address of a relay is tried before the next.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(2);
/// A socket of the library that has said nothing for longer than permissions last (RFC 8656, section 9) is not in use any more.
const IDLE: Duration = Duration::from_secs(6 * 60);
/// What the system may hold back of what was sent: half a second of voice. More would only come late on a line that is too thin.
const SEND_BUFFER: u32 = 8 * 1024;

/// Where what a relay says goes.
#[derive(Clone, Debug)]
pub(super) struct Back {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) to: SocketAddr,
}

/// Why a connection is none, or has ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the relay has no address")]
    NoAddress,
    #[error("the relay's name is none that a certificate could have")]
    NoName,
    #[error("there is no TLS")]
    NoTls,
    #[error("the relay did not answer in time")]
    TooSlow,
    #[error("the relay sent what is no message")]
    Garbage,
    #[error("nobody uses it any more")]
    Unused,
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// Opens a connection and carries messages both ways until it ends.
pub(super) async fn run(address: (String, u16), way: Way, outgoing: mpsc::Receiver<Bytes>, back: Back) {
    match carry(address, way, outgoing, back).await {
        Ended::Unused => tracing::debug!("a connection to a relay is not used any more"),
        why @ (Ended::NoAddress | Ended::NoName | Ended::NoTls | Ended::TooSlow | Ended::Garbage) => {
            tracing::warn!(%why, "a connection to a relay has ended");
        }
        // Its words may have addresses in them.
        Ended::Failed(error) => {
            tracing::warn!(kind = ?error.kind(), "a connection to a relay has ended");
            tracing::debug!(%error);
        }
    }
}

async fn carry((host, port): (String, u16), way: Way, outgoing: mpsc::Receiver<Bytes>, back: Back) -> Ended {
    let opened = async {
        match way {
            Way::Udp => Ok(Stream::None(socket(&host, port).await?)),
            Way::Tcp => Ok(Stream::Plain(connect(&host, port).await?)),
            Way::Tls => {
                let stream = connect(&host, port).await?;
                let name = ServerName::try_from(host).map_err(|_| Ended::NoName)?;
                let config = tls::config().await.ok_or(Ended::NoTls)?;
                let stream = TlsConnector::from(config).connect(name, stream).await?;
                Ok(Stream::Encrypted(Box::new(stream)))
            }
        }
    };
    let stream = match timeout(OPENING_PATIENCE, opened).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(ended)) => return ended,
        Err(_) => return Ended::TooSlow,
    };
    tracing::debug!("a connection to a relay is open");
    match stream {
        Stream::None(socket) => tokio::select! {
            ended = send_datagrams(&socket, outgoing) => ended,
            ended = receive_datagrams(&socket, back) => ended,
        },
        Stream::Plain(stream) => both_ways(stream, outgoing, back).await,
        Stream::Encrypted(stream) => both_ways(stream, outgoing, back).await,
    }
}

enum Stream {
    /// Messages are datagrams.
    None(UdpSocket),
    Plain(TcpStream),
    Encrypted(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, Ended> {
    let mut last = Ended::NoAddress;
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.set_nodelay(true)?;
        match timeout(ADDRESS_PATIENCE, socket.connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = Ended::TooSlow,
        }
    }
    Err(last)
}

async fn socket(host: &str, port: u16) -> Result<UdpSocket, Ended> {
    let address = lookup_host((host, port)).await?.next().ok_or(Ended::NoAddress)?;
    let any: SocketAddr = if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

async fn send_datagrams(socket: &UdpSocket, mut outgoing: mpsc::Receiver<Bytes>) -> Ended {
    loop {
        let Ok(Some(message)) = timeout(IDLE, outgoing.recv()).await else { return Ended::Unused };
        if let Err(error) = socket.send(&message).await {
            tracing::trace!(%error, "a datagram for a relay was lost");
        }
    }
}

async fn receive_datagrams(socket: &UdpSocket, back: Back) -> Ended {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        // What cannot be delivered now may be the next time: nobody else is told that a relay is not there.
        let Ok(length) = socket.recv(&mut buffer).await else { continue };
        if let Err(error) = back.socket.send_to(&buffer[..length], back.to).await {
            tracing::trace!(%error, "a datagram of a relay was lost");
        }
    }
}

async fn both_ways(stream: impl AsyncRead + AsyncWrite, outgoing: mpsc::Receiver<Bytes>, back: Back) -> Ended {
    let (reader, writer) = tokio::io::split(stream);
    tokio::select! {
        ended = send(writer, outgoing) => ended,
        ended = receive(reader, back) => ended,
    }
}

async fn send(mut writer: impl AsyncWrite + Unpin, mut outgoing: mpsc::Receiver<Bytes>) -> Ended {
    loop {
        let Ok(Some(message)) = timeout(IDLE, outgoing.recv()).await else { return Ended::Unused };
        let written = async {
            writer.write_all(&message).await?;
            writer.flush().await
        };
        if let Err(error) = written.await {
            return error.into();
        }
    }
}

async fn receive(mut reader: impl AsyncRead + Unpin, back: Back) -> Ended {
    let mut message = vec![0; LONGEST];
    loop {
        match receive_one(&mut reader, &mut message).await {
            Ok(length) => {
                if let Err(error) = back.socket.send_to(&message[..length], back.to).await {
                    tracing::trace!(%error, "a datagram of a relay was lost");
                }
            }
            Err(ended) => return ended,
        }
    }
}

/// Reads a message, and says how long it is without its padding.
async fn receive_one(reader: &mut (impl AsyncRead + Unpin), message: &mut [u8]) -> Result<usize, Ended> {
    let mut prefix = [0; PREFIX];
    reader.read_exact(&mut prefix).await?;
    let extent = framing::extent(prefix).ok_or(Ended::Garbage)?;
    message[..PREFIX].copy_from_slice(&prefix);
    reader.read_exact(&mut message[PREFIX..extent.message + extent.padding]).await?;
    Ok(extent.message)
}
