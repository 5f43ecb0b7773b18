//! Looks at the real computer.

use async_trait::async_trait;
use signedcall::SoundDevices;

use super::{SetupFacts, Surroundings, desktop, service};
use crate::settings::{Account, Preferences};

/// This computer.
#[derive(Debug)]
pub(crate) struct RealSurroundings;

#[async_trait]
impl Surroundings for RealSurroundings {
    async fn look(&self, account: &Account, preferences: &Preferences) -> SetupFacts {
        let (url, voice) = (account.service_url.clone(), preferences.voice());
        let sound =
            async { (signedcall::devices().await.unwrap_or_else(|_| SoundDevices::default()), signedcall::check_sound(&voice).await) };
        let asked = tokio::task::spawn_blocking(move || service::ask(&url));
        let ((devices, sound), desktop, service) = tokio::join!(sound, desktop::look(), asked);
        SetupFacts {
            devices,
            sound,
            notifications: desktop.notifications,
            keyring: desktop.keyring,
            tray: desktop.tray,
            distributors: desktop.distributors,
            service: service.expect("asking a web server does not panic"),
        }
    }
}
