//! The ways to partitions of other nodes, and what everybody is told of all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Elsewhere, INBOX, State, fails};
use crate::cluster::balance::ranking;
use crate::cluster::exchange::Route;
use crate::cluster::gateway::{Gateway, GatewayTo};
use crate::cluster::said::Link;
use crate::cluster::{MOVED_WITHIN, partitions};
use crate::store::owners::{Epoch, NodeId, Partition};
use crate::switchboard::{Next, Note};

impl State {
    /// Does what follows from who is there, and has what.
    pub(super) fn heed_members(&mut self) {
        let there: BTreeSet<NodeId> = self.members.each().map(|(node, _)| node.clone()).collect();
        self.alive.send_if_modified(|alive| std::mem::replace(alive, there.clone()) != there);
        let owners = self.members.owners();
        for partition in partitions() {
            let owner = owners.get(&partition);
            if let (Some(mine), Some((_, epoch))) = (self.mine.get(&partition), owner)
                && mine.tenure.epoch < *epoch
            {
                self.fence(partition);
            }
            if self.mine.contains_key(&partition) || self.figures.drains() {
                continue;
            }
            if self.gateways.get(&partition).map(|gateway| &gateway.owner) != owner {
                self.leave_gateway(partition, MOVED_WITHIN);
                if let Some(owner) = owner {
                    self.open_gateway(partition, owner.clone());
                }
            }
        }
        self.route();
    }

    fn open_gateway(&mut self, partition: Partition, owner: (NodeId, Epoch)) {
        let (notes, inbox) = mpsc::channel(INBOX);
        let link = Link(rand::random());
        let (bus, node, figures) = (self.parts.bus.clone(), self.parts.id.clone(), Arc::clone(&self.figures));
        let gateway = Gateway::new(GatewayTo { bus, node, partition, epoch: owner.1, link, figures });
        let running = gateway.run(inbox, self.broken.clone());
        self.forwarding.spawn(async move {
            fails(running).await;
            (partition, link)
        });
        self.gateways.insert(partition, Elsewhere { owner, link, notes });
    }

    /// A gateway has ended, or cannot go on; unless it was to, another takes its place.
    pub(super) fn replace_gateway(&mut self, partition: Partition, link: Link) {
        if self.gateways.get(&partition).is_some_and(|gateway| gateway.link == link) {
            self.gateways.remove(&partition);
            self.heed_members();
        }
    }

    pub(super) fn leave_gateway(&mut self, partition: Partition, within: Duration) {
        if let Some(Elsewhere { notes, .. }) = self.gateways.remove(&partition) {
            let (done, _left) = oneshot::channel();
            tokio::spawn(async move { notes.send(Note::Drain { within, next: Next::AtOnce, done }).await });
        }
    }

    /// Tells everybody which ways there are.
    pub(super) fn route(&self) {
        let here = self.mine.iter().filter(|(_, mine)| !mine.leaves);
        let here = here.map(|(partition, mine)| (*partition, Route { notes: mine.notes.clone(), is_here: true }));
        let elsewhere =
            self.gateways.iter().map(|(partition, gateway)| (*partition, Route { notes: gateway.notes.clone(), is_here: false }));
        self.routes.send_replace(elsewhere.chain(here).collect());
        self.figures.nodes.store(self.members.len() + 1, Ordering::Relaxed);
        self.figures.partitions.store(self.mine.len(), Ordering::Relaxed);
        // One that the database has not answered yet is to have its share as well.
        let stay = || self.members.each().filter(|(_, member)| !member.beat.drains).map(|(node, _)| node).chain([&self.parts.id]);
        let is_misplaced = |partition: &&Partition| ranking(**partition, stay()).first() != Some(&&self.parts.id);
        self.figures.misplaced.store(self.mine.keys().filter(is_misplaced).count(), Ordering::Relaxed);
    }
}
