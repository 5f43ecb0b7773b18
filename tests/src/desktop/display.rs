use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Screen;
use crate::process::output_of;
use crate::{PATIENCE, Process};

/// A virtual X display with a window manager and a pointer of its own.
#[derive(Debug)]
pub struct Display {
    name: String,
    _window_manager: Process,
    _server: Process,
}

impl Display {
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new("Xvfb");
        // The server finds a free number by itself and prints it once it listens.
        command.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"]);
        let server = Process::start("display", &mut command, folder)?;
        let number = server.line("its number", PATIENCE, |line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())).await?;
        let name = format!(":{}", number.text);
        let mut command = Command::new("openbox");
        command.args(["--startup", "echo manages"]).env("DISPLAY", &name);
        command.env("HOME", folder.join("home")).env("XDG_CONFIG_HOME", folder.join("config")).env("XDG_CACHE_HOME", folder.join("cache"));
        let window_manager = Process::start("window-manager", &mut command, folder)?;
        window_manager.line("that it manages windows", PATIENCE, |line| line == "manages").await?;
        Ok(Self { name, _window_manager: window_manager, _server: server })
    }

    /// The value of `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.name);
        command
    }

    /// Saves a picture of the whole screen.
    pub fn picture(&self, file: &Path) -> Result<()> {
        output_of(self.tool("import").args(["-window", "root"]).arg(file)).map(drop)
    }

    /// Clicks, with the real pointer, on the `place`-th of `count` buttons at the lower edge of a window, once it is on the screen.
    pub(super) fn click_button_of(&self, class: &str, place: usize, count: usize) -> Result<()> {
        let windows = output_of(self.tool("xdotool").args(["search", "--sync", "--onlyvisible", "--class", class]))?;
        let window = windows.lines().last().context("a window that is visible")?;
        let geometry = output_of(self.tool("xdotool").args(["getwindowgeometry", "--shell", window]))?;
        let value = |name: &str| -> Result<usize> {
            let line = geometry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.and_then(|text| text.parse().ok()).with_context(|| format!("{name} in {geometry:?}"))
        };
        let x = value("X")? + value("WIDTH")? * (2 * place + 1) / (2 * count);
        let y = value("Y")? + value("HEIGHT")? - 28;
        output_of(self.tool("xdotool").args(["mousemove", "--sync", &x.to_string(), &y.to_string(), "click", "1"])).map(drop)
    }

    /// Looks at what is on it.
    pub fn look(&self) -> Result<Screen> {
        Screen::connect(&self.name)
    }

    /// The titles of all windows on the screen.
    pub fn titles(&self) -> Result<Vec<String>> {
        // Without any window, the search fails.
        let windows = output_of(self.tool("xdotool").args(["search", "--onlyvisible", "--name", ".+"])).unwrap_or_default();
        Ok(windows
            .lines()
            .filter_map(|window| output_of(self.tool("xdotool").args(["getwindowname", window])).ok())
            .map(|title| title.trim().to_owned())
            .collect())
    }

    /// Presses a key.
    pub fn key(&self, key: &str) -> Result<()> {
        output_of(self.tool("xdotool").args(["key", key])).map(drop)
    }
}
