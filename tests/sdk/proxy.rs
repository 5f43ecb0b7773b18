//! A network between devices and the service, which can be cut or go dead, or change what the service says.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Passes sockets on to the service until it is cut or goes dead.
pub(crate) struct Proxy {
    address: SocketAddr,
    cuts: watch::Sender<u32>,
    deaths: watch::Sender<u32>,
    is_shut: watch::Sender<bool>,
    accepting: AbortHandle,
}

/// What becomes of a message on its way from the service to a device.
type Change = fn(String) -> String;

impl Proxy {
    pub(crate) async fn to(service: SocketAddr) -> Self {
        Self::changing(service, |message| message).await
    }

    /// Changes whatever the service says.
    pub(crate) async fn changing(service: SocketAddr, change: Change) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let cuts = watch::Sender::new(0);
        let deaths = watch::Sender::new(0);
        let is_shut = watch::Sender::new(false);
        let (cut, dead, shut) = (cuts.clone(), deaths.clone(), is_shut.subscribe());
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if !*shut.borrow() {
                    tokio::spawn(pass(socket, service, change, cut.subscribe(), dead.subscribe()));
                }
            }
        });
        Self { address, cuts, deaths, is_shut, accepting: accepting.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Breaks every socket that is open; new ones are passed on.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Breaks every socket, and takes no more until it is opened.
    pub(crate) fn shut(&self) {
        self.is_shut.send_replace(true);
        self.cut();
    }

    pub(crate) fn open(&self) {
        self.is_shut.send_replace(false);
    }

    /// Passes nothing more on any socket that is open, as a network does that one has left; new ones are passed on.
    pub(crate) fn go_dead(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(device: TcpStream, service: SocketAddr, change: Change, mut cut: watch::Receiver<u32>, mut dead: watch::Receiver<u32>) {
    let Ok(service) = TcpStream::connect(service).await else { return };
    // Whatever ends first, both sockets stay open until all of this is over.
    let ((mut from_device, mut to_device), (mut from_service, mut to_service)) = (device.into_split(), service.into_split());
    tokio::select! {
        _ = copy(&mut from_device, &mut to_service) => {}
        _ = pass_changed(&mut from_service, &mut to_device, change) => {}
        _ = cut.changed() => {}
        _ = dead.changed() => {
            // Open, and silent.
            let _ = cut.changed().await;
        }
    }
}

/// Passes on what the service says: its answer to the request for a WebSocket, and then frames, whose text is changed.
async fn pass_changed(service: &mut OwnedReadHalf, device: &mut OwnedWriteHalf, change: Change) -> std::io::Result<()> {
    const TEXT: u8 = 0x81;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(service.read_u8().await?);
    }
    device.write_all(&response).await?;
    loop {
        let (kind, length) = (service.read_u8().await?, service.read_u8().await?);
        let length = match length {
            126 => u64::from(service.read_u16().await?),
            127 => service.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("it fits into memory")];
        service.read_exact(&mut payload).await?;
        if kind == TEXT {
            payload = change(String::from_utf8(payload).expect("text is UTF-8")).into_bytes();
        }
        let mut frame = vec![kind];
        match payload.len() {
            short @ 0..126 => frame.push(short as u8),
            longer => {
                frame.push(127);
                frame.extend((longer as u64).to_be_bytes());
            }
        }
        frame.extend(payload);
        device.write_all(&frame).await?;
    }
}
