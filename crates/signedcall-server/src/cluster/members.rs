//! Which nodes are there.

use std::collections::BTreeMap;
use std::time::Instant;

use super::SILENT_FOR;
use super::said::Beat;
use crate::store::owners::{Epoch, NodeId, Partition};

/// The other nodes that have said lately that they are there.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<NodeId, Member>);

/// Another node.
#[derive(Debug)]
pub(super) struct Member {
    /// What it has said last.
    pub(super) beat: Beat,
    heard_at: Instant,
    /// Since when it can have partitions, without a break.
    pub(super) takes_since: Option<Instant>,
}

impl Members {
    /// Takes note that one is there. Says whether that is news.
    pub(super) fn hear(&mut self, now: Instant, beat: Beat) -> bool {
        let known = self.0.get(&beat.node);
        let takes_since = beat.takes.then(|| known.and_then(|known| known.takes_since).unwrap_or(now));
        let is_news = known.is_none_or(|known| known.beat != beat);
        self.0.insert(beat.node.clone(), Member { beat, heard_at: now, takes_since });
        is_news
    }

    /// Forgets those that have said nothing for too long. Says whether there were some.
    pub(super) fn forget_silent(&mut self, now: Instant) -> bool {
        let before = self.0.len();
        self.0.retain(|node, member| {
            let is_there = now.duration_since(member.heard_at) < SILENT_FOR;
            if !is_there {
                tracing::warn!(node = node.0, "a node says nothing any more");
            }
            is_there
        });
        self.0.len() < before
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&NodeId, &Member)> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Who has which partition, as they say themselves. Of two that say so the one of the later tenure has it.
    pub(super) fn owners(&self) -> BTreeMap<Partition, (NodeId, Epoch)> {
        let mut owners: BTreeMap<Partition, (NodeId, Epoch)> = BTreeMap::new();
        for (node, member) in &self.0 {
            for (partition, epoch) in &member.beat.partitions {
                if owners.get(partition).is_none_or(|(_, known)| known < epoch) {
                    owners.insert(*partition, (node.clone(), *epoch));
                }
            }
        }
        owners
    }
}
