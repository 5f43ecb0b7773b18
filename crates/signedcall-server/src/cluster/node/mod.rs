//! One node of a cluster: it has partitions, claims more, gives some up (`having`), and knows who has the others (`ways`).

mod having;
#[cfg(test)]
mod tests;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until};

use super::exchange::Routes;
use super::members::Members;
use super::said::{Beat, Link, NODES, read, to_json};
use super::{BEAT_EVERY, ClusterFigures, Exchange, Opened, Opening, partitions};
use crate::bus::{Bus, Subscription};
use crate::relay::Relay;
use crate::store::StoreError;
use crate::store::owners::{Epoch, LEASE, NodeId, Owner, Owners, Partition, RENEW_EVERY, Tenure};
use crate::switchboard::Note;
use crate::tenancy::{ALL_CALLS, every_node};

/// For how long a node listens for others before it claims anything: those that are started together divide the partitions at once.
const LISTENED_FOR: Duration = Duration::from_secs(1);
/// For how long another has to have been there before partitions are handed over to it: each costs its devices a moment.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// How much longer than the one before each node waits whether a partition is claimed by one that is to have it sooner.
const TURN: Duration = Duration::from_millis(700);
/// For how long a partition that cannot be opened here is left to others.
const LEFT_FOR: Duration = Duration::from_secs(5);
/// How long a node goes on that can say no more that it is there, and hears of nobody: it has stopped by the time at which others may claim what it has.
const DOUBTS_AFTER: Duration = LEASE.saturating_sub(Duration::from_millis(250));
/// A database that has not answered for so long answers no more: before a node's lease is over the others know that what it had is not for it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// How long the bus is believed to be there on which this node hears nobody, not even itself: the connection may have been cut without a word.
const UNHEARD_FOR: Duration = Duration::from_secs(1);
/// Messages that wait for a gateway, as for a switchboard.
const INBOX: usize = 1024;
/// How long is waited until something is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What a node is made of.
#[derive(Clone)]
pub(crate) struct NodeParts {
    pub(crate) bus: Bus,
    pub(crate) id: NodeId,
    pub(crate) owners: Arc<Owners>,
    pub(crate) opening: Arc<Opening>,
    pub(crate) relay: Arc<Relay>,
    /// How long devices have to leave when no other node is there.
    pub(crate) drain_for: Duration,
}

/// A node that runs.
#[derive(Debug)]
pub(crate) struct Node {
    task: JoinHandle<()>,
    stop: Sender<()>,
}

impl Node {
    /// Joins the cluster.
    pub(crate) async fn start(parts: NodeParts) -> (Self, Exchange) {
        let (routes, known) = watch::channel(Routes::new());
        let figures = Arc::new(ClusterFigures::new(parts.bus.clone()));
        let exchange = Exchange::to_many(known, Arc::clone(&figures));
        let beats = subscribe(&parts.bus, NODES).await;
        let (stop, stopped) = mpsc::channel(1);
        let (broken, breaks) = unbounded_channel();
        let (says, said) = watch::channel(None);
        tokio::spawn(publish(parts.bus.clone(), said));
        let now = Instant::now();
        let state = State {
            parts,
            exchange: exchange.clone(),
            says,
            routes,
            figures,
            alive: watch::Sender::default(),
            members: Members::default(),
            mine: BTreeMap::new(),
            gateways: BTreeMap::new(),
            being_opened: BTreeSet::new(),
            opening: JoinSet::new(),
            left_until: BTreeMap::new(),
            serving: JoinSet::new(),
            trunks: JoinSet::new(),
            forwarding: JoinSet::new(),
            broken,
            free_since: BTreeMap::new(),
            started: now,
            renewed_at: now,
            heard_at: now,
            store_answers: false,
            has_had_others: false,
        };
        let task = tokio::spawn(state.run(beats, breaks, stopped));
        (Self { task, stop }, exchange)
    }

    /// Gives its partitions to the others, sends its devices to them, and returns when everything is written.
    pub(crate) async fn shutdown(self) {
        // A node that has failed is there no more, and says so below.
        let _ = self.stop.send(()).await;
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the node's task failed");
        }
    }

    /// Returns when it has stopped by itself.
    pub(crate) async fn failed(&mut self) {
        // Whether it panicked or ended is for its own log.
        let _ = (&mut self.task).await;
    }
}

