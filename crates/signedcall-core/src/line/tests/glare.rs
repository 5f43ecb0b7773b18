//! Two who call each other at the same moment.

use super::*;

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
