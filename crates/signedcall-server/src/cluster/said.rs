//! What nodes say to each other, as JSON.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use signedcall_wire::{AccountId, Branding, CallId, ClientMessage, Cuid, DeviceId, Environment, Resume, ServiceMessage};

use crate::bus::Message;
use crate::hub::{Connect, Connected, HubEvent, SignIn, SocketId, TokenKeyId, User};
use crate::store::owners::{Epoch, NodeId, Partition};

/// Where every node says that it is there.
pub(super) const NODES: &str = "signedcall.nodes";

/// Where gateways say to whoever has a partition what sockets say.
pub(super) fn to_owner(partition: Partition) -> String {
    format!("signedcall.p.{}", partition.0)
}

/// Where everybody asks whoever has a partition.
pub(super) fn questions(partition: Partition) -> String {
    format!("signedcall.q.{}", partition.0)
}

/// Where a gateway hears what its sockets are told.
pub(super) fn to_gateway(link: Link) -> String {
    format!("signedcall.n.{:016x}", link.0)
}

/// One gateway's connection to one switchboard: a number that no other has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Link(pub(super) u64);

/// That a node is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    pub(super) node: NodeId,
    /// What it has.
    pub(super) partitions: Vec<(Partition, Epoch)>,
    /// What it is giving up: once one is not among them any more, it can be claimed.
    pub(super) leaves: Vec<Partition>,
    /// Whether it can have more: it is not about to stop, and the database answers it.
    pub(super) takes: bool,
    /// Whether it is about to stop.
    #[serde(default)]
    pub(super) drains: bool,
}

/// What a gateway says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ToOwner {
    pub(super) link: Link,
    /// Whose it is.
    pub(super) node: NodeId,
    /// Whom it means: whoever has had the partition before, or will after, is somebody else.
    pub(super) epoch: Epoch,
    /// Counts what is said on the link, from 1. A tally has the number of the last.
    pub(super) number: u64,
    pub(super) what: Up,
}

/// What becomes of a gateway's sockets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Up {
    Opened {
        socket: u64,
        /// How long before this was said. A node of an earlier version does not say so, and has its sockets opened when it says that they are.
        #[serde(default)]
        ago_ms: u64,
    },
    SignedIn(Box<SignIn>),
    Resume {
        socket: u64,
        resume: Resume,
    },
    Received {
        socket: u64,
        message: ClientMessage,
    },
    Renewed {
        socket: u64,
        account: AccountId,
        environment: Environment,
        cuid: Cuid,
        key: TokenKeyId,
        lasts: Duration,
    },
    Lost {
        socket: u64,
    },
    /// So much was said.
    Tally,
    /// The gateway ends.
    Bye,
}

impl Up {
    /// What a socket's task tells the hub; nothing where it is not of a socket.
    pub(super) fn of(event: HubEvent) -> Option<Self> {
        match event {
            HubEvent::SignedIn(sign_in) => Some(Self::SignedIn(Box::new(sign_in))),
            HubEvent::ResumeAsked { socket, resume } => Some(Self::Resume { socket: socket.0, resume }),
            HubEvent::Received { socket, message } => Some(Self::Received { socket: socket.0, message }),
            HubEvent::TokenRenewed { socket, account, environment, cuid, key, lasts } => {
                Some(Self::Renewed { socket: socket.0, account, environment, cuid, key, lasts })
            }
            HubEvent::SocketLost { socket } => Some(Self::Lost { socket: socket.0 }),
            HubEvent::Recorded { .. }
            | HubEvent::RecordFailed { .. }
            | HubEvent::StoreFailed { .. }
            | HubEvent::RelayRenewed { .. }
            | HubEvent::AnswerWritten { .. }
            | HubEvent::Restored { .. }
            | HubEvent::ReturnExpected { .. }
            | HubEvent::Withdrawn(_)
            | HubEvent::QuietHours(_)
            | HubEvent::Policies(_)
            | HubEvent::HangUpAsked { .. }
            | HubEvent::ConnectAsked { .. }
            | HubEvent::BrandingChanged { .. }
            | HubEvent::EventsKept { .. }
            | HubEvent::ReceiptMade { .. }
            | HubEvent::PushesKnown { .. }
            | HubEvent::PushKept { .. }
            | HubEvent::PushFailed { .. }
            | HubEvent::Draining
            | HubEvent::Woken => None,
        }
    }

