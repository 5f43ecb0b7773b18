//! The border between the agent and its windows, which are another program: what each tells the other, over a socket that only this user may use.
//!
//! ```text
//! windows ─ Hello{version, wants} ─▶ agent          one frame: is this the right program, and what does it want?
//!         ◀─ Reception ─
//!         ◀─ View ─ ◀─ Show ─ ◀─ Answered ─          whole views, of which the latest counts; what to show; answers to
//!         ─ Ask ─▶ ─ MainPutAway ─▶ ─ Idle ─▶        what the user asks for; what has become of the windows
//! ```
//!
//! A frame is its length and then its JSON. Whoever does not keep to this is cut off. The socket lies in a folder of this user's alone, and whoever
//! connects is asked for their user id all the same.

mod client;
mod frames;
mod messages;
mod server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use self::client::{Client, Connected, Instructions, connect};
pub use self::frames::BorderError;
pub(crate) use self::messages::ToWindows;
pub use self::messages::{Instruction, Request, Wants};
pub(crate) use self::server::{Desk, serve};

/// Both programs are installed together; after an update the one that runs may still be an older one.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the agent of a profile listens, in the profile's runtime folder.
pub fn socket(runtime: &Path) -> PathBuf {
    runtime.join("agent.sock")
}
