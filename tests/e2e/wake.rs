//! Calls that come while the app is not running: a push starts it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use signedcall_tests::{
    ACCOUNT, App, Desktop, Distributor, Headless, PATIENCE, Resident, Rig, Service, ServiceSetup, Setup, Tray, User, Woken, first_tone,
    now_ms, program, tone,
};

use crate::runner::Runner;

const ANSWERED: &str = "a push starts the app, which rings within two seconds, and both hear each other";
const DOUBLED: &str = "a push that comes twice rings once";
const STALE: &str = "a push that comes when its call is over rings nobody, and it is said why";
const SIGNED_OUT: &str = "a push for somebody who has signed out rings nobody, and the caller is told";

const OWN: &str = "without a distributor the app's own program has it started, and ends when nobody wants that any more";

const ANNA: User = User { cuid: "courier_8842", name: "Anna" };
const PROFILE: &str = "anna";
/// From the push to the notification.
const RINGS_WITHIN: Duration = Duration::from_secs(2);
/// What the caller says, and what Anna says.
const CALLER: f32 = 1_000.0;
const CALLEE: f32 = 1_500.0;

pub(crate) async fn cases(runner: &mut Runner) {
    if runner.wants(&[ANSWERED, DOUBLED, STALE, SIGNED_OUT]) {
        match with_distributor().await {
            Ok((house, mut distributor)) => {
                runner.case(ANSWERED, answered(&house, &mut distributor)).await;
                runner.case(DOUBLED, doubled(&house, &mut distributor)).await;
                runner.case(STALE, stale(&house, &mut distributor)).await;
                runner.case(SIGNED_OUT, signed_out(&house, &mut distributor)).await;
            }
            Err(error) => runner.case(ANSWERED, async { Err(error) }).await,
        }
    }
    runner.case(OWN, own()).await;
}

/// A desktop on which the app has been told that calls are to start it, and does not run.
struct House {
    desktop: Desktop,
    service: Service,
    rig: Rig,
}

/// One whose user has installed a distributor.
async fn with_distributor() -> Result<(House, Distributor)> {
    let house = House::build("wake").await?;
    let distributor = Distributor::appear(&house.desktop).await?;
    house.prepare("Calls start the app, by way of rig.").await?;
    Ok((house, distributor))
}

impl House {
    async fn build(name: &str) -> Result<Self> {
        let rig = Rig::new(name)?;
        let service = Service::start(&rig, "service", ServiceSetup { pushes_here: true, ..ServiceSetup::default() }).await?;
        let desktop = Desktop::start(&rig, "anna", Setup::default()).await?;
        Ok(Self { desktop, service, rig })
    }

    /// Has the app prepared by its user, until it says so, and closes it.
    async fn prepare(&self, says: &str) -> Result<()> {
        let app = App::start(&self.desktop, &["--profile", PROFILE], &[]).await?;
        app.sign_in(&self.desktop, PROFILE, &self.service, ANNA).await?;
        app.click("show-settings").await?;
        // Noise suppression would take a steady tone for noise.
        app.process_voice(false).await?;
        app.set_switch("ring-when-closed", true).await?;
        app.says(says).await?;
        self.close_app().await
    }

    /// Ends the app as the end of the session does.
    async fn close_app(&self) -> Result<()> {
        Woken::find(&self.desktop, PROFILE).await?.context("the app runs")?.end().await
    }

    /// Somebody who calls Anna; what is told of it comes after the number.
    async fn call(&self, name: &str) -> Result<(Headless, usize)> {
        assert!(Woken::find(&self.desktop, PROFILE).await?.is_none(), "the app does not run");
        let mut phone = std::process::Command::new(program("rig")?);
        let (says, hears) = (CALLER.to_string(), CALLEE.to_string());
        phone.args(["phone", self.service.url(), ACCOUNT, "customer_17", &says, &hears]).env("SIGNEDCALL_API_KEY", self.service.api_key());
        let mut caller = Headless::start(name, &mut phone, self.rig.folder()).await?;
        let told = caller.mark();
        caller.command(&format!("call {}", ANNA.cuid))?;
        Ok((caller, told))
    }

    /// Waits until the app that the bus has started says what has become of a push.
    async fn comes_to(&self, mark: usize, outcomes: &[&str]) -> Result<()> {
        let says =
            |line: &str| line.contains("a push has come") && outcomes.iter().any(|outcome| line.contains(&format!("outcome={outcome}")));
        self.desktop.bus().line_after(mark, "what has become of the push", PATIENCE, says).await.map(drop)
    }
}

async fn answered(house: &House, distributor: &mut Distributor) -> Result<()> {
    let (mut caller, told) = house.call("caller").await?;
    let mark = house.desktop.notifications.mark();
    let push = distributor.push().await?;
    distributor.deliver(&push).await?;
    let (rang, notice) = house.desktop.notifications.rings(mark).await?;
    let took = rang.saturating_duration_since(push.at);
    println!("    it rings {} ms after the push", took.as_millis());
    assert!(took < RINGS_WITHIN, "{took:?}");
    assert_eq!(notice.labels(), ["Open Signed Call", "Answer", "Decline"]);
    talk(house, &mut caller, told).await
}

