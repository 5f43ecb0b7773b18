//! What may happen to a call once it is answered: it is held or transferred, and its time runs out.

use super::*;
use signedcall_wire::WARNING_BEFORE_END;

/// What holds of a call from its answer on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Talk {
    /// Whether this side holds it.
    pub(super) holds: bool,
    /// Whether the other side holds it.
    pub(super) is_held: bool,
    /// When the service ends it, as far as it has said.
    pub(super) ends_at: Option<Timestamp>,
    /// Whether the user has been warned of that.
    pub(super) warned: bool,
    /// Until when the service may transfer it, if the user has asked for that.
    pub(super) transfer_by: Option<Timestamp>,
}

impl Talk {
    pub(super) const fn holding(self) -> Holding {
        match (self.holds, self.is_held) {
            (false, false) => Holding::Nobody,
            (true, false) => Holding::ThisSide,
            (false, true) => Holding::OtherSide,
            (true, true) => Holding::Both,
        }
    }

    /// When this side ends the call by itself.
    pub(super) fn over_at(self) -> Option<Timestamp> {
        self.ends_at.map(|ends_at| ends_at + LIMIT_MARGIN)
    }

    pub(super) fn deadline(self) -> Option<Timestamp> {
        self.over_at().into_iter().chain(self.transfer_by).min()
    }
}

impl Call {
    pub(super) fn talk(&self) -> Option<Talk> {
        match &self.state {
            State::Answering { talk, .. } | State::Connecting { talk, .. } | State::Talking { talk, .. } => Some(*talk),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Ending { .. }
            | State::Over => None,
        }
    }

    /// The same, of a call that the service has given to this side.
    fn talk_mut(&mut self) -> Option<&mut Talk> {
        match &mut self.state {
            State::Connecting { talk, .. } | State::Talking { talk, .. } => Some(talk),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Ending { .. }
            | State::Over => None,
        }
    }

    /// Whether the service has told this side that it is answered.
    pub(crate) fn is_told_answered(&self) -> bool {
        matches!(self.state, State::Connecting { .. } | State::Talking { .. })
    }

    /// Whom the voice is open to.
    pub(super) fn voice(&self) -> Option<DeviceId> {
        match &self.state {
            State::Talking { peer, talk, .. } => (talk.holding() == Holding::Nobody).then_some(peer.device),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Ending { .. }
            | State::Over => None,
        }
    }

    /// Opens or closes the voice, when that is due and it is not so `before`. A microphone that is muted stays so.
    pub(super) fn change_voice(&self, before: Option<DeviceId>) -> Vec<Action> {
        let call = self.card.call;
        match (before, self.voice()) {
            (None, Some(device)) => {
                let muted = self.muted.then_some(Action::Do(Command::SetMuted { call, muted: true }));
                muted.into_iter().chain([Action::Do(Command::StartVoice { call, device })]).collect()
            }
            (Some(_), None) => vec![Action::Do(Command::StopVoice { call })],
            (None, None) | (Some(_), Some(_)) => vec![],
        }
    }

    /// An answer that is not confirmed yet may be held already: the service hears of it after the answer.
    pub(super) fn user_held(&mut self, on: bool) -> Vec<Action> {
        let before = self.voice();
        match &mut self.state {
            State::Answering { talk, .. } | State::Connecting { talk, .. } | State::Talking { talk, .. } if talk.holds != on => {
                talk.holds = on;
                let mut actions = self.change_voice(before);
                actions.push(Action::Ask(Request::Hold { call: self.card.call, on }));
                actions
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    pub(super) fn other_held(&mut self, on: bool) -> Vec<Action> {
        let before = self.voice();
        if let Some(talk) = self.talk_mut() {
            talk.is_held = on;
        }
        self.change_voice(before)
    }

    /// A new session has begun. What the service has not heard is said again.
    pub(super) fn known_to_hold(&self, known: bool) -> Vec<Action> {
        match self.talk() {
            Some(Talk { holds, .. }) if holds != known => vec![Action::Ask(Request::Hold { call: self.card.call, on: holds })],
            Some(_) | None => vec![],
        }
    }

    /// The service says how long the call may last still. Its user is warned once, when the end is near.
    pub(super) fn time_left(&mut self, now: Timestamp, left: Duration) -> Vec<Action> {
        let Some(talk) = self.talk_mut() else { return vec![] };
        talk.ends_at = Some(now + left);
        if left > WARNING_BEFORE_END || std::mem::replace(&mut talk.warned, true) {
            return vec![];
        }
        vec![Action::Do(Command::PlayTone(Some(Tone::Warning)))]
    }

    /// The service asks somebody else's devices; until it has placed that call, this one goes on.
    pub(super) fn user_transferred(&mut self, now: Timestamp, to: Cuid, new: CallId) -> Vec<Action> {
        let call = self.card.call;
        match self.talk_mut() {
            Some(talk) if talk.transfer_by.is_none() => {
                talk.transfer_by = Some(now + PLACING_PATIENCE);
                vec![Action::Ask(Request::Transfer { call, new, to })]
            }
            Some(_) => vec![Action::Do(Command::NotTransferred { call, error: ErrorCode::OngoingCall })],
            None => vec![],
        }
    }

    pub(super) fn transfer_refused(&mut self, error: ErrorCode) -> Vec<Action> {
        let asked = self.talk_mut().and_then(|talk| talk.transfer_by.take());
        asked.map(|_| Action::Do(Command::NotTransferred { call: self.card.call, error })).into_iter().collect()
    }

    pub(super) fn transfer_done(&mut self) -> Vec<Action> {
        let asked = self.talk_mut().and_then(|talk| talk.transfer_by.take());
        asked.map(|_| Action::Do(Command::Transferred { call: self.card.call })).into_iter().collect()
    }

    /// The answer to the user's wish, when the call is over before the service has given it.
    pub(super) fn settle_transfer(&self, reason: EndReason) -> Option<Action> {
        let call = self.card.call;
        self.talk()?.transfer_by?;
        Some(Action::Do(if reason == EndReason::Transferred {
            Command::Transferred { call }
        } else {
            Command::NotTransferred { call, error: ErrorCode::FailureInMakeCall }
        }))
    }
}
