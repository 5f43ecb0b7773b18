//! What the bits of a voice go into.

use std::time::Duration;

use crate::frame::{FRAME_DURATION, FRAME_SAMPLES};
use crate::red::MOST_COPIES;

/// How a voice is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendSettings {
    /// Bits per second of the packets, with the redundancy in them and without copies beside them and headers.
    pub bits_per_second: u32,
    /// How much sound goes into one packet.
    pub packet_duration: PacketDuration,
    /// Whether each packet carries a coarse copy of the one before it (in-band FEC): the cheapest repair, of single losses.
    pub coarse_copy: bool,
    /// How many packets of a hundred the line is expected to lose: what share the redundancy in packets has of their bits.
    pub expected_loss_percent: u8,
    /// How much of the sound before it each packet describes in few bits (DRED), up to 1.04 s: repairs bursts, not as well as a copy.
    pub described: Duration,
    /// Which earlier packets each one carries as they were (RED): repairs bursts wholly, for as many bits again.
    pub copies: Copies,
}

impl Default for SendSettings {
    /// What serves a line of which nothing is known.
    ///
    /// 32 kbit/s is where Opus speech stops gaining much. Without any loss expected, Opus makes no redundancy at all and the first loss of a call is
    /// heard; 5 % makes the first one recoverable.
    fn default() -> Self {
        Self {
            bits_per_second: 32_000,
            packet_duration: PacketDuration::TwentyMilliseconds,
            coarse_copy: true,
            expected_loss_percent: 5,
            described: Duration::ZERO,
            copies: Copies::NONE,
        }
    }
}

impl SendSettings {
    /// Which earlier packets each one carries, as a coarse copy or whole: bit `n` for the one that lies `n` before.
    pub(crate) fn carried(&self) -> u32 {
        self.copies.backs().fold(u32::from(self.coarse_copy) << 1, |carried, back| carried | 1_u32.checked_shl(back as u32).unwrap_or(0))
    }

    /// What is described, in the steps in which Opus counts it.
    pub(crate) fn described_steps(self) -> u8 {
        u8::try_from(self.described.as_millis() / FRAME_DURATION.as_millis()).unwrap_or(u8::MAX)
    }
}

/// How much sound goes into one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PacketDuration {
    /// 10 ms: the shorter delay, for twice the headers.
    TenMilliseconds,
    /// 20 ms: the usual choice.
    #[default]
    TwentyMilliseconds,
    /// 40 ms: half the headers, for a line that takes few bits or loses many packets.
    FortyMilliseconds,
}

impl PacketDuration {
    pub(crate) const fn frames(self) -> usize {
        match self {
            Self::TenMilliseconds => 1,
            Self::TwentyMilliseconds => 2,
            Self::FortyMilliseconds => 4,
        }
    }

    pub(crate) const fn samples(self) -> usize {
        self.frames() * FRAME_SAMPLES
    }

    pub(crate) const fn duration(self) -> Duration {
        Duration::from_millis(10 * self.frames() as u64)
    }

    /// How many packets there are in a second.
    pub(crate) const fn packets_per_second(self) -> u32 {
        match self {
            Self::TenMilliseconds => 100,
            Self::TwentyMilliseconds => 50,
            Self::FortyMilliseconds => 25,
        }
    }
}

impl From<PacketDuration> for Duration {
    fn from(duration: PacketDuration) -> Self {
        FRAME_DURATION * duration.frames() as u32
    }
}

/// Which earlier packets a packet carries, by how many packets they lie before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies([u8; MOST_COPIES]);

impl Copies {
    /// No copies.
    pub const NONE: Self = Self([0; MOST_COPIES]);

    /// Copies of the packets that lie as many packets before, at most 15; what lies farther is left out, as is what exceeds five copies.
    pub fn of(back: &[u8]) -> Self {
        let mut copies = Self::NONE;
        for (copy, back) in copies.0.iter_mut().zip(back.iter().filter(|back| (1..16).contains(*back))) {
            *copy = *back;
        }
        copies
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.backs().count()
    }

    /// By how many packets each lies before the one that carries it.
    pub(crate) fn backs(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().filter(|back| *back > 0).map(usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_that_cannot_be_are_left_out() {
        assert_eq!(Copies::of(&[]), Copies::NONE);
        assert_eq!(Copies::of(&[0, 2, 16, 4, 6, 8, 10, 12]), Copies::of(&[2, 4, 6, 8, 10]));
        assert_eq!(Copies::of(&[2, 4]).count(), 2);
        assert_eq!(Copies::of(&[2, 4]).backs().collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn more_than_can_be_described_does_not_wrap() {
        assert_eq!(SendSettings { described: Duration::from_millis(250), ..SendSettings::default() }.described_steps(), 25);
        assert_eq!(SendSettings { described: Duration::from_secs(60), ..SendSettings::default() }.described_steps(), u8::MAX);
    }
}
