//! A call over a simulated line: everything between one microphone and the other loudspeaker, but for what devices do, in simulated time.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};
use signedcall_voice::{
    Controller, FRAME_SAMPLES, Frame, LineReport, Packet, PayloadFormat, Receiver, ReceiverConfig, SILENCE, Sender, SenderConfig,
};

use super::cells::{Line, Plan};

/// Bytes of a packet on the wire beside its payload: IPv4, UDP, RTP, and the tag of SRTP.
const HEADERS: usize = signedcall_voice::PACKET_HEADERS as usize;

/// How long the way takes, in microseconds: half of the round trip.
const WAY: i64 = 30_000;

/// How often the receiver reports, in frames.
const REPORTS_EVERY: usize = 50;

/// How long a row of the trace stands for, in microseconds: a packet of the usual length, so that a trace treats every plan alike.
const ROW: i64 = 20_000;

/// The longest that a thin line keeps a packet in its queue, in microseconds.
const LONGEST_QUEUE: i64 = 400_000;

const FRAME: i64 = 10_000;

/// What has come out at the other end, and what it cost.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) sound: Vec<f32>,
    /// How much later than spoken `sound` begins, without the way itself, in milliseconds.
    pub(super) offset_ms: f64,
    pub(super) kilobits_per_second: f64,
    /// Processor time for each second of sound, in milliseconds.
    pub(super) encoding_ms: f64,
    pub(super) decoding_ms: f64,
}

/// Random numbers of a fixed seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number in `0.0..1.0`.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What happens to the packets of 20 ms.
#[derive(Clone, Copy, Debug)]
struct Fate {
    lost: bool,
    late: i64,
}

/// A state in which packets are lost and one in which they are not, with the mean stay in each that gives the wanted share and run of losses.
fn trace(line: Line, rows: usize, seed: u64) -> Vec<Fate> {
    let (mut losses, mut delays, mut losing) = (Random::new(seed), Random::new(seed ^ 0xABCD), false);
    let leave = 1.0 / line.burst;
    let enter = (line.loss * leave / (1.0 - line.loss)).min(1.0);
    (0..rows)
        .map(|_| {
            let drawn = losses.unit();
            losing = if losing { drawn >= leave } else { drawn < enter };
            Fate { lost: losing, late: (delays.unit() * line.jitter_ms * 1_000.0) as i64 }
        })
        .collect()
}

struct OnTheWay {
    arrives: i64,
    sequence: u16,
    timestamp: u32,
    format: PayloadFormat,
    payload: Vec<u8>,
}

/// The line, with the packets that are on it.
struct Wire {
    trace: Vec<Fate>,
    line: Line,
    packets: VecDeque<OnTheWay>,
    last_arrival: i64,
    free_at: i64,
    bytes: usize,
}

impl Wire {
    /// Takes a packet at the moment `at`. Those that arrive do so in the order in which they were sent: jitter comes of queues.
    fn send(&mut self, at: i64, mut packet: OnTheWay) {
        let bytes = packet.payload.len() + HEADERS;
        self.bytes += bytes;
        let fate = self.trace[(at / ROW) as usize % self.trace.len()];
        if fate.lost {
            return;
        }
        let mut passed = at;
        if self.line.kilobits > 0.0 {
            let begins = at.max(self.free_at);
            if begins - at > LONGEST_QUEUE {
                return;
            }
            self.free_at = begins + (bytes as f64 * 8_000.0 / self.line.kilobits) as i64;
            passed = self.free_at;
        }
        packet.arrives = (passed + WAY + fate.late).max(self.last_arrival);
        self.last_arrival = packet.arrives;
        self.packets.push_back(packet);
    }
}

/// Says `words` at one end and records the other.
pub(super) fn carry(words: &[f32], plan: Plan, line: Line, seed: u64) -> Result<Carried> {
    let frames: &[Frame] = words.as_chunks::<FRAME_SAMPLES>().0;
    let mut controller = match plan {
        Plan::Controlled(config) => Some(Controller::new(config)),
        Plan::Fixed(_) => None,
    };
    let settings = match plan {
        Plan::Controlled(config) => Controller::new(config).settings(),
        Plan::Fixed(settings) => settings,
    };
    let mut sender = Sender::new(SenderConfig { settings, ..SenderConfig::default() })?;
    let mut receiver = Receiver::new(ReceiverConfig::default())?;
    let mut wire =
        Wire { trace: trace(line, frames.len() / 2 + 2, seed), line, packets: VecDeque::new(), last_arrival: 0, free_at: 0, bytes: 0 };
    // Two sound cards do not start together: each seed has its own moment of the 10 ms.
    let phase = (Random::new(seed ^ 0x5EED).unit() * FRAME as f64) as i64;
    let mut reports: VecDeque<(i64, LineReport)> = VecDeque::new();
    let (mut sound, mut sequence) = (Vec::with_capacity(words.len()), 0_u16);
    let (mut encoding, mut decoding) = (Duration::ZERO, Duration::ZERO);
    for (index, frame) in frames.iter().enumerate() {
        // A frame is there when its 10 ms are over.
        let at = (index as i64 + 1) * FRAME;
        if let Some(controller) = &mut controller
            && reports.front().is_some_and(|(comes, _)| *comes <= at)
            && let Some((_, report)) = reports.pop_front()
        {
            let changed = controller.report(microseconds(at), report, Some(microseconds(2 * WAY)));
            if let Some(settings) = changed {
                sender.apply(settings);
            }
        }
        let began = processor_time();
        if let Some(encoded) = sender.push(frame) {
            let packet =
                OnTheWay { arrives: 0, sequence, timestamp: encoded.timestamp, format: encoded.format, payload: encoded.payload.to_vec() };
            encoding += processor_time() - began;
            wire.send(at, packet);
            sequence = sequence.wrapping_add(1);
        } else {
            encoding += processor_time() - began;
        }
        let now = index as i64 * FRAME + phase;
        let began = processor_time();
        while wire.packets.front().is_some_and(|packet| packet.arrives <= now)
            && let Some(packet) = wire.packets.pop_front()
        {
            receiver.push(Packet {
                source: 7,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                format: packet.format,
                payload: &packet.payload,
                arrived: microseconds(packet.arrives),
            });
        }
        let mut heard = SILENCE;
        receiver.pull(&mut heard, microseconds(now));
        decoding += processor_time() - began;
        sound.extend_from_slice(&heard);
        if index % REPORTS_EVERY == REPORTS_EVERY - 1 {
            reports.push_back((now + WAY, receiver.line_report()));
        }
    }
    let seconds = words.len() as f64 / 48_000.0;
    Ok(Carried {
        sound,
        offset_ms: (phase - WAY) as f64 / 1_000.0,
        kilobits_per_second: wire.bytes as f64 * 8.0 / 1_000.0 / seconds,
        encoding_ms: encoding.as_secs_f64() * 1_000.0 / seconds,
        decoding_ms: decoding.as_secs_f64() * 1_000.0 / seconds,
    })
}

fn microseconds(count: i64) -> Duration {
    Duration::from_micros(count.unsigned_abs())
}

/// How long this thread has been computing.
pub(super) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
