use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use signedcall_tests::{Desktop, PATIENCE, Process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// How long the daemon is silent when it has said all: its answers have no end of their own.
const SAID_ALL: Duration = Duration::from_millis(150);
/// How often a pair of ports is looked for: every other port is even, and few are taken.
const ATTEMPTS: usize = 64;

/// A call between two of Linphone's daemons, which is up; its engine is that of Linphone's desktop program.
pub(super) struct Call {
    caller: Daemon,
    _callee: Daemon,
}

impl Call {
    pub(super) async fn start(caller: &Desktop, callee: &Desktop) -> Result<Self> {
        let address = own_address()?;
        let [caller_ports, callee_ports] = free_ports(address)?;
        let (mut caller, mut callee) =
            tokio::try_join!(Daemon::start(caller, address, caller_ports), Daemon::start(callee, address, callee_ports))
                .context("starting Linphone")?;
        caller.ask(&format!("call sip:callee@{address}:{}", callee_ports.calls)).await?;
        let rings = callee.until("call-status", "LinphoneCallIncoming").await?;
        let call = rings.split_once("Id: ").and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or("1").to_owned();
        callee.ask(&format!("answer {call}")).await?;
        caller.until("call-status", "StreamsRunning").await?;
        Ok(Self { caller, _callee: callee })
    }

    pub(super) fn caller(&self) -> &Process {
        &self.caller.process
    }
}

/// This machine's address in its network. Linphone does not listen on the loopback device; what is sent to one's own address goes by it all the same.
fn own_address() -> Result<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // Nothing is sent: this asks by which address the machine would (RFC 5737, an address that nobody has).
    socket.connect("192.0.2.1:9").context("this machine is in no network, and Linphone calls by none")?;
    Ok(socket.local_addr()?.ip())
}

/// Where one of Linphone's daemons listens.
#[derive(Clone, Copy, Debug)]
struct Ports {
    /// Where its calls come in.
    calls: u16,
    /// Where its voice does, and what controls it at the next one: an even port (RFC 3550, section 11).
    voice: u16,
}

/// Ports that nobody uses, for two daemons. They are held until all are found, so that none is found twice.
fn free_ports(address: IpAddr) -> Result<[Ports; 2]> {
    let mut held = Vec::new();
    let mut free = || -> Result<Ports> {
        let calls = UdpSocket::bind((address, 0)).context("a port for calls")?;
        let ports = (0..ATTEMPTS).find_map(|_| {
            let voice = UdpSocket::bind((address, 0)).ok()?;
            let port = voice.local_addr().ok()?.port();
            let control = UdpSocket::bind((address, port.checked_add(1)?)).ok()?;
            port.is_multiple_of(2).then_some((port, [voice, control]))
        });
        let (voice, sockets) = ports.context("no two ports in a row are free")?;
        let ports = Ports { calls: calls.local_addr()?.port(), voice };
        held.extend(sockets.into_iter().chain([calls]));
        Ok(ports)
    };
    Ok([free()?, free()?])
}

/// Whether somebody on this machine listens on a UDP port.
fn listens(port: u16) -> Result<bool> {
    let sockets = std::fs::read_to_string("/proc/net/udp").context("reading the kernel's table of sockets")?;
    let ends_so = format!(":{port:04X}");
    Ok(sockets.lines().filter_map(|line| line.split_whitespace().nth(1)).any(|local| local.ends_with(&ends_so)))
}

struct Daemon {
    process: Process,
    orders: UnixStream,
    socket: PathBuf,
}

impl Daemon {
    /// As it is installed, but for its address and ports.
    async fn start(desktop: &Desktop, address: IpAddr, Ports { calls: port, voice }: Ports) -> Result<Self> {
        let settings = format!(
            "[sip]\nsip_port={port}\nsip_tcp_port=0\nsip_tls_port=0\nbind_address={address}\nuse_ipv6=0\n\
             [rtp]\naudio_rtp_port={voice}\n[net]\nfirewall_policy=0\n\
             [sound]\nplayback_dev_id=PulseAudio: default\ncapture_dev_id=PulseAudio: default\nringer_dev_id=PulseAudio: default\n"
        );
        // Without the folder for its database it starts, and listens to nobody.
        std::fs::create_dir_all(desktop.folder().join("home/.local/share/linphone")).context("making Linphone's folder")?;
        let file = desktop.folder().join("linphonerc");
        std::fs::write(&file, settings).context("writing Linphone's settings")?;
        // Its socket lies in the system's folder for what lasts no longer than this, whatever it is called.
        let name = format!("signedcall-linphone-{}-{port}", std::process::id());
        let mut command = desktop.command("linphone-daemon");
        command.arg("--config").arg(&file).args(["--pipe", &name, "--disable-stats-events"]);
        let process = Process::start_with_commands("linphone", &mut command, desktop.folder())?;
        let socket = PathBuf::from("/tmp").join(name);
        let limit = Instant::now() + PATIENCE;
        let orders = loop {
            match UnixStream::connect(&socket).await {
                Ok(orders) => break orders,
                Err(_) if Instant::now() < limit => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => bail!("Linphone takes no orders: {error}; its last lines:\n{}", process.tail()),
            }
        };
        // It takes orders before it can call.
        while !listens(port)? {
            anyhow::ensure!(Instant::now() < limit, "Linphone does not listen; its last lines:\n{}", process.tail());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { process, orders, socket })
    }

    async fn ask(&mut self, order: &str) -> Result<String> {
        self.orders.write_all(format!("{order}\n").as_bytes()).await?;
        let mut said = Vec::new();
        while let Ok(read) = tokio::time::timeout(SAID_ALL, self.orders.read_buf(&mut said)).await {
            anyhow::ensure!(read? > 0, "Linphone has ended; its last lines:\n{}", self.process.tail());
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    async fn until(&mut self, order: &str, wanted: &str) -> Result<String> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let said = self.ask(order).await?;
            if said.contains(wanted) {
                return Ok(said);
            }
            anyhow::ensure!(Instant::now() < limit, "Linphone does not come to {wanted}: {said}");
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It is not there when the daemon has put it away itself.
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn two_daemons_have_ports_of_their_own_and_those_for_voice_are_even() {
        let ports = free_ports(Ipv4Addr::LOCALHOST.into()).expect("there are free ports");
        let all: BTreeSet<u16> = ports.iter().flat_map(|ports| [ports.calls, ports.voice, ports.voice + 1]).collect();
        assert_eq!(all.len(), 6, "{ports:?}");
        assert!(ports.iter().all(|ports| ports.voice.is_multiple_of(2)), "{ports:?}");
    }
}
