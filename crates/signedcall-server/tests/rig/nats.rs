//! A NATS server for tests: Debian's own, on a port of this machine that was free.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Keeps the server for as long as its input is open, which ends with the test's process whatever becomes of that.
const KEEPER: &str = r#"trap '' INT; nats-server "$@" >/dev/null 2>&1 & read -r _; kill -9 $!; wait"#;

/// Nothing here takes this long, even on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, which is gone with this.
#[derive(Debug)]
pub(crate) struct NatsServer {
    port: u16,
    arguments: Vec<String>,
    keeper: Option<Child>,
}

impl NatsServer {
    pub(crate) fn start() -> Self {
        Self::start_as(&[])
    }

    /// Starts a server with more on its command line.
    pub(crate) fn start_as(arguments: &[&str]) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut server = Self { port, arguments: arguments.iter().map(ToString::to_string).collect(), keeper: None };
        server.start_again();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }

    /// Starts it again, on the same port and with nothing that it knew.
    pub(crate) fn start_again(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper", "-a", "127.0.0.1", "-p", &port]).args(&self.arguments);
        self.keeper = Some(command.stdin(Stdio::piped()).spawn().expect("sh"));
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < until, "nats-server is not installed, which `cargo xtask test` does: Debian's package nats-server");
            std::thread::yield_now();
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
