use std::collections::HashMap;

use anyhow::{Context as _, Result};
use zbus::zvariant::Value;

use crate::app::sign_in_environment;
use crate::desktop::{Desktop, connect};
use crate::usage::kill;
use crate::{PATIENCE, Process, Service, Usage, User, program};

/// The real app without WebDriver, which needs a window: for what the app does when it has none. It is started as the session starts it, by its
/// agent, which starts the windows when one is needed.
#[derive(Debug)]
pub struct Resident {
    /// Its output.
    pub process: Process,
    bus: String,
    profile: String,
}

impl Resident {
    /// The main window's title.
    pub const TITLE: &str = "Signed Call";
    /// The pop-up's title.
    pub const POP_UP: &str = "Incoming call";

    /// Starts the app with arguments, to sign in with what its profile keeps, and waits until it is signed in.
    pub async fn start(desktop: &Desktop, profile: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_with(desktop, profile, arguments, &[]).await
    }

    /// Starts the app with everything that signing in needs, and waits until it is signed in.
    pub async fn start_signed_in(desktop: &Desktop, service: &Service, user: User, arguments: &[&str]) -> Result<Self> {
        Self::start_with(desktop, user.cuid, arguments, &sign_in_environment(service, user)).await
    }

    async fn start_with(desktop: &Desktop, profile: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let mut command = desktop.command(program("signedcall-agent")?);
        command.args(["--profile", profile]).args(arguments).envs(environment.iter().copied());
        let process = Process::start("resident", &mut command, desktop.folder())?;
        let resident = Self { process, bus: desktop.bus_address().to_owned(), profile: profile.to_owned() };
        resident.process.line("that it is signed in", PATIENCE, |line| line.ends_with("signed in")).await?;
        Ok(resident)
    }

    /// Asks for the main window, as the desktop does when the user starts the app again.
    pub async fn ask_for_window(&self) -> Result<()> {
        let name = format!("org.signedcall.desktop.profile_{}", self.profile);
        let path = format!("/{}", name.replace('.', "/").replace('-', "_"));
        let platform_data: HashMap<&str, Value<'_>> = HashMap::new();
        let connection = connect(&self.bus).await?;
        let asked = connection.call_method(Some(name.as_str()), path, Some("org.freedesktop.Application"), "Activate", &platform_data);
        asked.await.map(drop).context("asking the running app for its window")
    }

    /// Ends the program that shows the windows without asking it, as a crash would.
    pub fn crash_windows(&self) -> Result<()> {
        kill(&self.process, "signedcall-desk")
    }

    /// Waits until nothing that draws windows is left of the app.
    pub async fn draws_nothing(&self) -> Result<Usage> {
        Usage::until(&self.process, "the app to be its agent alone", |programs| programs == ["signedcall-agen"]).await
    }
}