/// Listens to a subject, as soon as that can be done.
async fn subscribe(bus: &Bus, subject: &str) -> Subscription {
    loop {
        match bus.subscribe(subject).await {
            Ok(subscription) => return subscription,
            Err(error) => tracing::warn!(%error, subject, "trying again to listen"),
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// A partition of this node's.
#[derive(Debug)]
struct Mine {
    tenure: Tenure,
    claimed_at: Instant,
    notes: Sender<Note>,
    switchboard: AbortHandle,
    trunk: AbortHandle,
    /// Whether it is being given up.
    leaves: bool,
}

/// The gateway to a partition of another node's.
#[derive(Debug)]
struct Elsewhere {
    owner: (NodeId, Epoch),
    link: Link,
    notes: Sender<Note>,
}

/// A partition that was claimed.
#[derive(Debug)]
struct Claimed {
    tenure: Tenure,
    opened: Opened,
    subscriptions: (Subscription, Subscription),
}

/// What came of claiming a partition.
#[derive(Debug)]
enum Outcome {
    Claimed(Box<Claimed>),
    /// Another node was faster.
    Taken,
    Failed,
}

/// What the database says.
#[derive(Debug)]
struct Looked {
    asked_at: Instant,
    mine: Vec<Tenure>,
    owners: BTreeMap<Partition, Owner>,
    /// Whether no service that is alone has all calls.
    is_shared: bool,
}

struct State {
    parts: NodeParts,
    exchange: Exchange,
    /// What it says last of itself.
    says: watch::Sender<Option<Beat>>,
    routes: watch::Sender<Routes>,
    figures: Arc<ClusterFigures>,
    alive: watch::Sender<BTreeSet<NodeId>>,
    members: Members,
    mine: BTreeMap<Partition, Mine>,
    gateways: BTreeMap<Partition, Elsewhere>,
    being_opened: BTreeSet<Partition>,
    opening: JoinSet<(Partition, Outcome)>,
    /// Until when partitions are left to others that could not be opened here.
    left_until: BTreeMap<Partition, Instant>,
    serving: JoinSet<Tenure>,
    /// The ways for others to partitions that are here, and whether they have failed.
    trunks: JoinSet<(Tenure, bool)>,
    forwarding: JoinSet<(Partition, Link)>,
    broken: UnboundedSender<(Partition, Link)>,
    free_since: BTreeMap<Partition, Instant>,
    started: Instant,
    /// When the tenures were renewed last.
    renewed_at: Instant,
    /// When somebody was heard last on the bus, be it this node.
    heard_at: Instant,
    store_answers: bool,
    has_had_others: bool,
}

impl State {
    async fn run(mut self, mut beats: Subscription, mut breaks: UnboundedReceiver<(Partition, Link)>, mut stopped: Receiver<()>) {
        let (mut beat_ticks, mut look_ticks) = (ticks(BEAT_EVERY), ticks(RENEW_EVERY));
        let mut looking: Option<JoinHandle<Result<Looked, StoreError>>> = None;
        loop {
            let (had, took, doubts_at) = (self.mine.len(), self.takes(), self.doubts_at());
            tokio::select! {
                // Whatever there is to hear is heard before there is any doubt.
                biased;
                _ = beat_ticks.tick() => {
                    self.beat();
                    if self.members.forget_silent(Instant::now()) {
                        self.heed_members();
                        look_ticks.reset_immediately();
                    }
                }
                Some(message) = beats.next() => if let Some(beat) = read::<Beat>(&message) {
                    self.heard_at = Instant::now();
                    if beat.node != self.parts.id && self.members.hear(self.heard_at, beat) {
                        self.has_had_others = true;
                        self.heed_members();
                        look_ticks.reset_immediately();
                    }
                },
                _ = look_ticks.tick(), if looking.is_none() => looking = Some(self.look()),
                looked = wait(&mut looking) => match looked {
                    Ok(looked) if !looked.is_shared => {
                        tracing::error!("a service that is alone has the calls of this cluster");
                        break;
                    }
                    Ok(looked) => self.take_look(&looked),
                    Err(error) => {
                        if std::mem::replace(&mut self.store_answers, false) {
                            tracing::error!(error, "it cannot be said in the database that this node is there; trying again");
                        }
                    }
                },
                Some(opened) = self.opening.join_next(), if !self.opening.is_empty() => match opened {
                    Ok((partition, outcome)) => self.take_opened(partition, outcome),
                    Err(error) => tracing::error!(%error, "a partition was not opened"),
                },
                Some(ended) = self.serving.join_next(), if !self.serving.is_empty() => match ended {
                    Ok(tenure) => {
                        self.take_ended(&tenure);
                        look_ticks.reset_immediately();
                    }
                    Err(error) => tracing::error!(%error, "a partition's task failed"),
                },
                // One that is cancelled ends with its partition.
                Some(ended) = self.trunks.join_next(), if !self.trunks.is_empty() => if let Ok((tenure, has_failed)) = ended {
                    self.take_trunk_ended(&tenure, has_failed);
                },
                Some(ended) = self.forwarding.join_next(), if !self.forwarding.is_empty() => if let Ok((partition, link)) = ended {
                    self.replace_gateway(partition, link);
                },
                Some((partition, link)) = breaks.recv() => self.replace_gateway(partition, link),
                Some(()) = stopped.recv(), if !self.figures.drains() => self.give_all_up(),
                () = sleep_until(doubts_at.unwrap_or_else(Instant::now).into()), if doubts_at.is_some() => self.doubt(),
            }
            if (self.mine.len(), self.takes()) != (had, took) {
                // Whoever waits for it learns of it at once.
                self.beat();
            }
            let is_empty = self.opening.is_empty() && self.serving.is_empty() && self.forwarding.is_empty();
            if self.figures.drains() && is_empty {
                break;
            }
        }
        for partition in partitions() {
            self.fence(partition);
        }
        self.parts.relay.stop().await;
    }

    /// Says that this node is there.
    fn beat(&self) {
        let partitions = self.mine.values().filter(|mine| !mine.leaves).map(|mine| (mine.tenure.partition, mine.tenure.epoch)).collect();
        let leaves = self.mine.values().filter(|mine| mine.leaves).map(|mine| mine.tenure.partition).collect();
        let beat = Beat { node: self.parts.id.clone(), partitions, leaves, takes: self.takes(), drains: self.figures.drains() };
        // Nobody here waits for a bus that is slow.
        self.says.send_replace(Some(beat));
    }

    fn takes(&self) -> bool {
        self.store_answers && self.renewed_at.elapsed() < ANSWERED_WITHIN && !self.figures.drains()
    }

    /// By when this node has to have reached the database or the bus: otherwise it cannot know whether others have claimed what it has.
    fn doubts_at(&self) -> Option<Instant> {
        let may_lose = self.has_had_others && !self.mine.is_empty();
        may_lose.then(|| (self.renewed_at + DOUBTS_AFTER).max(self.heard_at + UNHEARD_FOR))
    }

    /// Whether others hear at the moment what this node says, as far as it knows.
    fn is_heard(&self) -> bool {
        self.parts.bus.is_there() && self.heard_at.elapsed() < UNHEARD_FOR
    }

    /// Decides on nothing any more.
    fn doubt(&mut self) {
        tracing::error!("neither the database nor the bus is there: others may have the partitions of this node");
        for partition in partitions() {
            self.fence(partition);
        }
    }

    /// Renews the tenures, and looks who has which partition.
    fn look(&self) -> JoinHandle<Result<Looked, StoreError>> {
        let (owners, id, asked_at) = (Arc::clone(&self.parts.owners), self.parts.id.clone(), Instant::now());
        spawn_blocking(move || {
            let is_shared = owners.renew_all(&every_node())?.0.iter().any(|tenure| tenure.partition == ALL_CALLS);
            let (mine, owners) = owners.renew_all(&id)?;
            Ok(Looked { asked_at, mine, owners, is_shared })
        })
    }

    fn take_look(&mut self, looked: &Looked) {
        self.store_answers = true;
        self.renewed_at = looked.asked_at;
        let goes_on = |mine: &Mine| mine.leaves || mine.claimed_at > looked.asked_at || looked.mine.contains(&mine.tenure);
        let lost: Vec<Partition> = self.mine.iter().filter(|(_, mine)| !goes_on(mine)).map(|(partition, _)| *partition).collect();
        for partition in lost {
            self.fence(partition);
        }
        if self.takes() && self.started.elapsed() >= LISTENED_FOR {
            self.claim_free(&looked.owners);
            self.hand_over();
        }
    }
}

/// Tells the other nodes what this one says of itself, one after the other, so that nothing older is heard last. What a slow bus has no time for is left out.
async fn publish(bus: Bus, mut said: watch::Receiver<Option<Beat>>) {
    while said.changed().await.is_ok() {
        let beat = said.borrow_and_update().clone();
        if let Some(beat) = beat {
            // What is lost is said again before long.
            let _ = bus.publish(NODES, to_json(&beat)).await;
        }
    }
}

/// Whether a task comes to its end by a bug, which its log tells.
async fn fails(task: impl Future<Output = ()>) -> bool {
    AssertUnwindSafe(task).catch_unwind().await.is_err()
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for what is being looked for, where something is. Dropping the future loses nothing.
async fn wait<T>(looking: &mut Option<JoinHandle<Result<T, StoreError>>>) -> Result<T, String> {
    let Some(look) = looking else { return std::future::pending().await };
    let looked = look.await;
    *looking = None;
    looked.map_err(|panicked| panicked.to_string())?.map_err(|error| error.to_string())
}
