//! Calls that outlive the service, and a service that is about to stop.

use std::time::Duration;

use signedcall_wire::{EndReason, Request};

use super::arrows::{after, answered, placed};
use super::stage::{BACK, Do, Stage, accept, call, call_to, connected, decline, hang_up, hold, ringing, transfer};

const NOTHING: [&str; 0] = [];

/// A stage on which this has happened at 0, and on which the service was started again a second later.
fn restarted(devices: &str, given: Vec<Do>) -> Stage {
    restarted_on(Stage::with(devices), given)
}

fn restarted_on(mut stage: Stage, given: Vec<Do>) -> Stage {
    for event in given {
        stage.run(0, event);
    }
    assert_eq!(stage.restart_service(1_000), NOTHING);
    stage
}

fn sign_in(stage: &mut Stage, devices: &str) -> Vec<String> {
    devices.chars().flat_map(|who| stage.run(2_000, Do::SignIn(who))).collect()
}

#[test]
fn a_call_that_is_placed_rings_on_whoever_comes_back() {
    let mut stage = restarted("ax", after(placed(), [Do::Ask('x', ringing())]));
    assert_eq!(sign_in(&mut stage, "axy"), ["a2 welcome caller placed", "x2 welcome callee placed", "y welcome callee placed"]);
    assert_eq!(stage.run(2_000, Do::Ask('a', call())), ["a2 ok"]);
    assert_eq!(stage.run(2_000, Do::Ask('x', ringing())), ["a2 #1 ringing x", "x2 ok"]);
    let won = ["a2 #2 answered x", "x2 #1 answered x", "y #1 ended AnsweredElsewhere", "x2 ok"];
    assert_eq!(stage.run(2_000, Do::Ask('x', accept())), won);
}

#[test]
fn the_time_of_ringing_goes_on_while_the_service_is_away() {
    let mut stage = restarted("ax", placed());
    sign_in(&mut stage, "ax");
    assert_eq!(stage.run(34_999, Do::Wake), NOTHING);
    let over = ["close record RingTimeout", "a2 #1 ended RingTimeout", "x2 #1 ended RingTimeout"];
    assert_eq!(stage.run(35_000, Do::Wake), over);

    let mut stage = Stage::with("ax");
    for event in placed() {
        stage.run(0, event);
    }
    stage.restart_service(40_000);
    assert_eq!(stage.wake_at(40_000), Some(55_000), "one that has answered may be about to come back");
    assert_eq!(stage.run(55_000, Do::Wake), ["close record RingTimeout"]);
    let told: Vec<_> = "axo".chars().flat_map(|who| stage.run(56_000, Do::SignIn(who))).collect();
    assert_eq!(told, ["a2 welcome ended RingTimeout", "x2 welcome ended RingTimeout", "o welcome"]);
}

#[test]
fn an_answered_call_goes_on_as_it_was() {
    let talks = [Do::Ask('a', connected()), Do::Ask('x', connected()), Do::Ask('a', hold(true))];
    let mut stage = restarted("axy", after(answered(), talks));
    let told = ["a2 welcome caller answered x holds", "x2 welcome callee answered x is held", "y2 welcome ended AnsweredElsewhere"];
    assert_eq!(sign_in(&mut stage, "axy"), told);
    assert_eq!(stage.run(2_000, Do::Ask('a', hold(false))), ["x2 #1 resumed", "a2 ok"]);
    let over = ["close record HungUp x talked", "a2 #1 ended HungUp", "x2 #2 ended HungUp", "x2 ok"];
    assert_eq!(stage.run(2_000, Do::Ask('x', hang_up(EndReason::HungUp))), over);
}

#[test]
fn a_session_of_before_cannot_be_resumed_and_the_device_signs_in_instead() {
    let mut stage = restarted("ax", answered());
    assert_eq!(stage.run(2_000, Do::Resume('x', 0)), ["x2 session expired"]);
    assert_eq!(sign_in(&mut stage, "x"), ["x3 welcome callee answered x"]);
}

