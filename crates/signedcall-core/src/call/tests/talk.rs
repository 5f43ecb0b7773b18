//! What happens to an answered call: it is held, and its time runs out.

use super::*;

#[test]
fn a_call_whose_time_is_over_ends_here_when_the_service_does_not_say_so() {
    for given in [G::Connecting, G::CallerTalking, G::Interrupted] {
        let mut call = given.call();
        let _ = call.handle(at(0), CallEvent::TimeLeft(Duration::from_secs(4)));
        // Nothing else is waited for: no other path can be looked for now.
        let _ = call.handle(at(0), CallEvent::LinkLost);
        assert_eq!(call.deadline(), Some(at(9_000)), "{given:?}");
        assert_eq!(call.handle(at(8_999), CallEvent::Woken), vec![], "{given:?}");
        assert!(actions(&call.handle(at(9_000), CallEvent::Woken)).ends_with("ask hangup 1 MaxDuration"), "{given:?}");
    }
}

#[test]
fn a_user_is_warned_once_in_the_last_thirty_seconds() {
    use CallEvent as E;
    let left = |milliseconds| E::TimeLeft(Duration::from_millis(milliseconds));
    check(&[
        (G::Connecting, left(30_000), 100, "Connecting", "tone Warning"),
        (G::Talking, left(30_000), 100, "Talking", "tone Warning"),
        (G::Talking, left(30_001), 100, "Talking", ""),
        (G::Rings, left(30_000), 100, "Rings", ""),
        (G::Answering, left(30_000), 100, "Answering", ""),
        (G::CalleeRings, left(30_000), 100, "CalleeRings", ""),
        (G::Ending, left(30_000), 100, "Ending", ""),
    ]);
    let mut call = G::Talking.call();
    assert_eq!(actions(&call.handle(at(0), left(40_000))), "");
    assert_eq!(actions(&call.handle(at(10_000), left(30_000))), "tone Warning");
    assert_eq!(actions(&call.handle(at(20_000), left(20_000))), "");
    assert_eq!(call.view().and_then(|view| view.ends_at), Some(at(40_000)));
}

#[test]
fn a_held_call_is_silent_and_is_heard_again_once_neither_side_holds_it() {
    use CallEvent as E;
    let mut call = G::CallerTalking.call();
    let mut then = |event, expected: (&str, Holding)| {
        let followed = actions(&call.handle(at(100), event));
        let holding = call.view().map(|view| view.holding);
        assert_eq!((followed.as_str(), holding, name(&call)), (expected.0, Some(expected.1), "Talking"));
    };
    then(E::UserHeld(true), ("stop voice, ask hold 1", Holding::ThisSide));
    then(E::UserHeld(true), ("", Holding::ThisSide));
    then(E::OtherHeld(true), ("", Holding::Both));
    then(E::UserHeld(false), ("ask resume 1", Holding::OtherSide));
    then(E::OtherHeld(true), ("", Holding::OtherSide));
    then(E::OtherHeld(false), ("start voice 2", Holding::Nobody));
    then(E::OtherHeld(true), ("stop voice", Holding::OtherSide));
    then(E::OtherHeld(false), ("start voice 2", Holding::Nobody));
}

#[test]
fn a_call_can_be_held_before_its_media_is_connected_and_begins_in_silence() {
    use CallEvent as E;
    let mut call = G::Answering.call();
    assert_eq!(actions(&call.handle(at(0), E::UserHeld(true))), "ask hold 1");
    assert_eq!(actions(&call.handle(at(0), E::Answered(BY_ME))), "report 1 Answered");
    assert_eq!(actions(&call.handle(at(0), E::MediaConnected(PEER))), "ask media connected 1, report 1 InProgress");
    assert_eq!(actions(&call.handle(at(0), E::UserHeld(false))), "start voice 2, ask resume 1");
    check(&[
        (G::Connecting, E::UserHeld(true), 100, "Connecting", "ask hold 1"),
        (G::Connecting, E::OtherHeld(true), 100, "Connecting", ""),
        (G::Answering, E::OtherHeld(true), 100, "Answering", ""),
        (G::Rings, E::UserHeld(true), 100, "Rings", ""),
        (G::CalleeRings, E::UserHeld(true), 100, "CalleeRings", ""),
        (G::Ending, E::UserHeld(true), 100, "Ending", ""),
    ]);
}

#[test]
fn a_muted_microphone_is_still_muted_after_a_hold() {
    use CallEvent as E;
    let mut call = G::Talking.call();
    let _ = call.handle(at(0), E::UserMuted(true));
    let _ = call.handle(at(0), E::UserHeld(true));
    assert_eq!(actions(&call.handle(at(0), E::UserHeld(false))), "muted true, start voice 2, ask resume 1");
}

#[test]
fn who_is_held_hears_music_and_who_holds_hears_nothing() {
    use CallEvent as E;
    let tone = |events: &[E]| {
        let mut call = G::Talking.call();
        for event in events {
            let _ = call.handle(at(0), event.clone());
        }
        call.tone()
    };
    assert_eq!(tone(&[E::OtherHeld(true)]), Some(Tone::HoldMusic));
    assert_eq!(tone(&[E::UserHeld(true)]), None);
    assert_eq!(tone(&[E::OtherHeld(true), E::UserHeld(true)]), None);
    assert_eq!(tone(&[E::OtherHeld(true), E::OtherHeld(false)]), None);
}

