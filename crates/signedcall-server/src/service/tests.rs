//! What commands do beside a service of another version.

use super::*;
use crate::store::{LAYOUT, make_earlier};

#[test]
fn a_command_beside_a_newer_service_is_told_that_the_store_is_newer() {
    let data = tempfile::tempdir().expect("a directory");
    let store = data.path().join(STORE_FILE);
    drop(make_earlier(&store, LAYOUT as usize).expect("a new file"));
    let connection = rusqlite::Connection::open(&store).expect("a store");
    connection.pragma_update(None, "user_version", LAYOUT + 1).expect("a store");
    let _service = lock_data(data.path()).expect("nobody else");
    let refused = open_accounts(&Settings::on_loopback(data.path().to_owned())).expect_err("it is newer");
    assert!(matches!(refused, StartError::Store(StoreError::Newer { version, .. }) if version == LAYOUT + 1), "{refused}");
}

#[test]
fn a_command_beside_an_older_service_leaves_the_store_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let store = data.path().join(STORE_FILE);
    drop(make_earlier(&store, 7).expect("a new file"));
    let _service = lock_data(data.path()).expect("nobody else");
    let refused = open_accounts(&Settings::on_loopback(data.path().to_owned())).expect_err("it is older");
    assert!(matches!(refused, StartError::OlderRuns(_)), "{refused}");
    assert!(!Accounts::are_current(&Location::from(&store)).expect("a store"));
}

#[test]
fn a_command_waits_for_a_service_that_brings_the_store_up_to_date() {
    let data = tempfile::tempdir().expect("a directory");
    let store = data.path().join(STORE_FILE);
    drop(make_earlier(&store, 7).expect("a new file"));
    let _service = lock_data(data.path()).expect("nobody else");
    std::thread::scope(|scope| {
        let command = scope.spawn(|| open_accounts(&Settings::on_loopback(data.path().to_owned())));
        drop(Accounts::open(&store).expect("a store of before"));
        let opened = command.join().expect("no bug");
        assert!(opened.is_ok(), "{opened:?}");
    });
}
