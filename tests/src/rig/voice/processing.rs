//! What processing takes out of the microphone's sound, and what it takes of the voice with it.

use std::path::PathBuf;

use anyhow::Result;
use signedcall_tests::{Rig, Scorer};
use signedcall_voice::{FRAME_SAMPLES, Processing, ProcessingConfig};

use super::line::{Random, processor_time};
use super::{read, write};
use crate::figures::Figures;

const SECOND: usize = 48_000;

/// How late the loudspeaker's sound comes into the microphone, in milliseconds: a laptop's, and what wireless ones add.
const ECHO_DELAYS: [usize; 4] = [40, 100, 180, 250];

/// How much quieter than it was played an echo is, in decibels.
const ECHO: f32 = -10.0;

/// The loudness of noise, in decibels below full scale: 14 below the voice.
const NOISE: f32 = -38.0;

pub(super) fn processing(rig: &Rig, figures: &mut Figures) -> Result<()> {
    let (far, near, third) = (read("reading")?, read("reading-2")?, read("synthetic")?);
    for delay in ECHO_DELAYS {
        let microphone = echo(&far, delay);
        let left = processed(&microphone, &far);
        let loss = loudness(&microphone[SECOND..]) - loudness(&left[SECOND..]);
        figures.add(&format!("erle_db.delay{delay}"), "dB", f64::from(loss));
    }
    let scorer = Scorer::new(rig)?;
    let file = |name: &str| rig.folder().join(name).with_extension("wav");
    let near_file = file("near");
    write(&near_file, &near)?;
    let score = |name: &str, sound: &[f32]| -> Result<signedcall_tests::Score> {
        let heard: PathBuf = file(name);
        write(&heard, sound)?;
        Ok(scorer.scores(&near_file, &[heard])?[0])
    };

    let (clean, cpu) = (processed(&near, &vec![0.0; near.len()]), cost(&near, &far));
    let (plain, clean) = (score("plain", &near)?, score("clean", &clean)?);
    figures.add("processing.cpu", "ms/s", cpu);
    figures.add("processing.clean_cost", "MOS", plain.pesq - clean.pesq);
    if let (Some(before), Some(after)) = (plain.delay_ms, clean.delay_ms) {
        figures.add("processing.delay_ms", "ms", after - before);
    }

    // The other side talks alone first, and then both do.
    let both_far = [&far[..], &far[..near.len()]].concat();
    let mut microphone = echo(&both_far, 100);
    for (sample, said) in microphone[far.len()..].iter_mut().zip(&near) {
        *sample += said;
    }
    let left = processed(&microphone, &both_far);
    figures.add("double_talk.pesq", "MOS", score("double-talk", &left[far.len()..])?.pesq);

    let length = 12 * SECOND;
    for (name, noise) in [("fan", fan(length)), ("babble", babble(&[&far, &near, &third], length))] {
        let left = processed(&noise, &vec![0.0; length]);
        let tail = 8 * SECOND;
        figures.add(&format!("noise_db.{name}"), "dB", f64::from(loudness(&noise[tail..]) - loudness(&left[tail..])));
    }
    Ok(())
}

/// The processor time for each second in which both sides talk, the other one's echo being 100 ms late, in milliseconds.
pub(super) fn cost(near: &[f32], far: &[f32]) -> f64 {
    let length = near.len().min(far.len());
    let mut microphone = echo(&far[..length], 100);
    for (sample, said) in microphone.iter_mut().zip(near) {
        *sample += said;
    }
    let began = processor_time();
    processed(&microphone, &far[..length]);
    (processor_time() - began).as_secs_f64() * 1_000.0 / (length / SECOND) as f64
}

/// What a microphone picks up of what a loudspeaker plays: some milliseconds later, with 50 ms of a room's reverberation.
fn echo(played: &[f32], delay_ms: usize) -> Vec<f32> {
    let mut random = Random::new(1);
    let room: Vec<f32> = (0..2_400_usize)
        .map(|index| {
            let decay = (-(index as f32) / 600.0).exp();
            // A dense tail of 5 ms steps is as good as one of all samples, and quicker.
            if index % 24 == 0 { decay * (random.unit() as f32 - 0.5) } else { 0.0 }
        })
        .collect();
    let scale = 10_f32.powf(ECHO / 20.0) / room.iter().map(|tap| tap * tap).sum::<f32>().sqrt();
    let taps: Vec<(usize, f32)> = room.iter().enumerate().filter(|(_, tap)| **tap != 0.0).map(|(at, tap)| (at, tap * scale)).collect();
    let delay = delay_ms * SECOND / 1_000;
    (0..played.len())
        .map(|index| taps.iter().filter_map(|(at, tap)| Some(tap * played.get(index.checked_sub(delay + at)?)?)).sum())
        .collect()
}

/// Noise that is the louder the lower it is, without beginning or end.
fn fan(length: usize) -> Vec<f32> {
    let mut random = Random::new(2);
    let mut low = 0.0;
    let noise = (0..length).map(|_| {
        low += 0.05 * (random.unit() as f32 - 0.5 - low);
        low + 0.01 * (random.unit() as f32 - 0.5)
    });
    at_loudness(noise.collect(), NOISE)
}

/// Many people talking at once.
fn babble(voices: &[&[f32]], length: usize) -> Vec<f32> {
    let sum = (0..length).map(|index| {
        (0..12)
            .map(|talker| voices[talker % voices.len()])
            .enumerate()
            .map(|(talker, voice)| voice[(index + talker * 61_007) % voice.len()])
            .sum()
    });
    at_loudness(sum.collect(), NOISE)
}

fn at_loudness(mut sound: Vec<f32>, decibels: f32) -> Vec<f32> {
    let scale = 10_f32.powf((decibels - loudness(&sound)) / 20.0);
    sound.iter_mut().for_each(|sample| *sample *= scale);
    sound
}

fn processed(microphone: &[f32], played: &[f32]) -> Vec<f32> {
    let mut processing = Processing::new(ProcessingConfig::default());
    let mut cleaned = microphone.to_vec();
    for (captured, rendered) in cleaned.as_chunks_mut::<FRAME_SAMPLES>().0.iter_mut().zip(played.as_chunks::<FRAME_SAMPLES>().0) {
        processing.render(rendered);
        processing.capture(captured);
    }
    cleaned
}

/// Loudness in decibels below full scale.
fn loudness(sound: &[f32]) -> f32 {
    10.0 * (sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32).max(1e-12).log10()
}
