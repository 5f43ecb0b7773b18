//! The microphone and the speaker, tried out by their user outside of any call.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use signedcall_voice::{FRAME_DURATION, Frame, SILENCE};
use tokio::sync::watch;

use super::{Sound, SoundError};
use crate::VoiceOptions;

/// How long the microphone is listened to: a sentence.
const LISTEN: Duration = Duration::from_secs(5);
/// How long a device may take to bring or take the next frame.
const STALLED: Duration = Duration::from_secs(3);
/// How often the devices are asked: a frame lasts twice as long.
const TICK: Duration = Duration::from_millis(5);
/// Frames between two looks at how loud it is: a meter is drawn so often.
const FRAMES_A_LOOK: usize = 5;
/// What is played last stays with the speaker for as long as it needs to be heard.
const TAIL: Duration = Duration::from_millis(300);

/// A trial of microphone and speaker: for five seconds the microphone is listened to, and then what it has brought is played. Nothing is sent, and nothing
/// is kept. It ends early when this and its views are dropped.
#[derive(Debug)]
pub struct SoundTrial {
    view: watch::Receiver<SoundTrialView>,
}

/// What a screen shows of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct SoundTrialView {
    /// How far it is.
    pub step: SoundTrialStep,
    /// How loud it is at the moment: the peak, from 0 to 1.
    pub level: f32,
    /// How long this step still takes.
    pub left: Duration,
}

/// How far a trial is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundTrialStep {
    /// The microphone is being opened.
    Opening,
    /// The user should say something.
    Listening,
    /// The user should hear it.
    Playing,
    /// It is over.
    Over,
    /// The microphone or the speaker does not work.
    Failed(SoundError),
}

impl SoundTrial {
    /// Begins to try the microphone and the speaker that `voice` chooses.
    pub fn begin(voice: &VoiceOptions) -> Self {
        Self::with(voice.devices())
    }

    fn with(sound: Arc<dyn Sound>) -> Self {
        let (tell, view) = watch::channel(SoundTrialView { step: SoundTrialStep::Opening, level: 0.0, left: LISTEN });
        let trial = move || {
            let step = match listen(sound.as_ref(), &tell).and_then(|heard| play(sound.as_ref(), &heard, &tell)) {
                Ok(()) => SoundTrialStep::Over,
                Err(error) => SoundTrialStep::Failed(error),
            };
            tell.send_replace(SoundTrialView { step, level: 0.0, left: Duration::ZERO });
        };
        if let Err(error) = thread::Builder::new().name("signedcall-trial".to_owned()).spawn(trial) {
            // The channel is closed, which ends the trial.
            tracing::warn!(%error, "sound cannot be tried");
        }
        Self { view }
    }

    /// What a screen shows, and every change of it. It closes when the trial is over.
    pub fn view(&self) -> watch::Receiver<SoundTrialView> {
        self.view.clone()
    }
}

/// Whether anybody still follows the trial.
fn is_followed(tell: &watch::Sender<SoundTrialView>) -> bool {
    tell.receiver_count() > 0
}

fn show(tell: &watch::Sender<SoundTrialView>, step: SoundTrialStep, frames: &[Frame], left: usize) {
    if !left.is_multiple_of(FRAMES_A_LOOK) {
        return;
    }
    let lately = &frames[frames.len().saturating_sub(FRAMES_A_LOOK)..];
    let level = lately.iter().flatten().fold(0.0, |peak: f32, sample| peak.max(sample.abs())).min(1.0);
    tell.send_replace(SoundTrialView { step, level, left: FRAME_DURATION * u32::try_from(left).unwrap_or(u32::MAX) });
}

fn listen(sound: &dyn Sound, tell: &watch::Sender<SoundTrialView>) -> Result<Vec<Frame>, SoundError> {
    let mut capture = sound.open_capture()?;
    let wanted = usize::try_from(LISTEN.as_millis() / FRAME_DURATION.as_millis()).unwrap_or(usize::MAX);
    let mut heard = Vec::with_capacity(wanted);
    let mut frame: Frame = SILENCE;
    let mut last = Instant::now();
    while heard.len() < wanted && is_followed(tell) {
        if capture.read(&mut frame) {
            heard.push(frame);
            last = Instant::now();
            show(tell, SoundTrialStep::Listening, &heard, wanted - heard.len());
        } else if capture.is_lost() || last.elapsed() > STALLED {
            return Err(SoundError::Broken("it brings no sound".to_owned()));
        } else {
            thread::sleep(TICK);
        }
    }
    Ok(heard)
}

fn play(sound: &dyn Sound, heard: &[Frame], tell: &watch::Sender<SoundTrialView>) -> Result<(), SoundError> {
    let mut playback = sound.open_playback()?;
    let (mut at, mut last) = (0, Instant::now());
    while at < heard.len() && is_followed(tell) {
        if playback.wants() {
            playback.write(&heard[at]);
            at += 1;
            last = Instant::now();
            show(tell, SoundTrialStep::Playing, &heard[..at], heard.len() - at);
        } else if playback.is_lost() || last.elapsed() > STALLED {
            return Err(SoundError::Broken("it takes no sound".to_owned()));
        } else {
            thread::sleep(TICK);
        }
    }
    thread::sleep(TAIL);
    Ok(())
}
