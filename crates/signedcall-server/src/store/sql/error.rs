/// Why a statement was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// There is no such row, and there should be one.
    #[error("there is no such row")]
    NoRow,
    /// A column has something in it that does not belong there.
    #[error("column {0} has something in it that it should not have")]
    Unreadable(usize),
    /// Something cannot be put down as text.
    #[error(transparent)]
    Unwritable(#[from] serde_json::Error),
}

/// What whoever asks does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no room: it is to be tried again once there is some.
    Full,
    /// It was given up since it took too long.
    TooSlow,
    /// Somebody else was in the way for too long.
    Busy,
    /// The statement or the store is wrong.
    Wrong,
}

impl SqlError {
    /// What is the matter.
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => Trouble::Full,
                Some(rusqlite::ErrorCode::OperationInterrupted) => Trouble::TooSlow,
                Some(rusqlite::ErrorCode::DatabaseBusy) => Trouble::Busy,
                Some(_) | None => Trouble::Wrong,
            },
            Self::NoRow | Self::Unreadable(_) | Self::Unwritable(_) => Trouble::Wrong,
        }
    }
}
