//! Added here: the last answer of the server, and a wait for as long as it is recent.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer is recent: a server that has gone is noticed as soon as one is asked for again.
const RECENT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Recent<T> {
    /// Lets the thread sleep until the last answer is not recent any more. Gives it to whoever is woken up before: the stream may be at its end.
    ///
    /// It is cpal's thread that asks, and does nothing else.
    pub(super) fn outlast(&self) -> Option<T> {
        let (at, answer) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        thread::park_timeout(RECENT.checked_sub(at.elapsed())?);
        (at.elapsed() < RECENT).then_some(answer)
    }

    pub(super) fn keep(&self, answer: T) -> T {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), answer.clone()));
        answer
    }
}
