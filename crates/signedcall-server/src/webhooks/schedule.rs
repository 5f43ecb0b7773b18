//! What follows from the answer to a delivery: whether it is done, is tried again and when, or never.

use std::time::Duration;

use super::client::SendError;
use crate::outward::Answer;

/// How long something is tried to be delivered: a receiver that is mended within a day misses nothing.
pub(crate) const KEPT_TRYING_FOR: Duration = Duration::from_secs(24 * 3600);
/// The pause after the first failure; each one after is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause, before a quarter of it at most is added by chance.
const LONGEST_PAUSE: Duration = Duration::from_secs(192 * 60);
/// A receiver that asks for less may not know what it does.
const SHORTEST_REST: Duration = Duration::from_secs(10);
/// One that asks for more is tried even so, for it may have been mended.
const LONGEST_REST: Duration = Duration::from_secs(4 * 3600);

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The receiver has it.
    Done,
    /// It is tried again after a pause.
    Again {
        /// The pause.
        after: Duration,
        /// Whether the receiver wants to be left alone until then altogether.
        rest: bool,
    },
    /// It was tried for long enough.
    GiveUp,
    /// The receiver says that it is gone, for good.
    SwitchOff,
}

/// Decides what follows from the try with this number (from 1), with so much of the time left. `chance` is from 0 to 1, so that what has failed
/// together does not come back together.
pub(super) fn next(answer: &Result<Answer, SendError>, tries: u32, left: Duration, chance: f64) -> Next {
    let again = |after, rest| if after > left { Next::GiveUp } else { Next::Again { after, rest } };
    match answer {
        Ok(Answer { status: 200..=299, .. }) => Next::Done,
        Ok(Answer { status: 410, .. }) => Next::SwitchOff,
        Ok(Answer { status: 429 | 503, rest: Some(rest), .. }) => again((*rest).clamp(SHORTEST_REST, LONGEST_REST), true),
        Ok(Answer { .. }) | Err(_) => again(pause(tries, chance), false),
    }
}

fn pause(tries: u32, chance: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE).mul_f64(1.0 + chance / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outward::NoAnswer;

    const DAY: Duration = KEPT_TRYING_FOR;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_follows_from_an_answer() {
        let answer = |status, rest: Option<u64>| Ok(Answer { status, rest: rest.map(seconds), words: String::new() });
        let again = |after, rest| Next::Again { after: seconds(after), rest };
        let rows = [
            (answer(200, None), Next::Done),
            (answer(204, Some(60)), Next::Done),
            (answer(301, None), again(60, false)),
            (answer(404, None), again(60, false)),
            (answer(410, None), Next::SwitchOff),
            (answer(429, None), again(60, false)),
            (answer(429, Some(9)), again(10, true)),
            (answer(429, Some(10)), again(10, true)),
            (answer(503, Some(14_400)), again(14_400, true)),
            (answer(503, Some(14_401)), again(14_400, true)),
            (answer(500, Some(30)), again(60, false)),
            (Err(NoAnswer::TooLate.into()), again(60, false)),
        ];
        for (answer, expected) in rows {
            assert_eq!(next(&answer, 1, DAY, 0.0), expected, "{answer:?}");
        }
    }

    #[test]
    fn pauses_double_from_a_minute_to_four_hours_and_end_with_the_day() {
        let after = |tries, left, chance| next(&Err(NoAnswer::TooLate.into()), tries, left, chance);
        let rows = [
            (1, 60, 75),
            (2, 120, 150),
            (7, 3_840, 4_800),
            (8, 7_680, 9_600),
            (9, 11_520, 14_400),
            (10, 11_520, 14_400),
            (u32::MAX, 11_520, 14_400),
        ];
        for (tries, least, most) in rows {
            assert_eq!(after(tries, DAY, 0.0), Next::Again { after: seconds(least), rest: false });
            assert_eq!(after(tries, DAY, 1.0), Next::Again { after: seconds(most), rest: false });
        }
        assert_eq!(after(1, seconds(60), 0.0), Next::Again { after: seconds(60), rest: false });
        assert_eq!(after(1, seconds(60) - Duration::from_millis(1), 0.0), Next::GiveUp);
    }
}
