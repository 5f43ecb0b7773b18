//! What each kind of bad line does to the sound, the delay and the counters.

use std::time::Duration;

use signedcall_voice::{Copies, FRAME_DURATION, FRAME_SAMPLES, PacketDuration, Pulled, SendSettings, SenderConfig};

use crate::line::{Heard, Line, carry};
use crate::quality::delay;
use crate::speech;

const SENDER: SenderConfig = SenderConfig {
    settings: SendSettings {
        bits_per_second: 32_000,
        packet_duration: PacketDuration::TwentyMilliseconds,
        coarse_copy: true,
        expected_loss_percent: 10,
        described: Duration::ZERO,
        copies: Copies::NONE,
    },
    payload_type: 111,
    complexity: 5,
};

/// How much of the sound of some seconds was made up.
fn made_up(heard: &Heard, seconds: std::ops::Range<usize>) -> Duration {
    let at = |second: usize| heard.frames[second * 100].1.made_up;
    at(seconds.end) - at(seconds.start)
}

/// The most that was buffered at any time during some seconds.
fn most_buffered(heard: &Heard, seconds: std::ops::Range<usize>) -> Duration {
    heard.frames[seconds.start * 100..seconds.end * 100].iter().map(|(_, stats)| stats.buffered).max().unwrap_or_default()
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn a_clean_line_adds_less_than_twenty_milliseconds_from_the_first_second_on() {
    let spoken = speech("reading.wav", 8);
    let heard = carry(&spoken, SENDER, &Line::default());
    assert_eq!(made_up(&heard, 1..7), Duration::ZERO);
    for second in [1, 3, 6] {
        // 20 ms fill a packet, 6.5 ms Opus looks ahead; the rest is the buffer's.
        let buffered = delay(&spoken, &heard.sound, second) - milliseconds(26);
        assert!(buffered <= milliseconds(20), "{buffered:?} in second {second}");
    }
}

#[test]
fn a_late_first_packet_leaves_no_delay_behind() {
    let spoken = speech("reading.wav", 8);
    let heard = carry(&spoken, SENDER, &Line { stalled: 0.0..150.0, ..Line::default() });
    let after = delay(&spoken, &heard.sound, 5) - milliseconds(26);
    assert!(after <= milliseconds(30), "{after:?}");
}

#[test]
fn a_lost_packet_is_taken_from_the_next_ones_redundancy() {
    let heard = carry(&speech("reading.wav", 20), SENDER, &Line { loss: 0.1, ..Line::default() });
    let stats = heard.stats();
    assert!((70..130).contains(&stats.packets_lost), "{stats:?}");
    assert!(stats.packets_recovered * 10 > stats.packets_lost * 6, "{stats:?}");
}

#[test]
fn a_burst_of_losses_is_concealed() {
    let heard = carry(&speech("reading.wav", 20), SENDER, &Line { loss: 0.1, burst: 4.0, ..Line::default() });
    let stats = heard.stats();
    assert!(stats.made_up > milliseconds(500), "{stats:?}");
    assert!(heard.frames[100..].iter().all(|(pulled, _)| *pulled != Pulled::Waiting));
}

#[test]
fn the_buffer_grows_under_jitter_and_shrinks_after_it() {
    let line = Line { jitter: 80.0, bad: 4_000.0..12_000.0, ..Line::default() };
    let spoken = speech("reading.wav", 26);
    let heard = carry(&spoken, SENDER, &line);
    assert!(most_buffered(&heard, 6..12) > milliseconds(60));
    assert!(made_up(&heard, 6..12) < milliseconds(300), "{:?}", made_up(&heard, 6..12));
    let after = most_buffered(&heard, 24..26);
    assert!(after <= milliseconds(45), "{after:?}");
    assert_eq!(made_up(&heard, 13..25), Duration::ZERO);
}

#[test]
fn a_line_that_is_a_little_uneven_does_not_change_the_pace_of_speech() {
    for seed in 1..=4 {
        let heard = carry(&speech("reading.wav", 12), SENDER, &Line { jitter: 6.0, seed, ..Line::default() });
        let (settled, end) = (heard.frames[100].1, heard.stats());
        assert_eq!(end.shortened - settled.shortened, Duration::ZERO, "{seed}: {end:?}");
        assert!(end.lengthened - settled.lengthened <= milliseconds(10), "{seed}: {end:?}");
    }
}

#[test]
fn packets_that_overtake_each_other_are_all_played() {
    let line = Line { jitter: 50.0, ..Line::default() };
    let heard = carry(&speech("reading.wav", 20), SENDER, &line);
    let (settled, end) = (heard.frames[400].1, heard.stats());
    assert!(end.packets_lost - settled.packets_lost <= 8, "of 800: {end:?}");
}

#[test]
fn a_clock_that_runs_fast_or_slow_is_followed_without_a_gap() {
    let spoken = speech("reading.wav", 150);
    for drift in [200.0, -200.0] {
        let heard = carry(&spoken, SENDER, &Line { drift, ..Line::default() });
        let stats = heard.stats();
        assert_eq!(stats.packets_lost, 0);
        assert_eq!(made_up(&heard, 5..149), Duration::ZERO, "{drift}: {stats:?}");
        assert!(most_buffered(&heard, 1..149) < milliseconds(60), "{drift}: {:?}", most_buffered(&heard, 1..149));
        let changed = if drift > 0.0 { stats.shortened } else { stats.lengthened };
        assert!(changed > milliseconds(5), "{drift}: {stats:?}");
    }
}

#[test]
fn the_second_copies_of_packets_change_nothing() {
    let spoken = speech("reading.wav", 4);
    let once = carry(&spoken, SENDER, &Line::default());
    let twice = carry(&spoken, SENDER, &Line { twice: true, ..Line::default() });
    assert!(once.sound == twice.sound);
    assert!(twice.stats().packets_duplicate + twice.stats().packets_late >= 198);
}

#[test]
fn numbers_that_wrap_change_nothing() {
    let spoken = speech("reading.wav", 4);
    let plain = carry(&spoken, SENDER, &Line::default());
    // On a millisecond, as is the plain one: the delay is learnt in milliseconds.
    let first_timestamp = (u32::MAX - 50_000) / 48 * 48;
    let wrapped = carry(&spoken, SENDER, &Line { first_sequence: 65_480, first_timestamp, ..Line::default() });
    assert!(plain.sound == wrapped.sound);
}

#[test]
fn sound_is_back_at_once_after_three_seconds_without_a_packet() {
    let heard = carry(&speech("reading.wav", 10), SENDER, &Line { cut: 3_000.0..6_000.0, ..Line::default() });
    assert_eq!(heard.frames[500].0, Pulled::Stopped);
    // 20 ms of sound before the cut's end were lost with their packet.
    let back = heard.frames[600..].iter().position(|(pulled, _)| *pulled == Pulled::Sound).unwrap();
    assert!(back <= 6, "after {back}0 ms");
}

#[test]
fn what_a_stalled_line_delivers_at_once_is_caught_up_with() {
    let spoken = speech("reading.wav", 20);
    // What is played late: all of it, as long as it is short; of what is held up for longer, what the playout may be behind by.
    for (stall, most) in [(120.0, 200), (300.0, 420), (600.0, 230), (2_000.0, 230)] {
        let heard = carry(&spoken, SENDER, &Line { stalled: 3_000.0..3_000.0 + stall, ..Line::default() });
        let waited = most_buffered(&heard, 3..20);
        assert!(waited < milliseconds(most), "{waited:?} after {stall} ms");
        let after = most_buffered(&heard, 18..20);
        assert!(after <= milliseconds(45), "{after:?} after {stall} ms");
    }
}

#[test]
fn a_sound_card_that_stands_still_leaves_no_delay_behind() {
    let spoken = speech("reading.wav", 20);
    for stand in [60.0, 200.0, 1_000.0] {
        let heard = carry(&spoken, SENDER, &Line { card_stands: 4_000.0..4_000.0 + stand, ..Line::default() });
        // Frames that were not taken are missing from the list: 400 were taken before, and two seconds later all is as it was.
        let after = heard.frames[600..].iter().map(|(_, stats)| stats.buffered).max().unwrap_or_default();
        assert!(after <= milliseconds(45), "{after:?} after {stand} ms");
    }
}

#[test]
fn a_sound_card_that_takes_much_at_once_leaves_no_gaps() {
    let heard = carry(&speech("reading.wav", 12), SENDER, &Line { card_takes: 4, ..Line::default() });
    assert_eq!(made_up(&heard, 2..11), Duration::ZERO);
    assert!(most_buffered(&heard, 4..11) <= milliseconds(85), "{:?}", most_buffered(&heard, 4..11));
}

#[test]
fn the_same_trace_gives_the_same_sound() {
    let spoken = speech("reading.wav", 4);
    let line = Line { loss: 0.2, burst: 2.0, jitter: 70.0, ..Line::default() };
    assert!(carry(&spoken, SENDER, &line).sound == carry(&spoken, SENDER, &line).sound);
}

#[test]
fn another_source_takes_over_within_three_frames() {
    use signedcall_voice::{Packet, Receiver, ReceiverConfig, SILENCE, Sender};
    let spoken = speech("reading.wav", 4);
    let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
    let (mut sender, mut frame, mut sequence) = (Sender::new(SENDER).unwrap(), SILENCE, 0_u16);
    for (index, said) in spoken.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
        let (source, now) = (u32::from(index >= 200), FRAME_DURATION * index as u32);
        if index == 200 {
            sender = Sender::new(SENDER).unwrap();
            sequence = 40_000;
        }
        if let Some(packet) = sender.push(said) {
            receiver.push(Packet {
                source,
                sequence,
                timestamp: packet.timestamp,
                format: packet.format,
                payload: packet.payload,
                arrived: now,
            });
            sequence = sequence.wrapping_add(1);
        }
        let pulled = receiver.pull(&mut frame, now);
        assert!(index < 5 || (200..206).contains(&index) || pulled == Pulled::Sound, "frame {index}: {pulled:?}");
    }
}

