//! What the embedder asks for.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use signedcall_core::{AnswerHow, Dial, Event, Push, PushOutcome};
use signedcall_wire::{AnalyticsEvent, CallId, Cuid, EndReason, ErrorCode, PushPayload, PushTarget};
use tokio::sync::oneshot;

use super::Driver;
use crate::Error;
use crate::line_check::LineCheck;
use crate::media::Answerer;
use crate::sound::{Sound, ToneSet, Treatment};

/// What the embedder asks for. A request without a way to fail is answered once it has been handed in.
#[derive(Debug)]
pub(crate) enum UserRequest {
    Dial {
        dial: Dial,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    Answer {
        call: CallId,
        how: AnswerHow,
        asked_at: Instant,
        reply: oneshot::Sender<()>,
    },
    AnswerWithoutMicrophone {
        call: CallId,
        reply: oneshot::Sender<()>,
    },
    Decline {
        call: CallId,
        reply: oneshot::Sender<()>,
    },
    HangUp {
        call: CallId,
        reply: oneshot::Sender<()>,
    },
    Mute {
        call: CallId,
        muted: bool,
        reply: oneshot::Sender<()>,
    },
    SetVolume {
        call: CallId,
        volume: f32,
        reply: oneshot::Sender<()>,
    },
    Hold {
        call: CallId,
        on: bool,
        reply: oneshot::Sender<()>,
    },
    Swap {
        reply: oneshot::Sender<()>,
    },
    Transfer {
        call: CallId,
        to: Cuid,
        new: CallId,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    KeepEvents {
        events: Vec<AnalyticsEvent>,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    Receipt {
        call: CallId,
        reply: oneshot::Sender<Result<String, Error>>,
    },
    UseSound {
        sound: Arc<dyn Sound>,
        treatment: Treatment,
        reply: oneshot::Sender<()>,
    },
    UseTones {
        tones: ToneSet,
        reply: oneshot::Sender<()>,
    },
    /// How the line is, as of just now unless it is to be measured anew.
    CheckLine {
        anew: bool,
        reply: oneshot::Sender<LineCheck>,
    },
    ShowMicrophone {
        problem: Option<Error>,
    },
    LogOut {
        reply: oneshot::Sender<()>,
    },
    AllowNotifications {
        allowed: bool,
        reply: oneshot::Sender<()>,
    },
    TakeSecondCalls {
        on: bool,
        reply: oneshot::Sender<()>,
    },
    SetPush {
        target: Option<PushTarget>,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    GoIdle {
        reply: oneshot::Sender<Result<(), Error>>,
    },
    Push {
        payload: PushPayload,
        reply: oneshot::Sender<PushOutcome>,
    },
}

/// Events for analytics that the service is to keep, and whoever waits for that.
#[derive(Debug)]
pub(super) struct Keeping {
    pub(super) events: Vec<AnalyticsEvent>,
    pub(super) reply: oneshot::Sender<Result<(), Error>>,
}

impl Driver {
    pub(super) fn take_request(&mut self, request: UserRequest) -> Option<Event> {
        let (event, reply) = match request {
            UserRequest::Dial { dial, reply } => {
                self.placing.insert(dial.call, reply);
                return Some(Event::UserDialled(dial));
            }
            UserRequest::Transfer { call, reply, .. } if self.transferring.contains_key(&call) => {
                let _ = reply.send(Err(ErrorCode::OngoingCall.into()));
                return None;
            }
            UserRequest::Transfer { call, to, new, reply } => {
                self.transferring.insert(call, reply);
                return Some(Event::UserTransferred { call, to, new });
            }
            UserRequest::KeepEvents { events, reply } => {
                // There is one batch at a time: whoever waited for another has given it up.
                self.keeping = Some(Keeping { events: events.clone(), reply });
                return Some(Event::EventsNoted(events));
            }
            UserRequest::Receipt { call, reply } => {
                self.receipts.entry(call).or_default().push(reply);
                return Some(Event::UserAskedReceipt { call });
            }
            UserRequest::LogOut { reply } => {
                self.leaving.push(reply);
                return Some(Event::UserLoggedOut);
            }
            UserRequest::SetPush { target, reply } => {
                self.push_changes.push((target.clone(), reply));
                return Some(Event::UserSetPush(target));
            }
            UserRequest::GoIdle { reply } => {
                self.idling.push(reply);
                return Some(Event::UserWentIdle);
            }
            UserRequest::Push { payload: PushPayload { call, to, expires_at_ms }, reply } => {
                self.pushes_taken += 1;
                self.pushes.insert(self.pushes_taken, reply);
                return Some(Event::PushCame(Push { number: self.pushes_taken, call, to, left: left_until(expires_at_ms) }));
            }
            UserRequest::CheckLine { anew, reply } => {
                self.checks.ask(anew, reply, || self.link.ask());
                return None;
            }
            UserRequest::ShowMicrophone { problem } => {
                self.view.send_if_modified(|view| {
                    let changed = view.microphone_problem != problem;
                    view.microphone_problem = problem;
                    changed
                });
                return None;
            }
            UserRequest::Answer { call, how, asked_at, reply } => {
                self.media.note_answer(call, Answerer::ThisUser, asked_at);
                (Some(Event::UserAnswered { call, how }), reply)
            }
            UserRequest::AnswerWithoutMicrophone { call, reply } => {
                (Some(Event::VoiceFailed { call, reason: EndReason::MicrophoneRefused }), reply)
            }
            UserRequest::Decline { call, reply } => (Some(Event::UserDeclined { call }), reply),
            UserRequest::HangUp { call, reply } => (Some(Event::UserHungUp { call }), reply),
            UserRequest::Mute { call, muted, reply } => (Some(Event::UserMuted { call, muted }), reply),
            UserRequest::Hold { call, on, reply } => (Some(Event::UserHeld { call, on }), reply),
            UserRequest::AllowNotifications { allowed, reply } => (Some(Event::NotificationsChanged { allowed }), reply),
            UserRequest::TakeSecondCalls { on, reply } => (Some(Event::UserTakesSecondCalls { on }), reply),
            UserRequest::Swap { reply } => (Some(Event::UserSwapped), reply),
            UserRequest::UseSound { sound, treatment, reply } => {
                self.sound.use_sound(sound, treatment);
                (None, reply)
            }
            UserRequest::SetVolume { call, volume, reply } => {
                self.sound.set_volume(call, volume);
                (None, reply)
            }
            UserRequest::UseTones { tones, reply } => {
                self.sound.use_tones(tones);
                (None, reply)
            }
        };
        // What the embedder asked for is done before it is told so.
        if let Some(event) = event {
            self.hand_in(event);
        }
        self.show();
        let _ = reply.send(());
        None
    }
}

/// How long it is until a moment that a push names. What this platform's clock cannot show is far away.
fn left_until(unix_millis: u64) -> Duration {
    let moment = UNIX_EPOCH.checked_add(Duration::from_millis(unix_millis));
    moment.map_or(Duration::MAX, |moment| moment.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_may_name_any_moment() {
        assert_eq!(left_until(0), Duration::ZERO);
        assert!(left_until(u64::MAX) > Duration::from_secs(1 << 40));
    }
}
