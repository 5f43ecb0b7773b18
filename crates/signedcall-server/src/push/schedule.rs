//! What follows from the answer to a push: whether it is done, is tried again and when, or never.

use std::time::Duration;

use super::exchange::{Answer, SendError};
use crate::outward::ConnectError;

/// The pause after the first failure; each one after is twice as long. Somebody waits for it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, before a quarter of it at most is added by chance.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The push service has it.
    Done,
    /// It is tried again after a pause.
    Again {
        /// The pause.
        after: Duration,
    },
    /// It cannot be brought, or not before the call has ended ringing.
    GiveUp,
    /// The device is not there any more: it is to say anew where it is.
    Gone,
}

/// Why Apple has refused a push, as far as something follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// The token is no device's, or of an app that was removed, or of the other environment.
    Device,
    /// The proof of who sends is too old: there is another by the next try.
    OldProof,
    /// Anything else.
    Other,
}

/// Decides what follows from the try with this number (from 1), with so much of the time left. `chance` is from 0 to 1, so that what has failed
/// together does not come back together.
pub(super) fn next(answer: &Result<Answer, SendError>, tries: u32, left: Duration, chance: f64) -> Next {
    let again = |after: Duration| if after > left { Next::GiveUp } else { Next::Again { after } };
    let pause = pause(tries, chance);
    match answer {
        Ok(Answer { status: 200..=299, .. }) => Next::Done,
        Ok(Answer { status: 404 | 410, .. }) => Next::Gone,
        Ok(Answer { status: 400 | 403, words, .. }) => match refusal(words) {
            Refusal::Device => Next::Gone,
            Refusal::OldProof => again(pause),
            Refusal::Other => Next::GiveUp,
        },
        Ok(Answer { status: 408 | 429 | 500..=599, rest, .. }) => again(rest.map_or(pause, |rest| rest.max(pause))),
        Ok(Answer { .. }) => Next::GiveUp,
        Err(SendError::Connect(ConnectError::Url | ConnectError::NotPublic | ConnectError::Unencrypted)) => Next::GiveUp,
        Err(SendError::NotSealed(_) | SendError::NoCredential | SendError::Bug) => Next::GiveUp,
        Err(SendError::Connect(_) | SendError::AnswerTooLate | SendError::Broken(_) | SendError::NotSigned) => again(pause),
    }
}

fn pause(tries: u32, chance: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE).mul_f64(1.0 + chance / 4.0)
}

fn refusal(words: &str) -> Refusal {
    match reason(words).as_deref() {
        Some("BadDeviceToken" | "DeviceTokenNotForTopic" | "Unregistered" | "ExpiredToken") => Refusal::Device,
        Some("ExpiredProviderToken") => Refusal::OldProof,
        Some(_) | None => Refusal::Other,
    }
}

/// The reason in an answer of Apple's.
pub(super) fn reason(words: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(words).ok()?;
    answer.get("reason")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(30);

    fn answer(status: u16, rest: Option<u64>, words: &str) -> Result<Answer, SendError> {
        Ok(Answer { status, rest: rest.map(Duration::from_secs), words: words.to_owned() })
    }

    #[test]
    fn what_follows_from_an_answer() {
        let again = |millis| Next::Again { after: Duration::from_millis(millis) };
        let rows = [
            (answer(201, None, ""), Next::Done),
            (answer(200, Some(60), ""), Next::Done),
            (answer(404, None, ""), Next::Gone),
            (answer(410, None, "{\"reason\":\"Unregistered\"}"), Next::Gone),
            (answer(400, None, "{\"reason\":\"BadDeviceToken\"}"), Next::Gone),
            (answer(400, None, "{\"reason\":\"BadTopic\"}"), Next::GiveUp),
            (answer(400, None, "who are you"), Next::GiveUp),
            (answer(403, None, "{\"reason\":\"ExpiredProviderToken\"}"), again(500)),
            (answer(403, None, "{\"reason\":\"InvalidProviderToken\"}"), Next::GiveUp),
            (answer(413, None, ""), Next::GiveUp),
            (answer(301, None, ""), Next::GiveUp),
            (answer(429, None, ""), again(500)),
            (answer(429, Some(0), ""), again(500)),
            (answer(429, Some(30), ""), again(30_000)),
            (answer(503, Some(31), ""), Next::GiveUp),
            (answer(500, None, ""), again(500)),
            (Err(SendError::AnswerTooLate), again(500)),
            (Err(SendError::Connect(ConnectError::NotPublic)), Next::GiveUp),
            (Err(SendError::NoCredential), Next::GiveUp),
        ];
        for (answer, expected) in rows {
            assert_eq!(next(&answer, 1, LEFT, 0.0), expected, "{answer:?}");
        }
    }

    #[test]
    fn pauses_double_from_half_a_second_to_eight_and_end_with_the_ringing() {
        for (tries, least, most) in [(1, 500, 625), (2, 1_000, 1_250), (5, 8_000, 10_000), (u32::MAX, 8_000, 10_000)] {
            for (chance, after) in [(0.0, least), (1.0, most)] {
                let expected = Next::Again { after: Duration::from_millis(after) };
                assert_eq!(next(&answer(500, None, ""), tries, LEFT, chance), expected, "{tries}");
            }
        }
        assert_eq!(next(&answer(500, None, ""), 1, Duration::from_millis(499), 0.0), Next::GiveUp);
    }
}
