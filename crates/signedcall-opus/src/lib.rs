//! Opus as a call uses it: mono speech at 48 kHz, with all redundancy that it has.
//!
//! This is the one crate of the workspace that calls C, and nothing but that: what is worth sending and when to use which redundancy is decided in
//! `signedcall-voice`. What makes its calls sound:
//!
//! * A state of libopus is made by its own constructor, belongs to one value here, is changed only through `&mut`, and is freed once, when the
//!   value is dropped. libopus keeps nothing of a thread, so a state may move to another one.
//! * A pointer into sound or a payload is that of a slice, and the length handed over with it is the slice's. With one channel a sample is one
//!   number, so lengths need no factor.
//! * Rate and channels are fixed where a state is made; no request that changes the meaning of a buffer is sent.
//! * Payloads come from strangers. libopus checks them; that it does, for truncated, damaged and invented ones, is tried in `tests.rs`.

mod decoder;
mod deep;
mod encoder;
pub mod packet;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use deep::DeepRedundancy;
pub use encoder::Encoder;

use core::ffi::c_int;

/// Samples per second, of everything here.
pub const SAMPLE_RATE: u32 = 48_000;

/// The same as libopus takes it.
const RATE: c_int = SAMPLE_RATE as c_int;

/// The most samples a packet may hold: 120 ms, the limit of the format.
pub const MAX_PACKET_SAMPLES: usize = 5_760;

/// Says what libopus refused, by its own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An argument that it does not take: a length of sound that is no frame, a bit rate out of range.
    #[error("an argument that Opus does not take")]
    Argument,
    /// More sound or a longer payload than there is room for.
    #[error("a buffer that is too small for Opus")]
    Room,
    /// A payload that is no Opus packet.
    #[error("no Opus packet")]
    Payload,
    /// No memory, or a state that is broken.
    #[error("a failure within Opus ({0})")]
    Internal(i32),
}

/// What libopus answers: a count, or an error below zero.
fn checked(answer: c_int) -> Result<usize, Error> {
    usize::try_from(answer).map_err(|_| match answer {
        opusic_sys::OPUS_BAD_ARG => Error::Argument,
        opusic_sys::OPUS_BUFFER_TOO_SMALL => Error::Room,
        opusic_sys::OPUS_INVALID_PACKET => Error::Payload,
        other => Error::Internal(other),
    })
}

/// A length as libopus takes it.
fn length(of: usize) -> Result<c_int, Error> {
    c_int::try_from(of).map_err(|_| Error::Argument)
}
