//! A gateway and a trunk with a bus between them that loses something, and what makes them two ends of one thing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use signedcall_wire::{AccountId, CallId, ClientMessage, Cuid, DeviceId, Environment, PROTOCOL_VERSION, Redacted, Resume, ServiceMessage};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::gateway::{Gateway, GatewayTo};
use super::members::Members;
use super::numbers::SocketNumbers;
use super::said::{Beat, Link, Up, questions, to_owner};
use super::trunk::Trunk;
use super::*;
use crate::bus::{Bus, BusWithin};
use crate::hub::{HubEvent, SocketId};
use crate::store::owners::{Epoch, NodeId};
use crate::switchboard::{Note, Outbox, Taker, waiting};

const PATIENCE: Duration = Duration::from_secs(30);
const PARTITION: Partition = Partition(3);
const EPOCH: Epoch = Epoch(5);

/// A switchboard on one node, and the way to it from another.
struct Far {
    bus: BusWithin,
    hub: Receiver<Note>,
    gateway: Sender<Note>,
    broken: mpsc::UnboundedReceiver<(Partition, Link)>,
    alive: watch::Sender<BTreeSet<NodeId>>,
    /// Where the switchboard is.
    exchange: Exchange,
}

async fn far() -> Far {
    let within = BusWithin::default();
    let bus = Bus::Within(within.clone());
    let (notes, hub) = mpsc::channel(16);
    let exchange = Exchange::to_one(notes.clone());
    let trunk = Trunk::new(bus.clone(), (PARTITION, EPOCH), notes, exchange.clone());
    let said = bus.subscribe(&to_owner(PARTITION)).await.expect("a bus");
    let asked = bus.subscribe(&questions(PARTITION)).await.expect("a bus");
    let node = NodeId("near".to_owned());
    let (alive, there) = watch::channel([node.clone()].into());
    tokio::spawn(trunk.run((said, asked), there));
    let (tell, broken) = mpsc::unbounded_channel();
    let (gateway, inbox) = mpsc::channel(16);
    let figures = Arc::new(ClusterFigures::new(bus.clone()));
    let to = GatewayTo { bus, node, partition: PARTITION, epoch: EPOCH, link: Link(1), figures };
    tokio::spawn(Gateway::new(to).run(inbox, tell));
    Far { bus: within, hub, gateway, broken, alive, exchange }
}

impl Far {
    /// Opens a socket: what its task is told, and what the switchboard knows it by.
    async fn open(&mut self, number: u64) -> (Taker, SocketId, Outbox) {
        let (outbox, told) = waiting(4);
        self.gateway.send(Note::Opened { socket: SocketId(number), outbox: Outbox::Here(outbox) }).await.expect("a gateway");
        let Note::Opened { socket, outbox } = self.hear().await else { panic!("a socket is opened first") };
        (told, socket, outbox)
    }

    async fn hear(&mut self) -> Note {
        timeout(PATIENCE, self.hub.recv()).await.expect("it is heard in time").expect("a trunk")
    }

    async fn say(&self, number: u64) {
        let said = HubEvent::Received { socket: SocketId(number), message: ClientMessage::Ack { seq: number } };
        self.gateway.send(Note::Event(Box::new(said))).await.expect("a gateway");
    }

    async fn hears_that_it_is_lost(&mut self, socket: SocketId) {
        let Note::Event(lost) = self.hear().await else { panic!("it is lost") };
        assert_eq!(*lost, HubEvent::SocketLost { socket });
    }
}

async fn next(told: &mut Taker) -> Option<ServiceMessage> {
    timeout(PATIENCE, told.recv()).await.expect("it is told in time").map(|message| *message)
}

