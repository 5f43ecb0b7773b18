//! The millisecond on each side of each deadline.

use std::time::Duration;

use signedcall_wire::{EndReason, NewCall, Request};

use super::stage::{Do, Stage, accept, call, hang_up};

const NOTHING: [&str; 0] = [];

fn ringing(devices: &str) -> Stage {
    let mut stage = Stage::with(devices);
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::Recorded);
    stage
}

fn talking() -> Stage {
    let mut stage = ringing("ax");
    stage.run(0, Do::Ask('x', accept()));
    stage
}

#[test]
fn a_call_rings_for_thirty_five_seconds() {
    let mut stage = ringing("axy");
    assert_eq!(stage.wake_at(0), Some(35_000));
    assert_eq!(stage.run(34_999, Do::Wake), NOTHING);
    let over = ["close record RingTimeout", "a #1 ended RingTimeout", "x #2 ended RingTimeout", "y #2 ended RingTimeout"];
    assert_eq!(stage.run(35_000, Do::Wake), over);
    assert_eq!(stage.wake_at(35_000), None);
}

#[test]
fn an_answer_that_the_store_does_not_write_is_told_after_a_second() {
    let mut stage = ringing("ax");
    stage.store_waits = true;
    assert_eq!(stage.run(1_000, Do::Ask('x', accept())), ["write answer"]);
    assert_eq!(stage.run(1_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(2_000, Do::Wake), ["a #1 answered x", "x #2 answered x", "x ok"]);
    assert_eq!(stage.run(2_000, Do::AnswerWritten), NOTHING);
}

#[test]
fn an_answer_in_the_last_millisecond_counts_and_in_the_next_it_does_not() {
    assert_eq!(ringing("ax").run(34_999, Do::Ask('x', accept())), ["a #1 answered x", "x #2 answered x", "x ok"]);
    let late = ["close record RingTimeout", "a #1 ended RingTimeout", "x #2 ended RingTimeout", "x ok"];
    assert_eq!(ringing("ax").run(35_000, Do::Ask('x', accept())), late);
}

#[test]
fn an_invite_says_how_long_it_will_ring_still() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.run(2_000, Do::Recorded), ["a ok", "x #1 invite 35000"]);
    stage.run(12_000, Do::Lose('x'));
    assert_eq!(stage.wake_at(12_000), Some(37_000));
}

#[test]
fn a_record_is_waited_for_five_seconds_and_closed_when_it_comes_later() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.wake_at(0), Some(5_000));
    assert_eq!(stage.run(4_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(5_000, Do::Wake), ["a ERR_SERVER_FAILURE"]);
    assert_eq!(stage.run(9_000, Do::Recorded), ["close record InternalError"]);

    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.run(4_999, Do::Recorded), ["a ok", "x #1 invite 35000"]);
}

#[test]
fn an_overdue_record_that_fails_after_all_says_nothing_more() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    stage.run(5_000, Do::Wake);
    assert_eq!(stage.run(9_000, Do::RecordFailed), NOTHING);
}

