//! Devices that are called by push (R25, R34, R36).

use signedcall_wire::{AccountId, DeviceId, EndReason, Environment, ErrorCode, PushService, PushTarget, Redacted, Request};

use super::arrows::placed;
use super::stage::{CALL, Do, Stage, THIRD, accept, basis, call, cuid, decline, device, hang_up, ringing, transfer};
use crate::hub::{HubEvent, Reach, User};

fn user(who: char) -> User {
    (AccountId("parcelo".to_owned()), Environment::Development, cuid(who))
}

pub(super) fn known(devices: &str) -> Vec<(User, DeviceId, Reach)> {
    devices.chars().map(|who| (user(who), device(who), Reach::Push(basis(who)))).collect()
}

/// The service was started, and these devices are reached by push.
pub(super) fn know(stage: &mut Stage, devices: &str) {
    let known = known(devices);
    assert!(stage.handle(0, HubEvent::PushesKnown { key: "key".to_owned(), known }).is_empty());
}

pub(super) fn failed(who: char, gone: bool) -> HubEvent {
    let (account, environment, cuid) = user(who);
    HubEvent::PushFailed { call: CALL, account, environment, cuid, device: device(who), gone }
}

pub(super) fn target(by: PushService) -> PushTarget {
    PushTarget { by, p256dh: "BF".to_owned(), auth: Redacted::new("a".to_owned()) }
}

pub(super) fn web() -> PushService {
    PushService::WebPush { endpoint: Redacted::new("https://push.example/1".to_owned()) }
}

fn apns(environment: Environment) -> PushService {
    PushService::Apns { token: Redacted::new("00ff".to_owned()), topic: "com.example.voip".to_owned(), environment }
}

/// A device says where its pushes go, and the store has it.
pub(super) fn register(stage: &mut Stage, at: u64, who: char) {
    assert_eq!(stage.run(at, Do::Ask(who, Request::PushTo { target: Some(target(web())) })), [format!("keep push {who} here")]);
    assert_eq!(kept(stage, at, who, Ok(true)), [format!("{who} ok")]);
}

/// What the store says of what a device has asked for last.
pub(super) fn written(stage: &Stage, who: char, kept: Result<bool, ErrorCode>) -> HubEvent {
    let signedcall_wire::ClientMessage::Request { id: request, .. } = stage.asked[&who] else { unreachable!("it has asked") };
    HubEvent::PushKept { session: stage.sessions[&who].0, request, user: user(who), device: device(who), kept }
}

fn kept(stage: &mut Stage, at: u64, who: char, kept: Result<bool, ErrorCode>) -> Vec<String> {
    let written = written(stage, who, kept);
    stage.handle(at, written)
}

#[test]
fn a_user_without_a_socket_is_called_by_push_and_rings_once_signed_in() {
    let mut stage = Stage::with("a");
    know(&mut stage, "xy");
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["open record"]);
    assert_eq!(stage.run(1_000, Do::Recorded), ["a ok", "push x until 36000", "push y until 36000"]);
    assert_eq!(stage.run(3_000, Do::SignIn('x')), ["x welcome callee placed"]);
    assert_eq!(stage.run(3_010, Do::Ask('x', ringing())), ["push x Rings", "a #1 ringing x", "x ok"]);
    assert_eq!(stage.run(5_000, Do::Ask('x', accept())), ["push y Ended(AnsweredElsewhere)", "a #2 answered x", "x #1 answered x", "x ok"]);
}

#[test]
fn a_pushed_call_that_nobody_comes_for_ends_as_one_that_nobody_answers() {
    let mut stage = Stage::with("a");
    know(&mut stage, "x");
    let _ = placed().into_iter().map(|event| stage.run(0, event)).collect::<Vec<_>>();
    assert_eq!(stage.wake_at(34_999), Some(35_000));
    assert_eq!(stage.run(35_000, Do::Wake), ["push x Ended(RingTimeout)", "close record RingTimeout", "a #1 ended RingTimeout"]);
    assert_eq!(stage.run(36_000, Do::SignIn('x')), ["x welcome ended RingTimeout"], "who comes later does not ring");
}

#[test]
fn a_socket_that_does_not_confirm_within_two_seconds_is_pushed_and_one_that_does_is_not() {
    for (confirmed_at, pushed) in [(1_999, false), (2_000, true)] {
        let mut stage = Stage::with("ax");
        know(&mut stage, "xy");
        for event in placed() {
            stage.run(0, event);
        }
        let mut told = Vec::new();
        if confirmed_at < 2_000 {
            told.extend(stage.run(confirmed_at, Do::Ask('x', ringing())));
        }
        told.extend(stage.run(2_000, Do::Wake));
        let pushes: Vec<_> = told.iter().filter(|told| told.starts_with("push")).collect();
        assert_eq!(pushes.len(), if pushed { 2 } else { 0 }, "{told:?}");
    }
}

