//! Nodes within this process, whose tasks fail by a bug.

use std::sync::Mutex;
use std::time::SystemTime;

use signedcall_wire::{AccountId, Cuid, Environment, Redacted};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::bus::BusWithin;
use crate::cluster::balance::ranking;
use crate::cluster::partition_of;
use crate::cluster::said::{Asked, Question, ToOwner, Up, questions, to_owner};
use crate::hub::{HubSettings, SocketId};
use crate::push::{PushSettings, PushThread};
use crate::receipts::ReceiptMaker;
use crate::relay::{ExternalRelay, RelaySettings};
use crate::store::testing::TestStore;
use crate::store::{Accounts, Pushes};
use crate::switchboard::Outbox;

const PATIENCE: Duration = Duration::from_secs(30);

/// A database and a bus that nodes have in common.
struct Common {
    store: TestStore,
    bus: BusWithin,
    owners: Arc<Owners>,
}

impl Common {
    fn new() -> Self {
        let store = TestStore::on_postgres();
        drop(Accounts::open(store.at()).expect("a new store"));
        let owners = Arc::new(Owners::open(store.at()).expect("a store"));
        owners.claim(ALL_CALLS, &every_node()).expect("they are nobody's");
        Self { store, bus: BusWithin::default(), owners }
    }

    async fn node(&self, name: &str) -> (Node, Exchange) {
        let at = self.store.at();
        let accounts = Arc::new(Accounts::open(at).expect("a store"));
        let pushes = || Pushes::open(at).expect("a store");
        let push_thread = PushThread::start(pushes(), PushSettings::default(), unbounded_channel().0).expect("a thread");
        let opening = Opening {
            store: at.clone(),
            hub: HubSettings::default(),
            metrics: Arc::default(),
            receipts: ReceiptMaker::start(accounts.open_again().expect("a store")).expect("a thread"),
            push_jobs: push_thread.jobs(),
            push_key: String::new(),
            pushes: Arc::new(Mutex::new(pushes())),
            accounts,
            figures: Arc::default(),
            filled: Arc::default(),
        };
        let relay = RelaySettings::External(ExternalRelay { urls: Vec::new(), secret: Redacted::default() });
        let relay = Arc::new(Relay::start(&relay, Duration::from_secs(60)).await.expect("a relay"));
        let (bus, id, owners) = (Bus::Within(self.bus.clone()), NodeId(name.to_owned()), Arc::clone(&self.owners));
        Node::start(NodeParts { bus, id, owners, opening: Arc::new(opening), relay, drain_for: Duration::ZERO }).await
    }

    fn epoch(&self, partition: Partition) -> Option<Epoch> {
        self.owners.owner_of(partition).expect("a good store").filter(|owner| !owner.free_in.is_zero()).map(|owner| owner.epoch)
    }
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it becomes so in time");
}

fn presence(account: &AccountId) -> Asked {
    Asked::Presence { user: (account.clone(), Environment::Production, Cuid::new("courier_1").expect("a cuid")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_others_cannot_reach_any_more_is_claimed_anew() {
    let common = Common::new();
    let (_node, exchange) = common.node("one").await;
    let account = AccountId("grocer".to_owned());
    let partition = partition_of(&account);
    until(async || exchange.has(&account)).await;
    assert_eq!(common.epoch(partition), Some(Epoch(1)));
    let bus = Bus::Within(common.bus.clone());
    let is_answered = async |epoch| {
        let question = to_json(&Question { epoch, what: presence(&account) });
        bus.request(&questions(partition), question, Duration::from_secs(1)).await.is_ok()
    };
    assert!(is_answered(Epoch(1)).await);
    // Nobody knows such a link, which the trunk says.
    common.bus.fail_next("Refused");
    let said = ToOwner { link: Link(9), node: NodeId("two".to_owned()), epoch: Epoch(1), number: 5, what: Up::Tally };
    bus.publish(&to_owner(partition), to_json(&said)).await.expect("a bus");
    until(async || common.epoch(partition) == Some(Epoch(2)) && exchange.has(&account)).await;
    until(async || is_answered(Epoch(2)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_takes_the_place_of_one_that_has_failed() {
    let common = Common::new();
    let ((_one, here), (_two, elsewhere)) = (common.node("one").await, common.node("two").await);
    let accounts: Vec<_> = (0..100).map(|number| AccountId(format!("account_{number}"))).collect();
    let far = || accounts.iter().find(|account| elsewhere.has(account) && !here.has(account));
    until(async || far().is_some()).await;
    let account = far().expect("there is one");
    let gateway = timeout(PATIENCE, here.of(account)).await.expect("in time").expect("somebody has it");
    common.bus.fail_next("Opened");
    gateway.send(Note::Opened { socket: SocketId(1), outbox: Outbox::Closed }).await.expect("a gateway");
    gateway.closed().await;
    let next = here.of(account).await.expect("there is a way again");
    let (tell, told) = oneshot::channel::<(usize, Option<SystemTime>)>();
    let Asked::Presence { user } = presence(account) else { unreachable!("it asks for that") };
    next.send(Note::Presence { user, tell }).await.expect("a gateway");
    assert_eq!(told.await.expect("an answer").0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_bus_is_away_no_partition_is_handed_over_to_where_nobody_could_reach_it() {
    let common = Common::new();
    let (_one, here) = common.node("one").await;
    until(async || here.here().len() == partitions().count()).await;
    let (_two, elsewhere) = common.node("two").await;
    until(async || !elsewhere.here().is_empty()).await;
    common.bus.set_away(true);
    let left = here.here().len();
    let nodes = || here.cluster().expect("it is a node").nodes.load(std::sync::atomic::Ordering::Relaxed);
    until(async || nodes() == 1).await;
    // One may have been under way.
    assert!(here.here().len() + 1 >= left, "{} of {left}", here.here().len());
    common.bus.set_away(false);
    let names = ["one", "two"].map(|name| NodeId(name.to_owned()));
    let share = partitions().filter(|partition| ranking(*partition, &names)[0] == &names[1]).count();
    until(async || elsewhere.here().len() == share).await;
}
