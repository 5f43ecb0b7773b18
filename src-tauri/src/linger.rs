//! How long the program stays when there is no window: whoever closes one may want it back at once, and a pop-up often leads to the main window.

use std::time::{Duration, Instant};

/// How long it stays. What it holds meanwhile is more than all the rest of the app.
pub(crate) const LINGER: Duration = Duration::from_secs(3);

/// When it may go.
#[derive(Debug)]
pub(crate) struct Linger {
    /// Since when there has been no window, nor has one been needed.
    alone_since: Option<Instant>,
}

impl Linger {
    /// There is no window yet.
    pub(crate) fn from(now: Instant) -> Self {
        Self { alone_since: Some(now) }
    }

    /// The last window has gone.
    pub(crate) fn left_alone(&mut self, now: Instant) {
        self.alone_since = Some(now);
    }

    /// There will be a window.
    pub(crate) fn needed(&mut self) {
        self.alone_since = None;
    }

    /// Whether there has been none for long enough. Said once.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        self.alone_since.take_if(|since| now.duration_since(*since) >= LINGER).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_no_window_has_been_needed_for_long_enough() {
        let (start, instant) = (Instant::now(), Duration::from_millis(1));
        let mut linger = Linger::from(start);
        assert!(!linger.is_over(start + LINGER - instant));
        linger.needed();
        assert!(!linger.is_over(start + LINGER), "there is a window");
        linger.left_alone(start + instant);
        assert!(!linger.is_over(start + LINGER), "it has gone later");
        assert!(linger.is_over(start + instant + LINGER));
        assert!(!linger.is_over(start + instant + LINGER * 2), "it has been said");
    }
}