/// A voice that is sent with copies.
fn with_copies(backs: &[u8]) -> SenderConfig {
    SenderConfig { settings: SendSettings { coarse_copy: false, copies: Copies::of(backs), ..SENDER.settings }, ..SENDER }
}

#[test]
fn copies_repair_what_was_lost_once_the_buffer_waits_for_them() {
    for seed in 1..=3 {
        let line = Line { loss: 0.2, burst: 3.0, seed, ..Line::default() };
        let spoken = speech("reading.wav", 30);
        let with = carry(&spoken, with_copies(&[3, 6, 9]), &line);
        let without = carry(&spoken, SENDER, &line);
        assert!(made_up(&with, 3..29) * 5 < made_up(&without, 3..29), "{:?} and {:?}", with.stats(), without.stats());
        assert!(with.stats().packets_copied > 150, "{:?}", with.stats());
    }
}

#[test]
fn copies_are_not_waited_for_where_nothing_is_lost() {
    let spoken = speech("reading.wav", 8);
    let heard = carry(&spoken, with_copies(&[3, 6, 9]), &Line::default());
    let buffered = delay(&spoken, &heard.sound, 6) - milliseconds(26);
    assert!(buffered <= milliseconds(20), "{buffered:?}");
}

#[test]
fn the_wait_for_copies_ends_when_losses_have_ended() {
    let line = Line { loss: 0.2, burst: 3.0, bad: 0.0..8_000.0, ..Line::default() };
    let heard = carry(&speech("reading.wav", 40), with_copies(&[2, 4, 6]), &line);
    assert!(most_buffered(&heard, 6..8) > milliseconds(110), "{:?}", most_buffered(&heard, 6..8));
    assert!(most_buffered(&heard, 37..39) < milliseconds(45), "{:?}", most_buffered(&heard, 37..39));
}

