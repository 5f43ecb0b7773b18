//! A coturn for tests: Debian's own, on a port of this machine that was free.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Keeps the server for as long as its input is open, which ends with the test's process whatever becomes of that.
const KEEPER: &str = r#"trap '' INT; turnserver "$@" 2>&1 & read -r _; kill -9 $!; wait"#;

/// A TURN server over UDP, which is gone with this.
#[derive(Debug)]
pub(crate) struct Coturn {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    keeper: Child,
    _folder: TempDir,
}

impl Coturn {
    /// Starts one that verifies credentials by a secret (its REST scheme).
    pub(crate) fn start(secret: &str) -> Self {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port");
        let folder = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper", "-n", "--verbose", "--no-tcp", "--no-tls", "--no-dtls", "--no-cli"]);
        command.args(["--log-file=stdout", "--simple-log", "--realm=signedcall", "--allow-loopback-peers", "--use-auth-secret"]);
        // With several threads each opens a socket of its own on the same port, one after the other: a client that asks meanwhile comes to another one the
        // next time, which knows nothing of its nonce.
        command.args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--relay-threads=1"]);
        command.args([format!("--static-auth-secret={secret}"), format!("--listening-port={}", free.port())]);
        command.args([format!("--pidfile={}", folder.path().join("turn.pid").display())]);
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
        let said = BufReader::new(keeper.stdout.take().expect("it is piped"));
        let mut lines = said.lines().map_while(Result::ok);
        let listens = |line: &String| line.contains("listener opened") && line.trim_end().ends_with(&format!(":{}", free.port()));
        let listening = lines.find(listens);
        assert!(listening.is_some(), "coturn is not installed, which `cargo xtask test` does: Debian's package coturn");
        // What is not read holds it up in the end.
        std::thread::spawn(move || lines.for_each(drop));
        Self { address: free, keeper, _folder: folder }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
