//! A row for each arrow of the diagram in `hub/mod.rs`, and for what crosses on the wire.

use signedcall_wire::{EndReason, Request};

use super::stage::{BACK, Do, Stage, accept, call, call_to, connected, decline, hang_up, hold, ringing, signal};

pub(super) struct Row {
    pub(super) name: &'static str,
    /// Who is signed in.
    pub(super) devices: &'static str,
    pub(super) given: Vec<Do>,
    pub(super) when: Do,
    pub(super) then: &'static [&'static str],
}

/// Checks rows in which everything happens at the same millisecond.
pub(super) fn check(rows: Vec<Row>) {
    for Row { name, devices, given, when, then } in rows {
        let mut stage = Stage::with(devices);
        for event in given {
            stage.run(0, event);
        }
        assert_eq!(stage.run(0, when), then, "{name}");
    }
}

pub(super) fn placed() -> Vec<Do> {
    vec![Do::Ask('a', call()), Do::Recorded]
}

pub(super) fn answered() -> Vec<Do> {
    [placed(), vec![Do::Ask('x', ringing()), Do::Ask('x', accept())]].concat()
}

pub(super) fn after(given: Vec<Do>, more: impl IntoIterator<Item = Do>) -> Vec<Do> {
    given.into_iter().chain(more).collect()
}

#[test]
fn a_call_is_written_down_before_it_rings() {
    use EndReason::{Cancelled, HungUp};
    check(vec![
        Row { name: "call → Recording", devices: "ax", given: vec![], when: Do::Ask('a', call()), then: &["open record"] },
        Row {
            name: "Recording → Ringing, on every device",
            devices: "axy",
            given: vec![Do::Ask('a', call())],
            when: Do::Recorded,
            then: &["a ok", "x #1 invite 35000", "y #1 invite 35000"],
        },
        Row {
            name: "Recording → no record, of an id that is taken",
            devices: "ax",
            given: vec![Do::Ask('a', call())],
            when: Do::RecordFailed,
            then: &["a ERR_FAILURE_IN_MAKE_CALL"],
        },
        Row {
            name: "Recording → no record, in a store that cannot be written to",
            devices: "ax",
            given: vec![Do::Ask('a', call())],
            when: Do::StoreFailed,
            then: &["a ERR_SERVER_FAILURE"],
        },
        Row { name: "a store that fails once the call is placed", devices: "ax", given: placed(), when: Do::StoreFailed, then: &[] },
        Row { name: "a record without a call", devices: "ax", given: vec![], when: Do::Recorded, then: &[] },
        Row {
            name: "hanging up while recording waits for the record",
            devices: "ax",
            given: vec![Do::Ask('a', call())],
            when: Do::Ask('a', hang_up(HungUp)),
            then: &[],
        },
        Row {
            name: "Recording → closed",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::Ask('a', hang_up(Cancelled))],
            when: Do::Recorded,
            then: &["close record Cancelled", "a ok", "a ok", "a #1 ended Cancelled"],
        },
        Row {
            name: "signing out while recording",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::Ask('a', Request::Logout)],
            when: Do::Recorded,
            then: &["close record Cancelled"],
        },
        Row {
            name: "the callee signs out while recording",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::Ask('x', Request::Logout)],
            when: Do::Recorded,
            then: &["close record RemoteNetworkLoss", "a ERR_CONTACT_NOT_REACHABLE"],
        },
        Row { name: "a second outcome of the record", devices: "ax", given: placed(), when: Do::RecordFailed, then: &[] },
    ]);
}

