//! The words that counters are told apart by. None of them is of a user, a device or an address.

use std::borrow::Cow;

use signedcall_wire::{EndReason, ErrorCode, Request, ServiceMessage};

use super::number::Label;
use crate::hub::PushOutcome;

/// What a device asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Call,
    Ringing,
    Accept,
    Decline,
    Hangup,
    MediaConnected,
    Hold,
    Transfer,
    Signal,
    ReportVoice,
    Receipt,
    KeepEvents,
    TakeSecondCalls,
    PushTo,
    Logout,
    GoIdle,
    /// One of a newer device, or one with a value that is wrong.
    Unreadable,
    /// One that was asked for on an earlier socket, or along with too many others.
    Earlier,
}

impl From<&Request> for RequestKind {
    fn from(request: &Request) -> Self {
        match request {
            Request::Call(_) => Self::Call,
            Request::Ringing { .. } => Self::Ringing,
            Request::Accept { .. } => Self::Accept,
            Request::Decline { .. } => Self::Decline,
            Request::Hangup { .. } => Self::Hangup,
            Request::MediaConnected { .. } => Self::MediaConnected,
            Request::Hold { .. } => Self::Hold,
            Request::Transfer { .. } => Self::Transfer,
            Request::Signal { .. } => Self::Signal,
            Request::ReportVoice { .. } => Self::ReportVoice,
            Request::Receipt { .. } => Self::Receipt,
            Request::KeepEvents { .. } => Self::KeepEvents,
            Request::TakeSecondCalls { .. } => Self::TakeSecondCalls,
            Request::PushTo { .. } => Self::PushTo,
            Request::Logout => Self::Logout,
            Request::GoIdle => Self::GoIdle,
            Request::Unknown => Self::Unreadable,
        }
    }
}

impl Label for RequestKind {
    const ALL: &'static [Self] = &[
        Self::Call,
        Self::Ringing,
        Self::Accept,
        Self::Decline,
        Self::Hangup,
        Self::MediaConnected,
        Self::Hold,
        Self::Transfer,
        Self::Signal,
        Self::ReportVoice,
        Self::Receipt,
        Self::KeepEvents,
        Self::TakeSecondCalls,
        Self::PushTo,
        Self::Logout,
        Self::GoIdle,
        Self::Unreadable,
        Self::Earlier,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> Cow<'static, str> {
        match self {
            Self::Call => "call",
            Self::Ringing => "ringing",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Hangup => "hangup",
            Self::MediaConnected => "media_connected",
            Self::Hold => "hold",
            Self::Transfer => "transfer",
            Self::Signal => "signal",
            Self::ReportVoice => "report_voice",
            Self::Receipt => "receipt",
            Self::KeepEvents => "keep_events",
            Self::TakeSecondCalls => "take_second_calls",
            Self::PushTo => "push_to",
            Self::Logout => "logout",
            Self::GoIdle => "go_idle",
            Self::Unreadable => "unreadable",
            Self::Earlier => "earlier",
        }
        .into()
    }
}

/// How a request was answered: with nothing to add, or with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered(pub(crate) Option<ErrorCode>);

impl Label for Answered {
    const ALL: &'static [Self] = &every_answer();

    fn index(self) -> usize {
        self.0.map_or(0, |code| 1 + code as usize)
    }

    fn name(self) -> Cow<'static, str> {
        self.0.map_or("done", ErrorCode::name).into()
    }
}

const fn every_answer() -> [Answered; ErrorCode::ALL.len() + 1] {
    let mut all = [Answered(None); ErrorCode::ALL.len() + 1];
    let mut index = 0;
    while index < ErrorCode::ALL.len() {
        all[index + 1] = Answered(Some(ErrorCode::ALL[index]));
        index += 1;
    }
    all
}

/// What has become of a device that wanted to sign in, or to go on with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInOutcome {
    Welcome,
    Resumed,
    SessionExpired,
    Refused(ErrorCode),
}

