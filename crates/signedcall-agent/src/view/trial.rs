//! The trial of microphone and speaker as the settings screen shows it.

use serde::{Deserialize, Serialize};
use specta::Type;

/// A trial: first the microphone is listened to, and then what it has brought is played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct TrialView {
    pub step: TrialStep,
    /// How loud it is, as a meter shows it: from 0 to 100.
    pub level: u32,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum TrialStep {
    /// The microphone is being opened.
    Opening,
    /// The user should say something.
    Listening,
    /// The user should hear it.
    Playing,
    Over,
    Failed {
        why: TrialFailure,
    },
}

/// Why microphone and speaker cannot be tried, as the catalogue has words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum TrialFailure {
    NoSoundSystem,
    NoMicrophone,
    NoSpeaker,
    /// The system does not let the app use the device.
    Refused,
    /// The device is there and does not work.
    Broken,
}
