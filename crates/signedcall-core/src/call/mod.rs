//! One call, seen from one device.
//!
//! ```text
//!  caller   ── dialled ──▶ Placing ── placed ──▶ Placed ── a device rings ──▶ CalleeRings ── answered ──┐
//!                             │ refused, overdue                                                          ├─▶ Connecting ── media up ──▶ Talking
//!                             ▼                                                                           │   (left out when media is up already)
//!                           Over ◀── its invite comes, or is overdue ── Crossed                           │
//!                                                                                                         │
//!  callee   ── invited ──▶ Rings ──────── user answers ────────▶ Answering ── the service confirms ──────┘
//!           ── invited, by whom this side was calling ───────────────▲
//!
//!  Placing ── refused, since the callee is calling this side ──▶ Crossed
//!
//!  any of them ── this side ends it, or waits in vain ──▶ Ending ── the service confirms, or is silent for too long ──▶ Over
//!  any of them ── the service ends it ─────────────────────────────────────────────────────────────────────────────────▶ Over
//! ```
//!
//! The service is the authority: it decides which device has answered and why a call is over. This side stops ringing, tones and media at once
//! when it ends a call, but reports the end only when the service has given the reason, so that both sides report the same one also when an
//! answer and a hang-up cross. Only when the service is silent for [`ENDING_PATIENCE`] is this side's belief reported.
//!
//! Media is prepared while the call rings, and connects before the answer; the voice is open if and only if the call is `Talking` and neither side
//! holds it. Holding changes no state: each side may hold an answered call and go on with it, whatever the other does, and the service tells the other.
//!
//! ```text
//!  who transfers ── Connecting, Talking ── the user transfers it ──▶ the same, and a transfer is asked for ── the service ends it ──▶ Over
//!                                     ▲                                              │ refused, overdue
//!                                     └──────────────────────────────────────────────┘
//!  who stays     ── Connecting, Talking ── transferred ──▶ Over, and the call that takes its place ── begins as ──▶ Placed
//! ```

mod card;
mod ending;
mod media;
mod seen;
mod service;
mod talk;
#[cfg(test)]
mod tests;
mod user;

use std::collections::BTreeMap;
use std::time::Duration;

use signedcall_wire::{
    CallId, CallStatus, Cuid, DeviceId, DeviceName, Direction, EndReason, Endpoint, ErrorCode, MAX_CANDIDATES_PER_CALL, Request, Signal,
    Timestamp,
};

use crate::{CallState, CallView, Command, Holding, Phase, Tone};

pub(crate) use card::Card;
use talk::Talk;

/// How long a call may take to be placed, and a transfer, which places one. The service answers once its record is durable, which takes milliseconds;
/// beyond this the user is better told that there is no network.
pub(crate) const PLACING_PATIENCE: Duration = Duration::from_secs(10);
/// How long the invite of a call that crossed this one may take: the service writes its record first, within 5 s.
pub(crate) const CROSSING_PATIENCE: Duration = Duration::from_secs(7);
/// How long the caller waits for an answer. The service ends the ringing, by default after 35 s; this is for one that has lost the call.
pub(crate) const CALLER_PATIENCE: Duration = Duration::from_secs(120);
/// How long a device rings beyond the time its invite gave: as long as the service's word that ringing is over may take on a slow network.
pub(crate) const RING_MARGIN: Duration = Duration::from_secs(5);
/// The longest that a device rings, whatever its invite says: nobody answers later, and an invite must not make a device ring for ever.
pub(crate) const LONGEST_RING: Duration = Duration::from_secs(120);
/// How long an answer may take to be confirmed. Long enough for a link that is lost at this moment to come back and repeat it.
pub(crate) const ANSWER_PATIENCE: Duration = Duration::from_secs(15);
/// How long media may take to connect once the call is answered. It has had the whole time of ringing; whoever hears nothing for longer hangs up.
pub(crate) const MEDIA_PATIENCE: Duration = Duration::from_secs(15);
/// How long media, or the link while there is no media yet, may be interrupted before the call is over: a lift or a change of networks takes
/// less, and the service gives a lost socket as long. Whoever carries media must not give it up sooner.
pub const GRACE: Duration = Duration::from_secs(30);
/// How long a path stays silent, beyond what it takes to notice, until another is looked for while the service can be reached: an interruption of
/// the network itself cuts both, and is over as soon when the path is kept.
pub(crate) const PATH_PATIENCE: Duration = Duration::from_secs(2);
/// The same, from the moment when the service is reached again: whatever was cut has come back with it, and the voice needs no more than this.
pub(crate) const RETURN_PATIENCE: Duration = Duration::from_secs(1);
/// How long another path may take to be found before it is looked for again: an offer, its answer and the checks, on a slow network.
pub(crate) const RESTART_PATIENCE: Duration = Duration::from_secs(5);
/// How long a call whose time is over goes on here: as long as the service's word that it has ended it may take on a slow network. This is for a side
/// that the word does not reach, which could talk on for as long as the other does.
pub(crate) const LIMIT_MARGIN: Duration = Duration::from_secs(5);
/// How long the service may take to confirm an end before this side's belief stands. Long enough for a link to come back (2 s, R15) and
/// short enough for a screen that says how the call ended.
pub(crate) const ENDING_PATIENCE: Duration = Duration::from_secs(5);
/// The most devices of the callee that media is prepared for: the service lets no user connect more.
pub(crate) const MAX_LEGS: usize = signedcall_wire::MAX_SOCKETS_PER_CUID;

