mod beside;
mod connecting;
mod glare;
mod idle;
mod push;
mod receipts;
mod sessions;
mod transfer;

use signedcall_wire::{
    CallPhase, CallSnapshot, ClientMessage, DeviceName, EndedCall, IceConfig, MAX_UNANSWERED_REQUESTS, Refusal, RequestId, ServiceEvent,
    SessionId, Signal, Welcome,
};
use uuid::Uuid;

use super::*;
use crate::brief::{call, candidate, commands, cuid, device, dial, endpoint, invite, restarted};
use crate::{Holding, Phase};

const ME: DeviceId = device(1);
const PEER: DeviceId = device(2);

/// A line, and the service's half of its session.
struct Rig {
    line: Line,
    now: u64,
    seq: u64,
    /// What the line has asked and the service has not answered, oldest first.
    asked: Vec<(RequestId, Request)>,
    wake_at: Option<u64>,
}

impl Rig {
    fn new() -> Self {
        Self::with(Line::new(cuid("alice"), ME, true, 7))
    }

    fn with(line: Line) -> Self {
        Self { line, now: 0, seq: 0, asked: vec![], wake_at: None }
    }

    fn signed_in() -> Self {
        Self::new().sign_in()
    }

    fn sign_in(mut self) -> Self {
        assert_eq!(self.handle(Event::LinkOpened), "greet");
        assert_eq!(self.welcome(vec![]), "ice, branding, signed in");
        self
    }

    fn handle(&mut self, event: Event) -> String {
        let Step { commands: followed, wake_at } = self.line.handle(Timestamp::from_millis(self.now), event);
        self.wake_at = wake_at.map(Timestamp::as_millis);
        for command in &followed {
            if let Command::Send(ClientMessage::Request { id, request }) = command
                && !self.asked.iter().any(|(known, _)| known == id)
            {
                self.asked.push((*id, request.clone()));
            }
        }
        commands(&followed)
    }

    /// Wakes the line when it asked for it.
    fn wake(&mut self) -> String {
        self.now = self.wake_at.expect("something waits");
        self.handle(Event::Woken)
    }

    fn welcome(&mut self, calls: Vec<CallSnapshot>) -> String {
        self.welcome_with(calls, vec![])
    }

    fn welcome_with(&mut self, calls: Vec<CallSnapshot>, ended: Vec<EndedCall>) -> String {
        self.seq = 0;
        let session = SessionId(Uuid::from_u128(99));
        let resume_token = "token".to_owned().into();
        let ice = IceConfig::default();
        self.receive(ServiceMessage::Welcome(Welcome {
            version: 1,
            session,
            resume_token,
            token_lasts_ms: None,
            ice,
            branding: None,
            push_key: None,
            calls,
            ended,
        }))
    }

    fn receive(&mut self, message: ServiceMessage) -> String {
        self.handle(Event::Received(message))
    }

    fn happens(&mut self, event: ServiceEvent) -> String {
        self.seq += 1;
        self.receive(ServiceMessage::Event { seq: self.seq, event })
    }

    /// Answers the oldest request.
    fn respond(&mut self, error: Option<ErrorCode>) -> String {
        let (id, _) = self.asked.remove(0);
        self.receive(ServiceMessage::Response { id, error, receipt: None })
    }

    /// Answers the oldest request, which was for a receipt.
    fn respond_with_receipt(&mut self) -> String {
        let (id, _) = self.asked.remove(0);
        self.receive(ServiceMessage::Response { id, error: None, receipt: Some(signedcall_wire::Redacted::new("e30.e30.c2ln".to_owned())) })
    }

    fn dials(&mut self, number: u128) -> String {
        self.handle(Event::UserDialled(dial(number, "bobby")))
    }

    fn is_invited(&mut self, number: u128, from: &str) -> String {
        self.happens(ServiceEvent::Invite(invite(number, from, PEER)))
    }

    fn ends(&mut self, number: u128, reason: EndReason) -> String {
        self.happens(ServiceEvent::Ended { call: call(number), reason, other_device: None })
    }

    /// With call 1, talking to `PEER`, which dialled.
    fn talking() -> Self {
        Self::signed_in().talk()
    }

