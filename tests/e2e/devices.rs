//! A call between two apps while sound devices come and go, and the sound server itself: sound is back within a second, and the screen says what has happened.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signedcall_tests::{Pair, Process, Recorder, Seat, ServiceSetup, Setup, SoundServer, first_tone, silence_from, tone};

use crate::runner::Runner;

const SPEAKERS: &str =
    "a call goes to another speaker with the system's choice, and back when that one is unplugged, and on when it is plugged in again";
const MICROPHONES: &str =
    "a call goes to another microphone with the system's choice, and back when that one is unplugged, and on when it is plugged in again";
const SERVER: &str = "a call outlives the sound server";
const PIPEWIRE_SPEAKERS: &str = "with PipeWire too a call goes to another speaker, back and on";
const PIPEWIRE_MICROPHONES: &str = "with PipeWire too a call goes to another microphone, back and on";
const PIPEWIRE_SERVER: &str = "a call outlives PipeWire";

/// What Ben says.
const BEN: f32 = 1_230.0;
/// What Anna says into the microphone that she has at first, and into another.
const ANNA: f32 = 1_870.0;
const ANNA_ELSEWHERE: f32 = 2_600.0;
/// How soon sound is back.
const BACK_WITHIN: Duration = Duration::from_secs(1);
/// For how long nothing may be heard while a call goes from one device that works to another.
const LONGEST_GAP: Duration = Duration::from_millis(100);
/// Quieter than any tone here, and louder than what is left of silence.
const SILENCE: f32 = 0.005;
/// Longer than a case takes.
const LONG: Duration = Duration::from_secs(120);

pub(crate) async fn cases(runner: &mut Runner) {
    for (name, sound, [speaker, microphone, outlives]) in [
        ("devices", SoundServer::PulseAudio, [SPEAKERS, MICROPHONES, SERVER]),
        ("devices-pipewire", SoundServer::PipeWire, [PIPEWIRE_SPEAKERS, PIPEWIRE_MICROPHONES, PIPEWIRE_SERVER]),
    ] {
        if !runner.wants(&[speaker, microphone, outlives]) {
            continue;
        }
        let setup = Setup { sound, ..Setup::default() };
        match Pair::start(name, ServiceSetup::default(), setup, Setup::default()).await {
            Ok(mut pair) => {
                runner.case(speaker, speakers(&pair)).await;
                runner.case(microphone, microphones(&pair)).await;
                runner.case(outlives, server(&mut pair)).await;
            }
            Err(error) => runner.case(speaker, async { Err(error) }).await,
        }
    }
}

/// Brings both into a call in which each says a tone.
async fn talk(pair: &Pair) -> Result<[Process; 2]> {
    pair.settle().await?;
    for seat in [&pair.anna, &pair.ben] {
        // Noise suppression would take a steady tone for noise.
        seat.process_voice(false).await?;
    }
    pair.connect().await?;
    Ok([says(pair, &pair.anna, ANNA)?, says(pair, &pair.ben, BEN)?])
}

fn says(pair: &Pair, who: &Seat, hertz: f32) -> Result<Process> {
    who.desktop.say(&tone(&pair.rig, hertz, LONG)?)
}

/// Waits until a tone is heard after a moment, which it must be soon. Says when.
async fn is_heard(recorder: &Recorder, hertz: f32, since: Instant, after: &str) -> Result<Instant> {
    let heard = recorder.until("a tone", |recording| {
        let from = recording.index_at(since)?.min(recording.samples.len());
        first_tone(&recording.samples[from..], hertz).and_then(|at| recording.time_of(from + at))
    });
    let heard = heard.await.with_context(|| after.to_owned())?;
    let took = heard.saturating_duration_since(since);
    println!("    {after}: {hertz} Hz are heard {} ms later", took.as_millis());
    assert!(took <= BACK_WITHIN, "{after}: {hertz} Hz are heard {took:?} later");
    Ok(heard)
}

