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

/// An update goes on with the old program until the new one takes its place. What is removed from another root (`dpkg --root`) is no service of this machine.
const BEFORE_REMOVAL: &str = r#"#!/bin/sh
set -e
if [ "$1" = remove ] && [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now signedcall-server.service
fi
"#;

/// Starts the new program where the old one was running, and nowhere else: there has to be an account first. Nor is it of this machine in another root.
const AFTER_INSTALLATION: &str = r#"#!/bin/sh
set -e
if [ "$1" = configure ] && [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
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
    let package = pack(workspace, &workspace.program(PROGRAM, Profile::Release), &workspace.target.join("deb"), ("-Zxz", &log))?;
    println!("{}", package.display());
    Ok(())
}

/// Packs a program that is built, compressed as an option of `dpkg-deb` says, and returns where the package is.
fn pack(workspace: &Workspace, program: &Path, folder: &Path, (compression, log): (&str, &Path)) -> Result<PathBuf> {
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
    build.args(["--root-owner-group", compression, "--build"]).arg(&tree).arg(&package);
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
        let package = pack(&workspace, &program, &folder, ("-Znone", &log)).unwrap();
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

    /// Says why a test proves nothing on this machine, where that is allowed: not where everything is to be proved.
    fn proves_nothing(why: &str) {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("{why}");
    }

    /// Packages and configures in a root of its own, with a `systemctl` that only notes that it was called.
    struct Root {
        folder: PathBuf,
    }

    impl Root {
        fn new() -> Self {
            let folder = folder("root");
            put(b"#!/bin/sh\necho \"$@\" >> \"${0%/*}/called\"\n", &folder.join("stand-in/systemctl"), 0o755).unwrap();
            fs::create_dir_all(folder.join("root")).unwrap();
            Self { folder }
        }

        fn dpkg(&self, arguments: &[&str]) {
            let path = format!("{}:{}", self.folder.join("stand-in").display(), std::env::var("PATH").unwrap());
            let mut dpkg = Command::new("dpkg");
            // There is no libc in it, nor a shell: scripts of a package that know of other roots run outside.
            dpkg.arg(format!("--root={}", self.at("").display())).args([
                "--force-depends",
                "--force-script-chrootless",
                "--force-confold",
                "--force-unsafe-io",
            ]);
            let done = dpkg.args(arguments).env("PATH", path).output().unwrap();
            assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        }

        fn at(&self, path: &str) -> PathBuf {
            self.folder.join("root").join(path)
        }

        fn status(&self) -> String {
            let admin = format!("--admindir={}", self.at("var/lib/dpkg").display());
            output_of(Command::new("dpkg-query").args([&admin, "--show", "--showformat=${db:Status-Abbrev}", PROGRAM])).unwrap()
        }
    }

    #[test]
    fn a_package_that_is_installed_runs_and_an_update_and_a_removal_leave_what_the_operator_has_set() {
        let workspace = Workspace::find().unwrap();
        let program = workspace.program(PROGRAM, Profile::Debug);
        if !program.exists() || on_path("dpkg").is_none() {
            return proves_nothing("there is no program that could be packed, or no dpkg");
        }
        if output_of(Command::new("id").arg("-u")).unwrap().trim() != "0" {
            return proves_nothing("only root can install what is root's, also elsewhere");
        }
        let root = Root::new();
        let log = root.folder.join("log");
        fs::write(&log, "").unwrap();
        let package = pack(&workspace, &program, &root.folder, ("-Znone", &log)).unwrap();
        root.dpkg(&["--install", package.to_str().unwrap()]);
        assert_eq!(root.status().trim(), "ii");
        let installed = root.at("usr/bin/signedcall-server");
        let version = output_of(Command::new(&installed).arg("--version")).unwrap();
        assert_eq!(version.trim(), format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION")));
        let settings = root.at("etc/signedcall-server/settings.toml");
        let mut check = Command::new(&installed);
        check.arg("check-config").env("SIGNEDCALL_CONFIG", &settings).env("SIGNEDCALL_DATA", root.at("data"));
        let checked = check.output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        for (from, to) in FILES {
            assert_eq!(fs::read(workspace.root.join(from)).unwrap(), fs::read(root.at(to)).unwrap(), "{to}");
        }
        understood_by_systemd(&root.at("lib/systemd/system/signedcall-server.service"), &installed, &root.folder);

        fs::write(&settings, "# changed\n").unwrap();
        root.dpkg(&["--install", package.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&settings).unwrap(), "# changed\n", "an update leaves them alone");
        root.dpkg(&["--remove", PROGRAM]);
        assert!(!installed.exists() && settings.exists());
        root.dpkg(&["--purge", PROGRAM]);
        assert!(!settings.exists());
        assert!(!root.folder.join("stand-in/called").exists(), "this machine's services are left alone");
        fs::remove_dir_all(&root.folder).unwrap();
    }

    /// Makes sure that systemd understands a unit of a program that is not where units say.
    fn understood_by_systemd(unit: &Path, program: &Path, folder: &Path) {
        let Some(systemd_analyze) = on_path("systemd-analyze") else {
            return proves_nothing("there is no systemd here that could read the unit");
        };
        let text = fs::read_to_string(unit).unwrap();
        let path = folder.join("signedcall-server.service");
        fs::write(&path, text.replace("/usr/bin/signedcall-server", &program.display().to_string())).unwrap();
        let said = Command::new(systemd_analyze).arg("verify").arg(&path).output().unwrap();
        let words = String::from_utf8_lossy(&said.stderr);
        // Of other units of the machine it may say something too.
        assert!(!words.lines().any(|line| line.contains("signedcall-server")), "{words}");
    }

    #[test]
    fn the_unit_is_one_that_systemd_understands() {
        let (workspace, folder) = (Workspace::find().unwrap(), folder("unit"));
        // The program is not installed where tests run.
        understood_by_systemd(&workspace.root.join("deploy/signedcall-server.service"), Path::new("/bin/true"), &folder);
        fs::remove_dir_all(&folder).unwrap();
    }

    /// What the bundler of the app makes of its template, in the words of its settings.
    #[test]
    fn the_app_s_desktop_file_is_one_that_desktops_understand_and_starts_a_program_of_the_package() {
        let workspace = Workspace::find().unwrap();
        let read = |path: &str| fs::read_to_string(workspace.root.join("src-tauri").join(path)).unwrap();
        let settings: serde_json::Value = serde_json::from_str(&read("tauri.conf.json")).unwrap();
        let text = |pointer: &str| settings.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_else(|| panic!("{pointer}"));
        let program = text("/mainBinaryName");
        let template = read(text("/bundle/linux/deb/desktopTemplate"));
        assert_eq!(text("/bundle/linux/deb/desktopTemplate"), text("/bundle/linux/rpm/desktopTemplate"));
        let said = [
            ("{{name}}", text("/productName")),
            ("{{comment}}", text("/bundle/shortDescription")),
            ("{{exec}}", program),
            ("{{icon}}", program),
            ("{{categories}}", "Network;"),
        ];
        let filled = said.iter().fold(template, |filled, (place, with)| filled.replace(place, with));
        assert!(!filled.contains("{{") && filled.contains(&format!("Exec={program} %u")), "{filled}");
        assert!(read("Cargo.toml").contains(&format!("name = \"{program}\"")), "the program is built");
        let Some(validate) = on_path("desktop-file-validate") else {
            return proves_nothing("desktop-file-validate is not installed");
        };
        let folder = folder("desktop");
        let path = folder.join("signed-call.desktop");
        fs::write(&path, filled).unwrap();
        let said = Command::new(validate).arg(&path).output().unwrap();
        let words = String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success() && words.trim().is_empty(), "{words}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
