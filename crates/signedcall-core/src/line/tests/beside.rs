//! Calls beside calls.

use super::*;

const CAROL: DeviceId = device(3);
const DAVID: DeviceId = device(4);

impl Rig {
    fn answer(&mut self, number: u128, how: AnswerHow) -> String {
        self.handle(Event::UserAnswered { call: call(number), how })
    }

    fn hold(&mut self, number: u128, on: bool) -> String {
        self.handle(Event::UserHeld { call: call(number), on })
    }

    fn other_holds(&mut self, number: u128, on: bool) -> String {
        self.happens(ServiceEvent::Held { call: call(number), on })
    }

    /// Talking in call 1, and call 2 of carol waits; her media is connected.
    fn waiting() -> Self {
        let mut rig = Self::talking();
        let invited = rig.happens(ServiceEvent::Invite(invite(2, "carol", CAROL)));
        assert_eq!(invited, "ask ringing 2, prepare 3 Answerer, report 2 Placed, report 2 Ringing, ack 3, tone CallWaiting");
        let _ = rig.handle(Event::MediaConnected { call: call(2), device: CAROL });
        rig
    }

    /// Holding call 1, talking in call 2.
    fn two_calls() -> Self {
        let mut rig = Self::waiting();
        let _ = rig.answer(2, AnswerHow::HoldCurrent);
        let _ = rig.happens(ServiceEvent::Answered { call: call(2), by: endpoint(ME), left_ms: None });
        assert_eq!(rig.shown(), (Some(call(2)), Some(call(1))));
        rig
    }

    /// The call in front, and the other.
    fn shown(&self) -> (Option<CallId>, Option<CallId>) {
        (self.line.view().map(|view| view.call), self.line.other_view().map(|view| view.call))
    }
}

#[test]
fn a_second_call_waits_behind_the_one_that_the_user_is_in() {
    let rig = Rig::waiting();
    assert_eq!((rig.shown(), rig.line.call_state()), ((Some(call(1)), Some(call(2))), CallState::OngoingCall));
    assert_eq!(rig.line.other_view().map(|view| view.phase), Some(Phase::Ringing));
}

#[test]
fn a_waiting_call_is_declined_and_the_talk_goes_on() {
    let mut rig = Rig::waiting();
    assert_eq!(rig.handle(Event::UserDeclined { call: call(2) }), "drop 3, ask decline 2 Declined, no tone");
    assert_eq!(rig.ends(2, EndReason::Declined), "report 2 Ended(Declined), ack 4");
    assert_eq!(rig.shown(), (Some(call(1)), None));
}

#[test]
fn a_waiting_call_is_accepted_and_the_current_one_held() {
    let mut rig = Rig::waiting();
    assert_eq!(rig.answer(2, AnswerHow::HoldCurrent), "stop voice, ask hold 1, ask accept 2, no tone");
    let answered = ServiceEvent::Answered { call: call(2), by: endpoint(ME), left_ms: None };
    assert_eq!(rig.happens(answered), "start voice 3, ask media connected 2, report 2 Answered, report 2 InProgress, ack 4");
    assert_eq!(rig.shown(), (Some(call(2)), Some(call(1))));
    assert_eq!(rig.line.other_view().map(|view| view.holding), Some(Holding::ThisSide));
}

#[test]
fn a_waiting_call_is_accepted_and_the_current_one_ended() {
    let mut rig = Rig::waiting();
    let ended = "stop voice, drop 2, tone Ended, ask hangup 1 HungUp, ask accept 2, no tone";
    assert_eq!(rig.answer(2, AnswerHow::EndCurrent), ended);
    assert_eq!(rig.shown(), (Some(call(2)), None));
}

#[test]
fn a_call_that_nobody_has_answered_yet_is_given_up_for_one_that_waits() {
    for how in [AnswerHow::HoldCurrent, AnswerHow::EndCurrent] {
        let mut rig = Rig::signed_in();
        let _ = rig.dials(1);
        let _ = rig.respond(None);
        let _ = rig.is_invited(2, "carol");
        assert_eq!(rig.answer(2, how), "tone Ended, ask hangup 1 Cancelled, ask accept 2, no tone");
    }
}

