//! What becomes of devices whose right to be here is withdrawn.

use signedcall_wire::EndReason;

use super::arrows::{Row, after, answered, check, placed};
use super::stage::{Do, Stage, call};

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
fn a_user_whose_other_device_has_another_key_is_called_there() {
    let mut stage = Stage::with("axy");
    for event in after(placed(), [Do::RevokeKey('x')]) {
        stage.run(0, event);
    }
    let told = stage.run(0, Do::Ask('a', super::stage::hang_up(EndReason::Cancelled)));
    assert!(told.contains(&"y #2 ended Cancelled".to_owned()), "{told:?}");
}
