//! A node's ways to the database and to the bus, which can be cut without a word, as a network is.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

/// What a server of PostgreSQL calls its socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// Both ways of one node. They are gone with this.
pub(super) struct Lines {
    /// Where the node finds the database, and the bus.
    pub(super) database: String,
    pub(super) bus: String,
    database_cut: watch::Sender<bool>,
    bus_cut: watch::Sender<bool>,
    _folder: TempDir,
}

impl Lines {
    pub(super) async fn to(database: &str, bus: &str) -> Self {
        let (database_cut, bus_cut) = (watch::Sender::new(false), watch::Sender::new(false));
        let (folder, (url, host)) =
            (tempfile::tempdir().expect("a directory"), database.split_once("host=").expect("a socket's directory"));
        let near = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let (far, cut) = (PathBuf::from(host).join(SOCKET), database_cut.subscribe());
        tokio::spawn(async move {
            while let Ok((near, _)) = near.accept().await {
                // A server that is away cannot be connected to.
                let Ok(far) = UnixStream::connect(&far).await else { continue };
                tokio::spawn(pass(near, far, cut.clone()));
            }
        });
        let near = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, far, cut) = (near.local_addr().expect("a port"), bus.trim_start_matches("nats://").to_owned(), bus_cut.subscribe());
        tokio::spawn(async move {
            while let Ok((near, _)) = near.accept().await {
                let Ok(far) = TcpStream::connect(&far).await else { continue };
                tokio::spawn(pass(near, far, cut.clone()));
            }
        });
        let (database, bus) = (format!("{url}host={}", folder.path().display()), format!("nats://{address}"));
        Self { database, bus, database_cut, bus_cut, _folder: folder }
    }

    /// From now on nothing comes to the database, nor from it, and nobody is told so.
    pub(super) fn cut_database(&self) {
        self.database_cut.send_replace(true);
    }

    /// The same of the bus.
    pub(super) fn cut_bus(&self) {
        self.bus_cut.send_replace(true);
    }
}

/// Moves what goes over one connection until the line is cut; then both ends are left open for as long as there is a line.
async fn pass(mut near: impl AsyncRead + AsyncWrite + Unpin, mut far: impl AsyncRead + AsyncWrite + Unpin, mut cut: watch::Receiver<bool>) {
    tokio::select! {
        biased;
        _ = cut.wait_for(|cut| *cut) => {}
        // Whichever end was closed, so is the other.
        _ = copy_bidirectional(&mut near, &mut far) => return,
    }
    while cut.changed().await.is_ok() {}
}
