use core::ffi::c_int;
use core::ptr::{self, NonNull};

use opusic_sys as sys;

use crate::deep::DeepRedundancy;
use crate::{Error, MAX_PACKET_SAMPLES, RATE, checked, length};

/// Makes sound of packets, and a likely continuation where one is missing.
#[derive(Debug)]
pub struct Decoder {
    state: NonNull<sys::OpusDecoder>,
}

// SAFETY: the state is reached through this value alone, and libopus keeps nothing of the thread that made it.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Makes a decoder of one voice.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> Result<Self, Error> {
        let mut error = 0;
        // SAFETY: `error` outlives the call, and the other arguments are plain numbers.
        let state = unsafe { sys::opus_decoder_create(RATE, 1, &raw mut error) };
        checked(error)?;
        Ok(Self { state: NonNull::new(state).ok_or(Error::Internal(error))? })
    }

    /// Sets the effort, 0 to 10: from 5 on a neural network continues what is missing, from 6 and 7 on others clean what was decoded, as far as
    /// they are built in.
    ///
    /// # Errors
    /// More than 10.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<(), Error> {
        // SAFETY: the state is live, and this request reads one `opus_int32`, which `c_int` is.
        let answer = unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_SET_COMPLEXITY_REQUEST, c_int::from(complexity)) };
        checked(answer).map(drop)
    }

    /// Forgets the stream so far.
    pub fn reset(&mut self) {
        // SAFETY: the state is live, and this request reads no argument.
        let answer = unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
        debug_assert_eq!(answer, sys::OPUS_OK, "a decoder that exists can be reset");
    }

    /// Decodes a packet to the beginning of `sound` and says how many samples it were.
    ///
    /// # Errors
    /// A payload that is no packet, or too little room.
    pub fn decode(&mut self, payload: &[u8], sound: &mut [f32]) -> Result<usize, Error> {
        // libopus would take an empty payload for a missing one.
        if payload.is_empty() {
            return Err(Error::Payload);
        }
        self.run(payload, sound, false)
    }

    /// Fills `sound` with the end of the packet *before* `following`, from the coarse copy that `following` has of it, as far as it has one.
    ///
    /// # Errors
    /// A payload that is no packet, or a length that is no multiple of 2.5 ms.
    pub fn recover(&mut self, following: &[u8], sound: &mut [f32]) -> Result<usize, Error> {
        if following.is_empty() {
            return Err(Error::Payload);
        }
        self.run(following, sound, true)
    }

    /// Fills `sound` with what probably came next.
    ///
    /// # Errors
    /// A length that is no multiple of 2.5 ms, or none.
    pub fn conceal(&mut self, sound: &mut [f32]) -> Result<usize, Error> {
        if sound.is_empty() {
            return Err(Error::Argument);
        }
        self.run(&[], sound, false)
    }

    /// Fills `sound` with what `redundancy` describes, from `before` samples before the packet on that carried it.
    ///
    /// # Errors
    /// A length that is no multiple of 2.5 ms, none, or more than a packet may have.
    pub fn recover_deep(&mut self, redundancy: &DeepRedundancy, before: usize, sound: &mut [f32]) -> Result<usize, Error> {
        // libopus has room for 100 steps of 10 ms here, and does not look whether they are enough.
        if sound.is_empty() || sound.len() > MAX_PACKET_SAMPLES {
            return Err(Error::Argument);
        }
        let (before, samples) = (length(before)?, length(sound.len())?);
        // SAFETY: both states are live and distinct; the redundancy was initialised by its constructor and is only read; the pointer is of a
        // slice that outlives the call, with its own length, which was looked at above.
        let answer =
            unsafe { sys::opus_decoder_dred_decode_float(self.state.as_ptr(), redundancy.as_ptr(), before, sound.as_mut_ptr(), samples) };
        checked(answer)
    }

    fn run(&mut self, payload: &[u8], sound: &mut [f32], copy_of_the_one_before: bool) -> Result<usize, Error> {
        let (bytes, samples) = (length(payload.len())?, length(sound.len())?);
        let start = if payload.is_empty() { ptr::null() } else { payload.as_ptr() };
        // SAFETY: the state is live; both pointers are of slices that outlive the call, with their own lengths, but for a missing payload's, which
        // is null as libopus wants it.
        let answer = unsafe {
            sys::opus_decode_float(self.state.as_ptr(), start, bytes, sound.as_mut_ptr(), samples, c_int::from(copy_of_the_one_before))
        };
        checked(answer)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the state was made by `opus_decoder_create` and is not used after this.
        unsafe { sys::opus_decoder_destroy(self.state.as_ptr()) }
    }
}