#[test]
fn a_call_outlives_its_socket_by_thirty_seconds() {
    let mut stage = talking();
    stage.run(1_000, Do::Lose('x'));
    assert_eq!(stage.wake_at(1_000), Some(31_000));
    assert_eq!(stage.run(30_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(31_000, Do::Wake), ["close record RemoteNetworkLoss x never connected", "a #2 ended RemoteNetworkLoss"]);
    assert_eq!(stage.run(32_000, Do::Resume('x', 2)), ["x2 resumed", "x2 #3 ended LocalNetworkLoss"]);

    let mut stage = talking();
    stage.run(1_000, Do::Lose('x'));
    assert_eq!(stage.run(30_999, Do::Resume('x', 2)), ["x2 resumed"]);
    assert_eq!(stage.run(31_000, Do::Wake), NOTHING);
}

#[test]
fn a_caller_that_stays_away_ends_its_ringing_call_and_a_callee_that_does_leaves_it() {
    let mut stage = ringing("axy");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(30_000, Do::Wake), NOTHING, "it rings on y still");
    assert_eq!(stage.run(30_001, Do::Resume('x', 1)), ["x2 resumed", "x2 #2 ended Missed"]);

    let mut stage = ringing("ax");
    stage.run(0, Do::Lose('a'));
    assert_eq!(stage.run(30_000, Do::Wake), ["close record LocalNetworkLoss", "x #2 ended RemoteNetworkLoss"]);

    let mut stage = ringing("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(30_000, Do::Wake), ["close record RemoteNetworkLoss", "a #1 ended RemoteNetworkLoss"]);
}

#[test]
fn a_session_is_reachable_for_thirty_seconds_and_kept_for_sixty() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(29_999, Do::Ask('a', call())), ["open record"]);

    let mut stage = Stage::with("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(30_000, Do::Ask('a', call())), ["a ERR_CONTACT_NOT_REACHABLE"]);
    assert_eq!(stage.run(59_999, Do::Resume('x', 0)), ["x2 resumed"]);

    let mut stage = Stage::with("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(60_000, Do::Resume('x', 0)), ["x2 session expired"]);
    assert_eq!(stage.wake_at(60_000), None);
}

#[test]
fn the_id_of_an_ended_call_is_remembered_for_sixty_seconds() {
    for (at, expected) in [(60_000, "a ERR_FAILURE_IN_MAKE_CALL"), (60_001, "open record")] {
        let mut stage = ringing("ax");
        stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
        assert_eq!(stage.run(at, Do::Ask('a', call())), [expected], "{at}");
    }
}

/// Two devices that have answered a call at 0, which the account limits to so many milliseconds, and the caller to so many.
fn limited(account: Option<u64>, caller: Option<u64>) -> (Stage, Vec<String>) {
    let mut stage = Stage::with("");
    stage.max_call = account.map(Duration::from_millis);
    for who in ['a', 'x'] {
        stage.run(0, Do::SignIn(who));
    }
    let Request::Call(new) = call() else { unreachable!("a call is a call") };
    stage.run(0, Do::Ask('a', Request::Call(NewCall { max_duration_ms: caller, ..new })));
    stage.run(0, Do::Recorded);
    let followed = stage.run(0, Do::Ask('x', accept()));
    (stage, followed)
}

#[test]
fn a_limited_call_is_warned_of_thirty_seconds_before_it_ends_and_ended_in_time() {
    let (mut stage, answered) = limited(Some(60_000), None);
    assert_eq!(answered, ["a #1 answered x for 60000", "x #2 answered x for 60000", "x ok"]);
    assert_eq!(stage.run(29_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(30_000, Do::Wake), ["a #2 time left 30000", "x #3 time left 30000"]);
    assert_eq!(stage.run(59_999, Do::Wake), NOTHING);
    let over = ["close record MaxDuration x never connected", "a #3 ended MaxDuration", "x #4 ended MaxDuration"];
    assert_eq!(stage.run(60_000, Do::Wake), over);
    assert_eq!(stage.wake_at(60_000), None);
}

#[test]
fn a_hang_up_in_the_last_millisecond_of_a_limited_call_counts_and_in_the_next_it_does_not() {
    let hung_up = ["close record HungUp x never connected", "a #3 ended HungUp", "x #4 ended HungUp", "a ok"];
    let late = ["close record MaxDuration x never connected", "a #3 ended MaxDuration", "x #4 ended MaxDuration", "a ok"];
    for (at, expected) in [(59_999, hung_up), (60_000, late)] {
        let (mut stage, _) = limited(Some(60_000), None);
        stage.run(30_000, Do::Wake);
        assert_eq!(stage.run(at, Do::Ask('a', hang_up(EndReason::HungUp))), expected, "{at}");
        assert_eq!(stage.wake_at(at), None);
    }
}

#[test]
fn the_shorter_of_two_limits_counts_and_one_of_thirty_seconds_is_warned_of_at_once() {
    let warned = |limit: u64| vec![format!("a #2 time left {limit}"), format!("x #3 time left {limit}")];
    for (account, caller, limit) in
        [(Some(60_000), Some(40_000), 40_000), (Some(40_000), Some(60_000), 40_000), (None, Some(30_001), 30_001)]
    {
        let (_, answered) = limited(account, caller);
        assert_eq!(answered, [format!("a #1 answered x for {limit}"), format!("x #2 answered x for {limit}"), "x ok".to_owned()]);
    }
    for limit in [1_000, 30_000] {
        let (_, answered) = limited(Some(60_000), Some(limit));
        assert_eq!(answered[2..4], warned(limit));
    }
    let (mut unlimited, answered) = limited(None, None);
    assert_eq!((answered[0].as_str(), unlimited.wake_at(0)), ("a #1 answered x", None));
}

#[test]
fn a_limit_under_a_second_is_refused() {
    for (limit, expected) in [(999, "a ERR_FAILURE_IN_MAKE_CALL"), (1_000, "open record")] {
        let mut stage = Stage::with("ax");
        let Request::Call(new) = call() else { unreachable!("a call is a call") };
        assert_eq!(stage.run(0, Do::Ask('a', Request::Call(NewCall { max_duration_ms: Some(limit), ..new }))), [expected]);
    }
}

#[test]
fn a_device_that_comes_back_learns_how_long_its_call_may_last() {
    let (mut stage, _) = limited(Some(60_000), None);
    stage.run(10_000, Do::Lose('x'));
    assert_eq!(stage.run(15_000, Do::Resume('x', 1)), ["x2 resumed", "x2 #2 answered x for 45000"]);
    assert_eq!(stage.run(20_000, Do::SignIn('a'))[1..], ["a2 welcome caller answered x for 40000"]);
    assert_eq!(stage.run(30_000, Do::Wake), ["a2 #1 time left 30000", "x2 #3 time left 30000"]);
}
