//! The partitions of this node: how it comes to them, and how it gives them up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{Claimed, LEFT_FOR, Mine, NodeParts, Outcome, SETTLED_AFTER, State, TURN, fails, subscribe};
use crate::cluster::balance::ranking;
use crate::cluster::said::{questions, to_owner};
use crate::cluster::trunk::Trunk;
use crate::cluster::{MOVED_WITHIN, Opened, partitions};
use crate::store::owners::{ClaimError, Owner, Partition, Tenure};
use crate::switchboard::{Next, Note};

impl State {
    /// Claims what is nobody's, when it is this node's turn.
    pub(super) fn claim_free(&mut self, owners: &BTreeMap<Partition, Owner>) {
        let (me, now) = (self.parts.id.clone(), Instant::now());
        for partition in partitions() {
            let is_left = self.left_until.get(&partition).is_some_and(|until| *until > now);
            if is_left || self.mine.contains_key(&partition) || self.being_opened.contains(&partition) {
                continue;
            }
            let is_free = owners.get(&partition).is_none_or(|owner| owner.free_in.is_zero() || owner.node == me);
            if !is_free {
                self.free_since.remove(&partition);
                continue;
            }
            let since = *self.free_since.entry(partition).or_insert(now);
            let others = self.members.each().filter(|(_, member)| member.beat.takes).map(|(node, _)| node);
            let turn = ranking(partition, others.chain([&me])).iter().position(|node| **node == me).unwrap_or_default();
            if now.duration_since(since) >= TURN * u32::try_from(turn).unwrap_or(u32::MAX) {
                self.free_since.remove(&partition);
                self.claim(partition);
            }
        }
    }

    fn claim(&mut self, partition: Partition) {
        self.being_opened.insert(partition);
        let NodeParts { bus, id, owners, opening, .. } = self.parts.clone();
        self.opening.spawn(async move {
            // Before anybody learns that there is somebody to talk to.
            let subscriptions = (subscribe(&bus, &to_owner(partition)).await, subscribe(&bus, &questions(partition)).await);
            let claimed = spawn_blocking(move || {
                let tenure = owners.claim(partition, &id)?;
                let opened = opening.open(Some(tenure.clone())).inspect_err(|_| {
                    // Another node may be able to.
                    if let Err(error) = owners.release(&tenure) {
                        tracing::warn!(%error, "a partition that cannot be opened stays this node's until its lease is over");
                    }
                })?;
                Ok::<_, ClaimError>((opened, tenure))
            });
            let failed = match claimed.await {
                Ok(Ok((opened, tenure))) => return (partition, Outcome::Claimed(Box::new(Claimed { tenure, opened, subscriptions }))),
                // Another one was faster.
                Ok(Err(ClaimError::Held(_) | ClaimError::Contended)) => return (partition, Outcome::Taken),
                Ok(Err(ClaimError::Store(error))) => error.to_string(),
                Err(panicked) => panicked.to_string(),
            };
            tracing::error!(partition = partition.0, error = failed, "a partition cannot be had");
            (partition, Outcome::Failed)
        });
    }

    pub(super) fn take_opened(&mut self, partition: Partition, outcome: Outcome) {
        self.being_opened.remove(&partition);
        let Claimed { tenure, opened, subscriptions } = match outcome {
            Outcome::Claimed(claimed) => *claimed,
            Outcome::Taken => return,
            Outcome::Failed => {
                self.left_until.insert(partition, Instant::now() + LEFT_FOR);
                return;
            }
        };
        let Opened { switchboard, notes, inbox, written } = opened;
        tracing::info!(partition = partition.0, epoch = tenure.epoch.0, "this node has a partition");
        let (relay, owners) = (Arc::clone(&self.parts.relay), Arc::clone(&self.parts.owners));
        let task = tokio::spawn(switchboard.run(inbox, written, relay));
        let switchboard = task.abort_handle();
        let served = tenure.clone();
        self.serving.spawn(async move {
            if let Err(error) = task.await
                && !error.is_cancelled()
            {
                tracing::error!(%error, "the switchboard of a partition failed");
            }
            let releasing = served.clone();
            if let Ok(Err(error)) = spawn_blocking(move || owners.release(&releasing)).await {
                tracing::warn!(%error, "the next node has to wait until this one's lease is over");
            }
            served
        });
        let trunk = Trunk::new(self.parts.bus.clone(), (partition, tenure.epoch), notes.clone(), self.exchange.clone());
        let (running, served) = (trunk.run(subscriptions, self.alive.subscribe()), tenure.clone());
        let trunk = self.trunks.spawn(async move { (served, fails(running).await) });
        self.leave_gateway(partition, MOVED_WITHIN);
        self.mine.insert(partition, Mine { tenure, claimed_at: Instant::now(), notes, switchboard, trunk, leaves: false });
        if self.figures.drains() {
            self.give_up(partition, Duration::ZERO);
        }
        self.route();
    }

