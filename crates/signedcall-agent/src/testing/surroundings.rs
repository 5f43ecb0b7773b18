//! A computer on which all is well but the keyring.

use async_trait::async_trait;
use signedcall::{MicrophoneCheck, SoundCheck, SoundDevice, SoundDevices};

use crate::doctor::{KeyringFact, NotificationService, ServiceFact, SetupFacts, Surroundings};
use crate::settings::{Account, Preferences};

#[derive(Debug)]
pub(crate) struct FakeSurroundings;

#[async_trait]
impl Surroundings for FakeSurroundings {
    async fn look(&self, _: &Account, _: &Preferences) -> SetupFacts {
        let microphone = SoundDevice { id: "built-in".to_owned(), name: "Built-in Microphone".to_owned(), is_default: true };
        SetupFacts {
            devices: SoundDevices { microphones: vec![microphone], speakers: Vec::new() },
            sound: SoundCheck { microphone: Ok(MicrophoneCheck::Sound), speaker: Ok(()) },
            notifications: Some(NotificationService { name: "dunst".to_owned(), has_actions: true }),
            keyring: KeyringFact::Absent,
            tray: true,
            distributors: Vec::new(),
            service: ServiceFact::Answers,
        }
    }
}
