//! What becomes of calls whose callee is called by push: who is left out, and when nobody can be waited for any more.

use signedcall_wire::{EndReason, Request};

use super::arrows::{answered, placed};
use super::push::{failed, know, known};
use super::stage::{CALL, Do, Stage, THIRD, call_to, decline, ringing};

/// Both devices of the callee are reached by push, and one is connected.
fn placed_to_one_connected() -> Stage {
    let mut stage = Stage::with("ax");
    know(&mut stage, "xy");
    for event in placed() {
        stage.run(0, event);
    }
    stage
}

#[test]
fn a_device_that_is_busy_is_neither_pushed_nor_waited_for() {
    let mut stage = Stage::with("axyo");
    know(&mut stage, "xy");
    for event in answered() {
        stage.run(0, event);
    }
    stage.run(0, Do::Ask('o', call_to(THIRD, 'x')));
    assert_eq!(stage.run(0, Do::RecordedOf(THIRD)), ["o ok", "y #3 invite 35000"]);
    assert_eq!(stage.run(2_000, Do::Wake), ["push y until 35000"]);
    assert_eq!(
        stage.run(3_000, Do::Ask('y', Request::Decline { call: THIRD, reason: EndReason::MicrophoneRefused }))[1..],
        ["close record MicrophoneRefused", "o #1 ended MicrophoneRefused", "y #4 ended MicrophoneRefused", "y ok"]
    );
}

#[test]
fn when_the_last_device_leaves_those_that_were_not_called_yet_are_pushed_at_once() {
    let mut stage = placed_to_one_connected();
    let told = stage.run(500, Do::Ask('x', decline(EndReason::MicrophoneRefused)));
    assert_eq!(told, ["x #2 ended MicrophoneRefused", "push y until 35000", "x ok"]);
    assert!(stage.run(2_000, Do::Wake).is_empty(), "it is called once");
    assert_eq!(
        stage.handle(3_000, failed('y', false)),
        ["push y NotBrought", "close record RemoteNetworkLoss", "a #1 ended RemoteNetworkLoss"]
    );
}

#[test]
fn when_the_last_device_signs_out_the_others_are_pushed_at_once() {
    let mut stage = placed_to_one_connected();
    let told = stage.run(500, Do::Ask('x', Request::Logout));
    assert_eq!(told, ["x #2 ended LoggedOut", "push y until 35000", "x ok", "forget push x logged out", "x close"]);
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}

#[test]
fn when_the_device_that_rings_is_lost_the_others_are_pushed() {
    let mut stage = placed_to_one_connected();
    stage.run(1_000, Do::Ask('x', ringing()));
    assert!(stage.run(2_000, Do::Wake).is_empty(), "one has confirmed");
    stage.run(2_000, Do::Lose('x'));
    assert_eq!(stage.run(32_000, Do::Wake), ["push y until 35000"]);
}

#[test]
fn a_push_that_fails_takes_away_no_device_that_rang_before_the_service_was_started_again() {
    let mut stage = placed_to_one_connected();
    stage.run(1_000, Do::Ask('x', ringing()));
    stage.pushes_known = known("x");
    stage.restart_service(5_000);
    assert_eq!(stage.run(7_000, Do::Wake), ["push x until 35000"]);
    assert_eq!(stage.handle(8_000, failed('x', true)), ["push x NotBrought"], "it may be back yet");
    assert_eq!(stage.run(9_000, Do::SignIn('x')), ["x2 welcome callee placed"]);
}

#[test]
fn of_a_push_that_is_settled_a_service_that_is_started_again_sends_no_other() {
    let mut stage = Stage::with("a");
    know(&mut stage, "xy");
    for event in placed() {
        stage.run(0, event);
    }
    assert_eq!(stage.handle(1_000, failed('y', false)), ["push y NotBrought"]);
    stage.run(2_000, Do::SignIn('x'));
    stage.run(2_000, Do::Ask('x', ringing()));
    stage.pushes_known = known("xy");
    stage.restart_service(5_000);
    assert!(stage.run(7_000, Do::Wake).is_empty());
}

#[test]
fn a_device_that_is_pushed_by_two_calls_rings_for_one_and_is_busy_for_the_other() {
    let mut stage = Stage::with("ao");
    know(&mut stage, "x");
    for event in placed() {
        stage.run(0, event);
    }
    stage.run(0, Do::Ask('o', call_to(THIRD, 'x')));
    stage.run(0, Do::RecordedOf(THIRD));
    let told = stage.run(1_000, Do::SignIn('x'));
    assert_eq!(told[..3], ["push x Ended(Busy)", "close record Busy", "a #1 ended Busy"]);
    assert!(told[3].starts_with("x welcome callee placed"), "{told:?}");
}
