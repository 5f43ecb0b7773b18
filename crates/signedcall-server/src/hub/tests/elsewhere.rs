//! What a user's other devices learn of the one that has answered or declined, and nobody else.

use signedcall_wire::EndReason;

use super::arrows::placed;
use super::stage::{Do, Stage, accept, connected, decline, hang_up};

fn with_a_call(devices: &str) -> Stage {
    let mut stage = Stage::with_names(devices);
    for event in placed() {
        stage.run(0, event);
    }
    stage
}

#[test]
fn the_others_learn_which_device_has_answered() {
    let mut stage = with_a_call("axyz");
    let told =
        ["a #1 answered y", "y #2 answered y", "x #2 ended AnsweredElsewhere on device y", "z #2 ended AnsweredElsewhere on device y"];
    assert_eq!(stage.run(0, Do::Ask('y', accept())), [&told[..], &["y ok"]].concat());
    let over = ["close record HungUp y never connected", "a #2 ended HungUp", "y #3 ended HungUp", "y ok"];
    assert_eq!(stage.run(0, Do::Ask('y', hang_up(EndReason::HungUp))), over, "how a call ends is no device's doing");
}

#[test]
fn the_others_learn_which_device_has_declined_and_the_caller_does_not() {
    let told = ["close record Declined", "a #1 ended Declined", "x #2 ended DeclinedElsewhere on device y", "y #2 ended Declined", "y ok"];
    assert_eq!(with_a_call("axy").run(0, Do::Ask('y', decline(EndReason::Declined))), told);
    let alone = ["y #2 ended MicrophoneRefused", "y ok"];
    assert_eq!(with_a_call("axy").run(0, Do::Ask('y', decline(EndReason::MicrophoneRefused))), alone, "the others ring on");
}

#[test]
fn a_device_without_a_name_is_another_device_all_the_same() {
    let mut stage = Stage::with("axy");
    for event in placed() {
        stage.run(0, event);
    }
    assert!(stage.run(0, Do::Ask('y', accept())).contains(&"x #2 ended AnsweredElsewhere".to_owned()));
}

#[test]
fn a_device_that_was_away_learns_it_when_it_signs_in() {
    let mut stage = with_a_call("axy");
    stage.run(0, Do::Ask('y', accept()));
    assert_eq!(stage.run(0, Do::SignIn('x'))[1], "x2 welcome ended AnsweredElsewhere on device y");
    assert_eq!(stage.run(0, Do::SignIn('z')), ["z welcome ended AnsweredElsewhere on device y"]);
    stage.run(0, Do::Ask('a', hang_up(EndReason::HungUp)));
    assert_eq!(stage.run(0, Do::Restart('z'))[2], "z2 welcome ended AnsweredElsewhere on device y", "also when the call is over");
    assert_eq!(stage.run(0, Do::SignIn('a'))[1], "a2 welcome ended HungUp");

    let mut stage = with_a_call("axyo");
    stage.run(0, Do::Ask('y', decline(EndReason::Declined)));
    let again = |stage: &mut Stage, who| stage.run(0, Do::SignIn(who)).pop();
    assert_eq!(again(&mut stage, 'x').as_deref(), Some("x2 welcome ended DeclinedElsewhere on device y"));
    assert_eq!(again(&mut stage, 'y').as_deref(), Some("y2 welcome ended Declined"));
    assert_eq!(again(&mut stage, 'a').as_deref(), Some("a2 welcome ended Declined"));
    assert_eq!(again(&mut stage, 'o').as_deref(), Some("o2 welcome"));
}

#[test]
fn a_service_that_was_started_again_knows_it_still() {
    let signed_in = |stage: &mut Stage, devices: &str| -> Vec<String> {
        stage.restart_service(1_000);
        devices.chars().flat_map(|who| stage.run(2_000, Do::SignIn(who))).collect()
    };
    let mut stage = with_a_call("axy");
    for event in [Do::Ask('y', accept()), Do::Ask('a', connected()), Do::Ask('y', connected())] {
        stage.run(0, event);
    }
    assert_eq!(signed_in(&mut stage, "x"), ["x2 welcome ended AnsweredElsewhere on device y"], "whether or not y is back");
    assert_eq!(stage.run(2_000, Do::SignIn('y')), ["y2 welcome callee answered y"]);
    stage.run(2_000, Do::Ask('y', hang_up(EndReason::HungUp)));
    assert_eq!(signed_in(&mut stage, "x"), ["x3 welcome ended AnsweredElsewhere on device y"]);

    let mut stage = with_a_call("axy");
    stage.run(0, Do::Ask('y', decline(EndReason::Declined)));
    let told = ["a2 welcome ended Declined", "x2 welcome ended DeclinedElsewhere on device y", "y2 welcome ended Declined"];
    assert_eq!(signed_in(&mut stage, "axy"), told);
}
