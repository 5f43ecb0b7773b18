//! What is left of the other side's voice, and what of one's own.

use signedcall_voice::{FRAME_SAMPLES, Processing, ProcessingConfig};

use crate::room::echo;
use crate::speech;

/// What leaves the microphone after processing while the loudspeaker plays `far`.
fn cleaned(microphone: &[f32], far: &[f32]) -> Vec<f32> {
    cleaned_by(ProcessingConfig::default(), microphone, far)
}

fn cleaned_by(config: ProcessingConfig, microphone: &[f32], far: &[f32]) -> Vec<f32> {
    let mut processing = Processing::new(config);
    let mut cleaned = microphone.to_vec();
    for (captured, rendered) in cleaned.as_chunks_mut::<FRAME_SAMPLES>().0.iter_mut().zip(far.as_chunks::<FRAME_SAMPLES>().0) {
        processing.render(rendered);
        processing.capture(captured);
    }
    cleaned
}

/// The loudness of some seconds in decibels.
fn loudness(sound: &[f32], seconds: std::ops::Range<usize>) -> f32 {
    let piece = &sound[seconds.start * 48_000..seconds.end * 48_000];
    10.0 * (piece.iter().map(|sample| sample * sample).sum::<f32>() / piece.len() as f32).max(1e-12).log10()
}

#[test]
fn the_echo_of_a_room_is_more_than_25_decibels_quieter_after_two_seconds() {
    let far = speech("reading.wav", 10);
    let microphone = echo(&far, -10.0);
    let left = cleaned(&microphone, &far);
    let loss = loudness(&microphone, 2..10) - loudness(&left, 2..10);
    println!("{loss:.1} dB");
    assert!(loss > 25.0, "{loss} dB");
}

#[test]
fn one_who_talks_after_the_other_is_not_made_quieter() {
    let mut far = speech("reading.wav", 6);
    far.resize(12 * 48_000, 0.0);
    let near = speech("reading-2.wav", 6);
    let mut microphone = echo(&far, -10.0);
    microphone[6 * 48_000..].copy_from_slice(&near);
    let left = cleaned(&microphone, &far);
    let change = loudness(&left, 7..12) - loudness(&microphone, 7..12);
    println!("{change:.1} dB");
    assert!((-2.0..8.0).contains(&change), "{change} dB");
}

/// Nothing but the echo is cancelled.
const ONLY_ECHO: ProcessingConfig = ProcessingConfig { echo_cancellation: true, ..ProcessingConfig::OFF };

/// By how many decibels speech is lowered on average where it is, in pieces of 20 ms.
fn lowered(before: &[f32], after: &[f32]) -> f32 {
    let power = |piece: &[f32]| 10.0 * (piece.iter().map(|sample| sample * sample).sum::<f32>() / piece.len() as f32).max(1e-12).log10();
    let pieces = before.chunks(960).zip(after.chunks(960)).skip(200).map(|(before, after)| (power(before), power(after)));
    let spoken: Vec<f32> = pieces.filter(|(before, _)| *before > -40.0).map(|(before, after)| (before - after).max(0.0)).collect();
    spoken.iter().sum::<f32>() / spoken.len() as f32
}

#[test]
fn cancelling_costs_one_who_talks_at_the_same_time_something_also_where_nothing_comes_back() {
    let (far, near) = (speech("reading.wav", 12), speech("reading-2.wav", 12));
    let lost = lowered(&near, &cleaned_by(ONLY_ECHO, &near, &far));
    println!("{lost:.2} dB");
    assert!((1.0..5.0).contains(&lost), "so headphones are better off without: {lost} dB");
}

#[test]
fn cancelling_stops_and_begins_within_a_frame() {
    let (far, near) = (speech("reading.wav", 4), speech("reading-2.wav", 4));
    let mut processing = Processing::new(ONLY_ECHO);
    let mut left = near.clone();
    for (at, (captured, rendered)) in left.as_chunks_mut::<FRAME_SAMPLES>().0.iter_mut().zip(far.as_chunks::<FRAME_SAMPLES>().0).enumerate()
    {
        processing.cancel_echo(!(200..300).contains(&at));
        processing.render(rendered);
        processing.capture(captured);
    }
    let frames = |range: std::ops::Range<usize>| range.start * FRAME_SAMPLES..range.end * FRAME_SAMPLES;
    assert_eq!(left[frames(200..300)], near[frames(200..300)], "it is off");
    assert_ne!(left[frames(300..400)], near[frames(300..400)], "it is on again");
}
