//! What holds of a store in a file.

use super::*;
use crate::store::sql::Connection;

fn new_store() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.sqlite");
    (directory, path)
}

#[test]
fn a_store_of_each_earlier_version_gets_what_it_lacks_and_keeps_what_it_has() {
    for version in 1..LAYOUT as usize {
        let (_directory, path) = new_store();
        let earlier = make_earlier(&path, version).expect("a new file");
        let (call, device) = (Uuid::from_u128(1).to_string(), Uuid::from_u128(2).to_string());
        // What every version has had.
        earlier
            .execute(
                "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, ended_at_ms, end_reason)
                 VALUES (?1, 'parcelo', 'production', 'courier_1', ?2, 'customer_1', 'Your order', 1000, 5000, ?3)",
                (&call, &device, EndReason::HungUp.number()),
            )
            .expect("a row");
        earlier
            .execute(
                "INSERT INTO accounts (id, name, bg_color, font_color, logo, button_theme, relay_only, created_at_ms)
                 VALUES ('parcelo', 'Parcelo', '#000000', '#FFFFFF', NULL, 'light', 1, 1000)",
                (),
            )
            .expect("a row");
        drop(earlier);
        let records = read_records(&path).expect("a store that is brought up to date");
        let kept: Vec<_> = records.iter().map(|record| (record.end_reason, record.caller_report)).collect();
        assert_eq!(kept, [(Some(EndReason::HungUp.number()), None)], "version {version}");
        let (records, _written, Legacy { open, .. }) = Records::start(&path, None).expect("the same store");
        assert_eq!(open, vec![], "version {version}");
        records.open(opening(2), SystemTime::now());
        records.close(closing(2), SystemTime::now());
        records.keep_report(KeptReport { call: CallId(Uuid::from_u128(2)), ..report(1, "courier_1", 410) });
        records.finish();
        let reports = read_records(&path).expect("a good store").into_iter().map(|record| record.caller_report.map(|report| report.mos));
        assert_eq!(reports.collect::<Vec<_>>(), [None, Some(410)], "what is new can be written in a store of version {version}");
    }
}

#[test]
fn a_file_that_is_not_ours_is_refused_by_name_and_left_as_it_is() {
    let (_directory, path) = new_store();
    std::fs::write(
        &path,
        "Dear diary, today I was mistaken for a database. It is long enough to have a header of a hundred bytes, is it not?",
    )
    .expect("a file");
    let before = std::fs::read(&path).expect("the file");
    let refused = Accounts::open(&path).expect_err("a diary");
    assert!(matches!(refused, StoreError::Foreign(_)) && refused.to_string().contains("store.sqlite"), "{refused}");
    assert_eq!(std::fs::read(&path).expect("the file"), before);

    let (_directory, path) = new_store();
    rusqlite::Connection::open(&path).and_then(|file| file.execute_batch("CREATE TABLE diary (day)")).expect("another's database");
    let before = std::fs::read(&path).expect("the file");
    assert!(matches!(Accounts::open(&path), Err(StoreError::Foreign(_))));
    assert_eq!(std::fs::read(&path).expect("the file"), before);
}

#[test]
fn a_damaged_file_and_one_of_a_newer_version_are_refused_by_name() {
    let (_directory, path) = new_store();
    drop(Accounts::open(&path).expect("a new store"));
    let newer = rusqlite::Connection::open(&path).expect("the store");
    newer.pragma_update(None, "user_version", 99).expect("a version");
    drop(newer);
    let refused = Accounts::open(&path).expect_err("a newer one");
    assert!(matches!(refused, StoreError::Newer { version: 99, .. }) && refused.to_string().contains("store.sqlite"), "{refused}");

    let mut bytes = std::fs::read(&path).expect("the file");
    let page = 4096;
    bytes[page..].fill(0x5A);
    let (_directory, path) = new_store();
    std::fs::write(&path, bytes).expect("a file");
    let refused = Accounts::open(&path).expect_err("a damaged one");
    assert!(matches!(refused, StoreError::Damaged { .. }) && refused.to_string().contains("store.sqlite"), "{refused}");
}

#[test]
fn a_store_that_is_up_to_date_is_opened_while_another_process_writes() {
    let (_directory, path) = new_store();
    drop(Accounts::open(&path).expect("a new store"));
    let mut writer = rusqlite::Connection::open(&path).expect("the store");
    let writing = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).expect("nobody else writes");
    assert!(Accounts::open(&path).expect("no need to write").list().expect("readable").is_empty());
    writing.rollback().expect("a transaction");
}

#[test]
fn nobody_else_on_the_machine_may_read_the_store() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = new_store();
    let (records, _written, _legacy) = Records::start(&path, None).expect("a new store");
    records.open(opening(1), SystemTime::now());
    for entry in std::fs::read_dir(directory.path()).expect("a directory") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.metadata().expect("a file").permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
    records.finish();
}

#[test]
fn a_full_store_takes_nothing_new_and_has_nothing_by_halves_and_goes_on_when_there_is_room() {
    let (_directory, path) = new_store();
    let connection = Location::from(&path).open().expect("a new store");
    let (now, figures) = (SystemTime::now(), StoreFigures::default());
    let beginning = |call| Box::new(Opening { record: opening(call), placed_at: now, handed_in: Instant::now() });
    commit(&connection, None, &[beginning(1)], &Backlog::default(), &figures).expect("room");
    let pages: u32 = connection.query_one("PRAGMA page_count", &[], |row| row.get(0)).expect("a number");
    let limit = |connection: &Connection, most: u32| {
        connection.query_one(&format!("PRAGMA max_page_count = {most}"), &[], |row| row.get::<u32>(0)).expect("a limit")
    };
    assert_eq!(limit(&connection, pages), pages);

    let mut backlog = Backlog::default();
    backlog.answer(Answering { call: opening(1).invite.call, answer: answer(), answered_at: now });
    let many: Vec<_> = (2..200).map(beginning).collect();
    let full = commit(&connection, None, &many, &backlog, &figures).expect_err("there is no room for so many");
    assert_eq!(full.trouble(), Trouble::Full, "{full}");
    commit(&connection, None, &[], &backlog, &figures).expect("what is there can be changed");
    backlog.close(Closing { record: closing(1), ended_at: now });
    commit(&connection, None, &[], &backlog, &figures).expect("and ended");

    limit(&connection, 1_000_000);
    commit(&connection, None, &many, &Backlog::default(), &figures).expect("room again");
    drop(connection);
    let records = read_records(&path).expect("a good store");
    assert_eq!(records.len(), 199);
    assert_eq!(records.iter().filter(|record| record.end_reason.is_some()).count(), 1);
}
