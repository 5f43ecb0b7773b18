//! How many bits the line takes.

use std::time::Duration;

use crate::report::LineReport;

/// A queue of this length is one that grows because of us, or will: jitter and a busy radio do not delay every packet of half a second as much.
const TOO_LONG: Duration = Duration::from_millis(60);

/// A queue shorter than this is none.
const NONE: Duration = Duration::from_millis(20);

/// What is kept of the bits when they queue: little enough for the queue to go, too.
const BACK_OFF: f32 = 0.65;

/// The bits on the wire of a call that has just begun: Opus' usual 32 kbit/s with its headers, which nearly every line takes.
const FIRST: u32 = 52_000;

/// How many more bits are tried at a time, and how soon, until they have queued once.
const FIRST_STEP: f32 = 1.25;
const FIRST_PATIENCE: Duration = Duration::from_millis(900);

/// The same from then on.
const STEP: f32 = 1.08;

/// How long the line has to be calm before more bits are tried then, and how long at most after having tried in vain.
const PATIENCE: Duration = Duration::from_secs(4);
const MOST_PATIENCE: Duration = Duration::from_secs(64);

/// The fewest bits on the wire: headers, and speech that is barely understood.
const LEAST: u32 = 26_000;

/// Losses that were there before bits were added and have grown by this factor and this much since are because of them.
const GROWN: (f32, f32) = (1.4, 0.05);

/// For how long after bits were added the losses are watched.
const WATCHED_FOR: Duration = Duration::from_secs(4);

/// Whether packets queue because there are too many.
pub(super) fn is_queue(report: LineReport) -> bool {
    report.queued > TOO_LONG
}

/// How many bits a second may be on the wire.
#[derive(Debug)]
pub(super) struct Allowance {
    most: u32,
    bits: u32,
    /// When it was changed last, or could have been for calm.
    since: Duration,
    patience: Duration,
    /// Whether it was raised since it was lowered.
    raised: bool,
    /// The queue as it was reported last.
    queued: Duration,
    /// The bits on the wire as the last reports were made.
    sent: u32,
    added: Option<Added>,
}

/// More bits than before, which may be too many.
#[derive(Clone, Copy, Debug)]
struct Added {
    at: Duration,
    bits_before: u32,
    losses_before: f32,
}

impl Allowance {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            bits: most.min(FIRST),
            since: Duration::ZERO,
            patience: FIRST_PATIENCE,
            raised: false,
            queued: Duration::ZERO,
            sent: 0,
            added: None,
        }
    }

    pub(super) fn bits_per_second(&self) -> u32 {
        self.bits
    }

    /// Learns from a report on a line over which `sent` bits a second go.
    pub(super) fn learn(&mut self, now: Duration, report: LineReport, losses: f32, sent: u32, round_trip: Option<Duration>) {
        if report.expected == 0 {
            // A line that has fallen silent says nothing of what it takes.
            return;
        }
        if self.sent > 0 && sent > self.sent + self.sent / 10 {
            self.added = Some(Added { at: now, bits_before: self.sent, losses_before: losses });
        }
        self.sent = sent;
        // What was sent before the last change is still being reported for a round trip.
        let seen = now.saturating_sub(self.since) > round_trip.unwrap_or_default() + Duration::from_millis(400);
        let shrinks = report.queued < std::mem::replace(&mut self.queued, report.queued);
        if is_queue(report) {
            // A queue that has become shorter will go by itself.
            if seen && !shrinks {
                self.lower(now, (self.bits.min(sent) as f32 * BACK_OFF) as u32);
            }
            return;
        }
        if let Some(added) = self.added {
            if report.loss() > added.losses_before * GROWN.0 + GROWN.1 && now.saturating_sub(added.at) > round_trip.unwrap_or_default() {
                return self.lower(now, added.bits_before);
            }
            if now.saturating_sub(added.at) > WATCHED_FOR {
                self.added = None;
            }
        }
        if report.queued < NONE && self.bits < self.most && now.saturating_sub(self.since) >= self.patience {
            let step = if self.patience == FIRST_PATIENCE { FIRST_STEP } else { STEP };
            self.bits = ((self.bits as f32 * step) as u32).min(self.most);
            self.since = now;
            self.raised = true;
        }
    }

    fn lower(&mut self, now: Duration, bits: u32) {
        // Bits that were tried in vain are not tried again soon.
        self.patience = if std::mem::take(&mut self.raised) { (self.patience * 2).clamp(PATIENCE, MOST_PATIENCE) } else { PATIENCE };
        self.bits = bits.clamp(LEAST.min(self.most), self.most);
        self.since = now;
        self.added = None;
    }
}
