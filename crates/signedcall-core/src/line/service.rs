//! What the service says.

use signedcall_wire::{CallPhase, CallSnapshot, DeviceName, EndedCall, Endpoint, ServiceEvent, Welcome};

use super::*;
use crate::PushOutcome;
use crate::session::Heard;

impl Line {
    pub(super) fn hear(&mut self, turn: &mut Turn, message: ServiceMessage) {
        match self.session.hear(turn.now, message) {
            Heard::Nothing => {}
            Heard::Broken { reopen_after } => self.reopen(turn, reopen_after),
            Heard::Greet(greeting) => {
                self.suspend_patience();
                self.pass_to_all(turn, &CallEvent::LinkLost);
                turn.commands.push(Command::Greet(greeting));
            }
            Heard::Welcome(welcome) => self.welcomed(turn, welcome),
            Heard::Resumed => self.go_on(turn),
            Heard::Refused(refusal) => {
                turn.commands.push(Command::Refused { code: refusal.code, detail: refusal.detail });
                self.close(turn);
            }
            Heard::LoggedOut => self.close(turn),
            Heard::Response { request: Request::Receipt { call }, error, receipt } => {
                // A service that answers with neither is none that knows of receipts.
                let receipt = error.map_or_else(|| receipt.ok_or(ErrorCode::FeatureNotAvailable), Err);
                turn.commands.push(Command::ReceiptCame { call, receipt });
            }
            Heard::Response { request: Request::KeepEvents { events }, error, receipt: _ } => {
                turn.commands.push(Command::EventsKept { events, error });
            }
            Heard::Response { request: Request::PushTo { target }, error, receipt: _ } => {
                turn.commands.push(Command::PushSet { target, error });
            }
            Heard::Response { request, error, receipt: _ } => self.answered(turn, request, error),
            Heard::Event(event) => {
                self.happened(turn, event);
                turn.commands.extend(self.session.acknowledge().map(Command::Send));
            }
            Heard::Ice(ice) => turn.commands.push(Command::UseIce(ice)),
        }
    }

    fn welcomed(&mut self, turn: &mut Turn, welcome: Welcome) {
        turn.commands.extend([Command::UseIce(welcome.ice), Command::UseBranding(welcome.branding)]);
        turn.commands.extend(welcome.push_key.map(Command::UsePushKey));
        for EndedCall { call, reason, other_device } in welcome.ended {
            self.call_ended(turn, call, reason, other_device);
        }
        self.reconcile(turn, welcome.calls);
        self.go_on(turn);
    }

    /// The link carries the session: what waits is said, again or for the first time.
    fn go_on(&mut self, turn: &mut Turn) {
        turn.commands.push(Command::SignedIn);
        self.begin_patience(turn.now);
        self.pass_to_all(turn, &CallEvent::LinkUp);
        let wishes = Wishes { calls: &self.calls, goes_idle: self.goes_idle, takes_second_calls: self.takes_second_calls() };
        let waiting = self.session.go_on(|request| wishes.include(request));
        turn.commands.extend(waiting.into_iter().map(Command::Send));
    }

    /// Takes the service's word on which calls there are, and how far they have come.
    fn reconcile(&mut self, turn: &mut Turn, snapshots: Vec<CallSnapshot>) {
        self.put_off = None;
        let listed: Vec<CallId> = snapshots.iter().flat_map(subjects).collect();
        let forgotten: Vec<CallId> = self.calls.iter().map(Call::id).filter(|call| !listed.contains(call)).collect();
        for call in forgotten {
            self.pass(turn, call, CallEvent::Forgotten);
        }
        for snapshot in snapshots {
            match snapshot {
                CallSnapshot::Caller { call, phase, transferred } => {
                    if let Some(transferred) = transferred.filter(|transferred| self.knows(transferred.instead_of)) {
                        self.replace(turn, transferred);
                    }
                    if self.knows(call) {
                        self.catch_up(turn, call, phase);
                    } else {
                        self.abandon(turn, call, &phase);
                    }
                }
                CallSnapshot::Callee { invite, phase } if self.knows(invite.call) => {
                    if !is_answered(&phase) && self.is_told_answered(invite.call) {
                        // The service has told both sides, and died before its store had it.
                        self.session.ask_first(Request::Accept { call: invite.call });
                    }
                    if !self.is_known_to_ring(&phase) {
                        self.pass(turn, invite.call, CallEvent::NotKnownToRing);
                    }
                    self.catch_up(turn, invite.call, phase);
                }
                CallSnapshot::Callee { invite, phase: CallPhase::Placed | CallPhase::Ringing { .. } }
                    if !self.session.is_leaving(invite.call) =>
                {
                    match self.past_end(invite.call) {
                        None => self.invited(turn, invite),
                        Some(reason) if is_own_decline(reason) => self.ask(turn, Request::Decline { call: invite.call, reason }),
                        // It is over, as this device was told by a service that has died since: whoever has ended it says so too.
                        Some(_) => {}
                    }
                }
                // Left behind by a run of this installation that has ended.
                CallSnapshot::Callee { invite, phase } => self.abandon(turn, invite.call, &phase),
                CallSnapshot::Unknown => {}
            }
        }
    }

