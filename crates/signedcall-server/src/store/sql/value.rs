//! What is given with a statement, by its type also where it is null: a server wants to know it before.

use rusqlite::types::{ToSqlOutput, ValueRef};

/// A value as stores know it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Value<'a> {
    Integer(Option<i64>),
    Text(Option<&'a str>),
    Blob(Option<&'a [u8]>),
}

/// What can be given with a statement.
pub(in crate::store) trait Parameter {
    fn value(&self) -> Value<'_>;
}

/// What may also be missing.
pub(in crate::store) trait Optional: Parameter {
    const MISSING: Value<'static>;
}

/// Values for a statement, in the order of its question marks.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::store::sql::Parameter),*] as &[&dyn $crate::store::sql::Parameter]
    };
}
pub(in crate::store) use params;

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Parameter for $integer {
            fn value(&self) -> Value<'_> {
                Value::Integer(Some(i64::from(*self)))
            }
        }

        impl Optional for $integer {
            const MISSING: Value<'static> = Value::Integer(None);
        }
    )*};
}

integers!(bool, u8, u16, i16, u32, i32, i64);

impl Parameter for str {
    fn value(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl Parameter for String {
    fn value(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl Optional for String {
    const MISSING: Value<'static> = Value::Text(None);
}

impl Optional for &str {
    const MISSING: Value<'static> = Value::Text(None);
}

impl Parameter for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Blob(Some(self))
    }
}

impl<const N: usize> Parameter for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Blob(Some(self))
    }
}

impl Parameter for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Blob(Some(self))
    }
}

impl<T: Parameter + ?Sized> Parameter for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: Optional> Parameter for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(T::MISSING, Parameter::value)
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Integer(value) => value.map_or(ValueRef::Null, ValueRef::Integer),
            Self::Text(value) => value.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
            Self::Blob(value) => value.map_or(ValueRef::Null, ValueRef::Blob),
        }))
    }
}
