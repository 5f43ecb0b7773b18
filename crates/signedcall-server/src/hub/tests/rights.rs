//! What becomes of devices whose right to be here is withdrawn, or expires.

use std::time::Duration;

use signedcall_wire::EndReason;

use super::arrows::{Row, after, answered, check, placed};
use super::stage::{CALL, Do, Stage, call, hang_up};
use crate::hub::TokenKeyId;

#[test]
fn whoever_is_here_by_a_key_that_is_revoked_is_signed_out_and_its_calls_end_as_if_by_its_user() {
    check(vec![
        Row {
            name: "nobody else hears of it",
            devices: "ax",
            given: vec![],
            when: Do::RevokeKey('x'),
            then: &["x refused ERR_APIKEY_REQUIRED", "x close"],
        },
        Row {
            name: "of the caller, while it rings",
            devices: "ax",
            given: placed(),
            when: Do::RevokeKey('a'),
            then: &["a refused ERR_APIKEY_REQUIRED", "close record Cancelled", "a #1 ended Cancelled", "x #2 ended Cancelled", "a close"],
        },
        Row {
            name: "of the callee, in a talk",
            devices: "ax",
            given: answered(),
            when: Do::RevokeKey('x'),
            then: &[
                "x refused ERR_APIKEY_REQUIRED",
                "close record HungUp x never connected",
                "a #3 ended HungUp",
                "x #3 ended HungUp",
                "x close",
            ],
        },
        Row { name: "whose socket is lost", devices: "ax", given: vec![Do::Lose('x')], when: Do::RevokeKey('x'), then: &[] },
    ]);
}

#[test]
fn a_key_that_is_revoked_lets_nobody_in_again() {
    let revoked = vec![Do::RevokeKey('x')];
    check(vec![
        Row {
            name: "by a new session",
            devices: "ax",
            given: revoked.clone(),
            when: Do::SignIn('x'),
            then: &["x2 refused ERR_APIKEY_REQUIRED", "x2 close"],
        },
        Row { name: "by the old one", devices: "ax", given: revoked.clone(), when: Do::Resume('x', 0), then: &["x2 session expired"] },
        Row {
            name: "by the old one, whose socket was lost",
            devices: "ax",
            given: vec![Do::Lose('x'), Do::RevokeKey('x')],
            when: Do::Resume('x', 0),
            then: &["x2 session expired"],
        },
        Row { name: "by another key", devices: "ax", given: revoked.clone(), when: Do::SignIn('y'), then: &["y welcome"] },
        Row {
            name: "whoever had it cannot be reached",
            devices: "ax",
            given: revoked,
            when: Do::Ask('a', call()),
            then: &["a ERR_CONTACT_NOT_REACHABLE"],
        },
    ]);
}

#[test]
fn a_key_is_in_use_while_somebody_is_signed_in_by_it_or_may_come_back() {
    let mut stage = Stage::with("ax");
    let in_use = |stage: &Stage| stage.hub.keys_in_use().into_iter().map(|key| key.0).collect::<Vec<_>>();
    stage.run(0, Do::Lose('x'));
    assert_eq!(in_use(&stage), ["key of a", "key of x"]);
    stage.run(60_000, Do::Wake);
    assert_eq!(in_use(&stage), ["key of a"], "the other one's session cannot be resumed any more");
    assert!(in_use(&with_tokens("a")).is_empty());
}

#[test]
fn a_user_whose_other_device_has_another_key_is_called_there() {
    let mut stage = Stage::with("axy");
    for event in after(placed(), [Do::RevokeKey('x')]) {
        stage.run(0, event);
    }
    let told = stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert!(told.contains(&"y #2 ended Cancelled".to_owned()), "{told:?}");
}

/// Devices with user tokens that are good for ten seconds.
fn with_tokens(devices: &str) -> Stage {
    let mut stage = Stage::empty();
    stage.token_lasts = Some(Duration::from_secs(10));
    for who in devices.chars() {
        assert_eq!(stage.run(0, Do::SignIn(who)), [format!("{who} welcome for 10000")]);
    }
    stage
}

#[test]
fn a_session_lasts_as_long_as_its_user_token_and_no_longer() {
    let mut stage = with_tokens("a");
    assert_eq!(stage.wake_at(0), Some(10_000));
    assert!(stage.run(9_999, Do::Wake).is_empty());
    assert_eq!(stage.run(10_000, Do::Wake), ["a session expired"]);
    assert_eq!(stage.run(10_000, Do::Resume('a', 0)), ["a2 session expired"], "nobody goes on with it");
    assert_eq!(stage.run(10_001, Do::SignIn('a')), ["a3 welcome for 10000"]);
}

#[test]
fn a_session_whose_socket_is_lost_is_resumed_while_its_user_token_is_good() {
    let mut stage = with_tokens("a");
    stage.run(9_000, Do::Lose('a'));
    assert_eq!(stage.run(9_999, Do::Resume('a', 0)), ["a2 resumed"]);
    stage.run(9_999, Do::Lose('a'));
    assert_eq!(stage.run(10_000, Do::Resume('a', 0)), ["a3 session expired"]);
}

#[test]
fn another_user_token_takes_the_place_of_the_first() {
    let mut stage = with_tokens("a");
    assert_eq!(stage.run(9_999, Do::RenewToken('a', 'a', 5_000)), ["a renewed for 5000"]);
    assert!(stage.run(14_998, Do::Wake).is_empty());
    assert_eq!(stage.run(14_999, Do::Wake), ["a session expired"]);
    assert!(stage.run(15_000, Do::RenewToken('a', 'a', 5_000)).is_empty(), "there is no session on that socket any more");
}