/// Waits until the screen names the device that a call has gone to.
async fn says_so(seat: &Seat, notice: &str, name: &str) -> Result<()> {
    seat.app.wait_for(&format!("[data-notice=\"{notice}\"]")).await?;
    seat.app.says(name).await
}

async fn speakers(pair: &Pair) -> Result<()> {
    let _saying = talk(pair).await?;
    let sound = &pair.anna.desktop.sound;
    let speaker = sound.hear()?;
    is_heard(&speaker, BEN, Instant::now(), "at first").await?;
    let headset = sound.plug_speaker("headset")?;
    let there = sound.hear_at("headset")?;
    let chosen = Instant::now();
    sound.choose_speaker("headset")?;
    let heard = is_heard(&there, BEN, chosen, "another speaker is the system's").await?;
    let before = speaker.so_far();
    let stopped = before.time_of(silence_from(&before.samples, SILENCE)).context("the first speaker was heard")?;
    let gap = heard.saturating_duration_since(stopped);
    println!("    nothing is heard for {} ms meanwhile", gap.as_millis());
    assert!(gap <= LONGEST_GAP, "nothing is heard for {gap:?} while both speakers are there");
    says_so(&pair.anna, "other-speaker", "headset").await?;

    let unplugged = Instant::now();
    sound.unplug(&headset)?;
    is_heard(&speaker, BEN, unplugged, "it is unplugged").await?;
    says_so(&pair.anna, "other-speaker", "Speaker").await?;
    let headset = sound.plug_speaker("headset")?;
    let there = sound.hear_at("headset")?;
    let plugged = Instant::now();
    sound.choose_speaker("headset")?;
    is_heard(&there, BEN, plugged, "it is plugged in again").await?;
    says_so(&pair.anna, "other-speaker", "headset").await?;
    sound.unplug(&headset)?;
    pair.hang_up().await
}

async fn microphones(pair: &Pair) -> Result<()> {
    let _saying = talk(pair).await?;
    let (sound, ben) = (&pair.anna.desktop.sound, pair.ben.desktop.sound.hear()?);
    is_heard(&ben, ANNA, Instant::now(), "at first").await?;
    // What is played there comes out of the other microphone.
    sound.plug_speaker("line")?;
    let _elsewhere = sound.play_at("line", &tone(&pair.rig, ANNA_ELSEWHERE, LONG)?, pair.anna.desktop.folder())?;
    for after in ["another microphone is the system's", "it is plugged in again"] {
        let boom = sound.plug_microphone("boom", "line")?;
        let chosen = Instant::now();
        sound.choose_microphone("boom")?;
        is_heard(&ben, ANNA_ELSEWHERE, chosen, after).await?;
        says_so(&pair.anna, "other-microphone", "boom").await?;
        let unplugged = Instant::now();
        sound.unplug(&boom)?;
        is_heard(&ben, ANNA, unplugged, "it is unplugged").await?;
        says_so(&pair.anna, "other-microphone", "Microphone").await?;
    }
    pair.hang_up().await
}

async fn server(pair: &mut Pair) -> Result<()> {
    let _saying = talk(pair).await?;
    is_heard(&pair.anna.desktop.sound.hear()?, BEN, Instant::now(), "at first").await?;
    pair.anna.desktop.sound.kill()?;
    for notice in ["no-speaker", "no-microphone"] {
        pair.anna.app.wait_for(&format!("[data-notice=\"{notice}\"]")).await?;
    }
    pair.anna.desktop.sound.start_again().await?;
    let started = Instant::now();
    let (anna, ben) = (pair.anna.desktop.sound.hear()?, pair.ben.desktop.sound.hear()?);
    let _again = says(pair, &pair.anna, ANNA)?;
    is_heard(&anna, BEN, started, "the sound server is started again").await?;
    is_heard(&ben, ANNA, started, "the sound server is started again").await?;
    pair.hang_up().await
}
