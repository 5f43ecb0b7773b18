//! Several services on one database that are one to devices and companies: each is a node of a cluster.
//!
//! ```text
//!  device ── socket ──▶ any node ── the account's partition is ──▶ this node's: its switchboard
//!                                                            └──▶ another's: a gateway ══ bus ══▶ trunk ──▶ its switchboard there
//! ```
//!
//! Calls are between users of one account, so all that is known of an account, its sessions and its calls, lies in one *partition*, and one node at a time
//! has that. It alone decides: which answer wins, who is busy, and what glare comes to are settled by the one switchboard of the partition, as in a service
//! that is alone. Which node that is says the database (`store/owners`); what a node writes that has lost a partition without noticing is refused there.
//!
//! * **[`exchange`]** finds the way to a partition's switchboard. Whoever has something to say need not know where that is.
//! * **[`gateway`]** takes the switchboard's place on a node that has a socket and not the partition; **[`trunk`]** takes the socket's place on the one that
//!   has the partition. Both count what is said each way. Where a message is missing, the sockets are closed, and their devices' sessions go on by another:
//!   the bus may lose something, but never without that.
//! * **[`numbers`]** of sockets say which was opened first, also of those on other nodes: what a device has said last is what counts.
//! * **[`members`]** are the nodes that have said lately that they are there, and **[`balance`]** who of them is to have which partition.
//! * **[`node`]** claims partitions, gives them up, and takes note when others do.
//! * **[`opening`]** makes the switchboard of a partition, which goes on with the calls that its last one has left, as a service does that is started again.

mod balance;
mod exchange;
mod figures;
mod gateway;
mod members;
mod node;
mod numbers;
mod opening;
mod said;
#[cfg(test)]
mod tests;
mod trunk;

use std::time::Duration;

use signedcall_wire::{AccountId, SessionId};
use uuid::Uuid;

pub(crate) use self::exchange::Exchange;
pub(crate) use self::figures::ClusterFigures;
pub(crate) use self::node::{Node, NodeParts};
pub(crate) use self::opening::{Opened, Opening};
pub(crate) use self::trunk::Forwarded;
use crate::bus::BusServer;
pub(crate) use crate::store::owners::partition_of;
use crate::store::owners::{FIRST, PARTITIONS, Partition, numbered};

/// How often a node says that it is there, and to everybody that it talks with how much it has said.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// How long one is believed to be there that has said nothing: long enough for a bus that is started again at once.
const SILENT_FOR: Duration = Duration::from_millis(1_800);
/// How long devices have to come back whose sockets lead to a switchboard that is there no more. Shorter than they are waited for.
const MOVED_WITHIN: Duration = Duration::from_secs(1);
/// How long whoever comes waits for a node that has its partition: longer than the lease of one that was killed, and the claim of another.
const OWNED_WITHIN: Duration = Duration::from_secs(4);

/// How a service is a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Where the nodes meet.
    pub bus: BusServer,
    /// What people call this one.
    pub name: String,
}

/// All partitions there are.
fn partitions() -> impl Iterator<Item = Partition> {
    (FIRST..FIRST + u16::from(PARTITIONS)).map(Partition)
}

/// Where a session is known, as its id says: whoever resumes one says no account.
pub(crate) fn partition_of_session(session: SessionId) -> Partition {
    numbered(session.0.as_bytes()[15])
}

/// A fresh id for a session of an account.
pub(crate) fn new_session(account: &AccountId) -> SessionId {
    let mut bytes = *Uuid::new_v4().as_bytes();
    let number = partition_of(account).0 - FIRST;
    bytes[15] = bytes[15] / PARTITIONS * PARTITIONS + u8::try_from(number).unwrap_or_default();
    SessionId(Uuid::from_bytes(bytes))
}