/// Something that happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallEvent {
    UserAnswered,
    UserDeclined,
    UserHungUp,
    UserMuted(bool),
    UserHeld(bool),
    UserTransferred {
        to: Cuid,
        new: CallId,
    },
    /// The user signs out of this device.
    UserLoggedOut,

    LinkUp,
    LinkLost,
    /// The device is signed out: nothing more will come from the service.
    SignedOut,

    /// The service has placed the call.
    Placed,
    /// The service will not place the call.
    PlacingRefused(ErrorCode),
    /// The callee's own call to this user, which crossed this one, takes its place.
    Superseded,
    /// The service has no ringing call for this device, so that ringing or answering is in vain.
    TooLate,
    /// The service will not take note that this side leaves the call.
    LeavingRefused,
    /// The service has no such call any more.
    Forgotten,
    /// The service does not know that this device rings: it has been started again, or has not heard.
    NotKnownToRing,
    /// A device of the callee rings.
    CalleeRings(Endpoint),
    /// The service has given the call to this device of the callee.
    Answered(Endpoint),
    /// The same, once more: the service was started again, and had it from the device that has answered.
    AnsweredAgain,
    /// The other side holds the call, or goes on with it.
    OtherHeld(bool),
    /// Whether this side holds the call, as far as the service knows.
    KnownToHold(bool),
    /// The service will not transfer the call.
    TransferRefused(ErrorCode),
    /// The service has transferred the call.
    TransferDone,
    /// The other side has transferred this one: another call takes the place of this.
    Replaced,
    /// The service will end the call, which is answered, after this time.
    TimeLeft(Duration),
    /// The service has ended the call.
    Ended(EndReason, Option<DeviceName>),
    /// A device of the other side passes something to this device's media.
    SignalCame {
        from: DeviceId,
        signal: Signal,
    },

    /// This device's media passes something to a device of the other side.
    SignalMade {
        to: DeviceId,
        signal: Signal,
    },
    MediaConnected(DeviceId),
    MediaInterrupted(DeviceId),
    MediaFailed(DeviceId),
    /// The two devices have no protocol of media in common.
    MediaMismatched(DeviceId),
    /// This device is in another network.
    NetworkChanged,
    VoiceFailed(EndReason),

    Woken,
}

/// Something that follows from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The driver's to do.
    Do(Command),
    /// To be asked of the service.
    Ask(Request),
}

/// One call, seen from one device.
#[derive(Debug)]
pub(crate) struct Call {
    card: Card,
    /// What this device of the callee is; the caller has no use for it.
    device: DeviceId,
    muted: bool,
    link: Link,
    reported: Reported,
    candidates_sent: BTreeMap<DeviceId, usize>,
    /// The last description that each device of the other side has passed. It comes again when the service dies before it has answered that it was
    /// passed on.
    described: BTreeMap<DeviceId, Signal>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Caller: the service has been asked to place the call.
    Placing { give_up_at: Timestamp },
    /// Caller: not placed, since the callee is calling this user at the same moment; that invite is on its way.
    Crossed { give_up_at: Timestamp },
    /// Caller: placed; no device is known to ring.
    Placed { give_up_at: Timestamp },
    /// Caller: these devices of the callee ring.
    CalleeRings { legs: Vec<Leg>, give_up_at: Timestamp },
    /// Callee: this device rings.
    Rings { leg: Leg, give_up_at: Timestamp },
    /// Callee: the user has answered; another device may have been faster.
    Answering { leg: Leg, give_up_at: Timestamp, talk: Talk },
    /// Answered; media is not connected yet.
    Connecting { leg: Leg, give_up_at: Timestamp, talk: Talk },
    /// Both sides can talk, unless one holds the call.
    Talking { peer: Endpoint, since: Timestamp, flow: Flow, talk: Talk },
    /// Over for this side, for the reason it believes.
    Ending { believed: EndReason, give_up_at: Timestamp },
    /// Over.
    Over,
}

