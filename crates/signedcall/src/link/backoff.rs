use std::time::Duration;

use rand::Rng;

/// The first attempt after a loss comes at random within this time: at once for the user, and not at the same instant for everybody whom a
/// restarted service has lost.
const FIRST: Duration = Duration::from_millis(300);
/// What the second attempt waits at most; doubled with each that follows.
const SECOND: Duration = Duration::from_millis(500);
/// What any attempt waits at most. A network that comes back is noticed within it even when nothing announces it.
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

    fn most(&self) -> Duration {
        match self.attempts {
            0 => FIRST,
            attempt => SECOND.saturating_mul(1 << (attempt - 1).min(10)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let most: Vec<u128> = (0..10)
            .map(|_| {
                let most = backoff.most();
                assert!(backoff.next_wait() <= most);
                most.as_millis()
            })
            .collect();
        assert_eq!(most, [300, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn after_success_the_first_wait_is_short_again() {
        let mut backoff = Backoff { attempts: u32::MAX };
        assert_eq!(backoff.most(), LONGEST);
        backoff.reset();
        assert_eq!(backoff.most(), FIRST);
    }
}
