//! What a user is told of the line, and when.

use std::time::Duration;

use super::VoiceStats;

/// What is odd about the line, for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineNotice {
    /// Packets of the other side's voice are lost on the way.
    LosingPackets,
    /// Packets of this side's voice are lost on the way and no copies make up for them, while the other side's come.
    NotAllIsHeard,
    /// What is said arrives late: people begin to talk over each other.
    Late,
    /// Packets come by fits and starts.
    Unsteady,
}

impl LineNotice {
    /// The first that applies is said.
    const ALL: [Self; 4] = [Self::LosingPackets, Self::NotAllIsHeard, Self::Late, Self::Unsteady];

    /// How far a second is from being fine, 1 being where it is said.
    ///
    /// Five lost packets of a hundred are repaired, and a sign of what may come. 400 ms from mouth to ear is what ITU-T G.114 calls the limit for
    /// planning. 80 ms of jitter is what the buffer still waits for without people minding.
    fn weight(self, second: &VoiceStats) -> f32 {
        match self {
            Self::LosingPackets => second.heard.loss / 0.05,
            Self::NotAllIsHeard => second.said.left.unwrap_or_default() / 0.05,
            Self::Late => second.delay().as_secs_f32() / 0.4,
            Self::Unsteady => second.heard.jitter.as_secs_f32() / 0.08,
        }
    }
}

/// How long something has to last before it is said: a second alone is an accident.
const SAID_AFTER: u8 = 2;
/// How long it has to be better before it is no longer said.
const CALM: u8 = 5;
/// What is better: well under where it was said, so that it does not come and go.
const BETTER: f32 = 0.6;

/// What is said, and for how many seconds another thing has been true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noticing {
    said: Option<LineNotice>,
    /// What is about to be said instead, and since how many seconds.
    next: Option<LineNotice>,
    seconds: u8,
}

impl Noticing {
    /// What is said now.
    pub(crate) fn said(self) -> Option<LineNotice> {
        self.said
    }

    /// What is said after one more second: a function of what was said before and that second alone.
    #[must_use]
    pub(crate) fn after(self, second: &VoiceStats) -> Self {
        let limit = |notice| if self.said == Some(notice) { BETTER } else { 1.0 };
        let now = LineNotice::ALL.into_iter().find(|notice| notice.weight(second) >= limit(*notice));
        if now == self.said {
            return Self { said: self.said, next: None, seconds: 0 };
        }
        let seconds = if self.seconds > 0 && now == self.next { self.seconds + 1 } else { 1 };
        let needed = if now.is_some() { SAID_AFTER } else { CALM };
        if seconds < needed { Self { next: now, seconds, ..self } } else { Self { said: now, next: None, seconds: 0 } }
    }
}

impl VoiceStats {
    /// From mouth to ear, as far as it is known: half of the way there and back, what waits here, and a packet's own length.
    pub(crate) fn delay(&self) -> Duration {
        self.round_trip.unwrap_or_default() / 2 + self.heard.wait + self.said.packet_duration
    }
}

#[cfg(test)]
mod tests {
    use signedcall_wire::CallId;
    use uuid::Uuid;

    use super::*;
    use crate::quality::{HeardStats, SaidStats};

    const FINE: VoiceStats = VoiceStats {
        call: CallId(Uuid::nil()),
        mos: 4.3,
        heard: HeardStats {
            packets: 50,
            loss: 0.0,
            burst: 0.0,
            jitter: Duration::from_millis(5),
            wait: Duration::from_millis(40),
            made_up: 0.0,
            bits_per_second: 32_000,
        },
        said: SaidStats {
            loss: Some(0.0),
            left: Some(0.0),
            burst: 0.0,
            queued: Duration::ZERO,
            bits_per_second: 32_000,
            packet_duration: Duration::from_millis(20),
            copies: 0,
        },
        round_trip: Some(Duration::from_millis(40)),
    };

    fn losing(loss: f32) -> VoiceStats {
        VoiceStats { heard: HeardStats { loss, ..FINE.heard }, ..FINE }
    }

    /// A second in which so much of this side's voice was lost, all of it repaired but for what is left.
    fn losing_said(loss: f32, left: f32) -> VoiceStats {
        VoiceStats { said: SaidStats { loss: Some(loss), left: Some(left), ..FINE.said }, ..FINE }
    }

    fn late(milliseconds: u64) -> VoiceStats {
        VoiceStats { round_trip: Some(Duration::from_millis(2 * (milliseconds - 60))), ..FINE }
    }

    fn unsteady(milliseconds: u64) -> VoiceStats {
        VoiceStats { heard: HeardStats { jitter: Duration::from_millis(milliseconds), ..FINE.heard }, ..FINE }
    }

    /// What is said after each of these seconds.
    fn said(seconds: &[VoiceStats]) -> Vec<Option<LineNotice>> {
        let mut noticing = Noticing::default();
        seconds
            .iter()
            .map(|second| {
                noticing = noticing.after(second);
                noticing.said()
            })
            .collect()
    }

    #[test]
    fn each_has_its_limit_and_what_is_just_within_is_not_said() {
        use LineNotice::{Late, LosingPackets, NotAllIsHeard, Unsteady};
        for (second, expected) in [
            (FINE, None),
            (losing(0.05), Some(LosingPackets)),
            (losing(0.049), None),
            (losing_said(0.3, 0.05), Some(NotAllIsHeard)),
            (losing_said(0.3, 0.049), None),
            (losing_said(0.3, 0.0), None),
            (late(400), Some(Late)),
            (late(398), None),
            (unsteady(80), Some(Unsteady)),
            (unsteady(79), None),
        ] {
            assert_eq!(said(&[second; 3]).last(), Some(&expected), "{second:?}");
        }
    }

    #[test]
    fn it_is_said_after_two_seconds_and_no_longer_after_five_better_ones() {
        let (bad, nothing, told) = (losing(0.2), None, Some(LineNotice::LosingPackets));
        assert_eq!(said(&[FINE, bad, FINE, bad, bad]), [nothing, nothing, nothing, nothing, told]);
        assert_eq!(said(&[bad, bad, FINE, FINE, FINE, FINE, FINE]), [nothing, told, told, told, told, told, nothing]);
        assert_eq!(said(&[bad, bad, FINE, FINE, FINE, FINE, bad, FINE]).last(), Some(&told), "it was not better for long enough");
    }

    #[test]
    fn what_is_said_stays_until_it_is_much_better() {
        let told = Some(LineNotice::LosingPackets);
        let mut seconds = vec![losing(0.05); 2];
        seconds.extend([losing(0.031); 20]);
        assert_eq!(said(&seconds).last(), Some(&told));
        seconds.extend([losing(0.029); 5]);
        assert_eq!(said(&seconds).last(), Some(&None));
    }

    #[test]
    fn the_worse_thing_takes_the_place_of_the_other() {
        let both = VoiceStats { heard: HeardStats { loss: 0.3, jitter: Duration::from_millis(200), ..FINE.heard }, ..FINE };
        assert_eq!(said(&[unsteady(200), unsteady(200), both, both]).last(), Some(&Some(LineNotice::LosingPackets)));
        let only_unsteady = unsteady(200);
        assert_eq!(said(&[both, both, only_unsteady, only_unsteady]).last(), Some(&Some(LineNotice::Unsteady)));
    }

    #[test]
    fn nothing_told_of_what_was_said_is_nothing_wrong() {
        let untold = VoiceStats { said: SaidStats { loss: None, left: None, ..FINE.said }, round_trip: None, ..FINE };
        assert_eq!(said(&[untold; 5]).last(), Some(&None));
    }
}
