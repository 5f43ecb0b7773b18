//! Playing a little faster or slower, so that sound is played when it is due.

use super::intake::FARTHEST_BEHIND;
use super::{FRAME, Receiver};
use crate::frame::{MILLISECOND, Samples, duration};
use crate::splice::{Change, LONGEST, OVERLAP, splice};

/// How far ahead of its due time the playout may be before it is slowed down: less than the margin for late packets, which would be used up
/// otherwise, and every change of pace might be heard.
const TOLERATED_EARLY: Samples = 2 * MILLISECOND;

/// How much more than that is added at a time, so that the period of a voice fits in.
const ADDED_BEYOND: Samples = 5 * MILLISECOND;

/// With how little sound beyond a frame it is better to add some roughly than to wait for a better place.
const SCARCE: Samples = 5 * MILLISECOND;

/// How far behind its due time the playout may be before it is hurried: what is due changes by milliseconds from second to second, and to follow
/// each of them costs more than it saves.
const TOLERATED_LATE: Samples = 8 * MILLISECOND;

/// As that where packets come up to 40 ms later than others and all waits for them: of 3 to 8 ms, this sounds best there and is as late as 3.
const TOLERATED_LATE_UNDER_JITTER: Samples = 4 * MILLISECOND;

/// For how long the playout is looked at to see whether it is behind all the time, as it is with a sender whose clock runs fast.
const STEADY_FOR: Samples = 15_000 * MILLISECOND;

/// How far behind it may be all the time.
const TOLERATED_STEADILY: Samples = 3 * MILLISECOND;

/// How much is played between two changes of pace: speech stays speech while at most a third of it is changed.
const BETWEEN_SPLICES: Samples = 30 * MILLISECOND;

impl Receiver {
    /// Plays the sound that is left more slowly, in the hope that the packet that is missing comes meanwhile. Says whether it did.
    pub(super) fn linger(&mut self) -> bool {
        self.made_up == 0 && self.end.is_some() && self.stretch(Change::Lengthen, LONGEST, LEAST_ALIKE)
    }

    /// Plays faster when behind the due time and slower when ahead of it.
    pub(super) fn keep_pace(&mut self) {
        self.since_splice = (self.since_splice + FRAME).min(BETWEEN_SPLICES);
        let Some(end) = self.end else { return };
        if self.made_up > 0 {
            self.behind_for = 0;
            return;
        }
        let early = self.jitter.due_in(end - self.ahead());
        self.behind_for = if early < -TOLERATED_STEADILY { self.behind_for + FRAME } else { 0 };
        if self.since_splice < BETWEEN_SPLICES {
            return;
        }
        let left = self.ahead() + self.jitter.waiting(end) - FRAME;
        // Where the next frame has to wait for the next packet, none of the margin may be used up.
        let tolerated = if left < FRAME { 0 } else { TOLERATED_EARLY };
        let tolerated_late = (TOLERATED_LATE - self.jitter.spread() / 10).max(TOLERATED_LATE_UNDER_JITTER);
        if early > tolerated {
            let alikeness = if left < SCARCE { LEAST_ALIKE } else { alikeness_for(early - tolerated) };
            self.stretch(Change::Lengthen, (early + ADDED_BEYOND) as usize, alikeness);
        } else if early < -tolerated_late || self.behind_for >= STEADY_FOR {
            // What has not come cannot be skipped, and leaving nothing to stretch would make the next late packet a gap.
            let spare = self.ahead() + self.jitter.waiting(end) - FRAME - OVERLAP as Samples;
            let most = (-early).min(spare).clamp(0, LONGEST as Samples);
            while self.ahead() < most + FRAME + OVERLAP as Samples && self.jitter.next().map(|next| next.timestamp) == self.end {
                self.append_packet();
            }
            let most = most.min(self.ahead() - FRAME);
            self.stretch(Change::Shorten, most as usize, alikeness_for(-early - tolerated_late));
        }
    }

    /// Plays up to `most` samples more or less than there are. Says whether it could.
    fn stretch(&mut self, change: Change, most: usize, alikeness: f32) -> bool {
        let by = splice(&mut self.sound, self.at, change, most, alikeness);
        if by == 0 {
            return false;
        }
        self.since_splice = 0;
        self.behind_for = 0;
        match change {
            Change::Shorten => self.stats.shortened += duration(by as Samples),
            Change::Lengthen => self.stats.lengthened += duration(by as Samples),
        }
        true
    }
}

/// The least alike two pieces of sound may be to be spliced at all.
const LEAST_ALIKE: f32 = 0.5;

/// How alike two pieces of sound must be to be spliced, when the playout is off its due time by `off` more than is tolerated: the farther, the
/// sooner a rough splice is the lesser evil.
fn alikeness_for(off: Samples) -> f32 {
    const MOST_ALIKE: f32 = 0.9;
    let urgency = off as f32 / FARTHEST_BEHIND as f32;
    MOST_ALIKE - (MOST_ALIKE - LEAST_ALIKE) * urgency.clamp(0.0, 1.0)
}
