//! What to do with the bits: what each way promises to sound like, and the best of them.

use std::time::Duration;

use super::ControllerConfig;
use super::losses::Losses;
use crate::red::MOST_COPIES;
use crate::settings::{Copies, PacketDuration, SendSettings};

/// Bytes of a packet on the wire beside its payload: IPv4, UDP, RTP, and the tag of SRTP.
const HEADERS: u32 = 20 + 8 + 12 + 10;

/// Bytes that each copy costs beside itself, and the packet among copies.
const COPY_HEADER: u32 = 4;
const LAST_HEADER: u32 = 1;

/// The fewest bits a second that speech is sent with: under them it is hardly understood, so that a line which takes no more is none.
const LEAST_BITS: u32 = 6_000;

/// The most: Opus speech does not gain above it.
const MOST_BITS: u32 = 48_000;

/// How far back copies lie at most, in packets: 200 ms of delay are what people still talk over.
const FARTHEST: u8 = 10;

/// What a millisecond of waiting for copies costs in marks: 100 ms as much as 0.15, so that copies lie no farther back than helps.
const PER_MILLISECOND: f32 = 0.0015;

/// How fast unrepaired losses cost quality: measured with `cargo xtask bench voice`, of what is above the worst mark, a
/// tenth of all packets lost leaves a third.
const PER_LOSS: f32 = 10.0;

/// What of a loss is left to be heard where the coarse copy of the next packet repairs it.
const COARSE: f32 = 0.15;

/// The same where a later packet describes it.
const DESCRIBED: f32 = 0.45;

/// How much is described: more than the usual run of losses, and as long as anybody waits.
const DESCRIBED_SPAN: Duration = Duration::from_millis(300);

/// PESQ-WB of speech without losses by bits a second, measured with `cargo xtask bench voice`.
const QUALITY: [(u32, f32); 8] =
    [(6_000, 2.6), (8_000, 3.2), (10_500, 3.65), (13_000, 3.98), (19_000, 4.19), (24_000, 4.28), (32_000, 4.33), (48_000, 4.4)];

/// A way to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The shortest delay, for a line that loses nothing.
    Quick,
    /// The coarse copy in the next packet, alone.
    Coarse,
    /// A description of the time before each packet.
    Described,
    /// So many copies, each so many packets before the next.
    Copied { count: u8, apart: u8 },
}

impl Choice {
    /// What promises to sound best within so many bits a second on the wire.
    pub(super) fn best(config: ControllerConfig, losses: &Losses, bits: u32) -> Self {
        if !losses.are_cared_for() {
            let quick = SendSettings { packet_duration: PacketDuration::TenMilliseconds, ..SendSettings::default() };
            // A line that has no room for the headers of twice as many packets has none for less delay.
            return if bits_for_sound(quick, bits) >= 32_000 { Self::Quick } else { Self::Coarse };
        }
        let copied = (1..=MOST_COPIES as u8).flat_map(|count| (1..=FARTHEST / count).map(move |apart| Self::Copied { count, apart }));
        let copied = copied.filter(|choice| config.copies && choice.fits(losses, bits));
        let described = (config.described && !config.copies).then_some(Self::Described);
        let others = copied.chain(described);
        others.fold(Self::Coarse, |best, other| if other.promise(losses, bits) > best.promise(losses, bits) { other } else { best })
    }

    /// Whether there are bits enough for it.
    fn fits(self, losses: &Losses, bits: u32) -> bool {
        bits_on_the_wire(self.settings(losses, bits)) <= bits
    }

    /// The mark that it promises: of the sound itself, less what is heard of the losses that it leaves, less what its delay costs.
    pub(super) fn promise(self, losses: &Losses, bits: u32) -> f32 {
        let share = losses.share();
        let settings = self.settings(losses, bits);
        let (left, wait) = match self {
            Self::Quick => (share, 0),
            Self::Coarse => {
                let twice = losses.again_after(1);
                (share * (twice + COARSE * (1.0 - twice)), 20)
            }
            Self::Described => (share * DESCRIBED, (20.0 * losses.burst() * 2.0) as u32),
            Self::Copied { count, apart } => {
                (share * losses.again_after(apart).powi(i32::from(count)), 20 * u32::from(count) * u32::from(apart))
            }
        };
        let sound = match self {
            Self::Quick | Self::Coarse | Self::Copied { .. } => quality(settings.bits_per_second),
            // A third of the bits describes.
            Self::Described => quality(settings.bits_per_second * 2 / 3),
        };
        1.0 + (sound - 1.0) * (-PER_LOSS * left).exp() - PER_MILLISECOND * wait as f32
    }

    /// How that is sent within so many bits a second on the wire.
    pub(super) fn settings(self, losses: &Losses, bits: u32) -> SendSettings {
        let percent = (losses.share() * 100.0).round() as u8;
        // Whoever expects no loss makes no coarse copy, and the first loss of all is heard.
        let base = SendSettings { expected_loss_percent: percent.clamp(5, 30), ..SendSettings::default() };
        let settings = match self {
            Self::Quick => SendSettings { packet_duration: PacketDuration::TenMilliseconds, ..base },
            Self::Coarse => base,
            Self::Described => SendSettings { coarse_copy: false, described: DESCRIBED_SPAN, ..base },
            Self::Copied { count, apart } => {
                let mut backs = [0; MOST_COPIES];
                for (copy, back) in (1..=count).zip(&mut backs) {
                    *back = copy * apart;
                }
                SendSettings { coarse_copy: false, copies: Copies::of(&backs[..usize::from(count)]), ..base }
            }
        };
        // In whole kilobits, so that not every report changes something.
        let bits_per_second = (bits_for_sound(settings, bits) / 1_000 * 1_000).clamp(LEAST_BITS, MOST_BITS);
        SendSettings { bits_per_second, ..settings }
    }
}

/// The bits that a packet's sound may have so that all that is sent takes `bits` on the wire.
fn bits_for_sound(settings: SendSettings, bits: u32) -> u32 {
    let copies = settings.copies.count() as u32;
    bits.saturating_sub(bits_beside_sound(settings)) / (copies + 1)
}

fn bits_beside_sound(settings: SendSettings) -> u32 {
    let copies = settings.copies.count() as u32;
    let red = if copies > 0 { copies * COPY_HEADER + LAST_HEADER } else { 0 };
    settings.packet_duration.packets_per_second() * 8 * (HEADERS + red)
}

/// What settings take on the wire.
pub(super) fn bits_on_the_wire(settings: SendSettings) -> u32 {
    bits_beside_sound(settings) + settings.bits_per_second * (settings.copies.count() as u32 + 1)
}

/// How speech of so many bits a second sounds.
fn quality(bits: u32) -> f32 {
    let above = QUALITY.partition_point(|(point, _)| *point <= bits);
    match (above.checked_sub(1).map(|below| QUALITY[below]), QUALITY.get(above)) {
        (None, _) => QUALITY[0].1,
        (Some((_, mark)), None) => mark,
        (Some((from, low)), Some((to, high))) => low + (high - low) * (bits - from) as f32 / (to - from) as f32,
    }
}
