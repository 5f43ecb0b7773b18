//! The messages of the signalling protocol: JSON text frames over one WebSocket.
//!
//! ```text
//! device                                   service
//!   ── hello {credentials} | resume ───────▶    first frame on every socket
//!   ◀─ welcome {session, calls} | resumed | session_expired | refused
//!   ── request {id, …} ────────────────────▶    repeated after a resume until answered
//!   ◀─ response {id, error?} ──────────────     the same answer to the same id
//!   ◀─ event {seq, …} ─────────────────────     replayed after a resume from `last_seq`
//!   ── ack {seq} ──────────────────────────▶    cumulative
//!   ── renew {user_token} ─────────────────▶    before the token expires that the session has begun with
//!   ◀─ renewed | not_renewed ──────────────
//! ```
//!
//! `session_expired` also comes unasked, when a user token has expired and no other has taken its place. After `session_expired` the device sends `hello` on the same socket; the `welcome` that follows lists the calls that this device has a part
//! in, and those that have ended meanwhile, which replaces what it believed. A service that was started again knows no session of before, and the
//! calls all the same.

mod client;
mod push;
mod service;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use client::{ClientMessage, Credential, Environment, Hello, NewCall, Renew, Request, Resume, Signal};
pub use push::{MAX_PUSH_MEMBER_BYTES, PushPayload, PushService, PushTarget};
pub use service::{
    CallPhase, CallSnapshot, EndedCall, IceConfig, IceServer, Invite, Refusal, ServiceEvent, ServiceMessage, Transferred, Welcome,
};

/// The version in the first frame of a socket. A service refuses what it cannot speak.
pub const PROTOCOL_VERSION: u32 = 1;
/// The most bytes of one frame; a larger one ends the socket.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The most bytes of one session description.
pub const MAX_SDP_BYTES: usize = 16 * 1024;
/// The most candidates that one device of a call may send to another: more is no description of a network but a flood.
pub const MAX_CANDIDATES_PER_CALL: usize = 64;
/// The most requests of one session that may wait for their answer: those of a call to eight devices, with two dozen candidates for each.
///
/// A device that has asked so much and hears no answer asks nothing more on that socket. The service remembers as many answers, so that whatever
/// a device may still repeat is carried out once.
pub const MAX_UNANSWERED_REQUESTS: usize = 256;
/// The most calls that one device is in, the one that rings beside another included: a third would need more than two buttons.
pub const MAX_CALLS_PER_DEVICE: usize = 2;
/// How long before the end of a call whose time is limited both sides are warned (R29): enough to say what still has to be said.
pub const WARNING_BEFORE_END: Duration = Duration::from_secs(30);
/// The most sockets that one cuid may hold open.
pub const MAX_SOCKETS_PER_CUID: usize = 8;
