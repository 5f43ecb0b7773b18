use std::time::SystemTime;

use signedcall_core::{CallState, CallView};
use signedcall_wire::{Branding, CallId, CallStatus, Channel, Context, Cuid, Direction};
use tokio::sync::watch;

use crate::{Error, Metadata, Options};

/// One signed-in user on this device. Cheap to clone; all clones are the same line.
#[derive(Clone, Debug)]
pub struct SignedCall {}

/// One change of one call (R19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// The call.
    pub call_id: CallId,
    /// Which way it goes.
    pub direction: Direction,
    /// What it has come to.
    pub status: CallStatus,
    /// Who calls.
    pub caller: Cuid,
    /// The caller's name, when it was given.
    pub caller_name: Option<String>,
    /// Who is called.
    pub callee: Cuid,
    /// The reason, as this side sees it.
    pub context: Context,
    /// URL of the caller's picture.
    pub initiator_image: Option<String>,
    /// URL of the callee's picture.
    pub receiver_image: Option<String>,
    /// How the signalling came.
    pub channel: Channel,
    /// When this side learned of it.
    pub time: SystemTime,
}

/// Call events, in order, each once, from the moment of [`SignedCall::events`] on.
#[derive(Debug)]
pub struct Events {}

impl Events {
    /// Waits for the next event; `None` once the line is closed.
    pub async fn next(&mut self) -> Option<CallEvent> {
        std::future::pending().await
    }
}

/// Everything a screen shows of the line; watch it with [`SignedCall::view`].
#[derive(Clone, Debug)]
pub struct LineView {
    /// Whether the service can be reached.
    pub link: LinkState,
    /// The current call, or the one that has just ended.
    pub call: Option<CallView>,
    /// When the talk began, on the wall clock, for the elapsed time.
    pub talking_since: Option<SystemTime>,
    /// How calls look.
    pub branding: Option<Branding>,
}

/// Whether the service can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Signed in; calls go both ways.
    Ready,
    /// The socket is gone; a new one is being opened.
    Reconnecting,
    /// Signed out, or refused for good.
    Closed,
}

impl SignedCall {
    /// Signs in.
    ///
    /// # Errors
    /// One code of R37.
    pub async fn init(_options: Options) -> Result<Self, Error> {
        std::future::pending().await
    }

    /// Places a call (R16) and answers once the service has written it down.
    ///
    /// # Errors
    /// One code of R37.
    pub async fn call(&self, _receiver_cuid: &str, _context: &str, _metadata: Metadata) -> Result<CallId, Error> {
        std::future::pending().await
    }

    /// Answers an incoming call.
    pub async fn answer(&self, _call: CallId) -> Result<(), Error> {
        std::future::pending().await
    }

    /// Declines an incoming call.
    pub async fn decline(&self, _call: CallId) -> Result<(), Error> {
        std::future::pending().await
    }

    /// Ends a call, or cancels it before the answer.
    pub async fn hangup(&self, _call: CallId) -> Result<(), Error> {
        std::future::pending().await
    }

    /// Silences the microphone, or not.
    pub async fn mute(&self, _call: CallId, _muted: bool) -> Result<(), Error> {
        std::future::pending().await
    }

    /// Call events from now on.
    pub fn events(&self) -> Events {
        Events {}
    }

    /// What a screen shows, and every change of it.
    pub fn view(&self) -> watch::Receiver<LineView> {
        watch::channel(LineView { link: LinkState::Closed, call: None, talking_since: None, branding: None }).1
    }

    /// What goes on (R21).
    pub fn call_state(&self) -> CallState {
        CallState::NoCall
    }

    /// Signs out: ends every call and connection (R33).
    pub async fn logout(&self) {
        std::future::pending().await
    }
}
