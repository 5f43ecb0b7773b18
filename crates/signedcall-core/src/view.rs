use signedcall_wire::{CallId, Context, Cuid, Direction, EndReason, Timestamp};

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
    /// Who has brought it about by transferring the caller, if anybody has: to this user, or this user to the callee.
    pub transferred_by: Option<Cuid>,
    /// Whether neither side has called, and their company connects this user with `peer`. While it rings, `peer` knows nothing of it: they are called once this user
    /// has answered, by another call that takes the place of this one.
    pub is_by_company: bool,
    /// How far it has come.
    pub phase: Phase,
    /// Whether the microphone is silenced.
    pub muted: bool,
    /// Who holds it, once it is answered (R28).
    pub holding: Holding,
    /// When the service will end it, once it is answered and when its time is limited.
    pub ends_at: Option<Timestamp>,
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

/// Who holds a call. As long as somebody does, neither side is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// Nobody.
    #[default]
    Nobody,
    /// This side.
    ThisSide,
    /// The other side.
    OtherSide,
    /// Both sides.
    Both,
}
