//! A push that rings nobody: whoever has entered what devices are pushed by finds out whether it works, before there is a call.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use signedcall_wire::{DeviceId, PushService, PushTarget};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::Answer;
use super::schedule::{Next, next, reason};
use super::sender::Senders;
use crate::hub::User;
use crate::store::{DuePush, unix_millis};

/// Trials at the same time: each may hold one of the files that the process may have open.
const MOST_AT_ONCE: usize = 4;
/// How long a push service may keep it until the device can be reached.
const OF_USE_FOR: Duration = Duration::from_secs(60);
/// When the call that it tells of has stopped ringing: so long ago that a device knows by any clock that it is too late (R36).
const EXPIRED: u64 = 0;

/// Sends trials.
#[derive(Clone, Debug)]
pub(crate) struct PushTrials {
    senders: Arc<Senders>,
    room: Arc<Semaphore>,
}

/// What has come of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) verdict: Verdict,
    /// The status that the push service has answered with.
    pub(crate) status: Option<u16>,
    /// Why it has refused, in Apple's words for programs.
    pub(crate) reason: Option<String>,
    /// What it says, or why there is no answer. Where the device is reached is left out.
    pub(crate) said: Option<String>,
    pub(crate) took: Duration,
}

/// What a push service's answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has the push, and brings it.
    Taken,
    /// It does not know the device any more.
    Gone,
    /// It does not take it now; of a call it would be tried again.
    NotNow,
    /// It does not take it.
    Refused,
    /// It could not be asked.
    NotAsked,
}

impl PushTrials {
    pub(crate) fn new(senders: Arc<Senders>) -> Self {
        Self { senders, room: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }

    /// Sends a device a push for a call that is over; `None` while too many others are under way.
    pub(crate) async fn send(&self, user: User, device: DeviceId, target: PushTarget) -> Option<Trial> {
        let _room = self.room.try_acquire().ok()?;
        let expires_at_ms = unix_millis(SystemTime::now() + OF_USE_FOR);
        let push = DuePush { number: 0, call: Uuid::new_v4().to_string(), user, device, target, expires_at_ms, tries: 0 };
        let began = Instant::now();
        let answer = self.senders.bring(&push, EXPIRED).await;
        let took = began.elapsed();
        let verdict = match (next(&push.target.by, &answer, 1, OF_USE_FOR, 0.0), answer.is_ok()) {
            (Next::Done, _) => Verdict::Taken,
            (Next::Gone { .. }, _) => Verdict::Gone,
            (Next::Again { .. }, true) => Verdict::NotNow,
            (Next::GiveUp, true) => Verdict::Refused,
            (Next::Again { .. } | Next::GiveUp, false) => Verdict::NotAsked,
        };
        let (status, words) = match answer {
            Ok(Answer { status, words, .. }) => (Some(status), words),
            Err(error) => (None, error.to_string()),
        };
        tracing::info!(device = %push.device, ?status, ?verdict, "a push was tried");
        let said = Some(without_address(&words, &push.target.by)).filter(|said| !said.is_empty());
        Some(Trial { verdict, status, reason: reason(&words), said, took })
    }
}

/// What was said, without where the device is reached: whoever knows that may send pushes.
fn without_address(words: &str, by: &PushService) -> String {
    let (address, path) = match by {
        PushService::WebPush { endpoint } => {
            let endpoint = endpoint.expose().as_str();
            let path = endpoint.splitn(4, '/').nth(3).unwrap_or_default();
            (endpoint, path)
        }
        PushService::Apns { token, .. } => (token.expose().as_str(), ""),
        PushService::Unknown => ("", ""),
    };
    let parts = [address, path].into_iter().filter(|part| !part.is_empty());
    parts.fold(words.to_owned(), |words, part| words.replace(part, "…"))
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{Environment, Redacted};

    use super::*;

    #[test]
    fn what_is_said_does_not_tell_where_the_device_is() {
        let secret = |text: &str| Redacted::new(text.to_owned());
        let web = PushService::WebPush { endpoint: secret("https://push.example/device/1?x=y") };
        let apple = PushService::Apns { token: secret("00fc13"), topic: String::new(), environment: Environment::Production };
        for (by, words, said) in [
            (&web, "no such thing: /device/1?x=y", "no such thing: /…"),
            (&web, "https://push.example/device/1?x=y is gone", "… is gone"),
            (&web, "busy", "busy"),
            (&apple, "{\"reason\":\"BadDeviceToken\",\"token\":\"00fc13\"}", "{\"reason\":\"BadDeviceToken\",\"token\":\"…\"}"),
            (&PushService::Unknown, "", ""),
        ] {
            assert_eq!(without_address(words, by), said, "{words}");
        }
    }
}
