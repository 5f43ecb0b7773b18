mod display;
mod screen;
mod session;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

pub use display::Display;
pub use screen::Screen;
pub(crate) use session::connect;
pub use session::{Keyring, Notifier};

use crate::notifications::Notifications;
use crate::run::{Rig, private_folder};
use crate::sound::{Recording, SoundCard};
use crate::sound_server::SoundServer;
use crate::{PATIENCE, Process};
use session::Session;

/// What a desktop has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The keyring.
    pub keyring: Keyring,
    /// What shows notifications.
    pub notifier: Notifier,
    /// Whose sound server it is.
    pub sound: SoundServer,
    /// Whether the sound card has a microphone.
    pub microphone: bool,
    /// Whether the system's look is dark.
    pub dark: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { keyring: Keyring::Unlocked, notifier: Notifier::Dunst, sound: SoundServer::default(), microphone: true, dark: false }
    }
}

/// One user's desktop: display, window manager, D-Bus session, keyring, notification daemon, sound card and folders, shared with nobody.
///
/// The fields' order is the order in which they end: programs before what they use.
#[derive(Debug)]
pub struct Desktop {
    name: String,
    folder: PathBuf,
    sockets: PathBuf,
    dark: bool,
    /// What the notification daemon was asked to show.
    pub notifications: Notifications,
    session: Session,
    /// The virtual sound card.
    pub sound: SoundCard,
    /// The virtual display.
    pub display: Display,
}

impl Desktop {
    /// Starts a desktop.
    pub async fn start(rig: &Rig, name: &str, setup: Setup) -> Result<Self> {
        let folder = rig.folder().join(name);
        for part in ["home", "config", "data", "cache", "state"] {
            private_folder(&folder.join(part))?;
        }
        let sockets = rig.sockets(name)?;
        let (display, sound) =
            tokio::try_join!(Display::start(&folder), SoundCard::start(setup.sound, &folder, &sockets, setup.microphone))?;
        let bus = session::start_bus(&folder, &sockets).await?;
        let environment = |program: &str| {
            let mut command = Command::new(program);
            set_environment(&mut command, &folder, &sockets, display.name(), &sound, setup.dark);
            command
        };
        let session = Session::start(bus, &folder, setup, environment).await.with_context(|| format!("the desktop session of {name}"))?;
        let notifications = Notifications::watch(session.bus_address()).await?;
        Ok(Self { name: name.to_owned(), folder, sockets, dark: setup.dark, notifications, session, sound, display })
    }

    /// Whose desktop it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where everything of this user is kept.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A program that will run on this desktop, in no environment but this.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        set_environment(&mut command, &self.folder, &self.sockets, self.display.name(), &self.sound, self.dark);
        command.env("DBUS_SESSION_BUS_ADDRESS", self.session.bus_address());
        command
    }

    /// Runs a short program again and again until it prints something, and returns all that it printed then.
    pub async fn until_found(&self, program: &str, arguments: &[&str], wanted: &str) -> Result<String> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let output = self.command(program).args(arguments).output().with_context(|| format!("running {program}"))?;
            let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
            if text.contains(wanted) {
                return Ok(text);
            }
            anyhow::ensure!(Instant::now() < limit, "{program} has not printed what was waited for");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Puts the keyring's question for its password away, until it is gone.
    pub async fn cancel_prompt(&self) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        let asks = |titles: &[String]| titles.iter().any(|title| title.contains("Unlock"));
        while !asks(&self.display.titles()?) {
            anyhow::ensure!(Instant::now() < limit, "nobody asks for the keyring's password; on the screen: {:?}", self.display.titles()?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while asks(&self.display.titles()?) {
            anyhow::ensure!(Instant::now() < limit, "the question for the keyring's password stays");
            self.display.key("Escape")?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts a program on this desktop.
    pub fn start_program(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Process> {
        Process::start(name, self.command(program).args(arguments), &self.folder)
    }

    /// Plays a sound file into the microphone; it stops when the value is dropped.
    pub fn say(&self, file: &Path) -> Result<Process> {
        self.sound.say(file, &self.folder)
    }

    /// Says something to whoever a program here calls on another desktop; returns what the microphone here delivered and what was heard there.
    pub async fn say_to(&self, other: &Self, words: &Path) -> Result<(Recording, Recording)> {
        let (microphone, speaker) = (self.sound.hear_microphone()?, other.sound.hear()?);
        self.sound.say_all(words, &self.folder).await?;
        // What is still on its way belongs to what was said.
        speaker.reach(Instant::now() + Duration::from_millis(700)).await;
        Ok((microphone.stop(), speaker.stop()))
    }

    /// Chooses an action of the notification on show by its words, as its reader does: from dunst's menu, or by a click on the button that
    /// xfce4-notifyd draws.
    pub async fn press(&self, action: &str) -> Result<()> {
        match self.session.notifier() {
            Notifier::Dunst => session::pick_in_dunst(&self.folder, self.session.bus_address(), action).await,
            Notifier::Xfce => {
                let labels = self.notifications.last().context("no notification is on show")?.labels();
                let place =
                    labels.iter().position(|label| label == action).with_context(|| format!("no action {action:?} among {labels:?}"))?;
                self.display.click_button_of("xfce4-notifyd", place, labels.len())
            }
            Notifier::Absent => anyhow::bail!("nothing shows notifications here"),
        }
    }

    /// Waits until a window with this title is on the screen, or until none is.
    pub async fn window(&self, title: &str, wanted: bool) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let titles = self.display.titles()?;
            if titles.iter().any(|found| found == title) == wanted {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < limit, "on the screen: {titles:?}; waited for {title:?} to be so: {wanted}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until so many programs record from the microphone.
    pub async fn microphones(&self, wanted: usize) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let open = self.sound.open_microphones()?;
            if open == wanted {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < limit, "{}'s microphone is open {open} times, not {wanted}", self.name);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The address of the user's bus.
    pub fn bus_address(&self) -> &str {
        self.session.bus_address()
    }

    /// The bus itself. What programs print that it has started is among its lines.
    pub fn bus(&self) -> &Process {
        self.session.bus_process()
    }

    /// Waits until a name is owned on the user's bus.
    pub async fn wait_for_name(&self, name: &'static str) -> Result<()> {
        session::wait_for_name(self.session.bus_address(), name, PATIENCE).await
    }
}

/// Sets all of a program's environment. `C.UTF-8` and no accessibility bus, so that runs are alike on every machine.
fn set_environment(command: &mut Command, folder: &Path, sockets: &Path, display: &str, sound: &SoundCard, dark: bool) {
    command.env_clear();
    for kept in ["PATH", "RUST_BACKTRACE", "TMPDIR"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    for (name, part) in [
        ("HOME", "home"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
    ] {
        command.env(name, folder.join(part));
    }
    command.env("XDG_RUNTIME_DIR", sockets).env("DISPLAY", display).env("LANG", "C.UTF-8");
    command.env("PULSE_SERVER", sound.server()).env("PULSE_COOKIE", sound.cookie());
    command.env("SIGNEDCALL_LOG", "info,signedcall=debug").env("NO_COLOR", "1");
    command.env("GDK_BACKEND", "x11").env("NO_AT_BRIDGE", "1").env("GSETTINGS_BACKEND", "memory");
    // There is no graphics hardware: drawing in software, without what would look for it.
    command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
    command.env("GTK_THEME", if dark { "Adwaita:dark" } else { "Adwaita" });
}
