use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::output_of;
use crate::run::{Rig, program};
use crate::{Network, PATIENCE, Process};

/// What differs between services.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceSetup {
    /// How long a call rings; the service's default when absent.
    pub ring: Option<Duration>,
    /// What is logged; the service's default when absent.
    pub log: Option<&'static str>,
    /// Whether pushes may go to this computer.
    pub pushes_here: bool,
    /// Whether an operator has added its account, so that the company's backend can ask for calls: the service makes one for itself on loopback otherwise.
    pub account_is_added: bool,
}

/// A running service with an account.
#[derive(Debug)]
pub struct Service {
    /// Its output.
    pub process: Process,
    setup: ServiceSetup,
    place: Place,
    api_key: String,
    listening: SocketAddr,
    url: String,
}

/// Where a service runs and keeps its data.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    folder: PathBuf,
    /// The program that starts it and that program's arguments, where it is not to be started here.
    within: Vec<OsString>,
    /// What it shows to whoever connects by TLS.
    certificate: Option<Certificate>,
}

/// A certificate that vouches for itself, and its key: files of these names.
#[derive(Clone, Debug)]
struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn make(folder: &Path, name: &str, address: IpAddr) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed([address.to_string()]).context("making a certificate")?;
        let files = Self { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) };
        std::fs::write(&files.certificate, made.cert.pem()).context("writing a certificate")?;
        std::fs::write(&files.key, made.signing_key.serialize_pem()).context("writing a key")?;
        Ok(files)
    }
}

impl Place {
    fn data(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

/// The line that says that the service is ready.
#[derive(Deserialize)]
struct Ready {
    listening: SocketAddr,
}

/// The account's id.
pub const ACCOUNT: &str = "demo";

impl Service {
    /// Starts the service on a free port of loopback, with an empty store.
    pub async fn start(rig: &Rig, name: &str, setup: ServiceSetup) -> Result<Self> {
        let place = Place { name: name.to_owned(), folder: rig.folder().to_path_buf(), within: Vec::new(), certificate: None };
        let key = if setup.account_is_added { add_account(&place)? } else { new_key() };
        Self::launch(place, setup, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), key).await
    }

    /// Starts the service on a free port of loopback, where it shows a certificate that vouches for itself.
    pub async fn start_with_tls(rig: &Rig, name: &str, setup: ServiceSetup) -> Result<Self> {
        let certificate = Some(Certificate::make(rig.folder(), name, Ipv4Addr::LOCALHOST.into())?);
        let place = Place { name: name.to_owned(), folder: rig.folder().to_path_buf(), within: Vec::new(), certificate };
        Self::launch(place, setup, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), new_key()).await
    }

    /// Starts the service on the router of a network, where every host reaches it. Its account is one that an operator has added: the service
    /// makes one for itself on loopback only.
    pub async fn start_at_router(rig: &Rig, name: &str, setup: ServiceSetup, network: &Network) -> Result<Self> {
        let place = Place { name: name.to_owned(), folder: rig.folder().to_path_buf(), within: network.within_router(), certificate: None };
        let key = add_account(&place)?;
        let certificate = Certificate::make(rig.folder(), name, network.router_address())?;
        let place = Place { certificate: Some(certificate), ..place };
        Self::launch(place, ServiceSetup { account_is_added: true, ..setup }, SocketAddr::new(network.router_address(), 0), key).await
    }