#[test]
fn a_call_that_cannot_be_placed_is_refused_and_leaves_no_record() {
    let calls_back = |to| Do::Ask(to, call_to(BACK, 'a'));
    check(vec![
        Row { name: "oneself", devices: "axy", given: vec![], when: Do::Ask('y', call()), then: &["y ERR_CAN_NOT_CALL_SELF"] },
        Row { name: "nobody there", devices: "a", given: vec![], when: Do::Ask('a', call()), then: &["a ERR_CONTACT_NOT_REACHABLE"] },
        Row {
            name: "somebody there in the other environment only",
            devices: "ap",
            given: vec![],
            when: Do::Ask('a', call()),
            then: &["a ERR_CONTACT_NOT_REACHABLE"],
        },
        Row {
            name: "a second call",
            devices: "axo",
            given: placed(),
            when: Do::Ask('a', call_to(BACK, 'o')),
            then: &["a ERR_ONGOING_CALL"],
        },
        Row {
            name: "a second call while talking",
            devices: "axo",
            given: answered(),
            when: Do::Ask('x', call_to(BACK, 'o')),
            then: &["x ERR_ONGOING_CALL"],
        },
        Row {
            name: "glare while recording",
            devices: "ax",
            given: vec![Do::Ask('a', call())],
            when: calls_back('x'),
            then: &["x ERR_ONGOING_CALL"],
        },
        Row { name: "glare while ringing", devices: "ax", given: placed(), when: calls_back('x'), then: &["x ERR_ONGOING_CALL"] },
        Row {
            name: "calling somebody else while it rings",
            devices: "axo",
            given: placed(),
            when: Do::Ask('x', call_to(BACK, 'o')),
            then: &["open record"],
        },
        Row {
            name: "an id that somebody else uses",
            devices: "axo",
            given: placed(),
            when: Do::Ask('o', call()),
            then: &["o ERR_FAILURE_IN_MAKE_CALL"],
        },
        Row {
            name: "an id of a call that is over",
            devices: "ax",
            given: after(placed(), [Do::Ask('a', hang_up(EndReason::Cancelled))]),
            when: Do::Ask('a', call()),
            then: &["a ERR_FAILURE_IN_MAKE_CALL"],
        },
        Row {
            name: "something newer",
            devices: "a",
            given: vec![],
            when: Do::Ask('a', Request::Unknown),
            then: &["a ERR_FEATURE_NOT_AVAILABLE"],
        },
    ]);
}

#[test]
fn the_first_device_to_answer_wins() {
    check(vec![
        Row { name: "it rings", devices: "ax", given: placed(), when: Do::Ask('x', ringing()), then: &["a #1 ringing x", "x ok"] },
        Row {
            name: "it rings already",
            devices: "ax",
            given: after(placed(), [Do::Ask('x', ringing())]),
            when: Do::Ask('x', ringing()),
            then: &["x ok"],
        },
        Row { name: "somebody else's call rings", devices: "axo", given: placed(), when: Do::Ask('o', ringing()), then: &["o ok"] },
        Row {
            name: "Ringing → Answered",
            devices: "axyz",
            given: placed(),
            when: Do::Ask('y', accept()),
            then: &["a #1 answered y", "y #2 answered y", "x #2 ended AnsweredElsewhere", "z #2 ended AnsweredElsewhere", "y ok"],
        },
        Row {
            name: "too late",
            devices: "axy",
            given: after(placed(), [Do::Ask('y', accept())]),
            when: Do::Ask('x', accept()),
            then: &["x ok"],
        },
        Row { name: "twice", devices: "ax", given: answered(), when: Do::Ask('x', accept()), then: &["x ok"] },
        Row { name: "the caller answers itself", devices: "ax", given: placed(), when: Do::Ask('a', accept()), then: &["a ok"] },
        Row { name: "a stranger answers", devices: "axo", given: placed(), when: Do::Ask('o', accept()), then: &["o ok"] },
        Row {
            name: "it crosses a cancel",
            devices: "ax",
            given: after(placed(), [Do::Ask('a', hang_up(EndReason::Cancelled))]),
            when: Do::Ask('x', accept()),
            then: &["x ok"],
        },
    ]);
}

