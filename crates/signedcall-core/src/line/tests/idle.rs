//! Going idle on purpose.

use super::*;

#[test]
fn a_device_goes_idle_once_the_service_has_taken_note() {
    let mut rig = Rig::signed_in();
    assert_eq!(rig.handle(Event::UserWentIdle), "ask go idle");
    assert_eq!(rig.respond(None), "close link");
    assert_eq!(rig.dials(1), "not placed 1 NotInitialized");
}

#[test]
fn a_device_that_is_in_a_call_stays() {
    assert_eq!(Rig::talking().handle(Event::UserWentIdle), "not idle OngoingCall");
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    assert_eq!(rig.handle(Event::UserWentIdle), "not idle OngoingCall");
}

#[test]
fn a_call_that_crosses_the_wish_to_go_idle_rings() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::UserWentIdle);
    assert!(rig.is_invited(1, "bobby").contains("tone Ringtone"));
    assert_eq!(rig.respond(Some(ErrorCode::OngoingCall)), "not idle OngoingCall");
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(Event::LinkOpened), "resume from 1", "it is no longer on its way");
}

#[test]
fn a_device_without_a_link_is_idle_at_once() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(Event::UserWentIdle), "close link");
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::UserWentIdle);
    assert_eq!(rig.handle(Event::LinkLost), "close link", "the service notices by itself");
}

#[test]
fn a_link_that_is_lost_when_a_call_has_crossed_the_wish_to_go_idle_leaves_the_call_alone() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::UserWentIdle);
    let _ = rig.is_invited(1, "bobby");
    assert_eq!(rig.handle(Event::LinkLost), "not idle OngoingCall");
    assert_eq!(rig.line.call_state(), CallState::IncomingCall);
    assert_eq!(rig.handle(Event::LinkOpened), "resume from 1");
    assert_eq!(rig.receive(ServiceMessage::Resumed), "signed in, ask ringing 1", "the wish is not repeated");
}

#[test]
fn a_link_that_breaks_under_the_wish_to_go_idle_is_closed_and_not_opened_again() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::UserWentIdle);
    rig.seq = 1;
    assert_eq!(rig.ends(1, EndReason::Cancelled), "close link", "an event is missing before this one");
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::UserWentIdle);
    let _ = rig.is_invited(1, "bobby");
    rig.seq = 2;
    assert_eq!(rig.ends(2, EndReason::Cancelled), "not idle OngoingCall, reopen link after 0 ms");
}
