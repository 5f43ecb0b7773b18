//! What is left of the other side's voice, and what of one's own.

use std::ops::Range;

use signedcall_voice::{FRAME_SAMPLES, Processing, ProcessingConfig};

use crate::quality::distance;
use crate::room::Room;
use crate::speech;

const SECOND: usize = 48_000;

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
fn loudness(sound: &[f32], seconds: Range<usize>) -> f32 {
    let piece = &sound[seconds.start * SECOND..seconds.end * SECOND];
    10.0 * (piece.iter().map(|sample| sample * sample).sum::<f32>() / piece.len() as f32).max(1e-12).log10()
}

/// By how many decibels an echo is quieter in some seconds, after processing.
fn loss(echo: &[f32], far: &[f32], seconds: Range<usize>) -> f32 {
    loudness(echo, seconds.clone()) - loudness(&cleaned(echo, far), seconds)
}

#[test]
fn an_echo_is_more_than_30_decibels_quieter_after_a_second_however_late_it_comes() {
    let far = speech("reading.wav", 10);
    for milliseconds in [40, 100, 180, 250] {
        let loss = loss(&Room { milliseconds, ..Room::with(-10.0) }.echo(&far), &far, 1..10);
        println!("{milliseconds} ms late: {loss:.1} dB");
        assert!(loss > 30.0, "{milliseconds} ms late: {loss} dB");
    }
}

#[test]
fn an_echo_is_quiet_again_two_seconds_after_its_way_has_changed() {
    let far = speech("reading.wav", 10);
    let before = Room::with(-10.0);
    // Turned round, turned up, moved away, and connected by radio.
    let turned = Room { seed: 2, ..before };
    let others = [turned, Room { decibels: -4.0, ..before }, Room { milliseconds: 50, ..turned }, Room { milliseconds: 150, ..turned }];
    for after in others {
        let echo = [&before.echo(&far)[..5 * SECOND], &after.echo(&far)[5 * SECOND..]].concat();
        let loss = loss(&echo, &far, 7..10);
        println!("{after:?}: {loss:.1} dB");
        assert!(loss > 25.0, "{after:?}: {loss} dB");
    }
}

#[test]
fn an_echo_is_taken_out_though_the_clocks_of_loudspeaker_and_microphone_differ() {
    // As much as two cheap crystals do: a tenth of a millisecond in a second.
    let far = speech("reading.wav", 10);
    let played: Vec<f32> = (0..far.len())
        .map(|index| {
            let at = index as f64 * 0.9999;
            let (whole, part) = (at as usize, at.fract() as f32);
            far[whole] + (far[(whole + 1).min(far.len() - 1)] - far[whole]) * part
        })
        .collect();
    let loss = loss(&Room::with(-10.0).echo(&played), &far, 1..10);
    println!("{loss:.1} dB");
    assert!(loss > 30.0, "{loss} dB");
}

#[test]
fn an_echo_is_taken_out_though_sound_is_played_and_captured_in_bursts() {
    let far = speech("reading.wav", 10);
    let echo = Room { milliseconds: 60, ..Room::with(-10.0) }.echo(&far);
    let (played, mut left) = (far.as_chunks::<FRAME_SAMPLES>().0, echo.clone());
    let mut processing = Processing::new(ProcessingConfig::default());
    for (index, frame) in left.as_chunks_mut::<FRAME_SAMPLES>().0.iter_mut().enumerate() {
        // Two at once at first, one at a time after three seconds, and one late after six.
        match index {
            0..300 if index % 2 == 0 => played[index..index + 2].iter().for_each(|frame| processing.render(frame)),
            0..300 | 600 => {}
            601 => played[600..602].iter().for_each(|frame| processing.render(frame)),
            _ => processing.render(&played[index]),
        }
        processing.capture(frame);
    }
    let loss = loudness(&echo, 2..10) - loudness(&left, 2..10);
    println!("{loss:.1} dB");
    assert!(loss > 30.0, "{loss} dB");
}

#[test]
fn the_echo_of_a_loudspeaker_that_clips_is_taken_out_too() {
    let far = speech("reading.wav", 10);
    let loudest = far.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    let clipped: Vec<f32> = far.iter().map(|sample| sample.clamp(-0.3 * loudest, 0.3 * loudest)).collect();
    let loss = loss(&Room::with(-6.0).echo(&clipped), &far, 2..10);
    println!("{loss:.1} dB");
    assert!(loss > 25.0, "{loss} dB");
}

/// How far a voice is from how it is said, in decibels, alone and while the other side talks, whose echo is in the microphone already.
fn distances(echo: impl Fn(&[f32]) -> Vec<f32>) -> (f32, f32) {
    let (far, near) = (speech("reading.wav", 16), speech("reading-2.wav", 8));
    let mut microphone = echo(&far);
    for (sample, said) in microphone[8 * SECOND..].iter_mut().zip(&near) {
        *sample += said;
    }
    let alone = distance(&near, &cleaned(&near, &vec![0.0; near.len()]));
    (alone, distance(&near, &cleaned(&microphone, &far)[8 * SECOND..]))
}

#[test]
fn one_who_talks_while_the_other_does_sounds_much_as_alone() {
    // PESQ, which the benchmark measures, has no implementation in Rust. Where this distance is 1.2 dB, it is 3.7; where it is 4 dB, 1.2.
    let (alone, both) = distances(|far| Room { milliseconds: 100, ..Room::with(-10.0) }.echo(far));
    println!("{alone:.2} dB alone, {both:.2} dB while both talk");
    assert!(both < alone + 1.3, "{both} dB, and {alone} dB alone");
}

#[test]
fn one_with_headphones_sounds_as_alone_while_the_other_talks() {
    let (alone, both) = distances(|far| vec![0.0; far.len()]);
    println!("{alone:.2} dB alone, {both:.2} dB while both talk");
    assert!(both < alone + 0.2, "{both} dB, and {alone} dB alone");
}

#[test]
fn one_who_talks_after_the_other_is_not_made_quieter() {
    let mut far = speech("reading.wav", 6);
    far.resize(12 * SECOND, 0.0);
    let near = speech("reading-2.wav", 6);
    let mut microphone = Room::with(-10.0).echo(&far);
    microphone[6 * SECOND..].copy_from_slice(&near);
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
fn one_with_headphones_who_talks_from_the_first_second_on_is_hardly_lowered_after_the_fourth() {
    let (far, near) = (speech("reading.wav", 12), speech("reading-2.wav", 12));
    let lost = lowered(&near, &cleaned_by(ONLY_ECHO, &near, &far));
    println!("{lost:.2} dB");
    assert!(lost < 1.5, "nothing comes back that could be taken out: {lost} dB");
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
