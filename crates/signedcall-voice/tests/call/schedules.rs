//! Packets of any kind at any time: what is pulled is always sound.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use signedcall_voice::{FRAME_DURATION, FRAME_SAMPLES, Packet, PayloadFormat, Receiver, ReceiverConfig, SILENCE, Sender, SenderConfig};

/// Something that happens between two pulls.
#[derive(Clone, Debug)]
enum Happening {
    /// The next packets come.
    Next(usize),
    /// The next packets are lost.
    Lost(u16),
    /// An earlier or later packet comes out of turn.
    OutOfTurn(i16),
    /// The sender begins anew.
    Restart(u32, u16, u32),
    /// The sender's clock jumps.
    ClockJump(i32),
    /// Bytes that somebody made up.
    Garbage(PayloadFormat, u32, u16, u32, Vec<u8>),
    /// A real packet with some bits turned over.
    Damaged(usize, u8),
    /// Frames are pulled and nothing comes.
    Silence(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (0..4_usize).prop_map(Happening::Next),
        2 => (0..6_u16).prop_map(Happening::Lost),
        2 => any::<i16>().prop_map(|by| Happening::OutOfTurn(by % 40)),
        1 => any::<(u32, u16, u32)>().prop_map(|(source, sequence, timestamp)| Happening::Restart(source, sequence, timestamp)),
        1 => any::<i32>().prop_map(Happening::ClockJump),
        1 => (any::<(bool, u32, u16, u32)>(), vec(any::<u8>(), 0..60)).prop_map(|((red, source, sequence, timestamp), bytes)| {
            let format = if red { PayloadFormat::Red } else { PayloadFormat::Opus };
            Happening::Garbage(format, source % 3, sequence, timestamp, bytes)
        }),
        1 => any::<(usize, u8)>().prop_map(|(at, bits)| Happening::Damaged(at, bits)),
        1 => any::<u8>().prop_map(Happening::Silence),
    ]
}

/// A few real packets, made once.
fn payloads() -> Vec<Vec<u8>> {
    let mut sender = Sender::new(SenderConfig::default()).expect("Opus can be set up");
    let mut payloads = Vec::new();
    for frame in 0..40 {
        let tone = std::array::from_fn(|index| 0.4 * ((frame * FRAME_SAMPLES + index) as f32 * 0.02).sin());
        payloads.extend(sender.push(&tone).map(|packet| packet.payload.to_vec()));
    }
    payloads
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_every_frame_is_sound_and_the_delay_stays_bounded(happenings in vec(happening(), 1..120)) {
        let payloads = payloads();
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let (mut source, mut sequence, mut timestamp, mut now) = (1, 0_u16, 0_u32, Duration::ZERO);
        for happening in happenings {
            let mut pulls = 2;
            match happening {
                Happening::Next(count) => for _ in 0..count {
                    let payload = &payloads[usize::from(sequence) % payloads.len()];
                    receiver.push(Packet { source, sequence, timestamp, format: PayloadFormat::Opus, payload, arrived: now });
                    sequence = sequence.wrapping_add(1);
                    timestamp = timestamp.wrapping_add(960);
                },
                Happening::Lost(count) => {
                    sequence = sequence.wrapping_add(count);
                    timestamp = timestamp.wrapping_add(u32::from(count) * 960);
                }
                Happening::OutOfTurn(by) => receiver.push(Packet {
                    source,
                    sequence: sequence.wrapping_add_signed(by),
                    timestamp: timestamp.wrapping_add_signed(i32::from(by) * 960),
                    format: PayloadFormat::Opus,
                    payload: &payloads[0],
                    arrived: now,
                }),
                Happening::Restart(new_source, new_sequence, new_timestamp) => {
                    (source, sequence, timestamp) = (new_source, new_sequence, new_timestamp);
                }
                Happening::ClockJump(by) => timestamp = timestamp.wrapping_add_signed(by),
                Happening::Garbage(format, source, sequence, timestamp, payload) => {
                    receiver.push(Packet { source, sequence, timestamp, format, payload: &payload, arrived: now });
                }
                Happening::Damaged(at, bits) => {
                    let mut payload = payloads[usize::from(sequence) % payloads.len()].clone();
                    let at = at % payload.len();
                    payload[at] ^= bits;
                    receiver.push(Packet { source, sequence, timestamp, format: PayloadFormat::Opus, payload: &payload, arrived: now });
                    sequence = sequence.wrapping_add(1);
                    timestamp = timestamp.wrapping_add(960);
                }
                Happening::Silence(frames) => pulls = u32::from(frames),
            }
            for _ in 0..pulls {
                let mut frame = SILENCE;
                receiver.pull(&mut frame, now);
                now += FRAME_DURATION;
                prop_assert!(frame.iter().all(|sample| sample.is_finite() && sample.abs() <= 1.0));
            }
        }
        // A quiet line afterwards: whatever was learnt, the delay comes down to what the line needs.
        for _ in 0..500 {
            let payload = &payloads[usize::from(sequence) % payloads.len()];
            receiver.push(Packet { source, sequence, timestamp, format: PayloadFormat::Opus, payload, arrived: now });
            sequence = sequence.wrapping_add(1);
            timestamp = timestamp.wrapping_add(960);
            for _ in 0..2 {
                receiver.pull(&mut [0.0; FRAME_SAMPLES], now);
                now += FRAME_DURATION;
            }
        }
        prop_assert!(receiver.stats().buffered <= Duration::from_millis(60), "{:?}", receiver.stats());
    }
}
