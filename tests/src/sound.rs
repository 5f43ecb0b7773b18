use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::process::output_of;
use crate::sound_server::SoundServer;
use crate::{PATIENCE, Process, Rig};

/// Frames a second of everything that is played and recorded here.
pub(crate) const RATE: u32 = 48_000;

/// A virtual sound card: a sound server with one speaker and one microphone, both the default, and nothing else.
///
/// What is [`said`](Self::say) comes out of the microphone; what a program plays to the speaker can be [`heard`](Self::hear).
#[derive(Debug)]
pub struct SoundCard {
    of: SoundServer,
    server: String,
    cookie: PathBuf,
    processes: Vec<Process>,
    /// What it was started with.
    folder: PathBuf,
    sockets: PathBuf,
    microphone: bool,
}

impl SoundCard {
    /// Starts the server; its socket lies in `sockets`, its log in `folder`.
    pub async fn start(of: SoundServer, folder: &Path, sockets: &Path, microphone: bool) -> Result<Self> {
        let socket = sockets.join("sound");
        // The server lets everybody in, but hears nobody out who brings no cookie of the usual size.
        let cookie = folder.join("sound.cookie");
        std::fs::write(&cookie, [0; 256]).context("writing the sound server's cookie")?;
        let processes = of.start(folder, sockets, &socket, microphone).await?;
        let (folder, sockets) = (folder.to_path_buf(), sockets.to_path_buf());
        Ok(Self { of, server: format!("unix:{}", socket.display()), cookie, processes, folder, sockets, microphone })
    }

    /// The value of `PULSE_SERVER` for programs that use this card.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The value of `PULSE_COOKIE` for programs that use this card.
    pub fn cookie(&self) -> &Path {
        &self.cookie
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PULSE_SERVER", &self.server).env_remove("PULSE_SINK").env_remove("PULSE_SOURCE");
        command
    }

    /// Plays a sound file into the microphone; it stops when the value is dropped.
    pub fn say(&self, file: &Path, folder: &Path) -> Result<Process> {
        Process::start("say", self.client("paplay").args(["--device=mouth", "--latency-msec=20"]).arg(file), folder)
    }

    /// Plays a sound file to a speaker; it stops when the value is dropped.
    pub fn play_at(&self, speaker: &str, file: &Path, folder: &Path) -> Result<Process> {
        Process::start("play", self.client("paplay").arg(format!("--device={speaker}")).arg("--latency-msec=20").arg(file), folder)
    }

