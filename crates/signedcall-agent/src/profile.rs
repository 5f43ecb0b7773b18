//! Whose settings these are, and where they lie.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::machine;

/// Names one of several users of the app on this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileName(String);

/// Why a text names no profile.
#[derive(Debug, thiserror::Error)]
#[error("a profile's name has 1 to 32 of the characters a–z, 0–9, - and _, and begins with a letter or a digit")]
pub struct InvalidProfileName;

impl FromStr for ProfileName {
    type Err = InvalidProfileName;

    fn from_str(text: &str) -> Result<Self, InvalidProfileName> {
        // It becomes part of paths, of a bus name and of the names of keyring entries.
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if begins_well && text.len() <= 32 && text.chars().all(valid) { Ok(Self(text.to_owned())) } else { Err(InvalidProfileName) }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ProfileName {
    /// The name that the one running app of this profile owns on the session bus.
    pub(crate) fn bus_name(&self) -> String {
        format!("org.signedcall.desktop.profile_{self}")
    }

    /// What a keyring program shows as the owner of this profile's secrets.
    pub(crate) fn keyring_service(&self) -> String {
        format!("org.signedcall.desktop/{self}")
    }
}

/// Where the files of a profile lie.
#[derive(Clone, Debug)]
pub struct Folders {
    /// `settings.json`
    pub config: PathBuf,
    /// The file beside it with what this computer alone has: the home folder may be on several.
    pub device: PathBuf,
    /// `history.json`
    pub data: PathBuf,
    /// What may be lost: the log, the window's size, what the web view caches.
    pub state: PathBuf,
    /// What can be had again: pictures.
    pub cache: PathBuf,
    /// What is there only while the app runs: the agent's socket.
    pub runtime: PathBuf,
    /// What the session starts, of all programs.
    pub autostart: PathBuf,
    /// What the session bus starts, of all programs.
    pub services: PathBuf,
}

impl Folders {
    /// Finds the folders of a profile where this system keeps such files; `None` when the user has no home.
    pub fn of(profile: &ProfileName) -> Option<Self> {
        let of = |folder: PathBuf| folder.join("signedcall").join(&profile.0);
        let config = of(dirs::config_dir()?);
        Some(Self {
            device: config.join(format!("device-{}.json", machine::id())),
            config,
            data: of(dirs::data_dir()?),
            state: of(dirs::state_dir().or_else(dirs::data_local_dir)?),
            cache: of(dirs::cache_dir()?),
            runtime: of(dirs::runtime_dir().or_else(dirs::state_dir).or_else(dirs::data_local_dir)?),
            autostart: dirs::config_dir()?.join("autostart"),
            services: dirs::data_dir()?.join("dbus-1").join("services"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_paths_and_bus_names() {
        for name in ["default", "alice", "user-2", "2nd_user", "a"] {
            assert!(name.parse::<ProfileName>().is_ok(), "{name}");
        }
        for name in ["", "..", "a/b", "Alice", "_a", "-a", "ä", "a b", &"a".repeat(33)] {
            assert!(name.parse::<ProfileName>().is_err(), "{name}");
        }
    }
}
