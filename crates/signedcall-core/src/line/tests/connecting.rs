//! The company connects this user with somebody.

use signedcall_wire::Transferred;

use super::*;

const BOBBY: DeviceId = device(3);
/// What stands for the device of a caller where there is none.
const NOBODY: DeviceId = device(4);

/// The company connects this user with bobby: by call 1, which leads to call 9.
fn connecting() -> Invite {
    let picture = |name: &str| Some(format!("https://a.example/{name}.png"));
    Invite { leads_to: Some(call(9)), initiator_image: picture("bobby"), receiver_image: picture("alice"), ..invite(1, "bobby", NOBODY) }
}

impl Rig {
    fn is_connected(&mut self) -> String {
        let context = crate::brief::context();
        let transferred = Transferred { instead_of: call(1), call: call(9), to: cuid("bobby"), context, initiator_image: None };
        self.happens(ServiceEvent::Transferred(transferred))
    }
}

#[test]
fn who_answers_calls_the_other_and_no_microphone_is_opened_before_that_one_has_answered_too() {
    let mut rig = Rig::signed_in();
    let rings = rig.happens(ServiceEvent::Invite(connecting()));
    assert_eq!(rings, "ask ringing 1, prepare 4 Answerer, report 1 Placed, report 1 Ringing, ack 1, tone Ringtone");
    let view = rig.line.view().expect("a call");
    assert_eq!((view.peer, view.phase, view.is_by_company), (cuid("bobby"), Phase::Ringing, true));
    assert_eq!(rig.handle(Event::UserAnswered { call: call(1), how: AnswerHow::HoldCurrent }), "ask accept 1, no tone");
    let answered = ServiceEvent::Answered { call: call(1), by: endpoint(ME), left_ms: None };
    assert_eq!(rig.happens(answered), "report 1 Answered, ack 2");
    assert_eq!(rig.is_connected(), "drop 4, report 1 Ended(Transferred), report 9 Placed, ack 3, tone Ringback");
    let view = rig.line.view().expect("a call");
    assert_eq!((view.call, view.peer, view.phase, view.is_by_company), (call(9), cuid("bobby"), Phase::Calling, true));
    assert_eq!(
        (view.transferred_by, view.peer_image.as_deref()),
        (None, Some("https://a.example/bobby.png")),
        "nobody has put them through"
    );
    let ringing = ServiceEvent::Ringing { call: call(9), by: endpoint(BOBBY) };
    assert_eq!(rig.happens(ringing), "prepare 3 Offerer, report 9 Ringing, ack 4");
    let _ = rig.handle(Event::MediaConnected { call: call(9), device: BOBBY });
    let answered = ServiceEvent::Answered { call: call(9), by: endpoint(BOBBY), left_ms: None };
    let talks = "start voice 3, ask media connected 9, report 9 Answered, report 9 InProgress, ack 5, no tone";
    assert_eq!(rig.happens(answered), talks);
}

#[test]
fn who_declines_calls_nobody() {
    let mut rig = Rig::signed_in();
    let _ = rig.happens(ServiceEvent::Invite(connecting()));
    let declined = rig.handle(Event::UserDeclined { call: call(1) });
    assert!(declined.contains("ask decline 1 Declined"), "{declined}");
    assert_eq!(rig.line.call_state(), CallState::CleanupCall);
    let ended = rig.ends(1, EndReason::Declined);
    assert!(ended.contains("report 1 Ended(Declined)"), "{ended}");
    assert_eq!(rig.line.call_state(), CallState::NoCall);
}

#[test]
fn a_call_that_somebody_has_placed_is_nobody_else_s() {
    let mut rig = Rig::signed_in();
    let _ = rig.happens(ServiceEvent::Invite(invite(1, "bobby", PEER)));
    assert!(!rig.line.view().expect("a call").is_by_company);
}
