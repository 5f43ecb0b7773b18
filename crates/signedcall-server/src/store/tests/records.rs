//! What holds of the records of calls in every store.

use super::*;
use crate::store::testing::{TestStore, on_each_store};

on_each_store![
    a_record_is_written_opened_and_closed_once,
    the_id_of_an_earlier_call_is_not_taken_again_and_the_others_of_the_same_commit_are,
    what_was_left_open_goes_on_with_the_next_start,
    where_a_call_has_come_to_ring_is_known_to_the_next_service,
    nothing_of_what_devices_were_shown_is_kept_once_a_call_is_over,
    how_a_call_sounded_is_kept_once_for_each_side_and_only_from_who_talked,
    an_open_record_of_an_older_version_is_closed_as_an_internal_error,
    a_record_that_cannot_be_written_fails_and_one_that_cannot_be_closed_is_closed_later,
    what_cannot_be_written_when_the_service_stops_is_tried_for_some_seconds_more,
];

fn a_record_is_written_opened_and_closed_once(store: &TestStore) {
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a new store");
    let now = SystemTime::now();
    records.open(opening(1), now);
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    let open = read_records(store.at()).expect("a good store");
    assert_eq!(open.iter().map(|record| (record.ended_at_ms, record.end_reason)).collect::<Vec<_>>(), [(None, None)]);
    records.close(closing(1), now);
    records.close(CloseRecord { reason: EndReason::Busy, ..closing(1) }, now);
    records.finish();
    let closed = read_records(store.at()).expect("a good store").remove(0);
    let ms = unix_millis(now);
    assert_eq!((closed.answered_at_ms, closed.connected_at_ms, closed.ended_at_ms), (Some(ms - 5_000), Some(ms - 4_500), Some(ms)));
    assert_eq!(closed.end_reason, Some(EndReason::HungUp.number()), "the first end counts");
}

fn the_id_of_an_earlier_call_is_not_taken_again_and_the_others_of_the_same_commit_are(store: &TestStore) {
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a new store");
    for call in [1, 1, 2] {
        records.open(opening(call), SystemTime::now());
    }
    let outcomes: Vec<_> = std::iter::repeat_with(|| written.blocking_recv().expect("an outcome")).take(3).collect();
    assert_eq!(outcomes, [opened(1, true), opened(1, false), opened(2, true)]);
    records.finish();
    assert_eq!(read_records(store.at()).expect("a good store").len(), 2);
}

fn what_was_left_open_goes_on_with_the_next_start(store: &TestStore) {
    let (records, mut written, nothing) = Records::start(store.at(), None).expect("a new store");
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

    let (records, _written, Legacy { open, ended }) = Records::start(store.at(), None).expect("the same store");
    let at = |milliseconds: i64| Timestamp::from_millis(u64::try_from(began + milliseconds).expect("after 1970"));
    let record = |call| OpenRecord { placed_at: at(0), ..opening(call) };
    let times = KeptAnswer { at: at(3_000), connected_at: Some(at(3_500)), ends_at: Some(at(63_000)), ..answer() };
    let call = |number, answer| OpenCall { record: record(number), answer, settled: vec![] };
    let expected = [call(1, None), call(2, Some(times))];
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

fn nothing_of_what_devices_were_shown_is_kept_once_a_call_is_over(store: &TestStore) {
    let (records, _written, _legacy) = Records::start(store.at(), None).expect("a new store");
    records.open(opening(1), SystemTime::now());
    records.close(closing(1), SystemTime::now());
    records.note_ringing(opening(1).invite.call, vec![endpoint(2).device]);
    records.finish();
    let kept = ["invite", "rings_on"].map(|column| store.text(&format!("SELECT {column} FROM calls")));
    assert_eq!(kept, [None, None]);
}

fn where_a_call_has_come_to_ring_is_known_to_the_next_service(store: &TestStore) {
    let (records, _written, _legacy) = Records::start(store.at(), None).expect("a new store");
    let rings_on = [2, 3, 4].map(|device| endpoint(device).device).to_vec();
    records.open(opening(1), SystemTime::now());
    records.note_ringing(opening(1).invite.call, rings_on.clone());
    records.finish();
    let (records, _written, Legacy { open, .. }) = Records::start(store.at(), None).expect("the same store");
    assert_eq!(open.into_iter().map(|call| call.record.rings_on).collect::<Vec<_>>(), [rings_on]);
    records.finish();
}

fn how_a_call_sounded_is_kept_once_for_each_side_and_only_from_who_talked(store: &TestStore) {
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a new store");
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
    let reports = || {
        let record = read_records(store.at()).expect("a good store").remove(0);
        [record.caller_report, record.callee_report].map(|report| report.map(|report| report.mos))
    };
    assert_eq!(reports(), [None, None], "before the answer there is nothing to say, and no other device or user talked");
    let (records, _written, _legacy) = Records::start(store.at(), None).expect("the same store");
    for mos in [410, 420] {
        records.keep_report(report(1, "courier_1", mos));
        records.keep_report(report(2, "customer_1", mos + 5));
    }
    records.finish();
    assert_eq!(reports(), [Some(410), Some(415)], "the first counts");
}

fn an_open_record_of_an_older_version_is_closed_as_an_internal_error(store: &TestStore) {
    let (records, _written, _legacy) = Records::start(store.at(), None).expect("a new store");
    records.open(opening(1), SystemTime::now());
    records.finish();
    store.run("UPDATE calls SET invite = NULL");
    let (records, _written, Legacy { open, ended }) = Records::start(store.at(), None).expect("the same store");
    assert_eq!((open, ended), (vec![], vec![]));
    records.finish();
    let reasons: Vec<_> = read_records(store.at()).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::InternalError.number())]);
}

fn a_record_that_cannot_be_written_fails_and_one_that_cannot_be_closed_is_closed_later(store: &TestStore) {
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a new store");
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    store.run("ALTER TABLE calls RENAME TO hidden");
    records.close(closing(1), SystemTime::now());
    records.open(opening(2), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(Written::NotOpened { call: opening(2).invite.call }));
    records.answer(opening(1).invite.call, answer(), SystemTime::now());
    let answered = Written::Answered { call: opening(1).invite.call };
    assert_eq!(written.blocking_recv(), Some(answered), "nobody waits for what cannot be written");
    store.run("ALTER TABLE hidden RENAME TO calls");
    records.finish();
    let reasons: Vec<_> = read_records(store.at()).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::HungUp.number())]);
}

fn what_cannot_be_written_when_the_service_stops_is_tried_for_some_seconds_more(store: &TestStore) {
    let figures = Arc::<StoreFigures>::default();
    let (records, mut written, _legacy) = Records::start_beside(store.at(), None, (&figures, &Arc::default())).expect("a new store");
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    store.run("ALTER TABLE calls RENAME TO hidden");
    records.close(closing(1), SystemTime::now());
    std::thread::scope(|scope| {
        let finish = scope.spawn(|| records.finish());
        while figures.failures() < 2 {
            std::thread::yield_now();
        }
        store.run("ALTER TABLE hidden RENAME TO calls");
        finish.join().expect("no bug");
    });
    let reasons: Vec<_> = read_records(store.at()).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::HungUp.number())]);
}
