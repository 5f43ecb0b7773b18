//! What both examples need around the SDK: options from the environment, lines that are typed, and silence for a computer without sound.

use std::env;
use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;

use signedcall::{Analytics, Capture, Frame, LOG_FILTER, Options, Pace, Playback, SILENCE, Sound, SoundError};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

/// Options for the account "demo" of a service on this computer, unless the environment says otherwise.
pub(crate) fn options(cuid: &str) -> Result<Options, Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let service = env::var("SIGNEDCALL_SERVICE_URL").unwrap_or_else(|_| "ws://127.0.0.1:7443".to_owned());
    let account = env::var("SIGNEDCALL_ACCOUNT_ID").unwrap_or_else(|_| "demo".to_owned());
    // Not an argument, since arguments are seen by every program of this machine.
    let api_key = env::var("SIGNEDCALL_API_KEY").map_err(|_| "SIGNEDCALL_API_KEY is not set")?;
    let mut options = Options::new(service, account, api_key, cuid).production(false).analytics(Analytics::Local);
    if env::var_os("SIGNEDCALL_NO_SOUND").is_some() {
        options.sound = Some(Arc::new(Silent));
    }
    Ok(options)
}

/// The lines that are typed, until the input ends.
pub(crate) fn typed() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    // A thread of its own: reading the terminal cannot be interrupted, and must not keep the program from ending.
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| sender.send(line.trim().to_owned()))
    });
    lines
}

/// Prints a line at once.
pub(crate) fn say(line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// A microphone that says nothing and a speaker that nobody hears: an embedder's own [`Sound`] may as well play a file or feed a mixer.
#[derive(Debug)]
struct Silent;

struct Silence(Pace);

impl Sound for Silent {
    fn check_microphone(&self) -> Result<(), SoundError> {
        Ok(())
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        Ok(Box::new(Silence(Pace::start())))
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        Ok(Box::new(Silence(Pace::start())))
    }
}

impl Capture for Silence {
    fn read(&mut self, frame: &mut Frame) -> bool {
        *frame = SILENCE;
        self.0.is_due()
    }
}

impl Playback for Silence {
    fn wants(&mut self) -> bool {
        self.0.is_due()
    }

    fn write(&mut self, _: &Frame) {}
}
