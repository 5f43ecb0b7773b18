use serde::{Deserialize, Serialize};

/// How one side of a call heard the other, and what became of its own voice, over the whole call.
///
/// Whole numbers, so that two reports compare and a text of them never depends on rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoiceReport {
    /// Seconds in which there was a voice to hear: those in which the call was held are none.
    pub seconds: u32,
    /// How the other side was heard on average, in hundredths of a mean opinion score by the E-model: from 100 to 450.
    pub mos: u16,
    /// The same of the worst ten seconds in a row.
    pub worst_mos: u16,
    /// Of a thousand packets of the other side, how many were lost on the way.
    pub lost_per_mille: u16,
    /// How many packets were lost in a row on average, in tenths.
    pub burst_tenths: u16,
    /// Of a thousand milliseconds that were heard, how many were made up.
    pub made_up_per_mille: u16,
    /// Milliseconds by which packets came later than the quickest, on average.
    pub jitter_ms: u32,
    /// Milliseconds that sound waited for late packets, on average.
    pub wait_ms: u32,
    /// Milliseconds to the other side and back, on average, where it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<u32>,
    /// Of a thousand packets of this side, how many the other side said were lost on the way, where it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said_lost_per_mille: Option<u16>,
    /// What this side sent for its voice, in kilobits a second on average: sound, redundancy and copies, without headers.
    pub said_kbps: u32,
}

impl VoiceReport {
    /// Whether a call can have sounded so.
    pub fn is_plausible(self) -> bool {
        const DAY_MS: u32 = 24 * 60 * 60 * 1_000;
        let marks = [self.mos, self.worst_mos].into_iter().all(|mos| (100..=450).contains(&mos));
        let shares = [self.lost_per_mille, self.made_up_per_mille, self.said_lost_per_mille.unwrap_or_default()];
        let times = [self.jitter_ms, self.wait_ms, self.round_trip_ms.unwrap_or_default()];
        self.seconds > 0 && marks && shares.into_iter().all(|share| share <= 1_000) && times.into_iter().all(|time| time < DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_no_call_can_have_is_told_apart() {
        let good = VoiceReport { seconds: 1, mos: 100, worst_mos: 450, lost_per_mille: 1_000, ..VoiceReport::default() };
        assert!(good.is_plausible());
        for bad in [
            VoiceReport::default(),
            VoiceReport { seconds: 0, ..good },
            VoiceReport { mos: 99, ..good },
            VoiceReport { worst_mos: 451, ..good },
            VoiceReport { lost_per_mille: 1_001, ..good },
            VoiceReport { said_lost_per_mille: Some(1_001), ..good },
            VoiceReport { jitter_ms: u32::MAX, ..good },
            VoiceReport { round_trip_ms: Some(u32::MAX), ..good },
        ] {
            assert!(!bad.is_plausible(), "{bad:?}");
        }
    }
}