#[test]
fn a_third_call_is_busy_and_nothing_is_heard_of_it() {
    for mut rig in [Rig::waiting(), Rig::two_calls()] {
        let before = rig.shown();
        let acks = rig.seq + 1;
        let third = ServiceEvent::Invite(invite(3, "david", DAVID));
        assert_eq!(rig.happens(third), format!("ask decline 3 Busy, ack {acks}"));
        assert_eq!(rig.shown(), before);
    }
}

#[test]
fn two_calls_may_ring_at_once_and_answering_one_leaves_the_other_waiting() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    let second = rig.happens(ServiceEvent::Invite(invite(2, "carol", CAROL)));
    assert_eq!(second, "ask ringing 2, prepare 3 Answerer, report 2 Placed, report 2 Ringing, ack 2");
    assert_eq!(rig.answer(1, AnswerHow::EndCurrent), "ask accept 1, tone CallWaiting");
    assert_eq!(rig.shown(), (Some(call(1)), Some(call(2))));
}

#[test]
fn the_ringtone_plays_again_when_the_call_that_another_waited_beside_ends() {
    let mut rig = Rig::waiting();
    assert_eq!(rig.ends(1, EndReason::HungUp), "stop voice, drop 2, tone Ended, report 1 Ended(HungUp), ack 4, tone Ringtone");
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
}

#[test]
fn two_calls_are_swapped_without_two_voices_at_once() {
    let mut rig = Rig::two_calls();
    let swapped = "stop voice, ask hold 2, start voice 2, ask resume 1";
    assert_eq!(rig.handle(Event::UserSwapped), swapped);
    assert_eq!(rig.shown(), (Some(call(1)), Some(call(2))));
    assert_eq!(rig.handle(Event::UserSwapped), "stop voice, ask hold 1, start voice 3, ask resume 2");
    assert_eq!(rig.hold(1, false), swapped, "to go on with the one is to hold the other");
    assert_eq!(rig.hold(1, true), "stop voice, ask hold 1");
    assert_eq!(rig.handle(Event::UserSwapped), "", "nobody is talked to");
}

#[test]
fn there_is_nothing_to_swap_with_one_call() {
    let mut rig = Rig::talking();
    assert_eq!(rig.handle(Event::UserSwapped), "");
    let mut rig = Rig::waiting();
    assert_eq!(rig.handle(Event::UserSwapped), "");
}

#[test]
fn what_the_other_side_does_to_a_held_call_opens_no_voice_beside_another() {
    let mut rig = Rig::two_calls();
    assert_eq!(rig.other_holds(1, true), "ack 5");
    assert_eq!(rig.other_holds(1, false), "ack 6");
    assert_eq!(rig.other_holds(2, true), "stop voice, ack 7, tone HoldMusic");
    assert_eq!(rig.handle(Event::UserSwapped), "ask hold 2, start voice 2, ask resume 1, no tone");
    assert_eq!(rig.other_holds(2, false), "ack 8");
}

#[test]
fn a_held_call_stays_held_when_the_other_ends() {
    let mut rig = Rig::two_calls();
    assert_eq!(rig.ends(2, EndReason::HungUp), "stop voice, drop 3, tone Ended, report 2 Ended(HungUp), ack 5");
    assert_eq!((rig.shown(), rig.line.call_state()), ((Some(call(1)), None), CallState::OngoingCall));
    assert_eq!(rig.hold(1, false), "start voice 2, ask resume 1");
}