#[tokio::test]
async fn what_a_socket_says_and_is_told_goes_through_and_closing_it_does_too() {
    let mut far = far().await;
    let (mut told, socket, outbox) = far.open(7).await;
    far.say(7).await;
    let Note::Event(heard) = far.hear().await else { panic!("it is said") };
    assert_eq!(*heard, HubEvent::Received { socket, message: ClientMessage::Ack { seq: 7 } });
    outbox.try_send(Box::new(ServiceMessage::Resumed)).expect("a link");
    assert_eq!(next(&mut told).await, Some(ServiceMessage::Resumed));
    drop(outbox);
    assert_eq!(next(&mut told).await, None, "the switchboard has closed it");
    far.gateway.send(Note::Event(Box::new(HubEvent::SocketLost { socket: SocketId(7) }))).await.expect("a gateway");
    far.hears_that_it_is_lost(socket).await;
}

#[tokio::test]
async fn sockets_are_closed_when_something_that_they_have_said_is_lost_also_when_it_was_the_last() {
    let mut far = far().await;
    let (mut told, socket, _outbox) = far.open(7).await;
    far.bus.lose_next("Received");
    far.say(7).await;
    far.hears_that_it_is_lost(socket).await;
    assert!(matches!(next(&mut told).await, Some(ServiceMessage::Goaway { .. })));
    assert_eq!(far.broken.recv().await, Some((PARTITION, Link(1))));
    assert_eq!(next(&mut told).await, None);
}

#[tokio::test]
async fn sockets_are_closed_when_something_that_they_are_told_is_lost_also_when_it_was_the_last() {
    let mut far = far().await;
    let (mut told, socket, outbox) = far.open(7).await;
    far.bus.lose_next("resumed");
    outbox.try_send(Box::new(ServiceMessage::Resumed)).expect("a link");
    assert!(matches!(next(&mut told).await, Some(ServiceMessage::Goaway { .. })));
    assert_eq!(far.broken.recv().await, Some((PARTITION, Link(1))));
    assert_eq!(next(&mut told).await, None);
    far.hears_that_it_is_lost(socket).await;
}

#[tokio::test]
async fn of_two_sockets_the_one_that_was_opened_first_is_the_older_though_it_is_heard_of_last() {
    let mut far = far().await;
    let numbers = SocketNumbers::default();
    let [older, newer] = [5_000, 100].map(|ago| numbers.give(Duration::from_millis(ago)));
    let (_told, newer, _outbox) = far.open(newer.0).await;
    let (_told, older, _outbox) = far.open(older.0).await;
    assert!(older < newer);
    assert!(newer < far.exchange.new_socket(), "which is opened where the calls are");
}

