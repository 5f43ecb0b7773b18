//! Added here: the last answer of the server, for as long as it is recent.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is recent: a server that has gone is noticed as soon as one is asked for again.
const RECENT: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Recent<T> {
    pub(super) fn get(&self) -> Option<T> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() < RECENT).map(|(_, answer)| answer.clone())
    }

    pub(super) fn keep(&self, answer: T) -> T {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), answer.clone()));
        answer
    }
}
