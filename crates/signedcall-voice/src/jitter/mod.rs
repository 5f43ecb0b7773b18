//! When each packet's sound is due: early enough to leave no gap, late enough to be there.
//!
//! Two things are learnt apart: how late packets come, by the clock ([`delay`]), and when the sound card pulls, by the same clock
//! ([`playout`]). A sound card that stands still says nothing of the network, and a network that stalls nothing of the card; were packets
//! measured by the frames pulled, each stumble of the card would be remembered as a delay of the network. A peer whose clock runs faster or
//! slower than this one shows as a delay that grows or shrinks.
//!
//! A lost packet counts as having come with the one that carries its redundancy. So the wait grows to use redundancy where the line loses
//! packets, and only there. Whatever else may repair a loss later (redundant copies, deep redundancy) fits in the same way: by saying in
//! [`Inserted::Kept`] what else it repairs.

mod delay;
mod playout;
mod queue;

use delay::DelayEstimator;
use playout::Playout;
use queue::PacketQueue;
pub(crate) use queue::{Held, Inserted};

use crate::frame::{Samples, samples};
use crate::receiver::Packet;

/// Holds packets and knows when they are due.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    queue: PacketQueue,
    delays: DelayEstimator,
    playout: Playout,
}

/// The packet to be played next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) timestamp: Samples,
    /// Where the sound begins that it carries redundancy for, if that never came.
    pub(crate) repairs: Option<Samples>,
}

impl JitterBuffer {
    pub(crate) fn new(most_wait: Samples) -> Self {
        Self { queue: PacketQueue::default(), delays: DelayEstimator::new(most_wait), playout: Playout::new() }
    }

    /// Takes a packet in.
    pub(crate) fn insert(&mut self, packet: Packet<'_>) -> Inserted {
        let arrived = samples(packet.arrived);
        let inserted = self.queue.insert(packet);
        match inserted {
            Inserted::Started(timestamp) => {
                self.delays.restart();
                self.delays.observe(arrived - timestamp);
            }
            Inserted::Kept { timestamp, repairs } => {
                if let Some(repaired) = repairs {
                    self.delays.observe(arrived - repaired);
                }
                self.delays.observe(arrived - timestamp);
            }
            Inserted::Late(timestamp) => self.delays.observe(arrived - timestamp),
            Inserted::Duplicate | Inserted::Rejected => {}
        }
        inserted
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
        self.delays.ready_for().map_or(0, |transit| self.playout.until(timestamp + transit))
    }

    /// How much later than the earliest packets the latest come that are waited for.
    pub(crate) fn spread(&self) -> Samples {
        self.delays.spread()
    }

    /// The packet to be played next.
    pub(crate) fn next(&self) -> Option<Next> {
        let first = self.queue.first()?;
        let repairs = first.shape.redundant && self.queue.missing_before_first() > 0;
        Some(Next { timestamp: first.timestamp, repairs: repairs.then_some(first.timestamp - first.shape.frame as Samples) })
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
