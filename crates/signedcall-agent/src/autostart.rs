//! Starting with the session (R5): an entry of the XDG autostart specification, off by default.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::distributor;
use crate::profile::ProfileName;
use crate::words;

/// The entry of a profile.
#[derive(Clone, Debug)]
pub(crate) struct Autostart {
    file: PathBuf,
    content: String,
}

impl Autostart {
    /// Makes the entry that starts `program` in the tray, in a folder such as `~/.config/autostart`.
    pub(crate) fn new(folder: &Path, program: &Path, app_name: &str, profile: &ProfileName) -> Self {
        let (program, name) = (program.to_string_lossy(), profile.to_string());
        let command = [program.as_ref(), "--profile", &name, "--app-name", app_name, "--hidden"];
        let exec = command.map(quoted).join(" ");
        Self {
            file: folder.join(format!("org.signedcall.desktop.{profile}.desktop")),
            content: format!(
                "[Desktop Entry]\nType=Application\nName={}\nExec={exec}\nTerminal=false\nX-GNOME-Autostart-enabled=true\n",
                escaped(app_name)
            ),
        }
    }

    /// Makes the entry that starts `program` as the app's own distributor of pushes.
    pub(crate) fn of_distributor(folder: &Path, program: &Path) -> Self {
        let exec = [program.to_string_lossy().as_ref(), distributor::ARGUMENT].map(quoted).join(" ");
        Self {
            file: folder.join(format!("{}.desktop", distributor::NAME)),
            content: format!(
                "[Desktop Entry]\nType=Application\nName={}\nExec={exec}\nTerminal=false\nNoDisplay=true\n",
                words::CALLS_WHEN_CLOSED
            ),
        }
    }

    /// Whether the session starts the app. Desktops have switches of their own for entries, which are respected.
    pub(crate) fn is_on(&self) -> bool {
        let Ok(content) = fs::read_to_string(&self.file) else { return false };
        let is_off = |line: &str| matches!(line.trim(), "Hidden=true" | "X-GNOME-Autostart-enabled=false");
        !content.lines().any(is_off)
    }

    /// Whether there is an entry, switched off by the desktop or not.
    pub(crate) fn is_there(&self) -> bool {
        self.file.exists()
    }

    /// Turns it on or off.
    pub(crate) fn set(&self, on: bool) -> io::Result<()> {
        if on {
            fs::create_dir_all(self.file.parent().unwrap_or(Path::new(".")))?;
            return fs::File::create(&self.file)?.write_all(self.content.as_bytes());
        }
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

/// Quotes an argument of a command line as the specification of desktop entries wants it.
fn quoted(argument: &str) -> String {
    let mut quoted = String::from("\"");
    for character in argument.chars() {
        if matches!(character, '"' | '`' | '$' | '\\') {
            quoted.push('\\');
        }
        if character == '%' {
            quoted.push('%');
        }
        quoted.push(character);
    }
    quoted.push('"');
    escaped(&quoted)
}

/// Escapes a value, which is one line.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn entry(folder: &Folder, program: &str) -> Autostart {
        Autostart::new(&folder.path().join("autostart"), Path::new(program), "Signed Call", &"alice".parse().expect("a name"))
    }

    #[test]
    fn it_is_off_until_it_is_turned_on() {
        let folder = Folder::new();
        let entry = entry(&folder, "/usr/bin/signedcall-desktop");
        assert!(!entry.is_on());
        entry.set(false).expect("there is nothing to do");
        entry.set(true).expect("a new folder");
        assert!(entry.is_on());
        let content = fs::read_to_string(&entry.file).expect("it is there");
        let exec = r#"Exec="/usr/bin/signedcall-desktop" "--profile" "alice" "--app-name" "Signed Call" "--hidden""#;
        assert!(content.lines().any(|line| line == exec), "{content}");
        entry.set(false).expect("it is there");
        assert!(!entry.is_on());
    }

    #[test]
    fn the_distributor_has_an_entry_of_its_own() {
        let folder = Folder::new();
        let entry = Autostart::of_distributor(folder.path(), Path::new("/usr/bin/signedcall-agent"));
        assert!(!entry.is_there());
        entry.set(true).expect("a folder");
        assert!(entry.is_there() && entry.is_on());
        let content = fs::read_to_string(folder.path().join("org.signedcall.desktop.Distributor.desktop")).expect("it is there");
        assert!(content.lines().any(|line| line == r#"Exec="/usr/bin/signedcall-agent" "--distribute""#), "{content}");
    }

    #[test]
    fn what_the_desktop_has_switched_off_is_off() {
        let folder = Folder::new();
        let entry = entry(&folder, "/usr/bin/signedcall-desktop");
        for switch in ["Hidden=true", "X-GNOME-Autostart-enabled=false"] {
            entry.set(true).expect("a folder");
            fs::write(&entry.file, format!("[Desktop Entry]\nType=Application\n{switch}\n")).expect("it is there");
            assert!(!entry.is_on(), "{switch}");
            entry.set(true).expect("it is there");
            assert!(entry.is_on(), "turning it on here turns it on");
        }
    }

    #[test]
    fn a_path_is_one_argument_whatever_it_has_in_it() {
        assert_eq!(quoted("/opt/Signed Call/app"), r#""/opt/Signed Call/app""#);
        assert_eq!(quoted("/a\"b`c$d%e"), r#""/a\\"b\\`c\\$d%%e""#);
        assert_eq!(quoted("/a\\b"), r#""/a\\\\b""#);
    }
}