#[test]
fn whoever_does_not_come_back_has_lost_the_network() {
    let mut stage = restarted("ax", answered());
    assert_eq!(stage.run(30_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(31_000, Do::Wake), ["close record LocalNetworkLoss x never connected"]);
    assert_eq!(stage.run(31_000, Do::SignIn('x')), ["x2 welcome ended RemoteNetworkLoss"]);

    let mut stage = restarted("ax", answered());
    sign_in(&mut stage, "a");
    assert_eq!(stage.run(30_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(31_000, Do::Wake), ["close record RemoteNetworkLoss x never connected", "a2 #1 ended RemoteNetworkLoss"]);

    let mut stage = restarted("ax", placed());
    sign_in(&mut stage, "x");
    assert_eq!(stage.run(31_000, Do::Wake), ["close record LocalNetworkLoss", "x2 #1 ended RemoteNetworkLoss"]);
}

#[test]
fn a_limited_call_ends_when_it_would_have_ended() {
    let limited = || {
        let mut stage = Stage::empty();
        stage.max_call = Some(Duration::from_secs(60));
        stage
    };
    let talking = || after(vec![Do::SignIn('a'), Do::SignIn('x')], answered());
    let mut stage = restarted_on(limited(), talking());
    assert_eq!(sign_in(&mut stage, "ax"), ["a2 welcome caller answered x for 58000", "x2 welcome callee answered x for 58000"]);
    assert_eq!(stage.run(30_000, Do::Wake), ["a2 #1 time left 30000", "x2 #1 time left 30000"]);
    assert_eq!(stage.run(59_999, Do::Wake), NOTHING);
    let over = ["close record MaxDuration x never connected", "a2 #2 ended MaxDuration", "x2 #2 ended MaxDuration"];
    assert_eq!(stage.run(60_000, Do::Wake), over);

    let mut stage = limited();
    for event in talking() {
        stage.run(0, event);
    }
    stage.restart_service(70_000);
    assert_eq!(stage.run(70_001, Do::Wake), ["close record MaxDuration x never connected"]);
    assert_eq!(stage.run(71_000, Do::SignIn('a')), ["a2 welcome ended MaxDuration"]);
}

#[test]
fn an_answer_that_was_not_durable_was_told_to_nobody_and_is_given_again() {
    let mut stage = Stage::with("axy");
    for event in placed() {
        stage.run(0, event);
    }
    stage.store_waits = true;
    assert_eq!(stage.run(0, Do::Ask('x', accept())), ["write answer"]);
    assert_eq!(stage.run(0, Do::AskAgain('x')), NOTHING);
    assert_eq!(stage.run(0, Do::Ask('y', accept())), ["y ok"], "it comes too late");
    assert_eq!(stage.run(0, Do::Ask('y', decline(EndReason::Declined))), ["y ok"]);
    stage.restart_service(1_000);
    stage.store_waits = false;
    assert_eq!(sign_in(&mut stage, "axy"), ["a2 welcome caller placed", "x2 welcome callee placed", "y2 welcome callee placed"]);
    let won = ["a2 #1 answered x", "x2 #1 answered x", "y2 #1 ended AnsweredElsewhere", "x2 ok"];
    assert_eq!(stage.run(2_000, Do::AskAgain('x')), won);
}

#[test]
fn a_device_that_is_back_while_an_answer_is_written_down_rings_until_it_is_told() {
    let mut stage = restarted("axyz", placed());
    sign_in(&mut stage, "ax");
    stage.store_waits = true;
    assert_eq!(stage.run(2_000, Do::Ask('x', accept())), ["write answer"]);
    assert_eq!(sign_in(&mut stage, "yz"), ["y2 welcome callee placed", "z2 welcome callee placed"]);
    assert_eq!(stage.run(2_000, Do::Ask('y', accept())), ["y2 ok"], "it comes too late");
    assert_eq!(stage.run(2_000, Do::Ask('z', Request::Logout)), ["z2 #1 ended LoggedOut", "z2 ok", "z2 close"]);
    let won = ["a2 #1 answered x", "x2 #1 answered x", "y2 #1 ended AnsweredElsewhere", "x2 ok"];
    assert_eq!(stage.run(2_000, Do::AnswerWritten), won);
}

/// Both sides were told of an answer, since the store took too long over it, and the service died before it was durable.
fn lost_after_it_was_told() -> Stage {
    let mut stage = Stage::with("axy");
    for event in placed() {
        stage.run(0, event);
    }
    stage.store_waits = true;
    assert_eq!(stage.run(0, Do::Ask('x', accept())), ["write answer"]);
    assert_eq!(stage.run(1_000, Do::Wake), ["a #1 answered x", "x #2 answered x", "y #2 ended AnsweredElsewhere", "x ok"]);
    stage.restart_service(1_100);
    stage.store_waits = false;
    stage
}

#[test]
fn an_answer_that_was_told_and_lost_is_had_from_the_device_that_has_answered() {
    let mut stage = lost_after_it_was_told();
    assert_eq!(sign_in(&mut stage, "ax"), ["a2 welcome caller placed", "x2 welcome callee placed"]);
    assert_eq!(stage.run(2_000, Do::Ask('x', accept())), ["a2 #1 answered x", "x2 #1 answered x", "x2 ok"]);
    for (who, reason, ours, theirs) in [
        ('x', EndReason::HungUp, "HungUp", "HungUp"),
        ('x', EndReason::LocalNetworkLoss, "LocalNetworkLoss", "RemoteNetworkLoss"),
        ('x', EndReason::MediaSetupTooSlow, "MediaSetupTooSlow", "MediaSetupTooSlow"),
    ] {
        let mut stage = lost_after_it_was_told();
        sign_in(&mut stage, "ax");
        let over = [
            "a2 #1 answered x".to_owned(),
            "x2 #1 answered x".to_owned(),
            format!("close record {theirs} x never connected"),
            format!("a2 #2 ended {theirs}"),
            format!("x2 #2 ended {ours}"),
            format!("{who}2 ok"),
        ];
        assert_eq!(stage.run(2_000, Do::Ask(who, hang_up(reason))), over);
    }
    for (reason, told) in [
        (EndReason::HungUp, ["HungUp", "HungUp"]),
        (EndReason::ProtocolMismatch, ["ProtocolMismatch", "ProtocolMismatch"]),
        (EndReason::RemoteNetworkLoss, ["RemoteNetworkLoss", "LocalNetworkLoss"]),
        (EndReason::Cancelled, ["Cancelled", "Cancelled"]),
        (EndReason::LocalNetworkLoss, ["Cancelled", "Cancelled"]),
    ] {
        let mut stage = lost_after_it_was_told();
        sign_in(&mut stage, "ax");
        let [ours, theirs] = told;
        let over = [format!("close record {ours}"), format!("a2 #1 ended {ours}"), format!("x2 #1 ended {theirs}"), "a2 ok".to_owned()];
        assert_eq!(stage.run(2_000, Do::Ask('a', hang_up(reason))), over, "the caller, who comes first");
    }
}

#[test]
fn an_answer_that_is_held_or_hung_up_before_it_is_durable_is_told_first() {
    let waiting = || {
        let mut stage = Stage::with("ax");
        for event in placed() {
            stage.run(0, event);
        }
        stage.store_waits = true;
        stage.run(0, Do::Ask('x', accept()));
        stage
    };
    let mut stage = waiting();
    assert_eq!(stage.run(0, Do::Ask('x', hold(true))), ["write answer", "x ok"]);
    assert_eq!(stage.run(0, Do::AnswerWritten), ["a #1 answered x", "x #2 answered x", "a #2 held", "x ok"]);

    let told = ["a #1 answered x", "x #2 answered x", "x ok", "close record HungUp x never connected"];
    let over = ["a #2 ended HungUp", "x #3 ended HungUp", "a ok"];
    assert_eq!(waiting().run(0, Do::Ask('a', hang_up(EndReason::HungUp))), [&told[..], &over[..]].concat());

    let mut stage = waiting();
    let moved = ["a #1 answered x", "x #2 answered x", "x ok", "x close"];
    assert_eq!(stage.run(0, Do::SignIn('x')), [&moved[..], &["x2 welcome callee answered x"]].concat());
    assert_eq!(stage.run(0, Do::AnswerWritten), NOTHING);

    let mut stage = Stage::with("axyz");
    for event in placed() {
        stage.run(0, event);
    }
    stage.store_waits = true;
    stage.run(0, Do::Ask('x', accept()));
    let gone = ["y #2 ended MicrophoneRefused", "y ok"];
    assert_eq!(stage.run(0, Do::Ask('y', decline(EndReason::MicrophoneRefused))), gone, "it has not won, and leaves by itself");
    assert_eq!(stage.run(0, Do::Ask('z', Request::Logout)), ["z #2 ended LoggedOut", "z ok", "z close"]);
    assert_eq!(stage.run(0, Do::AnswerWritten), ["a #1 answered x", "x #2 answered x", "x ok"]);

    assert_eq!(waiting().run(0, Do::Ask('x', transfer(BACK, 'o'))), ["x ERR_FAILURE_IN_MAKE_CALL"], "it has not been told yet");
}

#[test]
fn a_transfer_that_was_written_down_is_done() {
    let asked = after(answered(), [Do::Ask('x', transfer(BACK, 'o')), Do::RecordedOf(BACK)]);
    let mut stage = restarted("axo", asked);
    let told = ["a2 welcome transferred placed", "x2 welcome ended Transferred", "o2 welcome callee placed"];
    assert_eq!(sign_in(&mut stage, "axo"), told);

    // The service dies before it learns that the record is durable.
    let mut stage = Stage::with("axo");
    for event in after(answered(), [Do::Ask('x', transfer(BACK, 'o'))]) {
        stage.run(0, event);
    }
    stage.make_durable(BACK);
    assert_eq!(stage.restart_service(1_000), ["close record Transferred x never connected"]);
    assert_eq!(sign_in(&mut stage, "axo"), told);
}

#[test]
fn a_device_that_signs_in_while_its_user_is_called_rings_unless_it_has_declined_for_itself() {
    let mut stage = Stage::with("axy");
    for event in placed() {
        stage.run(0, event);
    }
    assert_eq!(stage.run(0, Do::SignIn('z')), ["z welcome callee placed"]);
    stage.run(0, Do::Ask('y', decline(EndReason::MicrophoneRefused)));
    assert_eq!(stage.run(0, Do::SignIn('y'))[1], "y2 welcome ended MicrophoneRefused");
    stage.run(0, Do::Ask('z', Request::Logout));
    assert_eq!(stage.run(0, Do::SignIn('z')), ["z2 welcome"]);
    assert_eq!(stage.run(0, Do::SignIn('p')), ["p welcome"], "the other environment is another user");
}

#[test]
fn a_service_that_is_about_to_stop_places_no_calls_and_the_others_go_on() {
    let mut stage = Stage::with("axoq");
    for event in after(answered(), [Do::Ask('o', call_to(BACK, 'q')), Do::Drain]) {
        stage.run(0, event);
    }
    assert_eq!(stage.run(0, Do::RecordedOf(BACK)), ["o ok", "q #1 invite 35000"]);
    assert_eq!(stage.run(0, Do::Ask('x', transfer(super::stage::THIRD, 'o'))), ["x ERR_SERVER_FAILURE"]);
    assert_eq!(stage.run(0, Do::Ask('q', call_to(super::stage::THIRD, 'o'))), ["q ERR_SERVER_FAILURE"]);
    assert_eq!(stage.run(0, Do::Ask('a', connected())), ["a ok"]);
    let over = ["close record HungUp x never connected", "a #3 ended HungUp", "x #3 ended HungUp", "a ok"];
    assert_eq!(stage.run(0, Do::Ask('a', hang_up(EndReason::HungUp))), over);
}

#[test]
fn a_service_that_stops_gives_up_on_no_device_and_leaves_that_to_the_next() {
    let mut stage = Stage::with("ax");
    for event in after(answered(), [Do::Drain, Do::Lose('x')]) {
        stage.run(0, event);
    }
    assert_eq!(stage.run(30_000, Do::Wake), NOTHING);
    assert_eq!(stage.run(60_000, Do::Wake), NOTHING);
    assert_eq!(stage.run(60_000, Do::SignIn('x')), ["x2 welcome callee answered x"]);

    let mut stage = Stage::with("ax");
    for event in after(answered(), [Do::Lose('x')]) {
        stage.run(0, event);
    }
    stage.run(29_999, Do::Drain);
    assert_eq!(stage.run(30_000, Do::Wake), NOTHING, "also when the grace has begun before");
    stage.restart_service(40_000);
    assert_eq!(stage.run(69_999, Do::SignIn('x')), ["x2 welcome callee answered x"]);
}

#[test]
fn a_device_that_leaves_first_after_a_restart_leaves_the_call_to_those_that_are_not_back_yet() {
    let refuses = || Do::Ask('x', decline(EndReason::MicrophoneRefused));
    let mut stage = restarted("axy", placed());
    sign_in(&mut stage, "ax");
    assert_eq!(stage.run(30_999, refuses()), ["x2 #1 ended MicrophoneRefused", "x2 ok"]);
    assert_eq!(stage.run(30_999, Do::SignIn('x'))[1], "x3 welcome ended MicrophoneRefused");
    assert_eq!(stage.run(30_999, Do::SignIn('y')), ["y2 welcome callee placed"]);

    let mut stage = restarted("axy", placed());
    sign_in(&mut stage, "ax");
    let over = ["close record MicrophoneRefused", "a2 #1 ended MicrophoneRefused", "x2 #1 ended MicrophoneRefused", "x2 ok"];
    assert_eq!(stage.run(31_000, refuses()), over);

    let mut stage = restarted("axy", placed());
    sign_in(&mut stage, "ax");
    assert_eq!(stage.run(2_000, Do::Ask('x', decline(EndReason::Declined)))[0], "close record Declined", "that is the user's word");
}

#[test]
fn a_device_that_leaves_first_after_a_restart_leaves_the_call_to_those_that_came_while_it_rang() {
    let refuses = || Do::Ask('x', decline(EndReason::MicrophoneRefused));
    // While the record was written, and while it rang.
    for given in [vec![Do::Ask('a', call()), Do::SignIn('y'), Do::Recorded], after(placed(), [Do::SignIn('y')])] {
        let mut stage = restarted("ax", given);
        sign_in(&mut stage, "ax");
        assert_eq!(stage.run(2_000, refuses()), ["x2 #1 ended MicrophoneRefused", "x2 ok"]);
        assert_eq!(stage.run(2_000, Do::SignIn('y')), ["y2 welcome callee placed"]);
    }

    // Also when that was after another restart.
    let mut stage = restarted("ax", placed());
    sign_in(&mut stage, "y");
    assert_eq!(stage.restart_service(3_000), NOTHING);
    for who in ['a', 'x'] {
        stage.run(3_000, Do::SignIn(who));
    }
    assert_eq!(stage.run(3_000, refuses()), ["x2 #1 ended MicrophoneRefused", "x2 ok"]);
    assert_eq!(stage.run(3_000, Do::SignIn('y')), ["y2 welcome callee placed"]);
}

#[test]
fn the_last_device_that_leaves_after_a_restart_ends_the_call_at_once() {
    let refuses = |who| Do::Ask(who, decline(EndReason::MicrophoneRefused));
    let over = ["close record MicrophoneRefused", "a2 #1 ended MicrophoneRefused", "x2 #1 ended MicrophoneRefused", "x2 ok"];
    let mut stage = restarted("ax", placed());
    sign_in(&mut stage, "ax");
    assert_eq!(stage.run(2_000, refuses('x')), over, "nobody else has rung");

    let mut stage = restarted("axy", placed());
    sign_in(&mut stage, "ayx");
    assert_eq!(stage.run(2_000, refuses('y')), ["y2 #1 ended MicrophoneRefused", "y2 ok"]);
    assert_eq!(stage.run(2_000, refuses('x')), over);

    // Each leaves before the other is back.
    let mut stage = restarted("axy", placed());
    sign_in(&mut stage, "ay");
    assert_eq!(stage.run(2_000, refuses('y')), ["y2 #1 ended MicrophoneRefused", "y2 ok"]);
    sign_in(&mut stage, "x");
    assert_eq!(stage.run(2_000, refuses('x')), over);

    let asked = after(answered(), [Do::Ask('x', transfer(BACK, 'o')), Do::RecordedOf(BACK)]);
    let mut stage = restarted("axo", asked);
    sign_in(&mut stage, "axo");
    let refuses = Do::Ask('o', Request::Decline { call: BACK, reason: EndReason::Busy });
    assert_eq!(stage.run(2_000, refuses), ["close record Busy", "a2 #1 ended Busy", "o2 #1 ended Busy", "o2 ok"], "a transfer too");
}

#[test]
fn a_clock_that_was_set_back_meanwhile_makes_nothing_last_longer() {
    let before = |events: Vec<Do>| {
        let mut stage = Stage::empty();
        stage.max_call = Some(Duration::from_secs(60));
        for event in [Do::SignIn('a'), Do::SignIn('x')].into_iter().chain(events) {
            stage.run(100_000, event);
        }
        stage.restart_service(1_000);
        stage
    };
    let mut stage = before(placed());
    assert_eq!(sign_in(&mut stage, "ax"), ["a2 welcome caller placed", "x2 welcome callee placed"]);
    assert_eq!(stage.run(35_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(36_000, Do::Wake)[0], "close record RingTimeout");

    let mut stage = before(answered());
    assert_eq!(sign_in(&mut stage, "a"), ["a2 welcome caller answered x for 59000"]);

    let over = || after(placed(), [Do::Ask('a', hang_up(EndReason::Cancelled))]);
    assert_eq!(before(over()).run(61_000, Do::SignIn('x')), ["x2 welcome ended Cancelled"]);
    assert_eq!(before(over()).run(61_001, Do::SignIn('x')), ["x2 welcome"]);
}
