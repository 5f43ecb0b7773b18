//! What the commands need of the operating system, and installing what is missing.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::processes::{describe, output_of, run_logged};
use crate::workspace::{Workspace, on_path};

/// What a package is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Compiling the service, the SDK and the app.
    Build,
    /// A display, desktop sessions, sound cards and people of our own, for a machine that has none.
    VirtualDesktop,
    /// Servers that the service works with: a database, and the bus of a cluster.
    Servers,
    /// A browser that draws the screens.
    Browser,
    /// What makes the pictures of the screens small.
    Pictures,
    /// Tools that come as Python packages, in folders of their own.
    Python,
    /// Compiling the Python package that scores speech.
    Scoring,
    /// Other people's telephones, to be measured beside this one.
    Peers,
    /// Other people's servers, to be measured beside this one.
    PeerServers,
}

/// A row for each need: the package's name for apt-get, its name for dnf, what it is needed for.
const PACKAGES: &[(&str, &str, Need)] = &[
    ("build-essential", "gcc-c++", Need::Build),
    ("make", "make", Need::Build),
    ("cmake", "cmake", Need::Build),
    ("pkg-config", "pkgconf-pkg-config", Need::Build),
    ("libasound2-dev", "alsa-lib-devel", Need::Build),
    ("libdbus-1-dev", "dbus-devel", Need::Build),
    ("libwebkit2gtk-4.1-dev", "webkit2gtk4.1-devel", Need::Build),
    ("librsvg2-dev", "librsvg2-devel", Need::Build),
    ("xvfb", "xorg-x11-server-Xvfb", Need::VirtualDesktop),
    ("openbox", "openbox", Need::VirtualDesktop),
    ("dbus", "dbus-daemon", Need::VirtualDesktop),
    ("dunst", "dunst", Need::VirtualDesktop),
    ("xfce4-notifyd", "xfce4-notifyd", Need::VirtualDesktop),
    ("xfconf", "xfconf", Need::VirtualDesktop),
    ("gnome-keyring", "gnome-keyring", Need::VirtualDesktop),
    ("libsecret-tools", "libsecret", Need::VirtualDesktop),
    ("pulseaudio", "pulseaudio", Need::VirtualDesktop),
    ("pulseaudio-utils", "pulseaudio-utils", Need::VirtualDesktop),
    ("pipewire", "pipewire", Need::VirtualDesktop),
    ("pipewire-pulse", "pipewire-pulseaudio", Need::VirtualDesktop),
    ("wireplumber", "wireplumber", Need::VirtualDesktop),
    ("webkit2gtk-driver", "/usr/bin/WebKitWebDriver", Need::VirtualDesktop),
    ("xdotool", "xdotool", Need::VirtualDesktop),
    ("imagemagick", "ImageMagick", Need::VirtualDesktop),
    ("desktop-file-utils", "desktop-file-utils", Need::VirtualDesktop),
    ("iproute2", "iproute", Need::VirtualDesktop),
    ("espeak-ng", "espeak-ng", Need::VirtualDesktop),
    ("sox", "sox", Need::VirtualDesktop),
    ("coturn", "coturn", Need::VirtualDesktop),
    ("postgresql", "postgresql-server", Need::Servers),
    ("nats-server", "nats-server", Need::Servers),
    ("fonts-dejavu-core", "dejavu-sans-fonts", Need::VirtualDesktop),
    ("fonts-noto-core", "google-noto-sans-fonts", Need::VirtualDesktop),
    ("fonts-noto-color-emoji", "google-noto-color-emoji-fonts", Need::VirtualDesktop),
    ("adwaita-icon-theme", "adwaita-icon-theme", Need::VirtualDesktop),
    (BROWSER_OF_DEBIAN, "chromium", Need::Browser),
    ("pngquant", "pngquant", Need::Pictures),
    ("python3-venv", "python3", Need::Python),
    ("python3-dev", "python3-devel", Need::Scoring),
    ("linphone-desktop", "linphone", Need::Peers),
    ("linphone-cli", "/usr/bin/linphone-daemon", Need::Peers),
    ("mosquitto", "mosquitto", Need::PeerServers),
    ("kamailio", "kamailio", Need::PeerServers),
    ("sip-tester", "sipp", Need::PeerServers),
];

/// Packages that start a server for everybody by themselves: tests start their own, on this machine's loopback only.
const SERVERS: &[&str] = &["coturn", "postgresql", "mosquitto", "nats-server", "kamailio"];

/// Debian's browser package, which Ubuntu calls otherwise.
const BROWSER_OF_DEBIAN: &str = "chromium";
const BROWSER_OF_UBUNTU: &str = "chromium-browser";

/// The programs that count as the browser: where one is there already, under whatever name, none is installed.
pub(crate) const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The package managers that this tool can speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
}

/// Makes sure that everything for `needs` is installed; says what it will install before it does.
///
/// # Errors
/// Something is missing and cannot be installed; the message has the command to type.
pub(crate) fn ensure(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    let Some(manager) = Manager::of_this_machine() else {
        println!("    neither apt-get nor dnf is here, so nothing can be checked. Needed are, by their Debian names:");
        println!("    {}", names(Manager::Apt, needs).join(" "));
        return Ok(());
    };
    let missing = manager.missing(&names(manager, needs))?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("    will install {} package(s): {}", missing.len(), missing.join(" "));
    let log = workspace.target.join("install.log");
    let commands = manager.install(&missing);
    if let Err(reason) = gain_privilege() {
        let typed = commands.iter().map(describe).collect::<Vec<_>>().join(" &&\n    ");
        bail!("cannot install packages: {reason}. As root, type:\n    {typed}");
    }
    for command in commands {
        let mut command = as_root(command)?;
        println!("    {}", describe(&command).chars().take(100).collect::<String>());
        run_logged(command.env("DEBIAN_FRONTEND", "noninteractive"), &log)?;
    }
    let servers = SERVERS.iter().filter(|server| missing.contains(server));
    for server in servers.filter(|_| Path::new("/run/systemd/system").is_dir()) {
        let mut stop = Command::new("systemctl");
        stop.args(["disable", "--now", server]);
        run_logged(&mut as_root(stop)?, &log)?;
    }
    let still_missing = manager.missing(&missing)?;
    if !still_missing.is_empty() {
        bail!("still not installed: {}; see {}", still_missing.join(" "), log.display());
    }
    Ok(())
}

