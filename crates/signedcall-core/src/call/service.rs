//! What the service says of a call.

use super::*;
use crate::Role;
use signedcall_wire::{Channel, Invite, Transferred};

impl Call {
    /// Somebody calls the user of this device. It rings, and media begins to connect; no microphone is opened.
    pub(crate) fn invited(now: Timestamp, me: Cuid, device: DeviceId, invite: Invite, channel: Channel) -> (Self, Vec<Action>) {
        let ring_for = Duration::from_millis(invite.ring_for_ms).min(LONGEST_RING);
        let leg = Leg { to: invite.endpoint, media: Media::Connecting };
        Self::received(me, device, invite, channel, State::Rings { leg, give_up_at: now + ring_for + RING_MARGIN })
    }

    /// Somebody calls whom the user of this device was calling at the same moment. Both want to talk: it is answered without ringing.
    pub(crate) fn crossing(now: Timestamp, me: Cuid, device: DeviceId, invite: Invite, channel: Channel) -> (Self, Vec<Action>) {
        let call = invite.call;
        let leg = Leg { to: invite.endpoint, media: Media::Connecting };
        let state = State::Answering { leg, give_up_at: now + ANSWER_PATIENCE, talk: Talk::default() };
        let (this, mut actions) = Self::received(me, device, invite, channel, state);
        actions.push(Action::Ask(Request::Accept { call }));
        (this, actions)
    }

    /// Another call of which this side is the caller, in the place of one that the other side has transferred, or that was to lead to it.
    pub(crate) fn transferred(now: Timestamp, me: Cuid, device: DeviceId, before: &Card, transferred: Transferred) -> (Self, Vec<Action>) {
        let mut this =
            Self::new(Card::of_transferred(me, before, transferred), device, State::Placed { give_up_at: now + CALLER_PATIENCE });
        this.reported = Reported::Placed;
        let actions = vec![Action::Do(Command::Report(this.card.report(CallStatus::Placed)))];
        (this, actions)
    }

    fn received(me: Cuid, device: DeviceId, invite: Invite, channel: Channel, state: State) -> (Self, Vec<Action>) {
        let (call, caller_device) = (invite.call, invite.endpoint.device);
        let mut this = Self::new(Card::of_invite(me, invite, channel), device, state);
        let mut actions = vec![
            Action::Ask(Request::Ringing { call }),
            Action::Do(Command::PrepareMedia { call, device: caller_device, role: Role::Answerer }),
        ];
        this.reach(Reported::Ringing, &mut actions);
        (this, actions)
    }

    pub(super) fn placed(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = vec![];
        match self.state {
            State::Placing { .. } => {
                self.state = State::Placed { give_up_at: now + CALLER_PATIENCE };
                self.reach(Reported::Placed, &mut actions);
            }
            // What the service had decided before it heard that this side ends the call; the other side reports it too.
            State::Ending { .. } => self.reach(Reported::Placed, &mut actions),
            State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Over => {}
        }
        actions
    }