#[test]
fn what_is_described_is_heard_instead_of_what_is_made_up() {
    let settings = SendSettings { coarse_copy: false, expected_loss_percent: 20, described: milliseconds(300), ..SENDER.settings };
    let line = Line { loss: 0.2, burst: 4.0, ..Line::default() };
    let heard = carry(&speech("reading.wav", 20), SenderConfig { settings, ..SENDER }, &line);
    assert!(heard.stats().described > 4 * heard.stats().made_up, "{:?}", heard.stats());
}

#[test]
fn nothing_stale_is_played_and_nothing_clicks_after_three_seconds_without_a_packet() {
    let steepest = |sound: &[f32]| sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    // -30 dBFS.
    const CLICK: f32 = 0.0316;
    for config in [SENDER, with_copies(&[2, 4, 6])] {
        let spoken = speech("reading.wav", 12);
        let heard = carry(&spoken, config, &Line { cut: 3_000.0..6_000.0, ..Line::default() });
        let back = heard.frames[600..].iter().position(|(pulled, _)| *pulled == Pulled::Sound).unwrap();
        assert!(back <= 6, "after {back}0 ms");
        assert!(heard.sound[3_500 * 48..6_000 * 48].iter().all(|sample| *sample == 0.0), "silence until then");
        let (before, after) = (delay(&spoken, &heard.sound, 1), delay(&spoken, &heard.sound, 7));
        assert!(after <= before + milliseconds(15), "{before:?} before and {after:?} after");
        for around in [3_000, 6_000] {
            let (from, to) = ((around - 50) * 48, (around + 400) * 48);
            let said = steepest(&spoken[from - 4_800..to]);
            assert!(steepest(&heard.sound[from..to]) < said + CLICK, "{}", steepest(&heard.sound[from..to]));
        }
    }
}
