//! Pictures on the disk, small and in a bounded number, so that a face is there at once the next time its owner calls.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::{Request, Shape};
use crate::private;

/// How many pictures are kept: the faces of everybody in the list of earlier calls, and the logos. They have about 20 KiB each.
const MOST: usize = 128;
/// How long a picture is taken for the one that lies at its address. A new logo is seen the next day.
const FRESH_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of a profile's pictures.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// A picture that was kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    /// Whether it need not be fetched again yet.
    pub(super) is_fresh: bool,
}

impl Store {
    /// Keeps pictures in this folder, which is made with the first of them.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Reads what is kept for a request.
    pub(super) fn read(&self, request: &Request) -> Option<Kept> {
        let path = self.path(request);
        let written = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
        // A clock that was set back makes no picture last for years.
        let is_fresh = SystemTime::now().duration_since(written).is_ok_and(|age| age < FRESH_FOR);
        Some(Kept { bytes: fs::read(path).ok()?, is_fresh })
    }

    /// Keeps a picture, and drops the oldest when there are too many.
    pub(super) fn write(&self, request: &Request, bytes: &[u8]) -> io::Result<()> {
        private::folder(&self.folder)?;
        let path = self.path(request);
        let beside = path.with_extension("new");
        private::file(&beside)?.write_all(bytes)?;
        fs::rename(&beside, &path)?;
        self.drop_oldest()
    }

    fn drop_oldest(&self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
        found.sort();
        for (_, path) in found.iter().take(found.len().saturating_sub(MOST)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// The name of the file tells nobody whose picture it is.
    fn path(&self, request: &Request) -> PathBuf {
        let shape: &[u8] = match request.shape {
            Shape::Face => b"face ",
            Shape::Logo => b"logo ",
        };
        let digest = Sha256::new().chain_update(shape).chain_update(request.url.as_bytes()).finalize();
        self.folder.join(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::Reach;
    use crate::testing::Folder;

    fn request(number: usize) -> Request {
        Request { url: format!("https://pictures.example/{number}"), shape: Shape::Face, reach: Reach::Anywhere, nearby: false }
    }

    #[test]
    fn what_is_kept_is_found_again_by_its_address_and_shape() {
        let folder = Folder::new();
        let store = Store::new(folder.path().join("pictures"));
        assert!(store.read(&request(1)).is_none());
        store.write(&request(1), b"face").expect("the folder can be made");
        let kept = store.read(&request(1)).expect("it is kept");
        assert_eq!((kept.bytes.as_slice(), kept.is_fresh), (b"face".as_slice(), true));
        assert!(store.read(&Request { shape: Shape::Logo, ..request(1) }).is_none());
        assert!(store.read(&request(2)).is_none());
    }

    #[test]
    fn a_picture_is_fresh_for_a_day() {
        let folder = Folder::new();
        let store = Store::new(folder.path().to_owned());
        store.write(&request(1), b"face").expect("the folder is there");
        let is_fresh_after = |age: Duration| {
            let file = fs::File::options().write(true).open(store.path(&request(1))).expect("it is kept");
            file.set_modified(SystemTime::now() - age).expect("it is this user's");
            store.read(&request(1)).expect("it is kept").is_fresh
        };
        assert!(is_fresh_after(FRESH_FOR - Duration::from_secs(60)));
        assert!(!is_fresh_after(FRESH_FOR));
    }

    #[test]
    fn of_too_many_pictures_the_oldest_go() {
        let folder = Folder::new();
        let store = Store::new(folder.path().to_owned());
        for number in 0..MOST + 2 {
            store.write(&request(number), b"face").expect("the folder is there");
            let file = fs::File::options().write(true).open(store.path(&request(number))).expect("it is kept");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(number as u64)).expect("it is this user's");
        }
        store.write(&request(MOST + 2), b"face").expect("the folder is there");
        let count = fs::read_dir(folder.path()).expect("the folder is there").count();
        assert_eq!(count, MOST);
        assert!(store.read(&request(2)).is_none() && store.read(&request(3)).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn pictures_are_for_this_user_alone() {
        let outside = Folder::new();
        let folder = outside.path().join("pictures");
        let store = Store::new(folder.clone());
        store.write(&request(1), b"face").expect("the folder can be made");
        assert_eq!((crate::testing::mode_of(&folder), crate::testing::mode_of(&store.path(&request(1)))), (0o700, 0o600));
    }
}
