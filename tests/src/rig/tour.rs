//! A call to the echo contact, shown step by step, for whoever has no desktop at hand.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signedcall_tests::{App, Desktop, Echo, Rig, Service, ServiceSetup, Setup, Timeline, User, delay, first_tone, program, speech};

const ANNA: User = User { cuid: "courier_8842", name: "Anna" };
const CONTEXT: &str = "Trying out Signed Call";
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
    for (look, dark) in [("light", false), ("dark", true)] {
        let desktop = Desktop::start(&rig, look, Setup { dark, ..Setup::default() }).await?;
        let app = App::start_signed_in(&desktop, &service, ANNA).await?;
        say(&format!("\n{} is signed in, on a {look} desktop", ANNA.cuid))?;
        call(&desktop, &app, &pictures, look).await?;
    }
    Ok(())
}

async fn call(desktop: &Desktop, app: &App, pictures: &Path, look: &str) -> Result<()> {
    let picture = async |name: &str| -> Result<()> {
        let file = pictures.join(format!("{look}-{name}.png"));
        desktop.display.picture(&file)?;
        say(&format!("    picture    {}", file.display()))
    };
    picture("home").await?;
    let timeline = app.timeline();
    let (microphone, speaker) = (desktop.sound.hear_microphone()?, desktop.sound.hear()?);
    let dialled = app.dial(Echo::CUID, CONTEXT).await?;
    app.screen("outgoing").await?;
    picture("outgoing").await?;
    let talking = timeline.reaches("CALL_IN_PROGRESS").await?;
    app.screen("in-call").await?;
    picture("in-call").await?;
    speaker.until("the echo contact's greeting", |heard| first_tone(heard.after(talking), LAST_NOTE.0)).await?;
    speaker.reach(Instant::now() + LAST_NOTE.1).await;
    desktop.sound.say_all(&speech("reading")?, desktop.folder()).await?;
    speaker.reach(Instant::now() + Duration::from_secs(1)).await;
    let (said, heard) = (microphone.stop(), speaker.stop());
    app.click("hang-up").await?;
    app.screen("ended").await?;
    picture("ended").await?;
    timeline.reaches("CALL_OVER").await?;
    report(&timeline, dialled).await?;
    let file = heard.save(&desktop.folder().join("heard.wav"))?;
    say(&format!("    recording  {}", file.display()))?;
    said.save(&desktop.folder().join("said.wav"))?;

    let mut there_and_back: Vec<f64> = delay(&said, &heard).iter().map(|delay| delay.ms).collect();
    there_and_back.sort_by(f64::total_cmp);
    let there_and_back = there_and_back.get(there_and_back.len() / 2).context("the echo contact sent nothing of what was said back")?;
    let way = (there_and_back - milliseconds(ECHO_KEEPS)) / 2.0;
    say(&format!("    mouth to ear                {way:>6.0} ms, half of the way to the echo contact and back"))
}

/// What the app was told of the call, and how long its steps took.
async fn report(timeline: &Timeline<'_>, dialled: Instant) -> Result<()> {
    for (at, status) in timeline.statuses() {
        say(&format!("    {:>6.0} ms  {status}", milliseconds(at.saturating_duration_since(dialled))))?;
    }
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
