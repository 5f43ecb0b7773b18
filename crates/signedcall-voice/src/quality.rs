//! How well the other side is heard, in a word.

use std::collections::VecDeque;
use std::time::Duration;

use crate::receiver::ReceiverStats;

/// How many seconds are judged together: short enough to speak of now, long enough that one lost word is not a bad line.
const WINDOW: usize = 5;
/// How many seconds are listened to before anything is said: at the start of a call the buffer is still finding its depth.
const LEAST: usize = 3;
/// How many seconds in a row must be better before that is said. What gets worse is said at once.
const CALM: usize = 3;

/// What makes a line weak, and what makes it poor.
///
/// Made-up sound is what is heard of a bad line: 2 % of it is a syllable now and then, 10 % is a word in each sentence. Losses that were repaired
/// are not heard, but are a warning. A delay of 300 ms in the buffer alone makes people talk over each other.
const LIMITS: [(Quality, Limits); 2] = [
    (Quality::Poor, Limits { made_up: 0.10, lost: 0.25, delay: Duration::from_millis(300) }),
    (Quality::Weak, Limits { made_up: 0.02, lost: 0.08, delay: Duration::from_millis(150) }),
];

#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The part of the sound that was made up.
    made_up: f64,
    /// The part of the packets that did not come in time.
    lost: f64,
    /// How long sound waits before it is played, most of the time.
    delay: Duration,
}

/// How well the other side is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// Words are missing, or come late enough to talk over each other.
    Poor,
    /// Now and then something is missing.
    Weak,
    /// Nothing is missing.
    Good,
}

/// Judges a [`Receiver`](crate::Receiver) by what it has done in the last seconds.
#[derive(Debug, Default)]
pub struct QualityMeter {
    before: ReceiverStats,
    seconds: VecDeque<Second>,
    said: Option<Quality>,
    better_for: usize,
}

#[derive(Clone, Copy, Debug)]
struct Second {
    made_up: Duration,
    lost: u64,
    expected: u64,
    delay: Duration,
}

impl QualityMeter {
    /// Takes what a receiver has done so far, once for each second that was played, and says how well it is heard.
    pub fn second(&mut self, stats: ReceiverStats) -> Option<Quality> {
        let before = std::mem::replace(&mut self.before, stats);
        if stats.packets_received == 0 {
            return None;
        }
        let lost = stats.packets_lost.saturating_sub(before.packets_lost);
        let received = stats.packets_received.saturating_sub(before.packets_received);
        let repeated = stats.packets_duplicate.saturating_sub(before.packets_duplicate);
        self.seconds.push_back(Second {
            made_up: stats.made_up.saturating_sub(before.made_up),
            lost,
            expected: received.saturating_sub(repeated) + lost,
            delay: stats.buffered,
        });
        if self.seconds.len() > WINDOW {
            self.seconds.pop_front();
        }
        if self.seconds.len() < LEAST {
            return None;
        }
        self.say(self.judge());
        self.said
    }

    fn judge(&self) -> Quality {
        let made_up: Duration = self.seconds.iter().map(|second| second.made_up).sum();
        let made_up = made_up.as_secs_f64() / self.seconds.len() as f64;
        let lost = self.seconds.iter().map(|second| second.lost).sum::<u64>() as f64;
        let expected = self.seconds.iter().map(|second| second.expected).sum::<u64>().max(1) as f64;
        let mut delays: Vec<Duration> = self.seconds.iter().map(|second| second.delay).collect();
        delays.sort_unstable();
        let delay = delays[delays.len() / 2];
        let is_beyond = |limits: &Limits| made_up > limits.made_up || lost / expected > limits.lost || delay > limits.delay;
        LIMITS.iter().find(|(_, limits)| is_beyond(limits)).map_or(Quality::Good, |(quality, _)| *quality)
    }

