//! What becomes of calls whose callee is called by push: who is left out, and when nobody can be waited for any more.

use signedcall_wire::{EndReason, Request};

use super::arrows::{answered, placed};
use super::push::{failed, know, known};
use super::stage::{CALL, Do, Stage, THIRD, accept, call, call_to, decline, hang_up, ringing};

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

/// `x` has lost its socket at 0, is called and pushed at 28 s, and may come back by the push after its grace, which has passed. `y` has come by its own.
fn lost_while_it_is_called() -> Stage {
    let mut stage = Stage::with("ax");
    know(&mut stage, "xy");
    stage.run(0, Do::Lose('x'));
    stage.run(28_000, Do::Ask('a', call()));
    assert_eq!(stage.run(28_000, Do::Recorded), ["a ok", "push x until 63000", "push y until 63000"]);
    assert!(stage.run(30_000, Do::Wake).is_empty());
    assert_eq!(stage.run(31_000, Do::SignIn('y')), ["y welcome callee placed"]);
    stage
}

#[test]
fn a_device_that_resumes_once_the_call_is_over_is_told_so_and_rings_no_more() {
    let back = |mut stage: Stage| stage.run(50_000, Do::Resume('x', 0));
    let mut stage = lost_while_it_is_called();
    stage.run(35_000, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert_eq!(back(stage), ["x2 resumed", "x2 #1 invite 35000", "x2 #2 ended Cancelled"]);

    let mut stage = lost_while_it_is_called();
    stage.run(35_000, Do::Ask('y', accept()));
    assert_eq!(back(stage), ["x2 resumed", "x2 #1 invite 35000", "x2 #2 ended AnsweredElsewhere"], "which goes on");

    let mut stage = lost_while_it_is_called();
    stage.handle(35_000, failed('x', false));
    stage.run(35_000, Do::Ask('y', decline(EndReason::MicrophoneRefused)));
    assert_eq!(stage.hub.calls().count(), 0);
    assert_eq!(back(stage), ["x2 resumed", "x2 #1 invite 35000", "x2 #2 ended Missed"]);
}

#[test]
fn a_device_that_resumes_is_told_of_the_calls_that_ended_while_it_was_away_and_of_no_other() {
    // It has heard of the call, and rings for it by itself.
    let mut stage = Stage::with("ax");
    know(&mut stage, "x");
    for event in placed() {
        stage.run(0, event);
    }
    stage.run(1_000, Do::Lose('x'));
    assert_eq!(stage.run(2_000, Do::Wake), ["push x until 35000"]);
    stage.run(31_000, Do::Wake);
    stage.run(32_000, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert_eq!(stage.run(33_000, Do::Resume('x', 1)), ["x2 resumed", "x2 #2 ended Cancelled"]);
    stage.run(34_000, Do::Ack('x', 2));
    stage.run(34_000, Do::Lose('x'));
    stage.run(64_000, Do::Wake);
    assert_eq!(stage.run(65_000, Do::Resume('x', 2)), ["x3 resumed"], "it knows");

    // It was pushed, and comes too late.
    let mut stage = Stage::with("ax");
    know(&mut stage, "x");
    stage.run(0, Do::Lose('x'));
    stage.run(30_000, Do::Wake);
    stage.run(40_000, Do::Ask('a', call()));
    stage.run(40_000, Do::Recorded);
    stage.run(41_000, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert_eq!(stage.run(42_000, Do::Resume('x', 0)), ["x2 resumed", "x2 #1 ended Cancelled"]);
}

#[test]
fn a_device_that_was_pushed_and_comes_while_an_answer_is_written_down_is_told_of_it() {
    let won = |last: &str| ["a #1 answered y", "y #1 answered y", last, "y ok"].map(str::to_owned);
    let mut stage = lost_while_it_is_called();
    stage.store_waits = true;
    stage.run(35_000, Do::Ask('y', accept()));
    assert_eq!(stage.run(35_100, Do::Resume('x', 0)), ["x2 resumed", "x2 #1 invite 35000"]);
    assert_eq!(stage.run(35_200, Do::AnswerWritten), won("x2 #2 ended AnsweredElsewhere"));

    let mut stage = lost_while_it_is_called();
    stage.store_waits = true;
    stage.run(35_000, Do::Ask('y', accept()));
    assert_eq!(stage.run(35_100, Do::SignIn('x')), ["x2 welcome callee placed"]);
    assert_eq!(stage.run(35_200, Do::AnswerWritten), won("x2 #1 ended AnsweredElsewhere"));
}

#[test]
fn a_call_whose_last_hope_is_a_push_to_who_is_blocked_ends_at_once() {
    let mut stage = Stage::with("ax");
    know(&mut stage, "x");
    stage.run(0, Do::Lose('x'));
    stage.run(30_000, Do::Wake);
    stage.run(40_000, Do::Ask('a', call()));
    assert_eq!(stage.run(40_000, Do::Recorded), ["a ok", "push x until 75000"]);
    let told = stage.run(41_000, Do::BlockUser('x'));
    assert_eq!(
        told,
        ["push x Ended(LoggedOut)", "forget push x logged out", "close record LoggedOut", "a #1 ended LoggedOut"],
        "and not when it has rung for long enough"
    );
}

#[test]
fn a_call_goes_on_that_waited_for_a_push_to_another_device_than_the_only_one_that_its_user_has_now() {
    let mut stage = Stage::with("a");
    know(&mut stage, "y");
    for event in placed() {
        stage.run(0, event);
    }
    stage.single_device = true;
    assert_eq!(stage.run(1_000, Do::SignIn('x')), ["push y NotBrought", "forget push y", "x welcome callee placed"]);
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}
