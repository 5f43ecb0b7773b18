mod analytics;
mod pushes;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use signedcall_wire::{
    AccountId, CallId, Context, Cuid, DeviceId, DeviceName, EndReason, Endpoint, Environment, Invite, RunId, Timestamp, VoiceReport,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::backlog::Backlog;
use super::records::{Answering, Closing, Opening, commit};
use super::*;
use crate::hub::{AnsweredBy, CloseRecord, KeptAnswer, KeptEnd, KeptReport, NamedDevice, OpenRecord};

fn new_store() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.sqlite");
    (directory, path)
}

fn opening(call: u128) -> OpenRecord {
    let invite = Invite {
        call: CallId(Uuid::from_u128(call)),
        from: Cuid::new("courier_1").expect("a cuid"),
        endpoint: endpoint(1),
        from_name: Some("A courier".to_owned()),
        context: Context::new("Delivery").expect("a context"),
        initiator_image: None,
        receiver_image: None,
        transferred_by: None,
        ring_for_ms: 0,
    };
    OpenRecord {
        account: AccountId("parcelo".to_owned()),
        environment: Environment::Production,
        callee: Cuid::new("customer_1").expect("a cuid"),
        context: Context::new("Your order").expect("a context"),
        invite,
        instead_of: Some(CallId(Uuid::from_u128(99))),
        limit: Some(Duration::from_secs(60)),
        rings_on: vec![endpoint(2).device, endpoint(3).device],
        placed_at: Timestamp::from_millis(1_000),
    }
}

fn endpoint(device: u128) -> Endpoint {
    Endpoint { device: DeviceId(Uuid::from_u128(device)), run: RunId(Uuid::from_u128(7)) }
}

fn answer() -> KeptAnswer {
    let at = Timestamp::from_millis;
    KeptAnswer {
        by: endpoint(2),
        device_name: device(2, Some("desk")).name,
        at: at(4_000),
        connected_at: Some(at(4_500)),
        caller_holds: true,
        callee_holds: false,
        ends_at: Some(at(64_000)),
    }
}

fn device(id: u128, name: Option<&str>) -> NamedDevice {
    NamedDevice { id: DeviceId(Uuid::from_u128(id)), name: name.and_then(|name| DeviceName::new(name).ok()) }
}

fn closing(call: u128) -> CloseRecord {
    let at = Timestamp::from_millis;
    let answered = AnsweredBy { device: device(2, Some("desk")), at: at(4_000), connected_at: Some(at(4_500)) };
    let call = CallId(Uuid::from_u128(call));
    CloseRecord { call, answered: Some(answered), declined_by: None, ended_at: at(9_000), reason: EndReason::HungUp }
}

fn opened(call: u128, durable: bool) -> Written {
    Written::Opened { call: opening(call).invite.call, durable }
}

#[test]
fn a_record_is_written_opened_and_closed_once() {
    let (_directory, path) = new_store();
    let (records, mut written, _legacy) = Records::start(&path).expect("a new store");
    let now = SystemTime::now();
    records.open(opening(1), now);
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
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
    let (records, mut written, _legacy) = Records::start(&path).expect("a new store");
    for call in [1, 1, 2] {
        records.open(opening(call), SystemTime::now());
    }
    let outcomes: Vec<_> = std::iter::repeat_with(|| written.blocking_recv().expect("an outcome")).take(3).collect();
    assert_eq!(outcomes, [opened(1, true), opened(1, false), opened(2, true)]);
    records.finish();
    assert_eq!(read_records(&path).expect("a good store").len(), 2);
}

