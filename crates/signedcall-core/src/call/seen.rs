//! What can be seen of a call from outside.

use super::*;

impl Call {
    pub(crate) fn id(&self) -> CallId {
        self.card.call
    }

    pub(crate) fn card(&self) -> &Card {
        &self.card
    }

    /// The other side.
    pub(crate) fn peer(&self) -> &Cuid {
        match self.card.direction {
            Direction::Incoming => &self.card.caller,
            Direction::Outgoing => &self.card.callee,
        }
    }

    /// Whether the user is still in it: it neither is over nor ends.
    pub(crate) fn is_on(&self) -> bool {
        match self.state {
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. } => true,
            State::Ending { .. } | State::Over => false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether the service has still to answer the request that places it.
    pub(crate) fn is_placing(&self) -> bool {
        matches!(self.state, State::Placing { .. })
    }

    /// Whether the service has refused to place it, since the callee is calling this user.
    pub(crate) fn is_crossed(&self) -> bool {
        matches!(self.state, State::Crossed { .. })
    }

    /// Whether this device rings.
    pub(crate) fn rings(&self) -> bool {
        matches!(self.state, State::Rings { .. })
    }

    /// Whether this side is calling, and nobody has answered.
    pub(crate) fn is_being_made(&self) -> bool {
        self.state() == CallState::OutgoingCall
    }

    /// Whether it is answered, or this side has said so.
    pub(crate) fn is_answered(&self) -> bool {
        self.talk().is_some()
    }

    /// Whether this side holds it.
    pub(crate) fn holds(&self) -> bool {
        self.talk().is_some_and(|talk| talk.holds)
    }

    /// What is heard of it for as long as this lasts, beside the voice and the ringing.
    pub(crate) fn tone(&self) -> Option<Tone> {
        match self.state {
            State::Placed { .. } | State::CalleeRings { .. } => Some(Tone::Ringback),
            State::Connecting { talk, .. } | State::Talking { talk, .. } => {
                (talk.holding() == Holding::OtherSide).then_some(Tone::HoldMusic)
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Ending { .. }
            | State::Over => None,
        }
    }

    /// What `call_state()` says of it (R21).
    pub(crate) fn state(&self) -> CallState {
        match self.state {
            State::Placing { .. } | State::Crossed { .. } | State::Placed { .. } | State::CalleeRings { .. } => CallState::OutgoingCall,
            State::Rings { .. } => CallState::IncomingCall,
            State::Answering { .. } | State::Connecting { .. } | State::Talking { .. } => CallState::OngoingCall,
            State::Ending { .. } => CallState::CleanupCall,
            State::Over => CallState::NoCall,
        }
    }

    /// Whether leaving `request` unsaid on a new socket would change anything.
    pub(crate) fn wants(&self, request: &Request) -> bool {
        match request {
            Request::Call(_) => self.is_placing(),
            Request::Ringing { .. } => matches!(self.state, State::Rings { .. } | State::Answering { .. }),
            Request::Accept { .. } => matches!(self.state, State::Answering { .. }) || self.is_told_answered(),
            Request::MediaConnected { .. } | Request::Hold { .. } | Request::Signal { .. } => self.is_on(),
            Request::Transfer { .. } => self.talk().is_some_and(|talk| talk.transfer_by.is_some()),
            Request::Decline { .. }
            | Request::Hangup { .. }
            | Request::ReportVoice { .. }
            | Request::Receipt { .. }
            | Request::KeepEvents { .. }
            | Request::TakeSecondCalls { .. }
            | Request::PushTo { .. }
            | Request::Logout
            | Request::GoIdle
            | Request::Unknown => false,
        }
    }

    /// What a screen shows; nothing of a call that is over.
    pub(crate) fn view(&self) -> Option<CallView> {
        let phase = match &self.state {
            State::Placing { .. } | State::Crossed { .. } | State::Placed { .. } => Phase::Calling,
            State::CalleeRings { .. } | State::Rings { .. } => Phase::Ringing,
            State::Answering { .. } | State::Connecting { .. } => Phase::Connecting,
            State::Talking { since, flow, .. } => Phase::Talking { since: *since, interrupted: *flow != Flow::Steady },
            State::Ending { believed, .. } => Phase::Ended { reason: *believed },
            State::Over => return None,
        };
        let talk = self.talk().unwrap_or_default();
        Some(self.card.view(phase, self.muted, talk.holding(), talk.ends_at))
    }
}
