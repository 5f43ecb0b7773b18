//! What to do with the bits: what each way promises to sound like, and the best of them.

use std::time::Duration;

use super::ControllerConfig;
use super::losses::Losses;
use crate::red::MOST_COPIES;
use crate::settings::{Copies, PacketDuration, SendSettings};

/// Bytes that each copy costs beside itself, and the packet among copies.
const COPY_HEADER: u32 = 4;
const LAST_HEADER: u32 = 1;

/// The fewest bits a second that speech is sent with: under them it is hardly understood, so that a line which takes no more is none.
const LEAST_BITS: u32 = 6_000;

/// The most: Opus speech does not gain above it.
const MOST_BITS: u32 = 48_000;

/// The bits up to which Opus codes all of a voice in one way. With a few more it codes the highest notes apart, which takes from
/// the rest as much as it gives.
const WHOLE_BITS: u32 = 16_000;
const SPLIT_GAINS_FROM: u32 = 21_000;

/// How far back copies lie at most: 200 ms of delay are what people still talk over.
const FARTHEST: Duration = Duration::from_millis(200);

/// What a millisecond of waiting for copies costs in marks: 100 ms as much as 0.15, so that copies lie no farther back than helps.
const PER_MILLISECOND: f32 = 0.0015;

/// What it costs to turn to packets of another length while some are lost: there are no copies of the earlier ones at first, and another delay.
const OTHER_PACKETS: f32 = 0.12;

/// How fast unrepaired losses cost quality: measured with `cargo xtask bench voice`, of what is above the worst mark, a
/// tenth of all packets lost leaves less than a half.
const PER_LOSS: f32 = 8.0;

/// What of a loss is left to be heard where the coarse copy of the next packet repairs it.
const COARSE: f32 = 0.3;

/// The bits that are left to sound where each packet has a coarse copy, with losses and without any.
const BESIDE_COARSE: (f32, f32) = (0.6, 0.85);

/// What of a loss is left to be heard where a later packet describes it.
const DESCRIBED: f32 = 0.45;

/// How much is described: more than the usual run of losses, and as long as anybody waits.
const DESCRIBED_SPAN: Duration = Duration::from_millis(300);

/// PESQ-WB of speech without losses by bits a second, measured with `cargo xtask bench voice`.
const QUALITY: [(u32, f32); 11] = [
    (6_000, 2.4),
    (8_000, 3.3),
    (10_000, 3.67),
    (12_000, 3.92),
    (14_000, 4.1),
    (16_000, 4.2),
    (22_000, 4.24),
    (24_000, 4.28),
    (28_000, 4.33),
    (32_000, 4.35),
    (48_000, 4.39),
];

/// What there is to spend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Bits a second on the wire.
    pub(super) bits: u32,
    /// Bytes of a packet on the wire beside its payload.
    pub(super) headers: u32,
}

/// A way to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The coarse copy in the next packet, alone.
    Coarse,
    /// Long packets alone, for a line that has few bits even for headers.
    Long,
    /// A description of the time before each packet.
    Described,
    /// So many copies, each so many packets before the next.
    Copied { packet: PacketDuration, count: u8, apart: u8 },
}

impl Choice {
    /// What promises to sound best within a budget, after packets of this length.
    pub(super) fn best(config: ControllerConfig, losses: &Losses, budget: Budget, after: PacketDuration) -> Self {
        let copied = [PacketDuration::TwentyMilliseconds, PacketDuration::FortyMilliseconds].into_iter().flat_map(|packet| {
            let farthest = (FARTHEST.as_millis() / packet.duration().as_millis()) as u8;
            (1..=MOST_COPIES as u8).flat_map(move |count| (1..=farthest / count).map(move |apart| Self::Copied { packet, count, apart }))
        });
        let copied = copied.filter(|choice| config.copies && losses.are_cared_for() && choice.fits(losses, budget));
        let described = (config.described && !config.copies && losses.are_cared_for()).then_some(Self::Described);
        let promise = |choice: Self| {
            let is_missed = losses.are_cared_for() && choice.settings(losses, budget).packet_duration != after;
            choice.promise(losses, budget) - if is_missed { OTHER_PACKETS } else { 0.0 }
        };
        let others = copied.chain(described).chain([Self::Long]);
        others.fold(Self::Coarse, |best, other| if promise(other) > promise(best) { other } else { best })
    }

    /// Whether there are bits enough for it.
    fn fits(self, losses: &Losses, budget: Budget) -> bool {
        bits_on_the_wire(self.settings(losses, budget), budget.headers) <= budget.bits
    }

