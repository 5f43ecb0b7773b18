//! What a device has been told.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use signedcall_wire::{CallId, CallPhase, CallSnapshot, DeviceId, EndReason, ErrorCode, RequestId, ServiceEvent, Welcome};

/// Answers that are remembered: nobody waits for as many at once.
const ANSWERS: usize = 64;

/// What a device knows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    signed_in: bool,
    /// When it had no socket, and when it was signed in again.
    away: Vec<(Instant, Instant)>,
    calls: BTreeMap<CallId, Phase>,
    answers: VecDeque<(RequestId, Option<ErrorCode>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Known,
    Answered(DeviceId),
    Ended(EndReason),
}

impl Seen {
    pub(super) fn is_signed_in(&self) -> Option<()> {
        self.signed_in.then_some(())
    }

    pub(super) fn knows(&self, call: CallId) -> Option<()> {
        self.calls.contains_key(&call).then_some(())
    }

    /// Which device has answered a call.
    pub(super) fn winner(&self, call: CallId) -> Option<DeviceId> {
        match self.calls.get(&call) {
            Some(Phase::Answered(by)) => Some(*by),
            Some(Phase::Known | Phase::Ended(_)) | None => None,
        }
    }

    pub(super) fn end_of(&self, call: CallId) -> Option<EndReason> {
        match self.calls.get(&call) {
            Some(Phase::Ended(reason)) => Some(*reason),
            Some(Phase::Known | Phase::Answered(_)) | None => None,
        }
    }

    /// What a request was answered.
    pub(super) fn answer_to(&self, request: RequestId) -> Option<Option<ErrorCode>> {
        self.answers.iter().find(|(id, _)| *id == request).map(|(_, error)| *error)
    }

    /// For how long it had no socket that has one again since a moment, at most.
    pub(super) fn was_away_since(&self, moment: Instant) -> Option<Duration> {
        let away = self.away.iter().filter(|(_, back)| *back > moment).map(|(from, back)| back.duration_since((*from).max(moment)));
        away.max()
    }

    /// How long after a moment it was signed in again, if it had no socket meanwhile.
    pub(super) fn was_back_after(&self, moment: Instant) -> Option<Duration> {
        self.away.iter().filter(|(_, back)| *back > moment).map(|(_, back)| back.duration_since(moment)).max()
    }

    /// Whether it has ever lost its socket.
    pub(super) fn was_lost(&self) -> bool {
        self.away.len() > 1 || !self.signed_in
    }

    pub(super) fn leave(&mut self) {
        self.signed_in = false;
    }

    pub(super) fn come_back(&mut self, away_since: Instant) {
        self.signed_in = true;
        self.away.push((away_since, Instant::now()));
    }

    /// It is about to call somebody.
    pub(super) fn begin(&mut self, call: CallId) {
        self.calls.insert(call, Phase::Known);
    }

    pub(super) fn note_answer(&mut self, request: RequestId, error: Option<ErrorCode>) {
        if self.answers.len() == ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((request, error));
    }

    pub(super) fn note(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::Invite(invite) => drop(self.calls.insert(invite.call, Phase::Known)),
            ServiceEvent::Answered { call, by, .. } => drop(self.calls.insert(call, Phase::Answered(by.device))),
            ServiceEvent::Ended { call, reason, .. } => drop(self.calls.insert(call, Phase::Ended(reason))),
            ServiceEvent::Ringing { .. }
            | ServiceEvent::Held { .. }
            | ServiceEvent::TimeLeft { .. }
            | ServiceEvent::Transferred(_)
            | ServiceEvent::Signal { .. }
            | ServiceEvent::Branding(_)
            | ServiceEvent::Unknown => {}
        }
    }

    pub(super) fn welcome(&mut self, welcome: &Welcome) {
        for call in &welcome.calls {
            let (call, phase) = match call {
                CallSnapshot::Caller { call, phase, .. } => (*call, phase),
                CallSnapshot::Callee { invite, phase } => (invite.call, phase),
                CallSnapshot::Unknown => continue,
            };
            let phase = match phase {
                CallPhase::Answered { by, .. } => Phase::Answered(by.device),
                CallPhase::Placed | CallPhase::Ringing { .. } => Phase::Known,
            };
            self.calls.insert(call, phase);
        }
        for ended in &welcome.ended {
            self.calls.insert(ended.call, Phase::Ended(ended.reason));
        }
    }
}
