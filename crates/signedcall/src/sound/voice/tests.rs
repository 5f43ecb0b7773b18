use std::time::Duration;

use signedcall_voice::{Copies, EncodedPacket, FRAME_DURATION, FRAME_SAMPLES, PacketFate, PayloadFormat, SendSettings};
use signedcall_wire::DeviceId;
use uuid::Uuid;

use super::*;
use crate::media::{Formats, IncomingPacket, Told};

const TREATMENT: Treatment = Treatment { processing: ProcessingConfig::OFF, relax_for_headsets: true, most_bits_per_second: 104_000 };

fn voice_on(path: VoicePath, treatment: Treatment) -> Voice {
    let timeline = Timeline::begin(CallId(Uuid::nil()), DeviceId(Uuid::nil()));
    Voice::start(CallId(Uuid::nil()), path, timeline, treatment, false).expect("Opus")
}

/// What a third of all packets being lost makes of the voice within a second, where RED has this payload type.
fn sent_on_a_bad_line(red: u8) -> OutgoingPacket {
    let (path, mut sent, _comes, tells) = VoicePath::between(Formats::of(96, red));
    let mut voice = voice_on(path, TREATMENT);
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < Duration::from_secs(1) {
        let fate = |number: u64| PacketFate { sent: Duration::from_millis(20 * number), came: !number.is_multiple_of(3), arrived: None };
        // A full queue loses it.
        let _ = tells.try_send(Told { fates: (0..60).map(fate).collect(), round_trip: None });
        voice.receive();
        voice.say(&mut [0.1; FRAME_SAMPLES]);
        last = sent.try_recv().ok().or(last);
        std::thread::yield_now();
    }
    last.expect("the voice is sent")
}

#[test]
fn losses_that_the_other_side_tells_of_make_copies_where_it_takes_them() {
    let with_red = sent_on_a_bad_line(63);
    assert_eq!(with_red.format, PayloadFormat::Red);
    assert_eq!(with_red.payload[0], 0x80 | 96, "copies are labelled with the payload type of Opus");
    assert_eq!(sent_on_a_bad_line(0).format, PayloadFormat::Opus);
}

#[test]
fn what_comes_with_copies_is_read_as_such() {
    let (path, _sent, comes, _tells) = VoicePath::between(Formats::of(111, 63));
    let mut voice = voice_on(path, TREATMENT);
    let settings = SendSettings { copies: Copies::of(&[1]), ..Default::default() };
    let mut other_side = Sender::new(SenderConfig { settings, ..SenderConfig::default() }).expect("Opus");
    for sequence in 0..10 {
        let packet = loop {
            if let Some(packet) = other_side.push(&[0.1; FRAME_SAMPLES]) {
                break packet;
            }
        };
        // Each second one is lost.
        if sequence % 2 == 0 {
            comes.send(incoming(sequence, packet)).expect("it is listened to");
        }
    }
    voice.receive();
    let (mut pace, began) = (Pace::start(), Instant::now());
    while voice.receiver.stats().packets_copied < 4 && began.elapsed() < Duration::from_secs(5) {
        if pace.is_due() {
            voice.next_frame(&mut SILENCE.clone(), &SILENCE);
        }
        std::thread::yield_now();
    }
    let stats = voice.receiver.stats();
    assert_eq!((stats.packets_received, stats.packets_rejected, stats.packets_copied), (5, 0, 4), "{stats:?}");
}

#[test]
fn a_lower_limit_counts_at_once() {
    let (path, _sent, _comes, _tells) = VoicePath::between(Formats::of(111, 63));
    let mut voice = voice_on(path, TREATMENT);
    let before = voice.steering.settings();
    voice.treat(Treatment { most_bits_per_second: 30_000, ..TREATMENT });
    assert!(voice.steering.settings().bits_per_second < before.bits_per_second);
}

#[test]
fn echo_is_left_alone_with_a_headset_unless_the_user_knows_better() {
    for (wanted, relax_for_headsets, headset, cancelled) in [
        (true, true, false, true),
        (true, true, true, false),
        (true, false, true, true),
        (false, true, false, false),
        (false, false, true, false),
    ] {
        let processing = ProcessingConfig { echo_cancellation: wanted, ..ProcessingConfig::default() };
        let config = processing_config(Treatment { processing, relax_for_headsets, ..TREATMENT }, headset);
        let expected = ProcessingConfig { echo_cancellation: cancelled, ..processing };
        assert_eq!(config, expected, "{wanted}, {relax_for_headsets}, {headset}");
    }
}

fn incoming(sequence: u16, packet: EncodedPacket<'_>) -> IncomingPacket {
    let payload = Bytes::copy_from_slice(packet.payload);
    IncomingPacket { source: 1, sequence, timestamp: packet.timestamp, format: packet.format, payload, arrived: Instant::now() }
}

#[test]
fn what_comes_while_there_is_no_speaker_is_not_played_later() {
    let (path, _sent, comes, _tells) = VoicePath::between(Formats::of(111, 63));
    let mut voice = voice_on(path, TREATMENT);
    let mut other_side = Sender::new(SenderConfig::default()).expect("Opus");
    let (mut pace, mut sequence) = (Pace::start(), 0);
    while sequence < 25 {
        if pace.is_due()
            && let Some(packet) = other_side.push(&[0.1; FRAME_SAMPLES])
        {
            comes.send(incoming(sequence, packet)).expect("it is listened to");
            sequence += 1;
        }
        voice.receive();
        voice.hear_nothing();
        std::thread::yield_now();
    }
    voice.next_frame(&mut SILENCE.clone(), &SILENCE);
    let stats = voice.receiver.stats();
    assert!(stats.buffered.max(stats.jitter) < Duration::from_millis(200), "{stats:?}");
}

#[test]
fn what_a_microphone_brings_at_once_as_it_begins_is_not_said_ahead_of_the_clock() {
    let (path, mut sent, _comes, _tells) = VoicePath::between(Formats::of(111, 0));
    let mut voice = voice_on(path, TREATMENT);
    let began = Instant::now();
    voice.say_nothing();
    for _ in 0..40 {
        voice.say(&mut [0.1; FRAME_SAMPLES]);
    }
    let took = began.elapsed();
    let said = std::iter::from_fn(|| sent.try_recv().ok()).count() as u32;
    let most = (took.as_millis() / FRAME_DURATION.as_millis()) as u32 + 3;
    assert!(said * 2 <= most, "{said} packets in {took:?}");
}
