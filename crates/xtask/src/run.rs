//! `cargo xtask run`: the whole product on this machine, from nothing to a window with a contact to call.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::packages::{self, Need};
use crate::processes::{Companion, run_logged};
use crate::ui;
use crate::workspace::{Profile, Workspace};

/// The account that the service makes for itself under `--demo`.
const DEMO_ACCOUNT: &str = "demo";
/// The echo contact's cuid, which the developer calls.
const ECHO_CUID: &str = "echo_test";
/// How long the service and the echo contact may take until they are ready; making the first store takes a fraction of this.
pub(crate) const READY_PATIENCE: Duration = Duration::from_secs(30);
/// How often the windows are looked after; a closed one is noticed at once as far as a person can tell.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// Somebody who is signed in.
#[derive(Debug)]
struct User {
    profile: &'static str,
    cuid: &'static str,
    name: &'static str,
}

const FIRST_USER: User = User { profile: "demo", cuid: "courier_8842", name: "Amira" };
const SECOND_USER: User = User { profile: "demo-two", cuid: "customer_25", name: "Jonas" };

/// Installs what is missing, builds everything, and runs it until the last window's app is quit.
///
/// # Errors
/// Something cannot be installed, built or started, or the service or echo contact ends early.
pub(crate) fn run(workspace: &Workspace, two: bool) -> Result<()> {
    let started = Instant::now();
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let folder = workspace.target.join("demo");
    let log = workspace.fresh_log("run.log")?;
    let needs: &[Need] = if has_display { &[Need::Build] } else { &[Need::Build, Need::VirtualDesktop] };

    println!("[1/4] packages of the operating system");
    packages::ensure(workspace, needs)?;
    println!("[2/4] web UI");
    ui::build(workspace, &log)?;
    println!("[3/4] service, echo contact and app (the first time takes minutes)");
    run_logged(&mut workspace.cargo(&["build", "--locked", "--workspace", "--exclude", "xtask", "--bins"]), &log)?;
    println!("      ready after {:.0} s", started.elapsed().as_secs_f64());
    if !has_display {
        println!("[4/4] no display here: a call to the echo contact under a virtual one");
        return tour(workspace);
    }

    println!("[4/4] starting");
    let key = demo_key(&folder.join("api.key"))?;
    let (mut service, address) = start_service(workspace, &folder, &key)?;
    let url = format!("ws://{address}");
    // They end in the reverse of this order, so that nobody is left without a service.
    let mut echo = start_echo(workspace, &folder, &key, &url)?;
    let users = if two { vec![FIRST_USER, SECOND_USER] } else { vec![FIRST_USER] };
    let mut apps = users.iter().map(|user| start_app(workspace, &folder, &key, &url, user)).collect::<Result<Vec<_>>>()?;
    println!("      each signs in: {}", users.iter().map(|user| user.cuid).collect::<Vec<_>>().join(" and "));
    println!("      call `{ECHO_CUID}` to hear yourself{}", if two { ", or one another" } else { "" });
    println!("      the service listens on {address}; logs are in {}", folder.display());
    println!("      closing a window leaves the app in the tray; quit it there, or press Ctrl-C here, to end all");
    watch(&mut apps, [&mut echo, &mut service])
}

/// Makes a call under a virtual display and reports it.
fn tour(workspace: &Workspace) -> Result<()> {
    let status = Command::new(workspace.program("rig", Profile::Debug))
        .arg("tour")
        .current_dir(&workspace.root)
        .status()
        .context("`rig tour` could not be started")?;
    if !status.success() {
        bail!("`rig tour` failed: {status}");
    }
    Ok(())
}

