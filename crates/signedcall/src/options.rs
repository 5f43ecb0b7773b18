use std::path::PathBuf;

use signedcall_wire::{DeviceId, Redacted};

/// What [`SignedCall::init`](crate::SignedCall::init) needs (R12) and may be given.
#[derive(Clone, Debug)]
pub struct Options {
    /// `ws://` or `wss://` URL of the service, without a path.
    pub service_url: String,
    /// The company's account id.
    pub account_id: String,
    /// The company's key for the chosen environment.
    pub api_key: Redacted<String>,
    /// The user.
    pub cuid: String,
    /// What other users see; the cuid when absent. At most 50 characters.
    pub name: Option<String>,
    /// Which environment the key belongs to (R13). Required: `None` is `ERR_PRODUCTION_FIELD_REQUIRED`.
    pub production: Option<bool>,
    /// This installation; made at random when absent, and then a second start is a second device.
    pub device: Option<DeviceId>,
    /// What the user's other devices call this one; the host's name when absent.
    pub device_name: Option<String>,
    /// Sound files for tones; those of the SDK when absent.
    pub tones: Tones,
    /// How the voice is treated.
    pub voice: VoiceOptions,
}

/// Sound files for tones (R6): `.wav`, `.ogg` or `.mp3`.
#[derive(Clone, Debug, Default)]
pub struct Tones {
    /// Played to the caller while the callee is reached and rung.
    pub outgoing_tone: Option<PathBuf>,
    /// Played to the callee while a call rings.
    pub ringtone: Option<PathBuf>,
}

/// How the voice is treated.
#[derive(Clone, Debug)]
pub struct VoiceOptions {
    /// Echo cancellation, noise suppression and automatic gain.
    pub processing: bool,
    /// The microphone, by the id that [`devices`](crate::SignedCall) lists; the system's default when absent.
    pub input: Option<String>,
    /// The speaker, likewise.
    pub output: Option<String>,
}

impl Default for VoiceOptions {
    fn default() -> Self {
        Self { processing: true, input: None, output: None }
    }
}

/// What a call carries beside its context (R16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// URL of the caller's picture, shown to the callee.
    pub initiator_image: Option<String>,
    /// URL of the callee's picture, shown to the caller.
    pub receiver_image: Option<String>,
    /// A different context for the callee.
    pub remote_context: Option<String>,
}

impl Options {
    /// Options with everything required but the environment, which [`production`](Self::production) sets.
    pub fn new(service_url: impl Into<String>, account_id: impl Into<String>, api_key: impl Into<String>, cuid: impl Into<String>) -> Self {
        Self {
            service_url: service_url.into(),
            account_id: account_id.into(),
            api_key: Redacted::new(api_key.into()),
            cuid: cuid.into(),
            name: None,
            production: None,
            device: None,
            device_name: None,
            tones: Tones::default(),
            voice: VoiceOptions::default(),
        }
    }

    /// Chooses the environment.
    #[must_use]
    pub fn production(mut self, production: bool) -> Self {
        self.production = Some(production);
        self
    }
}
