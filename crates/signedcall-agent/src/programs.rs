//! Where the app's two programs are: beside each other.

use std::io;
use std::path::PathBuf;

/// The program that shows the windows, which is the one that users and desktops start.
pub const WINDOWS: &str = "signedcall-desktop";
/// The program that lives in the tray.
pub const AGENT: &str = "signedcall-agent";

/// Finds one of the two.
///
/// # Errors
/// The system does not say where this program is.
pub fn beside(name: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// The program that the session bus starts, as it will be found then.
pub(crate) fn to_wake() -> io::Result<PathBuf> {
    std::env::var_os("APPIMAGE").map_or_else(|| beside(AGENT), |image| Ok(PathBuf::from(image)))
}

/// The program that users start, as it will be found at the next start: an AppImage runs from a place that is gone by then.
pub(crate) fn to_start() -> io::Result<PathBuf> {
    std::env::var_os("APPIMAGE").map_or_else(|| beside(WINDOWS), |image| Ok(PathBuf::from(image)))
}
