//! The app in the tray: what it is without a window, and how its windows come and go.

use anyhow::Result;
use signedcall_tests::{
    ACCOUNT, Desktop, Headless, Keyring, PATIENCE, Resident, Rig, Service, ServiceSetup, Setup, Tray, Usage, User, program,
};

use crate::runner::Runner;

const CLOSED: &str = "closed to the tray the app holds no web view, and its window comes back where it was";
const HIDDEN: &str = "an app that starts hidden holds no web view but while a call rings";

const CRASHED: &str = "a call outlives the windows, and is led back to";

const QUIT: &str = "a tray that comes later shows the app, and its Quit ends both programs";

const ANNA: User = User { cuid: "courier_8842", name: "Anna" };

pub(crate) async fn cases(runner: &mut Runner) {
    if !runner.wants(&[CLOSED, HIDDEN, CRASHED, QUIT]) {
        return;
    }
    match House::start().await {
        Ok(house) => {
            runner.case(CLOSED, closed(&house)).await;
            runner.case(HIDDEN, hidden(&house)).await;
            runner.case(CRASHED, crashed(&house)).await;
            runner.case(QUIT, quit(&house)).await;
        }
        Err(error) => runner.case(CLOSED, async { Err(error) }).await,
    }
}

struct House {
    desktop: Desktop,
    service: Service,
    rig: Rig,
}

impl House {
    async fn start() -> Result<Self> {
        let rig = Rig::new("tray")?;
        let service = Service::start(&rig, "service", ServiceSetup::default()).await?;
        let desktop = Desktop::start(&rig, "anna", Setup { keyring: Keyring::Absent, ..Setup::default() }).await?;
        Ok(Self { desktop, service, rig })
    }

    /// Somebody who calls.
    async fn caller(&self, name: &str) -> Result<Headless> {
        let mut phone = std::process::Command::new(program("rig")?);
        phone.args(["phone", self.service.url(), ACCOUNT, "customer_17", "1000", "1500"]).env("SIGNEDCALL_API_KEY", self.service.api_key());
        Headless::start(name, &mut phone, self.rig.folder()).await
    }
}

async fn closed(house: &House) -> Result<()> {
    let app = Resident::start_signed_in(&house.desktop, &house.service, ANNA, &[]).await?;
    let screen = house.desktop.display.look()?;
    screen.painted(Resident::TITLE).await?;
    screen.resize(Resident::TITLE, 500, 640)?;
    screen.until_sized(Resident::TITLE, 500, 640).await?;
    let place = screen.place(Resident::TITLE)?;
    for _ in 0..2 {
        screen.close(Resident::TITLE)?;
        app.draws_nothing().await?;
        app.ask_for_window().await?;
        screen.painted(Resident::TITLE).await?;
        assert_eq!(screen.place(Resident::TITLE)?, place, "where it was");
    }
    // Asked for while it still goes.
    screen.close(Resident::TITLE)?;
    app.ask_for_window().await?;
    screen.painted(Resident::TITLE).await.map(drop)
}

async fn hidden(house: &House) -> Result<()> {
    let app = Resident::start_signed_in(&house.desktop, &house.service, ANNA, &["--hidden"]).await?;
    let screen = house.desktop.display.look()?;
    app.draws_nothing().await?;
    let mut caller = house.caller("caller").await?;
    for _ in 0..2 {
        let mark = house.desktop.notifications.mark();
        let told = caller.mark();
        caller.command(&format!("call {}", ANNA.cuid))?;
        house.desktop.notifications.shown(mark).await?;
        screen.painted(Resident::POP_UP).await?;
        house.desktop.window(Resident::TITLE, false).await?;
        house.desktop.press("Decline").await?;
        caller.hears_of(told, "CALL_DECLINED", PATIENCE).await?;
        app.draws_nothing().await?;
    }
    Ok(())
}

async fn crashed(house: &House) -> Result<()> {
    let app = Resident::start_signed_in(&house.desktop, &house.service, ANNA, &[]).await?;
    let screen = house.desktop.display.look()?;
    screen.painted(Resident::TITLE).await?;
    let mut caller = house.caller("caller-again").await?;
    let (mark, told) = (house.desktop.notifications.mark(), caller.mark());
    caller.command(&format!("call {}", ANNA.cuid))?;
    house.desktop.notifications.shown(mark).await?;
    house.desktop.press("Answer").await?;
    caller.hears_of(told, "CALL_IN_PROGRESS", PATIENCE).await?;

    let mark = house.desktop.notifications.mark();
    app.crash_windows()?;
    assert_eq!(house.desktop.notifications.shown(mark).await?.summary, "The call goes on");
    app.draws_nothing().await?;
    house.desktop.press("Return to call").await?;
    screen.painted(Resident::TITLE).await?;
    assert!(!caller.told().iter().any(|told| told.what.starts_with("CALL_OVER")), "the call goes on");
    caller.command("hangup")?;
    caller.hears_of(told, "CALL_OVER", PATIENCE).await?;
    screen.close(Resident::TITLE)?;
    app.draws_nothing().await.map(drop)
}

async fn quit(house: &House) -> Result<()> {
    let mut app = Resident::start_signed_in(&house.desktop, &house.service, ANNA, &["--hidden"]).await?;
    let screen = house.desktop.display.look()?;
    let mut tray = Tray::appear(&house.desktop).await?;
    let item = tray.item().await?;
    let words = tray.menu(&item).await?.into_iter().map(|(words, _)| words);
    assert_eq!(words.collect::<Vec<_>>(), ["Open Signed Call", "Sign out", "Quit"]);
    tray.choose(&item, "Open Signed Call").await?;
    screen.painted(Resident::TITLE).await?;
    tray.choose(&item, "Quit").await?;
    assert!(app.process.finished(PATIENCE).await?.success(), "it ends well");
    Usage::until(&app.process, "the end of everything", |programs| programs.is_empty()).await.map(drop)
}
