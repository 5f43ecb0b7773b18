//! Calls to whoever is not back yet from where another service has had everybody.

use signedcall_wire::EndReason;

use super::stage::{BACK, Do, Stage, call, call_to, hang_up};

const NOTHING: [&str; 0] = [];

/// A hub that has everybody since 0, and for which somebody waits who has called `x`.
fn called_early() -> Stage {
    let mut stage = Stage::empty();
    stage.run(0, Do::ReturnExpected(5_000));
    stage.run(100, Do::SignIn('a'));
    assert_eq!(stage.run(100, Do::Ask('a', call())), NOTHING);
    stage
}

#[test]
fn a_call_to_somebody_who_is_about_to_come_back_is_placed_once_they_are() {
    let mut stage = called_early();
    assert_eq!(stage.run(4_000, Do::AskAgain('a')), NOTHING, "it waits still");
    assert_eq!(stage.run(4_000, Do::SignIn('x')), ["x welcome", "open record"]);
    assert_eq!(stage.run(4_000, Do::Recorded), ["a ok", "x #1 invite 35000"]);
    assert_eq!(stage.run(5_000, Do::Wake), NOTHING);
}

#[test]
fn a_call_to_somebody_who_does_not_come_back_is_refused_when_that_is_known() {
    let mut stage = called_early();
    assert_eq!(stage.wake_at(100), Some(5_000));
    assert_eq!(stage.run(4_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(5_000, Do::Wake), ["a ERR_CONTACT_NOT_REACHABLE"]);
    assert_eq!(stage.run(5_000, Do::Ask('a', call_to(BACK, 'o'))), ["a ERR_CONTACT_NOT_REACHABLE"], "nobody is waited for any more");
}

#[test]
fn a_call_that_is_taken_back_before_its_callee_is_there_never_was() {
    let mut stage = called_early();
    assert_eq!(stage.run(200, Do::Ask('a', hang_up(EndReason::Cancelled))), ["a ERR_CONTACT_NOT_REACHABLE", "a ok"]);
    assert_eq!(stage.run(300, Do::SignIn('x')), ["x welcome"]);
}

#[test]
fn a_device_has_one_call_that_waits_and_asks_for_it_again_in_another_session() {
    let mut stage = called_early();
    let first = stage.asked[&'a'].clone();
    assert_eq!(stage.run(200, Do::Ask('a', call_to(BACK, 'o'))), ["a ERR_ONGOING_CALL"]);
    stage.asked.insert('a', first);
    stage.run(300, Do::SignIn('a'));
    assert_eq!(stage.run(300, Do::AskAgain('a')), NOTHING);
    assert_eq!(stage.run(400, Do::SignIn('x')), ["x welcome", "open record"]);
    assert_eq!(stage.run(400, Do::Recorded), ["a2 ok", "x #1 invite 35000"]);
}

#[test]
fn a_service_that_is_about_to_stop_leaves_calls_that_wait_to_the_next_one() {
    let mut stage = called_early();
    stage.run(200, Do::Drain);
    assert_eq!(stage.run(5_000, Do::Wake), NOTHING);
}
