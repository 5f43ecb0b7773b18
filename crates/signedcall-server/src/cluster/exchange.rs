//! The way to whoever decides on calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use signedcall_wire::{AccountId, SessionId};
use tokio::sync::mpsc::Sender;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::numbers::SocketNumbers;
use super::{ClusterFigures, OWNED_WITHIN, partition_of, partition_of_session};
use crate::hub::SocketId;
use crate::store::owners::Partition;
use crate::switchboard::{Figures, Note};

/// Finds the switchboard that has somebody's calls. Cloning gives another way to the same ones.
///
/// Every socket has one, so that it is as small as can be.
#[derive(Clone, Debug)]
pub(crate) struct Exchange(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ways: Ways,
    sockets: SocketNumbers,
}

#[derive(Debug)]
enum Ways {
    /// One has all.
    One(Sender<Note>),
    /// Each partition has its own, here or on another node.
    Many { routes: watch::Receiver<Routes>, figures: Arc<ClusterFigures> },
}

/// The ways that are known at a moment. A partition that nobody has is not among them.
pub(super) type Routes = BTreeMap<Partition, Route>;

/// The way to a switchboard.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) notes: Sender<Note>,
    /// Whether it is this node's own.
    pub(super) is_here: bool,
}

impl Exchange {
    /// Where one switchboard has all calls.
    pub(crate) fn to_one(notes: Sender<Note>) -> Self {
        Self(Arc::new(Inner { ways: Ways::One(notes), sockets: SocketNumbers::default() }))
    }

    /// Where each partition has its own.
    pub(super) fn to_many(routes: watch::Receiver<Routes>, figures: Arc<ClusterFigures>) -> Self {
        Self(Arc::new(Inner { ways: Ways::Many { routes, figures }, sockets: SocketNumbers::default() }))
    }

    /// A number for a socket that is opened now.
    pub(crate) fn new_socket(&self) -> SocketId {
        self.socket_of(Duration::ZERO)
    }

    /// A number for a socket that was opened so long ago.
    pub(super) fn socket_of(&self, ago: Duration) -> SocketId {
        self.0.sockets.give(ago)
    }

    /// The one that has all calls, where there is one: a socket goes there before it is known whose it is.
    pub(crate) fn sole(&self) -> Option<&Sender<Note>> {
        match &self.0.ways {
            Ways::One(notes) => Some(notes),
            Ways::Many { .. } => None,
        }
    }

    /// The one that has an account's calls. Waits a little while nobody has them.
    pub(crate) async fn of(&self, account: &AccountId) -> Option<Sender<Note>> {
        self.to(partition_of(account)).await
    }

    /// The one that knows a session, if anybody does. Waits likewise.
    pub(crate) async fn of_session(&self, session: SessionId) -> Option<Sender<Note>> {
        self.to(partition_of_session(session)).await
    }

    async fn to(&self, partition: Partition) -> Option<Sender<Note>> {
        match &self.0.ways {
            Ways::One(notes) => Some(notes.clone()),
            Ways::Many { routes, .. } => {
                let mut routes = routes.clone();
                let is_there = |routes: &Routes| routes.get(&partition).is_some_and(|route| !route.notes.is_closed());
                let found = timeout(OWNED_WITHIN, routes.wait_for(is_there)).await.ok()?.ok()?;
                found.get(&partition).map(|route| route.notes.clone())
            }
        }
    }

    /// Whether this process has an account's calls.
    pub(crate) fn has(&self, account: &AccountId) -> bool {
        match &self.0.ways {
            Ways::One(_) => true,
            Ways::Many { routes, .. } => routes.borrow().get(&partition_of(account)).is_some_and(|route| route.is_here),
        }
    }

    /// Those of this process.
    pub(crate) fn here(&self) -> Vec<Sender<Note>> {
        match &self.0.ways {
            Ways::One(notes) => vec![notes.clone()],
            Ways::Many { routes, .. } => routes.borrow().values().filter(|route| route.is_here).map(|route| route.notes.clone()).collect(),
        }
    }

    /// Whether all of this process answer in time.
    pub(crate) async fn live(&self, within: Duration) -> bool {
        let all = async {
            for notes in self.here() {
                let (alive, answer) = oneshot::channel();
                let is_alive = notes.send(Note::Ping(alive)).await.is_ok() && answer.await.is_ok();
                // One that has just given its calls up answers nobody, and is not among them the next time.
                if !is_alive && (self.cluster().is_none() || !notes.is_closed()) {
                    return false;
                }
            }
            true
        };
        timeout(within, all).await.unwrap_or(false)
    }

    /// How much there is of what those of this process know, all together, if all answer.
    pub(crate) async fn figures(&self) -> Option<Figures> {
        let mut sum =
            Figures { drains: self.cluster().is_some_and(ClusterFigures::drains), records_are_written: true, ..Figures::default() };
        for notes in self.here() {
            let (tell, told) = oneshot::channel();
            let asked = notes.send(Note::Figures(tell)).await.is_ok();
            match told.await {
                Ok(figures) if asked => sum.add(figures),
                Ok(_) | Err(_) if self.cluster().is_some() && notes.is_closed() => {}
                Ok(_) | Err(_) => return None,
            }
        }
        Some(sum)
    }

    /// How many messages wait for those of this process.
    pub(crate) fn waiting(&self) -> usize {
        self.here().iter().map(|notes| notes.max_capacity() - notes.capacity()).sum()
    }

    /// What there is to know of the cluster that this process is a node of, if it is.
    pub(crate) fn cluster(&self) -> Option<&ClusterFigures> {
        match &self.0.ways {
            Ways::One(_) => None,
            Ways::Many { figures, .. } => Some(figures),
        }
    }
}
