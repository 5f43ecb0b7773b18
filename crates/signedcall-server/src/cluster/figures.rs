//! What whoever operates a node is told of its cluster.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::bus::Bus;
use crate::metrics::Page;

/// How a node's cluster is at the moment.
#[derive(Debug)]
pub(crate) struct ClusterFigures {
    bus: Bus,
    pub(super) nodes: AtomicUsize,
    pub(super) partitions: AtomicUsize,
    pub(super) misplaced: AtomicUsize,
    pub(super) forwarded: AtomicUsize,
    pub(super) drains: AtomicBool,
}

impl ClusterFigures {
    pub(super) fn new(bus: Bus) -> Self {
        let (nodes, partitions, misplaced, forwarded, drains) = Default::default();
        Self { bus, nodes, partitions, misplaced, forwarded, drains }
    }

    /// Whether the node is about to stop.
    pub(crate) fn drains(&self) -> bool {
        self.drains.load(Ordering::Relaxed)
    }

    /// Whether it reaches the others.
    pub(crate) fn bus_is_there(&self) -> bool {
        self.bus.is_there()
    }

    pub(crate) fn write(&self, page: &mut Page) {
        let read = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        page.value(
            "signedcall_cluster_nodes",
            "Nodes of the cluster that say that they are there, this one among them.",
            read(&self.nodes),
        );
        page.value("signedcall_cluster_partitions", "Partitions of the calls that this node has.", read(&self.partitions));
        let misplaced = "Partitions that this node has and another is to have, which get there one after the other.";
        page.value("signedcall_cluster_misplaced_partitions", misplaced, read(&self.misplaced));
        let forwarded = "WebSockets of this node whose calls another node has.";
        page.value("signedcall_cluster_forwarded_sockets", forwarded, read(&self.forwarded));
        page.value("signedcall_cluster_bus", "Whether the bus is there: 1 or 0.", u8::from(self.bus_is_there()));
    }
}