#[test]
fn who_holds_a_call_may_dial_another_and_resumes_the_first_only_after_it() {
    let mut rig = Rig::talking();
    let _ = rig.hold(1, true);
    let _ = rig.respond(None);
    assert_eq!(rig.handle(Event::UserDialled(dial(2, "carol"))), "ask call 2");
    assert_eq!(rig.respond(None), "placed 2, report 2 Placed, tone Ringback");
    assert_eq!(rig.shown(), (Some(call(2)), Some(call(1))));
    assert_eq!(rig.hold(1, false), "", "two would talk at once if it were answered now");
    assert_eq!(rig.handle(Event::UserDialled(dial(3, "david"))), "not placed 3 OngoingCall");
    assert_eq!(rig.ends(2, EndReason::Declined), "tone Ended, report 2 Ended(Declined), ack 3, no tone");
    assert_eq!(rig.hold(1, false), "start voice 2, ask resume 1");
}

#[test]
fn glare_beside_a_held_call_becomes_one_call() {
    let mut rig = Rig::talking();
    let _ = rig.hold(1, true);
    let _ = rig.respond(None);
    assert_eq!(rig.handle(Event::UserDialled(dial(2, "carol"))), "ask call 2");
    assert_eq!(rig.respond(Some(ErrorCode::OngoingCall)), "");
    let crossing = rig.happens(ServiceEvent::Invite(invite(3, "carol", CAROL)));
    let answered = "not placed 2 OngoingCall, ask ringing 3, prepare 3 Answerer, report 3 Placed, report 3 Ringing, ask accept 3, ack 3";
    assert_eq!(crossing, answered);
    assert_eq!(rig.shown(), (Some(call(3)), Some(call(1))));
}

#[test]
fn dialling_whoever_waits_is_answering_and_holds_the_current_call() {
    let mut rig = Rig::waiting();
    let answered = "not placed 5 OngoingCall, stop voice, ask hold 1, ask accept 2, no tone";
    assert_eq!(rig.handle(Event::UserDialled(dial(5, "carol"))), answered);
}

#[test]
fn an_answer_that_is_not_confirmed_yet_can_be_held_for_another() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    let _ = rig.happens(ServiceEvent::Invite(invite(2, "carol", CAROL)));
    let _ = rig.answer(1, AnswerHow::HoldCurrent);
    assert_eq!(rig.answer(2, AnswerHow::HoldCurrent), "ask hold 1, ask accept 2, no tone");
    let _ = rig.handle(Event::MediaConnected { call: call(1), device: PEER });
    let answered = ServiceEvent::Answered { call: call(1), by: endpoint(ME), left_ms: None };
    assert_eq!(rig.happens(answered), "ask media connected 1, report 1 Answered, report 1 InProgress, ack 3", "its voice stays closed");
}

#[test]
fn whether_a_call_may_wait_is_changed_within_a_session_and_said_once() {
    let takes = |on| Event::UserTakesSecondCalls { on };
    let mut rig = Rig::talking();
    assert_eq!(rig.handle(takes(true)), "", "it does so already");
    assert_eq!(rig.handle(takes(false)), "ask second calls false");
    assert_eq!(
        rig.happens(ServiceEvent::Invite(invite(2, "carol", CAROL))),
        "ask decline 2 Busy, ack 3",
        "the service may not have heard yet"
    );
    assert_eq!(rig.handle(takes(true)), "ask second calls true");
    assert!(rig.happens(ServiceEvent::Invite(invite(3, "david", DAVID))).contains("tone CallWaiting"));
    assert_eq!(rig.handle(takes(false)), "ask second calls false");
    assert_eq!(rig.shown(), (Some(call(1)), Some(call(3))), "what waits goes on to do so");
}

#[test]
fn the_last_word_on_whether_a_call_may_wait_is_repeated_and_greets_in_a_new_session() {
    let takes = |on| Event::UserTakesSecondCalls { on };
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::LinkLost);
    for on in [false, true, false] {
        assert_eq!(rig.handle(takes(on)), "", "it waits for a link");
    }
    let _ = rig.handle(Event::LinkOpened);
    assert_eq!(rig.receive(ServiceMessage::Resumed), "signed in, ask second calls false, ask second calls false");
    assert_eq!(rig.respond(Some(ErrorCode::FeatureNotAvailable)), "", "an older service");
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    assert_eq!(rig.receive(ServiceMessage::SessionExpired), "greet");
    assert!(!rig.line.takes_second_calls(), "the greeting says so");
}
