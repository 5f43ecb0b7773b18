//! Deadlines, the link, and the last word on a call.

use super::*;
use crate::StatusReport;

impl Call {
    /// When to hand in [`CallEvent::Woken`]; nothing while the call waits for nothing.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let talk = self.talk().and_then(Talk::deadline);
        self.patience().into_iter().chain(talk).chain(self.path_deadline()).min()
    }

    /// When another path is to be looked for.
    fn path_deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Talking { flow, .. } => flow.restart_at(),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Ending { .. }
            | State::Over => None,
        }
    }

    /// When what the call waits for is overdue.
    fn patience(&self) -> Option<Timestamp> {
        match &self.state {
            State::Placing { give_up_at }
            | State::Crossed { give_up_at }
            | State::Rings { give_up_at, .. }
            | State::Answering { give_up_at, .. }
            | State::Connecting { give_up_at, .. }
            | State::Ending { give_up_at, .. } => Some(*give_up_at),
            State::Placed { give_up_at } | State::CalleeRings { give_up_at, .. } => match self.link {
                Link::Up => Some(*give_up_at),
                Link::Lost { since } => Some((*give_up_at).min(since + GRACE)),
            },
            State::Talking { flow: Flow::Steady, .. } | State::Over => None,
            State::Talking { flow: Flow::Interrupted { since: silent, .. }, .. } => match self.link {
                Link::Up => Some(*silent + GRACE),
                // Nothing comes by either way: the grace that began first counts.
                Link::Lost { since } => Some((*silent + GRACE).min(since + GRACE).max(*silent)),
            },
        }
    }

    pub(super) fn woken(&mut self, now: Timestamp) -> Vec<Action> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return vec![];
        }
        let talk = self.talk().unwrap_or_default();
        if talk.over_at().is_some_and(|over_at| over_at <= now) {
            return self.hang_up(now, EndReason::MaxDuration);
        }
        if talk.transfer_by.is_some_and(|by| by <= now) {
            // Not that there is no network: then it would not have been asked for. The service may have done it all the same.
            let mut actions = self.transfer_refused(ErrorCode::NetworkLatency);
            actions.extend(self.woken(now));
            return actions;
        }
        if self.patience().is_none_or(|patience| now < patience) {
            return self.path_overdue(now);
        }
        match self.state {
            // Should the service have placed it after all, it must not ring on for somebody who has given up.
            State::Placing { .. } => {
                let mut actions = vec![Action::Ask(Request::Hangup { call: self.card.call, reason: EndReason::Cancelled })];
                actions.extend(self.conclude(EndReason::Cancelled, ErrorCode::NetworkNotAvailable));
                actions
            }
            State::Crossed { .. } => self.conclude(EndReason::Cancelled, ErrorCode::OngoingCall),
            State::Placed { .. } | State::CalleeRings { .. } => match self.link {
                Link::Up => self.hang_up(now, EndReason::RingTimeout),
                Link::Lost { .. } => self.hang_up(now, EndReason::LocalNetworkLoss),
            },
            State::Rings { .. } => match self.link {
                Link::Up => self.leave(now, EndReason::RingTimeout, None),
                Link::Lost { .. } => self.leave(now, EndReason::Missed, None),
            },
            State::Answering { .. } => self.hang_up(now, EndReason::LocalNetworkLoss),
            State::Connecting { .. } => self.hang_up(now, EndReason::MediaSetupTooSlow),
            State::Talking { .. } => self.hang_up(now, self.network_loss()),
            State::Ending { believed, .. } => self.conclude(believed, ErrorCode::NetworkNotAvailable),
            State::Over => vec![],
        }
    }

    /// Whose network it is that was lost: this side's when the service cannot be reached either.
    pub(super) fn network_loss(&self) -> EndReason {
        match self.link {
            Link::Up => EndReason::RemoteNetworkLoss,
            Link::Lost { .. } => EndReason::LocalNetworkLoss,
        }
    }

    pub(super) fn link_up(&mut self, now: Timestamp) -> Vec<Action> {
        self.link = Link::Up;
        self.look_for_path(Some(now + RETURN_PATIENCE));
        vec![]
    }

    pub(super) fn link_lost(&mut self, now: Timestamp) -> Vec<Action> {
        if self.link == Link::Up {
            self.link = Link::Lost { since: now };
            self.look_for_path(None);
        }
        vec![]
    }

    fn look_for_path(&mut self, at: Option<Timestamp>) {
        match &mut self.state {
            State::Talking { flow, .. } => flow.restart_by(at),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Ending { .. }
            | State::Over => {}
        }
    }

    /// Ends the call without asking the service, which knows of no such call or of no such device.
    pub(super) fn cut_short(&mut self, reason: EndReason, unplaced: ErrorCode) -> Vec<Action> {
        let mut actions = self.fall_silent(reason);
        actions.extend(self.conclude(reason, unplaced));
        actions
    }

    /// The other side has transferred this one. What takes the place of the call is heard at once, so that no tone says that it is over.
    pub(super) fn replaced(&mut self) -> Vec<Action> {
        if self.is_over() {
            return vec![];
        }
        let mut actions = self.transfer_refused(ErrorCode::FailureInMakeCall);
        if self.is_on() {
            // A new session may learn of both at once.
            self.reach(Reported::Answered, &mut actions);
        }
        actions.extend(self.close_media(EndReason::Transferred));
        actions.extend(self.conclude(EndReason::Transferred, ErrorCode::FailureInMakeCall));
        actions
    }

    /// The last word. A dialled call of which nothing has been reported was not placed, for the reason `unplaced`.
    pub(super) fn conclude(&mut self, reason: EndReason, unplaced: ErrorCode) -> Vec<Action> {
        self.conclude_elsewhere(reason, None, unplaced)
    }

    /// The same, of a call that another device of this user may have answered or declined.
    pub(super) fn conclude_elsewhere(&mut self, reason: EndReason, other_device: Option<DeviceName>, unplaced: ErrorCode) -> Vec<Action> {
        let call = self.card.call;
        let last = if self.reported == Reported::Nothing {
            Command::NotPlaced { call, error: unplaced }
        } else {
            Command::Report(StatusReport { other_device, ..self.card.report(CallStatus::Ended(reason)) })
        };
        self.reported = Reported::Ended;
        self.state = State::Over;
        vec![Action::Do(last)]
    }
}
