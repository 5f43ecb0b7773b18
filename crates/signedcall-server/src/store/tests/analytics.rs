use signedcall_wire::{AnalyticsEvent, AnalyticsKind, RequestId, SessionId};

use super::schema::BUSY_FOR;
use super::*;
use crate::account;
use crate::hub::KeptEvents;
use crate::store::sql::params;
use crate::store::testing::{TestStore, on_each_store};

on_each_store![
    events_are_kept_once_for_each_device_and_only_of_the_user_s_own_calls,
    events_that_cannot_be_written_down_are_not_acknowledged,
    whoever_is_erased_from_a_record_is_erased_from_what_else_is_known_of_the_call,
];

fn told(call: u128, cuid: &str, device: u128, happened: AnalyticsKind) -> KeptEvents {
    let context = Context::new("Your order").expect("a context");
    KeptEvents {
        session: SessionId(Uuid::from_u128(1)),
        request: RequestId(Uuid::from_u128(2)),
        account: opening(call).account,
        environment: Environment::Production,
        cuid: Cuid::new(cuid).expect("a cuid"),
        device: endpoint(device).device,
        events: vec![AnalyticsEvent { call: opening(call).invite.call, happened, epoch: 1, context }],
    }
}

fn events_are_kept_once_for_each_device_and_only_of_the_user_s_own_calls(store: &TestStore) {
    let accounts = Accounts::open(store.at()).expect("a new store");
    let id = opening(1).account;
    account::add(&accounts, &Account { id: id.clone(), ..crate::demo::demo_account() }).expect("a new account");
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a store");
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    let end = AnalyticsKind::End { reason: EndReason::Busy };
    let mut elsewhere = told(1, "courier_1", 1, AnalyticsKind::Outgoing);
    elsewhere.environment = Environment::Development;
    for kept in [
        told(1, "courier_1", 1, AnalyticsKind::Outgoing),
        told(1, "courier_1", 1, AnalyticsKind::Outgoing),
        told(1, "customer_1", 2, AnalyticsKind::Incoming),
        told(1, "customer_1", 3, AnalyticsKind::Incoming),
        told(1, "customer_1", 3, end),
        told(1, "customer_1", 3, AnalyticsKind::Unknown),
        told(1, "somebody_1", 4, AnalyticsKind::Incoming),
        told(2, "courier_1", 1, AnalyticsKind::Outgoing),
        elsewhere,
    ] {
        let (session, request) = (kept.session, kept.request);
        records.keep_events(kept);
        assert_eq!(written.blocking_recv(), Some(Written::EventsKept { session, request, durable: true }));
    }
    let kept = account::analytics_events(&accounts, &id).expect("an account");
    let kept: Vec<_> = kept.iter().map(|kept| (kept.cuid.as_str(), kept.event.as_str(), kept.reason_code)).collect();
    let of_customer = [("customer_1", "SCIncoming", None), ("customer_1", "SCIncoming", None), ("customer_1", "SCEnd", Some(1001))];
    assert_eq!(kept, [&[("courier_1", "SCOutgoing", None)][..], &of_customer].concat());
}

fn events_that_cannot_be_written_down_are_not_acknowledged(store: &TestStore) {
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a new store");
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    store.run("ALTER TABLE analytics_events RENAME TO hidden");
    let kept = told(1, "courier_1", 1, AnalyticsKind::Outgoing);
    let (session, request) = (kept.session, kept.request);
    records.keep_events(kept);
    assert_eq!(written.blocking_recv(), Some(Written::EventsKept { session, request, durable: false }));
}

/// On a server nobody who writes is in the way.
#[test]
fn events_wait_for_nobody_who_writes_to_a_file_and_are_told_again() {
    let store = &TestStore::in_a_file();
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a new store");
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    let other = store.connect();
    let writes = other.begin().expect("a store");
    let kept = told(1, "courier_1", 1, AnalyticsKind::Outgoing);
    let (session, request) = (kept.session, kept.request);
    let begun = Instant::now();
    records.keep_events(kept.clone());
    assert_eq!(written.blocking_recv(), Some(Written::EventsKept { session, request, durable: false }));
    assert!(begun.elapsed() < BUSY_FOR / 2, "{:?}", begun.elapsed());
    // A call waits for whoever writes.
    records.open(opening(2), SystemTime::now());
    writes.commit().expect("a store");
    assert_eq!(written.blocking_recv(), Some(opened(2, true)));
    records.keep_events(kept);
    assert_eq!(written.blocking_recv(), Some(Written::EventsKept { session, request, durable: true }));
}

fn whoever_is_erased_from_a_record_is_erased_from_what_else_is_known_of_the_call(store: &TestStore) {
    let accounts = Accounts::open(store.at()).expect("a new store");
    let id = opening(1).account;
    account::add(&accounts, &Account { id: id.clone(), ..crate::demo::demo_account() }).expect("a new account");
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a store");
    for call in 1..=2 {
        records.open(opening(call), SystemTime::now());
        assert_eq!(written.blocking_recv(), Some(opened(call, true)));
        for kept in [told(call, "courier_1", 1, AnalyticsKind::Outgoing), told(call, "customer_1", 2, AnalyticsKind::Incoming)] {
            records.keep_events(kept);
            assert!(matches!(written.blocking_recv(), Some(Written::EventsKept { durable: true, .. })));
        }
    }
    let sql = store.connect();
    let first = opening(1).invite.call.to_string();
    sql.execute("UPDATE calls SET caller = 'erased', context = '' WHERE id = ?", params![first]).expect("a record");
    let kept = account::analytics_events(&accounts, &id).expect("an account");
    let kept: Vec<_> = kept.iter().map(|kept| (kept.call_id == first, kept.cuid.as_str(), kept.context.as_str())).collect();
    assert_eq!(kept, [(true, "customer_1", ""), (false, "courier_1", "Your order"), (false, "customer_1", "Your order")]);
    // What is told afterwards does not bring it back.
    for happened in [AnalyticsKind::Outgoing, AnalyticsKind::End { reason: EndReason::Busy }] {
        for (cuid, device) in [("courier_1", 1), ("customer_1", 2)] {
            records.keep_events(told(1, cuid, device, happened));
            assert!(matches!(written.blocking_recv(), Some(Written::EventsKept { durable: true, .. })));
        }
    }
    let about = "SELECT DISTINCT cuid || ' ' || context FROM analytics_events WHERE call = ?";
    assert_eq!(sql.query(about, params![first], |row| row.get::<String>(0)).expect("a store"), ["customer_1 "]);
    sql.execute("UPDATE calls SET callee = 'erased', context = '' WHERE id = ?", params![first]).expect("a record");
    assert_eq!(account::analytics_events(&accounts, &id).expect("an account").len(), 2);
}
