use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::run::{Rig, program};
use crate::{PATIENCE, Process};

/// What differs between services.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceSetup {
    /// How long a call rings; the service's default when absent.
    pub ring: Option<Duration>,
}

/// A running service with the demo account.
#[derive(Debug)]
pub struct Service {
    /// Its output.
    pub process: Process,
    api_key: String,
    url: String,
}

/// The line that says that the service is ready.
#[derive(Deserialize)]
struct Ready {
    listening: String,
}

/// The demo account.
pub const ACCOUNT: &str = "demo";

impl Service {
    /// Starts the service on a free port of loopback, with an empty store.
    pub async fn start(rig: &Rig, name: &str, setup: ServiceSetup) -> Result<Self> {
        let data = rig.folder().join(name);
        let mut command = Command::new(program("signedcall-server")?);
        command.args(["--demo", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        if let Some(ring) = setup.ring {
            command.args(["--ring-seconds", &ring.as_secs().to_string()]);
        }
        let api_key = format!("sc_development_{:032x}", rand::random::<u128>());
        command.env("SIGNEDCALL_DEMO_KEY", &api_key);
        let process = Process::start(name, &mut command, rig.folder())?;
        let line = process.line("that it listens", PATIENCE, |line| line.starts_with('{') && line.contains("listening")).await?;
        let ready: Ready = serde_json::from_str(&line.text).with_context(|| format!("the readiness line {:?}", line.text))?;
        Ok(Self { process, api_key, url: format!("ws://{}", ready.listening) })
    }

    /// The demo account's key for the environment "development", made for this run.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// What clients connect to.
    pub fn url(&self) -> &str {
        &self.url
    }
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
