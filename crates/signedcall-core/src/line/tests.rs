mod beside;

use signedcall_wire::{
    CallPhase, CallSnapshot, ClientMessage, IceConfig, MAX_UNANSWERED_REQUESTS, Refusal, RequestId, ServiceEvent, SessionId, Signal,
    Welcome,
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
        self.seq = 0;
        let session = SessionId(Uuid::from_u128(99));
        let resume_token = "token".to_owned().into();
        let ice = IceConfig::default();
        self.receive(ServiceMessage::Welcome(Welcome { version: 1, session, resume_token, ice, branding: None, calls }))
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
        self.receive(ServiceMessage::Response { id, error })
    }

    fn dials(&mut self, number: u128) -> String {
        self.handle(Event::UserDialled(dial(number, "bobby")))
    }

    fn is_invited(&mut self, number: u128, from: &str) -> String {
        self.happens(ServiceEvent::Invite(invite(number, from, PEER)))
    }

    fn ends(&mut self, number: u128, reason: EndReason) -> String {
        self.happens(ServiceEvent::Ended { call: call(number), reason })
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
fn an_invite_rings_beside_a_call_that_only_waits_for_its_end_to_be_confirmed() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::UserHungUp { call: call(1) });
    assert!(rig.is_invited(2, "carol").contains("tone Ringtone"));
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
    assert_eq!(rig.ends(1, EndReason::HungUp), "report 1 Ended(HungUp), ack 4");
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
}

#[test]
fn glare_when_the_invite_comes_first_becomes_the_invited_call() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    assert_eq!(rig.is_invited(2, "bobby"), "ack 1");
    assert_eq!(rig.line.view().map(|view| view.call), Some(call(1)));
    assert_eq!(
        rig.respond(Some(ErrorCode::OngoingCall)),
        "not placed 1 OngoingCall, ask ringing 2, prepare 2 Answerer, report 2 Placed, report 2 Ringing, ask accept 2"
    );
    assert_eq!(rig.line.call_state(), CallState::OngoingCall);
}

#[test]
fn glare_when_the_refusal_comes_first_becomes_the_invited_call() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    assert_eq!(rig.respond(Some(ErrorCode::OngoingCall)), "");
    assert_eq!(rig.line.call_state(), CallState::OutgoingCall);
    assert_eq!(
        rig.is_invited(2, "bobby"),
        "not placed 1 OngoingCall, ask ringing 2, prepare 2 Answerer, report 2 Placed, report 2 Ringing, ask accept 2, ack 1"
    );
    assert_eq!(rig.line.call_state(), CallState::OngoingCall);
}

#[test]
fn glare_without_an_invite_is_refused_after_a_while() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.respond(Some(ErrorCode::OngoingCall));
    assert_eq!(rig.wake(), "not placed 1 OngoingCall");
    assert_eq!((rig.now, rig.wake_at), (7_000, None));
}

#[test]
fn dialling_whoever_is_calling_is_answering() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    assert_eq!(rig.dials(2), "not placed 2 OngoingCall, ask accept 1, no tone");
}

#[test]
fn dialling_while_somebody_else_calls_does_not_answer() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "carol");
    assert_eq!(rig.dials(2), "not placed 2 OngoingCall");
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
}

#[test]
fn an_invite_put_off_rings_when_this_sides_call_is_refused_for_another_reason() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.is_invited(2, "bobby");
    rig.now = 2_000;
    assert_eq!(
        rig.respond(Some(ErrorCode::ContactNotReachable)),
        "not placed 1 ContactNotReachable, ask ringing 2, prepare 2 Answerer, report 2 Placed, report 2 Ringing, tone Ringtone"
    );
    assert_eq!(rig.wake_at, Some(2_000 + 33_000 + 5_000), "it has rung for two seconds already");
}

#[test]
fn an_invite_put_off_rings_when_the_user_gives_up_calling() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.is_invited(2, "bobby");
    assert!(rig.handle(Event::UserHungUp { call: call(1) }).ends_with("tone Ringtone"));
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
}

#[test]
fn an_invite_put_off_whose_call_is_over_is_dropped() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.is_invited(2, "bobby");
    assert_eq!(rig.ends(2, EndReason::Cancelled), "ack 2");
    assert_eq!(rig.respond(None), "placed 1, report 1 Placed, tone Ringback");
}

#[test]
fn an_invite_put_off_is_busy_when_this_sides_call_is_placed_after_all() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.is_invited(2, "bobby");
    assert_eq!(rig.respond(None), "placed 1, report 1 Placed, ask decline 2 Busy, tone Ringback");
}

#[test]
fn what_was_not_answered_is_asked_again_after_a_resume() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(Event::UserAnswered { call: call(1), how: AnswerHow::HoldCurrent }), "no tone", "the answer waits for a link");
    assert_eq!(rig.handle(Event::LinkOpened), "resume from 1");
    assert_eq!(rig.receive(ServiceMessage::Resumed), "signed in, ask ringing 1, ask accept 1");
}

