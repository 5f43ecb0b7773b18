//! Files and folders that only this user may read: what is kept says who called whom, and when.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a folder, and those above it that are missing. One that is there already is closed to others.
pub fn folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Opens a file to write it anew.
pub fn file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // The mode above counts for new files only.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::{Folder, mode_of};

    #[test]
    fn what_is_made_is_for_this_user_alone() {
        let outside = Folder::new();
        let inside = outside.path().join("signedcall/default");
        folder(&inside).expect("a new folder");
        let path = inside.join("history.json");
        file(&path).expect("a new file");
        assert_eq!((mode_of(&outside.path().join("signedcall")), mode_of(&inside), mode_of(&path)), (0o700, 0o700, 0o600));
    }

    #[test]
    fn what_others_could_read_is_closed_to_them() {
        let outside = Folder::new();
        let inside = outside.path().join("default");
        let path = inside.join("history.json");
        fs::create_dir(&inside).expect("a new folder");
        fs::write(&path, "[]").expect("a new file");
        fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).expect("it is this user's");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is this user's");
        folder(&inside).expect("it is there");
        file(&path).expect("it is there");
        assert_eq!((mode_of(&inside), mode_of(&path)), (0o700, 0o600));
    }
}