    /// Ends the server without asking it, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(Process::kill)
    }

    /// Starts the server again, after it was killed, with the devices that it had at first.
    pub async fn start_again(&mut self) -> Result<()> {
        *self = Self::start(self.of, &self.folder, &self.sockets, self.microphone).await?;
        Ok(())
    }

    /// Plays a sound file into the microphone, to its end.
    pub async fn say_all(&self, file: &Path, folder: &Path) -> Result<()> {
        let mut playing = self.say(file, folder)?;
        let status = playing.finished(PATIENCE + Duration::from_secs(40)).await?;
        anyhow::ensure!(status.success(), "playing {} failed: {}", file.display(), playing.tail());
        Ok(())
    }

    /// Records what comes out of the speaker, from now on.
    pub fn hear(&self) -> Result<Recorder> {
        Recorder::start(self.client("parec").arg("--device=speaker.monitor"))
    }

    /// Records what the microphone delivers, from now on.
    pub fn hear_microphone(&self) -> Result<Recorder> {
        Recorder::start(self.client("parec").arg("--device=microphone"))
    }

    /// Records what comes out of a speaker that was plugged in, from now on.
    pub fn hear_at(&self, speaker: &str) -> Result<Recorder> {
        Recorder::start(self.client("parec").arg(format!("--device={speaker}.monitor")))
    }

    /// Plugs another speaker in, which the system does not choose by itself; gives what [`unplug`](Self::unplug) takes.
    pub fn plug_speaker(&self, name: &str) -> Result<String> {
        let properties = format!("sink_properties=device.description='{name}'");
        let arguments =
            ["load-module", "module-null-sink", "norewinds=1", &format!("sink_name={name}"), "rate=44100", "channels=2", &properties];
        Ok(output_of(self.client("pactl").args(arguments))?.trim().to_owned())
    }

    /// Plugs a headset's speaker in.
    pub fn plug_headset(&self, name: &str) -> Result<String> {
        let properties = format!("sink_properties=\"device.description='{name}' device.form_factor='headset'\"");
        let arguments =
            ["load-module", "module-null-sink", "norewinds=1", &format!("sink_name={name}"), "rate=44100", "channels=2", &properties];
        Ok(output_of(self.client("pactl").args(arguments))?.trim().to_owned())
    }

    /// Plugs another microphone in, out of which comes what a speaker plays.
    pub fn plug_microphone(&self, name: &str, speaker: &str) -> Result<String> {
        let (master, properties) = (format!("master={speaker}.monitor"), format!("source_properties=device.description='{name}'"));
        let arguments = ["load-module", "module-remap-source", &format!("source_name={name}"), &master, &properties];
        Ok(output_of(self.client("pactl").args(arguments))?.trim().to_owned())
    }

    /// Unplugs what was plugged in.
    pub fn unplug(&self, device: &str) -> Result<()> {
        output_of(self.client("pactl").args(["unload-module", device])).map(drop)
    }

    /// Chooses the speaker that the system uses.
    pub fn choose_speaker(&self, name: &str) -> Result<()> {
        self.choose("sink", name)
    }

    /// Chooses the microphone that the system uses.
    pub fn choose_microphone(&self, name: &str) -> Result<()> {
        self.choose("source", name)
    }

    /// Chooses until it is so: PipeWire's session manager may not know a device yet that was plugged in a moment ago, and says nothing of it.
    fn choose(&self, kind: &str, name: &str) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        loop {
            output_of(self.client("pactl").args([&format!("set-default-{kind}"), name]))?;
            if output_of(self.client("pactl").arg(format!("get-default-{kind}")))?.trim() == name {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < limit, "the system does not choose {name}");
        }
    }

    /// How many programs record from the microphone.
    pub fn open_microphones(&self) -> Result<usize> {
        Ok(output_of(self.client("pactl").args(["list", "short", "source-outputs"]))?
            .lines()
            .filter(|line| !line.contains("module-remap"))
            .count())
    }
}

/// A recording under way.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    taken: Arc<Mutex<Recording>>,
}

/// What was recorded: one channel at 48 kHz, and when each piece of it arrived.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// −1 to 1.
    pub samples: Vec<f32>,
    /// Number of samples there were, and when.
    arrivals: Vec<(usize, Instant)>,
}