#[test]
fn a_service_that_answers_nothing_is_asked_no_more_than_it_remembers_and_left() {
    let mut rig = Rig::talking();
    let signal = || Event::MediaSignal { call: call(1), device: PEER, signal: Signal::Offer { sdp: String::new().into() } };
    for _ in 0..MAX_UNANSWERED_REQUESTS {
        assert_eq!(rig.handle(signal()), "ask signal to 2");
    }
    assert_eq!(rig.handle(signal()), "reopen link after 0 ms");
    assert_eq!(rig.handle(signal()), "", "it waits for a link");
    let _ = rig.handle(Event::LinkOpened);
    let repeated = rig.receive(ServiceMessage::Resumed);
    assert_eq!(repeated.matches("ask signal").count(), MAX_UNANSWERED_REQUESTS);
}

#[test]
fn an_event_that_comes_again_is_skipped_and_a_gap_breaks_the_link() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    rig.seq = 0;
    assert_eq!(rig.is_invited(1, "bobby"), "");
    rig.seq = 2;
    assert_eq!(rig.is_invited(2, "carol"), "reopen link after 0 ms");
    assert_eq!(rig.ends(1, EndReason::Cancelled), "", "nothing is heard from a broken link");
}

#[test]
fn a_service_that_does_not_greet_back_is_left_after_ten_seconds() {
    let mut rig = Rig::new();
    let _ = rig.handle(Event::LinkOpened);
    rig.now = 9_999;
    assert_eq!(rig.handle(Event::Woken), "");
    assert_eq!(rig.wake(), "reopen link after 0 ms");
    assert_eq!((rig.now, rig.wake_at), (10_000, None));
}

#[test]
fn a_new_session_ends_the_calls_that_the_service_has_forgotten() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    assert_eq!(rig.receive(ServiceMessage::SessionExpired), "greet");
    assert_eq!(rig.welcome(vec![]), "ice, branding, stop voice, drop 2, tone Ended, report 1 Ended(LocalNetworkLoss), signed in");
}

#[test]
fn a_new_session_takes_calls_further_that_went_on_meanwhile() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.respond(None);
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    let _ = rig.receive(ServiceMessage::SessionExpired);
    let snapshot = CallSnapshot::Caller {
        call: call(1),
        phase: CallPhase::Answered { by: endpoint(PEER), left_ms: None, holds: false, is_held: false },
    };
    assert_eq!(rig.welcome(vec![snapshot]), "ice, branding, prepare 2 Offerer, report 1 Ringing, report 1 Answered, signed in, no tone");
}

#[test]
fn a_new_session_learns_which_devices_have_started_again() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.respond(None);
    let _ = rig.happens(ServiceEvent::Ringing { call: call(1), by: endpoint(PEER) });
    for (by, expected) in [(endpoint(PEER), ""), (restarted(PEER), ", drop 2, prepare 2 Offerer")] {
        let _ = rig.handle(Event::LinkLost);
        let _ = rig.handle(Event::LinkOpened);
        let _ = rig.receive(ServiceMessage::SessionExpired);
        let snapshot = CallSnapshot::Caller { call: call(1), phase: CallPhase::Ringing { by: vec![by] } };
        assert_eq!(rig.welcome(vec![snapshot]), format!("ice, branding{expected}, signed in"));
    }
}

#[test]
fn a_call_whose_time_is_limited_says_when_it_ends_and_warns_once() {
    let ends_at = |rig: &Rig| rig.line.view().and_then(|view| view.ends_at).map(Timestamp::as_millis);
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.respond(None);
    let _ = rig.happens(ServiceEvent::Ringing { call: call(1), by: endpoint(PEER) });
    rig.now = 1_000;
    let answered = ServiceEvent::Answered { call: call(1), by: endpoint(PEER), left_ms: Some(60_000) };
    assert_eq!(rig.happens(answered), "report 1 Answered, ack 2, no tone");
    assert_eq!(ends_at(&rig), Some(61_000));
    let _ = rig.handle(Event::MediaConnected { call: call(1), device: PEER });
    rig.now = 31_000;
    assert_eq!(rig.happens(ServiceEvent::TimeLeft { call: call(1), left_ms: 30_000 }), "tone Warning, ack 3");
    rig.now = 41_000;
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    let _ = rig.receive(ServiceMessage::SessionExpired);
    let phase = CallPhase::Answered { by: endpoint(PEER), left_ms: Some(20_500), holds: false, is_held: false };
    assert_eq!(rig.welcome(vec![CallSnapshot::Caller { call: call(1), phase }]), "ice, branding, signed in, ask media connected 1");
    assert_eq!((ends_at(&rig), rig.wake_at), (Some(61_500), Some(66_500)));
}

