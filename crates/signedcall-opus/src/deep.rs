use core::ptr::NonNull;

use opusic_sys as sys;

use crate::{Error, RATE, checked, length};

/// The most that a packet describes: 1.04 s, the limit of the format.
const MOST_SAMPLES: usize = 49_920;

/// What a packet describes of the second before it: Opus' deep redundancy.
///
/// Reading it costs more than a packet's decoding, so one value is read into again and again, and only where something is missing.
#[derive(Debug)]
pub struct DeepRedundancy {
    reader: NonNull<sys::OpusDREDDecoder>,
    read: NonNull<sys::OpusDRED>,
}

// SAFETY: both states are reached through this value alone, and libopus keeps nothing of the thread that made them.
unsafe impl Send for DeepRedundancy {}

impl DeepRedundancy {
    /// Makes room for one packet's redundancy, with none in it.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> Result<Self, Error> {
        let mut error = 0;
        // SAFETY: `error` outlives the call.
        let reader = unsafe { sys::opus_dred_decoder_create(&raw mut error) };
        checked(error)?;
        let reader = NonNull::new(reader).ok_or(Error::Internal(error))?;
        // SAFETY: `error` outlives the call.
        let read = unsafe { sys::opus_dred_alloc(&raw mut error) };
        let Some(read) = NonNull::new(read).filter(|_| error == sys::OPUS_OK) else {
            // SAFETY: the reader was made above and belongs to nobody yet.
            unsafe { sys::opus_dred_decoder_destroy(reader.as_ptr()) };
            return Err(Error::Internal(error));
        };
        let mut redundancy = Self { reader, read };
        // Memory fresh from `opus_dred_alloc` has no content that could be relied on: a packet without redundancy leaves it marked as empty.
        redundancy.read(&[0b0000_1000, 0], 960)?;
        Ok(redundancy)
    }

    /// Reads what `payload` describes of the time before it, at most `most` samples of it, and says how far back that reaches.
    ///
    /// # Errors
    /// A payload that is no packet; nothing can be recovered from this value then.
    pub fn read(&mut self, payload: &[u8], most: usize) -> Result<usize, Error> {
        if payload.is_empty() {
            return Err(Error::Payload);
        }
        let bytes = length(payload.len())?;
        let most = most.min(MOST_SAMPLES);
        let mut end = 0;
        // SAFETY: both states are live and distinct; the payload's pointer is of a slice that outlives the call, with its own length; `end`
        // outlives the call.
        let answer = unsafe {
            sys::opus_dred_parse(self.reader.as_ptr(), self.read.as_ptr(), payload.as_ptr(), bytes, length(most)?, RATE, &raw mut end, 0)
        };
        // A damaged packet may promise more than the format can hold.
        checked(answer).map(|reach| reach.min(most))
    }

    pub(crate) fn as_ptr(&self) -> *const sys::OpusDRED {
        self.read.as_ptr()
    }
}

impl Drop for DeepRedundancy {
    fn drop(&mut self) {
        // SAFETY: it was made by `opus_dred_alloc` and is not used after this.
        unsafe { sys::opus_dred_free(self.read.as_ptr()) }
        // SAFETY: it was made by `opus_dred_decoder_create` and is not used after this.
        unsafe { sys::opus_dred_decoder_destroy(self.reader.as_ptr()) }
    }
}
