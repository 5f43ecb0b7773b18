//! The rig: what a machine without display, sound card or desktop session lacks, so that the real programs run there and can be used,
//! heard and seen from outside.
//!
//! ```text
//! Rig ─ a run folder
//!  ├─ Service, Echo            the real service and the echo contact
//!  ├─ Network, Headless        hosts with addresses of their own, and phones without a screen on them
//!  └─ Desktop, one per user    X display and window manager, D-Bus session, keyring, notification daemon, sound card, own folders
//!      ├─ Tray, Distributor    what shows tray icons, and what takes pushes, where a case wants it
//!      ├─ App                  the real app on it, driven by WebDriver
//!      ├─ Resident             the real app on it, where it must do without a window or survive it
//!      └─ Woken                the real app as the session bus has started it
//! ```
//!
//! Everything ends when its value is dropped: by process group, never by name.

mod analysis;
mod app;
mod desktop;
mod distributor;
mod headless;
mod impaired;
mod network;
mod notifications;
mod pair;
mod process;
mod programs;
mod resident;
mod run;
mod score;
mod sound;
mod sound_server;
mod timeline;
mod tray;
mod usage;
mod woken;

pub use analysis::{Delay, click_beside_tone, delay, first_tone, level, silence_from};
pub use app::{App, User, Window};
pub use desktop::{Desktop, Display, Keyring, Notifier, Screen, Setup};
pub use distributor::{Distributor, HeldPush};
pub use headless::{Headless, Told, now_ms, silence_between};
pub use impaired::{Between, Counted, ImpairedLine, Impairment};
pub use network::{Family, Host, Network, may_make_networks};
pub use notifications::{Notice, Notifications};
pub use pair::{Pair, Seat};
pub use process::{Line, Process};
pub use programs::{ACCOUNT, Echo, Service, ServiceSetup};
pub use resident::Resident;
pub use run::{Rig, program};
pub use score::{Score, Scorer, speech};
pub use sound::{Recorder, Recording, SoundCard, tone, tone_in};
pub use sound_server::SoundServer;
pub use timeline::Timeline;
pub use tray::Tray;
pub use usage::Usage;
pub use woken::Woken;

use std::time::Duration;

/// Longer than anything takes on a busy machine, so that a wait which runs out means a fault.
pub const PATIENCE: Duration = Duration::from_secs(20);