/// Media towards one device of the other side, before it carries voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leg {
    to: Endpoint,
    media: Media,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Connecting,
    Connected,
    Failed,
    /// The two devices cannot talk with each other, whatever the network does.
    Mismatched,
}

impl Media {
    /// Why a call over it ends once it is answered, if media cannot be had any more.
    const fn lost(self) -> Option<EndReason> {
        match self {
            Self::Connecting | Self::Connected => None,
            Self::Failed => Some(EndReason::MediaSetupTooSlow),
            Self::Mismatched => Some(EndReason::ProtocolMismatch),
        }
    }
}

/// Whether anything comes from the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Steady,
    Interrupted {
        since: Timestamp,
        /// When to look for another path; nothing while the service, through which that is done, cannot be reached.
        restart_at: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    Lost { since: Timestamp },
}

/// The last status reported. Statuses are reported in this order, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reported {
    Nothing,
    Placed,
    Ringing,
    Answered,
    InProgress,
    Ended,
}

impl Call {
    fn new(card: Card, device: DeviceId, state: State) -> Self {
        let (candidates_sent, described) = (BTreeMap::new(), BTreeMap::new());
        Self { card, device, muted: false, link: Link::Up, reported: Reported::Nothing, candidates_sent, described, state }
    }

    /// Takes one event and says what follows. An event that does not fit the state changes nothing.
    #[must_use]
    pub(crate) fn handle(&mut self, now: Timestamp, event: CallEvent) -> Vec<Action> {
        match event {
            CallEvent::UserAnswered => self.user_answered(now),
            CallEvent::UserDeclined => self.user_declined(now),
            CallEvent::UserHungUp => self.user_hung_up(now),
            CallEvent::UserMuted(muted) => self.user_muted(muted),
            CallEvent::UserHeld(on) => self.user_held(on),
            CallEvent::UserTransferred { to, new } => self.user_transferred(now, to, new),
            CallEvent::UserLoggedOut => self.user_logged_out(now),

            CallEvent::LinkUp => self.link_up(now),
            CallEvent::LinkLost => self.link_lost(now),
            CallEvent::SignedOut => self.signed_out(),

            CallEvent::Placed => self.placed(now),
            CallEvent::PlacingRefused(error) => self.placing_refused(now, error),
            CallEvent::Superseded => self.superseded(),
            CallEvent::TooLate => self.too_late(now),
            CallEvent::LeavingRefused => self.leaving_refused(),
            CallEvent::Forgotten => self.forgotten(),
            CallEvent::NotKnownToRing => self.confirm_ringing(),
            CallEvent::CalleeRings(by) => self.callee_rings(now, by),
            CallEvent::Answered(by) => self.answered(now, by),
            CallEvent::AnsweredAgain => self.answered_again(),
            CallEvent::OtherHeld(on) => self.other_held(on),
            CallEvent::KnownToHold(known) => self.known_to_hold(known),
            CallEvent::TransferRefused(error) => self.transfer_refused(error),
            CallEvent::TransferDone => self.transfer_done(),
            CallEvent::Replaced => self.replaced(),
            CallEvent::TimeLeft(left) => self.time_left(now, left),
            CallEvent::Ended(reason, other_device) => self.ended(reason, other_device),
            CallEvent::SignalCame { from, signal } => self.signal_came(from, signal),

            CallEvent::SignalMade { to, signal } => self.signal_made(to, signal),
            CallEvent::MediaConnected(device) => self.media_connected(now, device),
            CallEvent::MediaInterrupted(device) => self.media_interrupted(now, device),
            CallEvent::MediaFailed(device) => self.media_failed(now, device),
            CallEvent::MediaMismatched(device) => self.media_mismatched(now, device),
            CallEvent::NetworkChanged => self.network_changed(now),
            CallEvent::VoiceFailed(reason) => self.voice_failed(now, reason),

            CallEvent::Woken => self.woken(now),
        }
    }

    /// Reports `status`, and before it what must have come first and was not reported: the other side reports the same list.
    fn reach(&mut self, status: Reported, actions: &mut Vec<Action>) {
        let steps = [
            (Reported::Placed, CallStatus::Placed),
            (Reported::Ringing, CallStatus::Ringing),
            (Reported::Answered, CallStatus::Answered),
            (Reported::InProgress, CallStatus::InProgress),
        ];
        for (step, report) in steps.into_iter().filter(|(step, _)| *step <= status) {
            if self.reported < step {
                self.reported = step;
                if step == Reported::Placed && self.card.direction == Direction::Outgoing {
                    actions.push(Action::Do(Command::Placed { call: self.card.call }));
                }
                actions.push(Action::Do(Command::Report(self.card.report(report))));
            }
        }
    }
}
