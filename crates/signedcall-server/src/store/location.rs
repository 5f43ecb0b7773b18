//! Where a store lies.

use std::fmt;
use std::path::{Path, PathBuf};

use super::sql::{Connection, SqlError};
use super::{StoreError, schema};

/// Where a store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In a file of SQLite, which is one service's.
    File(PathBuf),
}

impl Location {
    /// Opens the store, makes it when it is missing, and brings it up to date.
    pub(super) fn open(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Ok(Connection::of_file(schema::open(path)?)),
        }
    }

    /// Opens a store that is there, without a look at what is in it.
    pub(super) fn open_again(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Ok(Connection::of_file(schema::open_again(path)?)),
        }
    }

    /// Says of which store it is that something has failed.
    pub(super) fn failed(&self, source: impl Into<SqlError>) -> StoreError {
        StoreError::Failed { store: self.clone(), source: source.into() }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
        }
    }
}
