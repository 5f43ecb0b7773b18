//! A call to the echo contact, shown step by step, for whoever has no desktop at hand.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signedcall_tests::{App, Desktop, Echo, Rig, Service, ServiceSetup, Setup, User, delay, program, speech};

pub(crate) async fn tour() -> Result<()> {
    let rig = Rig::new("tour")?;
    let service = Service::start(&rig, "service", ServiceSetup::default()).await?;
    let _echo = Echo::start(&rig, &service).await?;
    say(&format!("the service listens on {}, the echo contact can be called", service.url()))?;
    let pictures = program("rig")?.parent().and_then(Path::parent).context("the target folder")?.join("tour");
    fs::create_dir_all(&pictures).with_context(|| format!("making {}", pictures.display()))?;
    for (look, dark) in [("light", false), ("dark", true)] {
        let desktop = Desktop::start(&rig, look, Setup { dark, ..Setup::default() }).await?;
        let app = App::start_signed_in(&desktop, &service, User { cuid: "courier_8842", name: "Anna" }).await?;
        say(&format!("\nthe app is signed in as courier_8842, {look}"))?;
        let picture = async |name: &str| -> Result<()> {
            let file = pictures.join(format!("{look}-{name}.png"));
            desktop.display.picture(&file)?;
            say(&format!("    picture   {}", file.display()))
        };
        picture("home").await?;
        call(&rig, &desktop, &app, picture).await?;
    }
    Ok(())
}

async fn call(rig: &Rig, desktop: &Desktop, app: &App, picture: impl AsyncFn(&str) -> Result<()>) -> Result<()> {
    let timeline = app.timeline();
    let dialled = app.dial(Echo::CUID, "Trying out Signed Call").await?;
    app.screen("outgoing").await?;
    picture("outgoing").await?;
    timeline.reaches("CALL_IN_PROGRESS").await?;
    app.screen("in-call").await?;
    let (microphone, speaker) = (desktop.sound.hear_microphone()?, desktop.sound.hear()?);
    desktop.sound.say_all(&speech(rig, "en-gb", 6)?, desktop.folder()).await?;
    speaker.reach(Instant::now() + Duration::from_secs(1)).await;
    let (said, heard) = (microphone.stop(), speaker.stop());
    picture("in-call").await?;
    app.click("hang-up").await?;
    app.screen("ended").await?;
    picture("ended").await?;

    for (at, status) in timeline.statuses() {
        say(&format!("    {:>6} ms  {status}", at.saturating_duration_since(dialled).as_millis()))?;
    }
    let ringing = timeline.reaches("CALL_RINGING").await?.saturating_duration_since(dialled);
    let sound = timeline.milestone("first_sound_played").await?.saturating_sub(timeline.milestone("answered").await?);
    let mut there_and_back: Vec<f64> = delay(&said, &heard).iter().map(|delay| delay.ms).collect();
    there_and_back.sort_by(f64::total_cmp);
    let there_and_back = there_and_back.get(there_and_back.len() / 2).context("the echo contact sent nothing of what was said back")?;
    say(&format!("    call to ringing        {:>6} ms", ringing.as_millis()))?;
    say(&format!("    answer to first sound  {:>6} ms", sound.as_millis()))?;
    say(&format!("    mouth, echo, ear       {there_and_back:>6.0} ms"))?;
    let file = heard.save(&desktop.folder().join("heard.wav"))?;
    say(&format!("    recording {}", file.display()))
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("writing to the terminal")
}
