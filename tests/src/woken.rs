use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use crate::PATIENCE;
use crate::desktop::{Desktop, connect};

/// The app as the session bus has started it: no program of the rig's, so it is known by the name that it owns there.
#[derive(Debug)]
pub struct Woken {
    id: Pid,
}

impl Woken {
    /// The app of a profile that owns its name on a desktop's bus; `None` when it does not run.
    pub async fn find(desktop: &Desktop, profile: &str) -> Result<Option<Self>> {
        let connection = connect(desktop.bus_address()).await?;
        let daemon = DBusProxy::new(&connection).await?;
        let name = BusName::try_from(format!("org.signedcall.desktop.profile_{profile}"))?;
        if !daemon.name_has_owner(name.clone()).await? {
            return Ok(None);
        }
        let id = i32::try_from(daemon.get_connection_unix_process_id(name).await?).ok().and_then(Pid::from_raw);
        Ok(Some(Self { id: id.context("a process has a number")? }))
    }

    /// Asks the app to end, as the end of the session does, and waits until it has.
    pub async fn end(self) -> Result<()> {
        kill_process(self.id, Signal::TERM).context("ending the app")?;
        let limit = std::time::Instant::now() + PATIENCE;
        while test_kill_process(self.id).is_ok() {
            anyhow::ensure!(std::time::Instant::now() < limit, "the app does not end");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        // It may have ended, which is what is wanted.
        kill_process(self.id, Signal::KILL).unwrap_or_default();
    }
}
