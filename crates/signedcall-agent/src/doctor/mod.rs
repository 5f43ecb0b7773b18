//! Whether this computer and this account are fit for calls, item by item, with what to do about what is not (R2, R4).
//!
//! [`Surroundings`] looks, [`judge()`] says what it means. The window's *Check my set-up* and `--doctor` show the same, in the same words.

mod desktop;
mod judge;
mod report;
mod service;
mod silence;
mod surroundings;

use async_trait::async_trait;
use signedcall::{SoundCheck, SoundDevices};

pub(crate) use self::judge::judge;
pub(crate) use self::report::run;
pub(crate) use self::surroundings::RealSurroundings;
use crate::settings::{Account, Preferences};
use crate::view::ProblemCode;

/// What is looked at.
#[async_trait]
pub(crate) trait Surroundings: Send + Sync + 'static {
    /// Looks at everything that needs nobody to be signed in. Takes some seconds.
    async fn look(&self, account: &Account, preferences: &Preferences) -> SetupFacts;
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct SetupFacts {
    pub(crate) devices: SoundDevices,
    pub(crate) sound: SoundCheck,
    pub(crate) notifications: Option<NotificationService>,
    pub(crate) keyring: KeyringFact,
    /// Whether the desktop shows tray icons.
    pub(crate) tray: bool,
    /// The distributors of pushes that are installed, by their names on the session bus.
    pub(crate) distributors: Vec<String>,
    pub(crate) service: ServiceFact,
}

/// What shows notifications here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotificationService {
    pub(crate) name: String,
    /// Whether it can draw buttons.
    pub(crate) has_actions: bool,
}

/// The keyring, as far as it tells without being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyringFact {
    Open,
    Locked,
    Absent,
}

/// What answers at the service's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceFact {
    /// The service.
    Answers,
    /// Something, which does not say that it is the service.
    SomethingElse,
    /// Something whose certificate leads to nobody who is trusted.
    NotTrusted,
    /// Nothing: the name is unknown.
    NoSuchName,
    /// Nothing, or too late.
    Silent,
    /// No address is known.
    NoAddress,
    /// What is known is no address of a service.
    InvalidAddress,
}

/// Whether the service takes the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInFact {
    Accepted,
    Refused(ProblemCode),
    NotTried,
}