    fn talk(self) -> Self {
        let mut rig = self;
        let _ = rig.is_invited(1, "bobby");
        let _ = rig.handle(Event::MediaConnected { call: call(1), device: PEER });
        let _ = rig.handle(Event::UserAnswered { call: call(1), how: AnswerHow::HoldCurrent });
        let _ = rig.happens(ServiceEvent::Answered { call: call(1), by: endpoint(ME), left_ms: None });
        assert_eq!(rig.line.call_state(), CallState::OngoingCall);
        while !rig.asked.is_empty() {
            assert_eq!(rig.respond(None), "");
        }
        rig
    }
}

#[test]
fn a_call_is_dialled_answered_and_hung_up() {
    let mut rig = Rig::signed_in();
    assert_eq!(rig.dials(1), "ask call 1");
    assert_eq!(rig.respond(None), "placed 1, report 1 Placed, tone Ringback");
    assert_eq!(rig.line.call_state(), CallState::OutgoingCall);
    let rings = ServiceEvent::Ringing { call: call(1), by: endpoint(PEER) };
    assert_eq!(rig.happens(rings), "prepare 2 Offerer, report 1 Ringing, ack 1");
    let signal = Event::MediaSignal { call: call(1), device: PEER, signal: candidate() };
    assert_eq!(rig.handle(signal), "ask signal to 2");
    let signal = ServiceEvent::Signal { call: call(1), from: PEER, signal: candidate() };
    assert_eq!(rig.happens(signal), "apply signal of 2, ack 2");
    assert_eq!(rig.handle(Event::MediaConnected { call: call(1), device: PEER }), "");
    let answered = ServiceEvent::Answered { call: call(1), by: endpoint(PEER), left_ms: None };
    rig.now = 5_000;
    assert_eq!(rig.happens(answered), "start voice 2, ask media connected 1, report 1 Answered, report 1 InProgress, ack 3, no tone");
    assert_eq!(rig.line.call_state(), CallState::OngoingCall);
    let phase = rig.line.view().map(|view| view.phase);
    assert_eq!(phase, Some(Phase::Talking { since: Timestamp::from_millis(5_000), interrupted: false }));
    assert_eq!(rig.handle(Event::UserHungUp { call: call(1) }), "stop voice, drop 2, tone Ended, ask hangup 1 HungUp");
    assert_eq!(rig.line.call_state(), CallState::CleanupCall);
    assert_eq!(rig.ends(1, EndReason::HungUp), "report 1 Ended(HungUp), ack 4");
    assert_eq!((rig.line.call_state(), rig.line.view(), rig.wake_at), (CallState::NoCall, None, None));
}

#[test]
fn an_incoming_call_rings_and_is_answered() {
    let mut rig = Rig::signed_in();
    assert_eq!(rig.is_invited(1, "bobby"), "ask ringing 1, prepare 2 Answerer, report 1 Placed, report 1 Ringing, ack 1, tone Ringtone");
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
    assert_eq!(rig.handle(Event::UserMuted { call: call(1), muted: true }), "muted true");
    assert_eq!(rig.handle(Event::UserAnswered { call: call(1), how: AnswerHow::HoldCurrent }), "ask accept 1, no tone");
    let answered = ServiceEvent::Answered { call: call(1), by: endpoint(ME), left_ms: None };
    assert_eq!(rig.happens(answered), "report 1 Answered, ack 2");
    assert_eq!(rig.line.view().map(|view| (view.phase, view.muted)), Some((Phase::Connecting, true)));
    let connected = Event::MediaConnected { call: call(1), device: PEER };
    assert_eq!(rig.handle(connected), "muted true, start voice 2, ask media connected 1, report 1 InProgress");
    assert_eq!(rig.ends(1, EndReason::HungUp), "stop voice, drop 2, tone Ended, report 1 Ended(HungUp), ack 3");
}

#[test]
fn an_incoming_call_is_declined() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    assert_eq!(rig.handle(Event::UserDeclined { call: call(1) }), "drop 2, ask decline 1 Declined, no tone");
    assert_eq!(rig.ends(1, EndReason::Declined), "report 1 Ended(Declined), ack 2");
}