    /// The socket that it is of, by the gateway's number.
    pub(super) fn socket(&self) -> Option<u64> {
        match self {
            Self::Opened { socket, .. }
            | Self::Resume { socket, .. }
            | Self::Received { socket, .. }
            | Self::Renewed { socket, .. }
            | Self::Lost { socket } => Some(*socket),
            Self::SignedIn(sign_in) => Some(sign_in.socket.0),
            Self::Tally | Self::Bye => None,
        }
    }

    /// The same for the hub of another node, which knows the socket by another number.
    pub(super) fn into_event(self, socket: SocketId) -> Option<HubEvent> {
        match self {
            Self::SignedIn(sign_in) => Some(HubEvent::SignedIn(SignIn { socket, ..*sign_in })),
            Self::Resume { resume, .. } => Some(HubEvent::ResumeAsked { socket, resume }),
            Self::Received { message, .. } => Some(HubEvent::Received { socket, message }),
            Self::Renewed { account, environment, cuid, key, lasts, .. } => {
                Some(HubEvent::TokenRenewed { socket, account, environment, cuid, key, lasts })
            }
            Self::Lost { .. } => Some(HubEvent::SocketLost { socket }),
            Self::Opened { .. } | Self::Tally | Self::Bye => None,
        }
    }
}

/// What a gateway is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ToGateway {
    /// Counts what is said on the link, from 1. A tally has the number of the last.
    pub(super) number: u64,
    pub(super) what: Down,
}

/// What a gateway's sockets are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Down {
    Message {
        socket: u64,
        message: Box<ServiceMessage>,
    },
    /// The socket is to be closed, once what came before is written.
    Closed {
        socket: u64,
    },
    /// So much was said.
    Tally,
    /// Something that the gateway has said is missing, or whoever it means is not there. Nothing follows.
    Refused,
}

/// What is asked of whoever has a partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) epoch: Epoch,
    pub(super) what: Asked,
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Asked {
    Presence { user: User },
    HangUp { account: AccountId, environment: Environment, call: CallId },
    Connect(Box<Connect>),
    Branding { account: AccountId, branding: Branding },
    PushFailed { call: CallId, user: User, device: DeviceId, gone: bool },
}

impl Asked {
    /// What others than sockets tell the hub; nothing where it is a socket's.
    pub(super) fn of(event: &HubEvent) -> Option<Self> {
        if let HubEvent::BrandingChanged { account, branding } = event {
            Some(Self::Branding { account: account.clone(), branding: branding.clone() })
        } else if let HubEvent::PushFailed { call, account, environment, cuid, device, gone } = event {
            let user = (account.clone(), *environment, cuid.clone());
            Some(Self::PushFailed { call: *call, user, device: *device, gone: *gone })
        } else {
            None
        }
    }
}

/// What is answered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// On how many devices, and how long ago one of them was known to be connected.
    Presence {
        devices: usize,
        last_seen: Option<Duration>,
    },
    /// Whether the call went on until then.
    HungUp(bool),
    Connected(Connected),
    Done,
}

pub(super) fn to_json(said: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(said).unwrap_or_else(|error| {
        tracing::error!(%error, "something cannot be said as JSON");
        Vec::new()
    })
}

/// What another node has said. One of another version may say what this one does not understand, which is as if it were lost.
pub(super) fn read<T: DeserializeOwned>(message: &Message) -> Option<T> {
    serde_json::from_slice(&message.payload).inspect_err(|error| tracing::warn!(%error, "another node says what is not understood")).ok()
}