fn start_service(workspace: &Workspace, folder: &Path, key: &str) -> Result<(Companion, String)> {
    let mut command = Command::new(workspace.program("signedcall-server", Profile::Debug));
    command.args(["--demo", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("service")).env("SIGNEDCALL_DEMO_KEY", key);
    let (service, line) = Companion::start_until_ready("service", &command, &folder.join("service.log"), READY_PATIENCE)?;
    Ok((service, listening_address(&line)?))
}

fn start_echo(workspace: &Workspace, folder: &Path, key: &str, url: &str) -> Result<Companion> {
    let mut command = Command::new(workspace.program("signedcall-echo", Profile::Debug));
    command.args(["--service-url", url, "--account-id", DEMO_ACCOUNT]).env("SIGNEDCALL_API_KEY", key);
    Ok(Companion::start_until_ready("echo contact", &command, &folder.join("echo.log"), READY_PATIENCE)?.0)
}

fn start_app(workspace: &Workspace, folder: &Path, key: &str, url: &str, user: &User) -> Result<Companion> {
    // Its agent, which opens the window and lives until the user quits: the window's own program ends with the window.
    let mut command = Command::new(workspace.program("signedcall-agent", Profile::Debug));
    command
        .args(["--profile", user.profile])
        .env("SIGNEDCALL_SERVICE_URL", url)
        .env("SIGNEDCALL_ACCOUNT_ID", DEMO_ACCOUNT)
        .env("SIGNEDCALL_API_KEY", key)
        .env("SIGNEDCALL_CUID", user.cuid)
        .env("SIGNEDCALL_NAME", user.name)
        .env("SIGNEDCALL_PRODUCTION", "false");
    Companion::start("app", &command, &folder.join(format!("app-{}.log", user.cuid)))
}

/// Waits until every app has ended.
fn watch(apps: &mut Vec<Companion>, mut others: [&mut Companion; 2]) -> Result<()> {
    while !apps.is_empty() {
        for other in &mut others {
            if let Some(status) = other.ended()? {
                bail!("the {} ended: {status}\n{}", other.name, other.log_tail());
            }
        }
        let mut still_open = Vec::new();
        for mut app in apps.drain(..) {
            match app.ended()? {
                None => still_open.push(app),
                Some(status) if status.success() => {}
                Some(status) => bail!("the app ended: {status}\n{}", app.log_tail()),
            }
        }
        *apps = still_open;
        std::thread::sleep(WATCH_INTERVAL);
    }
    Ok(())
}

/// The address in the line that the service prints when it listens.
fn listening_address(line: &str) -> Result<String> {
    let ready: Value = serde_json::from_str(line).with_context(|| format!("the service's readiness line is not JSON: {line}"))?;
    let address = ready["listening"].as_str().with_context(|| format!("the service's readiness line has no `listening`: {line}"))?;
    Ok(address.to_owned())
}

/// The demo account's api key: random, made once, readable by this user only.
pub(crate) fn demo_key(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Ok(key) if !key.trim().is_empty() => return Ok(key.trim().to_owned()),
        // Empty when an earlier run was ended between making the file and writing it.
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
    let mut random = [0_u8; 24];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let open = File::options().write(true).create(true).truncate(true).mode(0o600).open(file);
    let mut created = open.with_context(|| format!("cannot write {}", file.display()))?;
    created.write_all(key.as_bytes())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_demo_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = std::env::temp_dir().join(format!("xtask-key-{}", std::process::id()));
        let file = folder.join("api.key");
        let key = demo_key(&file).unwrap();
        assert_eq!(key.len(), 48);
        assert_eq!(demo_key(&file).unwrap(), key);
        std::fs::write(&file, "").unwrap();
        assert_eq!(demo_key(&file).unwrap().len(), 48, "a run that was ended too early left no key");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_readiness_line_gives_the_address() {
        assert_eq!(listening_address(r#"{"listening":"127.0.0.1:7443","turn":"127.0.0.1:7478"}"#).unwrap(), "127.0.0.1:7443");
        assert!(listening_address(r#"{"turn":"127.0.0.1:7478"}"#).unwrap_err().to_string().contains("`listening`"));
        assert!(listening_address("starting").unwrap_err().to_string().contains("starting"));
    }
}
