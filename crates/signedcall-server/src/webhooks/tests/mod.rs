//! Webhooks with a real store and real receivers.

mod client;
mod outbox;
mod receiver;
mod sender;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use signedcall_wire::{
    AccountId, CallId, Context, Cuid, DeviceId, EndReason, Endpoint, Environment, Invite, RunId, Timestamp, VoiceReport,
};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

use super::*;
use crate::account;
use crate::demo::demo_account;
use crate::hub::{AnsweredBy, CloseRecord, KeptAnswer, KeptReport, NamedDevice, OpenRecord};
use crate::store::testing::{TestStore, on_each_store_at_once};
use crate::store::{Location, Records, Written};

/// A store with the demo account, and the thread that writes its records.
struct Store {
    at: Location,
    /// The store itself, where it is this test's alone.
    _own: Option<TestStore>,
    accounts: Accounts,
    records: Records,
    written: UnboundedReceiver<Written>,
    filled: Arc<Notify>,
}

/// Receivers of tests lie on this machine.
const NEAR: WebhookSettings =
    WebhookSettings { to_private_addresses: true, connect_within: Duration::from_secs(5), answer_within: Duration::from_secs(10) };

impl Store {
    fn new() -> Self {
        let own = TestStore::in_a_file();
        let store = Self::begin(&own);
        Self { _own: Some(own), ..store }
    }

    /// On a store that is new.
    fn begin(store: &TestStore) -> Self {
        let accounts = Accounts::open(store.at()).expect("a new store");
        account::add(&accounts, &demo_account()).expect("a new account");
        let filled = Arc::<Notify>::default();
        let (records, written, _legacy) = Records::start_beside(store.at(), None, (&Arc::default(), &filled)).expect("a store");
        Self { at: store.at().clone(), _own: None, accounts, records, written, filled }
    }

    /// A connection of somebody else's, to a file.
    fn sql(&self) -> rusqlite::Connection {
        let Location::File(path) = &self.at else { panic!("it is a file") };
        let connection = rusqlite::Connection::open(path).expect("a store");
        connection.busy_timeout(Duration::from_secs(5)).expect("a store");
        connection
    }

    fn add(&self, url: &str, events: &[CallEvent]) -> (WebhookId, Redacted<String>) {
        add(&self.accounts, NEAR, &demo_account().id, Environment::Production, url, events).expect("a webhook")
    }

    /// Places a call, and waits until it is written down.
    async fn place(&mut self, call: u128, now: SystemTime) {
        self.records.open(opening(call), now);
        assert_eq!(self.written.recv().await, Some(Written::Opened { call: id(call), durable: true }));
    }

    async fn answer(&mut self, call: u128, now: SystemTime) {
        self.records.answer(id(call), answer(), now);
        assert_eq!(self.written.recv().await, Some(Written::Answered { call: id(call) }));
    }

    /// Ends a call, and waits until that is written down.
    async fn end(&mut self, call: u128, answered: bool, now: SystemTime) {
        self.records.close(closing(call, answered), now);
        self.settle().await;
    }

    /// Waits until everything is written down that was handed in.
    async fn settle(&mut self) {
        let marker = Uuid::new_v4().as_u128();
        self.records.open(OpenRecord { account: AccountId("nobody".to_owned()), ..opening(marker) }, SystemTime::now());
        assert_eq!(self.written.recv().await, Some(Written::Opened { call: id(marker), durable: true }));
    }
}

fn id(call: u128) -> CallId {
    CallId(Uuid::from_u128(call))
}

fn endpoint(device: u128) -> Endpoint {
    Endpoint { device: DeviceId(Uuid::from_u128(device)), run: RunId(Uuid::from_u128(7)) }
}

fn opening(call: u128) -> OpenRecord {
    let invite = Invite {
        call: id(call),
        from: Cuid::new("courier_1").expect("a cuid"),
        endpoint: endpoint(1),
        from_name: None,
        context: Context::new("Delivery").expect("a context"),
        initiator_image: None,
        receiver_image: None,
        transferred_by: None,
        leads_to: None,
        ring_for_ms: 0,
    };
    OpenRecord {
        account: demo_account().id,
        environment: Environment::Production,
        callee: Cuid::new("customer_1").expect("a cuid"),
        context: Context::new("Your order").expect("a context"),
        invite,
        instead_of: None,
        limit: None,
        by_company: false,
        rings_on: vec![endpoint(2).device],
        placed_at: Timestamp::from_millis(1_000),
    }
}

fn answer() -> KeptAnswer {
    let at = Timestamp::from_millis(4_000);
    KeptAnswer { by: endpoint(2), device_name: None, at, connected_at: None, caller_holds: false, callee_holds: false, ends_at: None }
}

fn closing(call: u128, answered: bool) -> CloseRecord {
    let device = NamedDevice { id: endpoint(2).device, name: None };
    let answered = answered.then(|| AnsweredBy { device, at: Timestamp::from_millis(4_000), connected_at: None });
    let reason = if answered.is_some() { EndReason::HungUp } else { EndReason::Cancelled };
    CloseRecord { call: id(call), answered, declined_by: None, ended_at: Timestamp::from_millis(9_000), reason }
}

fn report(call: u128, cuid: &str, device: u128) -> KeptReport {
    let report = VoiceReport { seconds: 5, mos: 430, worst_mos: 420, ..VoiceReport::default() };
    let (account, cuid) = (demo_account().id, Cuid::new(cuid).expect("a cuid"));
    KeptReport { call: id(call), account, environment: Environment::Production, cuid, device: endpoint(device).device, report }
}

fn open_outbox(at: &Location) -> crate::store::Outbox {
    crate::store::Outbox::open(at).expect("a store")
}
