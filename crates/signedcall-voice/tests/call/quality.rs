//! How much speech suffers on its way, measured without ears.
//!
//! The distance between two recordings is how far apart their loudness is, in decibels, over bands and moments that carry speech. Unlike a
//! difference of samples it forgives what ears do: phase, and the delay of a millisecond. Sound that differs by 3 dB throughout is
//! recognisably another recording; a tenth of speech missing gives about that.

use std::f32::consts::TAU;
use std::time::Duration;

use signedcall_voice::{FRAME_SAMPLES, Processing, ProcessingConfig, SILENCE, SenderConfig};

use crate::line::{Line, carry};
use crate::speech;

const SECOND: usize = 48_000;

/// Every eighth sample of a smoothed recording: enough to find a delay in.
fn thinned(sound: &[f32]) -> Vec<f32> {
    sound.as_chunks::<8>().0.iter().map(|chunk| chunk.iter().sum()).collect()
}

/// How much later than it was spoken the second of speech that begins at `second` is heard.
pub(crate) fn delay(spoken: &[f32], heard: &[f32], second: usize) -> Duration {
    let (spoken, heard) = (thinned(spoken), thinned(heard));
    let from = second * 6_000;
    let piece = &spoken[from..from + 6_000];
    let alike = |late: usize| {
        let other = &heard[from + late..from + late + 6_000];
        let product: f32 = piece.iter().zip(other).map(|(one, other)| one * other).sum();
        let power: f32 = other.iter().map(|sample| sample * sample).sum();
        product / power.sqrt().max(1e-6)
    };
    let most = (heard.len() - from - 6_000).min(3_600);
    let late = (0..most).max_by(|one, other| alike(*one).total_cmp(&alike(*other))).expect("a second to look in");
    Duration::from_micros(late as u64 * 1_000_000 / 6_000)
}

/// Loudness in decibels of 16 bands from 100 Hz to 8 kHz, for each 20 ms.
fn spectrum(sound: &[f32]) -> Vec<[f32; 16]> {
    let windows = sound.chunks_exact(2 * FRAME_SAMPLES);
    let hann: [f32; 2 * FRAME_SAMPLES] =
        std::array::from_fn(|index| 0.5 - 0.5 * (TAU * (index as f32 + 0.5) / (2 * FRAME_SAMPLES) as f32).cos());
    let bands: [f32; 16] = std::array::from_fn(|band| 100.0 * 80_f32.powf((band as f32 + 0.5) / 16.0));
    windows
        .map(|window| {
            let window: Vec<f32> = window.iter().zip(&hann).map(|(sample, weight)| sample * weight).collect();
            bands.map(|frequency| {
                // Three tones across the band stand for it.
                let power = [0.94, 1.0, 1.06].map(|detuned| tone_power(&window, frequency * detuned)).iter().sum::<f32>();
                10.0 * (power + 1e-7).log10()
            })
        })
        .collect()
}

fn tone_power(window: &[f32], frequency: f32) -> f32 {
    let step = TAU * frequency / 48_000.0;
    let factor = 2.0 * step.cos();
    let (mut one, mut two) = (0.0, 0.0);
    let length = window.len() as f32;
    for sample in window {
        (one, two) = (sample + factor * one - two, one);
    }
    (one * one + two * two - factor * one * two) / (length * length)
}

/// The mean distance in decibels of what was heard from what was spoken, where something was spoken. Each second is looked at where it is heard:
/// that the delay changes by some milliseconds now and then is not what is measured here.
pub(crate) fn distance(spoken: &[f32], heard: &[f32]) -> f32 {
    let mut distances = Vec::new();
    for second in 1..spoken.len() / SECOND - 1 {
        let late = delay(spoken, heard, second).as_micros() as usize * 48 / 1_000;
        let from = second * SECOND;
        let (spoken, heard) = (spectrum(&spoken[from..from + SECOND]), spectrum(&heard[from + late..from + late + SECOND]));
        for (spoken, heard) in spoken.iter().zip(&heard) {
            for (one, other) in spoken.iter().zip(heard) {
                // 55 dB under full scale and quieter is the room, not the voice.
                if *one > -55.0 {
                    distances.push((one - other).abs());
                }
            }
        }
    }
    distances.iter().sum::<f32>() / distances.len() as f32
}

fn processed(spoken: &[f32]) -> Vec<f32> {
    let mut processing = Processing::new(ProcessingConfig::default());
    let mut captured = spoken.to_vec();
    for frame in captured.as_chunks_mut::<FRAME_SAMPLES>().0 {
        processing.render(&SILENCE);
        processing.capture(frame);
    }
    captured
}

fn carried(sound: &[f32], line: &Line) -> Vec<f32> {
    carry(sound, SenderConfig::default(), line).sound
}

#[test]
fn clean_speech_stays_as_it_was() {
    for name in ["reading.wav", "reading-2.wav", "synthetic.wav"] {
        let spoken = speech(name, 8);
        let plain = distance(&spoken, &carried(&spoken, &Line::default()));
        let cleaned = distance(&spoken, &carried(&processed(&spoken), &Line::default()));
        println!("{name}: {plain:.2} dB plain, {cleaned:.2} dB processed");
        assert!(plain < 1.5, "{name}: {plain} dB");
        assert!(cleaned < 2.0, "{name}: {cleaned} dB after processing");
    }
}

#[test]
fn people_who_talk_in_the_background_are_lowered_by_eleven_decibels() {
    let voices = ["reading.wav", "reading-2.wav", "synthetic.wav"].map(|name| speech(name, 30));
    let mut babble: Vec<f32> =
        (0..12 * SECOND).map(|index| (0..12).map(|talker| voices[talker % 3][(index + talker * 61_007) % (30 * SECOND)]).sum()).collect();
    let power = |sound: &[f32]| sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32;
    // 38 dB under full scale: 14 under a voice.
    let scale = (10_f32.powf(-3.8) / power(&babble)).sqrt();
    babble.iter_mut().for_each(|sample| *sample *= scale);
    let lowered = 10.0 * (power(&babble[8 * SECOND..]) / power(&processed(&babble)[8 * SECOND..])).log10();
    println!("{lowered:.1} dB");
    assert!(lowered > 11.0, "{lowered} dB");
}

#[test]
fn processing_makes_a_voice_at_most_three_milliseconds_later() {
    let spoken = speech("reading.wav", 4);
    let late = delay(&spoken, &processed(&spoken), 2);
    println!("{late:?}");
    assert!(late <= Duration::from_millis(3), "{late:?}");
}

#[test]
fn loss_and_jitter_cost_little() {
    let spoken = speech("reading.wav", 20);
    let lossy = distance(&spoken, &carried(&spoken, &Line { loss: 0.05, ..Line::default() }));
    let worse = distance(&spoken, &carried(&spoken, &Line { loss: 0.3, burst: 3.0, ..Line::default() }));
    println!("{lossy:.2} dB at 5 %, {worse:.2} dB at 30 % in bursts");
    assert!(lossy < 2.0, "{lossy} dB");
    assert!(worse > lossy + 1.0, "the measure must see what is bad: {worse} dB");
}
