use std::time::Duration;

use rand::Rng;

/// The first attempt after a loss comes at random within this time: at once for the user, and not at the same instant for everybody whom a
/// restarted service has lost.
const FIRST: Duration = Duration::from_millis(300);
/// What the second attempt waits at most; doubled with each that follows.
const SECOND: Duration = Duration::from_millis(500);
/// What an attempt waits at most while the loss is fresh: what comes back within a minute, a service that restarts or a lift that opens, is
/// reached within two seconds (R15), although nothing announces it.
const EAGER: Duration = Duration::from_millis(1_500);
/// How many attempts are eager: more than a minute of them, at half of [`EAGER`] each.
const EAGER_ATTEMPTS: u32 = 90;
/// What any attempt waits at most. A network that comes back after hours is noticed within it.
const LONGEST: Duration = Duration::from_secs(30);

/// How long to wait before each attempt to reach the service: full jitter, so that many devices spread evenly.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next attempt comes as early as after a loss.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How long to wait before the next attempt.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let most = self.most();
        self.attempts = self.attempts.saturating_add(1);
        most.mul_f64(rand::rng().random::<f64>())
    }

    /// Whether the loss is so fresh that an attempt which does not get through at once is joined by another.
    pub(crate) fn is_eager(&self) -> bool {
        self.attempts < EAGER_ATTEMPTS
    }

    fn most(&self) -> Duration {
        match self.attempts {
            0 => FIRST,
            attempt if self.is_eager() => SECOND.saturating_mul(1 << (attempt - 1).min(10)).min(EAGER),
            attempt => EAGER.saturating_mul(2 << (attempt - EAGER_ATTEMPTS).min(10)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_short_for_a_minute_and_then_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let most: Vec<u128> = (0..97)
            .map(|_| {
                let most = backoff.most();
                assert!(backoff.next_wait() <= most);
                most.as_millis()
            })
            .collect();
        assert_eq!(most[..6], [300, 500, 1_000, 1_500, 1_500, 1_500]);
        assert_eq!(most[88..], [1_500, 1_500, 3_000, 6_000, 12_000, 24_000, 30_000, 30_000, 30_000]);
        assert!(most[..90].iter().sum::<u128>() / 2 > 60_000, "on average, an attempt waits half of what it may");
    }

    #[test]
    fn after_success_the_first_wait_is_short_again() {
        let mut backoff = Backoff { attempts: u32::MAX };
        assert_eq!(backoff.most(), LONGEST);
        backoff.reset();
        assert_eq!(backoff.most(), FIRST);
    }
}