fn names(manager: Manager, needs: &[Need]) -> Vec<&'static str> {
    let browser_is_here = BROWSERS.iter().any(|browser| on_path(browser).is_some());
    PACKAGES
        .iter()
        .filter(|(_, _, need)| needs.contains(need) && !(*need == Need::Browser && browser_is_here))
        .map(|(apt, dnf, _)| match manager {
            Manager::Apt if *apt == BROWSER_OF_DEBIAN && is_ubuntu() => BROWSER_OF_UBUNTU,
            Manager::Apt => *apt,
            Manager::Dnf => *dnf,
        })
        .collect()
}

fn is_ubuntu() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=ubuntu"))
}

impl Manager {
    fn of_this_machine() -> Option<Self> {
        if on_path("apt-get").is_some() && on_path("dpkg-query").is_some() {
            return Some(Self::Apt);
        }
        on_path("dnf").map(|_| Self::Dnf)
    }

    /// Those of `names` that are not installed.
    fn missing<'a>(self, names: &[&'a str]) -> Result<Vec<&'a str>> {
        match self {
            Self::Apt => {
                // Fails when one name is unknown, but still prints the others.
                let output =
                    Command::new("dpkg-query").args(["--show", "--showformat=${Package} ${db:Status-Status}\\n"]).args(names).output()?;
                let output = String::from_utf8_lossy(&output.stdout);
                let installed = installed_by_dpkg(&output);
                Ok(names.iter().copied().filter(|name| !installed.contains(*name)).collect())
            }
            Self::Dnf => {
                let mut missing = Vec::new();
                for name in names {
                    if !Command::new("rpm").args(["--query", "--quiet", "--whatprovides", name]).output()?.status.success() {
                        missing.push(*name);
                    }
                }
                Ok(missing)
            }
        }
    }

    fn install(self, missing: &[&str]) -> Vec<Command> {
        match self {
            Self::Apt => {
                let mut update = Command::new("apt-get");
                update.args(["-o", "DPkg::Lock::Timeout=300", "update"]);
                let mut install = Command::new("apt-get");
                // Nothing that the machine already uses, such as its own sound server, may be removed for our sake.
                install.args(["-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--no-remove", "--no-install-recommends"]).args(missing);
                vec![update, install]
            }
            Self::Dnf => {
                let mut install = Command::new("dnf");
                install.args(["install", "--assumeyes", "--setopt=install_weak_deps=False"]).args(missing);
                vec![install]
            }
        }
    }
}

/// The packages that `dpkg-query` reports as installed: those removed but not purged are known to it as well.
fn installed_by_dpkg(output: &str) -> BTreeSet<&str> {
    output.lines().filter_map(|line| line.strip_suffix(" installed")).collect()
}

fn is_root() -> Result<bool> {
    Ok(output_of(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Makes sure that commands can be run as root, asking for the password in the open and not inside a logged command.
fn gain_privilege() -> Result<()> {
    if is_root()? {
        return Ok(());
    }
    if on_path("sudo").is_none() {
        bail!("this user is not root, and there is no sudo");
    }
    let question: &[&str] = if std::io::stdin().is_terminal() { &["--validate"] } else { &["--non-interactive", "true"] };
    if !Command::new("sudo").args(question).status()?.success() {
        bail!("sudo refused");
    }
    Ok(())
}

/// The same command as root. The privilege has been gained before.
fn as_root(command: Command) -> Result<Command> {
    if is_root()? {
        return Ok(command);
    }
    let mut privileged = Command::new("sudo");
    privileged.args(["--non-interactive", "env", "DEBIAN_FRONTEND=noninteractive"]).arg(command.get_program()).args(command.get_args());
    Ok(privileged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_was_removed_but_not_purged_is_missing() {
        let installed = installed_by_dpkg("cmake installed\nopenbox config-files\nxvfb installed\nsox not-installed\n");
        assert_eq!(installed, BTreeSet::from(["cmake", "xvfb"]));
    }

    #[test]
    fn a_command_asks_only_for_what_it_needs() {
        let build = names(Manager::Apt, &[Need::Build]);
        assert!(build.contains(&"cmake") && !build.contains(&"xvfb"), "{build:?}");
        let both = names(Manager::Dnf, &[Need::Build, Need::VirtualDesktop]);
        assert!(both.contains(&"alsa-lib-devel") && both.contains(&"dunst") && !both.contains(&"libasound2-dev"), "{both:?}");
    }

    #[test]
    fn no_package_is_listed_twice() {
        for manager in [Manager::Apt, Manager::Dnf] {
            let all = names(
                manager,
                &[
                    Need::Build,
                    Need::VirtualDesktop,
                    Need::Servers,
                    Need::Browser,
                    Need::Pictures,
                    Need::Python,
                    Need::Scoring,
                    Need::Peers,
                ],
            );
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        }
    }

    #[test]
    fn installing_with_apt_never_removes_a_package() {
        let commands = Manager::Apt.install(&["cmake", "xvfb"]);
        let install = describe(commands.last().unwrap());
        assert!(install.contains("--no-remove") && install.ends_with("cmake xvfb"), "{install}");
    }
}