    /// Ends the service as a crash would, and starts it again at the same address with the same store.
    pub async fn crash_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        *self = Self::launch(self.place.clone(), self.setup, self.listening, self.api_key.clone()).await?;
        Ok(())
    }

    async fn launch(place: Place, setup: ServiceSetup, listen: SocketAddr, api_key: String) -> Result<Self> {
        let mut words = place.within.iter().cloned().chain([program("signedcall-server")?.into_os_string()]);
        let mut command = Command::new(words.next().context("there is at least the service itself")?);
        command.args(words).args(["--listen", &listen.to_string(), "--data"]).arg(place.data());
        if !setup.account_is_added {
            command.arg("--demo").env("SIGNEDCALL_DEMO_KEY", &api_key);
        }
        if !listen.ip().is_loopback() {
            command.args(["--turn-listen", &SocketAddr::new(listen.ip(), 0).to_string()]);
        }
        if let Some(Certificate { certificate, key }) = &place.certificate {
            command.arg("--tls-certificate").arg(certificate).arg("--tls-key").arg(key);
        }
        if let Some(ring) = setup.ring {
            command.args(["--ring-seconds", &ring.as_secs().to_string()]);
        }
        // As the unit for systemd says it: glibc would keep what hashing a key takes, and give it to devices later.
        command.env("MALLOC_MMAP_THRESHOLD_", "131072");
        if let Some(log) = setup.log {
            command.args(["--log", log]);
        }
        if setup.pushes_here {
            command.arg("--push-to-private-addresses");
        }
        let process = Process::start(&place.name, &mut command, &place.folder)?;
        let line = process.line("that it listens", PATIENCE, |line| line.starts_with('{') && line.contains("listening")).await?;
        let Ready { listening } = serde_json::from_str(&line.text).with_context(|| format!("the readiness line {:?}", line.text))?;
        let url = format!("{}://{listening}", if place.certificate.is_some() { "wss" } else { "ws" });
        Ok(Self { process, setup, place, api_key, listening, url })
    }

    /// The account's key for the environment "development", made for this run.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The root that vouches for it, where it has TLS: for `SSL_CERT_FILE`.
    pub fn root(&self) -> Option<&Path> {
        self.place.certificate.as_ref().map(|certificate| certificate.certificate.as_path())
    }

    /// Has the account's backend connect two of its users, each of whom reads why they are called.
    pub async fn connect(&self, (from, reads): (&str, &str), (to, they_read): (&str, &str)) -> Result<()> {
        let body = serde_json::json!({ "from": from, "to": to, "context": reads, "remote_context": they_read }).to_string();
        let head = format!(
            "POST /v1/calls HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {:032x}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.listening,
            self.api_key,
            rand::random::<u128>(),
            body.len()
        );
        let mut stream = TcpStream::connect(self.listening).await?;
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        ensure!(answer.starts_with("HTTP/1.1 201 "), "the service says {answer}");
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening
    }

    /// What clients connect to.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Adds the account before the service is started; gives its key for the environment "development".
fn add_account(place: &Place) -> Result<String> {
    let mut add = Command::new(program("signedcall-server")?);
    let looks = ["--name", "Parcelo", "--bg-color", "#0F3D2E", "--font-color", "#FFFFFF"];
    add.arg("--data").arg(place.data()).args(["account", "add", ACCOUNT]).args(looks);
    let keys = output_of(&mut add)?;
    let key = keys.lines().find_map(|line| line.strip_prefix("development "));
    key.map(str::to_owned).context("the new account's development key")
}

fn new_key() -> String {
    format!("sc_development_{:032x}", rand::random::<u128>())
}

/// The echo contact.
#[derive(Debug)]
pub struct Echo {
    /// Its output.
    pub process: Process,
}

impl Echo {
    /// Who it is.
    pub const CUID: &str = "echo_test";

    /// Starts the echo contact and waits until it can be called.
    pub async fn start(rig: &Rig, service: &Service) -> Result<Self> {
        let mut command = Command::new(program("signedcall-echo")?);
        command.args(["--service-url", service.url(), "--account-id", ACCOUNT]).env("SIGNEDCALL_API_KEY", service.api_key());
        command.env("RUST_LOG", "info,signedcall=debug,webrtc=off,rtc=off").env("NO_COLOR", "1");
        let process = Process::start("echo", &mut command, rig.folder())?;
        process.line("that it can be called", PATIENCE, |line| line.contains("ready")).await?;
        Ok(Self { process })
    }
}

/// Where the built app is.
pub(crate) fn app() -> Result<PathBuf> {
    program("signedcall-desktop")
}
