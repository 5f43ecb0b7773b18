//! Where a store lies.

use std::fmt;
use std::path::{Path, PathBuf};

use super::sql::{Connection, Server, SqlError};
use super::{StoreError, schema, server_layout};

/// Where a store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In a file of SQLite, which is one service's.
    File(PathBuf),
    /// In a database on a PostgreSQL server, which several services may use.
    Server(Server),
}

impl Location {
    /// Opens the store, makes it when it is missing, and brings it up to date.
    pub(super) fn open(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Ok(Connection::of_file(schema::open(path)?)),
            Self::Server(server) => server_layout::open(server),
        }
    }

    /// Opens a store that is there, without a look at what is in it.
    pub(super) fn open_again(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Ok(Connection::of_file(schema::open_again(path)?)),
            Self::Server(server) => server_layout::open_again(server),
        }
    }

    /// Which layout the store has, if there is one. Nothing in it is changed.
    pub(crate) fn layout(&self) -> Result<Option<u32>, StoreError> {
        match self {
            Self::File(path) => schema::layout(path),
            Self::Server(server) => server_layout::examine(&server_layout::open_again(server)?, self),
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
            Self::Server(server) => server.fmt(f),
        }
    }
}
