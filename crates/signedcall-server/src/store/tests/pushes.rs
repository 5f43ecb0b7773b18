//! Where devices are reached by push, and what is to be pushed to them.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, CallId, Cuid, DeviceId, Environment, PushService, PushTarget, Redacted, RequestId, SessionId};
use uuid::Uuid;

use super::*;
use crate::hub::{Basis, ForgetPush, KeepPush, KeyId, NewPush, Reach, RenewPush};
use crate::push::Next;
use crate::store::pushes::settled_pushes;
use crate::store::testing::{TestStore, on_each_store};
use crate::store::{DuePush, Most, Pushes, PutPush, TriedPush, WrittenPush};
use crate::tokens::{TokenAlgorithm, TokenKey};

on_each_store![
    a_push_is_put_down_once_for_each_call_and_device_also_after_it_was_brought,
    what_failed_is_due_again_later_and_what_is_under_way_is_not,
    a_device_that_is_gone_is_forgotten_unless_it_has_said_another_place_meanwhile,
    nothing_is_sent_to_who_has_signed_out_or_is_erased,
    what_is_settled_stays_so_and_is_known_to_the_next_service,
    a_device_that_has_said_where_it_is_after_it_was_gone_is_not_forgotten,
    nothing_is_sent_by_a_right_that_is_withdrawn_nor_to_who_is_blocked,
    one_user_hides_nobody_s_pushes,
    what_one_service_has_taken_no_other_sends,
];

const MOST: Most = Most { of_user: 10, of_account: 20 };

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
        let by = by_key();
        let keep = KeepPush { session, request, account, environment: Environment::Development, cuid, device: DEVICE, target, by };
        self.pushes.keep(&keep).expect("a store");
    }

    fn renew(&self, by: Basis) {
        let (account, cuid) = (AccountId("demo".to_owned()), cuid());
        let renew = RenewPush { account, environment: Environment::Development, cuid, device: DEVICE, by };
        self.pushes.renew(&renew).expect("a store");
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
        self.pushes.due(SystemTime::now(), MOST, &BTreeSet::new()).expect("a store")
    }

    fn reach(&self) -> Vec<Reach> {
        self.pushes.known(None).expect("a store").into_iter().map(|(_, _, reach)| reach).collect()
    }

    fn write(&self, next: Next) -> WrittenPush {
        let due = self.due().pop().expect("it is due");
        self.pushes.write(&TriedPush { due, next }, SystemTime::now()).expect("a store")
    }
}

const GONE: Next = Next::Gone { since_ms: None };

fn by_key() -> Basis {
    Basis::ApiKey(KeyId("key".to_owned()))
}

fn cuid() -> Cuid {
    Cuid::new("courier_2").expect("a cuid")
}

fn a_push_is_put_down_once_for_each_call_and_device_also_after_it_was_brought(store: &TestStore) {
    let kept = Kept::new(store);
    assert_eq!((kept.put(), kept.put()), (PutPush::Put, PutPush::Known));
    assert_eq!(kept.write(Next::Done), WrittenPush::Written);
    assert_eq!((kept.put(), kept.due()), (PutPush::Known, vec![]));
}

fn what_failed_is_due_again_later_and_what_is_under_way_is_not(store: &TestStore) {
    let kept = Kept::new(store);
    kept.put();
    let under_way = kept.due().iter().map(|due| due.number).collect();
    assert_eq!(kept.pushes.due(SystemTime::now(), MOST, &under_way).expect("a store"), []);
    kept.write(Next::Again { after: Duration::from_secs(8) });
    assert_eq!(kept.due(), []);
    let later = SystemTime::now() + Duration::from_secs(9);
    let due = kept.pushes.due(later, MOST, &BTreeSet::new()).expect("a store");
    assert_eq!(due.iter().map(|due| due.tries).collect::<Vec<_>>(), [1]);
    let too_late = SystemTime::now() + Duration::from_secs(36);
    assert_eq!(kept.pushes.due(too_late, MOST, &BTreeSet::new()).expect("a store"), [], "its call does not ring any more");
    assert_eq!(kept.pushes.let_go(too_late).expect("a store"), 1);
}