    /// The service refuses the later of two calls that cross with [`ErrorCode::OngoingCall`]: the other side's invite has come, or is about to.
    pub(super) fn placing_refused(&mut self, now: Timestamp, error: ErrorCode) -> Vec<Action> {
        match self.state {
            State::Placing { .. } if error == ErrorCode::OngoingCall => {
                self.state = State::Crossed { give_up_at: now + CROSSING_PATIENCE };
                vec![]
            }
            State::Placing { .. } => self.conclude(EndReason::Cancelled, error),
            State::Ending { .. } if self.reported == Reported::Nothing => self.conclude(EndReason::Cancelled, error),
            State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// The other side's call takes the place of this one.
    pub(super) fn superseded(&mut self) -> Vec<Action> {
        match self.state {
            State::Crossed { .. } => self.conclude(EndReason::Cancelled, ErrorCode::OngoingCall),
            State::Placing { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// One that rings again after its program has started anew has lost its media, and is offered another.
    pub(super) fn callee_rings(&mut self, now: Timestamp, by: Endpoint) -> Vec<Action> {
        let mut actions = match self.state {
            // The answer to the request is on its way, or was lost: that a device rings says as much.
            State::Placing { .. } => self.placed(now),
            State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        };
        match &mut self.state {
            State::Placed { give_up_at } => {
                let give_up_at = *give_up_at;
                self.state = State::CalleeRings { legs: vec![Leg { to: by, media: Media::Connecting }], give_up_at };
                actions.push(self.offer_media(by));
                self.reach(Reported::Ringing, &mut actions);
            }
            State::CalleeRings { legs, .. } => match legs.iter().position(|leg| leg.to.device == by.device) {
                Some(index) if legs[index].to == by => {}
                Some(index) => {
                    legs[index] = Leg { to: by, media: Media::Connecting };
                    self.candidates_sent.remove(&by.device);
                    self.described.remove(&by.device);
                    actions.push(Action::Do(Command::DropMedia { call: self.card.call, device: by.device }));
                    actions.push(self.offer_media(by));
                }
                None if legs.len() < MAX_LEGS => {
                    legs.push(Leg { to: by, media: Media::Connecting });
                    actions.push(self.offer_media(by));
                }
                None => {}
            },
            State::Ending { .. } => self.reach(Reported::Ringing, &mut actions),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Over => {}
        }
        actions
    }

    /// A device that rings without its user's answer stays silent, whatever the service says: nobody else opens a microphone.
    pub(super) fn answered(&mut self, now: Timestamp, by: Endpoint) -> Vec<Action> {
        match &self.state {
            State::Placing { .. } | State::Placed { .. } => {
                let mut actions = self.callee_rings(now, by);
                actions.extend(self.answered(now, by));
                actions
            }
            State::CalleeRings { .. } => self.answered_by_callee(now, by),
            State::Answering { leg, talk, .. } if by.device == self.device => self.take_up(now, *leg, *talk),
            State::Ending { .. } => {
                let mut actions = vec![];
                self.reach(Reported::Answered, &mut actions);
                actions
            }
            State::Crossed { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Over => vec![],
        }
    }

    /// The service had forgotten the answer, and with it all that followed: each side says its part again.
    pub(super) fn answered_again(&mut self) -> Vec<Action> {
        let mut actions = self.other_held(false);
        actions.extend(self.known_to_hold(false));
        if matches!(self.state, State::Talking { .. }) {
            actions.push(Action::Ask(Request::MediaConnected { call: self.card.call }));
        }
        actions
    }

    fn answered_by_callee(&mut self, now: Timestamp, by: Endpoint) -> Vec<Action> {
        // That it rings may not have been heard.
        let mut actions = self.callee_rings(now, by);
        let State::CalleeRings { legs, .. } = &mut self.state else { return actions };
        let (winner, losers): (Vec<Leg>, Vec<Leg>) = std::mem::take(legs).into_iter().partition(|leg| leg.to == by);
        let winner = winner.first().copied().unwrap_or_else(|| {
            actions.push(self.offer_media(by));
            Leg { to: by, media: Media::Connecting }
        });
        actions.extend(self.take_up(now, winner, Talk::default()));
        actions.extend(losers.into_iter().map(|leg| Action::Do(Command::DropMedia { call: self.card.call, device: leg.to.device })));
        actions
    }

    /// The call is answered, by the device that `leg` leads to or by this one.
    fn take_up(&mut self, now: Timestamp, leg: Leg, talk: Talk) -> Vec<Action> {
        let mut actions = vec![];
        if leg.media == Media::Connected {
            return self.start_talking(now, leg.to, talk);
        }
        self.state = State::Connecting { leg, give_up_at: now + MEDIA_PATIENCE, talk };
        self.reach(Reported::Answered, &mut actions);
        actions.extend(leg.media.lost().map(|reason| self.hang_up(now, reason)).into_iter().flatten());
        actions
    }

    fn offer_media(&self, to: Endpoint) -> Action {
        Action::Do(Command::PrepareMedia { call: self.card.call, device: to.device, role: Role::Offerer })
    }

    pub(super) fn ended(&mut self, reason: EndReason, other_device: Option<DeviceName>) -> Vec<Action> {
        let mut actions = self.fall_silent(reason);
        if !self.is_over() {
            self.reach(Reported::Placed, &mut actions);
            actions.extend(self.conclude_elsewhere(reason, other_device, ErrorCode::FailureInMakeCall));
        }
        actions
    }

    pub(super) fn too_late(&mut self, now: Timestamp) -> Vec<Action> {
        match self.state {
            State::Rings { .. } | State::Answering { .. } => self.leave(now, EndReason::Missed, None),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// Nothing more will come of the call.
    pub(super) fn leaving_refused(&mut self) -> Vec<Action> {
        match self.state {
            State::Ending { believed, .. } => self.conclude(believed, ErrorCode::FailureInMakeCall),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Over => vec![],
        }
    }

    /// Only then is the caller told, and media offered.
    pub(super) fn confirm_ringing(&self) -> Vec<Action> {
        match self.state {
            State::Rings { .. } => vec![Action::Ask(Request::Ringing { call: self.card.call })],
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// A new session has begun, and the service has no such call any more.
    pub(super) fn forgotten(&mut self) -> Vec<Action> {
        let reason = match self.state {
            // The service has never heard of it: the request is repeated.
            State::Placing { .. } | State::Crossed { .. } | State::Over => return vec![],
            State::Rings { .. } => EndReason::Missed,
            State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. } => EndReason::LocalNetworkLoss,
            State::Ending { believed, .. } => believed,
        };
        self.cut_short(reason, ErrorCode::FailureInMakeCall)
    }

    pub(super) fn signed_out(&mut self) -> Vec<Action> {
        let reason = match self.state {
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. } => EndReason::LocalNetworkLoss,
            State::Rings { .. } => EndReason::Missed,
            State::Ending { believed, .. } => believed,
            State::Over => return vec![],
        };
        self.cut_short(reason, ErrorCode::NotInitialized)
    }
}
