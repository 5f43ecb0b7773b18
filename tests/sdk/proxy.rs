//! A network between devices and the service, which can be cut or go dead.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Passes sockets on to the service until it is cut or goes dead.
pub(crate) struct Proxy {
    address: SocketAddr,
    cuts: watch::Sender<u32>,
    deaths: watch::Sender<u32>,
    accepting: AbortHandle,
}

impl Proxy {
    pub(crate) async fn to(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let cuts = watch::Sender::new(0);
        let deaths = watch::Sender::new(0);
        let (cut, dead) = (cuts.clone(), deaths.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(pass(socket, service, cut.subscribe(), dead.subscribe()));
            }
        });
        Self { address, cuts, deaths, accepting: accepting.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Breaks every socket that is open; new ones are passed on.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Breaks every socket, and takes no more.
    pub(crate) fn shut(&self) {
        self.accepting.abort();
        self.cut();
    }

    /// Passes nothing more on any socket that is open, as a network does that one has left; new ones are passed on.
    pub(crate) fn go_dead(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }
}

async fn pass(mut device: TcpStream, service: SocketAddr, mut cut: watch::Receiver<u32>, mut dead: watch::Receiver<u32>) {
    let Ok(mut service) = TcpStream::connect(service).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut device, &mut service) => {}
        _ = cut.changed() => {}
        _ = dead.changed() => {
            // Open, and silent.
            let _ = cut.changed().await;
        }
    }
}
