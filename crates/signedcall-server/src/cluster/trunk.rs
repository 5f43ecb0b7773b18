//! What comes by the bus to the switchboard of a partition, and goes back: it takes the place of sockets that are on other nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::said::{Answer, Asked, Down, Link, Question, ToGateway, ToOwner, Up, read, to_gateway, to_json};
use super::{BEAT_EVERY, partition_of, partition_of_session};
use crate::bus::{Bus, Message, Subscription};
use crate::cluster::Exchange;
use crate::hub::{HubEvent, SocketId};
use crate::store::owners::{Epoch, NodeId, Partition};
use crate::switchboard::{NotTaken, Note, Outbox, Outgoing};

/// Messages that wait for the bus on one link: all that a thousand sockets are told in a moment. After that its sockets read too slowly.
const MOST_WAITING: usize = 16 * 1024;

/// How long a gateway is believed to be there that says nothing: several times as long as one does that has nothing to say.
const LINK_SILENT_FOR: Duration = Duration::from_secs(4);

/// A socket on another node, as the switchboard sees it. Dropping it closes the socket.
#[derive(Debug)]
pub(crate) struct Forwarded {
    socket: u64,
    way: Way,
}

/// The way back to a gateway.
#[derive(Clone, Debug)]
struct Way {
    down: UnboundedSender<Down>,
    waiting: Arc<AtomicUsize>,
}

impl Forwarded {
    pub(crate) fn try_send(&self, message: Outgoing) -> Result<(), NotTaken> {
        if self.way.waiting.load(Ordering::Relaxed) >= MOST_WAITING {
            return Err(NotTaken::Full);
        }
        self.way.send(Down::Message { socket: self.socket, message }).map_err(|()| NotTaken::Gone)
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        // Without a link the gateway has closed it already.
        let _ = self.way.send(Down::Closed { socket: self.socket });
    }
}

impl Way {
    fn send(&self, what: Down) -> Result<(), ()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.down.send(what).map_err(drop)
    }
}

/// The trunk of one partition, for one tenure.
#[derive(Debug)]
pub(super) struct Trunk {
    bus: Bus,
    partition: Partition,
    epoch: Epoch,
    notes: Sender<Note>,
    exchange: Exchange,
    links: BTreeMap<Link, Linked>,
}

#[derive(Debug)]
struct Linked {
    node: NodeId,
    /// The number of what was heard last, and when there was a word of it.
    heard: u64,
    heard_at: Instant,
    /// The gateway's sockets, by its numbers and by ours.
    sockets: BTreeMap<u64, SocketId>,
    way: Way,
}

impl Trunk {
    pub(super) fn new(bus: Bus, (partition, epoch): (Partition, Epoch), notes: Sender<Note>, exchange: Exchange) -> Self {
        Self { bus, partition, epoch, notes, exchange, links: BTreeMap::new() }
    }

    /// Passes on what is said and asked, until the switchboard is gone. `alive` are the other nodes: the sockets of one that is gone are lost.
    pub(super) async fn run(mut self, (mut said, mut asked): (Subscription, Subscription), mut alive: watch::Receiver<BTreeSet<NodeId>>) {
        let mut ticks = interval(LINK_SILENT_FOR);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(message) = said.next() => {
                    if let Some(said) = read::<ToOwner>(&message) {
                        self.take(said).await;
                    }
                }
                Some(message) = asked.next() => self.answer(message),
                changed = alive.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let there = alive.borrow_and_update().clone();
                    let gone: Vec<Link> = self.links.iter().filter(|(_, link)| !there.contains(&link.node)).map(|(link, _)| *link).collect();
                    for link in gone {
                        self.lose(link).await;
                    }
                }
                _ = ticks.tick() => self.lose_silent().await,
                () = self.notes.closed() => return,
            }
        }
    }

    async fn take(&mut self, said: ToOwner) {
        let ToOwner { link, node, epoch, number, what } = said;
        if epoch > self.epoch {
            // It is for whoever has the partition by now.
            return;
        }
        if epoch < self.epoch {
            return self.refuse(link).await;
        }
        if let Up::Bye = what {
            return self.lose(link).await;
        }
        let is_first = number == 1 && !matches!(what, Up::Tally);
        if is_first && !self.links.contains_key(&link) {
            let (down, told) = unbounded_channel();
            let way = Way { down, waiting: Arc::default() };
            tokio::spawn(tell_gateway(self.bus.clone(), link, told, Arc::clone(&way.waiting)));
            self.links.insert(link, Linked { node, heard: 0, heard_at: Instant::now(), sockets: BTreeMap::new(), way });
        }
        let Some(linked) = self.links.get_mut(&link) else {
            return self.refuse(link).await;
        };
        linked.heard_at = Instant::now();
        if let Up::Tally = what {
            if number != linked.heard {
                self.lose(link).await;
                self.refuse(link).await;
            }
            return;
        }
        if number != linked.heard + 1 {
            tracing::warn!(missing = number.saturating_sub(linked.heard + 1), "the bus has lost what sockets of another node have said");
            self.lose(link).await;
            return self.refuse(link).await;
        }
        linked.heard = number;
        if !is_of(self.partition, &what) {
            tracing::error!(
                node = linked.node.0,
                partition = self.partition.0,
                "another node takes an account for one of another partition"
            );
            self.lose(link).await;
            return self.refuse(link).await;
        }
        let Some(theirs) = what.socket() else { return };
        if let Up::Opened { ago_ms, .. } = what {
            let (socket, way) = (self.exchange.socket_of(Duration::from_millis(ago_ms)), linked.way.clone());
            linked.sockets.insert(theirs, socket);
            return self.tell(Note::Opened { socket, outbox: Outbox::Elsewhere(Forwarded { socket: theirs, way }) }).await;
        }
        let Some(socket) = linked.sockets.get(&theirs).copied() else { return };
        if let Up::Lost { .. } = what {
            linked.sockets.remove(&theirs);
        }
        if let Some(event) = what.into_event(socket) {
            self.tell(Note::Event(Box::new(event))).await;
        }
    }

    /// Loses the sockets of gateways that have ended without anybody hearing of it.
    async fn lose_silent(&mut self) {
        let is_silent = |link: &Linked| link.heard_at.elapsed() > LINK_SILENT_FOR;
        let silent: Vec<Link> = self.links.iter().filter(|(_, linked)| is_silent(linked)).map(|(link, _)| *link).collect();
        for link in silent {
            self.lose(link).await;
        }
    }

    /// Loses all sockets of a gateway.
    async fn lose(&mut self, link: Link) {
        let Some(linked) = self.links.remove(&link) else { return };
        for socket in linked.sockets.into_values() {
            self.tell(Note::Event(Box::new(HubEvent::SocketLost { socket }))).await;
        }
    }

    async fn refuse(&self, link: Link) {
        // A gateway that does not hear of it notices when it hears nothing more.
        let _ = self.bus.publish(&to_gateway(link), to_json(&ToGateway { number: 0, what: Down::Refused })).await;
    }

    async fn tell(&self, note: Note) {
        // Without the switchboard the trunk ends.
        let _ = self.notes.send(note).await;
    }

    fn answer(&self, message: Message) {
        let Some(Question { epoch, what }) = read::<Question>(&message) else { return };
        // Whoever else it is meant for answers.
        if epoch != self.epoch {
            return;
        }
        let (bus, notes) = (self.bus.clone(), self.notes.clone());
        tokio::spawn(async move {
            if let Some(answer) = ask(&notes, what).await {
                // Whoever has asked is told by the time that it takes.
                let _ = bus.answer(&message, to_json(&answer)).await;
            }
        });
    }
}

