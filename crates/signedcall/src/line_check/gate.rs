//! Whether a call goes ahead over the line as it is.

use std::fmt;
use std::sync::Arc;

use signedcall_wire::Direction;

use crate::quality::{LineMeasures, LineScore};

/// How the line was found to be before a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineCheck {
    /// How fit it is for a call.
    pub score: LineScore,
    /// What was measured.
    pub measures: LineMeasures,
}

impl From<LineMeasures> for LineCheck {
    fn from(measures: LineMeasures) -> Self {
        Self { score: measures.score(), measures }
    }
}

/// The embedder's word on whether a call goes ahead over the line as it is: before one is placed, and before one rings that has come.
///
/// ```
/// use signedcall::{Analytics, Direction, LineGate, Options};
///
/// let mut options = Options::new("wss://calls.example", "demo", "api key", "courier_8842").production(true).analytics(Analytics::Local);
/// // No call over a line that scores less than 30 of 100 …
/// options.line_gate = Some(LineGate::at_least(30));
/// // … or whatever else the app knows better.
/// options.line_gate = Some(LineGate::new(|direction, check| match direction {
///     Direction::Outgoing => check.score.value() >= 30,
///     // Whoever calls in vain is told why; whoever is called over a bad line may still hear enough.
///     Direction::Incoming => check.measures.loss.is_none_or(|loss| loss < 0.4),
/// }));
/// ```
#[derive(Clone)]
pub struct LineGate(Arc<Decision>);

type Decision = dyn Fn(Direction, &LineCheck) -> bool + Send + Sync;

impl LineGate {
    /// Lets a call go ahead if `decide` says so. It is asked on the way of a call and has to answer at once. What is not known scores −1.
    pub fn new(decide: impl Fn(Direction, &LineCheck) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    /// Lets a call go ahead if the line scores as much, or if nothing is known of it: what could not be measured need not be bad.
    pub fn at_least(score: u8) -> Self {
        Self::new(move |_, check| check.score == LineScore::UNKNOWN || i16::from(check.score.value()) >= i16::from(score))
    }

    pub(crate) fn admits(&self, direction: Direction, check: &LineCheck) -> bool {
        (self.0)(direction, check)
    }
}

impl fmt::Debug for LineGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineGate")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(loss: f32) -> LineCheck {
        LineMeasures { round_trip: Some(Duration::from_millis(20)), loss: Some(loss), ..LineMeasures::default() }.into()
    }

    #[test]
    fn a_limit_lets_pass_what_reaches_it_and_what_is_not_known() {
        let admits = |score, check| LineGate::at_least(score).admits(Direction::Outgoing, &check);
        assert_eq!((admits(70, check(0.1)), admits(71, check(0.1))), (true, false));
        assert!(admits(100, LineCheck::default()));
        assert!(!admits(255, check(0.0)), "nothing reaches it");
    }

    #[test]
    fn whoever_decides_is_asked_for_each_direction() {
        let gate = LineGate::new(|direction, check| direction == Direction::Incoming && check.score.value() > 50);
        assert!(gate.admits(Direction::Incoming, &check(0.0)));
        assert!(!gate.admits(Direction::Outgoing, &check(0.0)));
        assert!(!gate.admits(Direction::Incoming, &LineCheck::default()));
    }
}