impl SignInOutcome {
    /// What a message says of it, if anything.
    pub(crate) const fn of(message: &ServiceMessage) -> Option<Self> {
        match message {
            ServiceMessage::Welcome(_) => Some(Self::Welcome),
            ServiceMessage::Resumed => Some(Self::Resumed),
            ServiceMessage::SessionExpired => Some(Self::SessionExpired),
            ServiceMessage::Refused(refusal) => Some(Self::Refused(refusal.code)),
            ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Response { .. }
            | ServiceMessage::Event { .. }
            | ServiceMessage::Ice(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => None,
        }
    }
}

/// The outcomes that are no refusal.
const GOOD: [SignInOutcome; 3] = [SignInOutcome::Welcome, SignInOutcome::Resumed, SignInOutcome::SessionExpired];

impl Label for SignInOutcome {
    const ALL: &'static [Self] = &every_outcome();

    fn index(self) -> usize {
        match self {
            Self::Welcome => 0,
            Self::Resumed => 1,
            Self::SessionExpired => 2,
            Self::Refused(code) => GOOD.len() + code as usize,
        }
    }

    fn name(self) -> Cow<'static, str> {
        match self {
            Self::Welcome => "welcome",
            Self::Resumed => "resumed",
            Self::SessionExpired => "session_expired",
            Self::Refused(code) => code.name(),
        }
        .into()
    }
}

const fn every_outcome() -> [SignInOutcome; GOOD.len() + ErrorCode::ALL.len()] {
    let mut all = [SignInOutcome::Welcome; GOOD.len() + ErrorCode::ALL.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < GOOD.len() { GOOD[index] } else { SignInOutcome::Refused(ErrorCode::ALL[index - GOOD.len()]) };
        index += 1;
    }
    all
}

impl Label for EndReason {
    const ALL: &'static [Self] = &Self::ALL;

    fn index(self) -> usize {
        usize::from(self.number())
    }

    /// As it is on the wire: two reasons share one name of R20.
    fn name(self) -> Cow<'static, str> {
        let name = serde_json::to_value(self).ok();
        name.and_then(|name| Some(name.as_str()?.to_owned())).map_or(Self::name(self).into(), Cow::Owned)
    }
}

/// What somebody has come up against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Too many connections of one address waited for somebody to sign in.
    WaitingOfAddress,
    /// Too many connections waited altogether, and the oldest had to go.
    Waiting,
    /// A TLS handshake took too long.
    HandshakeTime,
    /// A device did not sign in in time.
    SignInTime,
    /// A message was too long.
    MessageBytes,
    /// A device brought user tokens too often.
    Renewals,
    /// A device read too slowly, and has to resume.
    Outbox,
}

impl Label for Limit {
    const ALL: &'static [Self] =
        &[Self::WaitingOfAddress, Self::Waiting, Self::HandshakeTime, Self::SignInTime, Self::MessageBytes, Self::Renewals, Self::Outbox];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> Cow<'static, str> {
        match self {
            Self::WaitingOfAddress => "waiting_of_address",
            Self::Waiting => "waiting",
            Self::HandshakeTime => "handshake_time",
            Self::SignInTime => "sign_in_time",
            Self::MessageBytes => "message_bytes",
            Self::Renewals => "renewals",
            Self::Outbox => "outbox",
        }
        .into()
    }
}

/// What has become of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushFate {
    Rings,
    Ended,
    NotBrought,
}

impl From<PushOutcome> for PushFate {
    fn from(outcome: PushOutcome) -> Self {
        match outcome {
            PushOutcome::Rings => Self::Rings,
            PushOutcome::Ended(_) => Self::Ended,
            PushOutcome::NotBrought => Self::NotBrought,
        }
    }
}

impl Label for PushFate {
    const ALL: &'static [Self] = &[Self::Rings, Self::Ended, Self::NotBrought];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> Cow<'static, str> {
        match self {
            Self::Rings => "rings",
            Self::Ended => "ended",
            Self::NotBrought => "not_brought",
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check<L: Label>() {
        let names: BTreeSet<_> = L::ALL.iter().map(|label| label.name()).collect();
        assert_eq!(names.len(), L::ALL.len(), "each has a name of its own");
        assert!(L::ALL.iter().enumerate().all(|(index, label)| label.index() == index), "each is at its place: {names:?}");
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())), "{names:?}");
    }

    #[test]
    fn every_word_is_at_its_place_and_needs_no_escaping() {
        check::<RequestKind>();
        check::<Answered>();
        check::<SignInOutcome>();
        check::<PushFate>();
        check::<EndReason>();
        check::<Limit>();
    }
}