impl Recorder {
    fn start(command: &mut Command) -> Result<Self> {
        command.args(["--raw", "--channels=1", "--format=s16le", "--latency-msec=10"]).arg(format!("--rate={RATE}"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("starting parec")?;
        let mut from = child.stdout.take().context("standard output is a pipe")?;
        let taken = Arc::<Mutex<Recording>>::default();
        let into = Arc::clone(&taken);
        std::thread::spawn(move || {
            let mut bytes = [0_u8; 1 << 16];
            let mut odd = None;
            while let Ok(read) = from.read(&mut bytes) {
                if read == 0 {
                    break;
                }
                let at = Instant::now();
                let mut recording = into.lock().unwrap_or_else(PoisonError::into_inner);
                for byte in &bytes[..read] {
                    match odd.take() {
                        None => odd = Some(*byte),
                        Some(low) => recording.samples.push(f32::from(i16::from_le_bytes([low, *byte])) / 32_768.0),
                    }
                }
                let count = recording.samples.len();
                recording.arrivals.push((count, at));
            }
        });
        Ok(Self { child, taken })
    }

    /// What has been recorded so far.
    pub fn so_far(&self) -> Recording {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the recording covers the moment `until`.
    pub async fn reach(&self, until: Instant) {
        // Sound arrives at the pace of the clock, so looking every 10 ms is following it and not guessing.
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while self.so_far().end().is_none_or(|end| end < until) {
            tick.tick().await;
        }
    }

    /// Waits until the recording has something, and returns what was found.
    pub async fn until<T>(&self, what: &str, find: impl Fn(&Recording) -> Option<T>) -> Result<T> {
        let limit = Instant::now() + PATIENCE;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            if let Some(found) = find(&self.so_far()) {
                return Ok(found);
            }
            anyhow::ensure!(Instant::now() < limit, "{what} is not heard within {PATIENCE:?}");
            tick.tick().await;
        }
    }

    /// Stops.
    pub fn stop(self) -> Recording {
        self.so_far()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Recording {
    /// A recording that was made otherwise: its samples, and how many of them there were at which moments.
    pub fn of(samples: Vec<f32>, arrivals: Vec<(usize, Instant)>) -> Self {
        Self { samples, arrivals }
    }

    /// Goes on with what has just come.
    pub fn push(&mut self, samples: &[f32], at: Instant) {
        self.samples.extend_from_slice(samples);
        self.arrivals.push((self.samples.len(), at));
    }

    /// When the first sample was taken: the pieces that were least late decide.
    pub fn origin(&self) -> Option<Instant> {
        let mut starts: Vec<Instant> = self.arrivals.iter().filter_map(|(count, at)| at.checked_sub(seconds(*count))).collect();
        starts.sort_unstable();
        starts.get(starts.len() / 10).copied()
    }

    /// When the last sample was taken.
    pub fn end(&self) -> Option<Instant> {
        Some(self.origin()? + seconds(self.samples.len()))
    }

    /// The sample that was taken at a moment; the first one for moments before the recording.
    pub fn index_at(&self, at: Instant) -> Option<usize> {
        let since = at.saturating_duration_since(self.origin()?);
        Some((since.as_secs_f64() * f64::from(RATE)) as usize)
    }

    /// The moment at which a sample was taken.
    pub fn time_of(&self, index: usize) -> Option<Instant> {
        Some(self.origin()? + seconds(index))
    }

    /// What was recorded from a moment on.
    pub fn after(&self, at: Instant) -> &[f32] {
        let from = self.index_at(at).unwrap_or(0).min(self.samples.len());
        &self.samples[from..]
    }

    /// Writes a WAV file.
    pub fn save(&self, path: &Path) -> Result<PathBuf> {
        write_wav(path, &self.samples)?;
        Ok(path.to_path_buf())
    }
}

fn seconds(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(RATE))
}

/// A steady tone, for finding the first sound of a call.
pub fn tone(rig: &Rig, hertz: f32, length: Duration) -> Result<PathBuf> {
    tone_in(rig.folder(), hertz, length)
}

/// The same, in a folder.
pub fn tone_in(folder: &Path, hertz: f32, length: Duration) -> Result<PathBuf> {
    let file = folder.join(format!("tone-{hertz}.wav"));
    let count = (length.as_secs_f64() * f64::from(RATE)) as usize;
    let samples: Vec<f32> = (0..count).map(|index| 0.3 * (std::f32::consts::TAU * hertz * index as f32 / RATE as f32).sin()).collect();
    write_wav(&file, &samples)?;
    Ok(file)
}

/// Writes one channel at 48 kHz, 16 bits.
fn write_wav(path: &Path, samples: &[f32]) -> Result<()> {
    let spec = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).with_context(|| format!("writing {}", path.display()))?;
    for sample in samples {
        writer.write_sample((sample * 32_767.0) as i16)?;
    }
    writer.finalize()?;
    Ok(())
}
