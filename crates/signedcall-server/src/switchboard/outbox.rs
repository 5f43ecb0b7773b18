//! The way to a socket, wherever that is.

use signedcall_wire::ServiceMessage;

use super::waiting::Giver;
use crate::cluster::Forwarded;

/// Messages that wait for a socket: a whole replay and some calls. A device that is further behind resumes on a new socket.
pub(crate) const OUTBOX: usize = 256;

/// What is on its way to a socket's task. Boxed, since the longest is many times the usual one.
pub(crate) type Outgoing = Box<ServiceMessage>;

/// The way to a socket. Dropping it closes the socket, once what is in it is written.
#[derive(Debug)]
pub(crate) enum Outbox {
    /// To the socket's task.
    Here(Giver),
    /// To the node that has the socket.
    Elsewhere(Forwarded),
    /// To one that is being closed.
    Closed,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Too many wait already.
    Full,
    /// Nobody is there any more.
    Gone,
}

impl Outbox {
    pub(crate) fn try_send(&self, message: Outgoing) -> Result<(), NotTaken> {
        match self {
            Self::Here(giver) => giver.try_send(message),
            Self::Elsewhere(forwarded) => forwarded.try_send(message),
            Self::Closed => Err(NotTaken::Gone),
        }
    }
}
