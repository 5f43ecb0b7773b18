use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use zbus::fdo::DBusProxy;

use super::Setup;
use crate::{PATIENCE, Process};

/// The state of the user's keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyring {
    /// Open, as after signing in to the desktop.
    Unlocked,
    /// There, but its password has to be asked for.
    Locked,
    /// No program keeps secrets.
    Absent,
}

/// The program that shows notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notifier {
    /// dunst, whose actions are in a menu.
    Dunst,
    /// xfce4-notifyd, which draws buttons.
    Xfce,
    /// None.
    Absent,
}

/// The login keyring's password.
const PASSWORD: &str = "open sesame";

/// A D-Bus session and the programs that offer services on it.
#[derive(Debug)]
pub(super) struct Session {
    _services: Vec<Process>,
    bus: Bus,
    notifier: Notifier,
}

/// A message bus and its address.
#[derive(Debug)]
pub(super) struct Bus {
    address: String,
    daemon: Process,
}

/// Starts a bus that starts no program by itself but the keyring's password dialogue, so that what is absent stays absent.
pub(super) async fn start_bus(folder: &Path, sockets: &Path) -> Result<Bus> {
    let services = folder.join("services");
    fs::create_dir_all(&services).context("making the folder of services")?;
    for name in ["org.gnome.keyring.SystemPrompter.service", "org.gnome.keyring.PrivatePrompter.service"] {
        let installed = Path::new("/usr/share/dbus-1/services").join(name);
        if installed.is_file() {
            fs::copy(&installed, services.join(name)).with_context(|| format!("copying {}", installed.display()))?;
        }
    }
    let config = format!(
        "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth><servicedir>{}</servicedir><servicedir>{}</servicedir>\
         <policy context=\"default\"><allow send_destination=\"*\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
        sockets.join("bus").display(),
        services.display(),
        // Where programs put what the bus is to start for them.
        folder.join("data/dbus-1/services").display()
    );
    let file = folder.join("bus.conf");
    fs::write(&file, config).context("writing the bus's configuration")?;
    let mut command = Command::new("dbus-daemon");
    command.arg(format!("--config-file={}", file.display())).args(["--nofork", "--print-address=1"]);
    let daemon = Process::start("bus", &mut command, folder)?;
    let address = daemon.line("its address", PATIENCE, |line| line.starts_with("unix:")).await?.text;
    Ok(Bus { address, daemon })
}

impl Session {
    pub(super) async fn start(bus: Bus, folder: &Path, setup: Setup, environment: impl Fn(&str) -> Command) -> Result<Self> {
        let on_bus = |program: &str| {
            let mut command = environment(program);
            command.env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
            command
        };
        // What the bus itself starts opens windows on this display.
        let proxy = DBusProxy::new(&connect(&bus.address).await?).await?;
        let display: Vec<(String, String)> =
            on_bus("true").get_envs().filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned()))).collect();
        proxy.update_activation_environment(display.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()).await?;

        let mut services = Vec::new();
        match setup.keyring {
            Keyring::Unlocked => services.push(start_keyring(&bus, folder, &on_bus, Some(PASSWORD)).await?),
            Keyring::Locked => {
                // The first one makes the login keyring, the second one finds it and does not know its password.
                let first = start_keyring(&bus, folder, &on_bus, Some(PASSWORD)).await?;
                let mut store = on_bus("secret-tool");
                store.args(["store", "--label=earlier", "kind", "earlier"]);
                let mut store = Process::start_with_input("secret-tool", &mut store, folder, "secret")?;
                anyhow::ensure!(store.finished(PATIENCE).await?.success(), "storing a secret failed: {}", store.tail());
                first.end().await?;
                services.push(start_keyring(&bus, folder, &on_bus, None).await?);
            }
            Keyring::Absent => {}
        }
        match setup.notifier {
            Notifier::Dunst => {
                let mut command = on_bus("dunst");
                command.arg("-conf").arg(write_dunst_config(folder)?);
                services.push(Process::start("notifier", &mut command, folder)?);
            }
            Notifier::Xfce => {
                services.push(Process::start("settings", &mut on_bus(&installed_program("org.xfce.Xfconf.service")?), folder)?);
                wait_for_name(&bus.address, "org.xfce.Xfconf", PATIENCE).await?;
                let notifier = installed_program("org.xfce.xfce4-notifyd.Notifications.service")?;
                services.push(Process::start("notifier", &mut on_bus(&notifier), folder)?);
            }
            Notifier::Absent => {}
        }
        if setup.notifier != Notifier::Absent {
            wait_for_name(&bus.address, "org.freedesktop.Notifications", PATIENCE).await?;
        }
        Ok(Self { _services: services, bus, notifier: setup.notifier })
    }

    pub(super) fn bus_address(&self) -> &str {
        &self.bus.address
    }

    pub(super) fn bus_process(&self) -> &Process {
        &self.bus.daemon
    }

    pub(super) fn notifier(&self) -> Notifier {
        self.notifier
    }
}