#[test]
fn a_session_that_was_away_for_too_long_rings_when_the_push_has_it_resumed() {
    let mut stage = Stage::with("ax");
    know(&mut stage, "x");
    stage.run(0, Do::Lose('x'));
    stage.run(30_000, Do::Wake);
    assert_eq!(stage.run(40_000, Do::Ask('a', call())), ["open record"]);
    assert_eq!(stage.run(40_000, Do::Recorded), ["a ok", "push x until 75000"]);
    assert_eq!(stage.run(41_000, Do::Resume('x', 0)), ["x2 resumed", "x2 #1 invite 34000"]);
    assert_eq!(stage.run(41_000, Do::Ask('x', ringing())), ["push x Rings", "a #1 ringing x", "x2 ok"]);
}

#[test]
fn a_socket_that_is_lost_a_moment_before_is_pushed_at_once_and_may_come_back_after_its_grace() {
    let mut stage = Stage::with("ax");
    know(&mut stage, "x");
    stage.run(0, Do::Lose('x'));
    stage.run(28_000, Do::Ask('a', call()));
    assert_eq!(stage.run(28_000, Do::Recorded), ["a ok", "push x until 63000"]);
    assert!(stage.run(30_000, Do::Wake).is_empty(), "its grace is over, and the call waits for the push");
    assert_eq!(stage.run(50_000, Do::Resume('x', 0)), ["x2 resumed", "x2 #1 invite 35000"]);
    assert_eq!(stage.run(50_000, Do::Ask('x', ringing())), ["push x Rings", "a #1 ringing x", "x2 ok"]);
}

#[test]
fn who_has_gone_idle_is_called_by_push() {
    let mut stage = Stage::with("ax");
    register(&mut stage, 0, 'x');
    assert_eq!(stage.run(0, Do::Ask('x', Request::GoIdle)), ["x ok", "x close"]);
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.run(0, Do::Recorded), ["a ok", "push x until 35000"]);
}

#[test]
fn a_call_to_who_has_signed_out_is_over_and_says_so() {
    let mut stage = Stage::with("ax");
    register(&mut stage, 0, 'x');
    assert_eq!(stage.run(0, Do::Ask('x', Request::Logout)), ["x ok", "forget push x logged out", "x close"]);
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["open record"]);
    assert_eq!(stage.run(0, Do::Recorded), ["a ok", "close record LoggedOut", "a #1 ended LoggedOut"]);
    assert_eq!(stage.run(0, Do::SignIn('x')), ["forget push x", "x2 welcome"]);
    stage.run(0, Do::Lose('x'));
    stage.run(60_000, Do::Wake);
    let call = super::stage::call_to(THIRD, 'x');
    assert_eq!(stage.run(60_000, Do::Ask('a', call)), ["a ERR_CONTACT_NOT_REACHABLE"], "they have not signed out this time");
}

#[test]
fn who_is_blocked_is_not_pushed() {
    let mut stage = Stage::with("a");
    know(&mut stage, "x");
    stage.run(0, Do::BlockUser('x'));
    assert_eq!(stage.run(0, Do::Ask('a', call())), ["a ERR_CONTACT_NOT_REACHABLE"]);
}

#[test]
fn a_push_that_cannot_be_brought_ends_the_call_when_it_was_the_last_hope() {
    let mut stage = Stage::with("a");
    know(&mut stage, "xy");
    for event in placed() {
        stage.run(0, event);
    }
    assert_eq!(stage.handle(1_000, failed('x', true)), ["push x NotBrought"]);
    assert!(stage.handle(1_000, failed('x', true)).is_empty(), "once");
    assert_eq!(
        stage.handle(2_000, failed('y', false)),
        ["push y NotBrought", "close record RemoteNetworkLoss", "a #1 ended RemoteNetworkLoss"]
    );
    stage.run(3_000, Do::Ask('a', super::stage::call_to(THIRD, 'x')));
    assert_eq!(stage.run(3_000, Do::RecordedOf(THIRD)), ["a ok", "push y until 38000"], "the device of x is not there any more");
}