#[test]
fn a_ringing_call_ends_for_everyone_with_a_reason() {
    use EndReason::{Busy, Declined, MicrophoneRefused, ProtocolMismatch, RingTimeout};
    check(vec![
        Row {
            name: "cancelled",
            devices: "axy",
            given: placed(),
            when: Do::Ask('a', hang_up(RingTimeout)),
            then: &["close record Cancelled", "a #1 ended Cancelled", "x #2 ended Cancelled", "y #2 ended Cancelled", "a ok"],
        },
        Row {
            name: "declined by the user, for all devices",
            devices: "axy",
            given: placed(),
            when: Do::Ask('x', decline(Declined)),
            then: &["close record Declined", "a #1 ended Declined", "x #2 ended Declined", "y #2 ended DeclinedElsewhere", "x ok"],
        },
        Row {
            name: "declined by a device, and others ring on",
            devices: "axy",
            given: placed(),
            when: Do::Ask('x', decline(Busy)),
            then: &["x #2 ended Busy", "x ok"],
        },
        Row {
            name: "declined by the last device",
            devices: "axy",
            given: after(placed(), [Do::Ask('x', decline(Busy))]),
            when: Do::Ask('y', decline(MicrophoneRefused)),
            then: &["close record MicrophoneRefused", "a #1 ended MicrophoneRefused", "y #2 ended MicrophoneRefused", "y ok"],
        },
        Row {
            name: "one device does not understand the caller's",
            devices: "axy",
            given: placed(),
            when: Do::Ask('x', decline(ProtocolMismatch)),
            then: &["x #2 ended ProtocolMismatch", "x ok"],
        },
        Row {
            name: "the caller does not understand the one that has answered",
            devices: "axy",
            given: answered(),
            when: Do::Ask('a', hang_up(ProtocolMismatch)),
            then: &[
                "close record ProtocolMismatch x never connected",
                "a #3 ended ProtocolMismatch",
                "x #3 ended ProtocolMismatch",
                "a ok",
            ],
        },
        Row {
            name: "hung up by a device of the callee, which was told that it has answered",
            devices: "axy",
            given: placed(),
            when: Do::Ask('x', hang_up(EndReason::HungUp)),
            then: &[
                "a #1 answered x",
                "x #2 answered x",
                "y #2 ended AnsweredElsewhere",
                "close record HungUp x never connected",
                "a #2 ended HungUp",
                "x #3 ended HungUp",
                "x ok",
            ],
        },
        Row {
            name: "the callee signs out",
            devices: "ax",
            given: placed(),
            when: Do::Ask('x', Request::Logout),
            then: &["close record LoggedOut", "a #1 ended LoggedOut", "x #2 ended LoggedOut", "x ok", "x close"],
        },
        Row {
            name: "the caller signs out",
            devices: "ax",
            given: placed(),
            when: Do::Ask('a', Request::Logout),
            then: &["close record Cancelled", "a #1 ended Cancelled", "x #2 ended Cancelled", "a ok", "a close"],
        },
        Row { name: "declined by the caller", devices: "ax", given: placed(), when: Do::Ask('a', decline(Declined)), then: &["a ok"] },
        Row { name: "declined by a stranger", devices: "axo", given: placed(), when: Do::Ask('o', decline(Declined)), then: &["o ok"] },
        Row { name: "hung up by a stranger", devices: "axo", given: placed(), when: Do::Ask('o', hang_up(Declined)), then: &["o ok"] },
    ]);
}

