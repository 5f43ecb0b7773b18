//! A phone without a screen, in a process of its own, so that it can live on a host of its own: says a tone, listens for another, answers every
//! call, and tells what happens, a line of JSON each.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use signedcall::{
    Analytics, CallId, CallStatus, Capture, Direction, FRAME_SAMPLES, Frame, LinkState, Metadata, Options, Pace, Phase, Playback,
    SAMPLE_RATE, SignedCall, Sound, SoundError, VoiceOptions,
};
use signedcall_tests::Told;
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// How soon a call that could not be placed is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How loud the other side's tone is at least, of 0.3 as it is said, for a frame to count as heard.
const HEARD: f32 = 0.1;

/// Signs in and does what standard input says, until it ends: `call CUID` places a call and keeps trying until it is placed, `hangup` ends
/// whatever call there is.
pub(crate) async fn phone(url: &str, account: &str, cuid: &str, says: u32, hears: u32) -> Result<()> {
    let key = std::env::var("SIGNEDCALL_API_KEY").context("SIGNEDCALL_API_KEY")?;
    let mut options = Options::new(url, account, key, cuid).production(false).analytics(Analytics::Local);
    options.voice = VoiceOptions::unprocessed();
    options.sound = Some(Arc::new(Tones { says, hears }));
    let line = SignedCall::init(options).await?;
    let mut events = line.events();
    let mut view = line.view();
    let (mut link, mut was_interrupted) = (LinkState::Ready, false);
    tell("ready");
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    let mut current: Option<CallId> = None;
    loop {
        tokio::select! {
            command = commands.next_line() => {
                let Some(command) = command? else { break };
                match command.split_once(' ') {
                    Some(("call", whom)) => {
                        while let Err(error) = line.call(whom, "Trying the network", Metadata::default()).await {
                            tracing::debug!(%error, "not placed");
                            tokio::time::sleep(AGAIN_AFTER).await;
                        }
                        tell("placed");
                    }
                    _ => if let Some(call) = current { line.hangup(call).await?; },
                }
            }
            event = events.next() => {
                let Some(event) = event else { break };
                current = Some(event.call_id);
                tell(event.status.name());
                if event.direction == Direction::Incoming && event.status == CallStatus::Ringing {
                    line.answer(event.call_id).await?;
                }
            }
            changed = view.changed() => {
                if changed.is_err() { break }
                let (now, interrupted) = {
                    let view = view.borrow_and_update();
                    let phase = view.call.as_ref().map(|call| call.phase);
                    (view.link, matches!(phase, Some(Phase::Talking { interrupted: true, .. })))
                };
                if interrupted && !was_interrupted {
                    tell("interrupted");
                }
                was_interrupted = interrupted;
                if now != link {
                    link = now;
                    tell(match link { LinkState::Ready => "ready", LinkState::Reconnecting => "lost", LinkState::Closed => "closed" });
                }
            }
        }
    }
    line.logout().await;
    Ok(())
}

fn tell(what: &str) {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let line = serde_json::to_string(&Told { at_ms: since.as_secs_f64() * 1000.0, what: what.to_owned() });
    // Whoever listens may have gone.
    drop(writeln!(std::io::stdout(), "{}", line.unwrap_or_default()));
}

#[derive(Debug)]
struct Tones {
    says: u32,
    hears: u32,
}

impl Sound for Tones {
    fn check_microphone(&self) -> Result<(), SoundError> {
        Ok(())
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        Ok(Box::new(Mouth { hertz: self.says, at: 0, pace: Pace::start() }))
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        Ok(Box::new(Ear { hertz: self.hears, pace: Pace::start(), heard: false }))
    }
}

struct Mouth {
    hertz: u32,
    at: u32,
    pace: Pace,
}

impl Capture for Mouth {
    fn read(&mut self, frame: &mut Frame) -> bool {
        if !self.pace.is_due() {
            return false;
        }
        for sample in frame {
            let turns = f64::from(self.hertz) * f64::from(self.at) / f64::from(SAMPLE_RATE);
            *sample = 0.3 * (turns * std::f64::consts::TAU).sin() as f32;
            self.at = (self.at + 1) % SAMPLE_RATE;
        }
        true
    }
}

struct Ear {
    hertz: u32,
    pace: Pace,
    heard: bool,
}

impl Playback for Ear {
    fn wants(&mut self) -> bool {
        self.pace.is_due()
    }

    fn write(&mut self, frame: &Frame) {
        let heard = amplitude(frame, self.hertz) > HEARD;
        if heard != self.heard {
            self.heard = heard;
            tell(if heard { "sound" } else { "silence" });
        }
    }
}

/// How loud one tone is in 10 ms.
fn amplitude(frame: &Frame, hertz: u32) -> f32 {
    let step = std::f32::consts::TAU * hertz as f32 / SAMPLE_RATE as f32;
    let (sine, cosine) = frame.iter().enumerate().fold((0.0, 0.0), |(sine, cosine), (at, sample)| {
        let (s, c) = (step * at as f32).sin_cos();
        (sine + sample * s, cosine + sample * c)
    });
    2.0 * (sine * sine + cosine * cosine).sqrt() / FRAME_SAMPLES as f32
}
