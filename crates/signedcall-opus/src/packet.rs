//! What a packet tells without being decoded.

use opusic_sys as sys;

use crate::{Error, RATE, checked, length};

/// Samples in a whole packet.
///
/// # Errors
/// A payload that is no packet.
pub fn samples(payload: &[u8]) -> Result<usize, Error> {
    if payload.is_empty() {
        return Err(Error::Payload);
    }
    let bytes = length(payload.len())?;
    // SAFETY: the pointer is of a slice that outlives the call, with its own length.
    let answer = unsafe { sys::opus_packet_get_nb_samples(payload.as_ptr(), bytes, RATE) };
    checked(answer)
}

/// Samples in each frame of a packet.
///
/// # Errors
/// A payload that is no packet.
pub fn samples_per_frame(payload: &[u8]) -> Result<usize, Error> {
    if payload.is_empty() {
        return Err(Error::Payload);
    }
    // SAFETY: libopus reads the first byte, and there is one.
    let answer = unsafe { sys::opus_packet_get_samples_per_frame(payload.as_ptr(), RATE) };
    checked(answer)
}

/// Takes out of a packet, in place, what does not belong to its own sound: padding and the description of the time before it. Gives back how long it
/// is now.
///
/// # Errors
/// A payload that is no packet; it may have been changed.
pub fn strip(payload: &mut [u8]) -> Result<usize, Error> {
    if payload.is_empty() {
        return Err(Error::Payload);
    }
    let bytes = length(payload.len())?;
    // SAFETY: the pointer is of a slice that is changed through this reference alone, with its own length; libopus makes a packet shorter here,
    // never longer.
    let answer = unsafe { sys::opus_packet_unpad(payload.as_mut_ptr(), bytes) };
    checked(answer)
}
