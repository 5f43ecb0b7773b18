//! The packets that have come and not been played: in order, each once, never too many.

use std::collections::VecDeque;

use crate::codec::{MAX_PAYLOAD_BYTES, PayloadShape};
use crate::frame::{SAMPLE_RATE, Samples};
use crate::receiver::Packet;
use crate::red::Earlier;

/// The most packets held: 1.3 s of them at 20 ms. More is a flood or a stall from which nobody wants to hear the rest.
const MOST_PACKETS: usize = 64;

/// How far a sequence number may jump before it is taken for a new stream: a minute's worth of packets.
const FARTHEST_JUMP: i64 = 3_000;

/// How far a packet's timestamp may be from where its sequence number puts it before the sender's clock is taken to have jumped.
///
/// Longer than the silence a sender with discontinuous transmission leaves between two words.
const FARTHEST_TIME_JUMP: Samples = 5 * SAMPLE_RATE as Samples;

/// A packet that waits to be played.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) timestamp: Samples,
    pub(crate) shape: PayloadShape,
    /// Of what a later packet has brought: how much later the last copy of it is sent.
    pub(crate) copied_until: Option<Samples>,
    pub(crate) payload: Vec<u8>,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug)]
struct Place {
    timestamp: Samples,
    shape: PayloadShape,
    copied_until: Option<Samples>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It waits; this is its timestamp without wrapping.
    Kept(Samples),
    /// It waits and is the first of a stream, and all that was held is gone; this is its timestamp without wrapping.
    Started(Samples),
    /// It came after it was needed; this is its timestamp without wrapping.
    Late(Samples),
    /// It was there already.
    Duplicate,
    /// It is no Opus packet, or contradicts the stream it claims to be of.
    Rejected,
}

/// Where the newest packet of the stream stands; later numbers are counted from it, so wrapping does not show.
#[derive(Clone, Copy, Debug)]
struct Head {
    source: u32,
    sequence: i64,
    timestamp: Samples,
    span: Samples,
}

/// Packets in the order of their numbers, numbers and timestamps counted on where they wrap.
#[derive(Debug)]
pub(super) struct PacketQueue {
    held: VecDeque<(i64, Held)>,
    head: Option<Head>,
    /// What was played last, once something was.
    played: Option<Played>,
    /// A packet that fitted nowhere: a second one that follows it proves a new stream.
    stray: Option<(u32, u16)>,
    /// Memory of packets that were played, for those to come.
    spare: Vec<Vec<u8>>,
}

/// How far the stream has been played.
#[derive(Clone, Copy, Debug)]
struct Played {
    /// The number of the packet to be played next.
    next: i64,
    /// Which of the packets before `next` were there, the last in the lowest bit.
    had: u64,
    /// Which of those were there as copies alone.
    copied: u64,
}

impl Played {
    /// Whether a packet with a number before `next` was there. What is too long ago to be known was.
    fn had(self, sequence: i64) -> bool {
        let back = self.next - 1 - sequence;
        back >= i64::from(u64::BITS) || self.had >> back & 1 == 1
    }

    /// Whether a packet with a number before `next` was there as a copy alone, which is so until it is asked.
    fn take_copied(&mut self, sequence: i64) -> bool {
        let back = self.next - 1 - sequence;
        if back >= i64::from(u64::BITS) || self.copied >> back & 1 == 0 {
            return false;
        }
        self.copied &= !(1 << back);
        true
    }
}

impl PacketQueue {
    pub(super) fn new() -> Self {
        // All the memory it will ever need, since it is used where none may be asked for.
        let spare = (0..=MOST_PACKETS).map(|_| Vec::with_capacity(MAX_PAYLOAD_BYTES)).collect();
        Self { held: VecDeque::with_capacity(MOST_PACKETS + 1), head: None, played: None, stray: None, spare }
    }

    /// Takes a packet in.
    pub(super) fn insert(&mut self, packet: Packet<'_>) -> Inserted {
        let Some(shape) = PayloadShape::of(packet.payload) else { return Inserted::Rejected };
        let Some(head) = self.head else { return self.start(packet, shape) };
        if packet.source != head.source {
            return self.start(packet, shape);
        }
        let ahead = i64::from(packet.sequence.wrapping_sub(head.sequence as u16) as i16);
        let sequence = head.sequence + ahead;
        let timestamp = head.timestamp + Samples::from(packet.timestamp.wrapping_sub(head.timestamp as u32) as i32);
        // Where it would be if every packet between were as long as this.
        let expected = head.timestamp + ahead * if ahead > 0 { head.span } else { shape.span as Samples };
        if ahead.abs() > FARTHEST_JUMP || (timestamp - expected).abs() > FARTHEST_TIME_JUMP {
            let follows = self.stray == Some((packet.source, packet.sequence.wrapping_sub(1)));
            if follows || ahead == 1 {
                return self.start(packet, shape);
            }
            self.stray = Some((packet.source, packet.sequence));
            return Inserted::Rejected;
        }
        if (ahead > 0) != (timestamp > head.timestamp) && ahead != 0 {
            // Time must not run backwards in what is played.
            return Inserted::Rejected;
        }
        let inserted = self.place(sequence, Place { timestamp, shape, copied_until: None }, packet.payload);
        if ahead > 0 && matches!(inserted, Inserted::Kept(_)) {
            self.head = Some(Head { sequence, timestamp, span: shape.span as Samples, ..head });
        }
        inserted
    }

