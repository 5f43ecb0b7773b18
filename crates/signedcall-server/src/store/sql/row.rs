use rusqlite::types::ValueRef;
use tokio_postgres::types::{FromSql, Type};

use super::SqlError;

/// A row of an answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

/// What is in one column of a row.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Cell<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl Row<'_> {
    /// Reads a column, counted from nought.
    pub(in crate::store) fn get<T: Column>(&self, column: usize) -> super::Result<T> {
        let cell = match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text).map_err(|_| SqlError::Unreadable(column))?),
                ValueRef::Blob(bytes) => Cell::Blob(bytes),
                // No table has any.
                ValueRef::Real(_) => return Err(SqlError::Unreadable(column)),
            },
            Self::Postgres(row) => row.try_get(column)?,
        };
        T::read(cell).ok_or(SqlError::Unreadable(column))
    }
}

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *kind {
            Type::BOOL => Self::Integer(bool::from_sql(kind, raw)?.into()),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::BYTEA => Self::Blob(raw),
            _ => Self::Text(FromSql::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::BOOL | Type::INT4 | Type::INT8 | Type::BYTEA | Type::TEXT)
    }
}

/// What can be read from a column.
pub(in crate::store) trait Column: Sized {
    /// `None` for what is something else.
    fn read(cell: Cell<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Column for $integer {
            fn read(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    Cell::Integer(number) => number.try_into().ok(),
                    Cell::Null | Cell::Text(_) | Cell::Blob(_) => None,
                }
            }
        }
    )*};
}

integers!(u8, u16, u32, i64);

/// A flag is an integer.
impl Column for bool {
    fn read(cell: Cell<'_>) -> Option<Self> {
        i64::read(cell).map(|number| number != 0)
    }
}

impl Column for String {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.to_owned()),
            Cell::Null | Cell::Integer(_) | Cell::Blob(_) => None,
        }
    }
}

impl Column for Vec<u8> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Blob(bytes) => Some(bytes.to_owned()),
            Cell::Null | Cell::Integer(_) | Cell::Text(_) => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            Cell::Integer(_) | Cell::Text(_) | Cell::Blob(_) => T::read(cell).map(Some),
        }
    }
}
