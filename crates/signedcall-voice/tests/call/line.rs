//! A call over a simulated line: everything between one microphone and the other loudspeaker, in simulated time, from a seed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use signedcall_voice::{
    FRAME_SAMPLES, Packet, PayloadFormat, Pulled, Receiver, ReceiverConfig, ReceiverStats, SAMPLE_RATE, SILENCE, Sender, SenderConfig,
};

/// How the line treats packets.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Picks which packets are lost and how late each is.
    pub(crate) seed: u64,
    /// The share of packets lost, 0 to 1.
    pub(crate) loss: f64,
    /// How many packets are lost in a row, on average.
    pub(crate) burst: f64,
    /// The most by which a packet is late beyond the fastest, in milliseconds: evenly distributed, so that packets overtake each other.
    pub(crate) jitter: f64,
    /// Only between these times, in milliseconds, are packets lost and late.
    pub(crate) bad: std::ops::Range<f64>,
    /// No packet sent between these times, in milliseconds, arrives.
    pub(crate) cut: std::ops::Range<f64>,
    /// Every packet sent between these times, in milliseconds, arrives at their end.
    pub(crate) stalled: std::ops::Range<f64>,
    /// Between these times, in milliseconds, the receiver's sound card takes nothing; what it would have taken then it never takes.
    pub(crate) card_stands: std::ops::Range<f64>,
    /// How many frames the receiver's sound card takes at once.
    pub(crate) card_takes: usize,
    /// How much faster than the receiver's the sender's clock runs, in millionths.
    pub(crate) drift: f64,
    /// Whether each packet is sent twice.
    pub(crate) twice: bool,
    /// The first sequence number.
    pub(crate) first_sequence: u16,
    /// The first timestamp.
    pub(crate) first_timestamp: u32,
}

impl Default for Line {
    /// A line that loses and delays nothing.
    fn default() -> Self {
        Self {
            seed: 1,
            loss: 0.0,
            burst: 1.0,
            jitter: 0.0,
            bad: 0.0..f64::INFINITY,
            cut: 0.0..0.0,
            stalled: 0.0..0.0,
            card_stands: 0.0..0.0,
            card_takes: 1,
            drift: 0.0,
            twice: false,
            first_sequence: 0,
            first_timestamp: 0,
        }
    }
}

/// What came out at the other end.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) sound: Vec<f32>,
    /// What each frame was made of, and what had been done until then.
    pub(crate) frames: Vec<(Pulled, ReceiverStats)>,
}

impl Heard {
    pub(crate) fn stats(&self) -> ReceiverStats {
        self.frames.last().map(|(_, stats)| *stats).unwrap_or_default()
    }
}

/// Random numbers of a fixed seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Sent {
    sequence: u16,
    timestamp: u32,
    format: PayloadFormat,
    payload: Vec<u8>,
}

/// Says `speech` into one end and records the other.
pub(crate) fn carry(speech: &[f32], sender: SenderConfig, line: &Line) -> Heard {
    let mut packets = send(speech, sender, line).into_iter().peekable();
    let mut receiver = Receiver::new(ReceiverConfig::default()).expect("Opus can be set up");
    let mut heard = Heard::default();
    // 3.7 ms: the sound cards of two computers do not start together.
    for pull in 0..speech.len() / FRAME_SAMPLES {
        let taken_at = (pull - pull % line.card_takes) as f64 * 10.0 + 3.7;
        if line.card_stands.contains(&taken_at) {
            continue;
        }
        let now = taken_at * 1_000.0;
        while let Some(((arrival, _), sent)) = packets.next_if(|((arrival, _), _)| (*arrival as f64) <= now) {
            receiver.push(Packet {
                source: 7,
                sequence: sent.sequence,
                timestamp: sent.timestamp,
                format: sent.format,
                payload: &sent.payload,
                arrived: Duration::from_micros(arrival),
            });
        }
        let mut frame = SILENCE;
        let pulled = receiver.pull(&mut frame, Duration::from_micros(now as u64));
        heard.sound.extend_from_slice(&frame);
        heard.frames.push((pulled, receiver.stats()));
    }
    heard
}

/// The packets in the order of their arrival: microseconds and a running number.
fn send(speech: &[f32], config: SenderConfig, line: &Line) -> BTreeMap<(u64, usize), Sent> {
    let mut sender = Sender::new(config).expect("Opus can be set up");
    let mut random = Random(line.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut packets = BTreeMap::new();
    let (mut sequence, mut losing) = (line.first_sequence, false);
    for (index, frame) in speech.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
        let sent_at = (index + 1) as f64 * 10.0 / (1.0 + line.drift * 1e-6);
        let Some(encoded) = sender.push(frame) else { continue };
        let sent = || Sent {
            sequence,
            timestamp: encoded.timestamp.wrapping_add(line.first_timestamp),
            format: encoded.format,
            payload: encoded.payload.to_vec(),
        };
        let bad = line.bad.contains(&sent_at);
        // Two states, losing and not, with the mean stay in each that gives the wanted share and run of losses.
        let change = if losing { 1.0 / line.burst } else { line.loss / (1.0 - line.loss) / line.burst };
        losing ^= random.unit() < change;
        let late = if bad { random.unit() * line.jitter } else { 0.0 };
        let mut arrival = sent_at + late;
        if line.stalled.contains(&sent_at) {
            arrival = line.stalled.end;
        }
        if !(line.cut.contains(&sent_at) || bad && losing) {
            for copy in 0..1 + usize::from(line.twice) {
                packets.insert(((arrival * 1_000.0) as u64, packets.len() + copy), sent());
            }
        }
        sequence = sequence.wrapping_add(1);
    }
    packets
}

/// Reads a 48 kHz mono recording of 16-bit samples.
pub(crate) fn read(path: impl AsRef<Path>) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path.as_ref()).expect("a WAV file that can be read");
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, SAMPLE_RATE, 16));
    reader.samples::<i16>().map(|sample| f32::from(sample.expect("a whole WAV file")) / 32_768.0).collect()
}
