//! What is left of the other side's voice, and what of one's own.

use signedcall_voice::{FRAME_SAMPLES, Processing, ProcessingConfig};

use crate::room::echo;
use crate::speech;

/// What leaves the microphone after processing while the loudspeaker plays `far`.
fn cleaned(microphone: &[f32], far: &[f32]) -> Vec<f32> {
    let mut processing = Processing::new(ProcessingConfig::default());
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
