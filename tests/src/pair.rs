use std::time::Instant;

use anyhow::Result;

use crate::{App, Desktop, Rig, Service, ServiceSetup, Setup, User};

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

/// Why Anna calls.
const CONTEXT: &str = "Delivery partner is calling";

impl Pair {
    /// Starts the service and both desktops, and signs both in.
    pub async fn start(name: &str, service: ServiceSetup, anna: Setup, ben: Setup) -> Result<Self> {
        let rig = Rig::new(name)?;
        let service = Service::start(&rig, "service", service).await?;
        let seat = async |user: User, setup| -> Result<Seat> {
            let desktop = Desktop::start(&rig, user.cuid, setup).await?;
            let app = App::start_signed_in(&desktop, &service, user).await?;
            Ok(Seat { app, desktop, user })
        };
        let (anna, ben) = tokio::try_join!(
            seat(User { cuid: "courier_8842", name: "Anna" }, anna),
            seat(User { cuid: "customer_17", name: "Ben" }, ben)
        )?;
        Ok(Self { anna, ben, service, rig })
    }

    /// Anna calls Ben; returns the moment of her click.
    pub async fn dial(&self) -> Result<Instant> {
        self.anna.app.dial(self.ben.user.cuid, CONTEXT).await
    }

    /// Anna calls Ben, who answers in his main window; returns the moment of his click, when both are in the call.
    pub async fn connect(&self) -> Result<Instant> {
        let (anna, ben) = (self.anna.app.timeline(), self.ben.app.timeline());
        self.dial().await?;
        self.ben.app.screen("incoming").await?;
        anna.reaches("CALL_RINGING").await?;
        let answered = self.ben.app.click("answer").await?;
        tokio::try_join!(anna.reaches("CALL_IN_PROGRESS"), ben.reaches("CALL_IN_PROGRESS"))?;
        tokio::try_join!(self.anna.app.screen("in-call"), self.ben.app.screen("in-call"))?;
        Ok(answered)
    }

    /// Anna hangs up, and both put the ended call away.
    pub async fn hang_up(&self) -> Result<()> {
        self.anna.app.click("hang-up").await?;
        self.put_away().await
    }

    /// Both put the ended call away.
    pub async fn put_away(&self) -> Result<()> {
        for app in [&self.anna.app, &self.ben.app] {
            app.click("close").await?;
            app.ready().await?;
        }
        Ok(())
    }
}

impl Seat {
    /// Turns echo cancellation, noise suppression and gain on or off, in the settings.
    pub async fn process_voice(&self, wanted: bool) -> Result<()> {
        self.app.click("show-settings").await?;
        self.app.set_switch("voice-processing", wanted).await?;
        self.app.click("show-calls").await?;
        self.app.ready().await
    }
}
