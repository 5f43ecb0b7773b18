//! One side hands the other over to somebody else.

use signedcall_wire::Transferred;

use super::*;

const CAROL: DeviceId = device(3);

impl Rig {
    fn transfer(&mut self, number: u128, to: &str) -> String {
        self.handle(Event::UserTransferred { call: call(number), to: cuid(to), new: call(9) })
    }

    /// The other side of a call has transferred this one to carol: call 9.
    fn is_transferred(&mut self, number: u128) -> String {
        self.happens(ServiceEvent::Transferred(transferred(number)))
    }
}

fn transferred(number: u128) -> Transferred {
    Transferred { instead_of: call(number), call: call(9), to: cuid("carol"), context: crate::brief::context(), initiator_image: None }
}

#[test]
fn who_transfers_is_out_of_the_call_once_the_service_has_placed_the_next() {
    let mut rig = Rig::talking();
    assert_eq!(rig.transfer(1, "carol"), "ask transfer 1 to carol");
    assert_eq!(rig.respond(None), "transferred 1");
    let ended = "stop voice, drop 2, tone Ended, report 1 Ended(Transferred), ack 3";
    assert_eq!(rig.ends(1, EndReason::Transferred), ended);
    assert_eq!(rig.line.call_state(), CallState::NoCall);
}

#[test]
fn a_call_that_is_held_can_be_transferred() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::UserHeld { call: call(1), on: true });
    assert_eq!(rig.transfer(1, "carol"), "ask transfer 1 to carol");
}

#[test]
fn a_transfer_that_is_refused_leaves_the_call_as_it_was() {
    let mut rig = Rig::talking();
    let before = rig.line.view();
    assert_eq!(rig.transfer(1, "alice"), "not transferred 1 CanNotCallSelf");
    assert_eq!(rig.transfer(1, "bobby"), "not transferred 1 CanNotCallSelf");
    assert_eq!(rig.transfer(2, "carol"), "not transferred 2 FailureInMakeCall");
    let _ = rig.transfer(1, "carol");
    assert_eq!(rig.respond(Some(ErrorCode::ContactNotReachable)), "not transferred 1 ContactNotReachable");
    assert_eq!(rig.line.view(), before);
    let mut rig = Rig::signed_in();
    let _ = rig.is_invited(1, "bobby");
    assert_eq!(rig.transfer(1, "carol"), "not transferred 1 FailureInMakeCall");
}

#[test]
fn a_transfer_is_asked_for_again_after_a_cut_as_long_as_it_is_waited_for() {
    let mut rig = Rig::talking();
    let _ = rig.transfer(1, "carol");
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    assert_eq!(rig.receive(ServiceMessage::Resumed), "signed in, ask transfer 1 to carol");
    let _ = rig.handle(Event::LinkLost);
    rig.now = 10_000;
    assert_eq!(rig.handle(Event::LinkOpened), "not transferred 1 NetworkLatency, resume from 2");
    assert_eq!(rig.receive(ServiceMessage::Resumed), "signed in");
    assert_eq!(rig.transfer(1, "carol"), "ask transfer 1 to carol");
}

#[test]
fn a_transfer_that_was_never_asked_for_is_told_from_one_whose_answer_is_missing() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.transfer(1, "carol"), "not transferred 1 NetworkNotAvailable");
    let _ = rig.handle(Event::LinkOpened);
    assert_eq!(rig.receive(ServiceMessage::Resumed), "signed in", "nothing of it is left");
    let _ = rig.transfer(1, "carol");
    rig.now += 10_000;
    assert_eq!(rig.handle(Event::Woken), "not transferred 1 NetworkLatency");
}

#[test]
fn who_stays_is_the_caller_of_the_next_call() {
    let mut rig = Rig::talking();
    let replaced = "stop voice, drop 2, report 1 Ended(Transferred), report 9 Placed, ack 3, tone Ringback";
    assert_eq!(rig.is_transferred(1), replaced);
    let view = rig.line.view().expect("a call");
    assert_eq!((view.call, view.peer, view.phase), (call(9), cuid("carol"), Phase::Calling));
    assert_eq!(view.transferred_by, Some(cuid("bobby")));
    let ringing = ServiceEvent::Ringing { call: call(9), by: endpoint(CAROL) };
    assert_eq!(rig.happens(ringing), "prepare 3 Offerer, report 9 Ringing, ack 4");
    let _ = rig.handle(Event::MediaConnected { call: call(9), device: CAROL });
    let answered = ServiceEvent::Answered { call: call(9), by: endpoint(CAROL), left_ms: None };
    let talks = "start voice 3, ask media connected 9, report 9 Answered, report 9 InProgress, ack 5, no tone";
    assert_eq!(rig.happens(answered), talks);
}

#[test]
fn who_has_left_meanwhile_takes_no_part_in_the_next_call() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::UserHungUp { call: call(1) });
    assert_eq!(rig.is_transferred(1), "report 1 Ended(Transferred), ask hangup 9 Cancelled, ack 3");
    assert_eq!(rig.line.call_state(), CallState::NoCall);
}

#[test]
fn a_call_that_takes_the_place_of_a_held_one_holds_the_other_when_it_is_answered() {
    let mut rig = Rig::talking();
    let _ = rig.handle(Event::UserHeld { call: call(1), on: true });
    let _ = rig.happens(ServiceEvent::Invite(invite(2, "david", device(4))));
    let _ = rig.handle(Event::MediaConnected { call: call(2), device: device(4) });
    let _ = rig.handle(Event::UserAnswered { call: call(2), how: AnswerHow::HoldCurrent });
    let _ = rig.happens(ServiceEvent::Answered { call: call(2), by: endpoint(ME), left_ms: None });
    assert_eq!(rig.is_transferred(1), "drop 2, report 1 Ended(Transferred), report 9 Placed, ack 5, tone Ringback");
    let _ = rig.happens(ServiceEvent::Ringing { call: call(9), by: endpoint(CAROL) });
    let answered = ServiceEvent::Answered { call: call(9), by: endpoint(CAROL), left_ms: None };
    assert_eq!(rig.happens(answered), "stop voice, ask hold 2, report 9 Answered, ack 7, no tone");
}

#[test]
fn a_new_session_learns_of_a_transfer_that_was_missed() {
    let snapshot = || CallSnapshot::Caller {
        call: call(9),
        phase: CallPhase::Ringing { by: vec![endpoint(CAROL)] },
        transferred: Some(transferred(1)),
    };
    let mut rig = Rig::talking();
    let _ = rig.receive(ServiceMessage::SessionExpired);
    let adopted = "ice, branding, stop voice, drop 2, report 1 Ended(Transferred), report 9 Placed, prepare 3 Offerer, report 9 Ringing, \
                   signed in, tone Ringback";
    assert_eq!(rig.welcome(vec![snapshot()]), adopted);
    let mut rig = Rig::new();
    let _ = rig.handle(Event::LinkOpened);
    assert_eq!(rig.welcome(vec![snapshot()]), "ice, branding, signed in, ask hangup 9 Cancelled", "an earlier run was transferred");
}

#[test]
fn whoever_is_called_sees_who_has_transferred_the_caller() {
    let mut rig = Rig::signed_in();
    let invite = Invite { transferred_by: Some(cuid("carol")), ..invite(1, "bobby", PEER) };
    let _ = rig.happens(ServiceEvent::Invite(invite));
    let view = rig.line.view().expect("a call");
    assert_eq!((view.peer, view.transferred_by), (cuid("bobby"), Some(cuid("carol"))));
}
