//! Wakes the audio thread.

use std::thread::{self, Thread};

/// Wakes the audio thread at once: with a [`Capture`](super::Capture) or [`Playback`](super::Playback) that rings it, sound waits for nobody's next look.
///
/// The callback of a device may ring it. That takes no lock and no memory, and is a system call only while the thread sleeps.
#[derive(Clone, Debug)]
pub struct Bell(Thread);

impl Bell {
    /// The bell of the calling thread, which hears it in [`thread::park`].
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self(thread::current())
    }

    /// Wakes the thread, or keeps it from going to sleep once.
    pub fn ring(&self) {
        self.0.unpark();
    }
}

impl From<Thread> for Bell {
    fn from(thread: Thread) -> Self {
        Self(thread)
    }
}