#[test]
fn a_device_that_signs_in_and_declines_while_others_may_come_leaves_the_call_to_them() {
    let mut stage = Stage::with("a");
    know(&mut stage, "xy");
    for event in placed() {
        stage.run(0, event);
    }
    stage.run(1_000, Do::SignIn('x'));
    let told = stage.run(1_000, Do::Ask('x', decline(EndReason::MicrophoneRefused)));
    assert_eq!(told, ["x #1 ended MicrophoneRefused", "x ok"]);
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}

#[test]
fn a_caller_who_hangs_up_takes_the_pushes_back() {
    let mut stage = Stage::with("a");
    know(&mut stage, "x");
    for event in placed() {
        stage.run(0, event);
    }
    let told = stage.run(1_000, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert_eq!(told, ["push x Ended(Cancelled)", "close record Cancelled", "a #1 ended Cancelled", "a ok"]);
}

#[test]
fn somebody_may_be_transferred_to_who_is_reached_by_push() {
    let mut stage = Stage::with("ax");
    know(&mut stage, "o");
    for event in super::arrows::answered() {
        stage.run(0, event);
    }
    assert_eq!(stage.run(0, Do::Ask('x', transfer(THIRD, 'o'))), ["open record"]);
    let told = stage.run(0, Do::RecordedOf(THIRD));
    assert_eq!(told.last().map(String::as_str), Some("push o until 35000"), "{told:?}");
}

#[test]
fn a_service_that_is_started_again_pushes_who_is_not_back_in_two_seconds() {
    let mut stage = Stage::with("a");
    know(&mut stage, "x");
    for event in placed() {
        stage.run(0, event);
    }
    stage.restart_service(5_000);
    assert!(stage.run(7_000, Do::Wake).is_empty(), "nobody is known to be reached by push");
    let mut stage = Stage::with("a");
    know(&mut stage, "x");
    for event in placed() {
        stage.run(0, event);
    }
    stage.pushes_known = known("x");
    stage.restart_service(5_000);
    assert_eq!(stage.run(7_000, Do::Wake), ["push x until 35000"]);
}

#[test]
fn where_pushes_go_belongs_to_the_environment_and_is_refused_otherwise() {
    let mut stage = Stage::with("x");
    let ask = |stage: &mut Stage, by| stage.run(0, Do::Ask('x', Request::PushTo { target: Some(target(by)) }));
    assert_eq!(ask(&mut stage, apns(Environment::Production)), ["x ERR_PRODUCTION_FIELD_REQUIRED"]);
    assert_eq!(ask(&mut stage, PushService::Unknown), ["x ERR_FEATURE_NOT_AVAILABLE"]);
    let long = PushService::WebPush { endpoint: Redacted::new("x".repeat(2_049)) };
    assert_eq!(ask(&mut stage, long), ["x ERR_VOIP_SERVICE_FAILED_TO_REGISTER"]);
    assert_eq!(ask(&mut stage, apns(Environment::Development)), ["keep push x here"]);
    assert_eq!(kept(&mut stage, 0, 'x', Err(ErrorCode::VoipServiceFailedToRegister)), ["x ERR_VOIP_SERVICE_FAILED_TO_REGISTER"]);
    assert_eq!(stage.run(0, Do::Ask('x', Request::PushTo { target: None })), ["keep push x nowhere"]);
    assert_eq!(kept(&mut stage, 0, 'x', Ok(false)), ["x ok"]);
}

#[test]
fn who_says_all_the_time_where_pushes_go_is_refused() {
    let mut stage = Stage::with("x");
    let mut ask = || stage.run(0, Do::Ask('x', Request::PushTo { target: None }));
    for _ in 0..32 {
        assert_eq!(ask(), ["keep push x nowhere"]);
    }
    assert_eq!(ask(), ["x ERR_STOP_RETRY"]);
}

#[test]
fn on_one_device_at_a_time_no_other_is_pushed() {
    let mut stage = Stage::with("a");
    know(&mut stage, "xy");
    stage.single_device = true;
    assert_eq!(stage.run(0, Do::SignIn('x')), ["forget push y", "x welcome"]);
}

#[test]
fn no_more_than_eight_devices_of_a_user_are_pushed() {
    let mut stage = Stage::with("ax");
    let ids = (0..8_u128).map(|number| signedcall_wire::DeviceId(uuid::Uuid::from_u128(number)));
    let known = ids.map(|id| (user('x'), id, Reach::Push(basis('x')))).collect();
    stage.handle(0, HubEvent::PushesKnown { key: "key".to_owned(), known });
    stage.run(0, Do::Ask('x', Request::PushTo { target: Some(target(web())) }));
    let told = kept(&mut stage, 0, 'x', Ok(true));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("forget push"), "{told:?}");
}