    /// Takes a copy in that `packet`, which was taken in before, has brought of an earlier one.
    pub(super) fn insert_copy(&mut self, packet: Packet<'_>, copy: Earlier<'_>, farthest: Samples) -> Inserted {
        let (Some(shape), Some(head)) = (PayloadShape::of(copy.payload), self.head) else { return Inserted::Rejected };
        let back = Samples::from(copy.back);
        // A copy says when it began and not its number; packets are of one length between it and the packet that brings it.
        if packet.source != head.source || back % shape.span as Samples != 0 {
            return Inserted::Rejected;
        }
        let carrier = head.sequence + i64::from(packet.sequence.wrapping_sub(head.sequence as u16) as i16);
        let carried_at = head.timestamp + Samples::from(packet.timestamp.wrapping_sub(head.timestamp as u32) as i32);
        let place = Place { timestamp: carried_at - back, shape, copied_until: Some(farthest) };
        self.place(carrier - back / shape.span as Samples, place, copy.payload)
    }

    /// Puts a packet to its place among those that wait.
    fn place(&mut self, sequence: i64, Place { timestamp, shape, copied_until }: Place, payload: &[u8]) -> Inserted {
        if let Some(played) = &mut self.played
            && sequence < played.next
        {
            // One that its own copy has overtaken is late like any other, and not there twice.
            let overtaken = copied_until.is_none() && played.take_copied(sequence);
            return if played.had(sequence) && !overtaken { Inserted::Duplicate } else { Inserted::Late(timestamp) };
        }
        let place = self.held.partition_point(|(held, _)| *held < sequence);
        if let Some((_, held)) = self.held.get_mut(place).filter(|(held, _)| *held == sequence) {
            if copied_until.is_some() || held.copied_until.is_none() || held.timestamp != timestamp {
                return Inserted::Duplicate;
            }
            // Its copy has overtaken it, and has less in it.
            (held.shape, held.copied_until) = (shape, None);
            held.payload.clear();
            held.payload.extend_from_slice(payload);
            return Inserted::Kept(timestamp);
        }
        let end = timestamp + shape.span as Samples;
        let before = place.checked_sub(1).and_then(|before| self.held.get(before));
        let follows = before.is_none_or(|(_, before)| before.timestamp < timestamp);
        let precedes = self.held.get(place).is_none_or(|(_, after)| end <= after.timestamp);
        if !(follows && precedes) {
            return Inserted::Rejected;
        }
        let payload = self.keep(payload);
        self.held.insert(place, (sequence, Held { timestamp, shape, copied_until, payload }));
        if self.held.len() > MOST_PACKETS
            && let Some(held) = self.take()
        {
            self.recycle(held.payload);
        }
        Inserted::Kept(timestamp)
    }

    fn start(&mut self, packet: Packet<'_>, shape: PayloadShape) -> Inserted {
        let timestamp = Samples::from(packet.timestamp);
        // One turn up: packets before the first, sent earlier and overtaken, then have numbers too.
        let sequence = i64::from(packet.sequence) + (1 << 16);
        while let Some(held) = self.take() {
            self.recycle(held.payload);
        }
        let payload = self.keep(packet.payload);
        self.held.push_back((sequence, Held { timestamp, shape, copied_until: None, payload }));
        self.head = Some(Head { source: packet.source, sequence, timestamp, span: shape.span as Samples });
        self.played = None;
        self.stray = None;
        Inserted::Started(timestamp)
    }

    /// The earliest packet that waits.
    pub(super) fn first(&self) -> Option<&Held> {
        self.held.front().map(|(_, held)| held)
    }

    /// How many packets before the earliest that waits never came.
    pub(super) fn missing_before_first(&self) -> u64 {
        match (self.held.front(), self.played) {
            (Some((first, _)), Some(played)) => first.abs_diff(played.next),
            (None, _) | (_, None) => 0,
        }
    }

    /// Takes the earliest packet out; those before it are late from now on.
    pub(super) fn take(&mut self) -> Option<Held> {
        let (sequence, held) = self.held.pop_front()?;
        let (had, copied) = self.played.map_or((0, 0), |played| {
            let passed = u32::try_from(sequence + 1 - played.next).unwrap_or(u64::BITS);
            (played.had.checked_shl(passed).unwrap_or(0), played.copied.checked_shl(passed).unwrap_or(0))
        });
        self.played = Some(Played { next: sequence + 1, had: had | 1, copied: copied | u64::from(held.copied_until.is_some()) });
        Some(held)
    }

    /// For how long the newest packet of the stream sounds.
    pub(super) fn span(&self) -> Samples {
        self.head.map_or(0, |head| head.span)
    }

    /// Where the newest packet that waits ends.
    pub(super) fn end(&self) -> Option<Samples> {
        self.held.back().map(|(_, held)| held.timestamp + held.shape.span as Samples)
    }

    /// Gives memory back that [`Self::take`] handed out, so that the next packets need no new.
    pub(super) fn recycle(&mut self, payload: Vec<u8>) {
        if self.spare.len() <= MOST_PACKETS {
            self.spare.push(payload);
        }
    }

    fn keep(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(payload);
        kept
    }

    /// How many packets wait.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests;