    fn is_told_answered(&self, id: CallId) -> bool {
        self.calls.iter().any(|call| call.id() == id && call.is_told_answered())
    }

    /// Whether the service has heard that this device rings.
    fn is_known_to_ring(&self, phase: &CallPhase) -> bool {
        match phase {
            CallPhase::Placed => false,
            CallPhase::Ringing { by } => by.iter().any(|endpoint| endpoint.device == self.device),
            CallPhase::Answered { .. } => true,
        }
    }

    fn catch_up(&mut self, turn: &mut Turn, call: CallId, phase: CallPhase) {
        match phase {
            CallPhase::Placed => self.pass(turn, call, CallEvent::Placed),
            CallPhase::Ringing { by } => {
                for endpoint in by {
                    self.pass(turn, call, CallEvent::CalleeRings(endpoint));
                }
            }
            CallPhase::Answered { by, left_ms, holds, is_held } => {
                self.call_answered(turn, call, by, left_ms);
                self.pass(turn, call, CallEvent::OtherHeld(is_held));
                self.pass(turn, call, CallEvent::KnownToHold(holds));
            }
        }
    }

    fn call_answered(&mut self, turn: &mut Turn, call: CallId, by: Endpoint, left_ms: Option<u64>) {
        // A call that was not dialled here may be answered while another one talks.
        if self.on().any(|made| made.id() == call && made.is_being_made()) {
            self.hold_others(turn, call);
        }
        self.pass(turn, call, CallEvent::Answered(by));
        if let Some(left_ms) = left_ms {
            self.pass(turn, call, CallEvent::TimeLeft(Duration::from_millis(left_ms)));
        }
    }

    fn call_ended(&mut self, turn: &mut Turn, call: CallId, reason: EndReason, other_device: Option<DeviceName>) {
        self.put_off.take_if(|put_off| put_off.invite.call == call);
        self.settle_pushes(turn, call, PushOutcome::CallOver);
        self.pass(turn, call, CallEvent::Ended(reason, other_device));
    }

    fn abandon(&mut self, turn: &mut Turn, call: CallId, phase: &CallPhase) {
        if self.session.is_leaving(call) {
            return;
        }
        let unknown = match phase {
            CallPhase::Placed | CallPhase::Ringing { .. } => EndReason::Cancelled,
            CallPhase::Answered { .. } => EndReason::LocalNetworkLoss,
        };
        let reason = self.past_end(call).unwrap_or(unknown);
        self.ask(turn, Request::Hangup { call, reason });
    }

    fn answered(&mut self, turn: &mut Turn, request: Request, error: Option<ErrorCode>) {
        match (request, error) {
            (Request::Call(new), None) => self.pass(turn, new.call, CallEvent::Placed),
            (Request::Call(new), Some(error)) => self.pass(turn, new.call, CallEvent::PlacingRefused(error)),
            (Request::Ringing { call } | Request::Accept { call }, Some(_)) => self.pass(turn, call, CallEvent::TooLate),
            (Request::Decline { call, .. } | Request::Hangup { call, .. }, Some(_)) => self.pass(turn, call, CallEvent::LeavingRefused),
            (Request::Transfer { call, .. }, Some(error)) => self.pass(turn, call, CallEvent::TransferRefused(error)),
            (Request::Transfer { call, .. }, None) => self.pass(turn, call, CallEvent::TransferDone),
            (Request::GoIdle, None) => self.close(turn),
            (Request::GoIdle, Some(error)) => {
                self.goes_idle = false;
                turn.commands.push(Command::NotIdle { error });
            }
            (Request::Ringing { .. } | Request::Accept { .. } | Request::Decline { .. } | Request::Hangup { .. } | Request::Logout, _)
            // An older service does not know it: it is told when the next session begins.
            | (Request::TakeSecondCalls { .. }, _)
            // An older service keeps no such reports.
            | (Request::ReportVoice { .. }, _)
            // Their answers have more to them.
            | (Request::Receipt { .. } | Request::KeepEvents { .. } | Request::PushTo { .. }, _)
            | (Request::MediaConnected { .. } | Request::Hold { .. } | Request::Signal { .. } | Request::Unknown, _) => {}
        }
    }