/// Anna answers, both hear each other, and the caller hangs up.
async fn talk(house: &House, caller: &mut Headless, told: usize) -> Result<()> {
    house.desktop.press("Answer").await?;
    caller.hears_of(told, "CALL_IN_PROGRESS", PATIENCE).await?;
    let saying = house.desktop.say(&tone(&house.rig, CALLEE, Duration::from_secs(60))?)?;
    caller.hears_of(told, "sound", PATIENCE).await?;
    let ear = house.desktop.sound.hear()?;
    ear.until("the caller", |recording| first_tone(&recording.samples, CALLER)).await?;
    drop((saying, ear));
    caller.command("hangup")?;
    caller.hears_of(told, "CALL_OVER", PATIENCE).await?;
    house.close_app().await
}

async fn doubled(house: &House, distributor: &mut Distributor) -> Result<()> {
    let (mut caller, told) = house.call("caller-of-two").await?;
    let (mark, said) = (house.desktop.notifications.mark(), house.desktop.bus().mark());
    let push = distributor.push().await?;
    distributor.deliver(&push).await?;
    house.desktop.notifications.rings(mark).await?;
    distributor.deliver(&push).await?;
    house.comes_to(said, &["AlreadyKnown"]).await?;
    caller.command("hangup")?;
    caller.hears_of(told, "CALL_CANCELLED", PATIENCE).await?;
    // The notification of the missed call comes after everything that rings.
    house.desktop.notifications.shown_for(mark, "Missed call").await?;
    assert_eq!(house.desktop.notifications.rung(mark), 1);
    house.close_app().await
}

async fn stale(house: &House, distributor: &mut Distributor) -> Result<()> {
    let (mut caller, told) = house.call("caller-who-gives-up").await?;
    let (mark, said) = (house.desktop.notifications.mark(), house.desktop.bus().mark());
    let push = distributor.push().await?;
    caller.command("hangup")?;
    caller.hears_of(told, "CALL_CANCELLED", PATIENCE).await?;
    distributor.deliver(&push).await?;
    house.comes_to(said, &["CallOver", "NoSuchCall"]).await?;
    assert_eq!(house.desktop.notifications.rung(mark), 0);
    house.close_app().await
}

async fn signed_out(house: &House, distributor: &mut Distributor) -> Result<()> {
    let (mut caller, told) = house.call("caller-of-nobody").await?;
    let push = distributor.push().await?;
    caller.command("hangup")?;
    caller.hears_of(told, "CALL_CANCELLED", PATIENCE).await?;

    let mark = house.desktop.notifications.mark();
    let app = Resident::start(&house.desktop, PROFILE, &["--hidden"]).await?;
    let mut tray = Tray::appear(&house.desktop).await?;
    let item = tray.item().await?;
    tray.choose(&item, "Sign out").await?;
    distributor.unregistered().await?;
    app.process.line("that it is signed out", PATIENCE, |line| line.ends_with("signed out")).await?;
    distributor.deliver(&push).await?;
    app.process.line("what has become of the push", PATIENCE, |line| line.contains("a push has come")).await?;
    app.process.end().await?;
    assert!(distributor.deliver(&push).await.is_err(), "nothing starts the app any more");

    let told = caller.mark();
    caller.command(&format!("call {}", ANNA.cuid))?;
    caller.hears_of(told, "CALL_DECLINED_DUE_TO_LOGGED_OUT_CUID", PATIENCE).await?;
    assert_eq!(house.desktop.notifications.rung(mark), 0);
    Ok(())
}

async fn own() -> Result<()> {
    let house = House::build("wake-own").await?;
    house.prepare("A small program waits for them in its place.").await?;
    let waits = Woken::find_distributor(&house.desktop).await?.context("it runs while the app does not")?;
    println!("    what waits for pushes uses {:.1} MiB", waits.memory_mib()?);
    let mark = house.desktop.notifications.mark();
    let (mut caller, told) = house.call("caller").await?;
    let placed = caller.hears_of(told, "CALL_IS_PLACED", PATIENCE).await?;
    let (rang, _) = house.desktop.notifications.rings(mark).await?;
    let took = Duration::from_secs_f64((now_ms() - rang.elapsed().as_secs_f64() * 1000.0 - placed).max(0.0) / 1000.0);
    println!("    it rings {} ms after the call was placed", took.as_millis());
    assert!(took < RINGS_WITHIN, "{took:?}");
    talk(&house, &mut caller, told).await?;

    let _app = Resident::start(&house.desktop, PROFILE, &["--hidden"]).await?;
    let mut tray = Tray::appear(&house.desktop).await?;
    let item = tray.item().await?;
    tray.choose(&item, "Sign out").await?;
    waits.ends().await
}
