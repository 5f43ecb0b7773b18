//! Small JSON files that survive a crash: written beside and renamed, and set aside rather than lost when they cannot be read.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::private;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its content cannot be read, or is not what was written; it is kept under this name in the same folder.
    #[error("it was damaged and is kept as {0}")]
    SetAside(String),
    /// The file system does not even let it be set aside.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads a file; `None` when there is none yet.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ReadError> {
    let value = match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // The next write would replace what another time could be read.
        Err(_) => None,
    };
    if value.is_some() {
        return Ok(value);
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let name = format!("{}.damaged-{seconds}", path.file_name().unwrap_or_default().to_string_lossy());
    fs::rename(path, path.with_file_name(&name))?;
    Err(ReadError::SetAside(name))
}

/// Writes a file: whoever reads it finds the old content or the new one, whatever happens in between.
pub fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    private::folder(path.parent().unwrap_or(Path::new(".")))?;
    let beside = path.with_extension("json.new");
    let mut file = private::file(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn what_is_written_is_read_and_nothing_lies_beside_it() {
        let folder = Folder::new();
        let path = folder.path().join("deep/settings.json");
        assert!(read::<Vec<u8>>(&path).expect("no file is no error").is_none());
        write(&path, &vec![1_u8]).expect("a new folder");
        write(&path, &vec![2_u8]).expect("the same file again");
        assert_eq!(read::<Vec<u8>>(&path).expect("as written"), Some(vec![2]));
        assert_eq!(fs::read_dir(path.parent().expect("a folder")).expect("the folder").count(), 1);
    }

    #[test]
    fn a_damaged_file_is_set_aside_by_name_and_never_lost() {
        let folder = Folder::new();
        let path = folder.path().join("history.json");
        fs::write(&path, "{ torn").expect("the folder is there");
        let ReadError::SetAside(name) = read::<Vec<u8>>(&path).expect_err("it is torn") else { panic!("it can be read") };
        assert!(name.starts_with("history.json.damaged-"), "{name}");
        assert_eq!(fs::read_to_string(folder.path().join(name)).expect("it is kept"), "{ torn");
        assert!(read::<Vec<u8>>(&path).expect("gone from its place").is_none());
    }
}