#[test]
fn what_was_left_open_goes_on_with_the_next_start() {
    let (_directory, path) = new_store();
    let (records, mut written, nothing) = Records::start(&path).expect("a new store");
    assert_eq!(nothing, Legacy::default());
    let now = SystemTime::now();
    let began = unix_millis(now);
    for call in 1..=4 {
        records.open(opening(call), now);
    }
    records.answer(opening(2).invite.call, answer(), now + Duration::from_secs(3));
    records.close(closing(3), now + Duration::from_secs(8));
    let declined = CloseRecord { answered: None, declined_by: Some(device(3, None)), reason: EndReason::Declined, ..closing(4) };
    records.close(declined, now + Duration::from_secs(9));
    records.finish();
    let outcomes: Vec<_> = std::iter::from_fn(|| written.blocking_recv()).collect();
    assert_eq!(outcomes.last(), Some(&Written::Answered { call: opening(2).invite.call }));

    let (records, _written, Legacy { open, ended }) = Records::start(&path).expect("the same store");
    let at = |milliseconds: i64| Timestamp::from_millis(u64::try_from(began + milliseconds).expect("after 1970"));
    let record = |call| OpenRecord { placed_at: at(0), ..opening(call) };
    let times = KeptAnswer { at: at(3_000), connected_at: Some(at(3_500)), ends_at: Some(at(63_000)), ..answer() };
    let expected = [OpenCall { record: record(1), answer: None }, OpenCall { record: record(2), answer: Some(times) }];
    assert_eq!(open, expected);
    let end = KeptEnd {
        call: opening(3).invite.call,
        account: opening(3).account,
        environment: Environment::Production,
        caller: (opening(3).invite.from, endpoint(1).device),
        callee: opening(3).callee,
        answered_by: Some(device(2, Some("desk"))),
        declined_by: None,
        ended_at: at(8_000),
        reason: EndReason::HungUp,
    };
    let declined = KeptEnd {
        call: opening(4).invite.call,
        answered_by: None,
        declined_by: Some(device(3, None)),
        ended_at: at(9_000),
        reason: EndReason::Declined,
        ..end.clone()
    };
    assert_eq!(ended, [end, declined]);
    records.finish();
}

#[test]
fn nothing_of_what_devices_were_shown_is_kept_once_a_call_is_over() {
    let (_directory, path) = new_store();
    let (records, _written, _legacy) = Records::start(&path).expect("a new store");
    records.open(opening(1), SystemTime::now());
    records.close(closing(1), SystemTime::now());
    records.finish();
    let file = rusqlite::Connection::open(&path).expect("the store");
    let kept: (Option<String>, Option<String>) =
        file.query_row("SELECT invite, rings_on FROM calls", [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a row");
    assert_eq!(kept, (None, None));
}

fn report(device: u128, cuid: &str, mos: u16) -> KeptReport {
    let OpenRecord { account, environment, invite, .. } = opening(1);
    let report = VoiceReport { seconds: 5, mos, ..VoiceReport::default() };
    KeptReport { call: invite.call, account, environment, cuid: Cuid::new(cuid).expect("a cuid"), device: endpoint(device).device, report }
}

#[test]
fn how_a_call_sounded_is_kept_once_for_each_side_and_only_from_who_talked() {
    let (_directory, path) = new_store();
    let (records, mut written, _legacy) = Records::start(&path).expect("a new store");
    let now = SystemTime::now();
    records.open(opening(1), now);
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    records.keep_report(report(1, "courier_1", 100));
    // Once this is written, so is what came before it.
    records.open(opening(2), now);
    assert_eq!(written.blocking_recv(), Some(opened(2, true)));
    records.answer(opening(1).invite.call, answer(), now);
    records.close(closing(1), now);
    records.keep_report(KeptReport { environment: Environment::Development, ..report(1, "courier_1", 101) });
    records.keep_report(report(3, "customer_1", 102));
    records.keep_report(report(2, "customer_2", 103));
    records.finish();
    let reports = |path: &PathBuf| {
        let record = read_records(path).expect("a good store").remove(0);
        [record.caller_report, record.callee_report].map(|report| report.map(|report| report.mos))
    };
    assert_eq!(reports(&path), [None, None], "before the answer there is nothing to say, and no other device or user talked");
    let (records, _written, _legacy) = Records::start(&path).expect("the same store");
    for mos in [410, 420] {
        records.keep_report(report(1, "courier_1", mos));
        records.keep_report(report(2, "customer_1", mos + 5));
    }
    records.finish();
    assert_eq!(reports(&path), [Some(410), Some(415)], "the first counts");
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
        let (records, _written, Legacy { open, .. }) = Records::start(&path).expect("the same store");
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
fn an_open_record_of_an_older_version_is_closed_as_an_internal_error() {
    let (_directory, path) = new_store();
    let (records, _written, _legacy) = Records::start(&path).expect("a new store");
    records.open(opening(1), SystemTime::now());
    records.finish();
    rusqlite::Connection::open(&path).and_then(|file| file.execute("UPDATE calls SET invite = NULL", [])).expect("a row");
    let (records, _written, Legacy { open, ended }) = Records::start(&path).expect("the same store");
    assert_eq!((open, ended), (vec![], vec![]));
    records.finish();
    let reasons: Vec<_> = read_records(&path).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::InternalError.number())]);
}