    fn happened(&mut self, turn: &mut Turn, event: ServiceEvent) {
        match event {
            ServiceEvent::Invite(invite) => self.invited(turn, invite),
            ServiceEvent::Ringing { call, by } => self.pass(turn, call, CallEvent::CalleeRings(by)),
            ServiceEvent::Answered { call, by, left_ms } => {
                let again = self.is_told_answered(call);
                self.call_answered(turn, call, by, left_ms);
                if again {
                    self.pass(turn, call, CallEvent::AnsweredAgain);
                }
            }
            ServiceEvent::Held { call, on } => self.pass(turn, call, CallEvent::OtherHeld(on)),
            ServiceEvent::TimeLeft { call, left_ms } => self.pass(turn, call, CallEvent::TimeLeft(Duration::from_millis(left_ms))),
            ServiceEvent::Transferred(transferred) => self.replace(turn, transferred),
            ServiceEvent::Ended { call, reason, other_device } => self.call_ended(turn, call, reason, other_device),
            ServiceEvent::Signal { call, from, signal } => self.pass(turn, call, CallEvent::SignalCame { from, signal }),
            ServiceEvent::Branding(branding) => turn.commands.push(Command::UseBranding(Some(branding))),
            ServiceEvent::Unknown => {}
        }
    }
}

const fn is_answered(phase: &CallPhase) -> bool {
    match phase {
        CallPhase::Placed | CallPhase::Ringing { .. } => false,
        CallPhase::Answered { .. } => true,
    }
}

/// The calls that a snapshot says something of.
fn subjects(snapshot: &CallSnapshot) -> Vec<CallId> {
    match snapshot {
        CallSnapshot::Caller { call, transferred, .. } => {
            transferred.iter().map(|transferred| transferred.instead_of).chain([*call]).collect()
        }
        CallSnapshot::Callee { invite, .. } => vec![invite.call],
        CallSnapshot::Unknown => vec![],
    }
}

/// Whether a call that ended so was declined by the device that reports it.
const fn is_own_decline(reason: EndReason) -> bool {
    match reason {
        EndReason::Declined
        | EndReason::Busy
        | EndReason::LoggedOut
        | EndReason::NotificationsDisabled
        | EndReason::PoorNetwork
        | EndReason::MicrophoneRefused
        | EndReason::InternalError
        | EndReason::ProtocolMismatch => true,
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Cancelled
        | EndReason::Missed
        | EndReason::RingTimeout
        | EndReason::LocalNetworkLoss
        | EndReason::RemoteNetworkLoss
        | EndReason::MediaSetupTooSlow
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::QuietHours => false,
    }
}

/// What is wanted now, when requests were not answered on an earlier socket.
struct Wishes<'a> {
    calls: &'a [Call],
    goes_idle: bool,
    takes_second_calls: bool,
}

impl Wishes<'_> {
    /// Whether a request still matters.
    fn include(&self, request: &Request) -> bool {
        match request {
            Request::Call(new) => self.are_of_call(new.call, request),
            Request::Ringing { call }
            | Request::Accept { call }
            | Request::MediaConnected { call }
            | Request::Hold { call, .. }
            | Request::Transfer { call, .. }
            | Request::Signal { call, .. } => self.are_of_call(*call, request),
            // The service must learn of it, also when the call is over here.
            Request::Decline { .. } | Request::Hangup { .. } | Request::ReportVoice { .. } | Request::Logout => true,
            // Somebody waits for them.
            Request::Receipt { .. } | Request::KeepEvents { .. } | Request::PushTo { .. } => true,
            // Its user was told long ago that it came to nothing, unless a newer wish stands.
            Request::GoIdle => self.goes_idle,
            // The last word counts, and it alone.
            Request::TakeSecondCalls { on } => *on == self.takes_second_calls,
            Request::Unknown => false,
        }
    }

    fn are_of_call(&self, id: CallId, request: &Request) -> bool {
        self.calls.iter().any(|call| call.id() == id && call.wants(request))
    }
}
