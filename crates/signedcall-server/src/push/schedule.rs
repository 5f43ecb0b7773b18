//! What follows from the answer to a push: whether it is done, is tried again and when, or never.

use std::time::Duration;

use signedcall_wire::PushService;

use super::SendError;
use crate::outward::{Answer, ConnectError, NoAnswer};

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
    Gone {
        /// When that was found out, in milliseconds since 1970, if it is said: a device that has said later where it is, is there again.
        since_ms: Option<i64>,
    },
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
pub(super) fn next(by: &PushService, answer: &Result<Answer, SendError>, tries: u32, left: Duration, chance: f64) -> Next {
    let again = |after: Duration| if after > left { Next::GiveUp } else { Next::Again { after } };
    let pause = pause(tries, chance);
    let answer = match answer {
        Ok(answer) => answer,
        Err(SendError::NoAnswer(NoAnswer::Connect(ConnectError::Url | ConnectError::NotPublic | ConnectError::Unencrypted))) => {
            return Next::GiveUp;
        }
        Err(SendError::NotSealed(_) | SendError::NoCredential | SendError::Bug) => return Next::GiveUp,
        Err(SendError::NoAnswer(_) | SendError::NotSigned) => return again(pause),
    };
    match (answer.status, by) {
        (200..=299, _) => Next::Done,
        (408 | 429 | 500..=599, _) => again(answer.rest.map_or(pause, |rest| rest.max(pause))),
        (404 | 410, PushService::WebPush { .. }) => Next::Gone { since_ms: None },
        (410, PushService::Apns { .. }) => Next::Gone { since_ms: since(&answer.words) },
        // A path that Apple does not know is not the device's fault.
        (400 | 403, PushService::Apns { .. }) => match refusal(&answer.words) {
            Refusal::Device => Next::Gone { since_ms: None },
            Refusal::OldProof => again(pause),
            Refusal::Other => Next::GiveUp,
        },
        (_, PushService::WebPush { .. } | PushService::Apns { .. } | PushService::Unknown) => Next::GiveUp,
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

/// When Apple has found that a device is not there any more, in milliseconds since 1970.
fn since(words: &str) -> Option<i64> {
    let answer: serde_json::Value = serde_json::from_str(words).ok()?;
    answer.get("timestamp")?.as_i64()
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{Environment, Redacted};

    use super::*;

    const LEFT: Duration = Duration::from_secs(30);

    fn web() -> PushService {
        PushService::WebPush { endpoint: Redacted::default() }
    }

    fn apple() -> PushService {
        PushService::Apns { token: Redacted::default(), topic: String::new(), environment: Environment::Production }
    }

    fn answer(status: u16, rest: Option<u64>, words: &str) -> Result<Answer, SendError> {
        Ok(Answer { status, rest: rest.map(Duration::from_secs), words: words.to_owned() })
    }

    fn no_answer(why: NoAnswer) -> Result<Answer, SendError> {
        Err(why.into())
    }

    #[test]
    fn what_follows_from_an_answer() {
        let again = |millis| Next::Again { after: Duration::from_millis(millis) };
        let gone = Next::Gone { since_ms: None };
        let rows = [
            (answer(201, None, ""), Next::Done),
            (answer(200, Some(60), ""), Next::Done),
            (answer(404, None, ""), gone),
            (answer(410, None, ""), gone),
            (answer(400, None, "who are you"), Next::GiveUp),
            (answer(403, None, ""), Next::GiveUp),
            (answer(413, None, ""), Next::GiveUp),
            (answer(301, None, ""), Next::GiveUp),
            (answer(100, None, ""), Next::GiveUp),
            (answer(429, None, ""), again(500)),
            (answer(429, Some(0), ""), again(500)),
            (answer(429, Some(30), ""), again(30_000)),
            (answer(503, Some(31), ""), Next::GiveUp),
            (answer(503, Some(u64::MAX), ""), Next::GiveUp),
            (answer(500, None, ""), again(500)),
            (no_answer(NoAnswer::TooLate), again(500)),
            (no_answer(NoAnswer::Connect(ConnectError::TooLate)), again(500)),
            (no_answer(NoAnswer::Connect(ConnectError::NotPublic)), Next::GiveUp),
            (Err(SendError::NoCredential), Next::GiveUp),
        ];
        for (answer, expected) in rows {
            assert_eq!(next(&web(), &answer, 1, LEFT, 0.0), expected, "{answer:?}");
        }
    }

    #[test]
    fn what_follows_from_an_answer_of_apple_s() {
        let gone = |since_ms| Next::Gone { since_ms };
        let rows = [
            (200, "", Next::Done),
            (410, "{\"reason\":\"Unregistered\",\"timestamp\":1700000000000}", gone(Some(1_700_000_000_000))),
            (410, "{\"reason\":\"ExpiredToken\"}", gone(None)),
            (400, "{\"reason\":\"BadDeviceToken\"}", gone(None)),
            (400, "{\"reason\":\"DeviceTokenNotForTopic\"}", gone(None)),
            (400, "{\"reason\":\"TopicDisallowed\"}", Next::GiveUp),
            (400, "{\"reason\":\"BadTopic\"}", Next::GiveUp),
            (400, "who are you", Next::GiveUp),
            (403, "{\"reason\":\"ExpiredProviderToken\"}", Next::Again { after: Duration::from_millis(500) }),
            (403, "{\"reason\":\"InvalidProviderToken\"}", Next::GiveUp),
            (404, "{\"reason\":\"BadPath\"}", Next::GiveUp),
            (413, "{\"reason\":\"PayloadTooLarge\"}", Next::GiveUp),
            (429, "{\"reason\":\"TooManyRequests\"}", Next::Again { after: Duration::from_millis(500) }),
        ];
        for (status, words, expected) in rows {
            assert_eq!(next(&apple(), &answer(status, None, words), 1, LEFT, 0.0), expected, "{status} {words}");
        }
    }

    #[test]
    fn pauses_double_from_half_a_second_to_eight_and_end_with_the_ringing() {
        let after = |tries, left, chance| next(&web(), &answer(500, None, ""), tries, left, chance);
        for (tries, least, most) in [(1, 500, 625), (2, 1_000, 1_250), (5, 8_000, 10_000), (u32::MAX, 8_000, 10_000)] {
            for (chance, millis) in [(0.0, least), (1.0, most)] {
                assert_eq!(after(tries, LEFT, chance), Next::Again { after: Duration::from_millis(millis) }, "{tries}");
            }
        }
        assert_eq!(after(1, Duration::from_millis(499), 0.0), Next::GiveUp);
    }
}
