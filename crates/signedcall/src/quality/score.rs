//! How fit the line is for a call, before there is one: what was measured of it, and what that comes to.

use std::fmt;
use std::time::Duration;

use signedcall_voice::Quality;

/// What a packet is made of and what the buffer keeps at least: the delay of every call, whatever its line.
const OF_EVERY_CALL: Duration = Duration::from_millis(60);

/// What is left of the score by seconds from mouth to ear. Up to 150 ms nobody minds and 400 ms are the limit (ITU-T G.114); over a second, people stop
/// talking to each other and take turns.
const BY_DELAY: [(f32, f32); 6] = [(0.15, 1.0), (0.25, 0.9), (0.4, 0.6), (0.6, 0.3), (1.0, 0.1), (2.0, 0.0)];

/// What is left of it by the share that is lost. A twentieth is where a user is told in a call; a fifth is repaired with copies, if the line has room for
/// them; with a half not much of what is said can be.
const BY_LOSS: [(f32, f32); 7] = [(0.0, 1.0), (0.02, 0.95), (0.05, 0.85), (0.1, 0.7), (0.2, 0.5), (0.45, 0.15), (1.0, 0.0)];

/// Under this score a line is poor.
const POOR: i8 = 40;
/// Under this one it is weak.
const WEAK: i8 = 70;

/// How fit a line is for a call: 0 is not at all and 100 is as good as can be; −1 says that nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineScore(i8);

impl LineScore {
    /// Nothing could be measured, or nothing has been yet.
    pub const UNKNOWN: Self = Self(-1);

    /// The number, −1 to 100.
    pub const fn value(self) -> i8 {
        self.0
    }

    /// What it comes to for a user; nothing when it is not known.
    pub const fn quality(self) -> Option<Quality> {
        match self.0 {
            ..0 => None,
            0..POOR => Some(Quality::Poor),
            POOR..WEAK => Some(Quality::Weak),
            WEAK.. => Some(Quality::Good),
        }
    }
}

impl Default for LineScore {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl fmt::Display for LineScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was measured of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineMeasures {
    /// How long the quickest answer of the relay took, or the service's where no relay answers; at least as long, where neither has answered while it was
    /// waited for. Nothing where nobody could be asked.
    pub round_trip: Option<Duration>,
    /// By how much later than the quickest the relay's answers came, but for the latest twentieth.
    pub jitter: Duration,
    /// The share of questions that the relay did not answer, 0 to 1: what was lost there or back. Nothing where no relay answers.
    pub loss: Option<f32>,
}

impl LineMeasures {
    /// What they come to: a function of them alone.
    ///
    /// The other side is taken to be as far from the relay as this one, so that the way to it is as long as to the relay and back.
    pub fn score(&self) -> LineScore {
        let Some(round_trip) = self.round_trip else { return LineScore::UNKNOWN };
        let delay = round_trip + self.jitter + OF_EVERY_CALL;
        let left = along(&BY_DELAY, delay.as_secs_f32()) * along(&BY_LOSS, self.loss.unwrap_or_default());
        LineScore((left * 100.0).round() as i8)
    }
}

/// What stands at `x` between the points of a curve.
fn along(curve: &[(f32, f32)], x: f32) -> f32 {
    let above = curve.partition_point(|(point, _)| *point <= x);
    match (above.checked_sub(1).map(|below| curve[below]), curve.get(above)) {
        (Some((from, high)), Some((to, low))) => high + (low - high) * (x - from) / (to - from),
        (None, Some(&(_, end))) | (Some((_, end)), None) => end,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(round_trip: u64, jitter: u64, loss: f32) -> i8 {
        let round_trip = Some(Duration::from_millis(round_trip));
        LineMeasures { round_trip, jitter: Duration::from_millis(jitter), loss: Some(loss) }.score().value()
    }

    #[test]
    fn each_line_has_its_score() {
        for (round_trip, jitter, loss, expected) in [
            (0, 0, 0.0, 100),
            (90, 0, 0.0, 100),
            (40, 50, 0.0, 100),
            (190, 0, 0.0, 90),
            (340, 0, 0.0, 60),
            (300, 40, 0.0, 60),
            (540, 0, 0.0, 30),
            (940, 0, 0.0, 10),
            (1_940, 0, 0.0, 0),
            (60_000, 0, 0.0, 0),
            (20, 0, 0.01, 98),
            (20, 0, 0.05, 85),
            (20, 0, 0.1, 70),
            (20, 0, 0.2, 50),
            (20, 0, 0.45, 15),
            (20, 0, 1.0, 0),
            (340, 0, 0.1, 42),
            (540, 0, 0.2, 15),
        ] {
            assert_eq!(score(round_trip, jitter, loss), expected, "{round_trip} ms, {jitter} ms, {loss}");
        }
    }

    #[test]
    fn whatever_gets_worse_never_raises_it() {
        let shares = (0..=100).map(|percent| percent as f32 / 100.0);
        let by_loss: Vec<i8> = shares.map(|loss| score(20, 0, loss)).collect();
        let by_way: Vec<i8> = (0..2_000).map(|way| score(way, 0, 0.0)).collect();
        let by_jitter: Vec<i8> = (0..2_000).map(|jitter| score(20, jitter, 0.0)).collect();
        for scores in [by_loss, by_way, by_jitter] {
            assert!(scores.is_sorted_by(|earlier, later| earlier >= later), "{scores:?}");
        }
    }

    #[test]
    fn a_line_of_which_nothing_is_known_has_none_and_one_without_a_relay_is_known_by_the_service() {
        assert_eq!(LineMeasures::default().score(), LineScore::UNKNOWN);
        assert_eq!((LineScore::UNKNOWN.value(), LineScore::UNKNOWN.quality()), (-1, None));
        let signalling = LineMeasures { round_trip: Some(Duration::from_millis(340)), ..LineMeasures::default() };
        assert_eq!(signalling.score().value(), 60);
    }

    #[test]
    fn a_score_is_a_word_for_a_user() {
        for (value, quality) in
            [(0, Quality::Poor), (39, Quality::Poor), (40, Quality::Weak), (69, Quality::Weak), (70, Quality::Good), (100, Quality::Good)]
        {
            assert_eq!(LineScore(value).quality(), Some(quality), "{value}");
        }
    }
}