#[test]
fn an_answered_call_ends_for_both_with_the_same_story() {
    use EndReason::{Cancelled, HungUp, LocalNetworkLoss, MediaSetupTooSlow};
    let talking = || after(answered(), [Do::Ask('a', connected()), Do::Ask('x', connected())]);
    check(vec![
        Row {
            name: "hung up by the caller",
            devices: "ax",
            given: talking(),
            when: Do::Ask('a', hang_up(HungUp)),
            then: &["close record HungUp x talked", "a #3 ended HungUp", "x #3 ended HungUp", "a ok"],
        },
        Row {
            name: "hung up by the callee, before both had media",
            devices: "ax",
            given: after(answered(), [Do::Ask('x', connected())]),
            when: Do::Ask('x', hang_up(HungUp)),
            then: &["close record HungUp x never connected", "a #3 ended HungUp", "x #3 ended HungUp", "x ok"],
        },
        Row {
            name: "a cancel that crossed the answer",
            devices: "ax",
            given: answered(),
            when: Do::Ask('a', hang_up(Cancelled)),
            then: &["close record HungUp x never connected", "a #3 ended HungUp", "x #3 ended HungUp", "a ok"],
        },
        Row {
            name: "a network loss is the other's remote one",
            devices: "ax",
            given: talking(),
            when: Do::Ask('x', hang_up(LocalNetworkLoss)),
            then: &["close record RemoteNetworkLoss x talked", "a #3 ended RemoteNetworkLoss", "x #3 ended LocalNetworkLoss", "x ok"],
        },
        Row {
            name: "no media",
            devices: "ax",
            given: answered(),
            when: Do::Ask('x', decline(MediaSetupTooSlow)),
            then: &[
                "close record MediaSetupTooSlow x never connected",
                "a #3 ended MediaSetupTooSlow",
                "x #3 ended MediaSetupTooSlow",
                "x ok",
            ],
        },
        Row {
            name: "a side signs out",
            devices: "ax",
            given: talking(),
            when: Do::Ask('x', Request::Logout),
            then: &["close record HungUp x talked", "a #3 ended HungUp", "x #3 ended HungUp", "x ok", "x close"],
        },
        Row {
            name: "both hang up",
            devices: "ax",
            given: after(talking(), [Do::Ask('a', hang_up(HungUp))]),
            when: Do::Ask('x', hang_up(HungUp)),
            then: &["x ok"],
        },
    ]);
}

#[test]
fn the_other_side_learns_of_a_hold_and_so_does_a_new_session() {
    let held = || after(answered(), [Do::Ask('a', hold(true))]);
    check(vec![
        Row { name: "the caller holds", devices: "ax", given: answered(), when: Do::Ask('a', hold(true)), then: &["x #3 held", "a ok"] },
        Row { name: "the callee holds", devices: "ax", given: answered(), when: Do::Ask('x', hold(true)), then: &["a #3 held", "x ok"] },
        Row { name: "twice", devices: "ax", given: held(), when: Do::Ask('a', hold(true)), then: &["a ok"] },
        Row { name: "both", devices: "ax", given: held(), when: Do::Ask('x', hold(true)), then: &["a #3 held", "x ok"] },
        Row { name: "and goes on", devices: "ax", given: held(), when: Do::Ask('a', hold(false)), then: &["x #4 resumed", "a ok"] },
        Row { name: "who is held cannot go on", devices: "ax", given: held(), when: Do::Ask('x', hold(false)), then: &["x ok"] },
        Row { name: "before the answer", devices: "ax", given: placed(), when: Do::Ask('a', hold(true)), then: &["a ok"] },
        Row { name: "a stranger", devices: "axo", given: answered(), when: Do::Ask('o', hold(true)), then: &["o ok"] },
        Row {
            name: "a new session of who holds",
            devices: "ax",
            given: held(),
            when: Do::SignIn('a'),
            then: &["a close", "a2 welcome caller answered x holds"],
        },
        Row {
            name: "a new session of who is held",
            devices: "ax",
            given: held(),
            when: Do::SignIn('x'),
            then: &["x close", "x2 welcome callee answered x is held"],
        },
    ]);
}

#[test]
fn signals_go_between_the_two_sides_of_a_call_only() {
    check(vec![
        Row {
            name: "to a device that rings",
            devices: "axy",
            given: placed(),
            when: Do::Ask('a', signal('y')),
            then: &["y #2 signal a", "a ok"],
        },
        Row { name: "back", devices: "axy", given: placed(), when: Do::Ask('y', signal('a')), then: &["a #1 signal y", "y ok"] },
        Row { name: "between devices of the callee", devices: "axy", given: placed(), when: Do::Ask('x', signal('y')), then: &["x ok"] },
        Row { name: "from a stranger", devices: "axo", given: placed(), when: Do::Ask('o', signal('x')), then: &["o ok"] },
        Row {
            name: "to a device that lost",
            devices: "axy",
            given: after(placed(), [Do::Ask('x', accept())]),
            when: Do::Ask('a', signal('y')),
            then: &["a ok"],
        },
        Row { name: "before it rings", devices: "ax", given: vec![Do::Ask('a', call())], when: Do::Ask('a', signal('x')), then: &["a ok"] },
    ]);
}
