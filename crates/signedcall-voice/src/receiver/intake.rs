//! Packets on their way in: counted, put in order, and their copies with them.

use super::deep::FARTHEST_REPAIRED;
use super::sound::FADED_AT;
use super::{Packet, PayloadFormat, Receiver};
use crate::codec::PayloadShape;
use crate::frame::{MILLISECOND, Samples};
use crate::jitter::{Held, Inserted};
use crate::red::{Earlier, Redundant};

/// How far behind its due time the playout may fall before sound is left out instead of being played faster.
pub(super) const FARTHEST_BEHIND: Samples = 150 * MILLISECOND;

impl Receiver {
    /// Takes a packet from the line.
    pub fn push(&mut self, packet: Packet<'_>) {
        self.stats.packets_received += 1;
        match packet.format {
            PayloadFormat::Opus => {
                self.note_arrival(packet);
                self.insert(packet);
            }
            PayloadFormat::Red => match Redundant::read(packet.payload).filter(|redundant| redundant.payload_type == self.payload_type) {
                Some(redundant) => {
                    let packet = Packet { payload: redundant.payload, ..packet };
                    self.note_arrival(packet);
                    if self.insert(packet) == Inserted::Rejected {
                        // What contradicts its stream says nothing of earlier packets either.
                        return;
                    }
                    let farthest = redundant.copies().map(|copy| Samples::from(copy.back)).max().unwrap_or(0);
                    for copy in redundant.copies() {
                        self.insert_copy(packet, copy, farthest);
                    }
                }
                None => self.stats.packets_rejected += 1,
            },
        }
    }

    fn note_arrival(&mut self, packet: Packet<'_>) {
        self.line.came(packet, PayloadShape::of(packet.payload).map(|shape| shape.span as Samples));
    }

    fn insert(&mut self, packet: Packet<'_>) -> Inserted {
        // What a line that was dead has held up all comes at once, and is left out but for the newest: nothing else is to wait for it.
        let was_dead = self.end.is_some() && self.made_up >= FADED_AT;
        let inserted = self.jitter.insert(packet, |due_in| was_dead && due_in < -FARTHEST_BEHIND);
        match inserted {
            Inserted::Kept(_) => self.stats.bytes += packet.payload.len() as u64,
            Inserted::Started(_) => self.restarted = true,
            Inserted::Late(_) => self.stats.packets_late += 1,
            Inserted::Duplicate => self.stats.packets_duplicate += 1,
            Inserted::Rejected => self.stats.packets_rejected += 1,
        }
        inserted
    }

    fn insert_copy(&mut self, packet: Packet<'_>, copy: Earlier<'_>, farthest: Samples) {
        // Most copies are of what has come, and those that are broken were never counted on.
        match self.jitter.insert_copy(packet, copy, farthest) {
            Inserted::Late(timestamp) => self.note_repair(timestamp, farthest),
            Inserted::Kept(_) | Inserted::Started(_) | Inserted::Duplicate | Inserted::Rejected => {}
        }
    }

    /// Tells the buffer that what was lost is sent again until `later`, so that it waits for the next such repair.
    pub(super) fn note_repair(&mut self, timestamp: Samples, later: Samples) {
        // What was lost while the line was dead says nothing of losses.
        if self.made_up < FADED_AT && timestamp >= self.began {
            self.jitter.repaired(later);
        }
    }

    /// Notes which of the sound that is missing before a packet comes with it, as a coarse copy or described.
    pub(super) fn note_repairs(&mut self, held: &Held, missing: u64) {
        let frame = held.shape.frame as Samples;
        if let Some(later) = held.copied_until {
            self.note_repair(held.timestamp, later);
        }
        if missing == 0 {
            return;
        }
        let described = self.deep.reach(held.timestamp, &held.payload, FARTHEST_REPAIRED);
        let coarse = if held.shape.redundant { frame } else { 0 };
        let mut back = frame;
        while back <= described.max(coarse).min(missing as Samples * frame) {
            self.note_repair(held.timestamp - back, back);
            back += frame;
        }
    }

    /// Leaves copies out that came when more than half of what they hold was over, and packets that should have been played long ago, keeping the
    /// newest.
    pub(super) fn skip_backlog(&mut self) {
        while let (Some(end), Some(first)) = (self.end, self.jitter.first())
            && first.copied_until.is_some()
            && first.timestamp + first.shape.span as Samples / 2 < end
            && let Some((held, missing)) = self.jitter.take()
        {
            self.stats.packets_lost += missing + 1;
            if let Some(later) = held.copied_until {
                self.note_repair(held.timestamp, later);
            }
            self.jitter.recycle(held);
        }
        while self.jitter.len() > 1 && self.jitter.next().is_some_and(|next| self.due_in(next.timestamp) < -FARTHEST_BEHIND) {
            if let Some((held, missing)) = self.jitter.take() {
                self.stats.packets_lost += missing;
                self.stats.packets_skipped += 1;
                self.jitter.recycle(held);
            }
        }
    }
}