#[test]
fn a_record_that_cannot_be_written_fails_and_one_that_cannot_be_closed_is_closed_later() {
    let (_directory, path) = new_store();
    let (records, mut written, _legacy) = Records::start(&path).expect("a new store");
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    let file = rusqlite::Connection::open(&path).expect("the store");
    file.execute_batch("ALTER TABLE calls RENAME TO hidden").expect("nobody else writes");
    records.close(closing(1), SystemTime::now());
    records.open(opening(2), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(Written::NotOpened { call: opening(2).invite.call }));
    records.answer(opening(1).invite.call, answer(), SystemTime::now());
    let answered = Written::Answered { call: opening(1).invite.call };
    assert_eq!(written.blocking_recv(), Some(answered), "nobody waits for what cannot be written");
    file.execute_batch("ALTER TABLE hidden RENAME TO calls").expect("nobody else writes");
    records.finish();
    let reasons: Vec<_> = read_records(&path).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::HungUp.number())]);
}

#[test]
fn what_cannot_be_written_when_the_service_stops_is_tried_for_some_seconds_more() {
    let (_directory, path) = new_store();
    let (records, mut written, _legacy) = Records::start(&path).expect("a new store");
    let figures = records.figures();
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    let file = rusqlite::Connection::open(&path).expect("the store");
    file.execute_batch("ALTER TABLE calls RENAME TO hidden").expect("nobody else writes");
    records.close(closing(1), SystemTime::now());
    std::thread::scope(|scope| {
        let finish = scope.spawn(|| records.finish());
        while figures.failures() < 2 {
            std::thread::yield_now();
        }
        file.execute_batch("ALTER TABLE hidden RENAME TO calls").expect("nobody else writes");
        finish.join().expect("no bug");
    });
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
    let (records, _written, _legacy) = Records::start(&path).expect("a new store");
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
    let mut connection = schema::open(&path).expect("a new store");
    let (now, figures) = (SystemTime::now(), StoreFigures::default());
    let beginning = |call| Box::new(Opening { record: opening(call), placed_at: now, handed_in: Instant::now() });
    commit(&mut connection, &[beginning(1)], &Backlog::default(), &figures).expect("room");
    let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a number");
    let limit = |connection: &rusqlite::Connection, most: u32| {
        connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |row| row.get::<_, u32>(0)).expect("a limit")
    };
    assert_eq!(limit(&connection, pages), pages);

    let mut backlog = Backlog::default();
    backlog.answer(Answering { call: opening(1).invite.call, answer: answer(), answered_at: now });
    let many: Vec<_> = (2..200).map(beginning).collect();
    let full = commit(&mut connection, &many, &backlog, &figures).expect_err("there is no room for so many");
    assert_eq!(full.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull), "{full}");
    commit(&mut connection, &[], &backlog, &figures).expect("what is there can be changed");
    backlog.close(Closing { record: closing(1), ended_at: now });
    commit(&mut connection, &[], &backlog, &figures).expect("and ended");

    limit(&connection, 1_000_000);
    commit(&mut connection, &many, &Backlog::default(), &figures).expect("room again");
    drop(connection);
    let records = read_records(&path).expect("a good store");
    assert_eq!(records.len(), 199);
    assert_eq!(records.iter().filter(|record| record.end_reason.is_some()).count(), 1);
}
