//! Being started by the session bus: a file in the user's folder of D-Bus services.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::distributor;
use crate::profile::ProfileName;

/// The file by which the bus starts a program when a message comes for its name.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    file: PathBuf,
    content: String,
}

impl Activation {
    /// Makes the file that starts `program` in the tray, as the app of a profile, in a folder such as `~/.local/share/dbus-1/services`.
    pub(crate) fn new(folder: &Path, program: &Path, app_name: &str, profile: &ProfileName) -> Self {
        let arguments = ["--profile", &profile.to_string(), "--app-name", app_name, "--hidden", "--for-push"];
        Self::of(folder, &profile.bus_name(), program, &arguments)
    }

    /// Makes the one that starts `program` as the app's own distributor.
    pub(crate) fn of_distributor(folder: &Path, program: &Path) -> Self {
        Self::of(folder, distributor::NAME, program, &[distributor::ARGUMENT])
    }

    fn of(folder: &Path, name: &str, program: &Path, arguments: &[&str]) -> Self {
        let program = program.to_string_lossy();
        let exec = [&*program].iter().chain(arguments).map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        Self { file: folder.join(format!("{name}.service")), content: format!("[D-BUS Service]\nName={name}\nExec={exec}\n") }
    }

    /// Has the bus start the app. A bus finds a new file when it is asked for its name.
    pub(crate) fn install(&self) -> io::Result<()> {
        if fs::read_to_string(&self.file).is_ok_and(|content| content == self.content) {
            return Ok(());
        }
        fs::create_dir_all(self.file.parent().unwrap_or(Path::new(".")))?;
        // Beside and renamed: a bus that looks meanwhile finds no half of it.
        let beside = self.file.with_extension("service.new");
        fs::write(&beside, &self.content)?;
        fs::rename(&beside, &self.file)
    }

    /// Has the bus start the app no more.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

/// Quotes a word of a command line as a POSIX shell has it, which is how the bus reads it, in a value of a key file, in which a backslash is written twice.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''")).replace('\\', r"\\").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn the_bus_starts_the_app_in_the_tray_until_it_is_told_otherwise() {
        let folder = Folder::new();
        let services = folder.path().join("dbus-1/services");
        let (program, profile) = (Path::new("/opt/Signed Call/agent"), "alice".parse().expect("a name"));
        let activation = Activation::new(&services, program, "Ravi's calls", &profile);
        activation.remove().expect("there is nothing to do");
        activation.install().expect("a new folder");
        activation.install().expect("it is there");
        let file = services.join("org.signedcall.desktop.profile_alice.service");
        let content = fs::read_to_string(&file).expect("it is there");
        let exec = r"Exec='/opt/Signed Call/agent' '--profile' 'alice' '--app-name' 'Ravi'\\''s calls' '--hidden' '--for-push'";
        assert_eq!(content, format!("[D-BUS Service]\nName=org.signedcall.desktop.profile_alice\n{exec}\n"));
        assert_eq!(fs::read_dir(&services).expect("the folder").count(), 1);
        activation.remove().expect("it is there");
        assert!(!file.exists());
    }
}
