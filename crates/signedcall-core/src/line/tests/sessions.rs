//! Links that are lost, sessions that go on or begin anew, and signing out.

use signedcall_wire::{Branding, ButtonTheme, Color};

use super::*;

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
    let signal = || Event::MediaSignal { call: call(1), device: PEER, signal: Signal::Offer { sdp: String::new().into(), generation: 0 } };
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
fn calls_look_as_the_service_says_from_now_on_whatever_goes_on() {
    for mut rig in [Rig::signed_in(), Rig::talking()] {
        let (bg_color, font_color) = (Color { red: 0, green: 0, blue: 0 }, Color { red: 255, green: 255, blue: 255 });
        let branding = Branding { name: "Parcelo".to_owned(), bg_color, font_color, logo: None, button_theme: ButtonTheme::Dark };
        let told = rig.happens(ServiceEvent::Branding(branding));
        assert_eq!(told, format!("branding, ack {}", rig.seq));
    }
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
        transferred: None,
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
        let snapshot = CallSnapshot::Caller { call: call(1), phase: CallPhase::Ringing { by: vec![by] }, transferred: None };
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
    assert_eq!(
        rig.welcome(vec![CallSnapshot::Caller { call: call(1), phase, transferred: None }]),
        "ice, branding, signed in, ask media connected 1"
    );
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
        CallSnapshot::Caller { call: call(1), phase: CallPhase::Placed, transferred: None },
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

/// The service was started again: it knows the calls, and no session.
fn begin_anew(rig: &mut Rig) {
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    assert_eq!(rig.receive(ServiceMessage::SessionExpired), "greet");
}

fn callee(number: u128, phase: CallPhase) -> CallSnapshot {
    CallSnapshot::Callee { invite: invite(number, "bobby", PEER), phase }
}

#[test]
fn a_device_that_rings_says_so_to_a_service_that_has_not_heard() {
    for (phase, expected) in [
        (CallPhase::Placed, ", ask ringing 1"),
        (CallPhase::Ringing { by: vec![endpoint(PEER)] }, ", ask ringing 1"),
        (CallPhase::Ringing { by: vec![endpoint(ME)] }, ""),
    ] {
        let mut rig = Rig::signed_in();
        let _ = rig.is_invited(1, "bobby");
        let _ = rig.respond(None);
        begin_anew(&mut rig);
        assert_eq!(rig.welcome(vec![callee(1, phase)]), format!("ice, branding, signed in{expected}"));
    }
}

#[test]
fn a_talk_goes_on_over_a_service_that_was_started_again() {
    let mut rig = Rig::talking();
    begin_anew(&mut rig);
    let phase = CallPhase::Answered { by: endpoint(ME), left_ms: None, holds: false, is_held: false };
    assert_eq!(rig.welcome(vec![callee(1, phase)]), "ice, branding, signed in");
    assert_eq!(rig.line.call_state(), CallState::OngoingCall);
}

#[test]
fn an_answer_that_died_with_the_service_is_repeated_before_all_that_followed_it() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(Event::UserHeld { call: call(1), on: true }), "stop voice");
    let _ = rig.handle(Event::LinkOpened);
    let _ = rig.receive(ServiceMessage::SessionExpired);
    let phase = CallPhase::Ringing { by: vec![endpoint(ME)] };
    assert_eq!(rig.welcome(vec![callee(1, phase)]), "ice, branding, signed in, ask accept 1, ask hold 1");
    let answered = ServiceEvent::Answered { call: call(1), by: endpoint(ME), left_ms: None };
    assert_eq!(rig.happens(answered), "ask hold 1, ask media connected 1, ack 1");
    assert_eq!(rig.line.call_state(), CallState::OngoingCall);
}

#[test]
fn a_caller_says_again_what_a_service_has_forgotten_with_the_answer() {
    let mut rig = Rig::signed_in();
    let _ = rig.dials(1);
    let _ = rig.respond(None);
    let _ = rig.happens(ServiceEvent::Ringing { call: call(1), by: endpoint(PEER) });
    let answered = || ServiceEvent::Answered { call: call(1), by: endpoint(PEER), left_ms: None };
    let _ = rig.happens(answered());
    let _ = rig.handle(Event::MediaConnected { call: call(1), device: PEER });
    let _ = rig.respond(None);
    let _ = rig.happens(ServiceEvent::Held { call: call(1), on: true });
    begin_anew(&mut rig);
    let phase = CallPhase::Ringing { by: vec![] };
    assert_eq!(rig.welcome(vec![CallSnapshot::Caller { call: call(1), phase, transferred: None }]), "ice, branding, signed in");
    assert_eq!(rig.happens(answered()), "start voice 2, ask media connected 1, ack 1, no tone");
    assert_eq!(rig.happens(ServiceEvent::Held { call: call(1), on: true }), "stop voice, ack 2, tone HoldMusic");
}

