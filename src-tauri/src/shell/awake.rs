//! Keeps the machine from suspending during a call (R5).

use tokio::sync::watch;
use zbus::zvariant::OwnedFd;

use crate::words;

/// Asks the login manager not to suspend, as long as it is set.
#[derive(Debug)]
pub(super) struct Inhibitor {
    wanted: watch::Sender<bool>,
}

impl Inhibitor {
    /// Makes one that asks for nothing yet.
    pub(super) fn new() -> Self {
        let (wanted, changes) = watch::channel(false);
        tauri::async_runtime::spawn(follow(changes));
        Self { wanted }
    }

    /// Asks, or no longer.
    pub(super) fn set(&self, awake: bool) {
        self.wanted.send_replace(awake);
    }
}

async fn follow(mut changes: watch::Receiver<bool>) {
    while changes.wait_for(|awake| *awake).await.is_ok() {
        // The machine is kept awake as long as the descriptor is open.
        let lock = match inhibit().await {
            Ok(lock) => Some(lock),
            Err(error) => {
                tracing::debug!(%error, "this machine may suspend during the call");
                None
            }
        };
        let over = changes.wait_for(|awake| !awake).await.is_err();
        drop(lock);
        if over {
            break;
        }
    }
}

async fn inhibit() -> zbus::Result<OwnedFd> {
    let system = zbus::Connection::system().await?;
    let request = ("sleep:idle", words::APP, words::IN_A_CALL, "block");
    let (name, path, interface) = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager");
    system.call_method(Some(name), path, Some(interface), "Inhibit", &request).await?.body().deserialize()
}
