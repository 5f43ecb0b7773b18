//! A call between two apps while sound devices come and go, and the sound server itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signedcall_tests::{Pair, Process, Recorder, ServiceSetup, Setup, first_tone, tone};

use crate::runner::Runner;

const PLUGS: &str = "a call goes to another speaker with the system's choice, and back when that one is unplugged";
const SERVER: &str = "a call outlives the sound server";

/// What Ben says.
const HERTZ: f32 = 1230.0;

pub(crate) async fn cases(runner: &mut Runner) {
    if !runner.wants(&[PLUGS, SERVER]) {
        return;
    }
    match Pair::start("devices", ServiceSetup::default(), Setup::default(), Setup::default()).await {
        Ok(mut pair) => {
            runner.case(PLUGS, plugs(&pair)).await;
            runner.case(SERVER, server(&mut pair)).await;
        }
        Err(error) => runner.case(PLUGS, async { Err(error) }).await,
    }
}

/// Brings both into a call in which Ben says a tone.
async fn talk(pair: &Pair) -> Result<Process> {
    pair.settle().await?;
    for seat in [&pair.anna, &pair.ben] {
        // Noise suppression would take a steady tone for noise.
        seat.process_voice(false).await?;
    }
    pair.connect().await?;
    pair.ben.desktop.say(&tone(&pair.rig, HERTZ, Duration::from_secs(60))?)
}

/// Waits until Ben is heard after a moment, and says how long that was.
async fn is_heard(recorder: &Recorder, since: Instant, after: &str) -> Result<()> {
    let heard = recorder.until("Ben", |recording| {
        let from = recording.index_at(since)?.min(recording.samples.len());
        first_tone(&recording.samples[from..], HERTZ).and_then(|at| recording.time_of(from + at))
    });
    let heard = heard.await.with_context(|| after.to_owned())?;
    println!("    {after}: Ben is heard {} ms later", heard.saturating_duration_since(since).as_millis());
    Ok(())
}

async fn plugs(pair: &Pair) -> Result<()> {
    let _saying = talk(pair).await?;
    let sound = &pair.anna.desktop.sound;
    let speaker = sound.hear()?;
    is_heard(&speaker, Instant::now(), "at first").await?;
    let headset = sound.plug_speaker("headset")?;
    let there = sound.hear_at("headset")?;
    let chosen = Instant::now();
    sound.choose_speaker("headset")?;
    is_heard(&there, chosen, "another speaker is the system's").await?;
    let unplugged = Instant::now();
    sound.unplug(&headset)?;
    is_heard(&speaker, unplugged, "it is unplugged").await?;
    pair.hang_up().await
}

async fn server(pair: &mut Pair) -> Result<()> {
    let _saying = talk(pair).await?;
    is_heard(&pair.anna.desktop.sound.hear()?, Instant::now(), "at first").await?;
    pair.anna.desktop.sound.kill()?;
    pair.anna.desktop.sound.start_again().await?;
    let started = Instant::now();
    is_heard(&pair.anna.desktop.sound.hear()?, started, "the sound server is started again").await?;
    pair.hang_up().await
}
