//! What an account changes of its policy while its users are signed in.

use std::num::NonZeroU32;
use std::time::Duration;

use signedcall_wire::{AccountId, EndReason, Request, ServiceMessage};

use super::arrows::{answered, placed};
use super::push::{register, web};
use super::stage::{BACK, Do, Stage, THIRD, call_to, hang_up};
use crate::hub::{CallRates, HubCommand, HubEvent, Policy};

const NOTHING: [&str; 0] = [];
const REFUSED: &str = "refused ERR_CUID_ALREADY_CONNECTED_ELSEWHERE";

fn changed_to(policy: Policy) -> HubEvent {
    let of = |account: &str, policy| (AccountId(account.to_owned()), policy);
    HubEvent::Policies([of("other", Policy::default()), of("parcelo", policy)].into())
}

/// These devices are signed in, of an account that has set nothing.
fn stage(devices: &str) -> Stage {
    let mut stage = Stage::with(devices);
    assert_eq!(stage.handle(0, changed_to(Policy::default())), NOTHING);
    stage
}

fn minute() -> Policy {
    Policy { max_call: Some(Duration::from_secs(60)), ..Policy::default() }
}

fn single() -> Policy {
    Policy { single_device: true, ..Policy::default() }
}

#[test]
fn a_limit_counts_for_calls_that_are_placed_from_then_on_by_whoever_is_signed_in() {
    let mut stage = stage("ax");
    for event in answered() {
        stage.run(0, event);
    }
    assert_eq!(stage.handle(0, changed_to(minute())), NOTHING);
    assert_eq!(stage.wake_at(0), None, "this one has no end");
    stage.run(0, Do::Ask('a', hang_up(EndReason::HungUp)));
    stage.run(0, Do::Ask('a', call_to(BACK, 'x')));
    stage.run(0, Do::RecordedOf(BACK));
    let told = stage.run(0, Do::Ask('x', Request::Accept { call: BACK }));
    assert!(told.iter().any(|told| told.ends_with("answered x for 60000")), "{told:?}");
}

#[test]
fn whoever_was_looked_up_before_and_comes_later_has_the_policy_of_now() {
    let mut stage = stage("a");
    let late = stage.event(Do::SignIn('x'));
    stage.handle(0, changed_to(minute()));
    stage.handle(0, late);
    stage.run(0, Do::Ask('x', call_to(THIRD, 'a')));
    stage.run(0, Do::RecordedOf(THIRD));
    let told = stage.run(0, Do::Ask('a', Request::Accept { call: THIRD }));
    assert!(told.iter().any(|told| told.ends_with("answered a for 60000")), "{told:?}");

    let late = stage.event(Do::SignIn('y'));
    stage.handle(0, changed_to(single()));
    assert_eq!(stage.handle(0, late), [format!("y {REFUSED}"), "y close".to_owned()]);
    stage.handle(0, changed_to(Policy::default()));
    stage.single_device = true;
    assert_eq!(stage.run(0, Do::SignIn('y')), ["y2 welcome"]);
}

#[test]
fn rates_of_calls_are_those_that_the_account_has_set_last() {
    let mut stage = stage("axo");
    let one = CallRates { per_user: NonZeroU32::new(1), per_account: None };
    stage.handle(0, changed_to(Policy { call_rates: one, ..Policy::default() }));
    for event in placed() {
        stage.run(0, event);
    }
    stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert_eq!(stage.run(0, Do::Ask('a', call_to(BACK, 'x'))), ["a ERR_STOP_RETRY"]);
    stage.handle(0, changed_to(Policy::default()));
    assert_eq!(stage.run(0, Do::Ask('a', call_to(BACK, 'x'))), ["open record"], "the service has set nothing");
}

#[test]
fn a_device_learns_at_once_whether_its_calls_go_through_a_relay_alone() {
    let mut stage = stage("apx");
    stage.run(0, Do::Renewed);
    stage.run(0, Do::Lose('x'));
    let relayed = Policy { relay_only: true, ..Policy::default() };
    let step = stage.hub.handle(signedcall_wire::Timestamp::from_millis(0), changed_to(relayed));
    let told: Vec<_> = step.commands.iter().collect();
    let is_told = |command: &&HubCommand| matches!(command, HubCommand::Send { message: ServiceMessage::Ice(ice), .. } if ice.relay_only);
    assert!(told.len() == 2 && told.iter().all(is_told), "those that are connected, in both environments: {told:?}");
    assert_eq!(stage.handle(0, changed_to(relayed)), NOTHING, "once");
    assert_eq!(stage.run(0, Do::Resume('x', 0)), ["x2 resumed", "x2 ice"]);
}

#[test]
fn of_several_devices_of_a_user_the_one_stays_that_was_connected_last_and_is_called_by_push_alone() {
    let mut stage = stage("axyzo");
    for who in ['x', 'z'] {
        register(&mut stage, 0, who);
    }
    stage.run(0, Do::Lose('y'));
    let told = stage.handle(0, changed_to(single()));
    assert_eq!(told, [format!("x {REFUSED}"), "x close".to_owned(), "forget push x".to_owned()]);
    assert_eq!(stage.run(0, Do::Resume('y', 0)), ["y2 session expired"]);
    assert_eq!(stage.run(0, Do::Ask('z', Request::PushTo { target: Some(super::push::target(web())) })), ["keep push z here"]);
    assert_eq!(stage.handle(0, changed_to(single())), NOTHING, "once");
}

#[test]
fn devices_that_are_in_a_call_stay_until_they_sign_in_anew() {
    let mut stage = stage("axy");
    for event in answered() {
        stage.run(0, event);
    }
    assert_eq!(stage.handle(0, changed_to(single())), [format!("y {REFUSED}"), "y close".to_owned()]);
    assert_eq!(stage.run(0, Do::Ask('x', hang_up(EndReason::HungUp)))[0], "close record HungUp x never connected");

    let mut stage = self::stage("axy");
    for event in placed() {
        stage.run(0, event);
    }
    assert_eq!(stage.handle(0, changed_to(single())), NOTHING, "it rings on both");
}
