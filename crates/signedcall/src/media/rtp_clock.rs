use std::time::Instant;

use signedcall_voice::SAMPLE_RATE;

/// The timestamps of one RTP stream, which goes on while voices open and close: each voice counts its samples from zero.
#[derive(Debug)]
pub(super) struct RtpClock {
    /// The stream's timestamp of the voice's zero.
    zero: u32,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    /// By the voice's count.
    counted: u32,
    at: Instant,
}

/// What the header of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) timestamp: u32,
    /// Whether a spurt of sound begins (RFC 3551).
    pub(super) marker: bool,
}

impl RtpClock {
    pub(super) const fn starting_at(zero: u32) -> Self {
        Self { zero, last: None }
    }

    /// Stamps the packet that begins with the voice's sample `counted`. After a pause the stream has gone on by as much as the clock.
    pub(super) fn stamp(&mut self, counted: u32, now: Instant) -> Stamp {
        let begins = self.last.is_none_or(|last| counted < last.counted);
        if let Some(last) = self.last
            && begins
        {
            let paused = now.saturating_duration_since(last.at).as_secs_f64() * f64::from(SAMPLE_RATE);
            // Timestamps wrap around, and so may a pause of a day.
            self.zero = self.zero.wrapping_add(last.counted).wrapping_add(paused as u64 as u32).wrapping_sub(counted);
        }
        self.last = Some(Last { counted, at: now });
        Stamp { timestamp: self.zero.wrapping_add(counted), marker: begins }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stream_goes_on_through_pauses_and_past_the_largest_number() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut clock = RtpClock::starting_at(u32::MAX - 1_000);
        let first = clock.stamp(0, at(0));
        assert_eq!(first, Stamp { timestamp: u32::MAX - 1_000, marker: true });
        assert_eq!(clock.stamp(960, at(20)), Stamp { timestamp: first.timestamp.wrapping_add(960), marker: false });
        let resumed = clock.stamp(0, at(5_020));
        assert_eq!(resumed, Stamp { timestamp: first.timestamp.wrapping_add(960 + 240_000), marker: true });
        assert_eq!(clock.stamp(960, at(5_040)), Stamp { timestamp: resumed.timestamp.wrapping_add(960), marker: false });
    }
}
