use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::{Sound, SoundError};

/// How long a device is given after it could not be opened, each time.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

/// The place of one device: empty, or held by one that may be on the way to be replaced. The next one is opened beside it, and takes its place when it is
/// there, so that a change of devices is no gap.
pub(super) struct Slot<T> {
    device: Option<T>,
    /// The number of the one that is being opened.
    opening: Option<u64>,
    /// Whether the user wants another one than is open.
    unwanted: bool,
    not_before: Option<Instant>,
}

/// What has become of a device that was being opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in its place.
    Opened,
    /// It cannot be had now, and is tried again.
    Failed(SoundError),
    /// Nobody waits for it any more.
    Stale,
}

impl<T: Send + 'static> Slot<T> {
    pub(super) const fn empty() -> Self {
        Self { device: None, opening: None, unwanted: false, not_before: None }
    }

    pub(super) fn device(&self) -> Option<&T> {
        self.device.as_ref()
    }

    pub(super) fn device_mut(&mut self) -> Option<&mut T> {
        self.device.as_mut()
    }

    /// Whether a device is to be opened now: there is none, or `outdated` says that it should be another.
    pub(super) fn is_due(&self, now: Instant, outdated: impl Fn(&T) -> bool) -> bool {
        self.opening.is_none()
            && self.not_before.is_none_or(|at| at <= now)
            && self.device.as_ref().is_none_or(|device| self.unwanted || outdated(device))
    }

    /// Waits for the device with this number.
    pub(super) fn await_opened(&mut self, number: u64) {
        self.opening = Some(number);
    }

    pub(super) fn take(&mut self, number: u64, opened: Result<T, SoundError>, now: Instant) -> Taken {
        if self.opening != Some(number) {
            drop_aside(opened);
            return Taken::Stale;
        }
        self.opening = None;
        match opened {
            Ok(device) => {
                self.close();
                self.device = Some(device);
                Taken::Opened
            }
            Err(error) => {
                self.not_before = Some(now + REOPEN_AFTER);
                Taken::Failed(error)
            }
        }
    }

    /// Lets another device take the place of what is here, as soon as that is open.
    pub(super) fn replace(&mut self) {
        // What is being opened is not what is wanted now.
        (self.opening, self.not_before, self.unwanted) = (None, None, true);
    }

    /// Empties the place, for the time being or for good.
    pub(super) fn close(&mut self) {
        if let Some(device) = self.device.take() {
            drop_aside(device);
        }
        *self = Self::empty();
    }
}

/// Opens devices beside the audio thread, which must not wait for them.
pub(super) struct Opener<C> {
    to_self: blocking::Sender<C>,
    audio: Thread,
    number: u64,
}

impl<C: Send + 'static> Opener<C> {
    /// For the audio thread, by itself.
    pub(super) fn new(to_self: blocking::Sender<C>) -> Self {
        Self { to_self, audio: thread::current(), number: 0 }
    }

    /// Opens a device, of which the thread is told by a command; gives its number.
    pub(super) fn open<T: 'static>(
        &mut self,
        sound: &Arc<dyn Sound>,
        open: fn(&dyn Sound) -> Result<T, SoundError>,
        opened: fn(u64, Result<T, SoundError>) -> C,
    ) -> u64 {
        self.number += 1;
        let (number, sound, to_self, audio) = (self.number, Arc::clone(sound), self.to_self.clone(), self.audio.clone());
        thread::spawn(move || {
            let _ = to_self.send(opened(number, open(sound.as_ref())));
            audio.unpark();
        });
        number
    }
}

/// Closes a device beside the audio thread: it may wait for a sound server that hangs.
pub(super) fn drop_aside<T: Send + 'static>(value: T) {
    thread::spawn(move || drop(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP_TO_DATE: fn(&&str) -> bool = |_| false;
    const OUTDATED: fn(&&str) -> bool = |_| true;

    fn holding(device: &'static str) -> Slot<&'static str> {
        let mut slot = Slot::empty();
        slot.await_opened(1);
        assert_eq!(slot.take(1, Ok(device), Instant::now()), Taken::Opened);
        slot
    }

    #[test]
    fn an_empty_place_is_filled_once_and_an_outdated_device_is_replaced_when_the_next_is_open() {
        let now = Instant::now();
        let mut slot = Slot::<&str>::empty();
        assert!(slot.is_due(now, UP_TO_DATE));
        slot.await_opened(1);
        assert!(!slot.is_due(now, UP_TO_DATE), "it is being opened");
        assert_eq!(slot.take(1, Ok("headset"), now), Taken::Opened);
        assert!(!slot.is_due(now, UP_TO_DATE));
        assert!(slot.is_due(now, OUTDATED));
        slot.await_opened(2);
        assert_eq!(slot.device(), Some(&"headset"), "until the next is open");
        assert!(!slot.is_due(now, OUTDATED));
        assert_eq!(slot.take(2, Ok("speaker"), now), Taken::Opened);
        assert_eq!(slot.device(), Some(&"speaker"));
    }

    #[test]
    fn a_device_that_cannot_be_opened_is_tried_again_later_and_the_one_before_it_stays() {
        let now = Instant::now();
        let mut slot = holding("speaker");
        slot.await_opened(2);
        assert_eq!(slot.take(2, Err(SoundError::NoSpeaker), now), Taken::Failed(SoundError::NoSpeaker));
        assert_eq!(slot.device(), Some(&"speaker"));
        assert!(!slot.is_due(now + REOPEN_AFTER - Duration::from_millis(1), OUTDATED));
        assert!(slot.is_due(now + REOPEN_AFTER, OUTDATED));
    }

    #[test]
    fn what_was_being_opened_when_the_user_chose_another_does_not_count() {
        let now = Instant::now();
        let mut slot = holding("speaker");
        slot.await_opened(2);
        slot.replace();
        assert_eq!(slot.take(2, Ok("headset"), now), Taken::Stale);
        assert!(slot.is_due(now, UP_TO_DATE));
        slot.await_opened(3);
        assert_eq!(slot.take(3, Ok("monitor"), now), Taken::Opened);
        assert!(!slot.is_due(now, UP_TO_DATE), "that is the one that was chosen");
        slot.close();
        assert_eq!(slot.device(), None);
    }
}
