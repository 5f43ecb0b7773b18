use core::ffi::c_int;
use core::ptr::NonNull;

use opusic_sys as sys;

use crate::{Error, RATE, checked, length};

/// Makes packets of speech.
#[derive(Debug)]
pub struct Encoder {
    state: NonNull<sys::OpusEncoder>,
}

// SAFETY: the state is reached through this value alone, and libopus keeps nothing of the thread that made it.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Makes an encoder for one voice.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> Result<Self, Error> {
        let mut error = 0;
        // SAFETY: `error` outlives the call, and the other arguments are plain numbers.
        let state = unsafe { sys::opus_encoder_create(RATE, 1, sys::OPUS_APPLICATION_VOIP, &raw mut error) };
        checked(error)?;
        let mut encoder = Self { state: NonNull::new(state).ok_or(Error::Internal(error))? };
        encoder.request(sys::OPUS_SET_SIGNAL_REQUEST, sys::OPUS_SIGNAL_VOICE)?;
        Ok(encoder)
    }

    /// Sets the bits per second of a packet with all that it carries.
    ///
    /// # Errors
    /// A rate that Opus does not take: it takes 500 to 512,000.
    pub fn set_bits_per_second(&mut self, bits: u32) -> Result<(), Error> {
        self.request(sys::OPUS_SET_BITRATE_REQUEST, length(bits as usize)?)
    }

    /// Sets the effort, 0 to 10.
    ///
    /// # Errors
    /// More than 10.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<(), Error> {
        self.request(sys::OPUS_SET_COMPLEXITY_REQUEST, c_int::from(complexity))
    }

    /// Sets whether silence is left out.
    ///
    /// # Errors
    /// None that a state which was made could give.
    pub fn set_discontinuous(&mut self, discontinuous: bool) -> Result<(), Error> {
        self.request(sys::OPUS_SET_DTX_REQUEST, c_int::from(discontinuous))
    }

    /// Sets whether a packet carries a coarse copy of the one before it.
    ///
    /// # Errors
    /// None that a state which was made could give.
    pub fn set_redundancy(&mut self, redundancy: bool) -> Result<(), Error> {
        self.request(sys::OPUS_SET_INBAND_FEC_REQUEST, c_int::from(redundancy))
    }

    /// Sets how many of a hundred packets are lost: what share redundancy has of the bit rate follows from it.
    ///
    /// # Errors
    /// More than 100.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), Error> {
        self.request(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, c_int::from(percent))
    }

    /// Sets how much of the sound before it a packet describes in a few bits, in steps of 10 ms; 0 is none, 104 the most.
    ///
    /// # Errors
    /// More than 104.
    pub fn set_deep_redundancy(&mut self, steps: u8) -> Result<(), Error> {
        self.request(sys::OPUS_SET_DRED_DURATION_REQUEST, c_int::from(steps))
    }

    /// Encodes one packet's worth of sound and says how many bytes it took.
    ///
    /// # Errors
    /// Sound of a length that no packet has, or too little room.
    pub fn encode(&mut self, sound: &[f32], payload: &mut [u8]) -> Result<usize, Error> {
        let (samples, room) = (length(sound.len())?, length(payload.len())?);
        // SAFETY: the state is live; both pointers are of slices that outlive the call, with their own lengths.
        let answer = unsafe { sys::opus_encode_float(self.state.as_ptr(), sound.as_ptr(), samples, payload.as_mut_ptr(), room) };
        checked(answer)
    }

    /// Sends a request that takes one number.
    fn request(&mut self, request: c_int, value: c_int) -> Result<(), Error> {
        // SAFETY: the state is live, and each request used here reads exactly one `opus_int32`, which `c_int` is.
        let answer = unsafe { sys::opus_encoder_ctl(self.state.as_ptr(), request, value) };
        checked(answer).map(drop)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the state was made by `opus_encoder_create` and is not used after this.
        unsafe { sys::opus_encoder_destroy(self.state.as_ptr()) }
    }
}
