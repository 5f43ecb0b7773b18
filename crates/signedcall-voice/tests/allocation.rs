//! Sound is made where no memory may be asked for: an allocator that takes a lock late is heard. The program has no other thread, whose
//! memory would count too. What libopus does by itself is not counted; it allocates only where a state is made.

use std::alloc::System;
use std::time::Duration;

use signedcall_voice::{
    Copies, FRAME_DURATION, FRAME_SAMPLES, Packet, PacketDuration, Processing, ProcessingConfig, Receiver, ReceiverConfig, SILENCE,
    SendSettings, Sender, SenderConfig,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How voices are sent that make use of everything there is.
fn ways() -> [SendSettings; 4] {
    let copied = SendSettings { coarse_copy: false, copies: Copies::of(&[2, 4, 6]), ..SendSettings::default() };
    [
        SendSettings { expected_loss_percent: 20, ..SendSettings::default() },
        SendSettings { packet_duration: PacketDuration::TenMilliseconds, ..SendSettings::default() },
        SendSettings { coarse_copy: false, expected_loss_percent: 20, described: Duration::from_millis(300), ..copied },
        copied,
    ]
}

/// Neither processing nor sending nor receiving asks for memory.
fn main() {
    let mut seed = 1_u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 16_777_216.0
    };
    let mut sender = Sender::new(SenderConfig::default()).expect("Opus can be set up");
    let mut receiver = Receiver::new(ReceiverConfig::default()).expect("Opus can be set up");
    // The gain control, which is not ours, does ask.
    let mut processing = Processing::new(ProcessingConfig { gain_control: false, ..ProcessingConfig::default() });
    let (mut now, mut sequence, mut frame) = (Duration::ZERO, 0_u16, SILENCE);
    let region = Region::new(ALLOCATOR);
    for settings in ways() {
        sender.apply(settings);
        for index in 0..600 {
            for (sample, at) in frame.iter_mut().zip(index * FRAME_SAMPLES..) {
                *sample = 0.3 * (at as f32 * 0.03).sin() + 0.02 * random();
            }
            processing.capture(&mut frame);
            if let Some(encoded) = sender.push(&frame) {
                // A fifth is lost, and what comes is up to 40 ms late.
                let late = Duration::from_millis((random() * 40.0) as u64);
                if random() > 0.2 {
                    let (timestamp, format, payload) = (encoded.timestamp, encoded.format, encoded.payload);
                    receiver.push(Packet { source: 1, sequence, timestamp, format, payload, arrived: now + late });
                }
                sequence = sequence.wrapping_add(1);
            }
            let mut heard = SILENCE;
            receiver.pull(&mut heard, now);
            processing.render(&heard);
            now += FRAME_DURATION;
            if index % 50 == 0 {
                receiver.line_report();
            }
        }
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
}
