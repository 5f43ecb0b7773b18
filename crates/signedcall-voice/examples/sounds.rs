//! Makes the sounds in `assets/` again: `cargo run -p signedcall-voice --example sounds`.
//!
//! The tones come out the same to the bit each time. The greeting is said by `espeak-ng`, if that is installed.

use std::f32::consts::TAU;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Enough for tones whose highest overtone is at 3 kHz.
const TONE_RATE: u32 = 16_000;

/// What the echo contact says, before its tone.
const GREETING: &str = "This is the echo test. Speak after the tone, and you will hear yourself.";

// Equal temperament, from the A of 440 Hz.
const A3: f32 = 220.0;
const D4: f32 = 293.66;
const E4: f32 = 329.63;
const F4_SHARP: f32 = 369.99;
const A4: f32 = 440.0;
const B4: f32 = 493.88;
const C5_SHARP: f32 = 554.37;
const D5: f32 = 587.33;
const E5: f32 = 659.26;
const F5_SHARP: f32 = 739.99;
const A5: f32 = 880.0;
const C6: f32 = 1_046.5;

/// A note: when it is struck, its pitch, how loud it is and how long it takes to fade to a third.
struct Note {
    at: f32,
    pitch: f32,
    loudness: f32,
    fade: f32,
}

const fn note(at: f32, pitch: f32, loudness: f32, fade: f32) -> Note {
    Note { at, pitch, loudness, fade }
}

fn main() -> Result<()> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets");
    // Each is repeated while it is needed, its own pause included.
    let ringback = [note(0.0, A4, 0.16, 0.45), note(0.32, E5, 0.13, 0.55)];
    let ringtone = [
        note(0.0, A4, 0.3, 0.3),
        note(0.18, C5_SHARP, 0.3, 0.3),
        note(0.36, E5, 0.3, 0.35),
        note(0.54, A5, 0.27, 0.5),
        note(1.1, F5_SHARP, 0.25, 0.35),
        note(1.28, E5, 0.28, 0.6),
    ];
    let busy = [note(0.0, A4, 0.2, 0.12), note(0.5, A4, 0.2, 0.12), note(1.0, A4, 0.2, 0.12), note(1.5, A4, 0.2, 0.12)];
    let ended = [note(0.0, E5, 0.2, 0.15), note(0.16, A4, 0.2, 0.25)];
    // These two sound over the voice, so they are soft.
    let waiting = [note(0.0, A5, 0.06, 0.12), note(0.25, E5, 0.06, 0.2)];
    let warning = [note(0.0, C6, 0.1, 0.1), note(0.2, C6, 0.1, 0.15)];
    write(&assets.join("ringback.wav"), TONE_RATE, &play(&ringback, 4.0, TONE_RATE))?;
    write(&assets.join("ringtone.wav"), TONE_RATE, &play(&ringtone, 3.2, TONE_RATE))?;
    write(&assets.join("busy.wav"), TONE_RATE, &play(&busy, 2.0, TONE_RATE))?;
    write(&assets.join("ended.wav"), TONE_RATE, &play(&ended, 1.2, TONE_RATE))?;
    write(&assets.join("warning.wav"), TONE_RATE, &play(&warning, 1.0, TONE_RATE))?;
    write(&assets.join("waiting.wav"), TONE_RATE, &play(&waiting, 5.0, TONE_RATE))?;
    write(&assets.join("hold.wav"), TONE_RATE, &play(&hold_music(), HOLD_BARS as f32 * BAR, TONE_RATE))?;
    greet(&assets.join("greeting.wav"))
}

/// Seconds of one bar of the hold music.
const BAR: f32 = 2.4;
/// The bars of the hold music, before it begins again.
const HOLD_BARS: usize = 4;

/// Broken chords, slow and soft: nobody waits for them to end.
fn hold_music() -> Vec<Note> {
    const CHORDS: [[f32; 4]; HOLD_BARS] = [[A3, E4, C5_SHARP, E5], [F4_SHARP, C5_SHARP, E5, A5], [D4, A4, D5, F5_SHARP], [E4, B4, D5, E5]];
    let mut notes = Vec::new();
    for (bar, chord) in CHORDS.iter().enumerate() {
        for (step, index) in [0, 1, 2, 3, 2, 1].into_iter().enumerate() {
            let at = bar as f32 * BAR + step as f32 * BAR / 6.0;
            notes.push(note(at, chord[index], if step == 0 { 0.14 } else { 0.09 }, 0.6));
        }
    }
    notes
}

/// Plays notes like those of a soft mallet: a ground tone, two overtones that fade sooner, and a beginning without a click.
fn play(notes: &[Note], seconds: f32, rate: u32) -> Vec<f32> {
    const RISE: f32 = 0.008;
    const FALL: f32 = 0.05;
    let length = (seconds * rate as f32) as usize;
    (0..length)
        .map(|index| {
            let now = index as f32 / rate as f32;
            let sound: f32 = notes
                .iter()
                .filter(|note| now >= note.at)
                .map(|note| {
                    let since = now - note.at;
                    let overtone = |number: f32, share: f32, fade: f32| {
                        share * (TAU * note.pitch * number * since).sin() * (-since / (note.fade * fade)).exp()
                    };
                    let tone = overtone(1.0, 1.0, 1.0) + overtone(2.0, 0.22, 0.5) + overtone(3.0, 0.06, 0.25);
                    note.loudness * tone * (since / RISE).min(1.0)
                })
                .sum();
            sound * ((seconds - now) / FALL).min(1.0)
        })
        .collect()
}

fn greet(path: &Path) -> Result<()> {
    let said = path.with_extension("said.wav");
    let Ok(status) = Command::new("espeak-ng").args(["-v", "en-gb+f3", "-s", "145", "-w"]).arg(&said).arg(GREETING).status() else {
        eprintln!("espeak-ng is not installed: the greeting stays as it is");
        return Ok(());
    };
    ensure!(status.success(), "espeak-ng ended with {status}");
    let mut reader = WavReader::open(&said).with_context(|| said.display().to_string())?;
    let rate = reader.spec().sample_rate;
    let mut sound = Vec::new();
    for sample in reader.samples::<i16>() {
        sound.push(f32::from(sample?) / 32_768.0 * 0.8);
    }
    std::fs::remove_file(&said)?;
    sound.extend(play(&[note(0.25, A4, 0.25, 0.2)], 0.9, rate));
    write(path, rate, &sound)
}

fn write(path: &Path, sample_rate: u32, sound: &[f32]) -> Result<()> {
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).with_context(|| path.display().to_string())?;
    for sample in sound {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16)?;
    }
    Ok(writer.finalize()?)
}
