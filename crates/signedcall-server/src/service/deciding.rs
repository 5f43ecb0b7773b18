//! Who decides on the calls: one switchboard for all of them, or the node of a cluster.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::StartError;
use crate::bus::Bus;
use crate::cluster::{ClusterSettings, Exchange, Node, NodeParts, Opened, Opening};
use crate::push::PushThread;
use crate::relay::Relay;
use crate::store::Location;
use crate::store::owners::{NodeId, Owners};
use crate::switchboard::{Next, Note};
use crate::tenancy::{Tenancy, claim_all, every_node};

/// Whom the service shares the calls of its store with.
pub(super) enum Joining {
    Nobody(Option<Tenancy>),
    Cluster(Member),
}

/// What a node is to those it joins.
pub(super) struct Member {
    bus: Bus,
    id: NodeId,
    owners: Arc<Owners>,
}

/// Makes sure that the calls are a cluster's, and goes to where its nodes meet.
pub(super) async fn join(settings: &ClusterSettings, store: &Location) -> Result<Member, StartError> {
    let owners = Arc::new(Owners::open(store)?);
    claim_all(store, &owners, &every_node()).await?;
    let bus = Bus::connect(&settings.bus, &settings.name).await?;
    // Another run of the same node is another owner.
    let id = NodeId(format!("{}.{}", settings.name, Uuid::new_v4().simple()));
    Ok(Member { bus, id, owners })
}

/// The same with everything that a switchboard is made of, or one that is made already.
pub(super) enum Ready {
    One(Box<Opened>, Option<Tenancy>),
    Many(Box<Opening>, Member),
}

impl Joining {
    /// The way to the other nodes, if there are any.
    pub(super) fn bus(&self) -> Option<Bus> {
        match self {
            Self::Nobody(_) => None,
            Self::Cluster(member) => Some(member.bus.clone()),
        }
    }

    /// Opens what can fail. Blocks for a moment.
    pub(super) fn open(self, opening: Opening) -> Result<Ready, StartError> {
        Ok(match self {
            Self::Nobody(tenancy) => Ready::One(Box::new(opening.open(tenancy.as_ref().map(Tenancy::tenure))?), tenancy),
            Self::Cluster(member) => Ready::Many(Box::new(opening), member),
        })
    }
}

impl Ready {
    /// Begins to decide. `last` is done once nobody decides any more.
    pub(super) async fn start(self, relay: Arc<Relay>, drain_for: Duration, last: Last) -> (Deciding, Exchange) {
        match self {
            Self::One(opened, tenancy) => start_one(*opened, tenancy, relay, last),
            Self::Many(opening, Member { bus, id, owners }) => {
                let parts = NodeParts { bus, id, owners, opening: Arc::new(*opening), relay, drain_for };
                let (node, exchange) = Node::start(parts).await;
                (Deciding::Many(node, last), exchange)
            }
        }
    }
}

/// What is done last: until then the store is written to, also when nobody has waited for the shutdown.
#[derive(Debug)]
pub(super) struct Last {
    /// Stops whoever sends pushes when it is dropped.
    pub(super) stop_pushes: oneshot::Sender<()>,
    /// Comes to its end when nothing that was sent is under way any more.
    pub(super) pushes_over: oneshot::Receiver<()>,
    pub(super) push_thread: PushThread,
    /// Keeps others from the store's directory.
    pub(super) lock: File,
}

impl Last {
    async fn finish(self) {
        let Self { stop_pushes, pushes_over, push_thread, lock } = self;
        // What is under way is waited for, and then written down with all that was handed in before.
        drop(stop_pushes);
        let _ = pushes_over.await;
        if spawn_blocking(move || push_thread.finish()).await.is_err() {
            tracing::error!("what is known of pushes could not be finished");
        }
        drop(lock);
    }
}

fn start_one(opened: Opened, tenancy: Option<Tenancy>, relay: Arc<Relay>, last: Last) -> (Deciding, Exchange) {
    let Opened { switchboard, notes, inbox, written } = opened;
    let kept = tenancy.clone();
    let switchboard = tokio::spawn(async move {
        switchboard.run(inbox, written, Arc::clone(&relay)).await;
        relay.stop().await;
        last.finish().await;
        if let Some(tenancy) = tenancy {
            tenancy.end().await;
        }
    });
    let tenancy = kept.map(|tenancy| {
        let switchboard = switchboard.abort_handle();
        tokio::spawn(async move {
            tenancy.keep().await;
            tracing::error!("another service has the calls of this one");
            switchboard.abort();
        })
    });
    (Deciding::One { switchboard, tenancy }, Exchange::to_one(notes))
}

/// Whoever decides on calls, at work.
#[derive(Debug)]
pub(super) enum Deciding {
    One { switchboard: JoinHandle<()>, tenancy: Option<JoinHandle<()>> },
    Many(Node, Last),
}

impl Deciding {
    /// Returns when it has stopped by itself.
    pub(super) async fn failed(&mut self) {
        match self {
            // Whether it panicked or ended is for its own log.
            Self::One { switchboard, .. } => drop(switchboard.await),
            Self::Many(node, _) => node.failed().await,
        }
    }

    /// Tells every device to leave, and returns when they have, or the time is up, and everything is written.
    pub(super) async fn shutdown(self, exchange: &Exchange, within: Duration) {
        let (switchboard, tenancy) = match self {
            Self::One { switchboard, tenancy } => (switchboard, tenancy),
            Self::Many(node, last) => {
                node.shutdown().await;
                last.finish().await;
                return;
            }
        };
        let (done, drained) = oneshot::channel();
        if let Some(notes) = exchange.sole()
            && notes.send(Note::Drain { within, next: Next::AtSomeTime, done }).await.is_ok()
        {
            // An error means that the task is gone, which the next line reports.
            let _ = drained.await;
        }
        if let Err(error) = switchboard.await {
            tracing::error!(%error, "the hub's task failed");
        }
        if let Some(tenancy) = tenancy {
            tenancy.abort();
        }
    }
}
