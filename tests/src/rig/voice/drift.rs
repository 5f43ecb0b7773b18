//! An hour between two sound cards whose clocks run apart.

use std::time::Duration;

use anyhow::Result;
use signedcall_voice::{FRAME_SAMPLES, Packet, PayloadFormat, Receiver, ReceiverConfig, SILENCE, Sender, SenderConfig};

/// How many frames do not count: a call has begun by then.
const SETTLED_AFTER: usize = 500;

/// What became of the buffer.
pub(super) struct Drift {
    /// By how much what was played was late or early at most, in milliseconds.
    pub(super) off_ms: f64,
    /// How many frames were made up.
    pub(super) made_up: f64,
}

/// Lets a call go on for `seconds` in which the sender's clock is `millionths` too fast.
pub(super) fn drift(words: &[f32], millionths: f64, seconds: usize) -> Result<Drift> {
    let mut sender = Sender::new(SenderConfig::default())?;
    let packets: Vec<Vec<u8>> =
        words.as_chunks::<FRAME_SAMPLES>().0.iter().filter_map(|frame| sender.push(frame).map(|packet| packet.payload.to_vec())).collect();
    let mut receiver = Receiver::new(ReceiverConfig::default())?;
    let (mut sent, mut off, mut settled) = (0_usize, Duration::ZERO, Duration::ZERO);
    for pull in 0..seconds * 100 {
        let now = pull as f64 * 10_000.0 + 3_700.0;
        loop {
            let arrives = (sent + 1) as f64 * 20_000.0 / (1.0 + millionths * 1e-6);
            if arrives > now {
                break;
            }
            receiver.push(Packet {
                source: 7,
                sequence: sent as u16,
                timestamp: (sent as u32).wrapping_mul(960),
                format: PayloadFormat::Opus,
                payload: &packets[sent % packets.len()],
                arrived: Duration::from_micros(arrives as u64),
            });
            sent += 1;
        }
        receiver.pull(&mut SILENCE.clone(), Duration::from_micros(now as u64));
        let stats = receiver.stats();
        match pull {
            ..SETTLED_AFTER => settled = stats.made_up,
            SETTLED_AFTER.. => off = off.max(stats.late).max(stats.early),
        }
    }
    let made_up = (receiver.stats().made_up - settled).as_secs_f64() * 100.0;
    Ok(Drift { off_ms: off.as_secs_f64() * 1_000.0, made_up })
}
