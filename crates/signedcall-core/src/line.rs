use signedcall_wire::{CallId, Context, Cuid, DeviceId, Direction, EndReason, Timestamp};

use crate::{Command, Event};

/// What follows from one event.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To be carried out in this order.
    pub commands: Vec<Command>,
    /// When to hand in [`Event::Woken`], unless another event comes first; `None` when nothing waits.
    pub wake_at: Option<Timestamp>,
}

/// All calls of one device of one user.
#[derive(Debug)]
pub struct Line {}

/// What `call_state()` says (R21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// Nothing goes on.
    NoCall,
    /// This side calls and waits for an answer.
    OutgoingCall,
    /// Somebody calls.
    IncomingCall,
    /// Answered.
    OngoingCall,
    /// Over for the user; the service has not confirmed the end yet.
    CleanupCall,
}

/// One call as a screen needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// Which way it goes.
    pub direction: Direction,
    /// The other side.
    pub peer: Cuid,
    /// The other side's name, when it was given.
    pub peer_name: Option<String>,
    /// The reason, as this side sees it.
    pub context: Context,
    /// URL of the other side's picture.
    pub peer_image: Option<String>,
    /// How far it has come.
    pub phase: Phase,
    /// Whether the microphone is silenced.
    pub muted: bool,
}

/// How far a call has come, as a screen needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Outgoing: being placed, or placed and not yet ringing anywhere ("Calling…").
    Calling,
    /// Outgoing: the other side rings. Incoming: this side rings.
    Ringing,
    /// Answered; media connects.
    Connecting,
    /// Both sides can talk.
    Talking {
        /// When the talk began.
        since: Timestamp,
        /// Nothing has come from the other side for some seconds.
        interrupted: bool,
    },
    /// Over, for this reason.
    Ended {
        /// Why. Before the service has confirmed it, this side's belief.
        reason: EndReason,
    },
}

impl Line {
    /// Makes the line of `me` on `device`. `nonce` is random; request ids are derived from it, so that two runs of a device never share one.
    pub fn new(_me: Cuid, _device: DeviceId, _nonce: u64) -> Self {
        Self {}
    }

    /// Takes one event and says what follows. An event that does not fit the state changes nothing and yields no command.
    pub fn handle(&mut self, _now: Timestamp, _event: Event) -> Step {
        Step::default()
    }

    /// What goes on (R21).
    pub fn call_state(&self) -> CallState {
        CallState::NoCall
    }

    /// The call that a screen should show: the current one, or the one that has just ended until its end is confirmed.
    pub fn view(&self) -> Option<CallView> {
        None
    }
}
