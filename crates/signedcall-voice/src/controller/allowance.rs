//! How many bits the line takes.

use std::time::Duration;

use super::ControllerConfig;
use super::losses::{Counted, Losses};
use crate::report::LineReport;
use crate::settings::PacketDuration;

/// A queue of this length is one that grows because of us, or will: jitter and a busy radio do not delay every packet of a quarter of a second as much.
const TOO_LONG: Duration = Duration::from_millis(60);

/// The same while it is tried whether the line takes more: then any queue is likely to be because of us.
const TOO_LONG_IN_TRIAL: Duration = Duration::from_millis(30);

/// A queue shorter than this is none.
const NONE: Duration = Duration::from_millis(20);

/// What is kept of the bits that the line takes when they have queued: little enough for the queue to go, too.
const BACK_OFF: f32 = 0.65;

/// What of the bits that the line was found to take is taken again as soon as the queue has gone.
const SAFE: f32 = 0.85;

/// By how much a queue is longer than in the report before if it grows.
const GROWS: Duration = Duration::from_millis(10);

/// Within how long a queue goes by which bits have been lowered.
const GOES_WITHIN: Duration = Duration::from_secs(3);

/// The bits of the sound itself as a call begins: with their headers, nearly every line takes them.
const FIRST: u32 = 20_000;

/// The bits of the sound itself beyond which next to nothing is to be gained where nothing is lost: about Opus' usual ones.
const ENOUGH: u32 = 34_000;

/// How many more bits are tried at a time, and how soon, while nothing says that the line does not take them.
const QUICK_STEP: f32 = 1.25;
const QUICK_PATIENCE: Duration = Duration::from_millis(900);

/// The same beyond what is safe.
const STEP: f32 = 1.08;

/// How long the line has to be calm before more bits are tried then, and how long at most after having tried in vain.
const PATIENCE: Duration = Duration::from_secs(4);
const MOST_PATIENCE: Duration = Duration::from_secs(64);

/// What of the bits has to be used for more to be tried: what is not sent tries nothing.
const USED: f32 = 0.6;

/// The fewest bits on the wire: headers, and speech that is barely understood.
const LEAST: u32 = 18_000;

/// By how much more losses have to have grown since bits were added for it to be because of them.
const GROWN: f32 = 0.05;

/// For how long after bits were added the losses are watched.
const WATCHED_FOR: Duration = Duration::from_secs(4);

/// How old what a report says of the queue is at most, but for its way.
const REPORTED_SPAN: Duration = Duration::from_millis(360);

/// Whether packets queue because there are too many.
pub(super) fn is_queue(report: LineReport) -> bool {
    report.queued > TOO_LONG
}

/// How many bits a second may be on the wire.
#[derive(Debug)]
pub(super) struct Allowance {
    most: u32,
    /// [`ENOUGH`] with the headers of its packets.
    enough: u32,
    bits: u32,
    /// The bits that the line was found to take, once more have queued.
    ceiling: Option<u32>,
    /// When it was changed last, or could have been for calm.
    since: Duration,
    patience: Duration,
    /// The queue as it was reported last, and when.
    queued: (Duration, Duration),
    /// The bits on the wire as the last reports were made, and since when there were about as many.
    sent: u32,
    sent_since: Duration,
    trial: Option<Trial>,
}

/// More bits than before, which may be too many.
#[derive(Clone, Copy, Debug)]
struct Trial {
    at: Duration,
    bits_before: u32,
    before: Counted,
    since: Counted,
}

impl Allowance {
    pub(super) fn new(ControllerConfig { most_bits_per_second: most, headers, .. }: ControllerConfig) -> Self {
        let headers = PacketDuration::default().packets_per_second() * 8 * headers;
        Self {
            most,
            enough: ENOUGH + headers,
            bits: most.min(FIRST + headers),
            ceiling: None,
            since: Duration::ZERO,
            patience: PATIENCE,
            queued: (Duration::ZERO, Duration::ZERO),
            sent: 0,
            sent_since: Duration::ZERO,
            // The first bits are tried, too.
            trial: Some(Trial { at: Duration::ZERO, bits_before: LEAST, before: Counted::default(), since: Counted::default() }),
        }
    }