    /// The switchboard of a partition has ended, and everything is written.
    pub(super) fn take_ended(&mut self, tenure: &Tenure) {
        if self.mine.get(&tenure.partition).is_some_and(|mine| mine.tenure == *tenure) {
            if let Some(mine) = self.mine.remove(&tenure.partition) {
                mine.trunk.abort();
                tracing::info!(partition = tenure.partition.0, asked = mine.leaves, "this node has a partition no more");
            }
            self.heed_members();
        }
    }

    /// A partition that others cannot reach any more is given up: whoever claims it next, this node perhaps, can be reached.
    pub(super) fn take_trunk_ended(&mut self, tenure: &Tenure, has_failed: bool) {
        if has_failed && self.mine.get(&tenure.partition).is_some_and(|mine| mine.tenure == *tenure) {
            tracing::error!(partition = tenure.partition.0, "the way for others to a partition has failed, and the partition is given up");
            self.give_up(tenure.partition, Duration::ZERO);
            self.route();
        }
    }

    /// Lets go of a partition that is another node's by now, whatever was to be done.
    pub(super) fn fence(&mut self, partition: Partition) {
        if let Some(mine) = self.mine.remove(&partition) {
            tracing::warn!(partition = partition.0, "a partition is another node's by now");
            mine.switchboard.abort();
            mine.trunk.abort();
            self.route();
        }
    }

    /// Hands a partition over to a node that is to have it, one after the other. While the bus is away, nobody could reach it there.
    pub(super) fn hand_over(&mut self) {
        if !self.is_heard() || self.mine.values().any(|mine| mine.leaves) {
            return;
        }
        let is_settled = |since: &Option<Instant>| since.is_some_and(|since| since.elapsed() >= SETTLED_AFTER);
        let settled = || self.members.each().filter(|(_, member)| is_settled(&member.takes_since)).map(|(node, _)| node);
        let me = &self.parts.id;
        let theirs = self.mine.keys().find(|partition| ranking(**partition, settled().chain([me])).first() != Some(&me)).copied();
        if let Some(partition) = theirs {
            self.give_up(partition, MOVED_WITHIN);
            self.route();
        }
    }

    /// Ends a switchboard once its devices are gone, or the time is up: they come back and wait for the next one.
    fn give_up(&mut self, partition: Partition, within: Duration) {
        let Some(mine) = self.mine.get_mut(&partition).filter(|mine| !mine.leaves) else { return };
        mine.leaves = true;
        let (notes, (done, _drained)) = (mine.notes.clone(), oneshot::channel());
        let next = if self.members.len() > 0 { Next::AtOnce } else { Next::AtSomeTime };
        tokio::spawn(async move { notes.send(Note::Drain { within, next, done }).await });
    }

    /// The node is about to stop.
    pub(super) fn give_all_up(&mut self) {
        self.figures.drains.store(true, Ordering::Relaxed);
        let within = if self.members.len() > 0 { MOVED_WITHIN } else { self.parts.drain_for };
        for partition in partitions() {
            self.give_up(partition, within);
            self.leave_gateway(partition, self.parts.drain_for);
        }
        self.beat();
        self.route();
    }
}
