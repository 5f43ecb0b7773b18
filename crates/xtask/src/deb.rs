//! `cargo xtask deb`: the service as a Debian package, with its unit and an example of its settings.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::processes::run_logged;
use crate::ui;
use crate::workspace::{Profile, Workspace};

const PROGRAM: &str = "signedcall-server";

/// What lies where, besides the program.
const FILES: &[(&str, &str)] = &[
    ("deploy/signedcall-server.service", "lib/systemd/system/signedcall-server.service"),
    ("deploy/settings.toml", "etc/signedcall-server/settings.toml"),
    ("docs/operation.md", "usr/share/doc/signedcall-server/operation.md"),
    ("docs/accounts.md", "usr/share/doc/signedcall-server/accounts.md"),
    ("docs/dashboard.md", "usr/share/doc/signedcall-server/dashboard.md"),
    ("CHANGELOG.md", "usr/share/doc/signedcall-server/CHANGELOG.md"),
    ("LICENSE-APACHE", "usr/share/doc/signedcall-server/LICENSE-APACHE"),
    ("LICENSE-MIT", "usr/share/doc/signedcall-server/LICENSE-MIT"),
];

/// An update goes on with the old program until the new one takes its place.
const BEFORE_REMOVAL: &str = r#"#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now signedcall-server.service
fi
"#;

/// Starts the new program where the old one was running, and nowhere else: there has to be an account first.
const AFTER_INSTALLATION: &str = r#"#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart signedcall-server.service
fi
"#;

/// Builds the service and packs it.
///
/// # Errors
/// It cannot be built or packed; the message says where the log is.
pub(crate) fn deb(workspace: &Workspace) -> Result<()> {
    let log = workspace.fresh_log("deb.log")?;
    // The pages of its dashboard are in the program.
    ui::build(workspace, &log)?;
    run_logged(&mut workspace.cargo(&["build", "--locked", "--release", "--package", PROGRAM]), &log)?;
    let package = pack(workspace, &workspace.program(PROGRAM, Profile::Release), &workspace.target.join("deb"), &log)?;
    println!("{}", package.display());
    Ok(())
}

/// Packs a program that is built, and returns where the package is.
fn pack(workspace: &Workspace, program: &Path, folder: &Path, log: &Path) -> Result<PathBuf> {
    let tree = folder.join(PROGRAM);
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    let copy = |from: &Path, to: &str, mode| {
        let bytes = fs::read(from).with_context(|| from.display().to_string())?;
        put(&bytes, &tree.join(to), mode)
    };
    copy(program, "usr/bin/signedcall-server", 0o755)?;
    for (from, to) in FILES {
        copy(&workspace.root.join(from), to, 0o644)?;
    }
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture()?);
    for (name, text, mode) in [
        ("control", control(version, architecture, fs::metadata(program)?.len()), 0o644),
        ("conffiles", "/etc/signedcall-server/settings.toml\n".to_owned(), 0o644),
        ("prerm", BEFORE_REMOVAL.to_owned(), 0o755),
        ("postinst", AFTER_INSTALLATION.to_owned(), 0o755),
    ] {
        put(text.as_bytes(), &tree.join("DEBIAN").join(name), mode)?;
    }
    let package = folder.join(format!("{PROGRAM}_{version}_{architecture}.deb"));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "--build"]).arg(&tree).arg(&package);
    run_logged(&mut build, log)?;
    Ok(package)
}

fn control(version: &str, architecture: &str, bytes: u64) -> String {
    let kilobytes = bytes.div_ceil(1024);
    format!(
        "Package: {PROGRAM}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Signed Call <root@localhost>\n\
         Installed-Size: {kilobytes}\nDepends: libc6, libgcc-s1\nSection: net\nPriority: optional\n\
         Description: Service for branded, signed voice calls\n Sign-in, presence, ringing, relay and call records in one binary.\n"
    )
}

fn put(bytes: &[u8], to: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(to.parent().context("every file is in a folder")?)?;
    fs::write(to, bytes).with_context(|| to.display().to_string())?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

/// What Debian calls this machine's kind.
fn architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => anyhow::bail!("there is no package for the architecture {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processes::output_of;
    use crate::workspace::on_path;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("signedcall-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_package_has_the_program_its_unit_and_settings_that_an_update_leaves_alone() {
        if on_path("dpkg-deb").is_none() {
            eprintln!("this is no Debian, so that no package can be made");
            return;
        }
        let (workspace, folder) = (Workspace::find().unwrap(), folder("deb"));
        let (program, log) = (folder.join("program"), folder.join("log"));
        fs::write(&program, "#!/bin/true\n").unwrap();
        fs::write(&log, "").unwrap();
        let package = pack(&workspace, &program, &folder, &log).unwrap();
        let list = |option: &str| output_of(Command::new("dpkg-deb").arg(option).arg(&package)).unwrap();
        let files = list("--contents");
        for (mode, path) in [
            ("-rwxr-xr-x root/root", "./usr/bin/signedcall-server"),
            ("-rw-r--r-- root/root", "./lib/systemd/system/signedcall-server.service"),
            ("-rw-r--r-- root/root", "./etc/signedcall-server/settings.toml"),
            ("-rw-r--r-- root/root", "./usr/share/doc/signedcall-server/operation.md"),
        ] {
            assert!(files.lines().any(|line| line.starts_with(mode) && line.ends_with(path)), "{path}:\n{files}");
        }
        let about = list("--info");
        assert!(about.contains("conffiles") && about.contains("postinst") && about.contains("Package: signedcall-server"), "{about}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_unit_is_one_that_systemd_understands() {
        if on_path("systemd-analyze").is_none() {
            eprintln!("there is no systemd here that could read it");
            return;
        }
        let (workspace, folder) = (Workspace::find().unwrap(), folder("unit"));
        let unit = fs::read_to_string(workspace.root.join("deploy/signedcall-server.service")).unwrap();
        let path = folder.join("signedcall-server.service");
        // The program is not installed where tests run.
        fs::write(&path, unit.replace("/usr/bin/signedcall-server", "/bin/true")).unwrap();
        let said = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
        let words = String::from_utf8_lossy(&said.stderr);
        // Of other units of the machine it may say something too.
        assert!(!words.lines().any(|line| line.contains("signedcall-server")), "{words}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