    pub(super) fn bits_per_second(&self) -> u32 {
        self.bits
    }

    /// Learns from a report on a line over which `sent` bits a second go, and of whose `losses` this report is one.
    pub(super) fn learn(&mut self, now: Duration, report: LineReport, losses: &Losses, sent: u32, round_trip: Option<Duration>) {
        if report.expected == 0 {
            // A line that has fallen silent says nothing of what it takes.
            return;
        }
        if sent.abs_diff(self.sent) > self.sent / 10 {
            if sent > self.sent && self.sent > 0 {
                self.trial = Some(Trial { at: now, bits_before: self.sent, before: losses.counted(), since: Counted::default() });
            }
            self.sent_since = self.queued.1;
        }
        self.sent = sent;
        let (queued, reported) = std::mem::replace(&mut self.queued, (report.queued, now));
        let way = round_trip.unwrap_or_default();
        // What was sent before the last change is still being reported for a round trip, and stands in the queue.
        let is_seen = now.saturating_sub(self.sent_since) > way + REPORTED_SPAN + queued;
        let too_long = if self.trial.is_some() { TOO_LONG_IN_TRIAL } else { TOO_LONG };
        if report.queued > too_long {
            // A queue that does not grow any more will go by itself, unless others keep it up.
            let is_kept_up = report.queued + GROWS > queued && now.saturating_sub(self.since) > GOES_WITHIN;
            if is_seen && (report.queued > queued + GROWS || is_kept_up) {
                let growth = report.queued.saturating_sub(queued).as_secs_f32() / now.saturating_sub(reported).as_secs_f32().max(0.1);
                self.lower(now, (self.bits.min(sent) as f32 / (1.0 + growth)) as u32);
            }
            return;
        }
        if let Some(trial) = &mut self.trial {
            if now.saturating_sub(trial.at) > way {
                trial.since.learn(report, 1.0);
            }
            if trial.since.is_worse_than(trial.before, GROWN) {
                let before = trial.bits_before;
                return self.go_back(now, before);
            }
            if now.saturating_sub(trial.at) > WATCHED_FOR {
                self.trial = None;
            }
        }
        self.try_more(now, report, losses, sent);
    }

    fn try_more(&mut self, now: Duration, report: LineReport, losses: &Losses, sent: u32) {
        if report.queued >= NONE || (sent as f32) < self.bits as f32 * USED {
            return;
        }
        let most = if losses.are_cared_for() { self.most } else { self.most.min(self.enough.max(self.bits)) };
        let safe = self.ceiling.map(|ceiling| (ceiling as f32 * SAFE) as u32);
        let (bits, patience) = match safe {
            None => (self.bits as f32 * QUICK_STEP, QUICK_PATIENCE),
            Some(safe) if self.bits < safe => ((self.bits as f32 * QUICK_STEP).min(safe as f32), QUICK_PATIENCE),
            Some(_) => (self.bits as f32 * STEP, self.patience),
        };
        if self.bits < most && now.saturating_sub(self.since) >= patience {
            self.ceiling = self.ceiling.map(|ceiling| ceiling.max(self.bits));
            self.bits = (bits as u32).min(most);
            self.since = now;
        }
    }

    /// Lets the queue go of a line that takes so many bits.
    fn lower(&mut self, now: Duration, taken: u32) {
        self.go_back(now, (taken as f32 * BACK_OFF) as u32);
        self.ceiling = Some(taken.max(LEAST));
    }

    fn go_back(&mut self, now: Duration, bits: u32) {
        // Bits that were tried in vain are not tried again soon.
        self.patience = if self.trial.is_some() { (self.patience * 2).min(MOST_PATIENCE) } else { PATIENCE };
        self.bits = bits.clamp(LEAST.min(self.most), self.most);
        self.ceiling = Some(self.bits);
        self.since = now;
        self.trial = None;
    }
}
