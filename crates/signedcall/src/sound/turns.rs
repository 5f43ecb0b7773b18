//! How long the audio thread's turns take: it has 10 ms for all that a call needs in as much time.

use std::time::Duration;

/// How long turns are that are not told apart.
const STEP: Duration = Duration::from_micros(50);
/// The longest that are told apart: 10 ms.
const STEPS: usize = 200;

/// Counts turns by how long they took.
#[derive(Debug)]
pub(super) struct Turns([u32; STEPS + 1]);

impl Turns {
    pub(super) const fn new() -> Self {
        Self([0; STEPS + 1])
    }

    /// Notes a turn.
    pub(super) fn note(&mut self, took: Duration) {
        let step = took.as_micros() / STEP.as_micros();
        self.0[usize::try_from(step).unwrap_or(STEPS).min(STEPS)] += 1;
    }

    /// How long all but one in a thousand took at most.
    pub(super) fn all_but_a_thousandth(&self) -> Duration {
        let longer = self.0.iter().sum::<u32>() / 1_000;
        let mut seen = 0;
        let step = self.0.iter().rposition(|count| {
            seen += count;
            seen > longer
        });
        step.map_or(Duration::ZERO, |step| STEP * (step as u32 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_thousand_does_not_count() {
        let mut turns = Turns::new();
        assert_eq!(turns.all_but_a_thousandth(), Duration::ZERO);
        (0..1_998).for_each(|_| turns.note(Duration::from_micros(120)));
        turns.note(Duration::from_secs(1));
        turns.note(Duration::from_secs(1));
        assert_eq!(turns.all_but_a_thousandth(), Duration::from_micros(150));
        turns.note(Duration::from_millis(3));
        assert_eq!(turns.all_but_a_thousandth(), Duration::from_micros(3_050));
    }
}
