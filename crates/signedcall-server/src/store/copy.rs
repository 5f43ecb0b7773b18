//! Copies of the store, made while it is written to, and put back.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Location, StoreError, schema};

/// Writes all that the store in `store` holds at one moment to the file `to`, whole or not at all, and returns the bytes that it has. Whoever writes to the
/// store meanwhile goes on.
pub(crate) fn copy(store: &Path, to: &Path) -> Result<u64, StoreError> {
    let source = schema::open_to_read(store)?;
    if schema::examine(&source, store)? == 0 {
        // A file with nothing in it is anybody's.
        return Err(StoreError::Foreign(store.into()));
    }
    let file_failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::File { path, source }
    };
    // An absolute path is never mistaken for a URL.
    let to = std::path::absolute(to).map_err(file_failed(to))?;
    let partial = with_suffix(&to, ".partial");
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file_failed(&partial)(error)),
        // What an earlier attempt has left.
        Ok(()) | Err(_) => {}
    }
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(file_failed(&partial))?;
    let copied = fill(&source, store, &partial)
        .and_then(|()| made.sync_all().map_err(file_failed(&partial)))
        .and_then(|()| std::fs::rename(&partial, &to).map_err(file_failed(&to)))
        .and_then(|()| sync_folder_of(&to).map_err(file_failed(&to)));
    if let Err(error) = copied {
        // Of no use to anybody; that it failed is said already.
        let _ = std::fs::remove_file(&partial);
        return Err(error);
    }
    made.metadata().map(|file| file.len()).map_err(file_failed(&to))
}

/// Puts a copy in the place of the store, which nobody has open, and says whether there was one. That is kept beside it, under the name `kept`.
pub(crate) fn put_back(copied: &Path, store: &Path, kept: &Path) -> Result<bool, StoreError> {
    let fresh = with_suffix(store, ".restored");
    copy(copied, &fresh)?;
    let is_there = store.exists();
    let given = schema::give_to_owner_of_folder(&fresh);
    let replaced =
        given.and_then(|()| keep(store, kept)).and_then(|()| std::fs::rename(&fresh, store)).and_then(|()| sync_folder_of(store));
    replaced.map(|()| is_there).map_err(|source| {
        // Of no use to anybody; that it failed is said already.
        let _ = std::fs::remove_file(&fresh);
        StoreError::File { path: store.to_owned(), source }
    })
}

/// Gives a store another name as well, with the journal that belongs to it: until another takes its place, it is where it was.
fn keep(store: &Path, kept: &Path) -> std::io::Result<()> {
    if store.exists() {
        std::fs::hard_link(store, kept)?;
    }
    for suffix in ["-wal", "-shm"] {
        let journal = with_suffix(store, suffix);
        if journal.exists() {
            std::fs::hard_link(&journal, with_suffix(kept, suffix))?;
            std::fs::remove_file(&journal)?;
        }
    }
    Ok(())
}

fn fill(source: &Connection, store: &Path, to: &Path) -> Result<(), StoreError> {
    let name = to.to_str().ok_or_else(|| StoreError::File {
        path: to.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidFilename, "its name is no UTF-8"),
    })?;
    source.execute("VACUUM INTO ?", [name]).map_err(|source| Location::from(store).failed(source))?;
    let copy = schema::open_to_read(to)?;
    let verdict = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    let verdict = verdict.map_err(|source| Location::from(to).failed(source))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: to.to_owned(), verdict }) }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
