//! Sound servers, with one speaker and, if wanted, one microphone.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::process::output_of;
use crate::sound::RATE;
use crate::{PATIENCE, Process};

/// How often it is tried whether a server is ready that does not say so.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Whose sound server it is. Programs speak PulseAudio's protocol with both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SoundServer {
    /// PulseAudio itself.
    #[default]
    PulseAudio,
    /// PipeWire, with WirePlumber as its session manager.
    PipeWire,
}

impl SoundServer {
    /// Starts it, with its devices; its socket lies in `sockets`, its logs in `folder`.
    pub(crate) async fn start(self, folder: &Path, sockets: &Path, socket: &Path, microphone: bool) -> Result<Vec<Process>> {
        match self {
            Self::PulseAudio => Ok(vec![pulseaudio(folder, sockets, socket, microphone).await?]),
            Self::PipeWire => pipewire(folder, sockets, socket, microphone).await,
        }
    }
}

/// The devices, as modules that both servers have.
fn devices(microphone: bool) -> Vec<Vec<String>> {
    // Without rewinding, a card of PulseAudio's that nobody has used for a while is at most 50 ms ahead of the clock; otherwise it would be 2 s, in which it takes and
    // brings nothing.
    let sink = |name: &str, channels: u32, words: &str| {
        let properties = format!("sink_properties=device.description='{words}'");
        let arguments = [
            "module-null-sink".to_owned(),
            "norewinds=1".to_owned(),
            format!("sink_name={name}"),
            format!("rate={RATE}"),
            format!("channels={channels}"),
        ];
        arguments.into_iter().chain(["format=s16le".to_owned(), properties]).collect()
    };
    let mut devices = vec![sink("speaker", 2, "Speaker")];
    if microphone {
        devices.push(sink("mouth", 1, "Mouth"));
        let source =
            ["module-remap-source", "source_name=microphone", "master=mouth.monitor", "source_properties=device.description='Microphone'"];
        devices.push(source.map(str::to_owned).to_vec());
    }
    devices
}

/// Which of them are the default.
fn defaults(microphone: bool) -> Vec<[&'static str; 2]> {
    let source = microphone.then_some(["set-default-source", "microphone"]);
    [["set-default-sink", "speaker"]].into_iter().chain(source).collect()
}

async fn pulseaudio(folder: &Path, sockets: &Path, socket: &Path, microphone: bool) -> Result<Process> {
    let mut script = format!("load-module module-native-protocol-unix socket={} auth-anonymous=1\n", socket.display());
    for device in devices(microphone) {
        script += &format!("load-module {}\n", device.join(" "));
    }
    for default in defaults(microphone) {
        script += &format!("{}\n", default.join(" "));
    }
    let script_file = folder.join("sound.pa");
    std::fs::write(&script_file, script).context("writing the sound server's script")?;
    let mut command = Command::new("pulseaudio");
    command.args(["-n", "-F"]).arg(&script_file);
    command.args(["--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no"]);
    // As on every desktop, sound goes before other work; without the right to do so the server goes on as it is.
    command.args(["--realtime=yes", "--high-priority=yes"]);
    command.args(["--disable-shm=yes", "--log-target=stderr", "--log-level=info"]);
    command.env("XDG_RUNTIME_DIR", sockets).env("HOME", sockets).env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
    let process = Process::start("sound", &mut command, folder)?;
    process.line("that it is ready", PATIENCE, |line| line.contains("Daemon startup complete")).await?;
    Ok(process)
}

async fn pipewire(folder: &Path, sockets: &Path, socket: &Path, microphone: bool) -> Result<Vec<Process>> {
    let settings = sockets.join("settings");
    let parts = settings.join("pipewire").join("pipewire-pulse.conf.d");
    std::fs::create_dir_all(&parts).context("making a folder for PipeWire's settings")?;
    let address = format!("pulse.properties = {{ server.address = [ \"unix:{}\" ] }}\n", socket.display());
    std::fs::write(parts.join("address.conf"), address).context("writing PipeWire's settings")?;
    let start = |name: &str, words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("XDG_RUNTIME_DIR", sockets).env("HOME", sockets);
        command.env("XDG_CONFIG_HOME", &settings).env("XDG_STATE_HOME", sockets.join("state"));
        Process::start(name, &mut command, folder)
    };
    let limit = Instant::now() + PATIENCE;
    let mut tick = tokio::time::interval(TRY_EVERY);
    let mut processes = vec![start("sound", &["pipewire"])?];
    // The others end where it is not there yet.
    while !sockets.join("pipewire-0").exists() {
        ensure!(Instant::now() < limit, "PipeWire does not start: {}", processes[0].tail());
        tick.tick().await;
    }
    processes.push(start("sound-pulse", &["pipewire-pulse"])?);
    // The session manager wants a bus of its own.
    processes.push(start("sound-session", &["dbus-run-session", "--", "wireplumber"])?);
    let ask = |words: &[String]| output_of(Command::new("pactl").env("PULSE_SERVER", format!("unix:{}", socket.display())).args(words));
    while let Err(error) = ask(&["info".to_owned()]) {
        ensure!(Instant::now() < limit, "PipeWire is not ready: {error}");
        tick.tick().await;
    }
    for device in devices(microphone) {
        ask(&[vec!["load-module".to_owned()], device].concat())?;
    }
    for default in defaults(microphone) {
        // The session manager knows a device some time after it is there.
        while let Err(error) = ask(&default.map(str::to_owned)) {
            ensure!(Instant::now() < limit, "PipeWire has no default device: {error}");
            tick.tick().await;
        }
    }
    Ok(processes)
}
