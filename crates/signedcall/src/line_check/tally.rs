//! What the answers to a burst of questions say of the way that they took.

use std::time::{Duration, Instant};

use crate::quality::LineMeasures;

/// How long after the last question answers are waited for, at most and at least. What takes longer is of no use to a voice.
const MOST_PATIENCE: Duration = Duration::from_millis(400);
const LEAST_PATIENCE: Duration = Duration::from_millis(200);
/// Of a hundred answers so many count for the jitter: the others are what the buffer of a call does not wait for, either.
const IN_TIME: usize = 95;

/// Which questions were asked, and how long each answer took.
#[derive(Debug, Default)]
pub(super) struct Tally {
    asked: Vec<Instant>,
    took: Vec<Option<Duration>>,
}

impl Tally {
    /// Takes note of the next question.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asked.push(now);
        self.took.push(None);
    }

    /// How many were asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// Takes note of an answer; the second one to a question says nothing.
    pub(super) fn answer(&mut self, number: u16, now: Instant) {
        let number = usize::from(number);
        let (Some(asked), Some(took)) = (self.asked.get(number), self.took.get_mut(number)) else { return };
        took.get_or_insert(now.saturating_duration_since(*asked));
    }

    /// Whether no answer is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.took.iter().all(Option::is_some)
    }

    /// Until when the answers that are missing are waited for: three times as long as the slowest that came has taken.
    pub(super) fn give_up_at(&self) -> Option<Instant> {
        let slowest = self.took.iter().flatten().max();
        let patience = slowest.map_or(MOST_PATIENCE, |slowest| (*slowest * 3).clamp(LEAST_PATIENCE, MOST_PATIENCE));
        self.asked.last().map(|last| *last + patience)
    }

    /// What it comes to. Somebody who answers nothing is no relay, and says nothing of the way.
    pub(super) fn measures(&self) -> LineMeasures {
        let mut took: Vec<Duration> = self.took.iter().flatten().copied().collect();
        took.sort_unstable();
        let Some(quickest) = took.first().copied() else { return LineMeasures::default() };
        let in_time = took[(took.len() * IN_TIME).div_ceil(100) - 1];
        let lost = self.asked.len() - took.len();
        LineMeasures { round_trip: Some(quickest), jitter: in_time - quickest, loss: Some(lost as f32 / self.asked.len() as f32) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APART: Duration = Duration::from_millis(5);

    /// A burst whose answers took so many milliseconds each; −1 stands for one that was lost.
    fn tally(took: &[i64]) -> (Tally, Instant) {
        let began = Instant::now();
        let mut tally = Tally::default();
        for number in 0..took.len() {
            tally.ask(began + APART * number as u32);
        }
        for (number, took) in took.iter().enumerate() {
            if let Ok(took) = u64::try_from(*took) {
                tally.answer(number as u16, began + APART * number as u32 + Duration::from_millis(took));
            }
        }
        (tally, began)
    }

    fn measures(took: &[i64]) -> (Option<u64>, u64, Option<f32>) {
        let LineMeasures { round_trip, jitter, loss } = tally(took).0.measures();
        (round_trip.map(|way| way.as_millis() as u64), jitter.as_millis() as u64, loss)
    }

    #[test]
    fn the_quickest_answer_is_the_way_and_the_others_its_jitter() {
        assert_eq!(measures(&[30; 20]), (Some(30), 0, Some(0.0)));
        assert_eq!(measures(&[30, 70, 50, 40]), (Some(30), 40, Some(0.0)));
        let mut one_late = [30; 20];
        one_late[7] = 300;
        assert_eq!(measures(&one_late), (Some(30), 0, Some(0.0)), "one of twenty is an accident");
    }

    #[test]
    fn what_is_not_answered_is_lost() {
        assert_eq!(measures(&[30, -1, 30, 30]), (Some(30), 0, Some(0.25)));
        assert_eq!(measures(&[-1, -1, -1, 30]), (Some(30), 0, Some(0.75)));
    }

    #[test]
    fn somebody_who_answers_nothing_says_nothing_of_the_line() {
        assert_eq!(measures(&[-1; 20]), (None, 0, None));
        assert_eq!(measures(&[]), (None, 0, None));
    }

    #[test]
    fn a_second_answer_and_one_to_nothing_count_for_nothing() {
        let (mut tally, began) = tally(&[30, -1]);
        tally.answer(0, began + Duration::from_secs(1));
        tally.answer(700, began);
        assert!(!tally.is_complete());
        assert_eq!(tally.measures().round_trip, Some(Duration::from_millis(30)));
        tally.answer(1, began + Duration::from_secs(1));
        assert!(tally.is_complete());
    }

    #[test]
    fn missing_answers_are_waited_for_as_long_as_the_others_make_likely() {
        let waits = |took: &[i64]| {
            let (tally, began) = tally(took);
            tally.give_up_at().map(|at| (at - began).saturating_sub(APART * (took.len() as u32 - 1)).as_millis())
        };
        assert_eq!([waits(&[-1, -1]), waits(&[5, -1]), waits(&[100, -1]), waits(&[300, -1])], [Some(400), Some(200), Some(300), Some(400)]);
    }
}
