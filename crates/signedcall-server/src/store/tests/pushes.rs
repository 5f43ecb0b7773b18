//! Where devices are reached by push, and what is to be pushed to them.

use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, CallId, Cuid, DeviceId, Environment, PushService, PushTarget, Redacted, RequestId, SessionId};
use uuid::Uuid;

use super::*;
use crate::hub::{ForgetPush, KeepPush, NewPush, Reach};
use crate::push::Next;
use crate::store::testing::{TestStore, on_each_store};
use crate::store::{DuePush, Pushes, PutPush, TriedPush};

on_each_store![
    a_push_is_put_down_once_for_each_call_and_device_also_after_it_was_brought,
    what_failed_is_due_again_later_and_what_is_under_way_is_not,
    a_device_that_is_gone_is_forgotten_unless_it_has_said_another_place_meanwhile,
    nothing_is_sent_to_who_has_signed_out_or_is_erased,
];

const CALL: CallId = CallId(Uuid::from_u128(0xCA11));
const DEVICE: DeviceId = DeviceId(Uuid::from_u128(1));

/// A store with an account, a call that rings, and a device that is reached by push.
struct Kept {
    accounts: Accounts,
    pushes: Pushes,
}

impl Kept {
    fn new(store: &TestStore) -> Self {
        let accounts = Accounts::open(store.at()).expect("a new store");
        crate::account::add(&accounts, &crate::demo::demo_account()).expect("a new account");
        store.run(&format!(
            "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms)
             VALUES ('{CALL}', 'demo', 'development', 'courier_1', '', 'courier_2', '', 1)"
        ));
        let kept = Self { accounts, pushes: Pushes::open(store.at()).expect("a store") };
        kept.keep("https://push.example/1");
        kept
    }

    fn keep(&self, endpoint: &str) {
        let (session, request) = (SessionId(Uuid::nil()), RequestId(Uuid::nil()));
        let by = PushService::WebPush { endpoint: Redacted::new(endpoint.to_owned()) };
        let target = Some(PushTarget { by, p256dh: String::new(), auth: Redacted::default() });
        let (account, cuid) = (AccountId("demo".to_owned()), cuid());
        let keep = KeepPush { session, request, account, environment: Environment::Development, cuid, device: DEVICE, target };
        self.pushes.keep(&keep).expect("a store");
    }

    fn put(&self) -> PutPush {
        let expires_at_ms = u64::try_from(unix_millis(SystemTime::now() + Duration::from_secs(35))).expect("after 1970");
        let (account, cuid) = (AccountId("demo".to_owned()), cuid());
        let new = NewPush { call: CALL, account, environment: Environment::Development, cuid, device: DEVICE, expires_at_ms };
        self.pushes.put(&new).expect("a store")
    }

    fn forget(&self, logged_out: bool) {
        let (account, cuid) = (AccountId("demo".to_owned()), cuid());
        let forget = ForgetPush { account, environment: Environment::Development, cuid, device: DEVICE, logged_out };
        self.pushes.forget(&forget).expect("a store");
    }

    fn due(&self) -> Vec<DuePush> {
        self.pushes.due(SystemTime::now(), 10, |_| true).expect("a store")
    }

    fn reach(&self) -> Vec<Reach> {
        self.pushes.known().expect("a store").into_iter().map(|(_, _, reach)| reach).collect()
    }

    fn write(&self, next: Next) -> bool {
        let due = self.due().pop().expect("it is due");
        self.pushes.write(&TriedPush { due, next }, SystemTime::now()).expect("a store")
    }
}

fn cuid() -> Cuid {
    Cuid::new("courier_2").expect("a cuid")
}

fn a_push_is_put_down_once_for_each_call_and_device_also_after_it_was_brought(store: &TestStore) {
    let kept = Kept::new(store);
    assert_eq!((kept.put(), kept.put()), (PutPush::Put, PutPush::Known));
    assert!(!kept.write(Next::Done));
    assert_eq!((kept.put(), kept.due()), (PutPush::Known, vec![]));
    kept.pushes.settle(&CALL.to_string(), DEVICE).expect("a store");
    assert_eq!(kept.put(), PutPush::Put, "another service has said that nobody rings");
}

fn what_failed_is_due_again_later_and_what_is_under_way_is_not(store: &TestStore) {
    let kept = Kept::new(store);
    kept.put();
    let under_way: Vec<i64> = kept.due().iter().map(|due| due.number).collect();
    assert_eq!(kept.pushes.due(SystemTime::now(), 10, |due| !under_way.contains(&due.number)).expect("a store"), []);
    kept.write(Next::Again { after: Duration::from_secs(8) });
    assert_eq!(kept.due(), []);
    let later = SystemTime::now() + Duration::from_secs(9);
    let due = kept.pushes.due(later, 10, |_| true).expect("a store");
    assert_eq!(due.iter().map(|due| due.tries).collect::<Vec<_>>(), [1]);
    let too_late = SystemTime::now() + Duration::from_secs(36);
    assert_eq!(kept.pushes.due(too_late, 10, |_| true).expect("a store"), [], "its call does not ring any more");
    assert_eq!(kept.pushes.let_go(too_late).expect("a store"), 1);
}

fn a_device_that_is_gone_is_forgotten_unless_it_has_said_another_place_meanwhile(store: &TestStore) {
    let kept = Kept::new(store);
    kept.put();
    let due = kept.due().pop().expect("it is due");
    kept.keep("https://push.example/2");
    let gone = TriedPush { due, next: Next::Gone };
    assert!(!kept.pushes.write(&gone, SystemTime::now()).expect("a store"));
    assert_eq!(kept.reach(), [Reach::Push]);
    kept.pushes.settle(&CALL.to_string(), DEVICE).expect("a store");
    kept.put();
    assert!(kept.write(Next::Gone));
    assert_eq!((kept.reach(), kept.put()), (vec![], PutPush::Nowhere));
}

fn nothing_is_sent_to_who_has_signed_out_or_is_erased(store: &TestStore) {
    let kept = Kept::new(store);
    kept.put();
    kept.forget(true);
    assert_eq!((kept.reach(), kept.due(), kept.put()), (vec![Reach::LoggedOut], vec![], PutPush::Nowhere));
    kept.forget(false);
    assert_eq!(kept.reach(), []);
    kept.keep("https://push.example/1");
    let (account, now) = (AccountId("demo".to_owned()), SystemTime::now());
    kept.accounts.ask_to_erase(&account, Environment::Development, &cuid(), "erased_1", now).expect("a store");
    assert_eq!((kept.reach(), kept.put()), (vec![], PutPush::Nowhere));
}
