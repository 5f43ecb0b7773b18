//! One call between two phones of the SDK, with sound from a file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use signedcall::{
    Analytics, CallStatus, Capture, Events, FRAME_SAMPLES, Frame, Metadata, Options, Pace, Playback, SignedCall, Sound, SoundError,
    VoiceOptions,
};
use signedcall_tests::{Between, ImpairedLine, PATIENCE, Recording, Service};
use tokio::time::timeout;

use super::{Bits, Heard, Said};

/// Calls, says what there is to say, and gives what was heard of it.
pub(super) async fn call(service: &Service, number: usize, line: &ImpairedLine, bits: Bits, said: &Said) -> Result<Heard> {
    let between = Between::open(service.url(), line.for_second(), line.for_first()).await?;
    let (mouth, ear) = (Voice::saying(Arc::clone(&said.samples)), Voice::saying(Arc::default()));
    let first = sign_in(service, between.url(), &format!("first_{number}"), bits, &mouth).await?;
    let second = sign_in(service, service.url(), &format!("second_{number}"), bits, &ear).await?;
    let (mut calling, mut called) = (first.events(), second.events());
    let call = first.call(&format!("second_{number}"), "How does it sound", Metadata::default()).await?;
    reach(&mut called, CallStatus::Ringing).await?;
    second.answer(call).await?;
    reach(&mut calling, CallStatus::InProgress).await?;
    reach(&mut called, CallStatus::InProgress).await?;
    mouth.talk();
    tokio::time::sleep(said.lasts()).await;
    let heard = Heard { said_from: mouth.said_from().context("nothing was said")?, recording: ear.heard() };
    first.logout().await;
    second.logout().await;
    Ok(heard)
}

async fn sign_in(service: &Service, url: &str, cuid: &str, bits: Bits, voice: &Arc<Voice>) -> Result<SignedCall> {
    let mut options = Options::new(url, signedcall_tests::ACCOUNT, service.api_key(), cuid).production(false).analytics(Analytics::Local);
    options.voice = VoiceOptions::unprocessed();
    bits.limit(&mut options.voice);
    options.sound = Some(Arc::clone(voice) as Arc<dyn Sound>);
    Ok(SignedCall::init(options).await?)
}

async fn reach(events: &mut Events, status: CallStatus) -> Result<()> {
    let reached = async {
        while events.next().await.context("the line has closed")?.status != status {}
        anyhow::Ok(())
    };
    timeout(PATIENCE, reached).await.with_context(|| format!("{} is not reached", status.name()))?
}

/// A microphone that says silence until it is told to talk, and a speaker that keeps what is played.
#[derive(Debug)]
struct Voice {
    says: Arc<Vec<f32>>,
    talks: Arc<AtomicBool>,
    said_from: Arc<Mutex<Option<Instant>>>,
    heard: Arc<Mutex<Recording>>,
}

impl Voice {
    fn saying(says: Arc<Vec<f32>>) -> Arc<Self> {
        Arc::new(Self { says, talks: Arc::default(), said_from: Arc::default(), heard: Arc::default() })
    }

    fn talk(&self) {
        self.talks.store(true, Ordering::Relaxed);
    }

    fn said_from(&self) -> Option<Instant> {
        *self.said_from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> Recording {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sound for Voice {
    fn check_microphone(&self) -> Result<(), SoundError> {
        Ok(())
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        let (says, talks, said_from) = (Arc::clone(&self.says), Arc::clone(&self.talks), Arc::clone(&self.said_from));
        Ok(Box::new(Mouth { says, talks, said_from, at: 0, pace: Pace::start() }))
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        Ok(Box::new(Ear { heard: Arc::clone(&self.heard), pace: Pace::start() }))
    }
}

struct Mouth {
    says: Arc<Vec<f32>>,
    talks: Arc<AtomicBool>,
    said_from: Arc<Mutex<Option<Instant>>>,
    at: usize,
    pace: Pace,
}

impl Capture for Mouth {
    fn read(&mut self, frame: &mut Frame) -> bool {
        if !self.pace.is_due() {
            return false;
        }
        frame.fill(0.0);
        if !self.talks.load(Ordering::Relaxed) {
            return true;
        }
        if let Some(next) = self.says.get(self.at..self.at + FRAME_SAMPLES) {
            self.said_from.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
            frame.copy_from_slice(next);
            self.at += FRAME_SAMPLES;
        }
        true
    }
}

struct Ear {
    heard: Arc<Mutex<Recording>>,
    pace: Pace,
}

impl Playback for Ear {
    fn wants(&mut self) -> bool {
        self.pace.is_due()
    }

    fn write(&mut self, frame: &Frame) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(frame, Instant::now());
    }
}
