//! Calls beside calls: who is busy, and who may call while in a call.

use signedcall_wire::{CallId, EndReason, Request};

use super::stage::{BACK, Do, FOURTH, Stage, THIRD, Who, accept, call, call_to, hang_up, hold};

/// `a` and `x` talk.
fn talking(stage: &mut Stage) {
    for event in [Do::Ask('a', call()), Do::Recorded, Do::Ask('x', accept())] {
        stage.run(0, event);
    }
}

fn calls(stage: &mut Stage, call: CallId, from: Who, to: Who) -> Vec<String> {
    let mut said = stage.run(0, Do::Ask(from, call_to(call, to)));
    said.extend(stage.run(0, Do::RecordedOf(call)));
    said
}

#[test]
fn a_device_that_takes_one_call_at_a_time_is_busy_in_it_and_told_nothing() {
    let mut stage = Stage::with("axo");
    talking(&mut stage);
    assert_eq!(calls(&mut stage, BACK, 'o', 'x'), ["open record", "o ok", "close record Busy", "o #1 ended Busy"]);
    stage.run(0, Do::Ask('a', hang_up(EndReason::HungUp)));
    assert_eq!(calls(&mut stage, THIRD, 'o', 'x'), ["open record", "o ok", "x #4 invite 35000"]);
}

#[test]
fn a_device_that_places_a_call_is_busy_from_then_on_and_one_that_rings_too() {
    let mut stage = Stage::with("axo");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(calls(&mut stage, BACK, 'o', 'a'), ["open record", "o ok", "close record Busy", "o #1 ended Busy"]);
    stage.run(0, Do::Recorded);
    assert_eq!(calls(&mut stage, THIRD, 'o', 'x'), ["open record", "o ok", "close record Busy", "o #2 ended Busy"]);
}

#[test]
fn a_second_call_waits_where_it_may_and_a_third_is_busy() {
    let mut stage = Stage::with_second_calls("axoq");
    talking(&mut stage);
    assert_eq!(calls(&mut stage, BACK, 'o', 'x'), ["open record", "o ok", "x #3 invite 35000"]);
    assert_eq!(calls(&mut stage, THIRD, 'q', 'x'), ["open record", "q ok", "close record Busy", "q #1 ended Busy"]);
    let accepted = stage.run(0, Do::Ask('x', Request::Accept { call: BACK }));
    assert_eq!(accepted, ["o #1 answered x", "x #4 answered x", "x ok"]);
}

#[test]
fn a_device_may_change_how_many_calls_it_takes() {
    let takes = |on| Do::Ask('x', Request::TakeSecondCalls { on });
    let mut stage = Stage::with("axoq");
    talking(&mut stage);
    assert_eq!(stage.run(0, takes(true)), ["x ok"]);
    assert_eq!(stage.run(0, Do::AskAgain('x')), ["x ok"]);
    assert_eq!(calls(&mut stage, BACK, 'o', 'x'), ["open record", "o ok", "x #3 invite 35000"]);
    assert_eq!(stage.run(0, takes(false)), ["x ok"], "and what waits goes on to do so");
    assert_eq!(stage.run(0, Do::Ask('x', Request::Ringing { call: BACK })), ["o #1 ringing x", "x ok"]);
    stage.run(0, Do::Ask('o', Request::Hangup { call: BACK, reason: EndReason::Cancelled }));
    assert_eq!(calls(&mut stage, THIRD, 'o', 'x'), ["open record", "o ok", "close record Busy", "o #3 ended Busy"]);
    stage.run(0, takes(true));
    stage.run(0, Do::Lose('x'));
    stage.run(0, Do::Resume('x', 4));
    assert_eq!(calls(&mut stage, FOURTH, 'o', 'x'), ["open record", "o ok", "x2 #5 invite 35000"], "it lasts as long as the session");
}

#[test]
fn a_call_rings_on_those_devices_of_a_user_that_are_free() {
    let mut stage = Stage::with("axyo");
    talking(&mut stage);
    assert_eq!(calls(&mut stage, BACK, 'o', 'x'), ["open record", "o ok", "y #3 invite 35000"]);
}

#[test]
fn another_call_may_be_placed_by_who_holds_the_one_there_is() {
    let mut stage = Stage::with_second_calls("axoq");
    talking(&mut stage);
    assert_eq!(stage.run(0, Do::Ask('a', call_to(BACK, 'o'))), ["a ERR_ONGOING_CALL"]);
    stage.run(0, Do::Ask('x', hold(true)));
    assert_eq!(stage.run(0, Do::Ask('a', call_to(BACK, 'o'))), ["a ERR_ONGOING_CALL"], "to be held is not to hold");
    stage.run(0, Do::Ask('a', hold(true)));
    assert_eq!(calls(&mut stage, BACK, 'a', 'o'), ["open record", "a ok", "o #1 invite 35000"]);
    assert_eq!(stage.run(0, Do::Ask('a', call_to(THIRD, 'q'))), ["a ERR_ONGOING_CALL"], "one outgoing call at a time");

    let mut stage = Stage::with("axo");
    talking(&mut stage);
    stage.run(0, Do::Ask('a', hold(true)));
    assert_eq!(stage.run(0, Do::Ask('a', call_to(BACK, 'o'))), ["a ERR_ONGOING_CALL"], "it takes one call at a time");
}

#[test]
fn glare_beside_another_call_is_one_call_too() {
    let mut stage = Stage::with_second_calls("axo");
    talking(&mut stage);
    stage.run(0, Do::Ask('a', hold(true)));
    assert_eq!(calls(&mut stage, BACK, 'o', 'a'), ["open record", "o ok", "a #2 invite 35000"]);
    assert_eq!(stage.run(0, Do::Ask('a', call_to(THIRD, 'o'))), ["a ERR_ONGOING_CALL"]);
}
