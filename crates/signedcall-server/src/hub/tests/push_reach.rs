//! Who is called by push: what devices have said, in the order in which it is written down, and by what right.

use std::time::Duration;

use signedcall_wire::Request;

use super::arrows::placed;
use super::push::{know, known, register, target, web, written};
use super::stage::{Do, Stage, THIRD, call, call_to};
use crate::hub::HubEvent;

/// A device says where its pushes go. What the store will say of that.
fn ask(stage: &mut Stage, who: char) -> HubEvent {
    let asked = stage.run(0, Do::Ask(who, Request::PushTo { target: Some(target(web())) }));
    assert_eq!(asked, [format!("keep push {who} here")]);
    written(stage, who, Ok(true))
}

#[test]
fn who_signs_out_before_it_is_written_down_where_they_are_is_not_pushed() {
    let mut stage = Stage::with("ax");
    let late = ask(&mut stage, 'x');
    // The store is told in this order.
    assert_eq!(stage.run(0, Do::Ask('x', Request::Logout)), ["x ok", "forget push x logged out", "x close"]);
    assert!(stage.handle(0, late).is_empty());
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["open record"]);
    assert_eq!(stage.run(0, Do::Recorded), ["a ok", "close record LoggedOut", "a #1 ended LoggedOut"]);
}

#[test]
fn who_signs_out_and_in_again_meanwhile_is_pushed_once_they_say_so_anew() {
    let mut stage = Stage::with("ax");
    let late = ask(&mut stage, 'x');
    stage.run(0, Do::Ask('x', Request::Logout));
    assert_eq!(stage.run(0, Do::SignIn('x')), ["forget push x", "x2 welcome"]);
    assert!(stage.handle(0, late).is_empty());
    stage.run(0, Do::Ask('x', Request::GoIdle));
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["a ERR_CONTACT_NOT_REACHABLE"]);
}

#[test]
fn who_loses_the_connection_before_it_is_written_down_where_they_are_is_pushed() {
    let mut stage = Stage::with("ax");
    let late = ask(&mut stage, 'x');
    stage.run(0, Do::Lose('x'));
    stage.run(60_000, Do::Wake);
    assert!(stage.handle(60_000, late).is_empty());
    stage.run(60_000, Do::Ask('a', call()));
    assert_eq!(stage.run(60_000, Do::Recorded), ["a ok", "push x until 95000"]);
}

#[test]
fn who_has_signed_out_after_saying_that_pushes_go_nowhere_is_not_remembered() {
    let mut stage = Stage::with("ax");
    register(&mut stage, 0, 'x');
    stage.run(0, Do::Ask('x', Request::PushTo { target: None }));
    assert_eq!(stage.run(0, Do::Ask('x', Request::Logout)), ["x ok", "forget push x", "x close"]);
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["a ERR_CONTACT_NOT_REACHABLE"]);
}

#[test]
fn nobody_is_pushed_by_a_right_that_is_withdrawn() {
    let mut stage = Stage::with("a");
    know(&mut stage, "x");
    assert!(stage.run(0, Do::RevokeKey('x')).is_empty());
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["a ERR_CONTACT_NOT_REACHABLE"]);
    // What is not named any more was forgotten, and gives no right again.
    stage.run(0, Do::UnblockAll);
    assert_eq!(stage.run(0, Do::Ask('a', call_to(THIRD, 'x'))), ["a ERR_CONTACT_NOT_REACHABLE"]);
}

#[test]
fn whoever_is_let_in_by_another_right_is_pushed_by_that() {
    let mut stage = Stage::with("a");
    know(&mut stage, "x");
    stage.token_lasts = Some(Duration::from_secs(10));
    assert_eq!(stage.run(0, Do::SignIn('x')), ["renew push x", "x welcome for 10000"]);
    stage.token_key = crate::hub::TokenKeyId(2);
    assert_eq!(stage.run(0, Do::RenewToken('x', 'x', 10_000)), ["renew push x", "x renewed for 10000"]);
    assert!(stage.run(0, Do::RevokeKey('x')).is_empty());
    assert!(stage.run(0, Do::UnregisterKey(1)).is_empty());
    stage.run(0, Do::Ask('x', Request::GoIdle));
    // Its token has expired long since.
    assert_eq!(stage.run(20_000, Do::Ask('a', call())), ["open record"]);
    assert_eq!(stage.run(20_000, Do::Recorded), ["a ok", "push x until 55000"]);
    let told = stage.run(21_000, Do::UnregisterKey(2));
    assert_eq!(told, ["push x NotBrought", "close record RemoteNetworkLoss", "a #1 ended RemoteNetworkLoss"]);
}

#[test]
fn a_call_does_not_wait_for_pushes_by_what_is_withdrawn_meanwhile() {
    for what in [Do::RevokeKey('x'), Do::BlockUser('x')] {
        let mut stage = Stage::with("a");
        know(&mut stage, "x");
        for event in placed() {
            stage.run(0, event);
        }
        let told = stage.run(1_000, what);
        assert_eq!(told, ["push x NotBrought", "close record RemoteNetworkLoss", "a #1 ended RemoteNetworkLoss"]);
    }
}

#[test]
fn a_device_that_is_forgotten_while_it_is_pushed_is_not_waited_for() {
    let mut stage = Stage::with("a");
    know(&mut stage, "xy");
    for event in placed() {
        stage.run(0, event);
    }
    stage.single_device = true;
    assert_eq!(stage.run(1_000, Do::SignIn('x')), ["push y NotBrought", "forget push y", "x welcome callee placed"]);
    let told = stage.run(1_000, Do::Ask('x', super::stage::decline(signedcall_wire::EndReason::MicrophoneRefused)));
    assert_eq!(told[0], "push x Ended(MicrophoneRefused)", "{told:?}");
}

#[test]
fn a_service_that_is_started_again_knows_whose_right_was_withdrawn() {
    let mut stage = Stage::with("a");
    let mut known = known("x");
    known[0].2 = crate::hub::Reach::Withdrawn;
    stage.handle(0, HubEvent::PushesKnown { key: "key".to_owned(), known });
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["a ERR_CONTACT_NOT_REACHABLE"]);
    assert_eq!(stage.run(0, Do::SignIn('x')), ["renew push x", "x welcome"]);
}
