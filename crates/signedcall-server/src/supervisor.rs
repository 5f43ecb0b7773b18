//! What a supervisor such as systemd is told: that the service is ready, that it lives, that it stops. Where there is none, nobody is told.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How many beats there are in the time that a supervisor waits for one.
const BEATS: u32 = 6;

/// Whoever has started the service and wants to hear of it.
#[derive(Debug)]
pub struct Supervisor {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`), if it does.
    ///
    /// # Errors
    /// What it names cannot be reached.
    pub fn from_environment() -> io::Result<Option<Self>> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(None) };
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|microseconds| microseconds.parse().ok());
        Self::at(&name, watchdog.map(Duration::from_micros)).map(Some)
    }

    fn at(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => abstract_address(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // It is asked to be told, not waited for.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, watchdog })
    }

    /// How often it is told that the service lives: six times while it waits, so that a hub that is slow for a moment is not taken for one that is dead.
    pub fn beats_every(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / BEATS).filter(|beat| !beat.is_zero())
    }

    /// The service can be reached.
    pub fn is_ready(&self) {
        self.tell("READY=1");
    }

    /// The service lives.
    pub fn lives(&self) {
        self.tell("WATCHDOG=1");
    }

    /// The service is about to stop.
    pub fn stops(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send_to_addr(state.as_bytes(), &self.address) {
            tracing::warn!(%error, state, "the supervisor cannot be told");
        }
    }
}

/// One that is no file, which only Linux has.
#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt;

    use super::*;

    #[test]
    fn a_supervisor_is_told_at_a_path_or_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("notify");
        let abstract_name = format!("signedcall-{}", uuid::Uuid::new_v4());
        let abstract_address = SocketAddr::from_abstract_name(&abstract_name).expect("a name");
        for (listener, name) in [
            (UnixDatagram::bind(&path), path.as_os_str().to_owned()),
            (UnixDatagram::bind_addr(&abstract_address), format!("@{abstract_name}").into()),
        ] {
            let listener = listener.expect("a socket");
            let supervisor = Supervisor::at(&name, Some(Duration::from_secs(30))).expect("an address");
            assert_eq!(supervisor.beats_every(), Some(Duration::from_secs(5)));
            supervisor.is_ready();
            supervisor.lives();
            supervisor.stops();
            let mut heard = [0; 32];
            for expected in ["READY=1", "WATCHDOG=1", "STOPPING=1"] {
                let length = listener.recv(&mut heard).expect("a message");
                assert_eq!(&heard[..length], expected.as_bytes());
            }
        }
    }

    #[test]
    fn a_supervisor_that_does_not_watch_hears_no_beats() {
        let supervisor = Supervisor::at(OsStr::new("@nobody"), None).expect("an address");
        assert_eq!(supervisor.beats_every(), None);
        supervisor.is_ready();
    }
}