fn a_device_that_is_gone_is_forgotten_unless_it_has_said_another_place_meanwhile(store: &TestStore) {
    let kept = Kept::new(store);
    kept.put();
    let due = kept.due().pop().expect("it is due");
    kept.keep("https://push.example/2");
    let gone = TriedPush { due, next: GONE };
    assert_eq!(kept.pushes.write(&gone, SystemTime::now()).expect("a store"), WrittenPush::Written);
    assert_eq!((kept.reach(), kept.put()), (vec![Reach::Push(by_key())], PutPush::Settled));
    store.run("DELETE FROM pushes");
    kept.put();
    assert_eq!(kept.write(GONE), WrittenPush::Forgotten);
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

fn what_is_settled_stays_so_and_is_known_to_the_next_service(store: &TestStore) {
    let kept = Kept::new(store);
    let settled = || settled_pushes(&store.connect(), &CALL.to_string()).expect("a store");
    kept.put();
    let due = kept.due().pop().expect("it is due");
    assert_eq!(settled(), []);
    kept.pushes.settle(&CALL.to_string(), DEVICE).expect("a store");
    // It was under way when its call ended.
    let again = TriedPush { due, next: Next::Again { after: Duration::ZERO } };
    assert_eq!(kept.pushes.write(&again, SystemTime::now()).expect("a store"), WrittenPush::Over);
    assert_eq!((kept.put(), kept.due(), settled()), (PutPush::Settled, vec![], vec![DEVICE]));
    let later = SystemTime::now() + Duration::from_secs(36);
    assert_eq!((kept.pushes.let_go(later).expect("a store"), settled()), (0, vec![]), "nobody has to be told");
    kept.put();
    assert_eq!((kept.write(Next::GiveUp), settled()), (WrittenPush::Written, vec![DEVICE]));
    assert_eq!(kept.put(), PutPush::Settled);
}

fn a_device_that_has_said_where_it_is_after_it_was_gone_is_not_forgotten(store: &TestStore) {
    let kept = Kept::new(store);
    kept.put();
    let kept_at = store.number("SELECT kept_at_ms FROM push_targets");
    assert_eq!(kept.write(Next::Gone { since_ms: Some(kept_at - 1) }), WrittenPush::Written);
    assert_eq!(kept.reach(), [Reach::Push(by_key())]);
    store.run("DELETE FROM pushes");
    kept.put();
    assert_eq!(kept.write(Next::Gone { since_ms: Some(kept_at) }), WrittenPush::Forgotten);
    assert_eq!(kept.reach(), []);
}

fn nothing_is_sent_by_a_right_that_is_withdrawn_nor_to_who_is_blocked(store: &TestStore) {
    let kept = Kept::new(store);
    let (account, environment) = (AccountId("demo".to_owned()), Environment::Development);
    store.run(
        "INSERT INTO api_keys (id, account, environment, key_hash, named, created_at_ms) VALUES ('key', 'demo', 'development', '', 1, 0)",
    );
    let register = |kids: &[&str]| {
        let key = |kid: &&str| TokenKey { kid: (*kid).to_owned(), algorithm: TokenAlgorithm::EdDsa, public_key: vec![1] };
        let keys: Vec<_> = kids.iter().map(key).collect();
        kept.accounts.set_token_keys(&account, environment, &keys).expect("a store");
    };
    register(&["one", "two"]);
    let known = kept.accounts.token_keys(&account).expect("a store").expect("an account");
    let [one, two] = [0, 1].map(|index| Basis::TokenKey(known[index].id));
    kept.put();
    assert_eq!((kept.reach(), kept.due().len()), (vec![Reach::Push(by_key())], 1));
    store.run("UPDATE api_keys SET revoked_at_ms = 1");
    assert_eq!((kept.reach(), kept.due()), (vec![Reach::Withdrawn], vec![]));
    kept.renew(one.clone());
    assert_eq!((kept.reach(), kept.due().len()), (vec![Reach::Push(one)], 1));
    register(&["two"]);
    assert_eq!((kept.reach(), kept.due()), (vec![Reach::Withdrawn], vec![]));
    store.run("DELETE FROM token_keys WHERE removed_at_ms IS NOT NULL");
    assert_eq!((kept.reach(), kept.due()), (vec![Reach::Withdrawn], vec![]), "as it is a day later");
    kept.renew(two.clone());
    assert_eq!(kept.due().len(), 1);
    kept.accounts.block(&account, environment, &cuid(), true).expect("a store");
    assert_eq!((kept.reach(), kept.due()), (vec![Reach::Push(two)], vec![]), "they may be let in again");
}

fn one_user_hides_nobody_s_pushes(store: &TestStore) {
    let kept = Kept::new(store);
    let push = |user: u32, call: u32| {
        store.run(&format!(
            "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms)
             VALUES ('{user}-{call}', 'demo', 'development', 'courier_1', '', 'courier_{user}', '', 1);
             INSERT INTO push_targets (account, environment, cuid, device, target, kept_at_ms)
             SELECT account, environment, 'courier_{user}', device, target, 1 FROM push_targets WHERE cuid = 'courier_2'
             ON CONFLICT (account, environment, cuid, device) DO NOTHING;
             INSERT INTO pushes (call, account, environment, cuid, device, due_at_ms, expires_at_ms)
             SELECT '{user}-{call}', account, environment, cuid, device, {call}, 99999999999999 FROM push_targets WHERE cuid = 'courier_{user}'"
        ));
    };
    (0..5).for_each(|call| push(3, call));
    push(4, 9);
    let of = |of_user, of_account| {
        let due = kept.pushes.due(SystemTime::now(), Most { of_user, of_account }, &BTreeSet::new()).expect("a store");
        due.into_iter().map(|due| due.call).collect::<Vec<_>>()
    };
    assert_eq!(of(2, 10), ["3-0", "3-1", "4-9"]);
    assert_eq!(of(5, 2), ["3-0", "4-9"], "users take turns");
}

fn what_one_service_has_taken_no_other_sends(store: &TestStore) {
    let kept = Kept::new(store);
    let other = Pushes::open(store.at()).expect("a store");
    kept.put();
    let (now, none) = (SystemTime::now(), BTreeSet::new());
    let due = kept.due();
    assert_eq!(kept.pushes.take(due.clone(), now).expect("a store").len(), 1);
    if let crate::store::Location::Server(_) = store.at() {
        assert_eq!(other.take(due, now).expect("a store"), []);
        assert_eq!(other.due(now, MOST, &none).expect("a store"), []);
        let later = now + Duration::from_secs(16);
        assert_eq!(other.due(later, MOST, &none).expect("a store").len(), 1, "whoever has taken it has not come back to it");
    }
}
