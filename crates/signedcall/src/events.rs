use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use signedcall_core::StatusReport;
use signedcall_wire::{CallId, CallStatus, Channel, Context, Cuid, Direction};
use tokio::sync::mpsc;

use crate::Error;

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
    /// What this user's other device is called that has answered or declined, as its [`device_name`](crate::Options::device_name): with
    /// [`AnsweredElsewhere`](crate::EndReason::AnsweredElsewhere) and [`DeclinedElsewhere`](crate::EndReason::DeclinedElsewhere), when it is known.
    pub other_device: Option<String>,
    /// When this side learned of it.
    pub time: SystemTime,
}

impl CallEvent {
    fn of(report: StatusReport) -> Self {
        Self {
            call_id: report.call,
            direction: report.direction,
            status: report.status,
            caller: report.caller,
            caller_name: report.caller_name,
            callee: report.callee,
            context: report.context,
            initiator_image: report.initiator_image,
            receiver_image: report.receiver_image,
            channel: report.channel,
            other_device: report.other_device.map(String::from),
            time: SystemTime::now(),
        }
    }
}

/// Call events, in order, each once, from the moment of [`SignedCall::events`](crate::SignedCall::events) on.
///
/// Events wait for a slow listener without a bound: a call has at most five, so a listener that never looks again costs a few hundred bytes a
/// call, while one that loses *the call is over* shows a ghost for ever.
#[derive(Debug)]
pub struct Events {
    received: mpsc::UnboundedReceiver<CallEvent>,
}

impl Events {
    /// Waits for the next event; `None` once the line is closed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<CallEvent> {
        self.received.recv().await
    }
}

/// Whoever listens to call events, and why nothing more is told.
#[derive(Clone, Debug)]
pub(crate) struct Listeners {
    /// `None` once the line is closed.
    open: Arc<Mutex<Option<Vec<mpsc::UnboundedSender<CallEvent>>>>>,
    why_closed: Arc<OnceLock<Error>>,
}

impl Listeners {
    pub(crate) fn new() -> Self {
        Self { open: Arc::new(Mutex::new(Some(Vec::new()))), why_closed: Arc::default() }
    }

    /// Says why the line is about to be closed, when its user has not signed out.
    pub(crate) fn explain(&self, why: Error) {
        // It is closed once.
        let _ = self.why_closed.set(why);
    }

    pub(crate) fn why_closed(&self) -> Error {
        self.why_closed.get().cloned().unwrap_or_else(Error::signed_out)
    }

    pub(crate) fn listen(&self) -> Events {
        let (sender, received) = mpsc::unbounded_channel();
        if let Some(listeners) = self.open.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            listeners.push(sender);
        }
        Events { received }
    }

    pub(crate) fn tell(&self, report: StatusReport) {
        let event = CallEvent::of(report);
        if let Some(listeners) = self.open.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            listeners.retain(|listener| listener.send(event.clone()).is_ok());
        }
    }

    pub(crate) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
