use signedcall_wire::{CallId, CallStatus, Channel, Context, Cuid, Direction, Invite, NewCall, Timestamp, Transferred};

use crate::{CallView, Dial, Holding, Phase, StatusReport};

/// Who calls whom, and why: what of a call never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) call: CallId,
    pub(crate) direction: Direction,
    pub(crate) caller: Cuid,
    pub(crate) caller_name: Option<String>,
    pub(crate) callee: Cuid,
    pub(crate) context: Context,
    pub(crate) initiator_image: Option<String>,
    pub(crate) receiver_image: Option<String>,
    pub(crate) transferred_by: Option<Cuid>,
    /// Whether neither side has called, and their company connects them.
    pub(crate) is_by_company: bool,
    pub(crate) channel: Channel,
}

impl Card {
    pub(crate) fn of_dial(me: Cuid, dial: &Dial) -> Self {
        Self {
            call: dial.call,
            direction: Direction::Outgoing,
            caller: me,
            caller_name: None,
            callee: dial.to.clone(),
            context: dial.context.clone(),
            initiator_image: dial.initiator_image.clone(),
            receiver_image: dial.receiver_image.clone(),
            transferred_by: None,
            is_by_company: false,
            channel: Channel::Socket,
        }
    }

    /// The call that takes the place of another: the other side of that one has transferred `me`, or it was the company's, to connect `me` with somebody.
    pub(crate) fn of_transferred(me: Cuid, before: &Self, transferred: Transferred) -> Self {
        let by = match before.direction {
            Direction::Incoming => &before.caller,
            Direction::Outgoing => &before.callee,
        };
        Self {
            call: transferred.call,
            direction: Direction::Outgoing,
            caller: me,
            caller_name: None,
            callee: transferred.to,
            context: transferred.context,
            initiator_image: transferred.initiator_image,
            receiver_image: before.initiator_image.clone().filter(|_| before.is_by_company),
            transferred_by: Some(by.clone()).filter(|_| !before.is_by_company),
            is_by_company: before.is_by_company,
            channel: Channel::Socket,
        }
    }

    pub(crate) fn of_invite(me: Cuid, invite: Invite, channel: Channel) -> Self {
        Self {
            call: invite.call,
            direction: Direction::Incoming,
            caller: invite.from,
            caller_name: invite.from_name,
            callee: me,
            context: invite.context,
            initiator_image: invite.initiator_image,
            receiver_image: invite.receiver_image,
            transferred_by: invite.transferred_by,
            is_by_company: invite.leads_to.is_some(),
            channel,
        }
    }

    pub(crate) fn report(&self, status: CallStatus) -> StatusReport {
        StatusReport {
            call: self.call,
            direction: self.direction,
            status,
            caller: self.caller.clone(),
            caller_name: self.caller_name.clone(),
            callee: self.callee.clone(),
            context: self.context.clone(),
            initiator_image: self.initiator_image.clone(),
            receiver_image: self.receiver_image.clone(),
            channel: self.channel,
            other_device: None,
        }
    }

    pub(crate) fn view(&self, phase: Phase, muted: bool, holding: Holding, ends_at: Option<Timestamp>) -> CallView {
        let (peer, peer_name, peer_image) = match self.direction {
            Direction::Outgoing => (&self.callee, &None, &self.receiver_image),
            Direction::Incoming => (&self.caller, &self.caller_name, &self.initiator_image),
        };
        CallView {
            call: self.call,
            direction: self.direction,
            peer: peer.clone(),
            peer_name: peer_name.clone(),
            context: self.context.clone(),
            peer_image: peer_image.clone(),
            transferred_by: self.transferred_by.clone(),
            is_by_company: self.is_by_company,
            phase,
            muted,
            holding,
            ends_at,
        }
    }
}

/// The request that places a dialled call.
pub(super) fn new_call(dial: Dial) -> NewCall {
    let Dial { call, to, context, remote_context, initiator_image, receiver_image, max_duration } = dial;
    let max_duration_ms = max_duration.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    NewCall { call, to, context, remote_context, initiator_image, receiver_image, max_duration_ms }
}
