use super::sound::SILENT_BYTES;
use super::*;
use crate::frame::FRAME_DURATION;
use crate::sender::{Sender, SenderConfig};

/// Packets of a tone, one for each 20 ms.
fn packets(count: usize) -> Vec<Vec<u8>> {
    let mut sender = Sender::new(SenderConfig::default()).unwrap();
    let mut packets = Vec::new();
    for frame in 0..count * 2 {
        let sound = std::array::from_fn(|index| 0.3 * ((frame * FRAME_SAMPLES + index) as f32 * 0.03).sin());
        packets.extend(sender.push(&sound).map(|packet| packet.payload.to_vec()));
    }
    packets
}

fn packet(index: usize, payload: &[u8]) -> Packet<'_> {
    Packet {
        source: 7,
        sequence: index as u16,
        timestamp: index as u32 * 960,
        format: PayloadFormat::Opus,
        payload,
        arrived: sent_at(index),
    }
}

fn sent_at(packet: usize) -> Duration {
    2 * FRAME_DURATION * packet as u32
}

fn power(frame: &Frame) -> f32 {
    frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME_SAMPLES as f32
}

#[test]
fn nothing_is_heard_before_the_first_packet() {
    let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
    let mut frame = [1.0; FRAME_SAMPLES];
    assert_eq!(receiver.pull(&mut frame, Duration::ZERO), Pulled::Waiting);
    assert_eq!(frame, SILENCE);
}

#[test]
fn packets_in_time_are_heard_and_nothing_is_made_up() {
    let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
    let mut frame = SILENCE;
    for (index, payload) in packets(100).iter().enumerate() {
        receiver.push(packet(index, payload));
        for half in 0..2 {
            let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
            assert!(index < 2 || pulled == Pulled::Sound, "packet {index}: {pulled:?}");
        }
    }
    assert!(power(&frame) > 0.02, "a tone of 0.3 has a power of 0.045");
    assert_eq!(receiver.stats().packets_lost, 0);
}

#[test]
fn copies_in_a_packet_that_contradicts_its_stream_are_left_out() {
    let packets = packets(100);
    // RFC 2198: a copy of 20 ms before, and the packet itself.
    let (copy, itself) = (&packets[0], &packets[1]);
    let mut with_copy = vec![0x80 | 111, (960_u16 >> 6) as u8, (960_u16 << 2) as u8 | (copy.len() >> 8) as u8, copy.len() as u8, 111];
    with_copy.extend_from_slice(copy);
    with_copy.extend_from_slice(itself);
    for (sequence, timestamp) in [(20_050_u16, 0_u32), (20_050, 2_000_000_000), (60, 0)] {
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let mut frame = SILENCE;
        for (index, payload) in packets.iter().enumerate() {
            if index == 50 {
                let stray = Packet { sequence, timestamp, format: PayloadFormat::Red, ..packet(index, &with_copy) };
                receiver.push(stray);
                assert_eq!(receiver.stats().packets_rejected, 1);
            }
            receiver.push(packet(index, payload));
            for half in 0..2 {
                let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
                assert!(index < 2 || pulled == Pulled::Sound, "packet {index} after {sequence}: {pulled:?}");
            }
        }
        let stats = receiver.stats();
        assert_eq!((stats.packets_lost, stats.packets_copied), (0, 0));
        assert!(stats.buffered < Duration::from_secs(1), "{stats:?}");
    }
}

/// A packet with a copy of the one that lies so many before it (RFC 2198).
fn with_copy(payloads: &[Vec<u8>], index: usize, back: usize) -> Vec<u8> {
    let (copy, itself) = (&payloads[index - back], &payloads[index]);
    let fields = (back as u32 * 960) << 10 | copy.len() as u32;
    let mut packet = vec![0x80 | 111];
    packet.extend_from_slice(&fields.to_be_bytes()[1..]);
    packet.push(111);
    packet.extend_from_slice(copy);
    packet.extend_from_slice(itself);
    packet
}

#[test]
fn a_lost_packet_counts_once_as_copied_or_as_lost_whenever_its_copy_comes() {
    let payloads = packets(200);
    for back in [1, 2, 5, 20] {
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let mut frame = SILENCE;
        for index in 0..200 {
            let copied = if index >= 20 { with_copy(&payloads, index, back) } else { Vec::new() };
            if index % 25 != 24 {
                let format = if copied.is_empty() { PayloadFormat::Opus } else { PayloadFormat::Red };
                let payload = if copied.is_empty() { &payloads[index] } else { &copied };
                receiver.push(Packet { format, ..packet(index, payload) });
            }
            for half in 0..2 {
                receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
            }
        }
        let stats = receiver.stats();
        assert_eq!(stats.packets_copied + stats.packets_lost, 7, "of 24, 49, … 174 each, {back} back: {stats:?}");
    }
}

#[test]
fn a_packet_with_copies_of_another_codec_is_rejected_with_all_that_is_in_it() {
    let payloads = packets(10);
    for (payload_type, rejected) in [(111, 0), (110, 1)] {
        let mut receiver = Receiver::new(ReceiverConfig { payload_type, ..ReceiverConfig::default() }).unwrap();
        receiver.push(packet(0, &payloads[0]));
        let copied = with_copy(&payloads, 3, 1);
        receiver.push(Packet { format: PayloadFormat::Red, ..packet(3, &copied) });
        assert_eq!((receiver.stats().packets_rejected, receiver.line_report().expected), (rejected, 0), "{payload_type}");
        assert_eq!(receiver.jitter.len(), if rejected == 0 { 3 } else { 1 });
    }
}

#[test]
fn a_sender_that_rests_is_heard_as_the_noise_of_its_room() {
    let mut encoder = signedcall_opus::Encoder::new().unwrap();
    encoder.set_bits_per_second(16_000).unwrap();
    encoder.set_complexity(5).unwrap();
    encoder.set_discontinuous(true).unwrap();
    let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
    let (mut frame, mut payload, mut sequence, mut rests, mut rested, mut seed) = (SILENCE, [0; 400], 0, false, 0, 1_u32);
    for index in 0..400 {
        let room: Vec<f32> = (0..960)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                0.0005 * ((seed >> 8) as f32 / 8_388_608.0 - 1.0)
            })
            .collect();
        let bytes = encoder.encode(&room, &mut payload).unwrap();
        // As other senders do: of what says nothing, the first alone is sent.
        let rested_before = std::mem::replace(&mut rests, bytes <= SILENT_BYTES);
        if !(rested_before && rests) {
            receiver.push(Packet { sequence, ..packet(index, &payload[..bytes]) });
            sequence += 1;
        }
        rested += usize::from(rests);
        for half in 0..2 {
            let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
            assert!(index < 50 || (pulled == Pulled::Sound && power(&frame) > 0.0), "packet {index}: {pulled:?}");
        }
    }
    assert!(rested > 100, "the encoder has rested");
    assert_eq!(receiver.stats().packets_lost, 0);
}

#[test]
fn when_packets_stop_the_sound_fades_and_comes_back_with_them() {
    let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
    let mut frame = SILENCE;
    for (index, payload) in packets(200).iter().enumerate() {
        let cut = (100..150).contains(&index);
        if !cut {
            receiver.push(packet(index, payload));
        }
        for half in 0..2 {
            let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
            match index {
                2..100 | 152.. => assert_eq!(pulled, Pulled::Sound, "packet {index}"),
                120..150 => assert_eq!((pulled, power(&frame)), (Pulled::Stopped, 0.0), "packet {index}"),
                _ => {}
            }
        }
    }
    assert_eq!(receiver.stats().packets_lost, 50);
}
