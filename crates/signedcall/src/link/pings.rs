//! Pings whose answers somebody waits for, to know how long they take.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// How many may wait at once: measuring is done one at a time, and what is not answered is not waited for.
const MOST: usize = 4;

/// Pings of one socket. Their payload is their number; a ping without one is nobody's.
#[derive(Debug, Default)]
pub(super) struct Pings {
    waiting: Mutex<VecDeque<Ping>>,
}

#[derive(Debug)]
struct Ping {
    number: u64,
    asked: Instant,
    tell: oneshot::Sender<Duration>,
}

impl Pings {
    /// Takes note of a ping that is being sent, and gives its payload.
    pub(super) fn ask(&self, tell: oneshot::Sender<Duration>) -> Vec<u8> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let number = waiting.back().map_or(0, |last| last.number + 1);
        if waiting.len() == MOST {
            waiting.pop_front();
        }
        waiting.push_back(Ping { number, asked: Instant::now(), tell });
        number.to_be_bytes().to_vec()
    }

    /// Tells whoever waits for the ping of this payload how long it took.
    pub(super) fn answered(&self, payload: &[u8]) {
        let Some(number) = payload.try_into().ok().map(u64::from_be_bytes) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = waiting.iter().position(|ping| ping.number == number)
            && let Some(Ping { asked, tell, .. }) = waiting.remove(at)
        {
            // They may have stopped waiting.
            let _ = tell.send(asked.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pings: &Pings) -> (Vec<u8>, oneshot::Receiver<Duration>) {
        let (tell, told) = oneshot::channel();
        (pings.ask(tell), told)
    }

    #[test]
    fn each_answer_is_told_to_whoever_has_asked() {
        let pings = Pings::default();
        let ((one, mut first), (other, mut second)) = (ask(&pings), ask(&pings));
        pings.answered(&other);
        assert!(second.try_recv().is_ok() && first.try_recv().is_err());
        pings.answered(&one);
        assert!(first.try_recv().is_ok());
    }

    #[test]
    fn what_nobody_has_asked_is_told_to_nobody_and_the_oldest_is_given_up() {
        let pings = Pings::default();
        let mut asked: Vec<_> = (0..=MOST).map(|_| ask(&pings)).collect();
        for payload in [&[][..], &[1, 2, 3], &99_u64.to_be_bytes()] {
            pings.answered(payload);
        }
        for (payload, _) in &asked {
            pings.answered(payload);
        }
        let told: Vec<bool> = asked.iter_mut().map(|(_, told)| told.try_recv().is_ok()).collect();
        assert_eq!(told, [false, true, true, true, true]);
    }
}