#[test]
fn a_token_of_another_user_and_one_beside_an_api_key_renew_nothing() {
    let mut stage = with_tokens("a");
    assert_eq!(stage.run(0, Do::RenewToken('a', 'x', 50_000)), ["a not renewed ERR_APIKEY_REQUIRED"]);
    assert_eq!(stage.run(10_000, Do::Wake), ["a session expired"]);
    let mut in_production = with_tokens("p");
    assert_eq!(in_production.run(0, Do::RenewToken('p', 'x', 50_000)), ["p not renewed ERR_PRODUCTION_FIELD_REQUIRED"]);
    let mut by_key = Stage::with("a");
    assert_eq!(by_key.run(0, Do::RenewToken('a', 'a', 5_000)), ["a not renewed ERR_APIKEY_REQUIRED"]);
    assert_eq!(by_key.wake_at(0), None);
}

#[test]
fn a_talk_outlives_the_user_token_of_a_side_that_signs_in_anew() {
    let mut stage = with_tokens("ax");
    for event in answered() {
        stage.run(0, event);
    }
    stage.run(5_000, Do::RenewToken('x', 'x', 600_000));
    assert_eq!(stage.run(10_000, Do::Wake), ["a session expired"]);
    assert_eq!(stage.run(12_000, Do::SignIn('a')), ["a2 welcome for 10000 caller answered x"]);
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}

#[test]
fn a_talk_ends_when_the_side_whose_user_token_has_expired_gets_no_other() {
    let mut stage = with_tokens("ax");
    for event in answered() {
        stage.run(0, event);
    }
    stage.run(5_000, Do::RenewToken('x', 'x', 600_000));
    stage.run(10_000, Do::Wake);
    assert!(stage.run(39_999, Do::Wake).is_empty());
    let told = stage.run(40_000, Do::Wake);
    assert!(told.contains(&"x #3 ended RemoteNetworkLoss".to_owned()), "{told:?}");
}

#[test]
fn a_token_whose_key_is_not_registered_any_more_is_as_if_it_had_expired() {
    let mut stage = with_tokens("ax");
    for event in answered() {
        stage.run(0, event);
    }
    stage.token_key = TokenKeyId(2);
    assert_eq!(stage.run(0, Do::RenewToken('x', 'x', 600_000)), ["x renewed for 600000"]);
    assert_eq!(stage.run(1_000, Do::UnregisterKey(1)), ["a session expired"], "the other side has another key");
    assert_eq!(stage.run(1_000, Do::Resume('a', 0)), ["a2 session expired"]);
    assert_eq!(stage.run(2_000, Do::SignIn('a')), ["a3 welcome for 10000 caller answered x"], "with a token of the next key");
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}

#[test]
fn a_talk_ends_when_a_side_has_no_token_of_the_next_key() {
    let mut stage = with_tokens("a");
    stage.token_key = TokenKeyId(2);
    stage.run(0, Do::SignIn('x'));
    for event in answered() {
        stage.run(0, event);
    }
    stage.run(0, Do::RenewToken('x', 'x', 600_000));
    stage.run(1_000, Do::UnregisterKey(1));
    assert!(stage.run(30_999, Do::Wake).is_empty());
    let told = stage.run(31_000, Do::Wake);
    assert!(told.contains(&"x #3 ended RemoteNetworkLoss".to_owned()), "{told:?}");
}

#[test]
fn a_token_that_was_verified_just_before_its_key_was_taken_away_lets_nobody_in() {
    let mut stage = with_tokens("a");
    stage.token_key = TokenKeyId(2);
    stage.run(0, Do::UnregisterKey(2));
    assert_eq!(stage.run(0, Do::SignIn('x')), ["x refused ERR_APIKEY_REQUIRED", "x close"]);
    assert_eq!(stage.run(0, Do::RenewToken('a', 'a', 50_000)), ["a not renewed ERR_APIKEY_REQUIRED"]);
    assert_eq!(stage.run(10_000, Do::Wake), ["a session expired"], "the first token is as good as before");
}

#[test]
fn a_user_who_is_blocked_is_signed_out_everywhere_and_cannot_be_reached() {
    check(vec![
        Row {
            name: "on every device",
            devices: "axy",
            given: vec![],
            when: Do::BlockUser('x'),
            then: &["x refused ERR_CONTACT_REGISTRATION_FAILED", "x close", "y refused ERR_CONTACT_REGISTRATION_FAILED", "y close"],
        },
        Row {
            name: "who is called",
            devices: "ax",
            given: vec![Do::BlockUser('x')],
            when: Do::Ask('a', call()),
            then: &["a ERR_CONTACT_NOT_REACHABLE"],
        },
        Row {
            name: "who signs in",
            devices: "a",
            given: vec![Do::BlockUser('x')],
            when: Do::SignIn('x'),
            then: &["x refused ERR_CONTACT_REGISTRATION_FAILED", "x close"],
        },
        Row {
            name: "and let in again",
            devices: "a",
            given: vec![Do::BlockUser('x'), Do::UnblockAll],
            when: Do::SignIn('x'),
            then: &["x welcome"],
        },
        Row {
            name: "in one environment, not in the other",
            devices: "a",
            given: vec![Do::BlockUser('x')],
            when: Do::SignIn('p'),
            then: &["p welcome"],
        },
    ]);
}

#[test]
fn a_blocked_user_who_is_expected_back_after_a_start_is_waited_for_no_more() {
    let mut stage = Stage::with("ax");
    for event in answered() {
        stage.run(0, event);
    }
    stage.restart_service(1_000);
    stage.run(1_000, Do::SignIn('a'));
    let told = stage.run(1_000, Do::BlockUser('x'));
    assert!(told.contains(&"a2 #1 ended HungUp".to_owned()), "{told:?}");
}