    fn say(&mut self, now: Quality) {
        match self.said {
            Some(said) if now > said => {
                self.better_for += 1;
                if self.better_for >= CALM {
                    self.said = Some(now);
                    self.better_for = 0;
                }
            }
            Some(_) | None => {
                self.said = Some(now);
                self.better_for = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FRAME_DURATION, FRAME_SAMPLES, Packet, Receiver, ReceiverConfig, SILENCE, Sender, SenderConfig};

    /// A receiver that does the same in each second.
    #[derive(Clone, Copy, Default)]
    struct Line {
        made_up_ms: u64,
        lost: u64,
        waits_ms: u64,
    }

    struct Listening {
        meter: QualityMeter,
        stats: ReceiverStats,
    }

    impl Listening {
        fn new() -> Self {
            Self { meter: QualityMeter::default(), stats: ReceiverStats::default() }
        }

        fn second(&mut self, line: Line) -> Option<Quality> {
            self.stats.packets_received += 50 - line.lost;
            self.stats.packets_lost += line.lost;
            self.stats.made_up += Duration::from_millis(line.made_up_ms);
            self.stats.buffered = Duration::from_millis(line.waits_ms);
            self.meter.second(self.stats)
        }

        fn seconds(&mut self, line: Line, count: usize) -> Option<Quality> {
            (0..count).map(|_| self.second(line)).last().flatten()
        }
    }

    const CLEAN: Line = Line { made_up_ms: 0, lost: 0, waits_ms: 40 };

    #[test]
    fn nothing_is_said_before_there_is_enough_to_judge() {
        let mut listening = Listening::new();
        assert_eq!(listening.meter.second(ReceiverStats::default()), None, "no packet has come");
        assert_eq!(listening.seconds(CLEAN, LEAST - 1), None);
        assert_eq!(listening.second(CLEAN), Some(Quality::Good));
    }

    #[test]
    fn each_limit_alone_decides_and_what_is_just_within_does_not() {
        for (line, expected) in [
            (Line { made_up_ms: 20, ..CLEAN }, Quality::Good),
            (Line { made_up_ms: 21, ..CLEAN }, Quality::Weak),
            (Line { made_up_ms: 100, ..CLEAN }, Quality::Weak),
            (Line { made_up_ms: 101, ..CLEAN }, Quality::Poor),
            (Line { lost: 4, ..CLEAN }, Quality::Good),
            (Line { lost: 5, ..CLEAN }, Quality::Weak),
            (Line { lost: 12, ..CLEAN }, Quality::Weak),
            (Line { lost: 13, ..CLEAN }, Quality::Poor),
            (Line { waits_ms: 150, ..CLEAN }, Quality::Good),
            (Line { waits_ms: 151, ..CLEAN }, Quality::Weak),
            (Line { waits_ms: 300, ..CLEAN }, Quality::Weak),
            (Line { waits_ms: 301, ..CLEAN }, Quality::Poor),
        ] {
            let said = Listening::new().seconds(line, WINDOW);
            assert_eq!(said, Some(expected), "{} ms made up, {} lost, {} ms", line.made_up_ms, line.lost, line.waits_ms);
        }
    }

    #[test]
    fn what_gets_worse_is_said_at_once_and_what_gets_better_when_it_stays_so() {
        let mut listening = Listening::new();
        listening.seconds(CLEAN, 10);
        assert_eq!(listening.second(Line { made_up_ms: 600, ..CLEAN }), Some(Quality::Poor));
        // The bad second leaves the window after five, and then it has to stay good for three.
        assert_eq!(listening.seconds(CLEAN, WINDOW - 1 + CALM - 1), Some(Quality::Poor));
        assert_eq!(listening.second(CLEAN), Some(Quality::Good));
    }

    #[test]
    fn one_lost_word_in_a_good_line_is_no_bad_line() {
        let mut listening = Listening::new();
        listening.seconds(CLEAN, 10);
        assert_eq!(listening.second(Line { made_up_ms: 90, lost: 4, ..CLEAN }), Some(Quality::Good));
    }

    #[test]
    fn sound_that_has_piled_up_once_is_no_slow_line() {
        let mut listening = Listening::new();
        listening.second(Line { waits_ms: 900, ..CLEAN });
        assert_eq!(listening.seconds(CLEAN, LEAST - 1), Some(Quality::Good), "before the speaker was open");
        listening.seconds(CLEAN, WINDOW);
        assert_eq!(listening.seconds(Line { waits_ms: 400, ..CLEAN }, 2), Some(Quality::Good), "it may be gone at once");
        assert_eq!(listening.second(Line { waits_ms: 400, ..CLEAN }), Some(Quality::Poor));
    }

    #[test]
    fn a_line_that_goes_silent_is_poor() {
        let mut listening = Listening::new();
        listening.seconds(CLEAN, 10);
        assert_eq!(listening.second(Line { made_up_ms: 1_000, lost: 50, waits_ms: 0 }), Some(Quality::Poor));
    }

    #[test]
    fn a_real_receiver_is_judged_by_what_is_lost_on_the_way() {
        let judged = |comes: fn(u16) -> bool| {
            let mut sender = Sender::new(SenderConfig::default()).unwrap();
            let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
            let mut meter = QualityMeter::default();
            let (mut sequence, mut heard, mut said) = (0, SILENCE, None);
            for frame in 0..1_000_u32 {
                let now = FRAME_DURATION * frame;
                if let Some(packet) = sender.push(&[0.1; FRAME_SAMPLES]) {
                    if comes(sequence) {
                        receiver.push(Packet {
                            source: 1,
                            sequence,
                            timestamp: packet.timestamp,
                            format: packet.format,
                            payload: packet.payload,
                            arrived: now,
                        });
                    }
                    sequence += 1;
                }
                receiver.pull(&mut heard, now);
                if frame % 100 == 99 {
                    said = meter.second(receiver.stats());
                }
            }
            said
        };
        assert_eq!(judged(|_| true), Some(Quality::Good));
        assert_eq!(judged(|sequence| sequence % 50 > 4), Some(Quality::Weak));
        assert_eq!(judged(|sequence| sequence % 50 > 20), Some(Quality::Poor));
    }
}
