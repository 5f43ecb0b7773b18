use std::path::PathBuf;
use std::time::SystemTime;

use signedcall_wire::{AccountId, CallId, Context, Cuid, DeviceId, EndReason, Environment, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::hub::{AnsweredBy, CloseRecord, OpenRecord};

fn new_store() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.sqlite");
    (directory, path)
}

fn opening(call: u128) -> OpenRecord {
    OpenRecord {
        call: CallId(Uuid::from_u128(call)),
        account: AccountId("parcelo".to_owned()),
        environment: Environment::Production,
        caller: Cuid::new("courier_1").expect("a cuid"),
        caller_device: DeviceId(Uuid::from_u128(1)),
        callee: Cuid::new("customer_1").expect("a cuid"),
        context: Context::new("Your order").expect("a context"),
        placed_at: Timestamp::from_millis(1_000),
    }
}

fn closing(call: u128) -> CloseRecord {
    let at = Timestamp::from_millis;
    let answered = AnsweredBy { device: DeviceId(Uuid::from_u128(2)), at: at(4_000), connected_at: Some(at(4_500)) };
    CloseRecord { call: CallId(Uuid::from_u128(call)), answered: Some(answered), ended_at: at(9_000), reason: EndReason::HungUp }
}

#[test]
fn a_record_is_written_opened_and_closed_once() {
    let (_directory, path) = new_store();
    let (records, mut written) = Records::start(&path).expect("a new store");
    let now = SystemTime::now();
    records.open(opening(1), now);
    assert_eq!(written.blocking_recv(), Some(Written { call: opening(1).call, durable: true }));
    let open = read_records(&path).expect("a good store");
    assert_eq!(open.iter().map(|record| (record.ended_at_ms, record.end_reason)).collect::<Vec<_>>(), [(None, None)]);
    records.close(closing(1), now);
    records.close(CloseRecord { reason: EndReason::Busy, ..closing(1) }, now);
    records.finish();
    let closed = read_records(&path).expect("a good store").remove(0);
    let ms = unix_millis(now);
    assert_eq!((closed.answered_at_ms, closed.connected_at_ms, closed.ended_at_ms), (Some(ms - 5_000), Some(ms - 4_500), Some(ms)));
    assert_eq!(closed.end_reason, Some(EndReason::HungUp.number()), "the first end counts");
}

#[test]
fn the_id_of_an_earlier_call_is_not_taken_again_and_the_others_of_the_same_commit_are() {
    let (_directory, path) = new_store();
    let (records, mut written) = Records::start(&path).expect("a new store");
    for call in [1, 1, 2] {
        records.open(opening(call), SystemTime::now());
    }
    let outcomes: Vec<_> = std::iter::repeat_with(|| written.blocking_recv().expect("an outcome").durable).take(3).collect();
    assert_eq!(outcomes, [true, false, true]);
    records.finish();
    assert_eq!(read_records(&path).expect("a good store").len(), 2);
}

#[test]
fn what_was_left_open_is_closed_as_an_internal_error_by_the_end_and_by_the_next_start() {
    let (_directory, path) = new_store();
    let (records, _written) = Records::start(&path).expect("a new store");
    records.open(opening(1), SystemTime::now());
    records.finish();
    let reasons = || read_records(&path).expect("a good store").into_iter().map(|record| record.end_reason).collect::<Vec<_>>();
    let internal = Some(EndReason::InternalError.number());
    assert_eq!(reasons(), [internal]);
    rusqlite::Connection::open(&path)
        .and_then(|file| file.execute("UPDATE calls SET ended_at_ms = NULL, end_reason = NULL", []))
        .expect("a row");
    assert_eq!(reasons(), [None]);
    Records::start(&path).expect("the same store").0.finish();
    assert_eq!(reasons(), [internal]);
}

#[test]
fn a_record_that_cannot_be_written_fails_and_one_that_cannot_be_closed_is_closed_later() {
    let (_directory, path) = new_store();
    let (records, mut written) = Records::start(&path).expect("a new store");
    records.open(opening(1), SystemTime::now());
    assert!(written.blocking_recv().is_some_and(|outcome| outcome.durable));
    let file = rusqlite::Connection::open(&path).expect("the store");
    file.execute_batch("ALTER TABLE calls RENAME TO hidden").expect("nobody else writes");
    records.close(closing(1), SystemTime::now());
    records.open(opening(2), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(Written { call: opening(2).call, durable: false }));
    file.execute_batch("ALTER TABLE hidden RENAME TO calls").expect("nobody else writes");
    records.finish();
    let reasons: Vec<_> = read_records(&path).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::HungUp.number())]);
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
    let (records, _written) = Records::start(&path).expect("a new store");
    records.open(opening(1), SystemTime::now());
    for entry in std::fs::read_dir(directory.path()).expect("a directory") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.metadata().expect("a file").permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
    records.finish();
}