    /// The mark that it promises: of the sound itself, less what is heard of the losses that it leaves, less what its delay costs.
    pub(super) fn promise(self, losses: &Losses, budget: Budget) -> f32 {
        let share = losses.share_to_expect();
        let settings = self.settings(losses, budget);
        let packet = settings.packet_duration.duration();
        let (left, wait) = match self {
            Self::Long => (share, Duration::ZERO),
            Self::Coarse => {
                let twice = losses.again_after(packet);
                (share * (twice + COARSE * (1.0 - twice)), packet)
            }
            Self::Described => (share * DESCRIBED, losses.burst() * 2),
            Self::Copied { count, apart, .. } => {
                let apart = packet * u32::from(apart);
                (share * losses.again_after(apart).powi(i32::from(count)), apart * u32::from(count))
            }
        };
        let beside_coarse = match (losses.are_cared_for(), losses.are_ruled_out()) {
            (true, _) => BESIDE_COARSE.0,
            (false, false) => BESIDE_COARSE.1,
            (false, true) => 1.0,
        };
        let sound = match self {
            Self::Long | Self::Copied { .. } => settings.bits_per_second,
            Self::Coarse => (settings.bits_per_second as f32 * beside_coarse) as u32,
            // A third of the bits describes.
            Self::Described => settings.bits_per_second * 2 / 3,
        };
        // Without losses nobody waits for their repair.
        let wait = if losses.are_cared_for() { wait } else { Duration::ZERO };
        let delay = (wait + packet).as_secs_f32() * 1_000.0;
        1.0 + (quality(sound) - 1.0) * (-PER_LOSS * left).exp() - PER_MILLISECOND * delay
    }

    /// How that is sent within a budget.
    pub(super) fn settings(self, losses: &Losses, budget: Budget) -> SendSettings {
        // In steps, so that not every report changes something.
        let percent = ((losses.share() * 100.0).round() as u8).div_ceil(5) * 5;
        // Whoever expects no loss makes no coarse copy: what a voice gains by that is more than what the first loss of all costs, where losses are rare.
        let expected_loss_percent = if losses.are_ruled_out() { 0 } else { percent.clamp(5, 30) };
        let base = SendSettings { expected_loss_percent, ..SendSettings::default() };
        let settings = match self {
            Self::Coarse => base,
            Self::Long => SendSettings { packet_duration: PacketDuration::FortyMilliseconds, ..base },
            Self::Described => SendSettings { coarse_copy: false, described: DESCRIBED_SPAN, ..base },
            Self::Copied { packet, count, apart } => {
                let mut backs = [0; MOST_COPIES];
                for (copy, back) in (1..=count).zip(&mut backs) {
                    *back = copy * apart;
                }
                SendSettings { coarse_copy: false, packet_duration: packet, copies: Copies::of(&backs[..usize::from(count)]), ..base }
            }
        };
        let bits_per_second = (bits_for_sound(settings, budget) / 1_000 * 1_000).clamp(LEAST_BITS, MOST_BITS);
        SendSettings { bits_per_second: worth_having(settings, bits_per_second), ..settings }
    }
}

/// As many of the bits as gain something.
fn worth_having(settings: SendSettings, bits: u32) -> u32 {
    let is_split = match settings.packet_duration {
        PacketDuration::TenMilliseconds => false,
        // A coarse copy takes its bits from the same.
        PacketDuration::TwentyMilliseconds => !settings.coarse_copy && bits < SPLIT_GAINS_FROM,
        PacketDuration::FortyMilliseconds => true,
    };
    if is_split { bits.min(WHOLE_BITS) } else { bits }
}

/// The bits that a packet's sound may have so that all that is sent is within the budget.
fn bits_for_sound(settings: SendSettings, budget: Budget) -> u32 {
    let copies = settings.copies.count() as u32;
    budget.bits.saturating_sub(bits_beside_sound(settings, budget.headers)) / (copies + 1)
}

fn bits_beside_sound(settings: SendSettings, headers: u32) -> u32 {
    let copies = settings.copies.count() as u32;
    let red = if copies > 0 { copies * COPY_HEADER + LAST_HEADER } else { 0 };
    settings.packet_duration.packets_per_second() * 8 * (headers + red)
}

/// What settings take on the wire, where each packet has so many bytes beside its payload.
pub(super) fn bits_on_the_wire(settings: SendSettings, headers: u32) -> u32 {
    bits_beside_sound(settings, headers) + settings.bits_per_second * (settings.copies.count() as u32 + 1)
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