#[test]
fn how_a_call_sounded_is_told_until_the_service_has_heard_it_and_not_when_signing_out() {
    let reported = || Event::VoiceReported { call: call(1), report: VoiceReport::default() };
    let mut rig = Rig::signed_in();
    assert_eq!(rig.handle(reported()), "ask report voice 1");
    rig.handle(Event::LinkLost);
    rig.handle(Event::LinkOpened);
    assert_eq!(rig.receive(ServiceMessage::Resumed), "signed in, ask report voice 1");
    rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(reported()), "", "it waits for the link");
    let mut rig = Rig::signed_in();
    rig.handle(Event::UserLoggedOut);
    assert_eq!(rig.handle(reported()), "");
}

#[test]
fn the_service_times_a_ringing_call_out() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.respond(None);
    assert_eq!(rig.ends(1, EndReason::RingTimeout), "tone Ended, report 1 Ended(RingTimeout), ack 1, no tone");
}

#[test]
fn a_call_cancelled_before_it_is_placed_is_reported_as_placed_and_cancelled() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    assert_eq!(rig.handle(Event::UserHungUp { call: call(1) }), "ask hangup 1 Cancelled");
    assert_eq!(rig.respond(None), "placed 1, report 1 Placed");
    assert_eq!(rig.ends(1, EndReason::Cancelled), "report 1 Ended(Cancelled), ack 1");
}

#[test]
fn one_cannot_call_oneself() {
    let mut rig = Rig::signed_in();
    assert_eq!(rig.handle(Event::UserDialled(dial(1, "alice"))), "not placed 1 CanNotCallSelf");
    assert_eq!(rig.line.call_state(), CallState::NoCall);
}

#[test]
fn a_second_call_is_refused_and_leaves_the_first_alone() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    assert_eq!(rig.dials(2), "not placed 2 OngoingCall");
    let mut rig = Rig::talking();
    assert_eq!(rig.dials(2), "not placed 2 OngoingCall");
    assert_eq!(rig.line.call_state(), CallState::OngoingCall);
}

#[test]
fn a_call_is_refused_at_once_without_a_session_or_a_link() {
    let mut rig = Rig::new();
    assert_eq!(rig.dials(1), "not placed 1 NotInitialized");
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.dials(1), "not placed 1 NetworkNotAvailable");
}

#[test]
fn a_device_that_takes_one_call_at_a_time_is_busy_in_it_and_nothing_is_heard_of_another() {
    let takes_one = || Rig::with(Line::new(cuid("alice"), ME, false, 7)).sign_in();
    for mut rig in [takes_one().talk(), takes_one()] {
        let _ = rig.dials(1);
        let acks = rig.seq + 1;
        assert_eq!(rig.is_invited(2, "carol"), format!("ask decline 2 Busy, ack {acks}"));
        assert_eq!(rig.ends(2, EndReason::Busy), format!("ack {}", acks + 1));
        assert_eq!(rig.line.view().map(|view| view.call), Some(call(1)));
    }
}

#[test]
fn a_device_that_may_show_nothing_declines_for_itself() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::NotificationsChanged { allowed: false });
    assert_eq!(rig.is_invited(1, "bobby"), "ask decline 1 NotificationsDisabled, ack 1");
    assert_eq!(rig.ends(1, EndReason::NotificationsDisabled), "ack 2");
    assert_eq!(rig.dials(2), "ask call 2", "it may call");
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::NotificationsChanged { allowed: false });
    let _ = rig.handle(Event::NotificationsChanged { allowed: true });
    assert!(rig.is_invited(1, "bobby").contains("tone Ringtone"));
}

#[test]
fn a_device_whose_network_is_too_poor_declines_for_itself_until_it_is_better() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::NetworkJudged { fit: false });
    assert_eq!(rig.is_invited(1, "bobby"), "ask decline 1 PoorNetwork, ack 1");
    assert_eq!(rig.ends(1, EndReason::PoorNetwork), "ack 2");
    assert_eq!(rig.dials(2), "ask call 2", "what its own calls need is asked before they are placed");
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::NetworkJudged { fit: false });
    let _ = rig.handle(Event::NetworkJudged { fit: true });
    assert!(rig.is_invited(1, "bobby").contains("tone Ringtone"));
}

#[test]
fn an_invite_rings_beside_a_call_that_only_waits_for_its_end_to_be_confirmed() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::UserHungUp { call: call(1) });
    assert!(rig.is_invited(2, "carol").contains("tone Ringtone"));
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
    assert_eq!(rig.ends(1, EndReason::HungUp), "report 1 Ended(HungUp), ack 4");
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
}
