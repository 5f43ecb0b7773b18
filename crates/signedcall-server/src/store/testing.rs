//! Stores for tests: what holds of one kind of store is to hold of each.

#[path = "../../tests/rig/postgres.rs"]
pub(crate) mod postgres;

use tempfile::TempDir;

use self::postgres::Postgres;
use super::sql::Connection;
use super::{Location, Server};

/// A new store, which is gone with this.
#[derive(Debug)]
pub(crate) struct TestStore {
    location: Location,
    data: TempDir,
}

impl TestStore {
    pub(crate) fn in_a_file() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        Self { location: Location::from(&data.path().join("store.sqlite")), data }
    }

    /// In a database of its own on the server that all tests share.
    pub(crate) fn on_postgres() -> Self {
        Self::on(Postgres::shared())
    }

    pub(crate) fn on(server: &Postgres) -> Self {
        let location = Location::Server(Server::parse(&server.new_database()).expect("a server"));
        Self { location, data: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) const fn at(&self) -> &Location {
        &self.location
    }

    /// A directory that is the test's.
    pub(crate) fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    /// A connection of somebody else's. The store is there.
    pub(in crate::store) fn connect(&self) -> Connection {
        self.location.open_again().expect("a store")
    }

    /// Has somebody else carry statements out.
    pub(crate) fn run(&self, sql: &str) {
        self.connect().run(sql).expect(sql);
    }

    /// A number that a query finds.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.connect().query_one(query, &[], |row| row.get(0)).expect(query)
    }

    /// A text that a query finds.
    pub(crate) fn text(&self, query: &str) -> Option<String> {
        self.connect().query_one(query, &[], |row| row.get(0)).expect(query)
    }
}

/// Makes a test of each function for each kind of store, named after both. Each takes a `&TestStore`.
macro_rules! on_each_store {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $test() {
                super::$test(&$crate::store::testing::TestStore::in_a_file());
            })*
        }

        mod on_postgres {
            $(#[test]
            fn $test() {
                super::$test(&$crate::store::testing::TestStore::on_postgres());
            })*
        }
    };
}
pub(crate) use on_each_store;

/// The same for functions that wait.
macro_rules! on_each_store_at_once {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&$crate::store::testing::TestStore::in_a_file()).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&$crate::store::testing::TestStore::on_postgres()).await;
            })*
        }
    };
}
pub(crate) use on_each_store_at_once;
