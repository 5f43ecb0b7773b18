//! The devices of the audio thread: how they come and go.

use std::time::Instant;

use super::{Audio, SoundEvent};
use crate::sound::slot::Taken;
use crate::sound::{Capture, Playback, SoundError};
use crate::timing::Milestone;

impl Audio {
    pub(super) fn take_capture(&mut self, number: u64, opened: Result<Box<dyn Capture>, SoundError>) {
        match (self.capture.take(number, opened, Instant::now()), &mut self.voice) {
            (Taken::Opened, Some(voice)) => {
                voice.mark(Milestone::CaptureOpened);
                voice.has(true, false);
                if let Some(capture) = self.capture.device_mut() {
                    capture.ring_when_ready(self.opener.bell().clone());
                }
            }
            (Taken::Opened, None) => self.capture.close(),
            (Taken::Failed(error), voice) => {
                tracing::warn!(%error, "the microphone cannot be opened");
                if let Some(voice) = voice.as_ref().filter(|voice| !voice.had_microphone()) {
                    let _ = self.events.send(SoundEvent::NoCapture { call: voice.call(), error });
                }
            }
            (Taken::Stale, _) => {}
        }
    }

    pub(super) fn take_playback(&mut self, number: u64, opened: Result<Box<dyn Playback>, SoundError>) {
        match self.playback.take(number, opened, Instant::now()) {
            Taken::Opened => {
                self.quiet_since = Instant::now();
                if let Some(playback) = self.playback.device_mut() {
                    playback.ring_when_ready(self.opener.bell().clone());
                }
            }
            Taken::Failed(error) => {
                tracing::warn!(%error, "the speaker cannot be opened");
                if let Some(voice) = self.voice.as_ref().filter(|voice| !voice.had_speaker()) {
                    let _ = self.events.send(SoundEvent::NoPlayback { call: voice.call(), error });
                }
                // A tone that says one thing once says nothing later; without this, the speaker would be tried for ever.
                self.over = None;
            }
            Taken::Stale => {}
        }
    }

    pub(super) fn take_ringer(&mut self, number: u64, opened: Result<Box<dyn Playback>, SoundError>) {
        match (self.ringer.take(number, opened, Instant::now()), &self.ringtone) {
            (Taken::Opened, None) => self.ringer.close(),
            (Taken::Failed(error), _) => {
                tracing::warn!(%error, "the speaker that rings cannot be opened; the other one rings");
                self.tone = self.ringtone.take();
            }
            (Taken::Opened, Some(_)) => {
                if let Some(ringer) = self.ringer.device_mut() {
                    ringer.ring_when_ready(self.opener.bell().clone());
                }
            }
            (Taken::Stale, _) => {}
        }
    }

    pub(super) fn find_lost(&mut self) {
        if self.capture.device().is_some_and(|capture| capture.is_lost()) {
            tracing::warn!("the microphone stopped; it is opened again, or another");
            self.capture.close();
        }
        for slot in [&mut self.playback, &mut self.ringer] {
            if slot.device().is_some_and(|playback| playback.is_lost()) {
                tracing::warn!("a speaker stopped; it is opened again, or another");
                slot.close();
            }
        }
    }
}