#[test]
fn a_new_session_learns_who_holds_and_says_what_was_not_heard() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::UserHeld { call: call(1), on: true });
    assert_eq!(rig.respond(None), "");
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    let _ = rig.receive(ServiceMessage::SessionExpired);
    let phase = CallPhase::Answered { by: endpoint(ME), left_ms: None, holds: false, is_held: true };
    let snapshot = CallSnapshot::Callee { invite: invite(1, "bobby", PEER), phase };
    assert_eq!(rig.welcome(vec![snapshot]), "ice, branding, signed in, ask hold 1");
    assert_eq!(rig.line.view().map(|view| view.holding), Some(Holding::Both));
    assert_eq!(rig.handle(Event::UserHeld { call: call(1), on: false }), "ask resume 1, tone HoldMusic");
    let held = ServiceEvent::Held { call: call(1), on: false };
    assert_eq!(rig.happens(held), "start voice 2, ack 1, no tone");
}

#[test]
fn a_call_that_rings_on_arrival_rings_here() {
    let mut rig = Rig::new();
    let _ = rig.handle(Event::LinkOpened);
    let snapshot = CallSnapshot::Callee { invite: invite(1, "bobby", PEER), phase: CallPhase::Placed };
    assert_eq!(
        rig.welcome(vec![snapshot]),
        "ice, branding, prepare 2 Answerer, report 1 Placed, report 1 Ringing, signed in, ask ringing 1, tone Ringtone"
    );
}

#[test]
fn calls_that_an_earlier_run_of_the_program_left_behind_are_hung_up() {
    let mut rig = Rig::new();
    let _ = rig.handle(Event::LinkOpened);
    let snapshots = vec![
        CallSnapshot::Caller { call: call(1), phase: CallPhase::Placed },
        CallSnapshot::Callee {
            invite: invite(2, "bobby", PEER),
            phase: CallPhase::Answered { by: endpoint(ME), left_ms: None, holds: false, is_held: false },
        },
        CallSnapshot::Unknown,
    ];
    assert_eq!(rig.welcome(snapshots), "ice, branding, signed in, ask hangup 1 Cancelled, ask hangup 2 LocalNetworkLoss");
}

#[test]
fn a_call_that_is_being_left_is_not_taken_up_again_from_a_snapshot() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    let _ = rig.respond(None);
    let _ = rig.handle(Event::UserDeclined { call: call(1) });
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.wake(), "report 1 Ended(Declined)");
    let _ = rig.handle(Event::LinkOpened);
    let _ = rig.receive(ServiceMessage::SessionExpired);
    let snapshot = CallSnapshot::Callee { invite: invite(1, "bobby", PEER), phase: CallPhase::Ringing { by: vec![endpoint(ME)] } };
    assert_eq!(rig.welcome(vec![snapshot]), "ice, branding, signed in, ask decline 1 Declined");
}

#[test]
fn signing_out_ends_calls_and_waits_for_the_service() {
    let mut rig = Rig::talking();
    let out = "stop voice, drop 2, tone Ended, ask hangup 1 HungUp, ask logout";
    assert_eq!(rig.handle(Event::UserLoggedOut), out);
    assert_eq!(rig.handle(Event::UserLoggedOut), "", "once is enough");
    assert_eq!(rig.is_invited(2, "carol"), "ack 3", "nobody is there to ring for");
    assert_eq!(rig.ends(1, EndReason::HungUp), "report 1 Ended(HungUp), ack 4");
    let _ = rig.respond(None);
    assert_eq!(rig.respond(None), "close link");
    assert_eq!((rig.dials(3), rig.wake_at), ("not placed 3 NotInitialized".to_owned(), None));
}

#[test]
fn signing_out_without_a_service_gives_up_after_five_seconds() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(Event::UserLoggedOut), "stop voice, drop 2, tone Ended");
    assert_eq!(rig.wake(), "report 1 Ended(HungUp), close link");
    assert_eq!((rig.now, rig.wake_at), (5_000, None));
    assert_eq!(rig.handle(Event::LinkOpened), "greet", "whoever opens a link again signs in anew");
}

#[test]
fn signing_out_while_it_rings_leaves_other_devices_ringing() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    assert_eq!(rig.handle(Event::UserLoggedOut), "drop 2, ask decline 1 LoggedOut, ask logout, no tone");
}

#[test]
fn a_refusal_ends_calls_and_closes_the_link() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    let refusal = Refusal { code: ErrorCode::CuidAlreadyConnectedElsewhere, detail: String::new(), retry_after_ms: None };
    assert_eq!(
        rig.receive(ServiceMessage::Refused(refusal)),
        "refused CuidAlreadyConnectedElsewhere, stop voice, drop 2, tone Ended, report 1 Ended(LocalNetworkLoss), close link"
    );
}

#[test]
fn a_service_that_asks_for_patience_is_tried_again() {
    let mut rig = Rig::new();
    let _ = rig.handle(Event::LinkOpened);
    let refusal = Refusal { code: ErrorCode::ServerFailure, detail: String::new(), retry_after_ms: Some(1_500) };
    assert_eq!(rig.receive(ServiceMessage::Refused(refusal)), "reopen link after 1500 ms");
}
