//! What a packet describes of the time before it.

use signedcall_opus::DeepRedundancy;

use crate::codec::CodecError;
use crate::frame::{MILLISECOND, Samples};

/// The longest gap that is repaired by what a later packet describes: a quarter of a second more than anybody waits for it.
pub(super) const FARTHEST_REPAIRED: Samples = 650 * MILLISECOND;

/// What the packet that was looked at last describes of the time before it.
#[derive(Debug)]
pub(super) struct Deep {
    pub(super) read: DeepRedundancy,
    /// The timestamp of that packet, and how far back it reaches.
    pub(super) of: Option<(Samples, Samples)>,
}

impl Deep {
    pub(super) fn new() -> Result<Self, CodecError> {
        Ok(Self { read: DeepRedundancy::new().map_err(CodecError::Decoder)?, of: None })
    }

    /// How far back the packet at `timestamp` reaches, `most` being of interest. Reading it costs as much as decoding it, so it is done once.
    pub(super) fn reach(&mut self, timestamp: Samples, payload: &[u8], most: Samples) -> Samples {
        match self.of {
            Some((of, reach)) if of == timestamp => reach,
            Some(_) | None => {
                let most = usize::try_from(most).unwrap_or(0);
                let reach = self.read.read(payload, most).map_or(0, |reach| reach as Samples);
                self.of = Some((timestamp, reach));
                reach
            }
        }
    }
}