#[test]
fn a_call_that_has_ended_meanwhile_ends_here_for_the_same_reason() {
    let ended = |reason| [1, 7].map(|number| EndedCall { call: call(number), reason, other_device: None }).to_vec();
    let mut rig = Rig::talking();
    begin_anew(&mut rig);
    let heard = rig.welcome_with(vec![], ended(EndReason::MaxDuration));
    assert_eq!(heard, "ice, branding, stop voice, drop 2, tone Ended, report 1 Ended(MaxDuration), signed in");
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    begin_anew(&mut rig);
    let heard = rig.welcome_with(vec![], ended(EndReason::AnsweredElsewhere));
    assert_eq!(heard, "ice, branding, drop 2, report 1 Ended(AnsweredElsewhere), signed in, no tone");
}

#[test]
fn a_device_reports_which_other_one_has_answered_or_declined() {
    let desk = || DeviceName::new("desk").ok();
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    let ended = ServiceEvent::Ended { call: call(1), reason: EndReason::DeclinedElsewhere, other_device: desk() };
    assert_eq!(rig.happens(ended), "drop 2, report 1 Ended(DeclinedElsewhere) on desk, ack 2, no tone");
    let _ = rig.is_invited(2, "bobby");
    begin_anew(&mut rig);
    let heard = rig.welcome_with(vec![], vec![EndedCall { call: call(2), reason: EndReason::AnsweredElsewhere, other_device: desk() }]);
    assert_eq!(heard, "ice, branding, drop 2, report 2 Ended(AnsweredElsewhere) on desk, signed in, no tone");
}

#[test]
fn a_transfer_that_was_done_meanwhile_is_done() {
    let mut rig = Rig::talking();
    let asked = Event::UserTransferred { call: call(1), to: cuid("carol"), new: call(2) };
    assert_eq!(rig.handle(asked), "ask transfer 1 to carol");
    begin_anew(&mut rig);
    let heard = rig.welcome_with(vec![], vec![EndedCall { call: call(1), reason: EndReason::Transferred, other_device: None }]);
    assert_eq!(heard, "ice, branding, transferred 1, stop voice, drop 2, tone Ended, report 1 Ended(Transferred), signed in");
}

#[test]
fn how_a_call_ended_here_is_said_to_a_service_that_has_died_before_it_wrote_it_down() {
    let answered = || CallPhase::Answered { by: endpoint(ME), left_ms: None, holds: false, is_held: false };
    let mut rig = Rig::talking();
    let _ = rig.ends(1, EndReason::HungUp);
    begin_anew(&mut rig);
    assert_eq!(rig.welcome(vec![callee(1, answered())]), "ice, branding, signed in, ask hangup 1 HungUp");

    for (told, expected) in [(EndReason::Declined, ", ask decline 1 Declined"), (EndReason::AnsweredElsewhere, "")] {
        let mut rig = Rig::signed_in();
        let _ = rig.is_invited(1, "bobby");
        let _ = rig.respond(None);
        let _ = rig.ends(1, told);
        begin_anew(&mut rig);
        assert_eq!(rig.welcome(vec![callee(1, CallPhase::Placed)]), format!("ice, branding, signed in{expected}"), "it rings no more");
    }
}

#[test]
fn a_description_that_comes_again_is_passed_on_once() {
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    let mut offered = |sdp: &str| {
        let signal = Signal::Offer { sdp: sdp.to_owned().into(), generation: 0 };
        rig.happens(ServiceEvent::Signal { call: call(1), from: PEER, signal })
    };
    let offers = [offered("one"), offered("one"), offered("two")];
    assert_eq!(offers, ["apply signal of 2, ack 2", "ack 3", "apply signal of 2, ack 4"]);
}