async fn start_keyring(bus: &Bus, folder: &Path, on_bus: &impl Fn(&str) -> Command, password: Option<&str>) -> Result<Process> {
    let mut command = on_bus("gnome-keyring-daemon");
    command.args(["--foreground", "--components=secrets"]);
    let process = match password {
        Some(password) => Process::start_with_input("keyring", command.arg("--unlock"), folder, password)?,
        None => Process::start("keyring", command.arg("--start"), folder)?,
    };
    wait_for_name(&bus.address, "org.freedesktop.secrets", PATIENCE).await?;
    Ok(process)
}

/// The program behind a D-Bus service: distributions keep it in folders of their own.
fn installed_program(service: &str) -> Result<String> {
    let file = Path::new("/usr/share/dbus-1/services").join(service);
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Exec="));
    line.map(str::to_owned).with_context(|| format!("{} names no program", file.display()))
}

/// dunst draws no buttons: it hands the list of actions to a menu program. This one prints the line that [`pick_in_dunst`] has asked for.
fn write_dunst_config(folder: &Path) -> Result<std::path::PathBuf> {
    let menu = folder.join("menu.sh");
    let script = format!("#!/bin/sh\ntee '{0}/menu' | grep -m1 \"^#$(cat '{0}/pick')\"\n", folder.display());
    fs::write(&menu, script).context("writing the menu program")?;
    fs::set_permissions(&menu, fs::Permissions::from_mode(0o755)).context("making the menu program a program")?;
    let config = folder.join("dunstrc");
    let text = format!(
        "[global]\ndmenu = {}\nwidth = 380\norigin = top-right\nmarkup = full\nframe_width = 2\nmouse_left_click = do_action, close_current\n",
        menu.display()
    );
    fs::write(&config, text).context("writing dunst's configuration")?;
    Ok(config)
}

pub(super) async fn pick_in_dunst(folder: &Path, bus: &str, action: &str) -> Result<()> {
    fs::write(folder.join("pick"), action).context("saying what to pick")?;
    let connection = connect(bus).await?;
    connection
        .call_method(
            Some("org.freedesktop.Notifications"),
            "/org/freedesktop/Notifications",
            Some("org.dunstproject.cmd0"),
            "ContextMenuCall",
            &(),
        )
        .await
        .context("opening dunst's menu")?;
    Ok(())
}

pub(crate) async fn connect(bus: &str) -> Result<zbus::Connection> {
    zbus::connection::Builder::address(bus)?.build().await.context("connecting to the session bus")
}

pub(super) async fn wait_for_name(bus: &str, name: &'static str, limit: Duration) -> Result<()> {
    let connection = connect(bus).await?;
    let proxy = DBusProxy::new(&connection).await?;
    let mut changes = proxy.receive_name_owner_changed_with_args(&[(0, name)]).await?;
    if proxy.name_has_owner(name.try_into()?).await? {
        return Ok(());
    }
    match tokio::time::timeout(limit, changes.next()).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => bail!("the bus has gone while {name} was waited for"),
        Err(_) => bail!("nobody owns {name} after {limit:?}"),
    }
}
