use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::sound::Recording;
use crate::{App, Desktop, PATIENCE, Rig, Service, ServiceSetup, Setup, User, Window};

/// A user at a desktop with the app open.
#[derive(Debug)]
pub struct Seat {
    /// The app.
    pub app: App,
    /// The desktop.
    pub desktop: Desktop,
    /// Who it is.
    pub user: User,
}

/// Two users of one service, each with the app open and signed in.
#[derive(Debug)]
pub struct Pair {
    /// The one who calls.
    pub anna: Seat,
    /// The one who is called.
    pub ben: Seat,
    /// The service.
    pub service: Service,
    /// The run.
    pub rig: Rig,
}

impl Pair {
    /// Why Anna calls.
    pub const CONTEXT: &str = "Delivery partner is calling";

    /// Starts the service and both desktops, and signs both in.
    pub async fn start(name: &str, service: ServiceSetup, anna: Setup, ben: Setup) -> Result<Self> {
        let rig = Rig::new(name)?;
        let service = Service::start(&rig, "service", service).await?;
        Self::start_at(rig, service, None, anna, ben).await
    }

    /// As [`start`](Self::start), with Anna finding the service at another address than its own, if one is given.
    pub async fn start_at(rig: Rig, service: Service, for_anna: Option<&str>, anna: Setup, ben: Setup) -> Result<Self> {
        let at = for_anna.unwrap_or(service.url());
        let (anna, ben) = tokio::try_join!(
            Seat::take_at(&rig, &service, at, "courier_8842", User { cuid: "courier_8842", name: "Anna" }, anna),
            Seat::take(&rig, &service, "customer_17", User { cuid: "customer_17", name: "Ben" }, ben)
        )?;
        Ok(Self { anna, ben, service, rig })
    }

    /// Anna calls Ben; returns the moment of her click.
    pub async fn dial(&self) -> Result<Instant> {
        self.anna.app.dial(self.ben.user.cuid, Self::CONTEXT).await
    }

    /// Anna calls Ben, who answers in his main window; returns the moment of his click, when both are in the call.
    pub async fn connect(&self) -> Result<Instant> {
        let (anna, ben) = (self.anna.app.timeline(), self.ben.app.timeline());
        self.dial().await?;
        self.ben.app.screen("incoming").await?;
        anna.reaches("CALL_RINGING").await?;
        let answered = self.ben.app.click("answer").await?;
        tokio::try_join!(anna.reaches("CALL_IN_PROGRESS"), ben.reaches("CALL_IN_PROGRESS"))?;
        self.talk().await?;
        Ok(answered)
    }

    /// Waits until both are shown that they are in a call.
    pub async fn talk(&self) -> Result<()> {
        tokio::try_join!(self.anna.app.screen("in-call"), self.ben.app.screen("in-call")).map(drop)
    }

    /// Ends both apps, their desktops and the service, and keeps the run.
    pub fn end(self) -> Rig {
        self.rig
    }

    /// Anna hangs up, and both put the ended call away.
    pub async fn hang_up(&self) -> Result<()> {
        self.anna.app.click("hang-up").await?;
        self.put_away().await
    }

    /// Both put the ended call away.
    pub async fn put_away(&self) -> Result<()> {
        for seat in [&self.anna, &self.ben] {
            seat.app.click("close").await?;
            seat.app.ready().await?;
        }
        Ok(())
    }

    /// Brings both back to their home screens, whatever a case that failed has left.
    pub async fn settle(&self) -> Result<()> {
        tokio::try_join!(self.anna.settle(), self.ben.settle()).map(drop)
    }
}

impl Seat {
    /// Starts a desktop of this name and the app on it, and signs the user in.
    pub async fn take(rig: &Rig, service: &Service, desktop: &str, user: User, setup: Setup) -> Result<Self> {
        Self::take_at(rig, service, service.url(), desktop, user, setup).await
    }

    async fn take_at(rig: &Rig, service: &Service, url: &str, desktop: &str, user: User, setup: Setup) -> Result<Self> {
        let desktop = Desktop::start(rig, desktop, setup).await?;
        let app = App::start_signed_in_at(&desktop, service, url, user).await?;
        Ok(Self { app, desktop, user })
    }

    /// Turns echo cancellation, noise suppression and gain on or off, in the settings.
    pub async fn process_voice(&self, wanted: bool) -> Result<()> {
        self.app.click("show-settings").await?;
        self.app.process_voice(wanted).await?;
        self.app.click("show-calls").await?;
        self.app.ready().await
    }

    /// Says something to `to`; returns what the microphone here delivered and what was heard there.
    pub async fn say_to(&self, to: &Self, words: &Path) -> Result<(Recording, Recording)> {
        self.desktop.say_to(&to.desktop, words).await
    }

    /// Comes back to the home screen, whatever a case that failed has left.
    pub async fn settle(&self) -> Result<()> {
        self.app.drive(Window::Main).await?;
        let limit = Instant::now() + PATIENCE;
        loop {
            let action = match self.app.screen_name().await?.as_str() {
                "home" => return Ok(()),
                "settings" | "help" => "show-calls",
                "outgoing" | "connecting" | "in-call" => "hang-up",
                "incoming" => "decline",
                "ended" | "busy" => "close",
                other if Instant::now() > limit => bail!("{} stays on the screen {other:?}", self.user.name),
                _ => continue,
            };
            // The screen may change under the pointer: the next round sees what came of it.
            drop(self.app.script(&format!("document.querySelector('[data-action=\"{action}\"]')?.click()")).await);
        }
    }
}
