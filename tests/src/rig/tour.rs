//! A call to the echo contact, shown step by step, for whoever has no desktop at hand.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signedcall_tests::{App, Desktop, Echo, Rig, Service, ServiceSetup, Setup, Timeline, User, delay, first_tone, program, speech};

/// The last of the three notes with which the echo contact greets, and how long it may still sound once it is heard.
const LAST_NOTE: (f32, Duration) = (783.99, Duration::from_millis(300));
/// The echo contact keeps what it hears this long before it sends it back.
const ECHO_KEEPS: Duration = Duration::from_millis(300);

pub(crate) async fn tour() -> Result<()> {
    let rig = Rig::new("tour")?;
    let service = Service::start(&rig, "service", ServiceSetup::default()).await?;
    let _echo = Echo::start(&rig, &service).await?;
    say(&format!("the service listens on {}, the echo contact can be called", service.url()))?;
    let pictures = program("rig")?.ancestors().nth(2).context("the target folder")?.join("tour");
    fs::create_dir_all(&pictures).with_context(|| format!("making {}", pictures.display()))?;
    let (light, dark) = tokio::try_join!(
        Guide::start(&rig, &service, &pictures, User { cuid: "courier_8842", name: "Anna" }, "light"),
        Guide::start(&rig, &service, &pictures, User { cuid: "customer_17", name: "Ben" }, "dark")
    )?;
    for (caller, callee) in [(&light, &dark), (&dark, &light)] {
        caller.ring(callee).await?;
    }
    for guide in [&light, &dark] {
        guide.talk_to_echo().await?;
    }
    Ok(())
}

/// Somebody who shows the app.
struct Guide<'a> {
    app: App,
    desktop: Desktop,
    user: User,
    look: &'static str,
    pictures: &'a Path,
}

impl<'a> Guide<'a> {
    async fn start(rig: &Rig, service: &Service, pictures: &'a Path, user: User, look: &'static str) -> Result<Self> {
        let desktop = Desktop::start(rig, look, Setup { dark: look == "dark", ..Setup::default() }).await?;
        let app = App::start_signed_in(&desktop, service, user).await?;
        say(&format!("{} is signed in as {} on a {look} desktop", user.name, user.cuid))?;
        let guide = Self { app, desktop, user, look, pictures };
        guide.picture("home")?;
        Ok(guide)
    }

    fn picture(&self, name: &str) -> Result<()> {
        let file = self.pictures.join(format!("{}-{name}.png", self.look));
        self.desktop.display.picture(&file)?;
        say(&format!("    picture    {}", file.display()))
    }

    /// Calls the other one and hangs up while it rings there.
    async fn ring(&self, other: &Self) -> Result<()> {
        let (timeline, shown) = (self.app.timeline(), other.desktop.notifications.mark());
        say(&format!("\n{} calls {}, and hangs up before an answer", self.user.name, other.user.name))?;
        let dialled = self.app.dial(other.user.cuid, "Delivery partner is calling").await?;
        timeline.reaches("CALL_RINGING").await?;
        self.app.wait_for("[data-screen=\"outgoing\"][data-phase=\"ringing\"]").await?;
        other.app.screen("incoming").await?;
        let notice = other.desktop.notifications.shown(shown).await?;
        other.desktop.window("Incoming call", true).await?;
        self.picture("outgoing")?;
        other.picture("incoming")?;
        say(&format!(
            "    {}'s notification says: {} / {} / {}",
            other.user.name,
            notice.summary,
            notice.body,
            notice.labels().join(", ")
        ))?;
        self.app.click("hang-up").await?;
        timeline.reaches("CALL_CANCELLED").await?;
        statuses(&timeline, dialled)?;
        for app in [&self.app, &other.app] {
            app.click("close").await?;
            app.ready().await?;
        }
        Ok(())
    }

    /// Calls the echo contact, says something and hears it again.
    async fn talk_to_echo(&self) -> Result<()> {
        say(&format!("\n{} calls the echo contact", self.user.name))?;
        let timeline = self.app.timeline();
        let (microphone, speaker) = (self.desktop.sound.hear_microphone()?, self.desktop.sound.hear()?);
        let dialled = self.app.dial(Echo::CUID, "Trying out Signed Call").await?;
        let talking = timeline.reaches("CALL_IN_PROGRESS").await?;
        self.app.screen("in-call").await?;
        self.picture("in-call")?;
        speaker.until("the echo contact's greeting", |heard| first_tone(heard.after(talking), LAST_NOTE.0)).await?;
        speaker.reach(Instant::now() + LAST_NOTE.1).await;
        self.desktop.sound.say_all(&speech("reading")?, self.desktop.folder()).await?;
        speaker.reach(Instant::now() + Duration::from_secs(1)).await;
        let (said, heard) = (microphone.stop(), speaker.stop());
        self.app.click("hang-up").await?;
        self.app.screen("ended").await?;
        timeline.reaches("CALL_OVER").await?;
        self.picture("ended")?;
        statuses(&timeline, dialled)?;
        times(&timeline, dialled).await?;
        let file = heard.save(&self.desktop.folder().join("heard.wav"))?;
        said.save(&self.desktop.folder().join("said.wav"))?;
        let mut there_and_back: Vec<f64> = delay(&said, &heard).iter().map(|delay| delay.ms).collect();
        there_and_back.sort_by(f64::total_cmp);
        let there_and_back =
            there_and_back.get(there_and_back.len() / 2).with_context(|| format!("nothing of what was said is in {}", file.display()))?;
        let way = (there_and_back - milliseconds(ECHO_KEEPS)) / 2.0;
        say(&format!("    mouth to ear                {way:>6.0} ms, half of the way to the echo contact and back"))?;
        say(&format!("    recording  {}", file.display()))
    }
}

/// What the app was told of the call.
fn statuses(timeline: &Timeline<'_>, dialled: Instant) -> Result<()> {
    for (at, status) in timeline.statuses() {
        say(&format!("    {:>6.0} ms  {status}", milliseconds(at.saturating_duration_since(dialled))))?;
    }
    Ok(())
}

/// How long the steps of the call took.
async fn times(timeline: &Timeline<'_>, dialled: Instant) -> Result<()> {
    let ringing = timeline.reaches("CALL_RINGING").await?.saturating_duration_since(dialled);
    let offer = timeline.milestone("offer_made").await?;
    let answered = timeline.milestone("answered").await?;
    let packet = timeline.milestone("first_rtp_received").await?;
    let sound = timeline.milestone("first_sound_played").await?;
    for (what, took) in [
        ("click to ringing", ringing),
        ("offer to first packet", packet.saturating_sub(offer)),
        ("answer to first sound", sound.saturating_sub(answered)),
    ] {
        say(&format!("    {what:<26}  {:>6.0} ms", milliseconds(took)))?;
    }
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("writing to the terminal")
}
