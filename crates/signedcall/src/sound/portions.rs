//! When a speaker takes its next portion, and how long before that its sound should lie ready.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use signedcall_voice::SAMPLE_RATE;

/// How long before a portion is taken its sound lies ready at least: what a thread that goes before others takes to wake up and to make it, and what the
/// sound server's times are uneven by.
const LEAST_AHEAD: Duration = Duration::from_millis(4);
/// How much longer it lies after each time that the speaker has run dry.
const STEP: Duration = Duration::from_millis(5);
/// How long it lies at most: a sound server that takes more at once is no good for calls.
const MOST_AHEAD: Duration = Duration::from_millis(119);
/// A speaker that has not run dry for this long is tried with less: all of it is delay. Each time that it does run dry this doubles, since that is heard.
const CALM: Duration = Duration::from_secs(10);
/// What that grows to at most.
const MOST_CALM: Duration = Duration::from_secs(320);

/// What a sound library's callback takes, portion after portion at an even pace: told by the callback, asked by the audio thread.
#[derive(Debug)]
pub(super) struct Portions {
    samples: u32,
    opened: Instant,
    /// When the last one was taken, in microseconds since then; 0 before the first.
    last: AtomicU64,
}

impl Portions {
    pub(super) fn of(samples: u32) -> Self {
        Self { samples, opened: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Samples of one portion.
    pub(super) const fn samples(&self) -> u32 {
        self.samples
    }

    /// Notes that a portion is taken. Neither waits nor allocates.
    pub(super) fn note(&self, now: Instant) {
        let since = now.saturating_duration_since(self.opened).as_micros();
        self.last.store(u64::try_from(since).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    /// How many samples are taken within this time from now on.
    pub(super) fn wanted(&self, now: Instant, ahead: Duration) -> usize {
        let Some(next) = self.next_in(now) else { return 0 };
        let Some(beyond) = ahead.checked_sub(next) else { return 0 };
        let portions = 1 + beyond.as_nanos() / self.lasts().as_nanos();
        self.samples as usize * usize::try_from(portions).unwrap_or(1)
    }

    /// How long until more than what lies ready is taken within this time; nothing where nothing was taken yet.
    pub(super) fn wanted_in(&self, now: Instant, ahead: Duration, lying: usize) -> Option<Duration> {
        let portions = u32::try_from(lying / self.samples as usize).unwrap_or(u32::MAX);
        Some((self.next_in(now)? + self.lasts().saturating_mul(portions)).saturating_sub(ahead))
    }

    /// How long until the next one is due: no time if it has been for a while, as with a sound server that stands still.
    fn next_in(&self, now: Instant) -> Option<Duration> {
        let last = Some(self.last.load(Ordering::Relaxed)).filter(|last| *last > 0)?;
        let due = self.opened + Duration::from_micros(last) + self.lasts();
        Some(due.saturating_duration_since(now))
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs(1) * self.samples / SAMPLE_RATE
    }
}

/// How long before it is taken sound lies ready: sound servers are not quite even, and a busy computer wakes the audio thread late.
#[derive(Debug)]
pub(super) struct Ahead {
    span: Duration,
    faults: u64,
    since: Instant,
    calm: Duration,
}

impl Ahead {
    pub(super) fn new() -> Self {
        Self { span: LEAST_AHEAD, faults: 0, since: Instant::now(), calm: CALM }
    }

    pub(super) const fn span(&self) -> Duration {
        self.span
    }

    /// Longer for each time that the speaker has run dry, shorter after a calm while.
    pub(super) fn follow(&mut self, faults: u64, now: Instant) -> Duration {
        if faults > self.faults {
            let times = u32::try_from(faults - self.faults).unwrap_or(u32::MAX);
            self.span = self.span.saturating_add(STEP.saturating_mul(times)).min(MOST_AHEAD);
            self.calm = (2 * self.calm).min(MOST_CALM);
            self.faults = faults;
            self.since = now;
            tracing::debug!(faults, span = ?self.span, "the speaker has run dry");
        } else if now.duration_since(self.since) > self.calm {
            self.span = self.span.saturating_sub(STEP).max(LEAST_AHEAD);
            self.since = now;
        }
        self.span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn nothing_is_wanted_before_the_first_portion_is_taken() {
        let portions = Portions::of(480);
        let now = Instant::now();
        assert_eq!(portions.wanted(now, milliseconds(50)), 0);
        assert_eq!(portions.wanted_in(now, milliseconds(50), 0), None);
    }

    #[test]
    fn a_portion_is_wanted_shortly_before_it_is_taken() {
        let portions = Portions::of(480);
        let taken = portions.opened + milliseconds(100);
        portions.note(taken);
        let at = |later: u64| taken + milliseconds(later);
        assert_eq!(portions.wanted(at(5), milliseconds(4)), 0);
        assert_eq!(portions.wanted_in(at(5), milliseconds(4), 0), Some(milliseconds(1)));
        assert_eq!(portions.wanted(at(6), milliseconds(4)), 480);
        assert_eq!(portions.wanted_in(at(6), milliseconds(4), 480), Some(milliseconds(10)), "the one after it");
        assert_eq!(portions.wanted(at(0), milliseconds(10)), 480, "at once");
        assert_eq!(portions.wanted(at(0), milliseconds(25)), 960);
    }

    #[test]
    fn a_server_that_stands_still_gets_no_more_than_it_takes_next() {
        let portions = Portions::of(480);
        let taken = portions.opened + milliseconds(100);
        portions.note(taken);
        assert_eq!(portions.wanted(taken + milliseconds(5_000), milliseconds(4)), 480);
        assert_eq!(portions.wanted_in(taken + milliseconds(5_000), milliseconds(4), 480), Some(milliseconds(6)));
    }

    #[test]
    fn a_speaker_that_runs_dry_gets_more_ahead_and_gives_it_back_when_calm_for_longer_each_time() {
        let mut ahead = Ahead::new();
        let start = ahead.since;
        assert_eq!(ahead.follow(0, start), LEAST_AHEAD);
        assert_eq!(ahead.follow(1, start), LEAST_AHEAD + STEP);
        assert_eq!(ahead.follow(1, start + 2 * CALM), LEAST_AHEAD + STEP);
        let later = start + 2 * CALM + milliseconds(1);
        assert_eq!(ahead.follow(1, later), LEAST_AHEAD);
        assert_eq!(ahead.follow(500, later), MOST_AHEAD);
        assert_eq!(ahead.follow(500, later + 3 * CALM), MOST_AHEAD);
        assert_eq!(ahead.follow(500, later + 4 * CALM + milliseconds(1)), MOST_AHEAD - STEP);
    }
}
