//! How the sound card's pulls lie in time.

use crate::frame::{MILLISECOND, Samples};

/// Half of how long a pull is remembered. A sound card that has stood still is believed to be behind after at most twice this, and one that
/// takes as much at once as it does in this time is still seen to be regular.
const SPAN: Samples = 400 * MILLISECOND;

/// Puts moments of the clock in relation to the row of frames that are pulled.
///
/// A sound card takes frames when it likes: several at once, and none while it stands still. What matters is how far ahead of the clock it
/// has been lately, at most: sound that is ready by then is ready in time. A card that stands still and goes on is less far ahead from then
/// on, and what was learnt of the packets' delays stays true.
#[derive(Debug)]
pub(super) struct Playout {
    /// Samples pulled so far.
    pulled: Samples,
    /// When the span that is being looked at began, and how far ahead the card has been in it.
    now: Option<Span>,
    /// How far ahead it was in the span before.
    before: Option<Samples>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    began: Samples,
    lead: Samples,
}

impl Playout {
    pub(super) fn new() -> Self {
        Self { pulled: 0, now: None, before: None }
    }

    /// Notes that the sound card asks at the moment `at`.
    pub(super) fn ask(&mut self, at: Samples) {
        let lead = self.pulled - at;
        self.now = Some(match self.now {
            Some(now) if at - now.began < SPAN => Span { lead: now.lead.max(lead), ..now },
            Some(now) => {
                // A card that has stood still for longer than is remembered begins anew.
                self.before = Some(now.lead).filter(|_| at - now.began < 2 * SPAN);
                Span { began: at, lead }
            }
            None => Span { began: at, lead },
        });
    }

    /// Notes that it has taken `span` samples.
    pub(super) fn take(&mut self, span: Samples) {
        self.pulled += span;
    }

    /// How long until the sound that is due at the moment `due` should be pulled; negative if it should have been. What is due before the
    /// first pull is due with it.
    pub(super) fn until(&self, due: Samples) -> Samples {
        let lead = self.now.map(|now| self.before.map_or(now.lead, |before| before.max(now.lead)));
        lead.map_or(0, |lead| due + lead - self.pulled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Samples = 10 * MILLISECOND;

    fn pull(playout: &mut Playout, at: Samples) {
        playout.ask(at * MILLISECOND);
        playout.take(FRAME);
    }

    /// Pulls one frame each 10 ms from `from` to `to`, in milliseconds.
    fn pull_steadily(playout: &mut Playout, from: Samples, to: Samples) {
        for at in (from..to).step_by(10) {
            pull(playout, at);
        }
    }

    #[test]
    fn a_steady_card_is_due_as_the_clock_says() {
        let mut playout = Playout::new();
        pull_steadily(&mut playout, 5_000, 7_000);
        assert_eq!(playout.until(7_030 * MILLISECOND), 30 * MILLISECOND);
    }

    #[test]
    fn a_card_that_takes_four_frames_at_once_needs_them_when_it_takes_the_first() {
        let mut playout = Playout::new();
        for at in (0..2_000).step_by(40) {
            for _ in 0..4 {
                pull(&mut playout, at);
            }
        }
        // The next pull, at 2,000 ms, takes up to the frame that lies 30 ms further in the row.
        assert_eq!(playout.until(2_000 * MILLISECOND), 30 * MILLISECOND);
    }

    #[test]
    fn a_card_that_has_stood_still_is_found_to_be_behind_within_a_second() {
        let mut playout = Playout::new();
        pull_steadily(&mut playout, 0, 1_000);
        pull_steadily(&mut playout, 1_200, 1_500);
        assert_eq!(playout.until(1_500 * MILLISECOND), 200 * MILLISECOND, "it may only be about to take all of it at once");
        pull_steadily(&mut playout, 1_500, 2_000);
        assert_eq!(playout.until(2_000 * MILLISECOND), 0);
    }
}