#[test]
fn a_node_of_an_earlier_version_says_no_age_of_a_socket() {
    let said: Up = serde_json::from_str(r#"{"Opened":{"socket":7}}"#).expect("as it was said before");
    assert!(matches!(said, Up::Opened { socket: 7, ago_ms: 0 }));
}

#[tokio::test]
async fn sockets_of_a_node_that_is_gone_are_lost() {
    let mut far = far().await;
    let (_told, socket, _outbox) = far.open(7).await;
    far.alive.send_replace(BTreeSet::new());
    far.hears_that_it_is_lost(socket).await;
}

#[tokio::test]
async fn whoever_means_an_earlier_owner_is_refused() {
    let far = far().await;
    let bus = Bus::Within(far.bus.clone());
    let figures = Arc::new(ClusterFigures::new(bus.clone()));
    let (tell, mut broken) = mpsc::unbounded_channel();
    let (gateway, inbox) = mpsc::channel(16);
    let node = NodeId("near".to_owned());
    let to = GatewayTo { bus, node, partition: PARTITION, epoch: Epoch(4), link: Link(2), figures };
    tokio::spawn(Gateway::new(to).run(inbox, tell));
    let (outbox, mut told) = waiting(4);
    gateway.send(Note::Opened { socket: SocketId(1), outbox: Outbox::Here(outbox) }).await.expect("a gateway");
    assert_eq!(broken.recv().await, Some((PARTITION, Link(2))));
    assert!(matches!(next(&mut told).await, Some(ServiceMessage::Goaway { .. })));
}

#[tokio::test]
async fn a_session_of_another_partition_is_not_taken_and_costs_the_gateway_its_sockets() {
    let mut far = far().await;
    let (mut told, socket, _outbox) = far.open(7).await;
    let account = (0..).map(|number| AccountId(format!("account_{number}"))).find(|account| partition_of(account) != PARTITION);
    let session = new_session(&account.expect("most are elsewhere"));
    let resume = Resume { version: PROTOCOL_VERSION, session, token: Redacted::new("token".to_owned()), last_seq: 0 };
    let asked = HubEvent::ResumeAsked { socket: SocketId(7), resume };
    far.gateway.send(Note::Event(Box::new(asked))).await.expect("a gateway");
    far.hears_that_it_is_lost(socket).await;
    assert!(matches!(next(&mut told).await, Some(ServiceMessage::Goaway { .. })));
    assert_eq!(far.broken.recv().await, Some((PARTITION, Link(1))));
}

#[tokio::test]
async fn a_push_that_is_not_brought_is_told_where_its_call_is_by_now() {
    let mut far = far().await;
    let (account, environment) = (AccountId("grocer".to_owned()), Environment::Production);
    let (call, device, cuid) = (CallId(Uuid::nil()), DeviceId(Uuid::nil()), Cuid::new("courier_1").expect("a cuid"));
    let failed = HubEvent::PushFailed { call, account, environment, cuid, device, gone: true };
    far.gateway.send(Note::Event(Box::new(failed.clone()))).await.expect("a gateway");
    let Note::Event(heard) = far.hear().await else { panic!("it is told") };
    assert_eq!(*heard, failed);
}

#[tokio::test]
async fn a_question_is_answered_by_whoever_has_the_partition_and_by_nobody_while_the_bus_is_away() {
    let mut far = far().await;
    let ask = || {
        let user = (AccountId("grocer".to_owned()), Environment::Production, Cuid::new("courier_1").expect("a cuid"));
        let (tell, told) = oneshot::channel();
        (Note::Presence { user, tell }, told)
    };
    let (question, answer) = ask();
    far.gateway.send(question).await.expect("a gateway");
    let Note::Presence { tell, .. } = far.hear().await else { panic!("it is asked") };
    tell.send((2, None)).expect("somebody waits");
    assert_eq!(answer.await.expect("an answer"), (2, None));
    far.bus.set_away(true);
    let (question, answer) = ask();
    far.gateway.send(question).await.expect("a gateway");
    answer.await.expect_err("nobody can be asked");
}

#[test]
fn a_session_s_id_says_where_its_account_is() {
    let accounts = (0..200).map(|number| AccountId(format!("account_{number}")));
    let mut used = BTreeSet::new();
    for account in accounts {
        let (partition, session) = (partition_of(&account), new_session(&account));
        assert_eq!(partition_of_session(session), partition);
        assert_ne!(session, new_session(&account));
        used.insert(partition);
    }
    assert_eq!(used.into_iter().collect::<Vec<_>>(), partitions().collect::<Vec<_>>(), "each has some accounts");
}

#[test]
fn a_node_is_there_until_it_has_said_nothing_for_a_while_and_of_two_owners_the_later_counts() {
    let (mut members, now) = (Members::default(), Instant::now());
    let beat = |node: &str, epoch| Beat {
        node: NodeId(node.to_owned()),
        partitions: vec![(PARTITION, Epoch(epoch))],
        leaves: vec![],
        takes: true,
        drains: false,
    };
    assert!(members.hear(now, beat("one", 1)) && !members.hear(now, beat("one", 1)), "it is news once");
    assert!(members.hear(now + BEAT_EVERY, beat("two", 2)));
    assert_eq!(members.owners()[&PARTITION], (NodeId("two".to_owned()), Epoch(2)));
    assert!(!members.forget_silent(now + SILENT_FOR - Duration::from_millis(1)));
    assert!(members.forget_silent(now + SILENT_FOR));
    assert_eq!(members.each().map(|(node, _)| node.0.as_str()).collect::<Vec<_>>(), ["two"]);
}
