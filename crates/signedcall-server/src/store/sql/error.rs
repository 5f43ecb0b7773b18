use std::error::Error;

use tokio_postgres::error::SqlState;

/// Why a statement was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A PostgreSQL server has refused it, cannot be reached, or has gone away meanwhile.
    #[error("{}", in_words(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// A server does not answer.
    #[error("the server does not answer")]
    NoAnswer,
    /// What is asked belongs to a transaction that has failed already.
    #[error("the transaction has failed already")]
    Broken,
    /// The server went away while it was told to make a transaction durable: it may be, or not.
    #[error("nobody knows whether it is done: {0}")]
    OutcomeUnknown(Box<SqlError>),
    /// There can be no connection to a server in this process.
    #[error("no connection can be made: {0}")]
    Carrier(std::io::ErrorKind),
    /// There is no TLS to be had.
    #[error(transparent)]
    Tls(rustls::Error),
    /// A database has no text with such a character in it.
    #[error("a text has a NUL in it")]
    Nul,
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
    /// The server is away: it is to be tried again once it is back.
    Away,
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
            Self::Postgres(error) => trouble_of(error),
            Self::NoAnswer | Self::Broken | Self::OutcomeUnknown(_) => Trouble::Away,
            Self::Carrier(_) | Self::Tls(_) | Self::Nul => Trouble::Wrong,
            Self::NoRow | Self::Unreadable(_) | Self::Unwritable(_) => Trouble::Wrong,
        }
    }

    /// Whether a server is away.
    pub(crate) fn is_away(&self) -> bool {
        self.trouble() == Trouble::Away
    }

    /// Whether what failed may have been done.
    pub(crate) const fn may_be_done(&self) -> bool {
        matches!(self, Self::OutcomeUnknown(_))
    }
}

/// What a server says is in a value of some row is left out.
pub(super) fn in_words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

fn trouble_of(error: &tokio_postgres::Error) -> Trouble {
    // Without a word from the server it is the connection that has failed.
    let Some(code) = error.code() else { return Trouble::Away };
    match *code {
        SqlState::QUERY_CANCELED => Trouble::TooSlow,
        SqlState::LOCK_NOT_AVAILABLE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE => Trouble::Busy,
        SqlState::DISK_FULL | SqlState::OUT_OF_MEMORY => Trouble::Full,
        // Another server has taken over, and this one only gives copies.
        SqlState::TOO_MANY_CONNECTIONS | SqlState::READ_ONLY_SQL_TRANSACTION => Trouble::Away,
        _ if ["08", "57P"].iter().any(|class| code.code().starts_with(class)) => Trouble::Away,
        _ => Trouble::Wrong,
    }
}
