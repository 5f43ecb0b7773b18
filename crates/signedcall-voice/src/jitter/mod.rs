//! When each packet's sound is due: early enough to leave no gap, late enough to be there.
//!
//! Two things are learnt apart: how late packets come, by the clock ([`delay`]), and when the sound card pulls, by the same clock
//! ([`playout`]). A sound card that stands still says nothing of the network, and a network that stalls nothing of the card; were packets
//! measured by the frames pulled, each stumble of the card would be remembered as a delay of the network. A peer whose clock runs faster or
//! slower than this one shows as a delay that grows or shrinks.
//!
//! A lost packet counts as having come with whatever brings its sound after all: a copy, or a later packet that describes it. How long to wait
//! for that is learnt apart from how late packets are ([`repair`]), so the wait grows to use redundancy where the line loses packets, and only
//! there.

mod delay;
mod playout;
mod queue;
mod repair;

use delay::DelayEstimator;
use playout::Playout;
use queue::PacketQueue;
pub(crate) use queue::{Held, Inserted};
use repair::RepairEstimator;

use crate::frame::{Samples, samples};
use crate::receiver::Packet;
use crate::red::Earlier;

/// Holds packets and knows when they are due.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    queue: PacketQueue,
    delays: DelayEstimator,
    repairs: RepairEstimator,
    playout: Playout,
    most_wait: Samples,
}

/// The packet to be played next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) timestamp: Samples,
    /// Where the sound begins that it carries a coarse copy of, if that never came.
    pub(crate) repairs: Option<Samples>,
    /// Whether packets before it never came.
    pub(crate) after_loss: bool,
}

impl JitterBuffer {
    pub(crate) fn new(most_wait: Samples) -> Self {
        Self {
            queue: PacketQueue::new(),
            delays: DelayEstimator::new(most_wait),
            repairs: RepairEstimator::new(),
            playout: Playout::new(),
            most_wait,
        }
    }

    /// Takes a packet in. One that is stale, having been held up while the line was dead, says nothing of how late those will be that follow.
    pub(crate) fn insert(&mut self, packet: Packet<'_>, is_stale: impl FnOnce(Samples) -> bool) -> Inserted {
        let arrived = samples(packet.arrived);
        let inserted = self.queue.insert(packet);
        match inserted {
            Inserted::Started(timestamp) => {
                self.delays.restart();
                self.delays.observe(arrived - timestamp, self.queue.span());
            }
            Inserted::Kept(timestamp) | Inserted::Late(timestamp) => {
                if !is_stale(self.due_in(timestamp)) {
                    self.delays.observe(arrived - timestamp, self.queue.span());
                }
                self.repairs.was_not_needed(timestamp);
            }
            Inserted::Duplicate | Inserted::Rejected => {}
        }
        inserted
    }

    /// Takes in a copy that a packet has brought of an earlier one, the farthest of its copies being one of `farthest` before it.
    pub(crate) fn insert_copy(&mut self, packet: Packet<'_>, copy: Earlier<'_>, farthest: Samples) -> Inserted {
        self.queue.insert_copy(packet, copy, farthest)
    }

    /// Notes that lost sound has come after all with what was sent `later`.
    pub(crate) fn repaired(&mut self, later: Samples) {
        self.repairs.came(later);
    }

    /// Notes that the sound card asks for sound at the moment `at`.
    pub(crate) fn ask(&mut self, at: Samples) {
        self.playout.ask(at);
    }

    /// Notes that it has taken `span` samples.
    pub(crate) fn advance(&mut self, span: Samples) {
        self.playout.take(span);
    }

    /// How long until the sound at `timestamp` should be played: negative if it should have been.
    pub(crate) fn due_in(&self, timestamp: Samples) -> Samples {
        let (Some(ready_for), Some(earliest)) = (self.delays.ready_for(), self.delays.earliest()) else { return 0 };
        // What repairs a loss comes in a packet, which may be as late as any.
        let transit = (ready_for + self.repairs.worth_waiting()).min(earliest + self.most_wait);
        self.playout.until(timestamp + transit)
    }

    /// How much later than the earliest packets the latest come that are waited for.
    pub(crate) fn spread(&self) -> Samples {
        self.delays.spread()
    }

    /// The packet to be played next.
    pub(crate) fn next(&self) -> Option<Next> {
        let first = self.queue.first()?;
        let after_loss = self.queue.missing_before_first() > 0;
        let repairs = (first.shape.redundant && after_loss).then_some(first.timestamp - first.shape.frame as Samples);
        Some(Next { timestamp: first.timestamp, repairs, after_loss })
    }

    /// The packet to be played next itself.
    pub(crate) fn first(&self) -> Option<&Held> {
        self.queue.first()
    }

    /// Takes out the packet to be played next, and says how many before it never came.
    pub(crate) fn take(&mut self) -> Option<(Held, u64)> {
        let missing = self.queue.missing_before_first();
        self.queue.take().map(|held| (held, missing))
    }

    /// Gives back the memory of a packet that was taken out.
    pub(crate) fn recycle(&mut self, held: Held) {
        self.queue.recycle(held.payload);
    }

    /// How many packets wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How much sound waits beyond `from`, gaps included.
    pub(crate) fn waiting(&self, from: Samples) -> Samples {
        self.queue.end().map_or(0, |end| (end - from).max(0))
    }
}
