//! What the user of this device does.

use super::card::new_call;
use super::*;
use crate::Dial;

impl Call {
    /// The user of this device calls somebody.
    pub(crate) fn dial(now: Timestamp, me: Cuid, device: DeviceId, dial: Dial) -> (Self, Vec<Action>) {
        let call = Self::new(Card::of_dial(me, &dial), device, State::Placing { give_up_at: now + PLACING_PATIENCE });
        (call, vec![Action::Ask(Request::Call(new_call(dial)))])
    }

    pub(super) fn user_answered(&mut self, now: Timestamp) -> Vec<Action> {
        match self.state {
            State::Rings { leg, .. } => {
                self.state = State::Answering { leg, give_up_at: now + ANSWER_PATIENCE, talk: Talk::default() };
                vec![Action::Ask(Request::Accept { call: self.card.call })]
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    pub(super) fn user_declined(&mut self, now: Timestamp) -> Vec<Action> {
        match self.state {
            State::Rings { .. } => self.decline(now, EndReason::Declined),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// Hanging up a call that rings here declines it: there is nothing else that the user can mean.
    pub(super) fn user_hung_up(&mut self, now: Timestamp) -> Vec<Action> {
        match self.state {
            State::Placing { .. } | State::Placed { .. } | State::CalleeRings { .. } => self.hang_up(now, EndReason::Cancelled),
            State::Crossed { .. } => self.conclude(EndReason::Cancelled, ErrorCode::OngoingCall),
            State::Rings { .. } => self.decline(now, EndReason::Declined),
            State::Answering { .. } | State::Connecting { .. } | State::Talking { .. } => self.hang_up(now, EndReason::HungUp),
            State::Ending { .. } | State::Over => vec![],
        }
    }

    /// Signing out while it rings leaves the user's other devices ringing.
    pub(super) fn user_logged_out(&mut self, now: Timestamp) -> Vec<Action> {
        match self.state {
            State::Rings { .. } => self.decline(now, EndReason::LoggedOut),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => self.user_hung_up(now),
        }
    }

    /// Muting is possible as long as the call is on, and lasts: a call muted while it rings starts muted.
    pub(super) fn user_muted(&mut self, muted: bool) -> Vec<Action> {
        if !self.is_on() || self.muted == muted {
            return vec![];
        }
        self.muted = muted;
        vec![Action::Do(Command::SetMuted { call: self.card.call, muted })]
    }

    pub(super) fn decline(&mut self, now: Timestamp, reason: EndReason) -> Vec<Action> {
        self.leave(now, reason, Some(Request::Decline { call: self.card.call, reason }))
    }

    /// To the service, a callee's device that hangs up has been told that the call is answered.
    pub(super) fn hang_up(&mut self, now: Timestamp, reason: EndReason) -> Vec<Action> {
        let call = self.card.call;
        let request = match self.state {
            State::Rings { .. } | State::Answering { .. } => Request::Decline { call, reason },
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => Request::Hangup { call, reason },
        };
        self.leave(now, reason, Some(request))
    }

    /// Ends the call for this side: silence first, then the service is told. The end is reported once the service confirms it.
    pub(super) fn leave(&mut self, now: Timestamp, believed: EndReason, request: Option<Request>) -> Vec<Action> {
        let mut actions = self.fall_silent(believed);
        actions.extend(request.map(Action::Ask));
        self.state = State::Ending { believed, give_up_at: now + ENDING_PATIENCE };
        actions
    }

    /// Stops all that can be heard of the call and closes its media.
    pub(super) fn fall_silent(&self, reason: EndReason) -> Vec<Action> {
        let mut actions = self.close_media(reason);
        actions.extend(self.end_tone(reason).map(|tone| Action::Do(Command::PlayTone(Some(tone)))));
        actions
    }

    pub(super) fn close_media(&self, reason: EndReason) -> Vec<Action> {
        let call = self.card.call;
        let drop_media = |device| Action::Do(Command::DropMedia { call, device });
        let mut actions: Vec<Action> = self.settle_transfer(reason).into_iter().collect();
        match &self.state {
            State::Placing { .. } | State::Crossed { .. } | State::Placed { .. } | State::Ending { .. } | State::Over => {}
            State::CalleeRings { legs, .. } => actions.extend(legs.iter().map(|leg| drop_media(leg.to.device))),
            State::Rings { leg, .. } | State::Answering { leg, .. } | State::Connecting { leg, .. } => {
                actions.push(drop_media(leg.to.device))
            }
            State::Talking { peer, .. } => {
                actions.extend(self.voice().map(|_| Action::Do(Command::StopVoice { call })));
                actions.push(drop_media(peer.device));
            }
        }
        actions
    }

    /// Who waited or talked hears how it ended. A callee who never answered hears only that the ringing stops.
    fn end_tone(&self, reason: EndReason) -> Option<Tone> {
        match self.state {
            State::Placing { .. } | State::Crossed { .. } | State::Rings { .. } | State::Answering { .. } => None,
            // Silent already; a tone now would disturb the call that may have followed.
            State::Ending { .. } | State::Over => None,
            State::Placed { .. } | State::CalleeRings { .. } | State::Connecting { .. } | State::Talking { .. } => {
                Some(if reason == EndReason::Busy { Tone::Busy } else { Tone::Ended })
            }
        }
    }
}