/// Whether what is said is of an account, or a session, that a partition has.
fn is_of(partition: Partition, what: &Up) -> bool {
    match what {
        Up::SignedIn(sign_in) => partition_of(&sign_in.account) == partition && partition_of_session(sign_in.session) == partition,
        Up::Resume { resume, .. } => partition_of_session(resume.session) == partition,
        Up::Renewed { account, .. } => partition_of(account) == partition,
        Up::Opened { .. } | Up::Received { .. } | Up::Lost { .. } | Up::Tally | Up::Bye => true,
    }
}

async fn ask(notes: &Sender<Note>, asked: Asked) -> Option<Answer> {
    match asked {
        Asked::Presence { user } => {
            let (tell, told) = oneshot::channel();
            notes.send(Note::Presence { user, tell }).await.ok()?;
            let (devices, last_seen) = told.await.ok()?;
            // Another machine has another clock.
            let ago = |at: SystemTime| SystemTime::now().duration_since(at).unwrap_or(Duration::ZERO);
            Some(Answer::Presence { devices, last_seen: last_seen.map(ago) })
        }
        Asked::HangUp { account, environment, call } => {
            let (tell, told) = oneshot::channel();
            notes.send(Note::HangUp { account, environment, call, tell }).await.ok()?;
            told.await.ok().map(Answer::HungUp)
        }
        Asked::Connect(connect) => {
            let (tell, told) = oneshot::channel();
            notes.send(Note::Connect { connect, tell }).await.ok()?;
            told.await.ok().map(Answer::Connected)
        }
        Asked::Branding { account, branding } => {
            notes.send(Note::Event(Box::new(HubEvent::BrandingChanged { account, branding }))).await.ok().map(|()| Answer::Done)
        }
        Asked::PushFailed { call, user: (account, environment, cuid), device, gone } => {
            let failed = HubEvent::PushFailed { call, account, environment, cuid, device, gone };
            notes.send(Note::Event(Box::new(failed))).await.ok().map(|()| Answer::Done)
        }
    }
}

/// Says to a gateway what its sockets are told, and from time to time how much that was, so that it notices when the last is missing.
async fn tell_gateway(bus: Bus, link: Link, mut told: UnboundedReceiver<Down>, waiting: Arc<AtomicUsize>) {
    let subject = to_gateway(link);
    let mut number = 0;
    let mut ticks = interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            what = told.recv() => {
                let Some(what) = what else { return };
                waiting.fetch_sub(1, Ordering::Relaxed);
                number += 1;
                // What is lost is missing in the tally.
                let _ = bus.publish(&subject, to_json(&ToGateway { number, what })).await;
            }
            _ = ticks.tick() => if number > 0 {
                // Again and again, since a tally may be lost as well.
                let _ = bus.publish(&subject, to_json(&ToGateway { number, what: Down::Tally })).await;
            }
        }
    }
}
