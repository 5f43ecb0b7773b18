use anyhow::{Context as _, Result, ensure};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::time::Timespec;
use tokio::task::spawn_blocking;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use crate::PATIENCE;
use crate::desktop::{Desktop, connect};

/// A program as the session bus has started it: none of the rig's, so it is known by the name that it owns there.
#[derive(Debug)]
pub struct Woken {
    id: Pid,
}

impl Woken {
    /// The app of a profile that owns its name on a desktop's bus; `None` when it does not run.
    pub async fn find(desktop: &Desktop, profile: &str) -> Result<Option<Self>> {
        Self::find_owner(desktop, &format!("org.signedcall.desktop.profile_{profile}")).await
    }

    /// The app's own distributor of pushes; `None` when it does not run.
    pub async fn find_distributor(desktop: &Desktop) -> Result<Option<Self>> {
        Self::find_owner(desktop, "org.signedcall.desktop.Distributor").await
    }

    async fn find_owner(desktop: &Desktop, name: &str) -> Result<Option<Self>> {
        let connection = connect(desktop.bus_address()).await?;
        let daemon = DBusProxy::new(&connection).await?;
        let name = BusName::try_from(name.to_owned())?;
        if !daemon.name_has_owner(name.clone()).await? {
            return Ok(None);
        }
        let id = i32::try_from(daemon.get_connection_unix_process_id(name).await?).ok().and_then(Pid::from_raw);
        Ok(Some(Self { id: id.context("a process has a number")? }))
    }

    /// The memory that it has written to and nobody else uses, in MiB.
    pub fn memory_mib(&self) -> Result<f64> {
        let path = format!("/proc/{}/smaps_rollup", self.id.as_raw_nonzero());
        let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let field = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        Ok(field.context(path)? / 1024.0)
    }

    /// Asks it to end, as the end of the session does, and waits until it has.
    pub async fn end(self) -> Result<()> {
        kill_process(self.id, Signal::TERM).context("ending a program")?;
        self.ends().await
    }

    /// Waits until it has ended.
    pub async fn ends(&self) -> Result<()> {
        // It is nobody's child here: the kernel says by a file that it has ended.
        let file = match pidfd_open(self.id, PidfdFlags::empty()) {
            Ok(file) => file,
            Err(Errno::SRCH) => return Ok(()),
            Err(error) => return Err(error).context("watching a program"),
        };
        let limit = Timespec::try_from(PATIENCE)?;
        let ended = spawn_blocking(move || poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&limit))).await?;
        ensure!(ended.context("watching a program")? > 0, "a program does not end");
        Ok(())
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        // It may have ended, which is what is wanted.
        kill_process(self.id, Signal::KILL).unwrap_or_default();
    }
}