#[test]
fn a_held_call_ends_like_any_other_and_closes_no_voice_twice() {
    use CallEvent as E;
    for (event, expected) in [
        (E::UserHungUp, "drop 2, tone Ended, ask hangup 1 HungUp"),
        (E::Ended(EndReason::HungUp, None), "drop 2, tone Ended, report 1 Ended(HungUp)"),
        (E::MediaFailed(PEER), "drop 2, tone Ended, ask hangup 1 RemoteNetworkLoss"),
    ] {
        let mut call = G::Talking.call();
        let _ = call.handle(at(0), E::UserHeld(true));
        assert_eq!(actions(&call.handle(at(0), event)), expected);
    }
}

#[test]
fn what_the_service_does_not_know_of_a_hold_is_said_again() {
    use CallEvent as E;
    check(&[(G::Talking, E::KnownToHold(false), 100, "Talking", ""), (G::Talking, E::KnownToHold(true), 100, "Talking", "ask resume 1")]);
    let mut call = G::Talking.call();
    let _ = call.handle(at(0), E::UserHeld(true));
    assert_eq!(actions(&call.handle(at(0), E::KnownToHold(false))), "ask hold 1");
}

#[test]
fn a_transfer_is_asked_for_once_at_a_time_and_answered_once() {
    use CallEvent as E;
    let wish = || E::UserTransferred { to: cuid("carol"), new: call(9) };
    check(&[
        (G::Connecting, wish(), 100, "Connecting", "ask transfer 1 to carol"),
        (G::CallerTalking, wish(), 100, "Talking", "ask transfer 1 to carol"),
        (G::Interrupted, wish(), 100, "Interrupted", "ask transfer 1 to carol"),
        (G::Answering, wish(), 100, "Answering", ""),
        (G::Rings, wish(), 100, "Rings", ""),
        (G::CalleeRings, wish(), 100, "CalleeRings", ""),
        (G::Ending, wish(), 100, "Ending", ""),
        (G::Talking, E::TransferRefused(ErrorCode::OngoingCall), 100, "Talking", ""),
        (G::Talking, E::TransferDone, 100, "Talking", ""),
    ]);
    let mut call = G::Talking.call();
    assert_eq!(actions(&call.handle(at(0), wish())), "ask transfer 1 to carol");
    assert_eq!(actions(&call.handle(at(0), wish())), "not transferred 1 OngoingCall");
    let refused = call.handle(at(0), E::TransferRefused(ErrorCode::ContactNotReachable));
    assert_eq!(actions(&refused), "not transferred 1 ContactNotReachable");
    assert_eq!((name(&call), call.deadline()), ("Talking", None));
    assert_eq!(actions(&call.handle(at(0), wish())), "ask transfer 1 to carol");
    assert_eq!(actions(&call.handle(at(0), E::TransferDone)), "transferred 1");
    let ended = call.handle(at(0), E::Ended(EndReason::Transferred, None));
    assert_eq!(actions(&ended), "stop voice, drop 2, tone Ended, report 1 Ended(Transferred)");
}

#[test]
fn a_transfer_that_the_service_does_not_answer_is_given_up_after_ten_seconds() {
    let mut call = G::Talking.call();
    let _ = call.handle(at(0), CallEvent::UserTransferred { to: cuid("carol"), new: crate::brief::call(9) });
    assert_eq!(call.deadline(), Some(at(10_000)));
    assert_eq!(call.handle(at(9_999), CallEvent::Woken), vec![]);
    assert_eq!(actions(&call.handle(at(10_000), CallEvent::Woken)), "not transferred 1 NetworkLatency");
    assert_eq!((name(&call), call.deadline()), ("Talking", None));
}

#[test]
fn a_call_that_ends_while_it_is_transferred_answers_the_wish() {
    use CallEvent as E;
    for (event, expected) in [
        (E::UserHungUp, "not transferred 1 FailureInMakeCall, stop voice, drop 2, tone Ended, ask hangup 1 HungUp"),
        (E::Ended(EndReason::HungUp, None), "not transferred 1 FailureInMakeCall, stop voice, drop 2, tone Ended, report 1 Ended(HungUp)"),
        (E::Ended(EndReason::Transferred, None), "transferred 1, stop voice, drop 2, tone Ended, report 1 Ended(Transferred)"),
        (E::Replaced, "not transferred 1 FailureInMakeCall, stop voice, drop 2, report 1 Ended(Transferred)"),
    ] {
        let mut call = G::Talking.call();
        let _ = call.handle(at(0), E::UserTransferred { to: cuid("carol"), new: crate::brief::call(9) });
        assert_eq!(actions(&call.handle(at(0), event)), expected);
    }
}

#[test]
fn a_call_that_another_takes_the_place_of_ends_without_a_tone() {
    use CallEvent as E;
    check(&[
        (G::CallerTalking, E::Replaced, 100, "Over", "stop voice, drop 2, report 1 Ended(Transferred)"),
        (G::Interrupted, E::Replaced, 100, "Over", "stop voice, drop 2, report 1 Ended(Transferred)"),
        (G::Connecting, E::Replaced, 100, "Over", "drop 2, report 1 Ended(Transferred)"),
        (G::Answering, E::Replaced, 100, "Over", "report 1 Answered, drop 2, report 1 Ended(Transferred)"),
        (G::TwoRing, E::Replaced, 100, "Over", "report 1 Answered, drop 2, drop 3, report 1 Ended(Transferred)"),
        (G::Ending, E::Replaced, 100, "Over", "report 1 Ended(Transferred)"),
    ]);
}
